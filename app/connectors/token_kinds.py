"""What was pasted: how it is wrapped, what kind of token it is by a table of shapes, and secrets within other texts."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, product
from typing import Any, Literal, cast

from ..core.secret import Secret
from ..core.text import counted, read_payload, toml_beside

Verdict = Literal["right", "wrong", "unknown"]

_LONGEST_PASTE = 16 * 1024
"""Characters that are looked at: more than any token has, and few enough that unwrapping stays quick."""

_WORDS = toml_beside(__file__, "token_kinds.toml")
TOKENS = tuple(re.compile(shape) for shape in _WORDS.pop("tokens"))
_CHANGED: list[str] = _WORDS.pop("changed")
_AROUND: dict[str, str] = _WORDS.pop("around")
_AROUND_A_TOKEN = re.compile("|".join(f"({shape})" for shape in _AROUND.values()))
_FULL_WIDTH = {code + 0xFEE0: code for code in range(33, 127)}
_WRAPPED = re.compile(
    r"""(?s:"(.*)"|'(.*)'|`(.*)`|“(.*)”|‘(.*)’|«(.*)»|(?i:(?:authorization\s*:\s*)?bearer)\s+(.*)"""
    r"""|[*•]+\s*([^\s*•…]{20,})\**|(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*(\S.*))"""
)


def _found_in(text: str, shapes: Sequence[re.Pattern[str]]) -> tuple[list[str], str, tuple[bool, ...]]:
    """What has the first of the shapes that anything has, the text around it, and for each way in which the text was
    changed to see it, whether it was. Spaces and backslashes are looked past only where there is nothing without."""
    plain = text[:_LONGEST_PASTE].translate(_FULL_WIDTH)
    seen = "".join(letter for letter in plain if letter.isprintable() or letter.isspace())
    for shape, spelling in product(shapes, (seen, re.sub(r"[\s\\]+", "", seen))):
        if found := shape.findall(spelling):
            changed = (len(found) > 1, spelling != seen, seen != plain, plain not in text)
            return found, shape.sub(" ", spelling), changed
    return [], text, ()


def unwrap(pasted: str, shapes: Sequence[re.Pattern[str]] = TOKENS) -> tuple[Secret, tuple[str, ...]]:
    """A pasted token without what stands round it, and the names of what was taken off, in words for a page.

    Round one token of a known shape that is anything. Round another text it is spaces, quotes, `Bearer `, `NAME=` and
    what Markdown puts before and after a word, however they are nested.
    """
    found, around, changed = _found_in(pasted, shapes)
    if len(set(found)) != 1:
        whole = text = pasted[:_LONGEST_PASTE].strip()
        while layer := _WRAPPED.fullmatch(text):
            text = layer[layer.lastindex or 0].strip()
        found, around, changed = [text], " ".join(whole.rpartition(text or f"{whole} ")[::2]), ()
    parts = (list(_AROUND)[(part.lastindex or 1) - 1] for part in _AROUND_A_TOKEN.finditer(around))
    return Secret(found[0]), tuple(dict.fromkeys((*parts, *compress(_CHANGED, changed))))


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

    @property
    def named(self) -> str:
        """The kind with its article: "a secret API key"."""
        return f"{'an' if self.kind.startswith((*'aeiouAEIO', 'npm')) else 'a'} {self.kind}"


_ROWS: list[dict[str, str]] = _WORDS.pop("kinds")
_SHAPES = tuple((re.compile(row["shape"]), row) for row in _ROWS if "shape" in row)
_NAMED = {row["name"]: row for row in _ROWS if "name" in row}

_PROJECT_REFERENCE = re.compile(r"[a-z]{20}")
_JWT = re.compile(r"eyJ[A-Za-z0-9_=-]*(?:\.[A-Za-z0-9_=-]*)*\Z")


def recognise(token: Secret) -> Recognised:
    """The kind of a token whose wrapping is off (see `unwrap`). Never raises, however long or odd the text.

    Prefixes and formats may change: only a kind that cannot be an access token is "wrong".
    """
    text = token.reveal().strip()
    if (count := len(set(_found_in(text, TOKENS)[0]))) > 1:
        return _recognised(_NAMED["several"], count="two" if count == 2 else str(count))
    for shape, row in _SHAPES:
        if shape.match(text):
            return _recognised(row)
    if _JWT.match(text):
        return _jwt(read_payload(text))
    if odd := re.search(r"(?i:sbp_)\w*", text):
        return _odd_access_token(odd[0])
    return _recognised(_NAMED["unknown"])


def _recognised(row: Mapping[str, str], **values: str) -> Recognised:
    if vendor := row.get("vendor"):
        lead, detail = f"This is {vendor}, not a Supabase access token.", "{where} {rotate}"
        row = {"kind": vendor.partition(" ")[2], "lead": lead, "detail": detail}
    words = {**_WORDS, **values}
    return Recognised(
        verdict=cast(Verdict, row.get("verdict", "wrong")),
        kind=row["kind"].format_map(words),
        lead=row["lead"].format_map(words),
        detail=row.get("detail", "").format_map(words),
    )


def _jwt(claims: Mapping[str, Any]) -> Recognised:
    role, reference = claims.get("role"), claims.get("ref")
    if role in ("anon", "service_role"):
        known = isinstance(reference, str) and _PROJECT_REFERENCE.fullmatch(reference)
        return _recognised(_NAMED[role], project=f"project {reference}" if known else "a Supabase project")
    # The access tokens of Infisical's machine identities, and of people.
    texts = {name for name, claim in claims.items() if isinstance(claim, str) and claim}
    is_infisicals = "identityId" in texts or {"authTokenType", "userId"} <= texts
    return _recognised(_NAMED["infisical" if is_infisicals else "jwt"])


def _odd_access_token(text: str) -> Recognised:
    varieties = {"sbp_v0_": "experimental access token", "sbp_fc": "scoped token"}
    start = next((start for start in varieties if text.lower().startswith(start)), "sbp_")
    beginning = start if start == "sbp_v0_" else "sbp_"
    length = len(text) - len(beginning)
    name = "odd" if length == 40 else "short" if length < 40 else "long"
    if text != text.lower() and recognise(Secret(text.lower())).verdict == "right":
        name = "capitals"
    return _recognised(
        _NAMED[name],
        variety=varieties.get(start, "access token of an unusual shape"),
        beginning=beginning,
        length=counted(length, "character"),
        capitals="a capital S" if text[1:].islower() else "capitals",
    )


# What can be nothing but a secret wherever it stands: no ID, project reference, commit or long word fits. The lengths
# are bounded, so that a text made to fit nearly everywhere is still read in a moment.
_IN_A_TEXT = re.compile(
    r"""
    (?i:sbp)_(?=[A-Za-z_]{0,64}+\d)\w{20,}
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
    return f"{recognise(Secret(found[0])).named}{' with a password' if '://' in found[0] else ''}"
