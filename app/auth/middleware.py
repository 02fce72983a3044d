"""What stands before the stand-alone wizard: whose word about the client counts, and which requests are refused."""

import re
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer
from werkzeug.exceptions import HTTPException

from ..config import Access, Network, Settings
from ..core.secret import Secret, derived
from ..web.hooks import FULL, PROBES, explain_http, remove_credentials, with_headers, with_https_alone
from ..web.render import deny
from ..web.services import Page, services

_TRUSTED = "connect.peer_is_trusted"
_UNTRUSTED_PROXY = "connect.peer_is_untrusted_proxy"
_FORWARDED = ("Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip")

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]*))?")
"""A Host header (RFC 9110, 7.2): a name or an address, and perhaps a port."""


class TrustedProxyMiddleware:
    """WSGI: believes `X-Forwarded-For`, `-Proto` and `-Host` of trusted peers, and drops them from anybody else. The
    peer is judged by the address of its socket, before any header is looked at. Of a chain of proxies the last hop
    alone is believed: what stands before it came from outside."""

    def __init__(self, application: WSGIApplication, *, trusted: tuple[Network, ...]) -> None:
        self._application = application
        self._trusted = trusted

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[_TRUSTED] = is_within(environ.get("REMOTE_ADDR", ""), self._trusted)
        if environ[_TRUSTED]:
            environ.update(_forwarded(environ))
        else:
            names = [name for name in environ if name.startswith(("HTTP_X_FORWARDED_", "HTTP_FORWARDED"))]
            for name in names:
                del environ[name]
            environ[_UNTRUSTED_PROXY] = bool(names)
        return self._application(environ, start_response)


def _with_a_name(application: WSGIApplication) -> WSGIApplication:
    """WSGI: takes a Host that is no name for none. For one with labels that are empty or too long Flask has no routes."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            environ.get("HTTP_HOST", "").partition(":")[0].encode("idna")
        except UnicodeError:
            environ["HTTP_HOST"] = ""
        return application(environ, start_response)

    return answer


class PlacesMiddleware:
    """WSGI: marks each request for which none of so many places is free. It is refused further in, with a page."""

    def __init__(self, application: WSGIApplication, *, places: int) -> None:
        self._application = application
        self._places = threading.Semaphore(places)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        free = self._places.acquire(blocking=False)
        environ[FULL] = not free
        try:
            return self._application(environ, start_response)
        finally:
            if free:
                self._places.release()


def is_within(address: str, networks: tuple[Network, ...]) -> bool:
    """Whether an address is in one of the networks. An IPv4 address that IPv6 carries counts as itself."""
    peer = _address(address)
    return peer is not None and any(peer in network for network in networks)


def peer_is_trusted() -> bool:
    """Whether the socket of this request belongs to a trusted proxy."""
    return request.environ.get(_TRUSTED) is True


def _forwarded(environ: WSGIEnvironment) -> dict[str, str]:
    """What the nearest proxy says of its client. Where it says nothing that can be, the socket's own word stands. Each
    header's last entry counts. Quotation marks mean nothing here: one that came from outside would otherwise take what
    the proxy has added into its own entry, as it does in Werkzeug's ProxyFix."""
    client, scheme, host = (
        environ.get(f"HTTP_X_FORWARDED_{name}", "").rpartition(",")[2].strip()
        for name in ("FOR", "PROTO", "HOST")
    )
    # Some proxies write the port with it: 192.0.2.1:5000, [2001:db8::1]:5000.
    address = _address(client) or _address(client.rpartition(":")[0])
    scheme = scheme.lower() if scheme.lower() in ("http", "https") else ""
    found = {"REMOTE_ADDR": str(address or ""), "wsgi.url_scheme": scheme, "HTTP_HOST": host}
    return {name: text for name, text in found.items() if text}


def _address(text: str) -> IPv4Address | IPv6Address | None:
    with suppress(ValueError):
        address = ip_address(text.removeprefix("[").removesuffix("]").partition("%")[0])
        return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
    return None


def reason_to_refuse(environ: WSGIEnvironment, *, headers: Iterable[str]) -> str | None:
    """Why a request may not have come from this machine, in a sentence; None when nothing says so. A proxy on the same
    machine connects from a loopback address too, and would open the server's credential to everyone; and a page
    elsewhere can make a browser ask for a name of its own that resolves to 127.0.0.1. `headers` are the names of those
    that came."""
    protocol, host = environ.get("SERVER_PROTOCOL", ""), environ.get("HTTP_HOST", "")
    if not is_loopback_name(str(_address(environ.get("REMOTE_ADDR", "")))):
        return "The request came from another machine."
    # Where nothing else is set up, nginx speaks it, adds no header that would give it away, and names its own target.
    if protocol == "HTTP/1.0":
        return f"The request came through a proxy: it is of {protocol}, which browsers no longer speak."
    if not is_loopback_name(without_port(host)):
        named = without_port(host) or host
        return f"The address names the host “{named[:100]}”, which is not this machine."
    for name in headers:
        if name.title() in _FORWARDED or name.lower().startswith("x-forwarded-"):
            return f"The request came through a proxy: it has the header {name.title()}."
    return None


def is_loopback_name(name: str) -> bool:
    """Whether a host name can only mean this machine: localhost, names below it, 127.0.0.0/8 and ::1."""
    plain = name.strip("[]").lower().removesuffix(".")
    with suppress(ValueError):
        return ip_address(plain).is_loopback
    return plain == "localhost" or plain.endswith(".localhost")


def without_port(host: str) -> str:
    """The name of a Host header, IPv6 in its brackets; "" for a text that is no such header."""
    found = _HOST.fullmatch(host)
    return found[1] if found else ""


def cookie_name(plain: str) -> str:
    """The name of a cookie of ours, with the port and the path that the browser sees, unless they are the usual ones: it
    keeps cookies for all of a host, where other wizards may be. Over https `__Host-` has it take them from this host
    alone, with Secure and for all paths; over plain http, which is for loopback, it would refuse both."""
    found = _HOST.fullmatch(request.host)
    port = f"-{found[2]}" if found and found[2] else ""
    below = re.sub("[^A-Za-z0-9_-]", ".", request.script_root + services().settings.path_prefix)
    name = f"{plain}{below}{port}"
    return f"__Host-{name}" if request.is_secure else name


def protect(app: Flask, settings: Settings, *, keys: tuple[Secret, ...]) -> None:
    """Refuses every request that the settings do not allow, whatever it asks for. Gives each answer our headers, each
    of HTTP's refusals a designed page, and sessions our keys."""
    app.session_interface = HostBoundSession(keys)
    app.register_error_handler(HTTPException, explain_http)
    app.before_request(remove_credentials)
    app.after_request(with_headers)
    app.after_request(with_https_alone)
    app.wsgi_app = _with_a_name(app.wsgi_app)  # type: ignore[assignment, method-assign]
    if settings.access is not Access.THIS_MACHINE:
        app.wsgi_app = TrustedProxyMiddleware(app.wsgi_app, trusted=settings.proxy_trusted)  # type: ignore[method-assign]
    app.before_request(partial(_refusal, settings.access, frozenset(settings.served_hosts)))


def _refusal(access: Access, hosts: frozenset[str]) -> Page | None:
    """The page for a request from elsewhere than it may come from, or on plain http from outside: what people type must
    not be read on the way. Without `hosts` this machine's loopback names are served."""
    if request.endpoint in PROBES:
        return None
    if access is Access.THIS_MACHINE:
        reason = reason_to_refuse(request.environ, headers=request.headers.keys())
        return deny("not-this-machine", reason=reason) if reason else None
    host = request.headers.get("Host", "").lower()
    name = without_port(host)
    if not (host in hosts or name in hosts if hosts else is_loopback_name(name)):
        return deny("other-host")
    # Before https is asked for: what another peer says of that is dropped, and it would learn the wrong fault.
    if access is Access.PROXY and not peer_is_trusted():
        return deny("not-the-proxy")
    # A trusted proxy says who asks. Another one is not believed, and whoever stands behind it is not from here.
    headers = () if peer_is_trusted() else request.headers.keys()
    elsewhere = request.environ.get(_UNTRUSTED_PROXY) or reason_to_refuse(request.environ, headers=headers)
    return deny("plain-http") if elsewhere and not request.is_secure else None


class HostBoundSession(SecureCookieSessionInterface):
    """Flask's signed session, in a cookie that browsers take from this very host over https alone (see `cookie_name`)."""

    def __init__(self, keys: tuple[Secret, ...]) -> None:
        self._keys = keys

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer:  # noqa: ARG002  # Flask's signature
        """Signs with keys of its own: what stands in Flask's configuration is printed with it."""
        # itsdangerous signs with its last key, and all of them open.
        return URLSafeTimedSerializer(
            [derived(key, purpose="session").reveal() for key in reversed(self._keys)],
            salt=self.salt,
            serializer=self.serializer,
            signer_kwargs={"key_derivation": self.key_derivation, "digest_method": self.digest_method},
        )

    def get_cookie_name(self, app: Flask) -> str:
        return cookie_name(super().get_cookie_name(app))

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002  # Flask's signature
        return request.is_secure
