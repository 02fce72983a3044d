"""Which texts can be the URL of a Supabase Management API, and which of them is Supabase Cloud."""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

SUPABASE_CLOUD = "https://api.supabase.com"
LONGEST = 255
"""Characters, as Infisical's own rule has it (`credentials.instanceUrl`)."""

_LABEL = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)$")
_PATH = re.compile(r"^[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*$")


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
    """The instance URL that a person meant; nothing typed means Supabase Cloud.

    Written by hand because WTForms' URL() takes line breaks, text-direction marks and link-local addresses, and
    urllib silently removes line breaks. Raises InstanceUrlError.
    """
    text = typed.strip() or SUPABASE_CLOUD
    _refuse_strange_characters(text)
    parts = _split(text)
    _refuse_parts_that_do_not_belong(parts)
    host = _host(parts)
    path = _path(parts)
    netloc = host if parts.port is None or parts.port == _usual_port(parts) else f"{host}:{parts.port}"
    url = f"{parts.scheme}://{netloc}{path}"
    if len(url) > LONGEST:
        raise InstanceUrlError(f"The instance URL must be {LONGEST} characters or fewer.")
    return InstanceUrl(text=url, host=netloc, encrypted=parts.scheme == "https")


_USER = re.compile(r"\A(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*:[/\\]+)?[^/?#\\]*@")


def without_user(typed: str) -> str:
    """The text without the user name and the password before its host, also where it is no URL in order."""
    return _USER.sub(lambda found: found["scheme"] or "", typed.strip())


def _refuse_strange_characters(text: str) -> None:
    if len(text) > 4 * LONGEST:
        raise InstanceUrlError(f"The instance URL must be {LONGEST} characters or fewer.")
    if any(
        unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Zs", "Cs", "Co"} for character in text
    ):
        raise InstanceUrlError("The instance URL must not have spaces, line breaks or invisible characters.")
    if "\\" in text:
        raise InstanceUrlError("The instance URL must not have a backslash.")


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  # reading it is what raises for a port that is no number
    except ValueError:
        raise InstanceUrlError(
            "The instance URL must be a web address, like https://api.supabase.com."
        ) from None
    if parts.scheme not in {"http", "https"} or not text.lower().startswith(f"{parts.scheme}://"):
        raise InstanceUrlError("The instance URL must start with https://, like https://api.supabase.com.")
    return parts


def _refuse_parts_that_do_not_belong(parts: SplitResult) -> None:
    if "@" in parts.netloc:
        raise InstanceUrlError("The instance URL must not have a user name or a password in it.")
    if parts.query or parts.fragment:
        raise InstanceUrlError("The instance URL must end before “?” and “#”.")


def _host(parts: SplitResult) -> str:
    """The host in ASCII: a name that only looks like Supabase's is shown as what it is (xn--…)."""
    name = parts.hostname or ""
    if not name:
        raise InstanceUrlError("The instance URL must name a host, like https://api.supabase.com.")
    if "[" in parts.netloc:
        return _ipv6(name)
    try:
        ascii_name = name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        ascii_name = ""
    labels = ascii_name.removesuffix(".").split(".")
    if not all(_LABEL.match(label) for label in labels):
        raise InstanceUrlError("The instance URL must name a host, like https://api.supabase.com.")
    return ascii_name


def _ipv6(name: str) -> str:
    try:
        # A zone ("%eth0") means something on one machine only, and after it stands any text at all.
        return f"[{ipaddress.IPv6Address(name.replace('%', ' ')).compressed}]"
    except ValueError:
        raise InstanceUrlError("The instance URL must name a host, like https://api.supabase.com.") from None


def _path(parts: SplitResult) -> str:
    """The path without the `/v1` that Infisical adds itself (it asks `{instance URL}/v1/projects`)."""
    if not _PATH.match(parts.path):
        raise InstanceUrlError("The instance URL has a character after the host that does not belong there.")
    path = parts.path.rstrip("/")
    while path.endswith("/v1"):
        path = path.removesuffix("/v1").rstrip("/")
    return path


def _usual_port(parts: SplitResult) -> int:
    return 443 if parts.scheme == "https" else 80
