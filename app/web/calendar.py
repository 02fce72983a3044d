"""A calendar entry for the day on which a token expires (RFC 5545)."""

import re
from datetime import UTC, date, datetime, timedelta

from ..infisical import Connection

_LONGEST_LINE = 75
"""Octets of a line before it is folded (RFC 5545, 3.1)."""


def reminder(connection: Connection, *, expires_on: date, page_url: str, now: datetime) -> str:
    """An all-day entry on the day of expiry, with alarms a week and a day before, that links to the page."""
    name = connection.name
    summary = f"Supabase access token of {name} expires"
    told = f"Make a new access token at Supabase and replace the one in the connection {name}: {page_url}"
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Infisical Connect//Token reminder//EN",
        "CALSCALE:GREGORIAN",
        "BEGIN:VEVENT",
        f"UID:{connection.id}-{expires_on:%Y%m%d}@infisical-connect",
        f"DTSTAMP:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART;VALUE=DATE:{expires_on:%Y%m%d}",
        f"DTEND;VALUE=DATE:{expires_on + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{_text(summary)}",
        f"DESCRIPTION:{_text(told)}",
        f"URL:{page_url}",
        "TRANSP:TRANSPARENT",
        *_alarm("-P7D", f"In a week: {summary}"),
        *_alarm("-P1D", f"Tomorrow: {summary}"),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _alarm(trigger: str, told: str) -> tuple[str, ...]:
    return (
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"TRIGGER:{trigger}",
        f"DESCRIPTION:{_text(told)}",
        "END:VALARM",
    )


def _text(text: str) -> str:
    """A text value: backslash, semicolon, comma and line break are escaped, other controls left out (RFC 5545, 3.3.11)."""
    escaped = re.sub(r"([\\;,])", r"\\\1", text).replace("\n", "\\n")
    return re.sub(r"[\x00-\x1f\x7f]", "", escaped)


def _folded(line: str) -> str:
    """The line in pieces of at most 75 octets, never inside a character."""
    pieces: list[str] = []
    piece = ""
    for character in line:
        if len(f"{piece}{character}".encode()) > _LONGEST_LINE - (1 if pieces else 0):
            pieces.append(piece)
            piece = ""
        piece += character
    return "\r\n ".join([*pieces, piece])
