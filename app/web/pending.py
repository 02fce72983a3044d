"""The page for a submission without an answer: it looks for the connection until it knows, all of it in its URL."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from flask import request

from ..connectors import App, Given
from ..core.secret import Secret
from ..core.templating import url_for
from ..core.text import counted
from ..infisical import Connection, InfisicalError
from .detail import Creation, see_created
from .fields import described
from .hooks import blueprint
from .redirects import asked_project, carried_values, typed_values
from .render import page, problem
from .scopes import Scope, scope_in_hand
from .services import Page, record, services

CLOCKS = timedelta(seconds=60)
"""How far apart this server's clock and Infisical's may be."""

GIVES_UP_AFTER = 600
"""Seconds. The latest appearance seen was at 240 s (recorded exchange slow-429-forever)."""

NOT_THERE = "Not there yet."

State = Literal["waiting", "absent", "stopped", "older", "different", "unreachable", "found"]
"""`absent`: it has not appeared in all that time. `stopped`: somebody stopped the looking."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingCreate:
    """What was sent without an answer. `description` is "" for none, `credentials` are those that are no secret."""

    name: str
    description: str
    credentials: Mapping[str, str]
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What one look found. `refresh` is the seconds until the next look, None when there is none by itself."""

    state: State
    text: str
    elapsed: int
    refresh: int | None = None
    connection: Connection | None = None
    request_id: str | None = None


def is_the_one_sent(
    connection: Connection, description: str, credentials: Mapping[str, str | Secret]
) -> bool:
    """Whether a connection has the description and the credentials that were sent, as far as Infisical shows them."""
    public = {key: text for key, text in credentials.items() if isinstance(text, str)}
    shown = {key: connection.credentials.get(key) for key in public}
    return (connection.description or "") == description and shown == public


@blueprint.get("/connections/new/<connected_app:app>/outcome")
def outcome(app: App) -> Page:
    sent = _sent(app)
    key = asked_project()
    if sent is None or key is None:
        return problem("incomplete-address")
    running = services()
    scope = scope_in_hand(key)
    elapsed = max(int((running.clock() - sent.since).total_seconds()), 0)
    if request.args.get("stop") == "1":
        text = "Checking is stopped. Infisical may still create it."
        seen = Outcome(state="stopped", text=text, elapsed=elapsed)
    else:
        seen = _look(
            sent,
            elapsed=elapsed,
            find=lambda: running.infisical.connection_named(app.slug, sent.name, project_id=scope.project_id),
        )
    if seen.state == "found" and seen.connection:
        # Not a create: whoever opens this address may be somebody else, and may open it again.
        record("outcome-unknown", "found-later", project=key, connection=seen.connection)
        expires_on = request.args.get("expires_on")
        return see_created(app, seen.connection, Creation(late=True), expires_on=expires_on)
    return _outcome_page(app, sent, seen, scope)


def _sent(app: App) -> PendingCreate | None:
    """What the address of the outcome page says was sent, or None where it says too little.

    It says what was typed: each field is read as the form reads it, and a token's expiry may join the description.
    """
    typed = typed_values(request.args)
    name = typed.get("name", "").strip()
    try:
        since = datetime.fromisoformat(request.args.get("since", ""))
        since_utc = since.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if not name or since.tzinfo is None:
        return None
    given = Given(values=typed, app_name=app.name, today=services().clock().date())
    credentials = {
        path[-1]: row.check(typed.get(row.name, row.default), given).value
        for row in app.fields
        for path in row.paths
        if row.carried
    }
    return PendingCreate(
        name=name[:100],
        description=described(typed),
        credentials={key: text for key, text in credentials.items() if text},
        since=since_utc,
    )


def _look(sent: PendingCreate, *, elapsed: int, find: Callable[[], Connection | None]) -> Outcome:
    """Looks once for the connection that was sent."""
    refresh = next_look_in(elapsed)
    try:
        found = find()
    except InfisicalError as error:
        text = f"The look did not work: {error.sentence}"
        return Outcome(
            state="unreachable", text=text, elapsed=elapsed, refresh=refresh, request_id=error.request_id
        )
    if found is not None:
        state, text = _judged(found, sent)
        return Outcome(state=state, text=text, elapsed=elapsed, connection=found)
    if refresh is None:
        text = "It has not appeared in ten minutes. It is not likely to appear any more."
        return Outcome(state="absent", text=text, elapsed=elapsed)
    return Outcome(state="waiting", text=NOT_THERE, elapsed=elapsed, refresh=refresh)


def next_look_in(elapsed: int) -> int | None:
    """Seconds until the next look by itself: 5 in the first minute, then 20, none after ten minutes."""
    if elapsed >= GIVES_UP_AFTER:
        return None
    return 5 if elapsed < 60 else 20


def _judged(found: Connection, sent: PendingCreate) -> tuple[State, str]:
    """Whether the connection that has the name is the one that was sent, and in words why not."""
    if sent.since - found.created_at > CLOCKS:
        return (
            "older",
            "A connection with this name was there before. It is not the one that was sent, which cannot be created.",
        )
    if found.created_at - sent.since > timedelta(seconds=GIVES_UP_AFTER) + CLOCKS:
        return (
            "different",
            "A connection with this name was created more than ten minutes later. It is not the one that was sent.",
        )
    if not is_the_one_sent(found, sent.description, sent.credentials):
        return (
            "different",
            "A connection with this name appeared, with another description or instance URL: somebody else’s.",
        )
    return "found", "The connection is there."


def _outcome_page(app: App, sent: PendingCreate, seen: Outcome, scope: Scope) -> Page:
    kept = {
        name: text for name, text in carried_values(request.args).items() if name not in ("stop", "looked")
    }
    here = {**kept, "app": app.slug}
    # "Stop checking" carries the look of this page on, for that page does not look.
    looked = str(seen.elapsed) if seen.state == "waiting" else None
    return page(
        "connections/outcome.html",
        scope=scope,
        app=app,
        name=sent.name,
        project_name=scope.name,
        since=sent.since,
        elapsed=seen.elapsed,
        state=seen.state,
        state_text=seen.text,
        refresh=seen.refresh,
        percent=min(100 * seen.elapsed // GIVES_UP_AFTER, 100),
        log=_log(sent, seen),
        other=seen.connection,
        request_id=seen.request_id,
        check_url=url_for(".outcome", **here),
        stop_url=url_for(".outcome", **here, stop="1", looked=looked),
        form_url=url_for(".form", app=app.slug, project=scope.key, **typed_values(request.args)),
        list_url=url_for(".list", project=scope.key),
        token_url=url_for(".token", app=app.slug, project=scope.key),
    )


def _log(sent: PendingCreate, seen: Outcome) -> tuple[tuple[datetime, str], ...]:
    """What happened, first to last: sent, unanswered, the latest look."""
    log = [(sent.since, "Sent to Infisical")]
    waited, looked = (_seconds_in("waited", seen), _seconds_in("looked", seen))
    if waited is not None:
        log.append((sent.since + timedelta(seconds=waited), f"No answer within {counted(waited, 'second')}"))
    if seen.state != "stopped":
        log.append((services().clock(), f"Looked: {seen.text[0].lower()}{seen.text[1:]}"))
    elif looked is not None:
        log.append((sent.since + timedelta(seconds=looked), f"Looked: {NOT_THERE[0].lower()}{NOT_THERE[1:]}"))
    return tuple(log)


def _seconds_in(name: str, seen: Outcome) -> int | None:
    """Seconds after the sending that the address tells; None where it tells none that can be."""
    seconds = request.args.get(name, type=int)
    return seconds if seconds is not None and 0 <= seconds <= seen.elapsed else None
