"""The form, its submission, and the page for a submission without an answer."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Literal

from flask import g, request
from werkzeug.exceptions import NotFound as NotFoundPage

from ..connectors import SUPABASE_CLOUD, TOKENS_PAGE, CheckResult, Message
from ..core.limits import RetryAfter
from ..core.templating import iso, url_for
from ..infisical import (
    Connection,
    Deadline,
    InfisicalError,
    NameTaken,
    NewConnection,
    NoAnswer,
)
from . import preflight
from .audit_events import record, result_of
from .auth_context import Page, current_auth
from .forms import ConnectionForm, SummaryLine
from .hooks import blueprint, mended_by_signing_in
from .pending_create import PendingCreate, is_the_one_sent
from .problems import NOTHING_CREATED, Action, field_messages
from .redirects import form_again
from .render import (
    LONGEST_PROJECT_ID,
    asked_project,
    fragment,
    page,
    problem_of,
    scope_in_hand,
    see_created,
    see_other,
    typed_values,
)
from .scopes import ORGANIZATION, Scope
from .services import Creation, services
from .validators import LONGEST_NAME, check_instance_url, slug_of
from .views import in_a_project

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@blueprint.get("/connections/new/supabase")
@in_a_project
def form(scope: Scope) -> Page:
    kept = typed_values(request.args)
    return _form_page(
        ConnectionForm(formdata=None, data={"instance_url": SUPABASE_CLOUD, **kept}), scope=scope
    )


@blueprint.post("/connections/new/supabase")
def submit() -> Page:
    filled = ConnectionForm(request.form)
    filled.project_id.data = (
        (filled.project_id.data or "").strip()[:LONGEST_PROJECT_ID] or asked_project() or ""
    )
    if "change_project" in request.form:
        return see_other(".projects", project=filled.project_id.data, then="form", **filled.typed)
    if not filled.project_id.data:
        return see_other(".form", **filled.typed)
    # What follows, the refused page's own look-ups included, is over by then.
    g.connect_deadline = services().deadline()
    for name, answer in _OTHER_BUTTONS.items():
        if name in request.form:
            return answer(filled)
    return _submitted(filled)


def _deadline() -> Deadline:
    """When the submission in hand must be over."""
    deadline: Deadline = g.connect_deadline
    return deadline


def _submitted(filled: ConnectionForm) -> Page:
    new = filled.check(
        trusted=services().trusted_hosts,
        today=services().clock().date(),
        use_anyway=request.form.get("use_anyway") == "1",
        warnings_shown=request.form.getlist("warned") or None,
    )
    if new is None or filled.read_url is None:
        return _refused(filled)
    wait = _spend("create")
    if wait is not None:
        _record(new, "too-many")
        return _too_many(filled, wait)
    answers = preflight.ask(services(), new, url=filled.read_url, deadline=_deadline())
    if _tells_of_the_token(answers):
        # That is a check by another button.
        wait = _spend("check")
        if wait is not None:
            _record(new, "too-many")
            return _too_many(filled, wait)
    if answers.taken is not None:
        return _name_is_taken(filled, new, answers.taken, NameTaken(""), checks=answers.checks)
    if answers.checks is not None and answers.checks.stops:
        _record(new, "stopped-by-checks")
        return _stopped_by_checks(filled, answers.checks)
    return _create(filled, new, checks=answers.checks)


def _tells_of_the_token(answers: preflight.Answers) -> bool:
    """Whether the page may say what Supabase says of the token although no connection holds it. Where we do not check
    it, Infisical's refusal of the create does."""
    if answers.checks is None:
        return answers.taken is None
    return answers.taken is not None or answers.checks.stops


def _create(filled: ConnectionForm, new: NewConnection, *, checks: CheckResult | None) -> Page:
    since = services().clock()
    try:
        made = services().infisical.create(new, deadline=_deadline())
    except NoAnswer as silence:
        record("outcome-unknown", "no-answer", project=_key(new), connection_name=new.name, error=silence)
        return _unknown(filled, new, since=since)
    except NameTaken as taken:
        holder = _connection_of_that_name(new)
        return _name_is_taken(filled, new, holder, taken, checks=checks)
    except InfisicalError as error:
        _record(new, result_of(error), error=error)
        if mended_by_signing_in(error):
            # It clears no cookie: by the time of a late answer the browser may hold another sign-in.
            held = current_auth()
            return see_other(
                ".sign_in", next=form_again(filled), ended="1", refused=held.sign_in if held else None
            )
        return _refused_by_infisical(filled, error, checks=checks, since=since)
    except Exception:
        record("outcome-unknown", "fault", project=_key(new), connection_name=new.name)
        raise
    record("create", "ok", project=_key(new), connection=made)
    return _created(made, filled, checks=checks)


def _record(new: NewConnection, result: str, *, error: InfisicalError | None = None) -> None:
    """Writes down that the connection was not created, and why."""
    record("create", result, project=_key(new), connection_name=new.name, error=error)


def _key(new: NewConnection) -> str:
    return new.project_id or ORGANIZATION


def _spend(action: Literal["create", "check"]) -> RetryAfter | None:
    """Counts one use by this person and from this address; how long to wait where there were too many."""
    held = current_auth()
    person = held.person.subject if held else None
    return services().limits.hit(action, person=person, address=request.remote_addr)


def _too_many(filled: ConnectionForm, wait: RetryAfter) -> Page:
    unit = "second" if wait.seconds == 1 else "seconds"
    whose = (
        "There were too many from your address."
        if wait.key == "address"
        else "There were many in a short time."
    )
    message = Message(
        "error", f"Wait {wait.seconds} {unit} before the next try.", f"{whose} {NOTHING_CREATED}"
    )
    answer = _refused(filled, general=(message,), status=429)
    answer.headers["Retry-After"] = str(wait.seconds)
    return answer


def _created(connection: Connection, filled: ConnectionForm, *, checks: CheckResult | None = None) -> Page:
    reached = len(checks.projects) + checks.more if checks and checks.projects else 0
    expires_on = filled.expiry.isoformat() if filled.expiry else None
    return see_created(connection, Creation(reaches=reached), expires_on=expires_on)


def _stopped_by_checks(filled: ConnectionForm, checks: CheckResult) -> Page:
    message = preflight.message_of(checks)
    if message is None:
        return _refused(filled, general=(preflight.wait_message(checks),), checks=checks)
    filled.access_token.add_error(message)
    return _refused(filled, checks=checks)


def _name_is_taken(
    filled: ConnectionForm,
    new: NewConnection,
    holder: Connection | None,
    taken: NameTaken,
    *,
    checks: CheckResult | None,
) -> Page:
    """A name that this very form's connection has leads there; any other is refused."""
    if holder is not None and _made_by_this_form(filled, new, holder):
        record("create", "made-before", project=_key(new), connection=holder)
        return _created(holder, filled, checks=checks)
    _record(new, result_of(taken), error=taken)
    ((_, message),) = field_messages(taken)
    free = _free_name(new)
    if free is not None:
        filled.name.data = free
        message = replace(
            message,
            detail=f"{free} is free and is filled in for you. Keep it or choose another.",
            summary=f"{new.name} exists here; use {free}, which is filled in for you",
        )
    filled.name.add_error(message)
    if checks is not None and checks.stops:
        return _stopped_by_checks(filled, checks)
    return _refused(filled, request_id=taken.request_id, checks=checks)


def _free_name(new: NewConnection) -> str | None:
    """The first of name-2, name-3, … that no connection has here; None where Infisical does not tell."""
    try:
        known = services().infisical.connections(new.project_id, deadline=_deadline())
    except InfisicalError:
        return None
    taken = {connection.name for connection in known}
    candidates = (f"{new.name[: LONGEST_NAME - 5].rstrip('-')}-{number}" for number in range(2, 1000))
    return next((name for name in candidates if name not in taken), None)


def _made_by_this_form(filled: ConnectionForm, new: NewConnection, holder: Connection) -> bool:
    """Whether this form made the connection before: it was sent twice, by a double click, Reload or Back."""
    served = services().signed_moment(filled.served.data or "")
    if served is None or holder.created_at < served:
        return False
    sent = PendingCreate(
        name=new.name,
        description=new.description,
        instance_url=str(new.credentials["instanceUrl"]),
        since=served,
    )
    return is_the_one_sent(holder, sent)


def _connection_of_that_name(new: NewConnection) -> Connection | None:
    try:
        return services().infisical.connection_named(
            new.app, new.name, project_id=new.project_id, deadline=_deadline()
        )
    except InfisicalError:
        return None


def _unknown(filled: ConnectionForm, new: NewConnection, *, since: datetime) -> Page:
    return see_other(
        ".outcome",
        project=new.project_id or ORGANIZATION,
        since=iso(since),
        **filled.typed,
        waited=str(round((services().clock() - since).total_seconds())),
    )


def _refused_by_infisical(
    filled: ConnectionForm, error: InfisicalError, *, checks: CheckResult | None, since: datetime
) -> Page:
    messages = field_messages(error)
    if not messages:
        return _problem_of_submission(filled, error, since=since)
    general = []
    for field, message in messages:
        if field is None:
            general.append(message)
        else:
            filled.named(field).add_error(message)
    return _refused(filled, general=tuple(general), request_id=error.request_id, checks=checks)


def _problem_of_submission(filled: ConnectionForm, error: InfisicalError, *, since: datetime) -> Page:
    key = filled.project_id.data or ""
    scope = _scope_or_none(key)
    again = Action(label="Back to the form", href=url_for(".form", project=key, **filled.typed), primary=True)
    actions = (again, Action(label="Back to App Connections", href=url_for(".list", project=key)))
    if not error.nothing_happened:
        search = url_for(".outcome", project=key, since=iso(since), **filled.typed)
        actions = (Action(label="Look whether it was created", href=search, primary=True), _quiet(again))
    return problem_of(error, scope=scope, creating=filled.name.value, actions=actions, note=_WHAT_COMES_BACK)


_WHAT_COMES_BACK = (
    "The form comes back with everything you entered but the access token, which is kept nowhere."
)


def _quiet(action: Action) -> Action:
    return Action(label=action.label, href=action.href)


def _scope_or_none(key: str) -> Scope | None:
    """The scope for the frame of a problem page, which must appear even when Infisical cannot be asked for it."""
    try:
        return scope_in_hand(key, deadline=_deadline())
    except InfisicalError:
        return None


def _refused(
    filled: ConnectionForm,
    *,
    general: tuple[Message, ...] = (),
    request_id: str | None = None,
    checks: CheckResult | None = None,
    status: int = 422,
) -> Page:
    scope = _scope_or_none(filled.project_id.data or "")
    return _form_page(
        filled, scope=scope, status=status, general=general, request_id=request_id, checks=checks
    )


def _with_offered_url(filled: ConnectionForm) -> Page:
    filled.instance_url.put(request.form["use_instance_url"])
    filled.read_url = check_instance_url(filled.instance_url, trusted=services().trusted_hosts)
    return _form_page(filled, scope=_scope_or_none(filled.project_id.data or ""))


def _checked(filled: ConnectionForm) -> Page:
    """The form with what Supabase says of the token, after "Check this token": nothing is created."""
    filled.check_token(trusted=services().trusted_hosts)
    token = filled.access_token.data
    if filled.errors_said or filled.read_url is None or token is None:
        return _refused(filled)
    wait = _spend("check")
    if wait is not None:
        record("refusal", "too-many-checks", project=filled.project_id.data)
        return _too_many(filled, wait)
    checks = preflight.ask_supabase(services(), token, url=filled.read_url, deadline=_deadline())
    scope = _scope_or_none(filled.project_id.data or "")
    return _form_page(filled, scope=scope, checks=checks)


def _one_field(filled: ConnectionForm) -> Page:
    """One field with its messages, for the script that asks when a field is left."""
    filled.check(
        trusted=services().trusted_hosts,
        today=services().clock().date(),
        use_anyway=False,
        warnings_shown=None,
    )
    field = next((field for field in filled.shown_fields if field.id == request.form["validate"]), None)
    if field is None:
        raise NotFoundPage
    return fragment("connections/field.html", field=field)


_OTHER_BUTTONS: dict[str, Callable[[ConnectionForm], Page]] = {
    "use_instance_url": _with_offered_url,
    "check": _checked,
    "validate": _one_field,
}
"""What else the form's buttons and its script ask for, by the name that they send."""


def _form_page(
    filled: ConnectionForm,
    *,
    scope: Scope | None,
    status: int = 200,
    general: tuple[Message, ...] = (),
    request_id: str | None = None,
    checks: CheckResult | None = None,
) -> Page:
    running = services()
    key = scope.key if scope else filled.project_id.data or ""
    filled.project_id.data = key
    filled.served.data = running.sign_moment(running.clock())
    summary = (
        *(SummaryLine(None, f"{said.lead} {said.detail}".strip(), said.kind) for said in general),
        *filled.summary,
    )
    return page(
        "connections/form.html",
        scope=scope,
        status=status,
        change_url=None,
        form=filled,
        action_url=url_for(".form", project=key),
        project_name=scope.name if scope else "this project",
        summary=summary,
        summary_title=_summary_title(len(summary)),
        request_id=request_id,
        checks=checks,
        may_check=running.checks is not None,
        suggested_name=suggested_name(scope),
        outcome_url=url_for(".outcome", project=key),
        served_at=running.clock(),
        warned=[message.key for message in filled.warnings_said],
        token_note=request.method == "POST",
        sandbox_token=running.sandbox_info.token if running.sandbox_info else None,
        cancel_url=url_for(".list", project=key),
        token_url=url_for(".token", project=key, **filled.typed),
        tokens_page=TOKENS_PAGE,
        help_open=_help_that_fits(filled, checks=checks),
    )


def _help_that_fits(filled: ConnectionForm, *, checks: CheckResult | None) -> str | None:
    """The help section that opens: where the token is, what else was pasted, or none that would be in the way."""
    if any(message.key == "wrong-kind" for message in filled.access_token.messages):
        return "wrong"
    return None if checks or filled.errors_said or filled.warnings_said else "token"


def suggested_name(scope: Scope | None) -> str:
    """A name for a connection of this project, "" without one."""
    if scope is None:
        return ""
    place = "shared" if scope.is_organization else slug_of(scope.name)[:50].rstrip("-")
    return f"{place}-supabase" if place else ""


def _summary_title(count: int) -> str:
    if count == 0:
        return ""
    number = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
    return f"Not created: check {number} {'thing' if count == 1 else 'things'}"
