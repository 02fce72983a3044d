"""Whose word about the client counts: a trusted proxy's, for exactly one hop, and nobody else's."""

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from flask import request

from ..config import Network

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_TRUSTED = "connect.peer_is_trusted"
_UNHEARD = "connect.peer_is_unheard"


class TrustedProxyMiddleware:
    """WSGI: believes `X-Forwarded-For`, `-Proto` and `-Host` of trusted peers, and drops them from anybody else.

    The peer is judged by the address of its socket, before any header is looked at. Of a chain of proxies the last hop
    alone is believed: what stands before it came from outside.
    """

    def __init__(self, application: "WSGIApplication", *, trusted: tuple[Network, ...]) -> None:
        self._application = application
        self._trusted = trusted

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ[_TRUSTED] = is_within(environ.get("REMOTE_ADDR", ""), self._trusted)
        if environ[_TRUSTED]:
            environ.update(_told_of_the_client(environ))
        else:
            environ[_UNHEARD] = _drop_forwarding(environ)
        return self._application(environ, start_response)


def is_within(address: str, networks: tuple[Network, ...]) -> bool:
    """Whether an address is in one of the networks. An IPv4 address that IPv6 carries counts as itself."""
    peer = _address(address)
    if peer is None:
        return False
    return any(peer.version == network.version and peer in network for network in networks)


def peer_is_trusted() -> bool:
    """Whether the socket of this request belongs to a trusted proxy."""
    return request.environ.get(_TRUSTED) is True


def peer_is_unheard() -> bool:
    """Whether a peer that is not trusted told of a client, as proxies do, and was not believed."""
    return request.environ.get(_UNHEARD) is True


def _told_of_the_client(environ: "WSGIEnvironment") -> dict[str, str]:
    """What the nearest proxy says of its client. Where it says nothing that can be, the socket's own word stands."""
    told = {}
    client = _address_with_port(_last_hop(environ, "HTTP_X_FORWARDED_FOR"))
    if client is not None:
        told["REMOTE_ADDR"] = str(client)
    scheme = _last_hop(environ, "HTTP_X_FORWARDED_PROTO").lower()
    if scheme in ("http", "https"):
        told["wsgi.url_scheme"] = scheme
    host = _last_hop(environ, "HTTP_X_FORWARDED_HOST")
    if host:
        told["HTTP_HOST"] = host
    return told


def _last_hop(environ: "WSGIEnvironment", name: str) -> str:
    """The last entry of a list. Quotation marks mean nothing here: one that came from outside would otherwise take
    what the proxy has added into its own entry, as it does in Werkzeug's ProxyFix."""
    text: str = environ.get(name, "")
    return text.rpartition(",")[2].strip()


def _drop_forwarding(environ: "WSGIEnvironment") -> bool:
    """Whether there was anything to drop."""
    names = [name for name in environ if name.startswith(("HTTP_X_FORWARDED_", "HTTP_FORWARDED"))]
    for name in names:
        del environ[name]
    return bool(names)


def _address_with_port(text: str) -> IPv4Address | IPv6Address | None:
    """An address, also where the proxy wrote the port with it: 192.0.2.1:5000, [2001:db8::1]:5000."""
    return _address(text) or _address(text.rpartition(":")[0])


def _address(text: str) -> IPv4Address | IPv6Address | None:
    address: IPv4Address | IPv6Address | None = None
    with suppress(ValueError):
        address = ip_address(text.removeprefix("[").removesuffix("]").partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
