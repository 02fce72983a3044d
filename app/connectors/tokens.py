"""How access tokens are pasted: what is wrapped round them, and how to take it off."""

import re
from dataclasses import dataclass

from ..core.secret import Secret

_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»"}
_BEARER = re.compile(r"^(?:authorization\s*:\s*)?bearer\s+", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"^(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*(?=\S)")


_LONGEST_PASTE = 16 * 1024
"""Characters that are looked at: more than any token has, and few enough that unwrapping stays quick."""


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A pasted token without its wrapping, and the names of what was taken off, in words for a page."""

    token: Secret
    taken_off: tuple[str, ...]


def unwrap(pasted: str) -> Unwrapped:
    """Takes spaces, quotes, `Bearer ` and `NAME=` off a pasted token, however they are nested."""
    text = pasted[:_LONGEST_PASTE].strip()
    taken_off: list[str] = []
    while layer := _outermost(text):
        name, text = layer
        taken_off.append(name)
    return Unwrapped(Secret(text), tuple(dict.fromkeys(taken_off)))


def _outermost(text: str) -> tuple[str, str] | None:
    """The name of the outermost wrapping and what is inside it, or None where there is none."""
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        return "quotes", text[1:-1].strip()
    if bearer := _BEARER.match(text):
        return "“Bearer”", text[bearer.end() :].strip()
    if assignment := _ASSIGNMENT.match(text):
        return "the name before “=”", text[assignment.end() :].strip()
    return None
