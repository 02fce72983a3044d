"""The network: which authorities are trusted, which proxy is on the way, and reads that end in time."""

import math
import os
import re
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import httpcore
import httpx

from .http import FAILURES, KEPT_ALIVE, Deadline, Fault, HttpError, fault_of


def certificates(*, ca_bundle: Path | None = None, besides: Iterable[Path | None] = ()) -> ssl.SSLContext:
    """What is trusted: the certificates in `ca_bundle` and no others, or without one the public authorities', and those
    in `besides` with them."""
    trusted = ssl.create_default_context(cafile=ca_bundle) if ca_bundle else httpx.create_ssl_context()
    for more in filter(None, besides):
        trusted.load_verify_locations(cafile=more)
    return trusted


def authorities_fault() -> str | None:
    """What is wrong with SSL_CERT_FILE or SSL_CERT_DIR, which name the public authorities in the place of our own."""
    file, folders = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR", "")
    with suppress(OSError, StopIteration):
        if file:
            ssl.create_default_context(cafile=file)
        elif folders:
            # There only those are found that are called by a hash, as by `openssl rehash`.
            next(found for name in folders.split(os.pathsep) for found in Path(name).glob("*.[0-9]"))
        return None
    named = f"SSL_CERT_FILE={file}" if file else f"SSL_CERT_DIR={folders}"
    return f"{named} has no certificates that can be read; set it to what has, or leave it out."


_PROXY = re.compile(
    r"(?:(https?)://)?(?:([^\s@/?#]*)@)?([\w.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?/?",
    re.ASCII | re.IGNORECASE,
)
"""Without @ / ? # in a user name or a password: where those end could only be guessed."""


def proxy_for(url: httpx.URL) -> tuple[httpcore.Proxy | None, str]:
    """The proxy that the environment names for a URL, if any, and its address without user and password, "" without one.
    Raises HttpError for one that cannot be used.

    HTTPS_PROXY or HTTP_PROXY counts, otherwise ALL_PROXY, each in lower case first; and NO_PROXY as curl and Go read it.
    """
    names = (f"{url.scheme}_proxy", f"{url.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    # In a CGI program HTTP_PROXY is a header of the request.
    unset = "HTTP_PROXY" if "REQUEST_METHOD" in os.environ else ""
    named = next((name for name in names if name != unset and os.environ.get(name)), None)
    if named is None or _is_excluded(url):
        return None, ""
    found = _PROXY.fullmatch(os.environ[named].strip())
    # A port may be too large, an address none.
    with suppress(ValueError):
        scheme, user, host, port = found.groups() if found else ()
        name, _, password = map(unquote_to_bytes, (user or "").partition(":"))
        address = f"{(scheme or 'http').lower()}://{host}{port or ''}"
        return httpcore.Proxy(address, auth=(name, password) if user else None), address
    raise HttpError(Fault.BAD_PROXY, proxy=f"in {named.upper()}")


def _is_excluded(url: httpx.URL) -> bool:
    """Whether NO_PROXY names the host: `*`; a name, with a dot before it or without, and those below it; `*.name`, those
    below alone; an address or a network; any of them with a port. Loopback is not left out unless it is named."""
    host, port = url.raw_host.decode().rstrip("."), url.port or {"http": 80, "https": 443}.get(url.scheme)
    for entry in re.split(r"[\s,]+", os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")):
        found = re.fullmatch(r"(\[.+\]|[^:]+):([0-9]+)", entry)
        name, only = (found[1], int(found[2])) if found else (entry, port)
        name = re.sub(r"^\.|\.$|[][]", "", name.lower())
        with suppress(UnicodeError):
            name = name.encode("idna").decode()
        try:
            here = ip_address(host) in ip_network(name, strict=False)
        except ValueError:
            here = f".{host}".endswith(f".{name}") or (name[:2] == "*." and host.endswith(name[1:]))
        if name == "*" or (here and only == port):
            return True
    return False


_deadline: ContextVar[Deadline] = ContextVar("deadline")
"""That of the request which this thread is sending or reading: a kept-alive stream serves one request after another."""


class NetworkTransport(httpx.BaseTransport):
    """The network, through the proxy that the environment names for a host, if any. Connections are kept alive.

    A read or a write ends at the deadline in the request's extension `deadline`, however many a head or a chunk is made
    of: httpx's own timeouts begin anew with every byte, so that a server which sends one now and then holds a thread
    for ever. httpx hands no network backend on to httpcore, so this speaks to httpcore itself, and raises its exceptions.
    """

    def __init__(self, trusted: ssl.SSLContext) -> None:
        self._trusted = trusted
        self._lock = threading.Lock()
        self._pools: dict[tuple[str, str, int | None], tuple[httpcore.ConnectionPool, str]] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url, steps = request.url, list[str]()
        _deadline.set(request.extensions["deadline"])
        pool, proxy = self._pool(url)
        sending = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions={**request.extensions, "trace": lambda step, _: steps.append(step)},
        )
        try:
            response = pool.handle_request(sending)
        except FAILURES as error:
            fault = self._fault_of_failure(error, url, proxy=proxy, steps=steps)
            if fault is None:
                raise
        else:
            answer = httpx.Response(response.status, headers=response.headers, stream=_Body(response))
            fault = self._fault_of_answer(answer, request, proxy=proxy)
            if fault is None:
                return answer
            answer.close()
        raise HttpError(fault, proxy=proxy)

    def _fault_of_failure(
        self, error: Exception, url: httpx.URL, *, proxy: str, steps: list[str]
    ) -> Fault | None:
        """The fault that is the proxy's, or of plain http where TLS is spoken; None where it is the host's."""
        # Through a proxy the request is on its way once the tunnel's handshake begins, or in clear once it is sent.
        sent = "proxy.start_tls.started" if url.scheme == "https" else "http11.send_request_headers.started"
        if proxy and "connection.connect_tcp.started" in steps and sent not in steps:
            return fault_of(error)
        in_clear = url.scheme == "http" and not proxy and fault_of(error) is Fault.CLOSED
        return Fault.ENCRYPTED if in_clear and self._speaks_tls(url) else None

    def _fault_of_answer(self, answer: httpx.Response, request: httpx.Request, *, proxy: str) -> Fault | None:
        """The same for an answer that came in clear and is none of an API's: it may be the proxy's own."""
        status = answer.status_code
        if request.url.scheme == "https" or "json" in answer.headers.get("content-type", ""):
            return None
        if proxy and (status in (403, 407) or (status >= 500 and request.method == "GET")):
            return fault_of(httpcore.ProxyError(str(status)))
        return Fault.ENCRYPTED if not proxy and status == 400 and self._speaks_tls(request.url) else None

    def close(self) -> None:
        for pool, _ in self._pools.values():
            pool.close()

    def _pool(self, url: httpx.URL) -> tuple[httpcore.ConnectionPool, str]:
        """The pool for a host, and the host and port of the proxy to it, "" without one."""
        place = (url.scheme, url.host, url.port)
        with self._lock:
            if place not in self._pools:
                proxy, address = proxy_for(url)
                if proxy and proxy.url.scheme == b"https":
                    proxy.ssl_context = self._trusted
                pool = httpcore.ConnectionPool(
                    ssl_context=self._trusted,
                    proxy=proxy,
                    max_connections=None,
                    max_keepalive_connections=KEPT_ALIVE,
                    keepalive_expiry=15,
                    network_backend=_Network(),
                )
                self._pools[place] = pool, address.partition("://")[2]
            return self._pools[place]

    def _speaks_tls(self, url: httpx.URL) -> bool:
        """Whether TLS is spoken where plain http was not understood. Nothing is sent but a greeting."""
        with suppress(OSError):
            seconds = min(_deadline.get().remaining(), 1)
            with socket.create_connection((url.host, url.port or 80), seconds) as plain:
                with suppress(ssl.SSLCertVerificationError):
                    self._trusted.wrap_socket(plain, server_hostname=url.host).close()
                return True
        return False


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


def _seconds_left(timeout: float | None, *, late: type[Exception]) -> float:
    """The timeout of one read or write, cut off at the deadline. Raises `late` once that has passed."""
    deadline = _deadline.get()
    if deadline.passed:
        raise late("the deadline has passed")
    return min(timeout or math.inf, deadline.remaining())


class _Network(httpcore.SyncBackend):
    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *rest: Any, **options: Any
    ) -> httpcore.NetworkStream:
        left = _seconds_left(timeout, late=httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, left, *rest, **options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _seconds_left(timeout, late=httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _seconds_left(timeout, late=httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _seconds_left(timeout, late=httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))
