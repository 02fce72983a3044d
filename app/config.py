"""Every setting, one row each: its name, type and default, and from config.toml its meaning, for `make docs` to tell."""

import difflib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from . import config_rules as rules
from .config_rules import CREDENTIAL_HEADERS, Access, Bind, Network
from .core.secret import Secret
from .core.text import listed, toml_beside

__all__ = ["CREDENTIAL_HEADERS", "SETTINGS", "Access", "Bind", "Network", "Settings", "SettingsError"]


class SettingsError(Exception):
    """The settings cannot be used. `faults` has every reason, one sentence each, none with a secret in it."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


_MEANINGS: dict[str, str] = toml_beside(__file__, "config.toml")


def _row(name: str, *, unset: Any = None, default: str = "") -> Any:
    """A setting: the variable's name, and either what the field is without it or the text of its default."""
    value: Any = default or unset
    return Field(value, alias=name, validate_default=bool(default), description=_MEANINGS[name])


class Settings(BaseModel):
    """What the server was told. Made by `load` or `load_mounted`; `repr` shows no secret.

    Either `sandbox` is true and everything of Infisical's is None or empty, or `hosts` has an address. The server's own
    credential is `token`, or `client_id` and `client_secret`, where `access` wants one. The first of `secret_keys` signs
    and encrypts, all of them decrypt. `submit_timeout` is in seconds, for a whole submission. `rate_storage` None counts in
    memory, `audit_log` None writes to standard output. What a setting means for people is in config.toml.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)

    hosts: rules.InfisicalHosts = _row("INFISICAL_HOST", unset=())
    client_id: rules.InfisicalId | None = _row("INFISICAL_UNIVERSAL_AUTH_CLIENT_ID")
    client_secret: rules.SecretWord | None = _row("INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET")
    token: rules.SecretWord | None = _row("INFISICAL_TOKEN")
    project_id: rules.InfisicalId | None = _row("INFISICAL_PROJECT_ID")
    ca_bundle: rules.CaBundle | None = _row("INFISICAL_CA_BUNDLE")
    authorities: rules.CaBundle | None = _row("CONNECT_CA_BUNDLE")
    bind: rules.Listen = _row("CONNECT_BIND", default="127.0.0.1:8000")
    path_prefix: rules.PathPrefix = _row("CONNECT_PATH_PREFIX", unset="")
    secret_keys: rules.SecretKeys = _row("CONNECT_SECRET_KEY", unset=())
    served_hosts: rules.HostNames = _row("CONNECT_HOSTS", unset=())
    access: rules.WayIn = _row("CONNECT_ACCESS", unset=Access.THIS_MACHINE)
    frame_ancestors: rules.Origins = _row("CONNECT_FRAME_ANCESTORS", unset=())
    proxy_trusted: rules.Networks = _row("CONNECT_PROXY_TRUSTED", unset=())
    proxy_user_header: rules.Header = _row("CONNECT_PROXY_USER_HEADER", default="X-Forwarded-User")
    proxy_groups_header: rules.Header = _row("CONNECT_PROXY_GROUPS_HEADER", default="X-Forwarded-Groups")
    proxy_allowed_groups: rules.Names = _row("CONNECT_PROXY_ALLOWED_GROUPS", unset=())
    oidc_issuer: rules.Issuer | None = _row("CONNECT_OIDC_ISSUER")
    oidc_client_id: rules.Word | None = _row("CONNECT_OIDC_CLIENT_ID")
    oidc_client_secret: rules.SecretWord | None = _row("CONNECT_OIDC_CLIENT_SECRET")
    oidc_exchange: rules.Switch = _row("CONNECT_OIDC_EXCHANGE", default="on")
    oidc_allowed_emails: rules.Emails = _row("CONNECT_OIDC_ALLOWED_EMAILS", unset=())
    oidc_allowed_groups: rules.Names = _row("CONNECT_OIDC_ALLOWED_GROUPS", unset=())
    oidc_unverified_domains: rules.Domains = _row("CONNECT_OIDC_UNVERIFIED_DOMAINS", unset=())
    oauth_client_id: rules.Word | None = _row("INFISICAL_OAUTH_CLIENT_ID")
    oauth_client_secret: rules.SecretWord | None = _row("INFISICAL_OAUTH_CLIENT_SECRET")
    rate_storage: rules.RateStorage = _row("CONNECT_RATE_STORAGE", default="memory")
    audit_log: rules.AuditLog = _row("CONNECT_AUDIT_LOG", default="stdout")
    submit_timeout: rules.Seconds = _row("CONNECT_SUBMIT_TIMEOUT", default="45")
    threads: rules.Threads = _row("CONNECT_THREADS", default="128")
    trusted_hosts: rules.HostNames = _row("CONNECT_SUPABASE_HOSTS", unset=())
    preflight: rules.Switch = _row("CONNECT_PREFLIGHT", default="on")
    sandbox: rules.Switch = _row("CONNECT_SANDBOX", unset=False)
    ignored: tuple[str, ...] = ()
    """The INFISICAL_* variables that CONNECT_SANDBOX=on put aside."""

    @property
    def own_rights(self) -> bool:
        """Whether each person acts at Infisical with rights of their own, and none is the server's."""
        return self.access is Access.SIGN_IN or (self.access is Access.OIDC and self.oidc_exchange)

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the pages."""
        return f"{self.bind.url}{self.path_prefix}"

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
        return cls._started(_texts(environ, env_file=env_file))

    @classmethod
    def load_mounted(
        cls, environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")
    ) -> Self:
        """The same for a wizard that is mounted in another Flask app, where `CONNECT_BIND` has no meaning.

        Nothing about who comes in may be set. Where that app listens is not known, so the sandbox starts with
        `CONNECT_SANDBOX=on` alone. Raises SettingsError with all faults together.
        """
        texts = _texts(environ, env_file=env_file)
        kept = {name: texts[name] for name in texts if name.removesuffix("_FILE") not in rules.NOT_MOUNTED}
        return cls._started({"CONNECT_SANDBOX": "off", **kept}, *rules.mounted_faults(texts))

    @classmethod
    def _started(cls, texts: Mapping[str, str], *found: str) -> Self:
        ignored = rules.infisical_names(texts) if texts.get("CONNECT_SANDBOX", "").lower() == "on" else ()
        texts = {name: text for name, text in texts.items() if name not in ignored}
        values, places, unread = _values(texts)
        settings, wrong = cls._understood(values)
        settings = settings.model_copy(update={"ignored": ignored, **rules.unsaid(settings, texts)})
        unmeant = (f"{places.get(name, name)} {words}." for name, words in reversed(wrong.items()))
        if faults := (*found, *_misspelt(texts), *unread, *unmeant, *rules.start_faults(settings, texts)):
            raise SettingsError(faults)
        return settings

    @classmethod
    def _understood(cls, texts: Mapping[str, str]) -> tuple[Self, dict[str, str]]:
        """What the texts mean, and what is wrong with each that means nothing, which is then left out."""
        try:
            return cls.model_validate(texts), {}
        except ValidationError as error:
            # Of several entries of a list, the first that is wrong is told.
            found = reversed(error.errors(include_url=False, include_input=False))
            wrong = {str(fault["loc"][0]): fault["msg"].removeprefix("Value error, ") for fault in found}
        settings, _ = cls._understood({name: text for name, text in texts.items() if name not in wrong})
        return settings, wrong

    _unquoted = field_validator("*", mode="before")(rules.unquoted)


def _has_secret(kind: Any) -> bool:
    return kind is Secret or any(_has_secret(part) for part in get_args(kind))


SETTINGS = {row.alias: row for row in Settings.model_fields.values() if row.alias}
"""Every setting by its name, in the order the documentation lists them."""

FILES = {name: f"{name}_FILE" for name, row in SETTINGS.items() if _has_secret(row.annotation)}
"""What names the file of a secret that stands in one, by the name of its setting."""

_DEFAULTS = {name: row.default for name, row in SETTINGS.items() if row.validate_default}


def _values(texts: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """The text of every setting, wherever it stands; how a fault names those in files; what is wrong with the files."""
    values = {name: text for name, text in texts.items() if name in SETTINGS}
    places, faults = {}, []
    for name, file in FILES.items():
        path = texts.get(file, "")
        # Anything else could be the secret itself, put in the wrong place.
        shown = path if re.match(r"\W?[/.]|[^:]{0,31}\Z", path) else "a file"
        if path and name in texts:
            faults.append(f"{name} and {file} are set; keep one.")
        elif path:
            try:
                values[name] = _read_secret(Path(rules.unquoted(path)))
                places[name] = f"{file} names {shown}, whose text"
            except OSError as error:
                faults.append(f"{file} names {shown}, which cannot be read: {str(error.strerror).lower()}.")
            except ValueError as error:
                faults.append(f"{file} names {shown}, which {error}.")
    return values, places, faults


def _read_secret(path: Path) -> str:
    """What a regular file holds, without one line break at its end. Raises OSError, and ValueError with the reason."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("is no regular file")
    with path.open("rb") as file:
        data = file.read(64 * 1024 + 1)
    if len(data) > 64 * 1024:
        raise ValueError("is larger than 64 kB")
    with suppress(UnicodeDecodeError):
        if text := re.sub(r"\r?\n\Z", "", data.decode()):
            return text
        raise ValueError("is empty")
    raise ValueError("is no text in UTF-8")


# Kubernetes sets these in every container, for a service that happens to be called "connect" or "infisical".
_OF_KUBERNETES = re.compile(
    r".+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)=|.+_PORT=(tcp|udp|sctp)://"
)


def _texts(environ: Mapping[str, str] | None, *, env_file: Path | None) -> dict[str, str]:
    """What is set, by name. A default that is written out is left out: .env.example, which people copy, has them all."""
    texts: dict[str, str] = {}
    for source in (read_env_file(env_file) if env_file else {}, os.environ if environ is None else environ):
        texts |= {name: text.strip() for name, text in source.items() if text.strip()}
    return {
        name: text
        for name, text in texts.items()
        if text != _DEFAULTS.get(name) and not _OF_KUBERNETES.match(f"{name}={text}")
    }


def _misspelt(texts: Mapping[str, str]) -> Iterator[str]:
    """A fault for every CONNECT_* that is no setting, and for every name that is nearly one, its prefix included.

    Infisical's own tools read other INFISICAL_* names, so those that resemble nothing here are left alone.
    """
    for name in sorted(texts.keys() - {*SETTINGS, *FILES.values()}):
        if meant := _meant(name):
            yield f"{name} is not a setting; did you mean {meant}?"
        elif name.startswith("CONNECT_"):
            yield f"{name} is not a setting; the settings are {listed(tuple(SETTINGS))}."


def _meant(name: str) -> str | None:
    """The setting that comes near a name: letter by letter, shortened, or under the prefix of the others."""
    names = (*SETTINGS, *FILES.values())
    words = re.sub("[^A-Z0-9]+", "_", re.sub("[^ -~]", "", name).upper()).strip("_")
    words = re.sub("^(INFISICAL|CONNECT)_(?=(INFISICAL|CONNECT)_)", "", words)
    begun = "|".join(known.split("_")[1] for known in names)
    first, _, rest = re.sub(f"^(INFISICAL|CONNECT)(?={begun})", r"\1_", words).partition("_")
    close = difflib.get_close_matches(first, ("INFISICAL", "CONNECT"), n=1, cutoff=0.75)
    # A longer word is another one: "reconnect".
    if not close or len(first) > 1.25 * len(close[0]):
        return None
    prefix = f"{close[0]}_"
    # Infisical's documentation names a machine identity's credential so.
    rest = re.sub("^(MACHINE_IDENTITY|MACHINE|IDENTITY)_(?=CLIENT_)", "UNIVERSAL_AUTH_", rest)
    shortened = [known for known in names if "_" in rest and known.endswith(f"_{rest}")]
    if shortened:
        return min(shortened, key=lambda known: not known.startswith(prefix))
    rests = [known.removeprefix(prefix) for known in names if known.startswith(prefix)]
    near = difflib.get_close_matches(rest, rests, n=1, cutoff=0.74)
    return f"{prefix}{near[0]}" if near else None


_LINE = re.compile(
    r"""(?:
        [^\S\n]*(?:export[^\S\n]+)?(?P<name>[^\s=:\#'"\0]+)[^\S\n]*=[^\S\n]*
        (?:(?P<quote>['"])(?P<quoted>(?:\\[^\n]|(?!(?P=quote))[^\\\n]|\\?\n(?!\s*(?:export\s+)?(?:CONNECT|INFISICAL)_))*)(?P=quote)
        |(?P<plain>(?:(?<!\s)\#|[^\s'"\#])[^\n]*?)?)
        (?:[^\S\n]+\#[^\n]*)?[^\S\n]*
        |\s*(?:\#[^\n]*)?
    )(?:\n|\Z)|(?P<unread>[^\n]*)\n?""",
    re.VERBOSE,
)
"""A line of a .env file as shells read it: `export`, comments, quotes and `\\` before a quote. Quotes may hold several
lines, as other programs' keys have them, but none that sets one of ours: there a quote was not closed."""


def read_env_file(path: Path) -> dict[str, str]:
    """What a .env file sets, as it stands: nothing is put in the place of `${…}`. Empty where there is no such file.

    Raises SettingsError with every line that cannot be read: passed over, it could be the one that keeps people out.
    """
    try:
        text = path.read_text("utf-8-sig")
    except IsADirectoryError:
        return {}
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not path.is_symlink():
            return {}
        raise SettingsError((f"{path} cannot be read: {error.strerror}.",)) from None
    except UnicodeDecodeError:
        raise SettingsError((f"{path} must be a text in UTF-8.",)) from None
    return _understood_lines(text, path=path)


def _understood_lines(text: str, *, path: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    faults = []
    for line in _LINE.finditer(text):
        name, quote = line["name"], line["quote"]
        number = text.count("\n", 0, line.start()) + 1
        value = re.sub(rf"\\([\\{quote}])", r"\1", line["quoted"]) if quote else line["plain"]
        if line["unread"]:
            faults.append(f"Line {number} of {path} must be NAME=value, with every quote closed.")
        elif name in SETTINGS and not value and texts.get(name):
            faults.append(f"Line {number} of {path} empties {name}, which another line sets; keep one.")
        elif name:
            texts[name] = value or ""
    if faults:
        raise SettingsError(tuple(faults))
    return texts
