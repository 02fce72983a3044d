"""How the text of one setting becomes its value; a fault completes the sentence that the setting's name begins."""

import re
import ssl
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from ..core.secret import Secret

MINIMUM_SECRET_KEY = 32
"""Fewest characters of CONNECT_SECRET_KEY."""

FEWEST_DIFFERENT = 8
"""Fewest different ones among them. A random key in hex digits has more than that."""

CREDENTIAL_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "x-forwarded-access-token", "x-auth-request-access-token"}
    | {"cf-access-jwt-assertion", "x-pomerium-jwt-assertion"}
)
"""In lower case: headers in which signing-in proxies may hand on what opens a door for the person (documentation of
oauth2-proxy, Cloudflare Access and Pomerium). None of them is read here."""

_NOT_THE_PROXYS = CREDENTIAL_HEADERS | {
    *("cookie", "host", "referer", "user-agent"),
    *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
}
"""Headers that hold secrets or that browsers write themselves, and those that tell of the way."""

SHORTEST_SUBMIT_TIMEOUT = 5.0
LONGEST_SUBMIT_TIMEOUT = 600.0
"""Bounds of CONNECT_SUBMIT_TIMEOUT, in seconds."""


class Access(StrEnum):
    """Who may come in, and by which way."""

    THIS_MACHINE = "this machine"
    SIGN_IN = "sign-in"
    PROXY = "proxy"
    OIDC = "oidc"


Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Bind:
    """The address the server listens on. `str()` writes it as the setting does, IPv6 in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the server."""
        return f"http://{self}"

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine can reach it. Unknown names count as reachable from outside."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def listed(text: str) -> tuple[str, ...]:
    """The entries of a list that is separated by commas.

    Commas alone name nobody, and are no list: taken for one, they would set a bound that binds nothing.
    """
    entries = tuple(entry.strip() for entry in text.split(",") if entry.strip())
    if not entries:
        raise ValueError("must name at least one, and has commas alone")
    return entries


def read_infisical_hosts(text: str) -> tuple[str, ...]:
    """One base address, or several for people to choose from."""
    return tuple(dict.fromkeys(read_host(entry) for entry in listed(text)))


def read_host(text: str) -> str:
    """The base of Infisical's address, without a trailing slash and without the `/api` of the API's own address."""
    if not text.isprintable() or " " in text:
        raise ValueError("must be an address without spaces, line breaks or control characters")
    if "?" in text or "#" in text:
        raise ValueError("must be an address without a query (?) or a fragment (#)")
    address = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError("must be an address such as https://eu.infisical.com") from None
    if parts.scheme not in ("https", "http"):
        raise ValueError("must begin with https:// or http://")
    if "@" in parts.netloc:
        raise ValueError("must carry no user name and no password")
    name = parts.hostname or ""
    if not re.fullmatch(r"[\w.-]+|[0-9a-f:.]+", name) or parts.netloc.endswith(":") or "//" in parts.path:
        raise ValueError("must be an address such as https://eu.infisical.com")
    path = parts.path.rstrip("/").removesuffix("/api").rstrip("/")
    bracketed = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{bracketed}{'' if port is None else f':{port}'}{path}"


def read_word(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be one word of plain characters, without spaces or line breaks")
    return text


def read_secret_word(text: str) -> Secret:
    return Secret(read_word(text))


def read_secret_keys(text: str) -> tuple[Secret, ...]:
    keys = listed(text)
    if any(len(key) < MINIMUM_SECRET_KEY for key in keys):
        raise ValueError(f"must have at least {MINIMUM_SECRET_KEY} characters")
    if any(len(set(key)) < FEWEST_DIFFERENT for key in keys):
        raise ValueError("must be made at random, and repeats the same few characters")
    return tuple(Secret(key) for key in keys)


def read_ca_bundle(text: str) -> Path:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=text)
    except ssl.SSLError:
        raise ValueError("must be a PEM file with certificates, and this file has none") from None
    except OSError as error:
        raise ValueError(f"must be a file that can be read: {error.strerror}") from None
    return Path(text)


def read_bind(text: str) -> Bind:
    match = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+)):([0-9]{1,5})", text, re.IGNORECASE)
    if match is None or int(match[3]) > 65535:
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8000 or [::1]:8000")
    if match[1]:
        try:
            ip_address(match[1])
        except ValueError:
            raise ValueError("must have an IPv6 address between its brackets, such as [::1]:8000") from None
    return Bind(match[1] or match[2], int(match[3]))


def read_submit_timeout(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not SHORTEST_SUBMIT_TIMEOUT <= seconds <= LONGEST_SUBMIT_TIMEOUT:
        raise ValueError(
            f"must be a number of seconds from {SHORTEST_SUBMIT_TIMEOUT:g} to {LONGEST_SUBMIT_TIMEOUT:g}"
        )
    return seconds


def read_switch(text: str) -> bool:
    if text.lower() not in ("on", "off"):
        raise ValueError("must be on or off, or not be set")
    return text.lower() == "on"


def read_hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(host.lower().removesuffix(":443") for host in listed(text))
    if not all(re.fullmatch(r"[a-z0-9.-]+(:[0-9]{1,5})?", host) for host in hosts):
        raise ValueError("must be host names, separated by commas, such as supabase-proxy.example.com")
    return hosts


def read_access(text: str) -> Access:
    if text.lower() not in ("sign-in", "proxy", "oidc"):
        raise ValueError("must be sign-in, proxy or oidc, or not be set")
    return Access(text.lower())


def read_networks(text: str) -> tuple[Network, ...]:
    try:
        networks = tuple(ip_network(entry) for entry in listed(text))
    except ValueError:
        raise ValueError(
            "must be addresses or networks, separated by commas, such as 10.0.0.7, 10.1.0.0/16"
        ) from None
    if any(network.prefixlen == 0 for network in networks):
        raise ValueError("must not name every address, for then everybody would be believed")
    return networks


def read_header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,100}", text):
        raise ValueError("must be the name of a header, such as X-Forwarded-User")
    if text.lower() in _NOT_THE_PROXYS:
        raise ValueError(
            "must be a header in which the proxy names the person, and this one says something else"
        )
    return text


def read_names(text: str) -> tuple[str, ...]:
    return listed(text)


def read_emails(text: str) -> tuple[str, ...]:
    emails = tuple(entry.lower() if entry.isascii() else entry for entry in listed(text))
    if not all(re.fullmatch(r"[^@\s]+@[^@\s]+", email) for email in emails):
        raise ValueError("must be e-mail addresses, separated by commas")
    return emails


def read_issuer(text: str) -> str:
    """The issuer exactly as the identity provider writes it: its ID tokens name it letter by letter."""
    try:
        parts = urlsplit(text)
        loopback = Bind(parts.hostname or "", 0).loopback
    except ValueError:
        parts, loopback = urlsplit(""), False
    if (
        not text.isprintable()
        or " " in text
        or not parts.hostname
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise ValueError("must be an address such as https://id.example.com/realms/company")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise ValueError("must begin with https://")
    return text


def read_rate_storage(text: str) -> Secret | None:
    """The address of a Redis, which may hold its password; None for memory."""
    if text == "memory":
        return None
    if not text.startswith(("redis://", "rediss://")) or not text.isprintable() or " " in text:
        raise ValueError("must be memory, or an address that begins with redis:// or rediss://")
    if not _makes_a_connection(text):
        raise ValueError("must be an address such as redis://:password@redis.example.com:6379/0")
    return Secret(text)


def _makes_a_connection(address: str) -> bool:
    """Whether redis-py understands the whole address, its port and its parameters; nothing is connected to."""
    from redis import ConnectionPool  # noqa: PLC0415  # who counts in memory need not load it

    with suppress(Exception):
        ConnectionPool.from_url(address).make_connection()
        return True
    # Outside the block: what redis-py raises has the password in its frames.
    return False


def read_audit_log(text: str) -> Path | None:
    """The file, or None for standard output."""
    return None if text == "stdout" else Path(text)
