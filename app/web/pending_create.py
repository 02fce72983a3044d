"""What the page "No answer from Infisical yet" knows: how long ago, what the last look found, when the next one is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ..infisical import Connection, InfisicalError

CLOCKS = timedelta(seconds=60)
"""How far apart this server's clock and Infisical's may be."""

GIVES_UP_AFTER = 600
"""Seconds. The latest appearance seen was at 240 s (recorded exchange slow-429-forever)."""

NOT_THERE = "Not there yet."

State = Literal["waiting", "absent", "stopped", "older", "different", "unreachable", "found"]
"""`absent`: it has not appeared in all that time. `stopped`: somebody stopped the looking."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingCreate:
    """What was sent without an answer: all of it stands in the page's URL. `description` is "" for none."""

    name: str
    description: str
    instance_url: str
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

    @property
    def percent(self) -> int:
        return min(100 * self.elapsed // GIVES_UP_AFTER, 100)


def is_the_one_sent(connection: Connection, sent: PendingCreate) -> bool:
    """Whether a connection has the description and the instance URL that were sent."""
    return (connection.description or "") == sent.description and connection.instance_url == sent.instance_url


def look(sent: PendingCreate, *, now: datetime, find: Callable[[], Connection | None]) -> Outcome:
    """Looks once for the connection that was sent."""
    elapsed = max(int((now - sent.since).total_seconds()), 0)
    refresh = next_look_in(elapsed)
    try:
        found = find()
    except InfisicalError as error:
        return Outcome(
            state="unreachable",
            text=f"The look did not work: {error.sentence}",
            elapsed=elapsed,
            refresh=refresh,
            request_id=error.request_id,
        )
    if found is None:
        return _missing(elapsed, refresh)
    return _judged(found, sent, elapsed)


def stopped(sent: PendingCreate, *, now: datetime) -> Outcome:
    """The page after "Stop checking": nothing is asked."""
    elapsed = max(int((now - sent.since).total_seconds()), 0)
    return Outcome(
        state="stopped", text="Checking is stopped. Infisical may still create it.", elapsed=elapsed
    )


def next_look_in(elapsed: int) -> int | None:
    """Seconds until the next look by itself: 5 in the first minute, then 20, none after ten minutes."""
    if elapsed >= GIVES_UP_AFTER:
        return None
    return 5 if elapsed < 60 else 20


def _missing(elapsed: int, refresh: int | None) -> Outcome:
    if refresh is None:
        return Outcome(
            state="absent",
            text="It has not appeared in ten minutes. It is not likely to appear any more.",
            elapsed=elapsed,
        )
    return Outcome(state="waiting", text=NOT_THERE, elapsed=elapsed, refresh=refresh)


def _judged(found: Connection, sent: PendingCreate, elapsed: int) -> Outcome:
    if sent.since - found.created_at > CLOCKS:
        text = "A connection with this name was there before. It is not the one that was sent, which cannot be created."
        return Outcome(state="older", text=text, elapsed=elapsed, connection=found)
    if found.created_at - sent.since > timedelta(seconds=GIVES_UP_AFTER) + CLOCKS:
        text = "A connection with this name was created more than ten minutes later. It is not the one that was sent."
        return Outcome(state="different", text=text, elapsed=elapsed, connection=found)
    if not is_the_one_sent(found, sent):
        text = (
            "A connection with this name appeared, with another description or instance URL: somebody else’s."
        )
        return Outcome(state="different", text=text, elapsed=elapsed, connection=found)
    return Outcome(state="found", text="The connection is there.", elapsed=elapsed, connection=found)
