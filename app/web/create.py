"""The steps to a new connection: the guide to its credential, the form, and its submission."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Literal

from flask import abort, make_response, redirect, request

from ..connectors import CheckResult
from ..connectors.rows import App, Message
from ..core.limits import RetryAfter
from ..core.templating import iso, url_for
from ..core.text import counted
from ..infisical.errors import InfisicalError, NameTaken, NoAnswer, Refused
from ..infisical.models import Connection
from .detail import Creation, see_connection
from .fields import LONGEST_NAME, form_fields, free_name, slug_of
from .forms import ConnectionForm, Operation, RowForm
from .hooks import blueprint, mended_by_signing_in
from .lists import in_a_project
from .pending import is_the_one_sent
from .problems import Action, Attempt, field_messages, result_of
from .redirects import asked_project, return_url, typed_values
from .render import page, problem_of, see_other
from .scopes import Scope, scope_in_hand
from .services import Page, current_auth, record, services


@blueprint.get("/connections/new/<connected_app:app>/token")
@in_a_project
def token(scope: Scope, app: App) -> Page:
    kept = typed_values(request.args)
    return page(
        "connections/token.html",
        scope=scope,
        change_url=url_for(".projects", project=scope.key, then="token", **kept, app=app.slug),
        app=app,
        kept=kept,
    )


@blueprint.get("/connections/new/<connected_app:app>")
@in_a_project
def form(scope: Scope, app: App) -> Page:
    return _show(ConnectionForm(CREATE, app, typed=typed_values(request.args)), 200, scope=scope)


@blueprint.post("/connections/new/<connected_app:app>")
def submit(app: App) -> Page:
    filled = ConnectionForm(CREATE, app, request.form)
    filled.project_id = filled.project_id or asked_project() or ""
    if "change_project" in request.form:
        return see_other(".projects", then="form", **filled.address)
    if not filled.project_id:
        return see_other(".form", **filled.address)
    return received(filled)


def received(filled: ConnectionForm) -> Page:
    """The answer to a form that was posted, by the button that was pressed."""
    for row in filled.rows:
        if f"use_{row.name}" in request.form:
            filled[row.name].put(request.form[f"use_{row.name}"])
            filled.check_rows((row,))
            return filled.operation.show(filled, 200)
    if "check" in request.form:
        return _checked(filled)
    if "validate" in request.form:
        # One field with its messages, for the script that asks when a field is left.
        filled.check()
        field = {field.name: field for field in filled.shown}.get(request.form["validate"]) or abort(404)
        return make_response(services().pages.render("connections/field.html", field=field, app=filled.app))
    return submitted(filled)


def submitted(filled: ConnectionForm) -> Page:
    """From what was typed to the page that says how it ended: checked, counted, asked about, sent once."""
    if not filled.check():
        return filled.operation.show(filled, 422)
    if wait := hit("create"):
        return too_many(filled, wait)
    filled.checks, holder = _ask_before(filled)
    if made := _made_before(filled, holder):
        return made
    stops = filled.checks is not None and filled.checks.stops
    # Who learns what the app says of a credential, though no connection holds it, has used a check. Where it is not
    # checked from here, Infisical's refusal tells.
    tells = filled.operation.secret and (filled.checks is None or stops or holder is not None)
    if tells and (wait := hit("check")):
        return too_many(filled, wait)
    if holder is not None:
        return _name_is_taken(filled, NameTaken(""))
    if stops:
        return not_done(filled, "stopped-by-checks", _what_stops(filled))
    filled.operation.compare(filled)
    if not filled.accepted():
        return not_done(filled, "stopped-by-checks", ())
    return sent(
        filled,
        name_taken=lambda taken: (
            _made_before(filled, _connection_named(filled)) or _name_is_taken(filled, taken)
        ),
    )


def sent(filled: RowForm, *, name_taken: Callable[[NameTaken], Page], pressed: str | None = None) -> Page:
    """Sends what the form's operation does, once, and the page for how it ended; `name_taken` where that is why not.
    What is `pressed` once alone may be pressed again where nothing happened."""
    since, operation = services().clock(), filled.operation
    try:
        made = operation.send(services().infisical, filled)
    except NoAnswer as silence:
        record("outcome-unknown", "no-answer", error=silence, **filled.about())
        waited = round((services().clock() - since).total_seconds())
        return redirect(f"{operation.outcome_address(filled, since)}&waited={waited}", code=303)
    except InfisicalError as error:
        if error.nothing_happened:
            services().limits.forget("once", identity=pressed)
        if isinstance(error, NameTaken):
            return name_taken(error)
        return _refused_by_infisical(filled, error, since=since)
    except Exception:
        record("outcome-unknown", "fault", **filled.about())
        raise
    record(operation.audit_action, "ok", **filled.about(made))
    return operation.done(filled, made)


def hit(limit: Literal["create", "check"]) -> RetryAfter | None:
    """Counts one use by this person and from this address; how long to wait where there were too many."""
    auth = current_auth()
    person = auth.person.subject if auth else None
    return services().limits.hit(limit, person=person, address=request.remote_addr)


def _ask_before(filled: ConnectionForm) -> tuple[CheckResult | None, Connection | None]:
    """What the app says of the credential, and the connection that has the name, both asked at the same time.

    What could not be asked is None: the operation asks Infisical the same, and it decides.
    """
    check = _check_of(filled)
    if check is None or not filled.operation.secret:
        return None, None
    asking = services().threads.submit(check)
    holder = _connection_named(filled)
    return asking.result(), holder


def _check_of(filled: ConnectionForm) -> Callable[[], CheckResult] | None:
    checks, check = services().checks, filled.app.check
    if checks is None or check is None:
        return None
    return partial(check, checks, filled.values, filled.deadline.remaining())


def _connection_named(filled: ConnectionForm) -> Connection | None:
    new = filled.new
    if filled.connection is None:
        with suppress(InfisicalError):
            return services().infisical.connection_named(
                new.app, new.name, project_id=new.project_id, deadline=filled.deadline
            )
    return None


def not_done(
    filled: RowForm,
    result: str,
    messages: tuple[tuple[str | None, Message], ...],
    *,
    error: InfisicalError | None = None,
) -> Page:
    """The form again with what stopped it, once that is in the audit log."""
    record(filled.operation.audit_action, result, error=error, **filled.about())
    for name, message in messages:
        if name is None or name not in filled:
            filled.general += (message,)
        else:
            filled[name].add_error(message)
    filled.request_id, filled.refused = error.request_id if error else None, result
    return filled.operation.show(filled, 422)


def _what_stops(filled: ConnectionForm) -> tuple[tuple[str | None, Message], ...]:
    """What checks that stop a submission say: at the credential, or of the form where the app asks to wait: Infisical
    would store a token that was never accepted (recorded exchange slow-429-forever)."""
    checks, nothing_happened = filled.checks, filled.operation.nothing_happened
    if checks is None or checks.kind_of_stop is None:
        return ()
    if checks.kind_of_stop == "rate-limited":
        lead = f"{filled.app.name} asks to wait {counted(checks.retry_after or 60, 'second')}."
        detail = "It has had too many requests for now and cannot check the token."
        return ((None, Message("error", lead, f"{detail} {nothing_happened}")),)
    reason = f"token-{checks.kind_of_stop}"
    ((field, message),) = field_messages(
        Refused("", reason=reason), filled.app, filled.rows, nothing_happened
    )
    advice = next(row.advice for row in checks.rows if row.state == "failed")
    return ((field, replace(message, detail=f"{advice} {nothing_happened}")),)


def _made_before(filled: ConnectionForm, holder: Connection | None) -> Page | None:
    """The page of the connection that has the name, where this very form made it and is sent again: by a double click,
    Reload or Back. With another token by now, perhaps: nothing is told of the one that was not stored."""
    served = services().unsign(request.form.get("served", ""), purpose="served")
    if served and holder and holder.created_at.timestamp() >= served and is_the_one_sent(holder, filled.new):
        record(filled.operation.audit_action, "made-before", connection=holder)
        return see_connection(holder, created=Creation(before=True), expires_on=filled.values["expires_on"])
    return None


def _name_is_taken(filled: ConnectionForm, taken: NameTaken) -> Page:
    new = filled.new
    ((field, message),) = field_messages(taken, filled.app, filled.rows, filled.operation.nothing_happened)
    free = ""
    with suppress(InfisicalError):
        known = services().infisical.connections(new.project_id, deadline=filled.deadline)
        free = free_name(new.name[: LONGEST_NAME - 5].rstrip("-"), {connection.name for connection in known})
    if free:
        filled["name"].data = free
        message = replace(
            message,
            detail=f"{free} is free and is filled in for you. Keep it or choose another.",
            summary=f"{new.name} exists here; use {free}, which is filled in for you",
        )
    return not_done(filled, result_of(taken), ((field, message), *_what_stops(filled)), error=taken)


def _refused_by_infisical(filled: RowForm, error: InfisicalError, *, since: datetime) -> Page:
    operation, told = filled.operation, error
    if result_of(error) == "token-lacks-permission" and filled.app.by_role(filled.values):
        told = Refused("", reason="token-forbidden")
    if messages := field_messages(told, filled.app, filled.rows, operation.nothing_happened):
        return not_done(filled, result_of(error), messages, error=error)
    record(operation.audit_action, result_of(error), error=error, **filled.about())
    if mended_by_signing_in(error):
        # It clears no cookie: by the time of a late answer the browser may hold another sign-in.
        auth = current_auth()
        refused = auth.sign_in if auth else None
        return see_other(".auth.sign_in", next=return_url(), ended="1", refused=refused)
    doubt = f"It is not certain whether {filled.subject_name} was {operation.past}."
    lost = f" but the {filled.app.secret.word}, which is kept nowhere" if operation.secret else ""
    again = Action("Back to the form", operation.form_address(filled), primary=error.nothing_happened)
    if error.nothing_happened:
        back = Action(
            f"Back to {operation.list_name}", url_for(operation.list_page, project=filled.project_id)
        )
        actions = (again, back)
    else:
        look = operation.outcome_address(filled, since)
        actions = (Action(f"Look whether it was {operation.past}", look, primary=True), again)
    return problem_of(
        error,
        scope=_scope_or_none(filled),
        attempt=Attempt(operation.verb, operation.nothing_happened, doubt),
        actions=actions,
        note=f"The form comes back with everything you entered{lost}.",
    )


def _scope_or_none(filled: RowForm) -> Scope | None:
    """The scope for the frame of a page that must appear even when Infisical cannot be asked for it."""
    with suppress(InfisicalError):
        return scope_in_hand(filled.project_id, deadline=filled.deadline)
    return None


def too_many(filled: RowForm, wait: RetryAfter) -> Page:
    many = "were too many from your address" if wait.key == "address" else "were many in a short time"
    lead = f"Wait {counted(wait.seconds, 'second')} before the next try."
    detail = f"There {many}. {filled.operation.nothing_happened}"
    if "check" in request.form:
        record("refusal", "too-many-checks", project=filled.project_id)
    else:
        record(filled.operation.audit_action, "too-many", **filled.about())
    filled.general += (Message("error", lead, detail),)
    answer = filled.operation.show(filled, 429)
    answer.headers["Retry-After"] = str(wait.seconds)
    return answer


def _checked(filled: ConnectionForm) -> Page:
    """The form with what the app says of the credential, after "Check this token": nothing is created."""
    if not filled.check_credentials():
        return filled.operation.show(filled, 422)
    if wait := hit("check"):
        return too_many(filled, wait)
    if check := _check_of(filled):
        filled.checks = check()
        filled.operation.compare(filled)
    return filled.operation.show(filled, 200)


def form_page(
    template: str, filled: ConnectionForm, status: int, *, scope: Scope | None, **more: Any
) -> Page:
    """The form as it stands, with what is said of it, and what its template needs `more`."""
    running, errors, warnings = services(), filled.messages("error"), filled.messages("warning")
    # Where the token is, what else was pasted, or none that would be in the way.
    help_open = None if filled.checks or errors or warnings else "token"
    if any(message.key == "wrong-kind" for message in errors):
        help_open = "wrong"
    return page(
        template,
        scope=scope,
        status=status,
        app=filled.app,
        form=filled,
        warnings=warnings,
        may_check=running.checks is not None and filled.app.check is not None,
        served_at=running.clock(),
        token_note=request.method == "POST",
        sandbox_token=running.sandbox_info.token if running.sandbox_info else None,
        help_open=help_open,
        **more,
    )


# ── Creating, as a row ───────────────────────────────────────────────────────────────────────────────────────────────


def _show(filled: ConnectionForm, status: int, *, scope: Scope | None = None) -> Page:
    running, scope = services(), scope or _scope_or_none(filled)
    place = ""
    if scope:
        place = "shared" if scope.project_id is None else slug_of(scope.name)[:50].rstrip("-")
    return form_page(
        "connections/form.html",
        filled,
        status,
        scope=scope,
        required=[row.word for row in filled.rows if row.missing],
        project_id=scope.key if scope else filled.project_id,
        served=running.sign(running.clock().timestamp(), purpose="served"),
        suggested_name=f"{place}-{filled.app.slug}" if place else "",
    )


def _created(filled: ConnectionForm, connection: Connection) -> Page:
    seen = filled.checks
    creation = Creation(reaches=len(seen.projects) + seen.more, lacks=seen.lacks) if seen else Creation()
    reached = seen.reached if seen else ()
    return see_connection(connection, created=creation, expires_on=filled.values["expires_on"], seen=reached)


CREATE = Operation(
    name="create",
    audit_action="create",
    verb="create connections",
    past="created",
    fields=lambda app, _: form_fields(app),
    secret=True,
    send=lambda infisical, filled: infisical.create(filled.new, deadline=filled.deadline),
    form_address=lambda filled: url_for(".form", **filled.address),
    outcome_address=lambda filled, since: url_for(".outcome", **filled.address, since=iso(since)),
    show=_show,
    done=_created,
)
