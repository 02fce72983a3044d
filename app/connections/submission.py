"""The form, its submission, and the page for a submission without an answer."""

from datetime import UTC, datetime, timedelta

from flask import request

from ..infisical import Connection, Deadline, InfisicalError, NameTaken, NewConnection, NoAnswer
from ..rendering import url_for
from ..supabase import SUPABASE_CLOUD, TOKENS_PAGE
from .forms import ConnectionForm, Message, SummaryLine
from .outcome import Outcome, Sent, is_the_one_sent, look, stopped
from .portal import portal
from .problems import Action, Problem, field_messages
from .responses import (
    LONGEST_PROJECT_ID,
    Page,
    asked_project,
    carried_values,
    page,
    problem,
    problem_of,
    scope_in_hand,
    see_other,
    typed_values,
)
from .scopes import ORGANIZATION, Scope
from .views import blueprint, in_a_project

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
    # Left to itself, Flask-WTF takes uploaded files and JSON for fields as well, which hold no texts.
    filled = ConnectionForm(request.form)
    filled.project_id.data = (filled.project_id.data or "").strip()[:LONGEST_PROJECT_ID] or asked_project() or ""
    if "change_project" in request.form:
        return see_other(".projects", project=filled.project_id.data, then="form", **filled.typed)
    if not filled.project_id.data:
        return see_other(".form", **filled.typed)
    if not filled.validate():
        return _page_too_old(filled)
    if "use_instance_url" in request.form:
        return _with_offered_url(filled, request.form["use_instance_url"])
    deadline = Deadline.after(portal().submit_timeout)
    warnings_shown = request.form.getlist("warned") or None
    new = filled.check(use_anyway=request.form.get("use_anyway") == "1", warnings_shown=warnings_shown)
    if new is None:
        return _refused(filled)
    return _create(filled, new, deadline=deadline)


@blueprint.get("/connections/new/supabase/outcome")
def outcome() -> Page:
    sent = _sent()
    key = asked_project()
    if sent is None or key is None:
        return _incomplete_address()
    running = portal()
    scope = scope_in_hand(key)
    if request.args.get("stop") == "1":
        seen = stopped(sent, now=running.clock())
    else:
        seen = look(
            sent,
            now=running.clock(),
            find=lambda: running.infisical.connection_named(sent.name, project_id=scope.project_id),
        )
    if seen.state == "found" and seen.connection:
        return see_other(".created", connection_id=seen.connection.id, created="1", late="1")
    return _outcome_page(sent, seen, scope)


def _create(filled: ConnectionForm, new: NewConnection, *, deadline: Deadline) -> Page:
    since = portal().clock()
    try:
        made = portal().infisical.create(new, deadline=deadline)
    except NoAnswer:
        return _unknown(new, since=since)
    except NameTaken as taken:
        mine = _made_by_this_form(filled, new, deadline=deadline)
        return _created(mine) if mine else _refused_by_infisical(filled, taken)
    except InfisicalError as error:
        return _refused_by_infisical(filled, error)
    return _created(made)


def _created(connection: Connection) -> Page:
    return see_other(".created", connection_id=connection.id, created="1")


def _made_by_this_form(
    filled: ConnectionForm, new: NewConnection, *, deadline: Deadline
) -> Connection | None:
    """The connection that this very form made before: sent twice by a double click, Reload or Back."""
    served = portal().signed_moment(filled.served.data or "")
    if served is None:
        return None
    try:
        found = portal().infisical.connection_named(new.name, project_id=new.project_id, deadline=deadline)
    except InfisicalError:
        return None
    sent = Sent(name=new.name, description=new.description, instance_url=new.instance_url, since=served)
    if found is None or found.created_at < served or not is_the_one_sent(found, sent):
        return None
    return found


def _unknown(new: NewConnection, *, since: datetime) -> Page:
    return see_other(
        ".outcome",
        project=new.project_id or ORGANIZATION,
        name=new.name,
        since=since.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        description=new.description,
        instance_url=new.instance_url,
        waited=str(round((portal().clock() - since).total_seconds())),
    )


def _refused_by_infisical(filled: ConnectionForm, error: InfisicalError) -> Page:
    messages = field_messages(error)
    if not messages:
        return _problem_of_submission(filled, error)
    general = []
    for field, message in messages:
        if field is None:
            general.append(message)
        else:
            filled[field].say(message)
    return _refused(filled, general=tuple(general), request_id=error.request_id)


def _problem_of_submission(filled: ConnectionForm, error: InfisicalError) -> Page:
    key = filled.project_id.data or ""
    scope = _scope_or_none(key)
    again = Action(label="Back to the form", href=url_for(".form", project=key, **filled.typed), primary=True)
    actions = (again, Action(label="Back to App Connections", href=url_for(".list", project=key)))
    if not error.nothing_happened:
        since = portal().clock().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        search = url_for(".outcome", project=key, since=since, **filled.typed)
        actions = (Action(label="Look whether it was created", href=search, primary=True), _quiet(again))
    return problem_of(error, scope=scope, creating=filled.name.value, actions=actions)


def _quiet(action: Action) -> Action:
    return Action(label=action.label, href=action.href)


def _scope_or_none(key: str) -> Scope | None:
    """The scope for the frame of a problem page, which must appear even when Infisical cannot be asked for it."""
    try:
        return scope_in_hand(key)
    except InfisicalError:
        return None


def _refused(
    filled: ConnectionForm, *, general: tuple[Message, ...] = (), request_id: str | None = None
) -> Page:
    scope = _scope_or_none(filled.project_id.data or "")
    return _form_page(filled, scope=scope, status=422, general=general, request_id=request_id)


def _with_offered_url(filled: ConnectionForm, url: str) -> Page:
    filled.instance_url.data = url.strip()
    return _form_page(filled, scope=_scope_or_none(filled.project_id.data or ""))


def _form_page(
    filled: ConnectionForm,
    *,
    scope: Scope | None,
    status: int = 200,
    general: tuple[Message, ...] = (),
    request_id: str | None = None,
) -> Page:
    running = portal()
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
        warned=[message.key for message in filled.warnings_said],
        token_note=request.method == "POST",
        sandbox_token=running.sandbox_token,
        cancel_url=url_for(".list", project=key),
        token_url=url_for(".token", project=key, **filled.typed),
        tokens_page=TOKENS_PAGE,
        help_open=None if summary else "token",
    )


def _summary_title(count: int) -> str:
    if count == 0:
        return ""
    number = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
    return f"Not created: check {number} {'thing' if count == 1 else 'things'}"


def _page_too_old(filled: ConnectionForm) -> Page:
    shown = Problem(
        slug="page-too-old",
        status=400,
        title="This page was open too long",
        lede="The form could not be matched to your browser. Nothing was sent to Infisical.",
        icon="clock",
        note="The form comes back with everything but the token, which is not kept anywhere. Cookies must be allowed.",
        actions=(
            Action(
                label="Open the form again",
                href=url_for(".form", project=filled.project_id.data, **filled.typed),
                primary=True,
            ),
        ),
    )
    return problem(shown, scope=None)


def _sent() -> Sent | None:
    """What the address of the outcome page says was sent, or None where it says too little."""
    name, told = request.args.get("name", "").strip(), request.args.get("since", "")
    try:
        since = datetime.fromisoformat(told)
        since_utc = since.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if not name or since.tzinfo is None:
        return None
    typed = typed_values(request.args)
    return Sent(
        name=name[:100],
        description=typed.get("description", ""),
        instance_url=typed.get("instance_url", SUPABASE_CLOUD),
        since=since_utc,
    )


def _incomplete_address() -> Page:
    shown = Problem(
        slug="incomplete-address",
        status=400,
        title="This address is not complete",
        lede="It must say which connection was sent, where and when.",
        actions=(Action(label="Go to App Connections", href=url_for(".index"), primary=True),),
    )
    return problem(shown, scope=None)


def _outcome_page(sent: Sent, seen: Outcome, scope: Scope) -> Page:
    here = {name: text for name, text in carried_values(request.args).items() if name != "stop"}
    return page(
        "connections/outcome.html",
        scope=scope,
        name=sent.name,
        project_name=scope.name,
        since=sent.since,
        elapsed=seen.elapsed,
        state=seen.state,
        state_text=seen.text,
        refresh=seen.refresh,
        percent=seen.percent,
        log=_log(sent, seen),
        other=seen.connection,
        request_id=seen.request_id,
        check_url=url_for(".outcome", **here),
        stop_url=url_for(".outcome", **here, stop="1"),
        form_url=url_for(".form", project=scope.key, **typed_values(request.args)),
        list_url=url_for(".list", project=scope.key),
        token_url=url_for(".token", project=scope.key),
    )


def _log(sent: Sent, seen: Outcome) -> tuple[tuple[datetime, str], ...]:
    """What happened, first to last: sent, unanswered, the latest look."""
    log = [(sent.since, "Sent to Infisical")]
    waited = request.args.get("waited", type=int)
    if waited is not None and 0 <= waited <= seen.elapsed:
        seconds = f"{waited} second" if waited == 1 else f"{waited} seconds"
        log.append((sent.since + timedelta(seconds=waited), f"No answer within {seconds}"))
    if seen.state != "stopped" or seen.refresh is not None:
        log.append((portal().clock(), f"Looked: {seen.text[0].lower()}{seen.text[1:]}"))
    return tuple(log)
