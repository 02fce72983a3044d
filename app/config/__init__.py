"""Every setting, typed, from the environment and a .env file; decides what may start; tells all faults at once."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict
from pydantic_settings import BaseSettings, DotEnvSettingsSource

from ..core.secret import Secret
from .names import infisical_names, misspelt
from .reading import CREDENTIAL_HEADERS, Access, Bind, Network
from .starting import access_of, is_sandbox, mounted_faults, mounted_texts, start_faults
from .table import SETTINGS, Setting

__all__ = [
    "CREDENTIAL_HEADERS",
    "SETTINGS",
    "Access",
    "Bind",
    "Network",
    "Setting",
    "Settings",
    "SettingsError",
]


class SettingsError(Exception):
    """The settings cannot be used. `faults` has every reason, one sentence each, none with a secret in it."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Settings(BaseModel):
    """What the server was told. Made by `load` or `load_mounted`; `repr` shows no secret.

    Either `sandbox` is true and everything of Infisical's is None or empty, or `hosts` has an address. The server's own
    credential is `token`, or `client_id` and `client_secret`, where `access` wants one. The first of `secret_keys` signs
    and seals, all of them open. `submit_timeout` is in seconds, for a whole submission. `rate_storage` None counts in
    memory, `audit_log` None writes to standard output. `ignored` names the INFISICAL_* variables that
    CONNECT_SANDBOX=on put aside.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True
    )

    hosts: tuple[str, ...] = ()
    client_id: str | None = None
    client_secret: Secret | None = None
    token: Secret | None = None
    project_id: str | None = None
    ca_bundle: Path | None = None
    bind: Bind = Bind("127.0.0.1", 8000)
    secret_keys: tuple[Secret, ...] = ()
    served_hosts: tuple[str, ...] = ()
    access: Access
    proxy_trusted: tuple[Network, ...] = ()
    proxy_user_header: str = "X-Forwarded-User"
    proxy_groups_header: str = "X-Forwarded-Groups"
    proxy_allowed_groups: tuple[str, ...] = ()
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: Secret | None = None
    oidc_exchange: bool = True
    oidc_allowed_emails: tuple[str, ...] = ()
    oidc_allowed_groups: tuple[str, ...] = ()
    oauth_client_id: str | None = None
    oauth_client_secret: Secret | None = None
    rate_storage: Secret | None = None
    audit_log: Path | None = None
    submit_timeout: float = 45.0
    supabase_hosts: tuple[str, ...] = ()
    preflight: bool = True
    sandbox: bool
    ignored: tuple[str, ...] = ()

    @property
    def host(self) -> str | None:
        """The one address of Infisical, or the first of several."""
        return self.hosts[0] if self.hosts else None

    @property
    def what_leaves(self) -> str:
        """What the sandbox promises of this machine's network, as the end of a sentence."""
        only = "nothing but the sign-in" if self.access is Access.OIDC else "nothing"
        return f"{only} leaves this machine"

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")) -> Self:
        """The settings of this process, or of `environ` and `env_file`; the environment wins over the file.

        Empty values count as not set. Raises SettingsError with all faults together.
        """
        return cls._read(_texts(environ, env_file=env_file))

    @classmethod
    def load_mounted(
        cls, environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")
    ) -> Self:
        """The same for a wizard that is mounted in another Flask app, where `CONNECT_BIND` has no meaning.

        Nothing about who comes in may be set, and the sandbox starts with `CONNECT_SANDBOX=on` alone. Raises
        SettingsError with all faults together.
        """
        texts = _texts(environ, env_file=env_file)
        return cls._read(mounted_texts(texts), *mounted_faults(texts))

    @classmethod
    def _read(cls, texts: Mapping[str, str], *found: str) -> Self:
        ignored = infisical_names(texts) if texts.get("CONNECT_SANDBOX", "").lower() == "on" else ()
        texts = {name: text for name, text in texts.items() if name not in ignored}
        faults = [*found, *misspelt(texts)]
        values, unread = _values(texts)
        faults += unread
        values["sandbox"] = is_sandbox(texts, values)
        values["access"] = access_of(texts, values)
        faults += start_faults(texts, values)
        if faults:
            raise SettingsError(tuple(faults))
        return cls(**values, ignored=ignored)


def _texts(environ: Mapping[str, str] | None, *, env_file: Path | None) -> dict[str, str]:
    environ = os.environ if environ is None else environ
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
