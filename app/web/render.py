"""How a page leaves: rendered in its frame, as a problem, or as a redirect, and which project is in hand."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import g, make_response, redirect, request, session

from ..connectors import Kind, secret_in, without_user
from ..core.templating import url_for
from ..infisical import Deadline, InfisicalError, NotAMember, NotFound
from .auth_context import Page, current_auth
from .csrf import page_token
from .fields import form_fields
from .problems import HERE, Action, Problem, Situation, problem_named, problem_page
from .scopes import Scope, scope_named
from .services import services

LONGEST_PROJECT_ID = 100
"""Characters. Infisical's are UUIDs, of 36."""

_REMEMBERED = "connect.project"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What stands round every page. `sandbox` is what the sandbox promises of the network, "" with a real Infisical."""

    sandbox: str
    host: str
    project_name: str | None
    change_url: str | None
    person: str | None = None
    sign_out_url: str | None = None

    @property
    def token(self) -> str:
        """Goes into every form that posts (see `forgery`).

        Made only where a form asks for it: a page without one begins no session, least of all the refusal of what
        another site posts. Browsers send that without the session they hold, and would put the new one in its place.
        """
        return page_token()


def page(
    template: str, *, scope: Scope | None, status: int = 200, change_url: str | None = None, **context: Any
) -> Page:
    """A page in its frame."""
    running = services()
    held = current_auth()
    frame = Frame(
        sandbox=running.sandbox_info.what_leaves if running.sandbox_info else "",
        host=running.host,
        project_name=scope.name if scope else None,
        change_url=change_url if scope else None,
        person=held.person.name if held and held.person.way_in != "this-machine" else None,
        sign_out_url=url_for(".sign_out") if held and held.may_sign_out else None,
    )
    return make_response(running.pages.render(template, frame=frame, **context), status)


def fragment(template: str, **context: Any) -> Page:
    """A part of a page, for a script that puts it in place."""
    return make_response(services().pages.render(template, **context))


def problem(
    shown: Problem | str,
    *,
    scope: Scope | None = None,
    status: int | None = None,
    actions: tuple[Action, ...] = (),
    retry_after: int | None = None,
    **values: str,
) -> Page:
    """The page of a problem, which the catalogue names; `values` stand in its words, `actions` replace its own."""
    if isinstance(shown, str):
        shown = problem_named(shown, own_rights=has_own_rights(), retry_after=retry_after, **values)
    led = tuple(action._replace(href=_address(action.href)) for action in actions or shown.actions)
    shown = replace(shown, actions=led)
    response = page("problem.html", scope=scope, status=status or shown.status, problem=shown)
    if shown.retry_after is not None:
        response.headers["Retry-After"] = str(shown.retry_after)
    return response


def _address(href: str) -> str:
    """Where an action leads: to an address, to the page with an endpoint, or to the page that is asked for."""
    if href == HERE:
        return here() if request.method == "GET" else url_for(".index")
    return url_for(href) if href.startswith(".") else href


def has_own_rights() -> bool:
    """Whether the person acts with rights of their own at Infisical, and not with the server's."""
    held = current_auth()
    return held is not None and held.own_rights


def problem_words(error: InfisicalError, *, host: str) -> Problem:
    """What a page says of an error while nobody has come in yet."""
    return problem_page(error, Situation(scope=None, host=host, when=services().clock(), own_rights=True))


def problem_of(
    error: InfisicalError,
    *,
    scope: Scope | None,
    creating: str | None = None,
    actions: tuple[Action, ...] = (),
    note: str = "",
) -> Page:
    """The page for an error of Infisical's; `note` stands under its actions where it has none of its own."""
    running = services()
    app = (request.view_args or {}).get("app")
    situation = Situation(
        scope=scope,
        key=asked_project(),
        host=running.host,
        when=running.clock(),
        creating=creating,
        app_name=app.name if app else "the app",
        own_rights=has_own_rights(),
    )
    shown = problem_page(error, situation)
    return problem(replace(shown, note=shown.note or note), scope=scope, actions=actions)


def here() -> str:
    """The address of this very page, with what a URL of ours may say."""
    places = {name: str(value) for name, value in (request.view_args or {}).items()}
    return url_for(str(request.endpoint), **{**carried_values(request.args), **places})


def see_other(endpoint: str, **values: str | None) -> Page:
    """A redirect that is followed with GET. Empty values are left out of the URL."""
    return redirect(url_for(endpoint, **values), code=303)


def remembered_project() -> str | None:
    """The project in hand when none is named: the one last opened, else the one the settings preselect."""
    known = session.get(_REMEMBERED)
    return known if isinstance(known, str) else services().project_id


def scope_in_hand(key: str, *, deadline: Deadline | None = None) -> Scope:
    """The scope that a URL names; it is remembered once Infisical has shown it to us."""
    try:
        scope = scope_named(key, services().infisical, deadline=deadline)
    except (NotAMember, NotFound):
        session.pop(_REMEMBERED, None)
        raise
    if session.get(_REMEMBERED) != scope.key:
        session[_REMEMBERED] = scope.key
    g.connect_scope = scope
    return scope


def first_project() -> str | None:
    """The first project by name that Infisical shows us, None where there is none."""
    projects = services().infisical.projects()
    return projects[0].id if projects else None


def asked_project() -> str | None:
    """The project that the URL names, None where it names none."""
    key = request.args.get("project", "").strip()
    return key[:LONGEST_PROJECT_ID] or None


_CARRIED = (
    "project",
    "app",
    "q",
    "page",
    "all",
    "then",
    "since",
    "waited",
    "looked",
    "stop",
    "created",
)


def carried_values(source: Mapping[str, str]) -> dict[str, str]:
    """What a URL of ours may say, so that a page can link to itself.

    Nothing else is carried on: Flask's url_for reads some names (`_external`, `_scheme`) as orders of its own, and a
    secret that somebody put in a link must not travel.
    """
    return _fit(source, (*_typed(), *_CARRIED))


def typed_values(source: Mapping[str, str]) -> dict[str, str]:
    """What was typed in the form and travels in URLs from page to page: everything but secrets."""
    return _fit(source, tuple(_typed()))


def keep_secrets_out_of_the_address() -> Page | None:
    """A secret that stands in a link, or was pasted into a search: the same page opens at an address without it.

    Only what our pages read and say again is looked at: what a sign-in elsewhere brings back is nobody's paste.
    """
    given = request.args.items(multi=True)
    names = {*_typed(), *_CARRIED}
    held = any(name in names and _holds_a_secret(name, text) for name, text in given)
    return redirect(here(), code=303) if held else None


def _fit(source: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {
        name: source[name][:2000]
        for name in names
        if source.get(name) and not _holds_a_secret(name, source[name])
    }


def _typed() -> dict[str, Kind]:
    """The kind of each field that travels in URLs, by its name, in the forms of all apps."""
    rows = (row for app in services().apps for row in form_fields(app))
    return {row.name: row.kind for row in rows if row.carried}


def _holds_a_secret(name: str, text: str) -> bool:
    in_a_url = _typed().get(name) == "url" and without_user(text) != text.strip()
    return in_a_url or secret_in(text) is not None
