"""The page for a submission without an answer: it looks for the connection until it knows, all of it in its URL."""

from datetime import UTC, datetime, timedelta

from flask import request

from ..connectors.rows import App, Given
from ..core.templating import url_for
from ..core.text import counted
from ..infisical.errors import InfisicalError
from ..infisical.models import Connection, NewConnection
from .detail import Creation, see_created
from .forms import connection_of
from .hooks import blueprint
from .redirects import asked_project, carried_values, typed_values
from .render import page, problem
from .scopes import scope_in_hand
from .services import Page, record, services

CLOCKS = timedelta(seconds=60)
"""How far apart this server's clock and Infisical's may be."""

GIVES_UP_AFTER = 600
"""Seconds. The latest appearance seen was at 240 s (recorded exchange slow-429-forever)."""

_TEXTS = {
    "waiting": "Not there yet.",
    "absent": "It has not appeared in ten minutes. It is not likely to appear any more.",
    "stopped": "Checking is stopped. Infisical may still create it.",
    "older": "A connection with this name was there before. It is not the one that was sent, which cannot be created.",
    "later": "A connection with this name was created more than ten minutes later. It is not the one that was sent.",
    "different": "A connection with this name appeared, with another description or instance URL: somebody else’s.",
    "unreachable": "The look did not work:",
    "found": "The connection is there.",
}
"""What one look found. `absent`: not in all that time. `stopped`: somebody stopped the looking."""


def is_the_one_sent(connection: Connection, sent: NewConnection) -> bool:
    """Whether a connection has the description and the credentials that were sent, as far as Infisical shows them."""
    public = {key: text for key, text in sent.credentials.items() if isinstance(text, str)}
    shown = {key: connection.credentials.get(key) for key in public}
    return (connection.description or "") == sent.description and shown == public


@blueprint.get("/connections/new/<connected_app:app>/outcome")
def outcome(app: App) -> Page:
    since, key = _moment(request.args.get("since", "")), asked_project()
    if not request.args.get("name", "").strip() or since is None or key is None:
        return problem("incomplete-address")
    sent, scope = _sent(app, project=key), scope_in_hand(key)
    elapsed = max(int((services().clock() - since).total_seconds()), 0)
    found, error = None, None
    state: str = "stopped"
    if request.args.get("stop") != "1":
        try:
            found = services().infisical.connection_named(app.slug, sent.name, project_id=scope.project_id)
            state = _state_of(found, sent, since=since, elapsed=elapsed)
        except InfisicalError as unreachable:
            state, error = "unreachable", unreachable
    if state == "found" and found:
        # Not a create: whoever opens this address may be somebody else, and may open it again.
        record("outcome-unknown", "found-later", connection=found)
        return see_created(app, found, Creation(late=True), expires_on=request.args.get("expires_on"))
    text = f"{_TEXTS[state]} {error}" if error else _TEXTS[state]
    here = {**carried_values(request.args), "app": app.slug, "stop": "", "looked": ""}
    # "Stop checking" carries the look of this page on, for that page does not look.
    looked = str(elapsed) if state == "waiting" else None
    return page(
        "connections/pending.html",
        scope=scope,
        app=app,
        name=sent.name,
        since=since,
        elapsed=elapsed,
        state=state,
        state_text=text,
        refresh=next_look_in(elapsed) if state in ("waiting", "unreachable") else None,
        log=_log(text, state, since=since, elapsed=elapsed),
        other=found,
        error=error,
        check_url=url_for(".outcome", **here),
        stop_url=url_for(".outcome", **{**here, "stop": "1", "looked": looked}),
        form_url=url_for(".form", app=app.slug, project=scope.key, **typed_values(request.args)),
    )


def _moment(text: str) -> datetime | None:
    """The moment that the address names, in UTC; None where it names none."""
    try:
        since = datetime.fromisoformat(text)
        return since.astimezone(UTC) if since.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _sent(app: App, *, project: str) -> NewConnection:
    """What was sent, by what the address says was typed: each field is read as the form reads it."""
    typed = typed_values(request.args)
    given = Given(values=typed, app_name=app.name, today=services().clock().date())
    public = (row for row in app.fields if row.kind != "secret")
    read = {row.name: row.check(typed.get(row.name, row.default), given).value for row in public}
    name = typed.get("name", "").strip()[:100]
    return connection_of(app, {**typed, **read, "name": name}, project=project)


def _state_of(found: Connection | None, sent: NewConnection, *, since: datetime, elapsed: int) -> str:
    """What a look found: nothing yet, nothing any more, the connection that was sent, or another of its name."""
    if found is None:
        return "absent" if next_look_in(elapsed) is None else "waiting"
    if since - found.created_at > CLOCKS:
        return "older"
    if found.created_at - since > timedelta(seconds=GIVES_UP_AFTER) + CLOCKS:
        return "later"
    return "found" if is_the_one_sent(found, sent) else "different"


def next_look_in(elapsed: int) -> int | None:
    """Seconds until the next look by itself: 5 in the first minute, then 20, none after ten minutes."""
    if elapsed >= GIVES_UP_AFTER:
        return None
    return 5 if elapsed < 60 else 20


def _log(text: str, state: str, *, since: datetime, elapsed: int) -> tuple[tuple[datetime, str], ...]:
    """What happened, first to last: sent, unanswered, the latest look. Seconds that cannot have been are left out."""
    numbers = {name: request.args.get(name, type=int) for name in ("waited", "looked")}
    seconds = {name: value for name, value in numbers.items() if value is not None and 0 <= value <= elapsed}
    log = [(since, "Sent to Infisical")]
    if "waited" in seconds:
        waited = seconds["waited"]
        log.append((since + timedelta(seconds=waited), f"No answer within {counted(waited, 'second')}"))
    if state != "stopped":
        log.append((services().clock(), f"Looked: {text[0].lower()}{text[1:]}"))
    elif "looked" in seconds:
        log.append((since + timedelta(seconds=seconds["looked"]), "Looked: not there yet."))
    return tuple(log)
