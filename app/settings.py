"""Every setting, typed, from the environment and a .env file; decides what may start; tells all faults at once."""

import difflib
import os
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict
from pydantic_settings import BaseSettings, DotEnvSettingsSource

from .secret import Secret

MINIMUM_SECRET_KEY = 32
"""Fewest characters of CONNECT_SECRET_KEY."""

SHORTEST_SUBMIT_TIMEOUT = 5.0
LONGEST_SUBMIT_TIMEOUT = 600.0
"""Bounds of CONNECT_SUBMIT_TIMEOUT, in seconds."""


class SettingsError(Exception):
    """The settings cannot be used. `faults` has every reason, one sentence each, none with a secret in it."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


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


class Settings(BaseModel):
    """What the server was told. Made by `load`; `repr` shows no secret.

    Either `sandbox` is true and everything of Infisical's is None, or `host` is set together with `token` or with
    `client_id` and `client_secret`. `submit_timeout` is in seconds, for a whole submission. `ignored` names the
    INFISICAL_* variables that CONNECT_SANDBOX=on put aside.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True
    )

    host: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    token: Secret | None = None
    project_id: str | None = None
    ca_bundle: Path | None = None
    bind: Bind = Bind("127.0.0.1", 8000)
    secret_key: Secret | None = None
    submit_timeout: float = 45.0
    supabase_hosts: tuple[str, ...] = ()
    preflight: bool = True
    sandbox: bool
    ignored: tuple[str, ...] = ()

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")) -> Self:
        """The settings of this process, or of `environ` and `env_file`; the environment wins over the file.

        Empty values count as not set. Raises SettingsError with all faults together.
        """
        texts = _texts(os.environ if environ is None else environ, env_file=env_file)
        ignored = _infisical_names(texts) if texts.get("CONNECT_SANDBOX", "").lower() == "on" else ()
        texts = {name: text for name, text in texts.items() if name not in ignored}
        faults = list(_misspelt(texts))
        values, unread = _values(texts)
        faults += unread
        values["sandbox"] = _sandbox(texts, chosen=values.get("sandbox"), bind=values.get("bind"))
        faults += _start_faults(texts, values)
        if faults:
            raise SettingsError(tuple(faults))
        return cls(**values, ignored=ignored)


def _texts(environ: Mapping[str, str], *, env_file: Path | None) -> dict[str, str]:
    written: Mapping[str, str | None] = {} if env_file is None else _file_texts(env_file)
    stripped = (
        {name: (text or "").strip() for name, text in source.items()} for source in (written, environ)
    )
    return {name: text for source in stripped for name, text in source.items() if text}


def _file_texts(env_file: Path) -> Mapping[str, str | None]:
    try:
        return DotEnvSettingsSource(
            BaseSettings, env_file=env_file, env_file_encoding="utf-8-sig", case_sensitive=True
        ).env_vars
    except OSError as error:
        raise SettingsError((f"{env_file} cannot be read: {error.strerror}.",)) from None
    except UnicodeDecodeError:
        raise SettingsError((f"{env_file} must be a text in UTF-8.",)) from None


def _values(texts: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    faults = []
    for setting in SETTINGS:
        text = texts.get(setting.name, setting.default)
        if not text:
            continue
        try:
            values[setting.field] = setting.read(text)
        except ValueError as fault:
            faults.append(f"{setting.name} {fault}.")
    return values, faults


# How one text becomes one value. A fault completes the sentence that the setting's name begins.


def _read_host(text: str) -> str:
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


def _read_word(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be one word of plain characters, without spaces or line breaks")
    return text


def _read_secret_word(text: str) -> Secret:
    return Secret(_read_word(text))


def _read_secret_key(text: str) -> Secret:
    if len(text) < MINIMUM_SECRET_KEY:
        raise ValueError(f"must have at least {MINIMUM_SECRET_KEY} characters")
    return Secret(text)


def _read_ca_bundle(text: str) -> Path:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=text)
    except ssl.SSLError:
        raise ValueError("must be a PEM file with certificates, and this file has none") from None
    except OSError as error:
        raise ValueError(f"must be a file that can be read: {error.strerror}") from None
    return Path(text)


def _read_bind(text: str) -> Bind:
    match = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+)):([0-9]{1,5})", text, re.IGNORECASE)
    if match is None or int(match[3]) > 65535:
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8000 or [::1]:8000")
    if match[1]:
        try:
            ip_address(match[1])
        except ValueError:
            raise ValueError("must have an IPv6 address between its brackets, such as [::1]:8000") from None
    return Bind(match[1] or match[2], int(match[3]))


def _read_submit_timeout(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not SHORTEST_SUBMIT_TIMEOUT <= seconds <= LONGEST_SUBMIT_TIMEOUT:
        raise ValueError(
            f"must be a number of seconds from {SHORTEST_SUBMIT_TIMEOUT:g} to {LONGEST_SUBMIT_TIMEOUT:g}"
        )
    return seconds


def _read_switch(text: str) -> bool:
    if text.lower() not in ("on", "off"):
        raise ValueError("must be on or off, or not be set")
    return text.lower() == "on"


def _read_hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(host.strip().lower().removesuffix(":443") for host in text.split(",") if host.strip())
    if not all(re.fullmatch(r"[a-z0-9.-]+(:[0-9]{1,5})?", host) for host in hosts):
        raise ValueError("must be host names, separated by commas, such as supabase-proxy.example.com")
    return hosts


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One variable: its name, the field of `Settings` it fills, its default as text, and what it is for."""

    name: str
    field: str
    read: Callable[[str], Any]
    default: str = ""
    meaning: str


SETTINGS = (
    Setting(
        name="INFISICAL_HOST",
        field="host",
        read=_read_host,
        meaning="Address of your Infisical, such as `https://eu.infisical.com`. "
        "`https://` is assumed; a slash or `/api` at the end is dropped.",
    ),
    Setting(
        name="INFISICAL_UNIVERSAL_AUTH_CLIENT_ID",
        field="client_id",
        read=_read_word,
        meaning="Client ID of the machine identity the server logs in with (Universal Auth).",
    ),
    Setting(
        name="INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET",
        field="client_secret",
        read=_read_secret_word,
        meaning="Its client secret.",
    ),
    Setting(
        name="INFISICAL_TOKEN",
        field="token",
        read=_read_secret_word,
        meaning="An Infisical access token, used as it is, instead of a client ID and secret. "
        "The server cannot renew it.",
    ),
    Setting(
        name="INFISICAL_PROJECT_ID",
        field="project_id",
        read=_read_word,
        meaning="ID of the project that is preselected.",
    ),
    Setting(
        name="INFISICAL_CA_BUNDLE",
        field="ca_bundle",
        read=_read_ca_bundle,
        meaning="PEM file with the certificates to trust, for an Infisical behind a private authority.",
    ),
    Setting(
        name="CONNECT_BIND",
        field="bind",
        read=_read_bind,
        default="127.0.0.1:8000",
        meaning="Address to listen on, `HOST:PORT`, IPv6 in brackets. Port 0 takes a free one.",
    ),
    Setting(
        name="CONNECT_SECRET_KEY",
        field="secret_key",
        read=_read_secret_key,
        meaning=f"Signs forms and cookies; at least {MINIMUM_SECRET_KEY} characters. "
        "Made up at each start on a loopback address, required on any other.",
    ),
    Setting(
        name="CONNECT_SUBMIT_TIMEOUT",
        field="submit_timeout",
        read=_read_submit_timeout,
        default="45",
        meaning="Seconds for one whole submission: look-ups, checks and create together. "
        f"From {SHORTEST_SUBMIT_TIMEOUT:g} to {LONGEST_SUBMIT_TIMEOUT:g}; "
        "keep it under your proxy's own limit.",
    ),
    Setting(
        name="CONNECT_SUPABASE_HOSTS",
        field="supabase_hosts",
        read=_read_hosts,
        meaning="Hosts besides `api.supabase.com` that are a Supabase Management API or a proxy of it, separated by "
        "commas: a token may be sent there without a warning, and is checked there before it is saved.",
    ),
    Setting(
        name="CONNECT_PREFLIGHT",
        field="preflight",
        read=_read_switch,
        default="on",
        meaning="`off`: do not ask Supabase about a token, nor Infisical about the name, before the connection is "
        "created.",
    ),
    Setting(
        name="CONNECT_SANDBOX",
        field="sandbox",
        read=_read_switch,
        meaning="`on`: a stand-in Infisical, and every `INFISICAL_*` is ignored. `off`: never. "
        "Not set: on when no `INFISICAL_*` is set and the address is loopback.",
    ),
)
"""Every setting, in the order the README lists them."""

_NAMES = tuple(setting.name for setting in SETTINGS)

_CLIENT_ID = "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID"
_CLIENT_SECRET = "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET"  # noqa: S105  # the name of a variable


def _infisical_names(texts: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in texts if name.startswith("INFISICAL_")))


# Kubernetes sets these in every container, for a service that happens to be called "connect" or "infisical".
_OF_KUBERNETES = re.compile(r".+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)")


def _misspelt(texts: Mapping[str, str]) -> Iterator[str]:
    """A fault for every CONNECT_* that is no setting, and for every INFISICAL_* that is nearly one.

    Infisical's own tools read other INFISICAL_* names, so those that resemble nothing here are left alone.
    """
    for name, text in sorted(texts.items()):
        ours = name in _NAMES or _OF_KUBERNETES.fullmatch(name) or ("://" in text and name.endswith("_PORT"))
        if ours or not name.upper().startswith(("CONNECT_", "INFISICAL_")):
            continue
        meant = _meant(name.upper())
        if meant:
            yield f"{name} is not a setting; did you mean {meant}?"
        elif name.startswith("CONNECT_"):
            yield f"{name} is not a setting; the settings are {_listed(_NAMES)}."


def _meant(name: str) -> str | None:
    prefix, _, rest = name.partition("_")
    rests = {ours.removeprefix(f"{prefix}_"): ours for ours in _NAMES if ours.startswith(f"{prefix}_")}
    shortened = [ours for ours in rests if "_" in rest and ours.endswith(f"_{rest}")]
    near = shortened or difflib.get_close_matches(rest, rests, n=1, cutoff=0.74)
    return rests[near[0]] if near else None


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _sandbox(texts: Mapping[str, str], *, chosen: bool | None, bind: Bind | None) -> bool:
    """Whether this is the sandbox: asked for, or nothing of Infisical's is set and only this machine can come in."""
    if chosen is not None:
        return chosen
    return not _infisical_names(texts) and (bind is None or bind.loopback)


def _start_faults(texts: Mapping[str, str], values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the settings taken together. A variable that is set but faulty counts as set here."""
    bind: Bind | None = values.get("bind")
    outside = bind if bind is not None and not bind.loopback else None
    if not values["sandbox"]:
        if "INFISICAL_HOST" not in texts:
            yield _missing_host(texts, outside=outside)
        yield from _credential_faults(texts)
    credential = "INFISICAL_TOKEN" in texts or _CLIENT_ID in texts or _CLIENT_SECRET in texts
    if outside and credential and not values["sandbox"]:
        yield (
            f"CONNECT_BIND is {outside}, which other machines can reach, and whoever opens the page there would act "
            "with the server's own credential; set CONNECT_BIND to a loopback address such as 127.0.0.1:8000."
        )
    if outside and "CONNECT_SECRET_KEY" not in texts:
        yield (
            f"CONNECT_SECRET_KEY must be set, because CONNECT_BIND is {outside}, which is not a loopback address; "
            'make one with: python3 -c "import secrets; print(secrets.token_urlsafe(32))".'
        )


def _missing_host(texts: Mapping[str, str], *, outside: Bind | None) -> str:
    names = _infisical_names(texts)
    if names:
        reason = f", although {_listed(names)} {'is' if len(names) == 1 else 'are'}"
    elif outside:
        reason = f", and by itself the sandbox starts on a loopback address alone, not on {outside}"
    else:
        reason = ", and CONNECT_SANDBOX is off"
    return (
        f"INFISICAL_HOST is not set{reason}; "
        "set it to the address of your Infisical, or set CONNECT_SANDBOX=on to try the wizard on made-up data."
    )


def _credential_faults(texts: Mapping[str, str]) -> Iterator[str]:
    pair = [name for name in (_CLIENT_ID, _CLIENT_SECRET) if name in texts]
    if pair and "INFISICAL_TOKEN" in texts:
        yield f"INFISICAL_TOKEN and {_listed(tuple(pair))} are set, and the server logs in with one of them; keep one."
    elif len(pair) == 1:
        other = _CLIENT_SECRET if pair == [_CLIENT_ID] else _CLIENT_ID
        yield f"{other} is not set, although {pair[0]} is; a machine identity logs in with both."
    elif not pair and "INFISICAL_TOKEN" not in texts and "INFISICAL_HOST" in texts:
        yield (
            "INFISICAL_HOST is set without a credential; "
            f"set {_CLIENT_ID} and {_CLIENT_SECRET}, or INFISICAL_TOKEN."
        )
