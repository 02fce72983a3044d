"""What Supabase's answer to `GET /v1/projects` says: which of the few answers it is, and the untrusted texts in it, bounded."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from ..core.http import read_json
from ..core.secret import Secret

MOST_PROJECTS = 20
MOST_PERMISSIONS = 10
LONGEST_TEXT = 80
"""Characters of a name that is shown. Supabase's own limit for a project's name is 64."""

LIST_PROJECTS = "Projects (account-wide): Read"
"""What a token needs, as Supabase's dialog for new tokens calls it."""

_AS_THE_DIALOG_SAYS = {
    "projects_read": LIST_PROJECTS,
    "project_admin_read": "Project Settings: Read",
    "organization_admin_read": "Organization Settings: Read",
    "edge_functions_read": "Edge Functions: Read",
    "edge_functions_secrets_read": "Edge Function Secrets: Read",
    "edge_functions_secrets_write": "Edge Function Secrets: Read-write",
}
"""The Management API's names of permissions, in the words of Supabase's dialog."""


@dataclass(frozen=True, slots=True)
class Projects:
    """The token was accepted: the names of the first projects that it reaches, and how many there are beside them."""

    names: tuple[str, ...]
    more: int

    @property
    def count(self) -> int:
        return len(self.names) + self.more


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """401: Supabase does not know this token, or no longer."""


@dataclass(frozen=True, slots=True)
class LacksPermission:
    """403: the token is good and may not list projects. `missing` is empty where Supabase does not tell."""

    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RateLimited:
    """429: Supabase answers nothing for some time. In seconds, from 1 to 3600."""

    retry_after: int


@dataclass(frozen=True, slots=True)
class NotSupabase:
    """Any other answer, which says nothing of the token; `what` describes it in a few words."""

    what: str


Told = Projects | TokenRefused | LacksPermission | RateLimited | NotSupabase


def read_answer(response: httpx.Response, *, token: Secret, now: Callable[[], float]) -> Told:
    """What an answer comes to, as Supabase's documentation of its Management API has it.

    `now` tells seconds since 1970. A 429 counts whatever is in it: what limits the rate may stand before Supabase.
    A refusal counts only in JSON, as Supabase sends it: any other comes from something on the way.
    """
    if response.status_code == 429:
        return RateLimited(_seconds_to_wait(response.headers, now=now()))
    told = read_json(response, redact=(token,))
    if response.status_code == 401 and isinstance(told, dict):
        return TokenRefused()
    if response.status_code == 403 and isinstance(told, dict):
        return LacksPermission(_permissions(told.get("missing_permissions")))
    if response.status_code == 200 and isinstance(told, list):
        rows = [row for row in told if isinstance(row, dict)]
        if len(rows) == len(told):
            return _projects(rows)
    return NotSupabase(_described(response))


def _projects(rows: list[dict[str, Any]]) -> Projects:
    names = tuple(_project_name(row) for row in rows[:MOST_PROJECTS])
    return Projects(names, more=len(rows) - len(names))


def _project_name(row: dict[str, Any]) -> str:
    return _shown(row.get("name")) or _shown(row.get("id")) or "a project without a name"


def _permissions(told: object) -> tuple[str, ...]:
    if not isinstance(told, list):
        return ()
    texts = [_shown(name) for name in told[:MOST_PERMISSIONS]]
    return tuple(dict.fromkeys(_AS_THE_DIALOG_SAYS.get(text, text) for text in texts if text))


def _shown(told: object) -> str:
    """A text from the answer as a page may show it: one short line; "" for anything else."""
    if not isinstance(told, str):
        return ""
    # Twice the length first, so that a huge text is not looked at letter by letter.
    start = told[: 2 * LONGEST_TEXT]
    visible = "".join(" " if letter.isspace() else letter for letter in start if not _is_invisible(letter))
    line = " ".join(visible.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1]}…"


def _is_invisible(letter: str) -> bool:
    return unicodedata.category(letter).startswith("C") and not letter.isspace()


def _described(response: httpx.Response) -> str:
    status = response.status_code
    if 300 <= status < 400:
        return "answered with a redirect"
    if status >= 400:
        return f"answered with status {status}"
    return "answered with something else"


_FALLBACK_WAIT = 60
"""Seconds: Supabase blocks "for the rest of the minute"."""

_LONGEST_WAIT = 3600
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")


def _seconds_to_wait(headers: Mapping[str, str], *, now: float) -> int:
    """Seconds until Supabase answers again, from the headers it may send.

    `Retry-After` is seconds or a date. `X-RateLimit-Reset` is documented without its unit: seconds from now,
    seconds since 1970 or milliseconds since 1970, which their size tells apart.
    """
    told = _moment(headers.get("retry-after", ""), now=now)
    if told is None:
        told = _moment(headers.get("x-ratelimit-reset", ""), now=now)
    if told is None:
        return _FALLBACK_WAIT
    return int(min(max(told, 1), _LONGEST_WAIT))


def _moment(text: str, *, now: float) -> float | None:
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return _date(text, now=now)
    number = float(text)
    if number >= 1e11:
        return number / 1000 - now
    return number - now if number >= 1e8 else number


def _date(text: str, *, now: float) -> float | None:
    try:
        return parsedate_to_datetime(text[:64]).timestamp() - now
    except (ValueError, OverflowError, TypeError):
        return None
