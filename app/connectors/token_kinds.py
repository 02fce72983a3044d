"""What was pasted: how it is wrapped, what kind of token it is by a table of shapes, and secrets within other texts."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

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


WHERE = "An access token starts with sbp_ and is made on Supabase’s Access Tokens page."

_ROTATE = "If it went anywhere it should not, rotate it."
_OPENS_A_PROJECT = "opens that whole project: if it went anywhere it should not, rotate it."
_COPY_AGAIN = "Copy it again, whole. Supabase shows a token only once: if it is gone, make a new one."


def recognise(token: Secret) -> Recognised:
    """The kind of a token whose wrapping is off (see `unwrap`). Never raises, however long or odd the text.

    Prefixes and formats may change: only a kind that cannot be an access token is "wrong".
    """
    text = token.reveal().strip()
    for row in _ROWS:
        if row.shape.match(text):
            return row.recognised
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


@dataclass(frozen=True, slots=True)
class _Row:
    shape: re.Pattern[str]
    recognised: Recognised


def _right(shape: str, kind: str) -> _Row:
    article = "an" if kind[0] in "aeiou" else "a"
    found = Recognised(verdict="right", kind=kind, lead=f"This looks like {article} {kind}.")
    return _Row(re.compile(rf"{shape}\Z"), found)


def _wrong(shape: str, kind: str, lead: str, *detail: str) -> _Row:
    found = Recognised(verdict="wrong", kind=kind, lead=lead, detail=" ".join(detail or (WHERE,)))
    return _Row(re.compile(shape), found)


def _of_vendor(shape: str, kind: str) -> _Row:
    # "an npm token": the n is spoken by its name.
    article = "an" if kind[0] in "AEIOn" else "a"
    return _wrong(shape, kind, f"This is {article} {kind}, not a Supabase access token.", WHERE, _ROTATE)


# A shape without \Z is a beginning that says enough by itself. The first row that fits decides.
_ROWS = (
    # Supabase's access tokens. The lengths are those of Supabase's own command line, ^sbp_(oauth_|v0_)?[a-f0-9]{40}$.
    _right(r"sbp_fc[0-9a-f]{38}", "scoped token"),
    _right(r"sbp_[0-9a-f]{40}", "personal access token"),
    _right(r"sbp_v0_[0-9a-f]{40}", "experimental access token"),
    _Row(
        re.compile(r"sbp_oauth_"),
        Recognised(
            verdict="unknown",
            kind="OAuth access token",
            lead="This is an OAuth access token, which lasts only a short time.",
            detail="The connection would stop working when it ends. "
            "Make an access token on Supabase’s Access Tokens page instead.",
        ),
    ),
    # Supabase's other keys and addresses.
    _wrong(
        r"sb_publishable_",
        "publishable API key",
        "This is a publishable API key of a Supabase project, not an access token.",
    ),
    _wrong(
        r"sb_secret_",
        "secret API key",
        "This is a secret API key of a Supabase project, not an access token.",
        WHERE,
        f"A secret API key {_OPENS_A_PROJECT}",
    ),
    _wrong(
        r"(?i:postgres(?:ql)?)://",
        "database address",
        "This is a database address, not an access token.",
        WHERE,
        f"A database address holds the database password, which {_OPENS_A_PROJECT}",
    ),
    _wrong(
        r"(?i:https?)://",
        "web address",
        "This is a web address, not an access token.",
        WHERE,
        "An instance URL has a field of its own.",
    ),
    _wrong(
        r"[A-Za-z][A-Za-z0-9+.-]{0,30}://",
        "address",
        "This is an address, not an access token.",
        WHERE,
        "If it holds a password that went anywhere it should not, rotate that.",
    ),
    # Other vendors' secrets, by the prefixes that their documentation names.
    _of_vendor(r"gh[oprsu]_|github_pat_", "GitHub token"),
    _of_vendor(r"gl(?:pat|ptt|rt|dt|cbt|oas|soat|ft|imt|agent)-", "GitLab token"),
    _of_vendor(r"sk-ant-", "Anthropic API key"),
    _of_vendor(r"sk-or-", "OpenRouter API key"),
    _of_vendor(r"sk-", "OpenAI API key"),
    _of_vendor(r"xox[a-z](?:\.xox[a-z])?-|xapp-", "Slack token"),
    _of_vendor(r"[rs]k_(?:live|test)_", "Stripe API key"),
    _of_vendor(r"(?:AKIA|ASIA)[A-Z0-9]{16}\Z", "AWS access key ID"),
    _of_vendor(r"AIza[A-Za-z0-9_-]{10}", "Google API key"),
    _of_vendor(r"npm_", "npm token"),
    _of_vendor(r"pypi-", "PyPI token"),
    _of_vendor(r"hf_", "Hugging Face token"),
    _of_vendor(r"do[opr]_v1_", "DigitalOcean token"),
    _of_vendor(r"SG\.", "SendGrid API key"),
    _of_vendor(r"vc[aciprk]_[A-Za-z0-9]{20}", "Vercel token"),
    _of_vendor(r"st\.", "Infisical service token"),
    _of_vendor(r"-----BEGIN [A-Z0-9 ]{0,60}PRIVATE KEY", "private key"),
    _wrong(r"-----BEGIN ", "certificate", "This is a certificate or another key file, not an access token."),
    # What is no secret at all, or only a part of one.
    _wrong(
        r"(?s:.{0,4096}?)(?:[•●∙·…⋯*]|\.\.\.)",
        "shortened preview",
        "This is the shortened preview of a token, not the token itself.",
        "Supabase shows a token in full only once, when it is made. If it is gone, make a new one.",
    ),
    _wrong(
        r"(?:b?p?_)?[0-9a-fA-F]{40}\Z",
        "access token without sbp_",
        "This looks like an access token whose beginning, sbp_, was cut off.",
        _COPY_AGAIN,
    ),
    _wrong(r"[a-z]{20}\Z", "project reference", "This is a project reference, not an access token."),
    _wrong(
        r"(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\Z",
        "ID",
        "This is the ID of something, not an access token.",
    ),
    _wrong(
        r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}\Z",
        "email address",
        "This is an email address, not an access token.",
    ),
)

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
            detail=WHERE if role == "anon" else f"{WHERE} A service_role key {_OPENS_A_PROJECT}",
        )
    # The access tokens of Infisical's machine identities and people.
    if _is_text(claims.get("identityId")) or (
        _is_text(claims.get("authTokenType")) and _is_text(claims.get("userId"))
    ):
        return _of_vendor("", "Infisical access token").recognised
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
    part_missing = f"A part may be missing. {_COPY_AGAIN}"
    too_much = "Something else may have been copied with it. Copy only the token."
    return Recognised(
        verdict="unknown",
        kind=kind,
        lead=f"This access token has {length} {characters} after {variant}, usually 40.",
        detail=part_missing if length < 40 else too_much,
    )
