"""Decides which instance URLs are definitely not a Management API, and which are worth a warning before a token goes there."""

import re
import socket
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Literal
from urllib.parse import urlsplit

from .instance_urls import SUPABASE_CLOUD, InstanceUrl

CLOUD_HOST = "api.supabase.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is wrong with an instance URL, or doubtful: "doubtful" can be used all the same, "wrong" cannot.

    `lead` is the sentence for the page, `detail` why and what to do; the URL to offer instead is always
    SUPABASE_CLOUD.
    """

    verdict: Literal["wrong", "doubtful"]
    lead: str
    detail: str
    offer: str = SUPABASE_CLOUD


def judge(url: InstanceUrl) -> Judged | None:
    """What to say about an instance URL; None for Supabase Cloud, and for no other."""
    if url.is_supabase_cloud:
        return None
    name = (urlsplit(url.text).hostname or "").removesuffix(".")
    return _wrong(name) or _doubtful(url, name)


# Definitely wrong: Supabase's own addresses that are no Management API.

_NOT_THE_API = f"The address that Infisical needs is that of the Management API, {SUPABASE_CLOUD}."

_DASHBOARDS = frozenset({"supabase.com", "www.supabase.com", "app.supabase.com", "app.supabase.io"})

_OF_A_PROJECT = re.compile(r"(?:[a-z0-9-]+\.)*?(?P<reference>[a-z]{20})(?:\.[a-z]+)?\.supabase\.(?:co|in)")
"""`REF.supabase.co`, `db.REF.supabase.co`, `REF.functions.supabase.co`, and the same under supabase.in."""

_OF_SOME_PROJECT = re.compile(r"(?!api\.)(?:[a-z0-9-]+\.)+(?:supabase\.(?:co|in)|pooler\.supabase\.com)")
"""A project's address without its reference: a chosen subdomain, or the shared database poolers."""


def _wrong(name: str) -> Judged | None:
    lead = ""
    if name in _DASHBOARDS:
        lead = "This is the address of Supabase’s dashboard."
    elif project := _OF_A_PROJECT.fullmatch(name):
        lead = f"This is the address of one project, {project['reference']}."
    elif _OF_SOME_PROJECT.fullmatch(name):
        lead = "This is the address of one project."
    return Judged(verdict="wrong", lead=lead, detail=_NOT_THE_API) if lead else None


# Doubtful: everything else. One warning that names the host, and every reason that applies, the gravest first.

_IMITATES = "This address imitates Supabase’s, and is not Supabase’s. Whoever runs it gets the token."
_PROVES_NOTHING = (
    "That “supabase” stands in an address does not make it Supabase’s: continue only if you know who runs it."
)
_KNOW_WHO = "Continue only if you know who runs it."
_UNENCRYPTED = (
    "The URL starts with http, not https: the token would travel unencrypted, for anyone on the way to read."
)
_INTERNAL = "Infisical refuses internal addresses unless its operator allows them."
_NOT_AT_ITS_ADDRESS = f"Supabase’s Management API is at {SUPABASE_CLOUD}, with nothing before or after it."
_SELF_HOSTED = (
    "A Supabase that you host yourself has no Management API: only Supabase Cloud, a proxy of it or a compatible "
    "service can work here."
)


def _doubtful(url: InstanceUrl, name: str) -> Judged:
    if name == CLOUD_HOST or name.endswith(".supabase.com"):
        return _other_address_of_cloud(url)
    reasons = [
        reason
        for reason, applies in (
            (_IMITATES, _imitates_supabase(name)),
            (_UNENCRYPTED, not url.encrypted),
            (_INTERNAL, _is_internal(name)),
        )
        if applies
    ]
    if _IMITATES not in reasons:
        reasons += [_PROVES_NOTHING if "supabase" in name else _KNOW_WHO, _SELF_HOSTED]
    return Judged(
        verdict="doubtful",
        lead=f"Your token will be sent to {url.host}, which is not Supabase Cloud.",
        detail=" ".join(reasons),
    )


def _other_address_of_cloud(url: InstanceUrl) -> Judged:
    """The right host by another scheme, port, path or spelling, or another host of Supabase's."""
    if not url.encrypted:
        lead = f"Your token would travel unencrypted to {url.host}."
        return Judged(
            verdict="doubtful",
            lead=lead,
            detail=f"The URL starts with http, not https. {_NOT_AT_ITS_ADDRESS}",
        )
    address = url.text.removeprefix("https://")
    lead = f"Your token will be sent to {address}, which is not Supabase Cloud."
    return Judged(verdict="doubtful", lead=lead, detail=_NOT_AT_ITS_ADDRESS)


_CONFUSABLE = str.maketrans(
    {
        **dict.fromkeys("5$ѕꜱƽ", "s"),
        **dict.fromkeys("υսʋцμ", "u"),
        **dict.fromkeys("рρ", "p"),
        **dict.fromkeys("4аɑα", "a"),
        **dict.fromkeys("86ьβвб", "b"),
        **dict.fromkeys("3еҽє", "e"),
    }
)
"""Characters that are drawn like the letters of "supabase", a small part of Unicode's list of confusables."""


def _imitates_supabase(name: str) -> bool:
    """Whether a name is made to be taken for Supabase's: its address with another ending, its name in other letters."""
    if name.startswith("api.supabase."):
        return True
    return any(_imitates_word(word) for label in name.split(".") for word in _words(label))


def _words(label: str) -> list[str]:
    """A label's words as they are shown, with an internationalized label (xn--…) in its own letters."""
    if label.startswith("xn--"):
        try:
            label = label.removeprefix("xn--").encode("ascii").decode("punycode")
        except UnicodeError:
            return []
    return re.split(r"[-_]", label)


def _imitates_word(word: str) -> bool:
    if word == "supabase":
        return False
    plain = unicodedata.normalize("NFKD", word.casefold())
    skeleton = "".join(letter for letter in plain if not unicodedata.combining(letter)).translate(_CONFUSABLE)
    return _is_nearly_supabase(skeleton)


def _is_nearly_supabase(word: str) -> bool:
    """Whether a word is "supabase", or one letter more, less, other or two swapped away from it."""
    right = "supabase"
    if abs(len(word) - len(right)) > 1 or word == "database":
        return False
    same = next(
        (i for i, pair in enumerate(zip(word, right, strict=False)) if pair[0] != pair[1]), len(right)
    )
    rest, rest_right = word[same:], right[same:]
    swapped = rest_right[1:2] + rest_right[:1] + rest_right[2:]
    return rest[1:] in (rest_right, rest_right[1:]) or rest in (rest_right, rest_right[1:], swapped)


_INTERNAL_ENDINGS = (
    ".localhost",
    ".local",
    ".localdomain",
    ".internal",
    ".intranet",
    ".lan",
    ".corp",
    ".private",
    ".home",
    ".home.arpa",
)

_TRANSLATED = IPv6Network("64:ff9b::/96")
"""IPv4 addresses inside IPv6 ones, by RFC 6052."""


def _is_internal(name: str) -> bool:
    """Whether a name or an address, however it is written, leads into a network of its own or to the machine itself."""
    address = _address(name)
    if address is not None:
        return not address.is_global or address.is_multicast
    return "." not in name or name.endswith(_INTERNAL_ENDINGS)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    if ":" in name:
        return _address_inside(IPv6Address(name))
    try:
        # As the resolver reads it: 127.1, 0x7f.1 and 2130706433 are all 127.0.0.1.
        return IPv4Address(socket.inet_aton(name))
    except OSError:
        return None


def _address_inside(address: IPv6Address) -> IPv4Address | IPv6Address:
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
