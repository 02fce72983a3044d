"""How a page leaves: rendered in its frame, as a problem, or as a redirect."""

from dataclasses import dataclass, replace
from typing import Any

from flask import make_response, redirect
from flask_wtf.csrf import generate_csrf

from ..core.secret import Secret, derived
from ..core.templating import url_for
from ..infisical.errors import InfisicalError
from .problems import HERE, Action, Attempt, Problem, problem_named, problem_words
from .redirects import return_url
from .scopes import Scope
from .services import Page, Principal, current_auth, has_own_rights, record, services

CSRF_SESSION_KEY = "connect_csrf"
"""A name of its own: a host's app may keep a token in the same session, and signs it with another key."""


_GONE = {".list": "deleted", ".syncs": "deleted-sync", ".native": "deleted-native"}
"""What each list reads in its address as signed for."""


def csrf_key(key: Secret) -> str:
    """What one of the server's keys signs the token of forms with."""
    return derived(key, purpose="forgery").reveal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What stands round every page. `sandbox` is what the sandbox promises of the network, "" with a real Infisical."""

    sandbox: str
    host: str
    person: str | None = None
    sign_out_url: str | None = None

    @property
    def token(self) -> str:
        """Goes into every form that posts, as `csrf_token`. Made only where a form asks for it: a page without one
        begins no session, least of all the refusal of what another site posts. Browsers send that without the session
        they hold, and would put the new one in its place."""
        key = csrf_key(services().secret_keys[0])
        return str(generate_csrf(secret_key=key, token_key=CSRF_SESSION_KEY))


def page(
    template: str,
    *,
    scope: Scope | None = None,
    status: int = 200,
    change_url: str | None = None,
    retry_after: int | None = None,
    **context: Any,
) -> Page:
    """A page in its frame. `retry_after` is in seconds."""
    running, auth = services(), current_auth()
    frame = Frame(
        sandbox=running.settings.what_leaves if running.sandbox_info else "",
        host=running.host,
        person=auth.person.name if auth and auth.person.way_in != "this-machine" else None,
        sign_out_url=url_for(".auth.sign_out") if auth and auth.sign_in else None,
    )
    html = running.pages.render(template, frame=frame, scope=scope, change_url=change_url, **context)
    return make_response(html, status, {} if retry_after is None else {"Retry-After": str(retry_after)})


def see_other(endpoint: str, **values: str | None) -> Page:
    """A redirect that is followed with GET. Empty values are left out of the URL."""
    return redirect(url_for(endpoint, **values), code=303)


def see_gone(list_page: str, project: str, name: str, *, before: bool = False) -> Page:
    """A redirect to a list, which then says that what had this name is gone, or was gone `before`."""
    signed = services().sign([name, before], purpose=_GONE[list_page])
    return see_other(list_page, project=project, done=signed)


def problem(
    name: str,
    *,
    status: int | None = None,
    actions: tuple[Action, ...] = (),
    retry_after: int | None = None,
    **values: str,
) -> Page:
    """The page of the problem that has this name in the catalogue. `values` stand in its words; `status` and `actions`
    replace its own. `retry_after` is in seconds."""
    shown = problem_named(name, own_rights=has_own_rights(), retry_after=retry_after, **values)
    return _page_of(shown, status=status, actions=actions)


def deny(
    name: str, *, person: Principal | None = None, actions: tuple[Action, ...] = (), **values: str
) -> Page:
    """The page for somebody who may not come in or may not do it, once that is in the audit log. See `problem`."""
    record("refusal", name.partition("/")[0], person=person)
    return problem(name, status=None, actions=actions, retry_after=None, **values)


def problem_of(
    error: InfisicalError,
    *,
    scope: Scope | None,
    attempt: Attempt | None = None,
    actions: tuple[Action, ...] = (),
    note: str = "",
) -> Page:
    """The page for an error of Infisical's. `actions` replace its own, `note` stands below where it has none.

    `attempt` is what was tried, None when a page only read.
    """
    host, own_rights = services().host, has_own_rights()
    shown = problem_words(error, host=host, own_rights=own_rights, scope=scope, attempt=attempt)
    return _page_of(shown, scope=scope, actions=actions, note=shown.note or note)


def _page_of(shown: Problem, *, scope: Scope | None = None, **instead: Any) -> Page:
    """The page of a problem, with what is not empty `instead` of its own."""
    shown = replace(shown, **{name: value for name, value in instead.items() if value})
    shown = replace(shown, actions=tuple(map(_with_address, shown.actions)))
    return page(
        "problem.html", scope=scope, status=shown.status, retry_after=shown.retry_after, problem=shown
    )


def _with_address(action: Action) -> Action:
    if action.href == HERE:
        return action._replace(href=return_url())
    return action._replace(href=url_for(action.href)) if action.href.startswith(".") else action
