"""The page for a submission without an answer: it looks for the connection until it knows, all of it in its URL."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar

from flask import abort, request

from ..connectors.rows import App, Given
from ..core.templating import url_for
from ..core.text import counted, toml_beside
from ..infisical.errors import InfisicalError
from ..infisical.models import Connection, NewConnection
from .detail import Creation, see_connection
from .forms import connection_of
from .hooks import blueprint
from .redirects import asked_project, carried_values, typed_values
from .render import page, problem
from .scopes import Scope, scope_in_hand
from .services import Page, record, services

T = TypeVar("T")

CLOCKS = timedelta(seconds=60)
"""How far apart this server's clock and Infisical's may be."""

GIVES_UP_AFTER = 600
"""Seconds. The latest appearance seen was at 240 s (recorded exchange slow-429-forever)."""

WORDS: dict[str, dict[str, str]] = toml_beside(__file__, "pending.toml")
"""What one look found, of a create and of a change."""


def is_the_one_sent(connection: Connection, sent: NewConnection) -> bool:
    """Whether a connection has the description and the credentials that were sent, as far as Infisical shows them."""
    public = {key: text for key, text in sent.credentials.items() if isinstance(text, str)}
    shown = {key: connection.credentials.get(key) for key in public}
    return (connection.description or "") == sent.description and shown == public


@blueprint.get("/connections/new/<connected_app:app>/outcome")
def outcome(app: App) -> Page:
    since, key = asked_moment(), said(asked_project())
    said(request.args.get("name", "").strip())
    sent, scope = _sent(app, project=key), scope_in_hand(key)
    look = look_for(partial(_state_of, app, sent, scope, since), since=since)
    if look.state == "found" and look.found:
        # Not a create: whoever opens this address may be somebody else, and may open it again.
        record("outcome-unknown", "found-later", connection=look.found)
        return see_connection(
            look.found, created=Creation(late=True), expires_on=request.args.get("expires_on")
        )
    return waiting_page(
        "connections/pending.html",
        look,
        WORDS["create"],
        scope=scope,
        app=app,
        name=sent.name,
        found_url=look.found and url_for(".created", app=app.slug, connection_id=look.found.id),
        form_url=url_for(".form", app=app.slug, project=scope.key, **typed_values(request.args)),
    )


class Look(NamedTuple):
    """What one look found, in a word: so many seconds after it was sent, and why it did not work."""

    state: str
    since: datetime
    elapsed: int
    found: Any = None
    error: InfisicalError | None = None


def look_for(ask: Callable[[], tuple[str, Any]], *, since: datetime) -> Look:
    """One look for what was sent at that moment, unless somebody stopped the looking."""
    elapsed = max(int((services().clock() - since).total_seconds()), 0)
    if request.args.get("stop") == "1":
        return Look("stopped", since, elapsed)
    try:
        state, found = ask()
    except InfisicalError as unreachable:
        return Look("unreachable", since, elapsed, error=unreachable)
    over = state == "waiting" and next_look_in(elapsed) is None
    return Look("absent" if over else state, since, elapsed, found)


def waiting_page(
    template: str, look: Look, words: Mapping[str, str], *, scope: Scope | None, **context: Any
) -> Page:
    """A page that looks again by itself until it knows. `words` are those for what a look found."""
    state, elapsed, endpoint = look.state, look.elapsed, f".{(request.endpoint or '').rpartition('.')[2]}"
    text = f"{words[state]} {look.error}" if look.error else words[state]
    places = {name: str(place) for name, place in (request.view_args or {}).items()}
    again = {**carried_values(request.args), **places, "stop": "", "looked": ""}
    # "Stop checking" carries the look of this page on, for that page does not look.
    looked = str(elapsed) if state == "waiting" else None
    return page(
        template,
        scope=scope,
        look=look,
        state_text=text,
        refresh=next_look_in(elapsed) if state in ("waiting", "unreachable") else None,
        log=_log(words["waiting"] if state == "stopped" else text, look),
        check_url=url_for(endpoint, **again),
        stop_url=url_for(endpoint, **{**again, "stop": "1", "looked": looked}),
        **context,
    )


def said(part: T | None) -> T:
    """A part of the address of such a page; the page for an incomplete address where there is none."""
    return part or abort(problem("incomplete-address"))


def asked_moment() -> datetime:
    """The moment that the address names, in UTC."""
    since = None
    with suppress(ValueError, OverflowError):
        since = datetime.fromisoformat(request.args.get("since", ""))
        since = since.astimezone(UTC) if since.tzinfo else None
    return said(since)


def _sent(app: App, *, project: str) -> NewConnection:
    """What was sent, by what the address says was typed: each field is read as the form reads it."""
    typed = typed_values(request.args)
    given = Given(values=typed, app_name=app.name, today=services().clock().date())
    public = (row for row in app.fields if row.kind != "secret")
    read = {row.name: row.check(typed.get(row.name, row.default), given).value for row in public}
    name = typed.get("name", "").strip()[:100]
    return connection_of(app, {**typed, **read, "name": name}, project=project)


def _state_of(app: App, sent: NewConnection, scope: Scope, since: datetime) -> tuple[str, Connection | None]:
    """What a look finds: nothing yet, the connection that was sent, or another of its name."""
    found = services().infisical.connection_named(app.slug, sent.name, project_id=scope.project_id)
    if found is None:
        return "waiting", None
    if since - found.created_at > CLOCKS:
        return "older", found
    if found.created_at - since > timedelta(seconds=GIVES_UP_AFTER) + CLOCKS:
        return "later", found
    return "found" if is_the_one_sent(found, sent) else "different", found


def next_look_in(elapsed: int) -> int | None:
    """Seconds until the next look by itself: 5 in the first minute, then 20, none after ten minutes."""
    if elapsed >= GIVES_UP_AFTER:
        return None
    return 5 if elapsed < 60 else 20


def _log(text: str, look: Look) -> tuple[tuple[datetime, str], ...]:
    """What happened, first to last: sent, unanswered, the latest look. Seconds that cannot have been are left out."""
    numbers = {name: request.args.get(name, type=int) for name in ("waited", "looked")}
    seconds = {
        name: value for name, value in numbers.items() if value is not None and 0 <= value <= look.elapsed
    }
    log = [(look.since, "Sent to Infisical")]
    if "waited" in seconds:
        waited = seconds["waited"]
        log.append((look.since + timedelta(seconds=waited), f"No answer within {counted(waited, 'second')}"))
    looked = f"Looked: {text[0].lower()}{text[1:]}"
    if look.state != "stopped":
        log.append((services().clock(), looked))
    elif "looked" in seconds:
        log.append((look.since + timedelta(seconds=seconds["looked"]), looked))
    return tuple(log)
