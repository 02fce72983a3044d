"""On a loopback address without access control: requests that did not come from this machine are refused."""

import ipaddress
import re
from collections.abc import Iterable

from .trusted_proxy import is_within

_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_FORWARDED = ("Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip")

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]*)?")
"""A Host header (RFC 9110, 7.2): a name or an address, and perhaps a port."""


def reason_to_refuse(*, peer: str, protocol: str, host: str, headers: Iterable[str]) -> str | None:
    """Why a request may not have come from this machine, in a sentence; None when nothing says so.

    A proxy on the same machine connects from a loopback address too, and would open the server's credential to
    everyone; and a page elsewhere can make a browser ask for a name of its own that resolves to 127.0.0.1. `peer` is
    the socket's address, `protocol` the version of HTTP, such as "HTTP/1.1", `headers` the names of all that came.
    """
    if not is_within(peer, _LOOPBACK):
        return "The request came from another machine."
    if _is_a_proxys(protocol):
        return f"The request came through a proxy: it is of {protocol}, which browsers no longer speak."
    if not is_loopback_name(without_port(host)):
        named = without_port(host) or host
        return f"The address names the host “{named[:100]}”, which is not this machine."
    for name in headers:
        if name.title() in _FORWARDED or name.lower().startswith("x-forwarded-"):
            return f"The request came through a proxy: it has the header {name.title()}."
    return None


def _is_a_proxys(protocol: str) -> bool:
    """Whether a request is of a version of HTTP that proxies still speak, nginx by itself among them, and no browser.

    Such a proxy, where nothing else is set up, adds no header that would give it away, and names its own target as Host.
    """
    return protocol == "HTTP/1.0"


def is_loopback_name(name: str) -> bool:
    """Whether a host name can only mean this machine: localhost, names below it, 127.0.0.0/8 and ::1."""
    plain = name.strip("[]").lower().removesuffix(".")
    if plain == "localhost" or plain.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(plain).is_loopback
    except ValueError:
        return False


def without_port(host: str) -> str:
    """The name of a Host header, IPv6 in its brackets; "" for a text that is no such header."""
    found = _HOST.fullmatch(host)
    return found[1] if found else ""
