"""What was pasted: how it is wrapped, what kind of token it is by a table of shapes, and secrets within other texts."""

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..core.secret import Secret
from ..core.text import read_payload

Verdict = Literal["right", "wrong", "unknown"]

_LONGEST_PASTE = 16 * 1024
"""Characters that are looked at: more than any token has, and few enough that unwrapping stays quick."""

_QUOTED = re.compile(r"""(?s:"(.*)"|'(.*)'|`(.*)`|“(.*)”|‘(.*)’|«(.*)»)""")
_WRAPPINGS = (
    ("quotes", _QUOTED),
    ("“Bearer”", re.compile(r"(?is:(?:authorization\s*:\s*)?bearer\s+(.*))")),
    ("the name before “=”", re.compile(r"(?s:(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*(\S.*))")),
)


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
    for name, shape in _WRAPPINGS:
        if found := shape.fullmatch(text):
            return name, next(inner for inner in found.groups() if inner is not None).strip()
    return None


_USER = re.compile(r"\A(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*:[/\\]+)?[^/?#\\]*@")


def without_user(typed: str) -> str:
    """The text without the user name and the password before its host, also where it is no URL in order."""
    return _USER.sub(lambda found: found["scheme"] or "", typed.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What a pasted token is. "wrong" is definite, "unknown" is worth a warning and no more.

    `kind` is a short name for a table, `lead` the sentence for the page, `detail` what to do, where there is
    something to do. None of them holds any part of the token.
    """

    verdict: Verdict
    kind: str
    lead: str
    detail: str = ""


def recognise(token: Secret) -> Recognised:
    """The kind of a token whose wrapping is off (see `unwrap`). Never raises, however long or odd the text.

    Prefixes and formats may change: only a kind that cannot be an access token is "wrong".
    """
    text = token.reveal().strip()
    for shape, recognised in _KINDS:
        if shape.match(text):
            return recognised
    if _JWT.match(text):
        return _jwt(text)
    if text[:4].lower() == "sbp_":
        return _odd_access_token(text)
    return _UNKNOWN


# What can be nothing but a secret wherever it stands: no ID, project reference, commit or long word fits. The lengths
# are bounded, so that a text made to fit nearly everywhere is still read in a moment.
_IN_A_TEXT = re.compile(
    r"""
    sbp_(?=[A-Za-z_]{0,64}+\d)\w{20,}
    | sb_(?:secret|publishable)_[\w-]{16,}
    | (?<![A-Za-z0-9])eyJ[\w-]{8,1024}+\.[\w-]{8,4096}+\.[\w-]{8,}
    | (?<!\w)st\.[0-9a-f-]{8,64}+\.[\w-]{4,256}+\.[\w-]{4,}
    # A password in a URL; a port and a path with an @ in it are none.
    | [A-Za-z][A-Za-z0-9+.-]{0,30}+://[^\s/?#:@]{0,256}+:(?!\d{1,5}[/?#])[^\s@]{1,512}+@
    """,
    re.VERBOSE,
)


def secret_in(text: str) -> str | None:
    """What secret stands somewhere in a text, in words such as "a secret API key"; None where there is none.

    Generic secrets, which have no shape of their own, are not seen.
    """
    found = _IN_A_TEXT.search("".join(letter for letter in text if unicodedata.category(letter) != "Cf"))
    if found is None:
        return None
    kind = recognise(Secret(found[0])).kind
    article = "an" if kind[0] in "aeiouAEIO" else "a"
    return f"{article} {kind}{' with a password' if '://' in found[0] else ''}"


def _of_vendor(named: str) -> Recognised:
    return Recognised(
        verdict="wrong",
        kind=named.partition(" ")[2],
        lead=f"This is {named}, not a Supabase access token.",
        detail=f"{_WORDS['where']} {_WORDS['rotate']}",
    )


def _kinds(table: dict[str, Any]) -> Iterator[tuple[re.Pattern[str], Recognised]]:
    """The rows of the table: a shape and what a text of that shape is."""
    for row in table.pop("kinds"):
        shape = re.compile(row.pop("shape"))
        if "vendor" in row:
            yield shape, _of_vendor(row["vendor"])
        else:
            detail = row.pop("detail", "").format_map(table)
            yield shape, Recognised(**{"verdict": "wrong", **row}, detail=detail)


_WORDS: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_KINDS = tuple(_kinds(_WORDS))

_UNKNOWN = Recognised(
    verdict="unknown",
    kind="unknown kind",
    lead="This does not look like a Supabase access token, which starts with sbp_.",
    detail="Look whether the right text was copied, from its beginning to its end.",
)

_PROJECT_REFERENCE = re.compile(r"[a-z]{20}")
_JWT = re.compile(r"eyJ[A-Za-z0-9_=-]*(?:\.[A-Za-z0-9_=-]*)*\Z")


def _jwt(text: str) -> Recognised:
    """What a JWT says of itself: of its payload no more than a page needs, never verified, never trusted."""
    claims = read_payload(text)
    role, reference = claims.get("role"), claims.get("ref")
    if role in ("anon", "service_role"):
        known = isinstance(reference, str) and _PROJECT_REFERENCE.fullmatch(reference)
        return Recognised(
            verdict="wrong",
            kind=f"{role} API key",
            lead=f"This is the {role} API key of {f'project {reference}' if known else 'a Supabase project'}, "
            "not an access token.",
            detail=_WORDS["where"]
            if role == "anon"
            else f"{_WORDS['where']} A service_role key {_WORDS['opens']}",
        )
    # The access tokens of Infisical's machine identities and people.
    if _is_text(claims.get("identityId")) or (
        _is_text(claims.get("authTokenType")) and _is_text(claims.get("userId"))
    ):
        return _of_vendor("an Infisical access token")
    return Recognised(
        verdict="unknown",
        kind="JWT",
        lead="This is a JWT, and Supabase’s access tokens are none: they start with sbp_.",
        detail="Look whether the right text was copied.",
    )


def _is_text(claim: object) -> bool:
    return isinstance(claim, str) and bool(claim)


def _odd_access_token(text: str) -> Recognised:
    """A text that starts as an access token does and goes on otherwise: says what is odd, as a warning."""
    kind = "access token of an unusual shape"
    variant = "sbp_v0_" if text.lower().startswith("sbp_v0_") else "sbp_"
    if variant == "sbp_v0_":
        kind = "experimental access token"
    elif text.lower().startswith("sbp_fc"):
        kind = "scoped token"
    length = len(text) - len(variant)
    if length == 40:
        return Recognised(
            verdict="unknown",
            kind=kind,
            lead=f"This access token has characters after {variant} that are usually not there.",
            detail="Usual are 0–9 and a–f, in lowercase: one may have changed on the way. Copy it again, whole.",
        )
    characters = "character" if length == 1 else "characters"
    part_missing = f"A part may be missing. {_WORDS['again']}"
    too_much = "Something else may have been copied with it. Copy only the token."
    return Recognised(
        verdict="unknown",
        kind=kind,
        lead=f"This access token has {length} {characters} after {variant}, usually 40.",
        detail=part_missing if length < 40 else too_much,
    )
