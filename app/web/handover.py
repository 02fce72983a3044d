"""Which of an app's projects a credential was just seen to reach, handed over to the form of a sync in an address."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

from ..connectors.token_kinds import secret_in
from ..core.secret import Encryption, TooLong
from .services import current_auth, services

SeenProject = tuple[str, str, str]
"""Its reference, its name, and its state where that is another than active: "paused"."""

MOST_SEEN = 50
LONGEST_NAME = 40
LONGEST_TEXT = 1900
"""Characters, so that the address holds what else it says."""


def seen_projects_text(seen: Sequence[SeenProject], connection_id: str) -> str:
    """The first of the projects as a text that `seen_projects` reads; without their names where it would be too long,
    and "" where it still is."""

    def by_state(longest_name: int) -> dict[str, dict[str, str]]:
        rows: dict[str, dict[str, str]] = {}
        for ref, name, state in seen[:MOST_SEEN]:
            rows.setdefault(state, {})[ref] = name[:longest_name]
        return rows

    # Each is tried twice: of some thousand such texts one looks like a secret, which leaves every address.
    for longest_name in (LONGEST_NAME, LONGEST_NAME, 0, 0) if seen else ():
        with suppress(TooLong):
            text = _encryption(connection_id).dumps(partial(by_state, longest_name), now=services().clock())
            if len(text) <= LONGEST_TEXT and not secret_in(text):
                return text
    return ""


def seen_projects(text: str, connection_id: str) -> tuple[SeenProject, ...]:
    """What was handed over for this connection to whoever asks, for 60 minutes; nothing from any other text. It is for a
    choice in a form, and allows nothing."""
    by_state = _encryption(connection_id).loads(text, now=services().clock()) or {}
    return tuple((ref, name, state) for state, rows in by_state.items() for ref, name in rows.items())


def _encryption(connection_id: str) -> Encryption:
    auth = current_auth()
    purpose = f"seen-projects {connection_id} {auth and auth.person.subject!a}"
    return Encryption(services().secret_keys, purpose=purpose, life=timedelta(minutes=60))
