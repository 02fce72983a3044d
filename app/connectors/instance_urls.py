"""Which texts can be the URL of a Supabase Management API, and how they are spelled when they are sent."""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
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
