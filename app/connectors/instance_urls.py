"""Which texts can be the URL of a Supabase Management API, which are definitely not, and which are worth a warning."""

import ipaddress
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import SplitResult, urlsplit

CLOUD_HOST = "api.supabase.com"
SUPABASE_CLOUD = f"https://{CLOUD_HOST}"
LONGEST = 255
"""Characters, as Infisical's own rule has it (`credentials.instanceUrl`)."""

_LABEL = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)$")
_PATH = re.compile(r"^[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*$")
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Zs", "Cs", "Co"}
_EXAMPLE = f"like {SUPABASE_CLOUD}."


class InstanceUrlError(ValueError):
    """The text cannot be an instance URL; the message says why, in a sentence for the page."""


@dataclass(frozen=True, slots=True)
class InstanceUrl:
    """An instance URL as it is sent: lower-case scheme and host, no `/v1` and no slash at the end."""

    text: str
    host: str
    encrypted: bool

    @property
    def is_supabase_cloud(self) -> bool:
        return self.text == SUPABASE_CLOUD


def read_instance_url(typed: str) -> InstanceUrl:
    """The instance URL that a person meant; nothing typed means Supabase Cloud. Raises InstanceUrlError.

    Written by hand because WTForms' URL() takes line breaks, text-direction marks and link-local addresses, and
    urllib silently removes line breaks.
    """
    text = typed.strip() or SUPABASE_CLOUD
    strange = any(unicodedata.category(character) in _INVISIBLE for character in text[: 4 * LONGEST])
    _refuse(
        (len(text) > 4 * LONGEST, f"be {LONGEST} characters or fewer."),
        (strange, "not have spaces, line breaks or invisible characters."),
        ("\\" in text, "not have a backslash."),
    )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InstanceUrlError(f"The instance URL must be a web address, {_EXAMPLE}") from None
    # Infisical adds /v1 itself: it asks {instance URL}/v1/projects.
    path = re.sub(r"(?:/+v1)*/*\Z", "", parts.path)
    is_web = parts.scheme in {"http", "https"} and text.lower().startswith(f"{parts.scheme}://")
    _refuse(
        (not is_web, f"start with https://, {_EXAMPLE}"),
        ("@" in parts.netloc, "not have a user name or a password in it."),
        (bool(parts.query or parts.fragment), "end before “?” and “#”."),
    )
    host = _host(parts)
    usual = 443 if parts.scheme == "https" else 80
    netloc = host if port is None or port == usual else f"{host}:{port}"
    url = f"{parts.scheme}://{netloc}{path}"
    _refuse(
        (not _PATH.match(path), "not have a character after the host that does not belong there."),
        (len(url) > LONGEST, f"be {LONGEST} characters or fewer."),
    )
    return InstanceUrl(text=url, host=netloc, encrypted=parts.scheme == "https")


def _refuse(*rules: tuple[bool, str]) -> None:
    """Raises the first fault there is: what the instance URL must be, or must not have."""
    for broken, rule in rules:
        if broken:
            raise InstanceUrlError(f"The instance URL must {rule}")


def _host(parts: SplitResult) -> str:
    """The host in ASCII: a name that only looks like Supabase's is shown as what it is (xn--…)."""
    name = parts.hostname or ""
    try:
        if "[" in parts.netloc:
            # A zone ("%eth0") means something on one machine only, and after it stands any text at all.
            return f"[{ipaddress.IPv6Address(name.replace('%', ' ')).compressed}]"
        ascii_name = name.encode("idna").decode("ascii").lower()
    except ValueError:
        ascii_name = ""
    labels = ascii_name.removesuffix(".").split(".")
    _refuse((not all(map(_LABEL.match, labels)), f"name a host, {_EXAMPLE}"))
    return ascii_name


class Judged(NamedTuple):
    """What is wrong with an instance URL, or doubtful: "doubtful" can be used all the same, "wrong" cannot.

    `lead` is the sentence for the page, `detail` why and what to do; the URL to offer instead is SUPABASE_CLOUD.
    """

    verdict: Literal["wrong", "doubtful"]
    lead: str
    detail: str


_THE_API = f"Supabase’s Management API is at {SUPABASE_CLOUD}, with nothing before or after it."
_UNENCRYPTED = "The URL starts with http, not https"

_WRONG = (
    ("Supabase’s dashboard", re.compile(r"(?:(?:www|app)\.)?supabase\.com|app\.supabase\.io")),
    # REF.supabase.co, db.REF.supabase.co, REF.functions.supabase.co, and the same under supabase.in.
    (
        "one project, {0}",
        re.compile(r"(?:[a-z0-9-]+\.)*?([a-z]{20})(?:\.[a-z]+)?\.supabase\.(?:co|in)"),
    ),
    # A project's address without its reference: a chosen subdomain, or the shared database poolers.
    ("one project", re.compile(r"(?!api\.)(?:[a-z0-9-]+\.)+(?:supabase\.(?:co|in)|pooler\.supabase\.com)")),
)
"""Supabase's own addresses that are no Management API."""

_INTERNAL = re.compile(
    r"[^.]*|.*\.(?:localhost|local|localdomain|internal|intranet|lan|corp|private|home|home\.arpa)"
)


def judge(url: InstanceUrl) -> Judged | None:
    """What to say about an instance URL; None for Supabase Cloud, and for no other."""
    if url.is_supabase_cloud:
        return None
    name = (urlsplit(url.text).hostname or "").removesuffix(".")
    for what, shape in _WRONG:
        if found := shape.fullmatch(name):
            lead = f"This is the address of {what.format(*found.groups())}."
            detail = f"The address that Infisical needs is that of the Management API, {SUPABASE_CLOUD}."
            return Judged("wrong", lead, detail)
    lead = "Your token will be sent to {}, which is not Supabase Cloud."
    if name != CLOUD_HOST and not name.endswith(".supabase.com"):
        return Judged("doubtful", lead.format(url.host), " ".join(_reasons(url, name)))
    # The right host by another scheme, port, path or spelling, or another host of Supabase's.
    if not url.encrypted:
        lead = f"Your token would travel unencrypted to {url.host}."
        return Judged("doubtful", lead, f"{_UNENCRYPTED}. {_THE_API}")
    return Judged("doubtful", lead.format(url.text.removeprefix("https://")), _THE_API)


def _reasons(url: InstanceUrl, name: str) -> Iterator[str]:
    """Every reason to doubt an address that is not Supabase's, the gravest first."""
    imitates = name.startswith("api.supabase.")
    if imitates:
        yield "This address imitates Supabase’s, and is not Supabase’s. Whoever runs it gets the token."
    if not url.encrypted:
        yield f"{_UNENCRYPTED}: the token would travel unencrypted, for anyone on the way to read."
    if _is_internal(name):
        yield "Infisical refuses internal addresses unless its operator allows them."
    if imitates:
        return
    if "supabase" in name:
        yield (
            "That “supabase” stands in an address does not make it Supabase’s: continue only if you know who runs it."
        )
    else:
        yield "Continue only if you know who runs it."
    yield (
        "A Supabase that you host yourself has no Management API: only Supabase Cloud, a proxy of it or a compatible "
        "service can work here."
    )


def _is_internal(name: str) -> bool:
    """Whether a name or an address leads into a network of its own or to the machine itself."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return _INTERNAL.fullmatch(name) is not None
    address = getattr(address, "ipv4_mapped", None) or address
    return not address.is_global or address.is_multicast
