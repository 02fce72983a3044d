"""The page for a submission without an answer: it looks for the connection until it knows."""

from datetime import UTC, datetime, timedelta

from flask import request

from ..connectors import SUPABASE_CLOUD, InstanceUrlError, read_instance_url
from ..core.templating import url_for
from .audit_events import record
from .auth_context import Page
from .forms import with_expiry
from .hooks import blueprint
from .pending_create import NOT_THERE, Outcome, PendingCreate, look, stopped
from .render import (
    asked_project,
    carried_values,
    day_in,
    page,
    problem,
    scope_in_hand,
    see_created,
    typed_values,
)
from .scopes import Scope
from .services import Creation, services


@blueprint.get("/connections/new/supabase/outcome")
def outcome() -> Page:
    sent = _sent()
    key = asked_project()
    if sent is None or key is None:
        return problem("incomplete-address")
    running = services()
    scope = scope_in_hand(key)
    if request.args.get("stop") == "1":
        seen = stopped(sent, now=running.clock())
    else:
        seen = look(
            sent,
            now=running.clock(),
            find=lambda: running.infisical.connection_named(
                "supabase", sent.name, project_id=scope.project_id
            ),
        )
    if seen.state == "found" and seen.connection:
        # Not a create: whoever opens this address may be somebody else, and may open it again.
        record("outcome-unknown", "found-later", project=key, connection=seen.connection)
        return see_created(seen.connection, Creation(late=True), expires_on=request.args.get("expires_on"))
    return _outcome_page(sent, seen, scope)


def _sent() -> PendingCreate | None:
    """What the address of the outcome page says was sent, or None where it says too little."""
    name, told = request.args.get("name", "").strip(), request.args.get("since", "")
    try:
        since = datetime.fromisoformat(told)
        since_utc = since.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if not name or since.tzinfo is None:
        return None
    return PendingCreate(
        name=name[:100],
        description=_sent_description(),
        instance_url=_sent_instance_url(),
        since=since_utc,
    )


def _sent_description() -> str:
    """The description as it was sent: the address says what was typed, and whether the token's expiry joins it."""
    typed = typed_values(request.args)
    description = typed.get("description", "").strip()
    day = day_in(typed.get("expires_on"))
    if day is None or typed.get("expires_in_description") != "1":
        return description
    return with_expiry(description, day)


def _sent_instance_url() -> str:
    """The instance URL as it was sent, without the endings that the form takes off."""
    typed = typed_values(request.args).get("instance_url", SUPABASE_CLOUD)
    try:
        return read_instance_url(typed).text
    except InstanceUrlError:
        return typed


def _outcome_page(sent: PendingCreate, seen: Outcome, scope: Scope) -> Page:
    here = {
        name: text for name, text in carried_values(request.args).items() if name not in ("stop", "looked")
    }
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
        stop_url=url_for(".outcome", **here, stop="1", looked=_looked_now(seen)),
        form_url=url_for(".form", project=scope.key, **typed_values(request.args)),
        list_url=url_for(".list", project=scope.key),
        token_url=url_for(".token", project=scope.key),
    )


def _log(sent: PendingCreate, seen: Outcome) -> tuple[tuple[datetime, str], ...]:
    """What happened, first to last: sent, unanswered, the latest look."""
    log = [(sent.since, "Sent to Infisical")]
    waited, looked = (_seconds_told(name, most=seen.elapsed) for name in ("waited", "looked"))
    if waited is not None:
        seconds = f"{waited} second" if waited == 1 else f"{waited} seconds"
        log.append((sent.since + timedelta(seconds=waited), f"No answer within {seconds}"))
    if seen.state != "stopped":
        log.append((services().clock(), f"Looked: {seen.text[0].lower()}{seen.text[1:]}"))
    elif looked is not None:
        log.append((sent.since + timedelta(seconds=looked), f"Looked: {NOT_THERE[0].lower()}{NOT_THERE[1:]}"))
    return tuple(log)


def _looked_now(seen: Outcome) -> str | None:
    """The look of this page as the address of "Stop checking" carries it on, for that page does not look."""
    return str(seen.elapsed) if seen.state == "waiting" else None


def _seconds_told(name: str, *, most: int) -> int | None:
    """Seconds after the sending that the address tells; None where it tells none that can be."""
    told = request.args.get(name, type=int)
    return told if told is not None and 0 <= told <= most else None
