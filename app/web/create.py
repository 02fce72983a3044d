"""The steps to a new connection: the guide to its credential, the form, and its submission."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Literal

from flask import g, make_response, request
from werkzeug.exceptions import NotFound as NotFoundPage

from ..connectors import App, CheckResult, Message
from ..core.audit import Action as AuditAction
from ..core.http import Deadline
from ..core.limits import RetryAfter
from ..core.templating import iso, url_for
from ..core.text import counted
from ..infisical.client import Infisical
from ..infisical.errors import InfisicalError, NameTaken, NoAnswer, Refused
from ..infisical.models import Connection, NewConnection
from .detail import Creation, see_created
from .fields import LONGEST_NAME, form_fields, slug_of
from .forms import ConnectionForm
from .hooks import blueprint, mended_by_signing_in
from .lists import in_a_project
from .pending import is_the_one_sent
from .problems import Action, field_messages, result_of
from .redirects import LONGEST_PROJECT_ID, asked_project, return_url, typed_values
from .render import page, problem_of, see_other
from .scopes import ORGANIZATION, Scope, scope_in_hand
from .services import Page, current_auth, record, services


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a submission does at Infisical. `limit` is what it counts as, `undone` and `nothing_happened` say that it was
    not done, `send` does it, once, within the deadline."""

    limit: Literal["create"]
    audit_action: AuditAction
    undone: str
    nothing_happened: str
    send: Callable[[Infisical, NewConnection, Deadline], Connection]


CREATE = Operation(
    limit="create",
    audit_action="create",
    undone="Not created",
    nothing_happened="Nothing was created.",
    send=lambda infisical, new, deadline: infisical.create(new, deadline=deadline),
)


@blueprint.get("/connections/new/<connected_app:app>/token")
@in_a_project
def token(scope: Scope, app: App) -> Page:
    kept = typed_values(request.args)
    return page(
        "connections/token.html",
        scope=scope,
        change_url=url_for(".projects", project=scope.key, then="token", **kept, app=app.slug),
        app=app,
        next_url=url_for(".form", app=app.slug, project=scope.key, **kept),
        choose_url=url_for(".choose", project=scope.key),
    )


@blueprint.get("/connections/new/<connected_app:app>")
@in_a_project
def form(scope: Scope, app: App) -> Page:
    return _form_page(CREATE, ConnectionForm(app, typed=typed_values(request.args)), scope=scope)


@blueprint.post("/connections/new/<connected_app:app>")
def submit(app: App) -> Page:
    filled = ConnectionForm(app, request.form)
    key = filled.project_id[:LONGEST_PROJECT_ID] or asked_project() or ""
    filled["project_id"].data = key
    if "change_project" in request.form:
        return see_other(".projects", project=key, then="form", app=app.slug, **filled.typed)
    if not key:
        return see_other(".form", app=app.slug, **filled.typed)
    # What follows, the refused page's own look-ups included, is over by then.
    g.connect_deadline = services().deadline()
    for row in app.fields:
        if f"use_{row.name}" in request.form:
            filled.put(row.name, request.form[f"use_{row.name}"])
            filled.check_rows((row,))
            return _form_page(CREATE, filled)
    if "check" in request.form:
        return _checked(CREATE, filled)
    if "validate" in request.form:
        return _one_field(filled, request.form["validate"])
    return submitted(CREATE, filled)


def submitted(operation: Operation, filled: ConnectionForm) -> Page:
    """From what was typed to the page that says how it ended: checked, counted, asked about, sent once."""
    new = filled.check(
        use_anyway=request.form.get("use_anyway") == "1", warnings_shown=request.form.getlist("warned")
    )
    if new is None:
        return _form_page(operation, filled, status=422)
    if wait := _hit(operation.limit):
        return _too_many(operation, filled, wait, new=new)
    filled.checks, holder = _ask_before(filled, new)
    stops = filled.checks is not None and filled.checks.stops
    # Who learns what the app says of a credential, though no connection holds it, has used a check. Where it is not
    # checked from here, Infisical's refusal tells.
    if (filled.checks is None or stops or holder is not None) and (wait := _hit("check")):
        return _too_many(operation, filled, wait, new=new)
    if holder is not None:
        return _name_is_taken(operation, filled, new, holder, NameTaken(""))
    if stops:
        _record(operation, new, "stopped-by-checks")
        filled.add_messages(_what_stops(operation, filled))
        return _form_page(operation, filled, status=422)
    return _sent(operation, filled, new)


def _sent(operation: Operation, filled: ConnectionForm, new: NewConnection) -> Page:
    """Sends it, once, and says how that ended."""
    since = services().clock()
    try:
        made = operation.send(services().infisical, new, _deadline())
    except NoAnswer as silence:
        record("outcome-unknown", "no-answer", project=_key(new), connection_name=new.name, error=silence)
        waited = str(round((services().clock() - since).total_seconds()))
        return see_other(".outcome", **_address(filled), since=iso(since), waited=waited)
    except NameTaken as taken:
        return _name_is_taken(operation, filled, new, _connection_named(new), taken)
    except InfisicalError as error:
        _record(operation, new, result_of(error), error=error)
        return _refused_by_infisical(operation, filled, error, since=since)
    except Exception:
        record("outcome-unknown", "fault", project=_key(new), connection_name=new.name)
        raise
    record(operation.audit_action, "ok", project=_key(new), connection=made)
    return _created(filled, made)


def _deadline() -> Deadline:
    """When the submission in hand must be over."""
    deadline: Deadline = g.connect_deadline
    return deadline


def _hit(limit: Literal["create", "check"]) -> RetryAfter | None:
    """Counts one use by this person and from this address; how long to wait where there were too many."""
    auth = current_auth()
    person = auth.person.subject if auth else None
    return services().limits.hit(limit, person=person, address=request.remote_addr)


def _key(new: NewConnection) -> str:
    return new.project_id or ORGANIZATION


def _address(filled: ConnectionForm) -> dict[str, str]:
    """What an address says so that the form can be filled in again."""
    return {"app": filled.app.slug, "project": filled.project_id, **filled.typed}


def _record(
    operation: Operation, new: NewConnection, result: str, *, error: InfisicalError | None = None
) -> None:
    """Writes down that it was not done, and why."""
    record(operation.audit_action, result, project=_key(new), connection_name=new.name, error=error)


def _ask_before(filled: ConnectionForm, new: NewConnection) -> tuple[CheckResult | None, Connection | None]:
    """What the app says of the credential, and the connection that has the name, both asked at the same time.

    What could not be asked is None: the operation asks Infisical the same, and it decides.
    """
    check = _check_of(filled)
    if check is None:
        return None, None
    asking = services().threads.submit(check)
    holder = _connection_named(new)
    return asking.result(), holder


def _check_of(filled: ConnectionForm) -> Callable[[], CheckResult] | None:
    """What asks the app about the credential; None where it is not asked from here."""
    checks, check = services().checks, filled.app.check
    if checks is None or check is None:
        return None
    return partial(check, checks, filled.values, _deadline().remaining())


def _connection_named(new: NewConnection) -> Connection | None:
    try:
        return services().infisical.connection_named(
            new.app, new.name, project_id=new.project_id, deadline=_deadline()
        )
    except InfisicalError:
        return None


def _created(filled: ConnectionForm, connection: Connection) -> Page:
    reaches = len(filled.checks.projects) + filled.checks.more if filled.checks else 0
    return see_created(
        filled.app, connection, Creation(reaches=reaches), expires_on=filled.values["expires_on"]
    )


def _what_stops(operation: Operation, filled: ConnectionForm) -> tuple[tuple[str | None, Message], ...]:
    """What checks that stop a submission say: at the credential, or of the form where the app asks to wait.

    That stops too, because Infisical would store a token that was never accepted (recorded exchange
    slow-429-forever).
    """
    checks = filled.checks
    if checks is None or checks.kind_of_stop is None:
        return ()
    if checks.kind_of_stop == "rate-limited":
        lead = f"{filled.app.name} asks to wait {counted(checks.retry_after or 60, 'second')}."
        detail = "It has had too many requests for now and cannot check the token."
        return ((None, Message("error", lead, f"{detail} {operation.nothing_happened}")),)
    reason = "token-refused" if checks.kind_of_stop == "refused" else "token-lacks-permission"
    ((field, message),) = field_messages(Refused("", reason=reason), filled.app)
    advice = next(row.advice for row in checks.rows if row.state == "failed")
    return ((field, replace(message, detail=f"{advice} {operation.nothing_happened}")),)


def _name_is_taken(
    operation: Operation,
    filled: ConnectionForm,
    new: NewConnection,
    holder: Connection | None,
    taken: NameTaken,
) -> Page:
    """A name that this very form's connection has leads there; any other is refused."""
    served = services().unsign(filled["served"].data or "", purpose="served")
    # It was sent twice: by a double click, Reload or Back.
    if served and holder and holder.created_at.timestamp() >= served and is_the_one_sent(holder, new):
        record(operation.audit_action, "made-before", project=_key(new), connection=holder)
        return _created(filled, holder)
    _record(operation, new, result_of(taken), error=taken)
    ((field, message),) = field_messages(taken, filled.app)
    if free := _free_name(new):
        filled["name"].data = free
        message = replace(
            message,
            detail=f"{free} is free and is filled in for you. Keep it or choose another.",
            summary=f"{new.name} exists here; use {free}, which is filled in for you",
        )
    filled.add_messages(((field, message), *_what_stops(operation, filled)))
    filled.request_id = taken.request_id
    return _form_page(operation, filled, status=422)


def _free_name(new: NewConnection) -> str | None:
    """The first of name-2, name-3, … that no connection has here; None where Infisical does not tell."""
    try:
        known = services().infisical.connections(new.project_id, deadline=_deadline())
    except InfisicalError:
        return None
    taken = {connection.name for connection in known}
    candidates = (f"{new.name[: LONGEST_NAME - 5].rstrip('-')}-{number}" for number in range(2, 1000))
    return next((name for name in candidates if name not in taken), None)


def _refused_by_infisical(
    operation: Operation, filled: ConnectionForm, error: InfisicalError, *, since: datetime
) -> Page:
    if mended_by_signing_in(error):
        # It clears no cookie: by the time of a late answer the browser may hold another sign-in.
        auth = current_auth()
        return see_other(
            ".auth.sign_in", next=return_url(), ended="1", refused=auth.sign_in if auth else None
        )
    if messages := field_messages(error, filled.app):
        filled.add_messages(messages)
        filled.request_id = error.request_id
        return _form_page(operation, filled, status=422)
    again = Action("Back to the form", url_for(".form", **_address(filled)), primary=error.nothing_happened)
    if error.nothing_happened:
        other = Action("Back to App Connections", url_for(".list", project=filled.project_id))
        actions = (again, other)
    else:
        look = url_for(".outcome", **_address(filled), since=iso(since))
        actions = (Action("Look whether it was created", look, primary=True), again)
    return problem_of(
        error,
        scope=_scope_or_none(filled),
        creating=filled.values["name"],
        actions=actions,
        note=f"The form comes back with everything you entered but the {filled.app.secret.word}, which is kept nowhere.",
    )


def _scope_or_none(filled: ConnectionForm) -> Scope | None:
    """The scope for the frame of a page that must appear even when Infisical cannot be asked for it."""
    try:
        return scope_in_hand(filled.project_id, deadline=_deadline())
    except InfisicalError:
        return None


def _too_many(
    operation: Operation, filled: ConnectionForm, wait: RetryAfter, *, new: NewConnection | None = None
) -> Page:
    if new is None:
        record("refusal", "too-many-checks", project=filled.project_id)
    else:
        _record(operation, new, "too-many")
    many = "were too many from your address" if wait.key == "address" else "were many in a short time"
    lead = f"Wait {counted(wait.seconds, 'second')} before the next try."
    filled.add_messages(((None, Message("error", lead, f"There {many}. {operation.nothing_happened}")),))
    answer = _form_page(operation, filled, status=429)
    answer.headers["Retry-After"] = str(wait.seconds)
    return answer


def _checked(operation: Operation, filled: ConnectionForm) -> Page:
    """The form with what the app says of the credential, after "Check this token": nothing is created."""
    if not filled.check_credentials():
        return _form_page(operation, filled, status=422)
    if wait := _hit("check"):
        return _too_many(operation, filled, wait)
    if check := _check_of(filled):
        filled.checks = check()
    return _form_page(operation, filled)


def _one_field(filled: ConnectionForm, name: str) -> Page:
    """One field with its messages, for the script that asks when a field is left."""
    filled.check(use_anyway=False, warnings_shown=())
    field = next((field for field in filled.shown if field.name == name), None)
    if field is None:
        raise NotFoundPage
    return make_response(services().pages.render("connections/field.html", field=field, app=filled.app))


def _form_page(
    operation: Operation, filled: ConnectionForm, *, scope: Scope | None = None, status: int = 200
) -> Page:
    running, app = services(), filled.app
    scope = scope or _scope_or_none(filled)
    key = scope.key if scope else filled.project_id
    filled["project_id"].data = key
    filled["served"].data = running.sign(running.clock().timestamp(), purpose="served")
    errors, warnings = filled.messages("error"), filled.messages("warning")
    in_order = not filled.checks and not errors and not warnings
    wrong_kind = any(message.key == "wrong-kind" for message in errors)
    place = (
        "shared" if scope and scope.is_organization else slug_of(scope.name)[:50].rstrip("-") if scope else ""
    )
    return page(
        "connections/form.html",
        scope=scope,
        status=status,
        app=app,
        form=filled,
        required=[row.word for row in form_fields(app) if row.missing],
        undone=operation.undone,
        warnings=warnings,
        project_id=key,
        may_check=running.checks is not None and app.check is not None,
        suggested_name=f"{place}-{app.slug}" if place else "",
        served_at=running.clock(),
        token_note=request.method == "POST",
        sandbox_token=running.sandbox_info.token if running.sandbox_info else None,
        # The help that opens: where the token is, what else was pasted, or none that would be in the way.
        help_open="wrong" if wrong_kind else "token" if in_order else None,
    )
