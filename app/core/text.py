"""Texts from elsewhere, and words for numbers: what more than one package needs."""

import base64
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LARGEST_PAYLOAD = 4096
"""Bytes. API keys and access tokens hold a few hundred."""


def toml_beside(module: str, name: str) -> dict[str, Any]:
    """What the TOML file of that name holds, in the folder of a module's file."""
    return tomllib.loads(Path(module).with_name(name).read_text(encoding="utf-8"))


def read_payload(jwt: str) -> dict[str, Any]:
    """The claims of a text that looks like a JWT, not verified: enough to see whose token somebody pasted, never a
    proof. Empty where they cannot be read. Never raises."""
    parts = jwt.split(".", maxsplit=3)
    encoded = parts[1].rstrip("=") if len(parts) == 3 else ""
    if not encoded or len(encoded) * 3 // 4 > LARGEST_PAYLOAD:
        return {}
    try:
        payload = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def whole(text: str) -> str:
    """The text with U+FFFD in place of half characters (`"\\ud800"`), which JSON may hold and no page or file can."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def counted(count: int, noun: str) -> str:
    """The number and its noun: 1 second, 2 seconds."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(texts: Sequence[str]) -> str:
    """The texts as a sentence lists them: a, b and c."""
    return " and ".join(filter(None, (", ".join(texts[:-1]), *texts[-1:])))


def one_line(value: object, *, longest: int) -> str:
    """A text from elsewhere on one line, without what cannot be seen; "" for what is no text."""
    if not isinstance(value, str):
        return ""
    # Four times the length first, so that a huge text is not looked at letter by letter.
    letters = (letter if letter.isprintable() else " " for letter in value[: 4 * longest])
    line = " ".join("".join(letters).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
