"""What each setting may be, and what may start; every fault is one sentence."""

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidatorFunctionWrapHandler, WrapValidator

from .core.secret import Secret
from .core.text import listed, toml_beside

if TYPE_CHECKING:
    from .config import Settings

CREDENTIAL_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "x-forwarded-access-token", "x-auth-request-access-token"}
    | {"cf-access-jwt-assertion", "x-pomerium-jwt-assertion"}
)
"""In lower case: headers in which signing-in proxies may hand on what opens something to the person (documentation of
oauth2-proxy, Cloudflare Access and Pomerium). None of them is read here."""


class Access(StrEnum):
    """Who may come in, by the word of CONNECT_ACCESS. For this machine alone there is none."""

    THIS_MACHINE = ""
    SIGN_IN = "sign-in"
    PROXY = "proxy"
    OIDC = "oidc"


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
        with suppress(ValueError):
            return ip_address(self.host).is_loopback
        return self.host.lower() == "localhost"


_FAULTS = toml_beside(__file__, "config_rules.toml")
_LISTS: dict[str, dict[str, str]] = _FAULTS.pop("lists")
_QUOTED = re.compile(r"""(["'`]).*\1|“.*”|‘.*’|„.*“|«.*»""", re.DOTALL)

# ── What each may be ───────────────────────────────────────────────────────────────────────────────────────────────


def must(sentence: str) -> WrapValidator:
    """What pydantic finds wrong with a value, told in our words: it would tell the value, or nothing of what is asked."""

    def judged(text: str, judge: ValidatorFunctionWrapHandler) -> Any:
        with suppress(ValueError):
            return judge(text)
        raise ValueError(f"must {sentence}")

    return WrapValidator(judged)


def unquoted(text: str) -> str:
    """Shells and .env files take quotes off; what hands a value on as it stands does not."""
    if _QUOTED.fullmatch(text):
        raise ValueError("must have no quotes round it: docker --env-file leaves them in a value")
    return text


def one_word(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be one word of plain characters, without spaces or line breaks")
    return text


def infisical_id(text: str) -> str:
    """Not what was meant for the secret beside it: Infisical's IDs are UUIDs, its client secrets 64 hex digits."""
    if re.match(r"[0-9a-f]{40}|sbp?_|eyJ|st\.", one_word(text), re.IGNORECASE):
        raise ValueError("must be an ID, and has the shape of a secret")
    return text


def entries_of(text: str) -> tuple[str, ...]:
    """The entries of a list that is separated by commas.

    Commas alone name nobody, and are no list: taken for one, they would set a bound that binds nothing.
    """
    entries = tuple(unquoted(entry.strip()) for entry in text.split(",") if entry.strip())
    if not entries:
        raise ValueError("must name at least one, and has commas alone")
    return entries


def each(kind: str) -> BeforeValidator:
    """A list whose entries, in lower case, have the shape of a kind. Letters beyond ASCII stay: two may have one small
    letter."""

    def judged(text: str) -> tuple[str, ...]:
        entries = tuple(entry.lower() if entry.isascii() else entry for entry in entries_of(text))
        if not all(re.fullmatch(_LISTS[kind]["shape"], entry) for entry in entries):
            raise ValueError(f"must be {_LISTS[kind]['are']}")
        return entries

    return BeforeValidator(judged)


def infisical_hosts(text: str) -> tuple[str, ...]:
    """The bases of Infisical's addresses, without a trailing slash and without the `/api` of the API's own address."""
    hosts = []
    for entry in entries_of(text):
        parts = _address(entry if "://" in entry else f"https://{entry}", example="https://eu.infisical.com")
        if parts.scheme not in ("https", "http"):
            raise ValueError("must begin with https:// or http://")
        path = parts.path.rstrip("/").removesuffix("/api").rstrip("/")
        hosts.append(f"{parts.scheme}://{parts.netloc.lower()}{path}")
    return tuple(dict.fromkeys(hosts))


def issuer(text: str) -> str:
    """The issuer exactly as the identity provider writes it: its ID tokens name it letter by letter."""
    parts = _address(text, example="https://id.example.com/realms/company")
    if parts.scheme != "https" and not (parts.scheme == "http" and Bind(parts.hostname or "", 0).loopback):
        raise ValueError("must begin with https://")
    return text


def _address(text: str, *, example: str) -> SplitResult:
    """The parts of an address that has a host, perhaps a port and a path, and nothing else. A token is no host."""
    if not text.isprintable() or " " in text:
        raise ValueError("must be an address without spaces, line breaks or control characters")
    if "?" in text or "#" in text:
        raise ValueError("must be an address without a query (?) or a fragment (#)")
    with suppress(ValueError):
        parts = urlsplit(text)
        host = re.fullmatch(
            r"(?i)(?!sbp?_|eyJ\w+\.eyJ|[\w.-]*[\w-]{64})([\w.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?", parts.netloc
        )
        if host and parts.port != 0 and "//" not in parts.path:
            return parts
    if re.match(r"\w+://[^/]*@", text):
        raise ValueError("must carry no user name and no password")
    raise ValueError(f"must be an address such as {example}")


def secret_keys(text: str) -> tuple[Secret, ...]:
    keys = entries_of(text)
    if any(len(key) < 32 for key in keys):
        raise ValueError("must have at least 32 characters")
    # A random key in hex digits has more than eight different ones.
    if any(len(set(key)) < 8 for key in keys):
        raise ValueError("must be made at random, and repeats the same few characters")
    return tuple(Secret(key) for key in keys)


def ca_bundle(text: str) -> Path:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=text)
    except ssl.SSLError:
        raise ValueError("must be a PEM file with certificates, and this file has none") from None
    except OSError as error:
        raise ValueError(f"must be a file that can be read: {error.strerror}") from None
    return Path(text)


def bind(text: str) -> Bind:
    match = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+)):([0-9]{1,5})", text, re.IGNORECASE)
    if match is None or int(match[3]) > 65535:
        raise ValueError
    if match[1]:
        ip_address(match[1])
    return Bind(match[1] or match[2], int(match[3]))


def some_networks(networks: tuple[Any, ...]) -> tuple[Any, ...]:
    if any(network.prefixlen == 0 for network in networks):
        raise ValueError("must not name every address, for then everybody would be believed")
    return networks


def header_of_proxy(name: str) -> str:
    """Not one that holds a secret, that browsers write themselves, or that tells of the way."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,100}", name):
        raise ValueError("must be the name of a header, such as X-Forwarded-User")
    of_browsers = {"cookie", "host", "referer", "user-agent"}
    of_the_way = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
    if name.lower() in CREDENTIAL_HEADERS | of_browsers | of_the_way:
        raise ValueError(
            "must be a header in which the proxy names the person, and this one says something else"
        )
    return name


def rate_storage(text: str) -> Secret | None:
    """The address of a Redis, which may hold its password; None for memory."""
    if text == "memory":
        return None
    if not text.startswith(("redis://", "rediss://")) or not text.isprintable() or " " in text:
        raise ValueError("must be memory, or an address that begins with redis:// or rediss://")
    from redis import ConnectionPool  # noqa: PLC0415  # who counts in memory need not load it

    with suppress(Exception):
        # Nothing is connected to: this reads the whole address, its port and its parameters.
        ConnectionPool.from_url(text).make_connection()
        return Secret(text)
    # Outside the block: what redis-py raises has the password in its frames.
    raise ValueError("must be an address such as redis://:password@redis.example.com:6379/0")


Network = IPv4Network | IPv6Network

Word = Annotated[str, BeforeValidator(one_word)]
InfisicalId = Annotated[str, BeforeValidator(infisical_id)]
SecretWord = Annotated[Secret, BeforeValidator(Secret), BeforeValidator(one_word)]
SecretKeys = Annotated[tuple[Secret, ...], BeforeValidator(secret_keys)]
InfisicalHosts = Annotated[tuple[str, ...], BeforeValidator(infisical_hosts)]
CaBundle = Annotated[Path, BeforeValidator(ca_bundle)]
Issuer = Annotated[str, BeforeValidator(issuer)]
RateStorage = Annotated[Secret | None, BeforeValidator(rate_storage)]
AuditLog = Annotated[Path | None, BeforeValidator(lambda text: None if text == "stdout" else Path(text))]
Listen = Annotated[Bind, BeforeValidator(bind), must("be HOST:PORT, such as 127.0.0.1:8000 or [::1]:8000")]
WayIn = Annotated[Access, BeforeValidator(str.lower), must("be sign-in, proxy or oidc, or not be set")]
Switch = Annotated[
    bool,
    BeforeValidator(lambda text: ("off", "on").index(text.lower())),
    must("be on or off, or not be set"),
]
Seconds = Annotated[float, Field(ge=5, le=600), must("be a number of seconds from 5 to 600")]
PathPrefix = Annotated[
    str, Field(pattern=r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+/?$"), must("be a path such as /connect")
]
Threads = Annotated[int, Field(ge=1, le=1000), must("be a whole number from 1 to 1000")]
Names = Annotated[tuple[str, ...], BeforeValidator(entries_of)]
Emails = Annotated[tuple[str, ...], each("emails")]
Domains = Annotated[tuple[str, ...], each("domains")]
Origins = Annotated[tuple[str, ...], each("origins")]
_HostName = Annotated[str, AfterValidator(lambda name: name.removesuffix(":443"))]
HostNames = Annotated[tuple[_HostName, ...], each("host-names")]
Header = Annotated[str, BeforeValidator(header_of_proxy)]
Networks = Annotated[
    tuple[Network, ...],
    must("be addresses or networks, separated by commas, such as 10.0.0.7, 10.1.0.0/16"),
    BeforeValidator(entries_of),
    AfterValidator(some_networks),
]


# ── What may start ─────────────────────────────────────────────────────────────────────────────────────────────────

_PAIR = ("INFISICAL_UNIVERSAL_AUTH_CLIENT_ID", "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET")
_CREDENTIAL = (*_PAIR, "INFISICAL_TOKEN")
_OAUTH = ("INFISICAL_OAUTH_CLIENT_ID", "INFISICAL_OAUTH_CLIENT_SECRET")
_PROVIDER = ("CONNECT_OIDC_ISSUER", "CONNECT_OIDC_CLIENT_ID", "CONNECT_OIDC_CLIENT_SECRET")
_ALLOWED = ("CONNECT_OIDC_ALLOWED_EMAILS", "CONNECT_OIDC_ALLOWED_GROUPS")
_OF_PROXY = ("CONNECT_PROXY_USER_HEADER", "CONNECT_PROXY_GROUPS_HEADER", "CONNECT_PROXY_ALLOWED_GROUPS")
_OF_OIDC = (*_PROVIDER, "CONNECT_OIDC_EXCHANGE", *_ALLOWED, "CONNECT_OIDC_UNVERIFIED_DOMAINS")
_ABOUT_ACCESS = ("CONNECT_ACCESS", "CONNECT_HOSTS", "CONNECT_PROXY_TRUSTED", *_OF_PROXY, *_OF_OIDC)
"""Settings about who comes in, which is for the guard to say where the wizard is mounted in another app."""
NOT_MOUNTED = ("CONNECT_BIND", "CONNECT_PATH_PREFIX", *_ABOUT_ACCESS)
"""Those that do not count there."""

_OF_MANY = re.compile(
    r"https://(?:accounts\.google\.com|(?:login|sts)(?:\.partner)?\.(?:microsoft(?:online)?|windows|chinacloudapi)\.\w++(?::443)?+"
    r"(?!/(?!9188040d-6c67-)[0-9a-f]{8}-[0-9a-f-]{27}(?:/|$))|.*\{)",
    re.IGNORECASE,
)
"""Issuers that vouch for people of any tenant. Entra ID's names one by the tenant's ID, which is one for all personal
accounts (Microsoft identity platform, "OpenID Connect")."""

Texts = Mapping[str, str]
"""What is set, by the name of its setting. A default that is written out counts as not set: .env.example has them all."""


def infisical_names(texts: Texts) -> tuple[str, ...]:
    return tuple(sorted(name for name in texts if name.startswith("INFISICAL_")))


def unsaid(settings: "Settings", texts: Texts) -> dict[str, Any]:
    """Whether it is the sandbox, and the way in, also where no setting says so: what is left by those that are set."""
    sandbox, access = settings.sandbox, settings.access
    if "sandbox" not in settings.model_fields_set:
        sandbox = not infisical_names(texts) and settings.bind.loopback
    nobody_acts = "INFISICAL_HOST" in texts and not _set(texts, _CREDENTIAL)
    if "access" not in settings.model_fields_set and nobody_acts and not sandbox:
        access = Access.SIGN_IN
    return {"sandbox": sandbox, "access": access}


def mounted_faults(texts: Texts) -> Iterator[str]:
    """What is set although a mounted wizard does not heed it, and whoever wrote it counts on it."""
    if idle := _set(texts, _ABOUT_ACCESS):
        yield fault("mounted", are=_are(idle), them="it" if len(idle) == 1 else "them")


def start_faults(settings: "Settings", texts: Texts) -> Iterator[str]:
    """What is wrong with the settings taken together. One that is set but faulty counts as set."""
    if not settings.sandbox:
        yield from _infisical_faults(settings, texts)
    if len(settings.hosts) > 1 and settings.access is not Access.SIGN_IN:
        yield fault("several-hosts")
    yield from _access_faults(settings, texts)
    if settings.access is Access.OIDC:
        yield from _oidc_faults(settings, texts)
    if not settings.bind.loopback:
        yield from _outside_faults(settings, texts)


def _set(texts: Texts, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the names that are set, by the name that sets them: a secret may be in a file."""
    return tuple(found for name in names for found in (name, f"{name}_FILE") if found in texts)


def _are(names: tuple[str, ...]) -> str:
    return f"{listed(names)} {'is' if len(names) == 1 else 'are'}"


def fault(name: str, **values: object) -> str:
    """The sentence of that name in config_rules.toml, with these values in it."""
    return str(_FAULTS[name]).format_map(values)


def _infisical_faults(settings: "Settings", texts: Texts) -> Iterator[str]:
    reason = fault("sandbox-off")
    if not settings.bind.loopback:
        reason = fault("sandbox-outside", bind=settings.bind)
    if names := infisical_names(texts):
        reason = f"although {_are(names)}"
    if "INFISICAL_HOST" not in texts:
        yield fault("no-host", reason=reason)
    pair, credential = _set(texts, _PAIR), _set(texts, _CREDENTIAL)
    if pair and (token := _set(texts, ("INFISICAL_TOKEN",))):
        yield fault("two-credentials", token=token[0], pair=listed(pair))
    elif len(pair) == 1:
        (other,) = set(_PAIR) - {pair[0].removesuffix("_FILE")}
        yield fault("half-a-pair", other=other, one=pair[0])
    if settings.own_rights and credential:
        yield fault("credential-of-nobody", are=_are(credential), access=settings.access)
    if not settings.own_rights and not credential and "INFISICAL_HOST" in texts:
        yield fault("no-credential", access=settings.access, pair=listed(_PAIR))


def _access_faults(settings: "Settings", texts: Texts) -> Iterator[str]:
    for way_in, names in ((Access.PROXY, _OF_PROXY), (Access.OIDC, (*_OF_OIDC, *_OAUTH))):
        if settings.access is not way_in and (idle := _set(texts, names)):
            yield fault("idle", are=_are(idle), where=f"CONNECT_ACCESS={way_in}")
    idle = _set(texts, ("CONNECT_PROXY_TRUSTED", "CONNECT_HOSTS"))
    if settings.access is Access.THIS_MACHINE and idle:
        yield fault("this-machine-alone", are=_are(idle))
    if settings.access is Access.PROXY and "CONNECT_PROXY_TRUSTED" not in texts:
        yield fault("no-trusted-proxy")


def _oidc_faults(settings: "Settings", texts: Texts) -> Iterator[str]:
    exchange = settings.oidc_exchange
    wanted = (*_PROVIDER, *(_OAUTH if exchange and not settings.sandbox else ()))
    if missing := tuple(name for name in wanted if not _set(texts, (name,))):
        yield fault("no-provider", are=_are(missing))
    if not exchange and (idle := _set(texts, _OAUTH)):
        yield fault("idle", are=_are(idle), where="CONNECT_OIDC_EXCHANGE=on")
    if not exchange and not _set(texts, _ALLOWED):
        yield fault("everybody-of-provider")
    if "CONNECT_OIDC_UNVERIFIED_DOMAINS" in texts and _OF_MANY.match(settings.oidc_issuer or ""):
        yield fault("many-tenants")


def _outside_faults(settings: "Settings", texts: Texts) -> Iterator[str]:
    of_this_machine = settings.access is Access.THIS_MACHINE
    if of_this_machine and (settings.sandbox or _set(texts, _CREDENTIAL)):
        yield fault("everybody-outside", bind=settings.bind)
    if not _set(texts, ("CONNECT_SECRET_KEY",)):
        yield fault("no-key", bind=settings.bind)
    if "CONNECT_HOSTS" not in texts and not of_this_machine:
        yield fault("no-host-names", bind=settings.bind)
