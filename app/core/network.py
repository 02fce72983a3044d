"""The way to other hosts: which certificates are trusted, which proxy is used, and that every read ends at a deadline."""

import math
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from .http import BadProxy, Deadline


def certificates(*, ca_bundle: Path | None = None, besides: Path | None = None) -> ssl.SSLContext:
    """What is trusted: the certificates in `ca_bundle` and no others, or without one the public authorities', and those
    in `besides` with them."""
    trusted = ssl.create_default_context(cafile=ca_bundle) if ca_bundle else httpx.create_ssl_context()
    if besides is not None:
        trusted.load_verify_locations(cafile=besides)
    return trusted


def proxy_for(url: httpx.URL) -> httpx.Proxy | None:
    """The proxy that the environment names for an address, if any. Raises BadProxy for one that cannot be used."""
    named = None if proxy_bypass(url.host) else getproxies().get(url.scheme)
    if named is None:
        return None
    with suppress(ValueError, httpx.InvalidURL):
        proxy = httpx.Proxy(named)
        if proxy.url.scheme in ("http", "https"):
            return proxy
    # Raised outside the block: the proxy's address may hold a password.
    raise BadProxy("the proxy has no address that can be used")


THREADS = 16
"""That ask in one process. As many connections are kept to each host, so that none waits for another's."""


class NetworkTransport(httpx.BaseTransport):
    """The network, through the proxy that the environment names for a host, if any. Connections are kept alive.

    A read or a write ends at the deadline in the request's extension `deadline`, however many a head or a chunk is made
    of: httpx's own timeouts begin anew with every byte, so that a server which sends one now and then holds a thread
    for ever. httpx hands no network backend on to httpcore, so this speaks to httpcore itself.
    """

    def __init__(self, trusted: ssl.SSLContext) -> None:
        self._trusted = trusted
        self._lock = threading.Lock()
        self._pools: dict[tuple[str, str], httpcore.ConnectionPool] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        with _until_deadline_of(request):
            response = self._pool(url).handle_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response, request),
            extensions=response.extensions,
        )

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()

    def _pool(self, url: httpx.URL) -> httpcore.ConnectionPool:
        place = (url.scheme, url.host)
        with self._lock:
            if place not in self._pools:
                proxy = proxy_for(url)
                self._pools[place] = httpcore.ConnectionPool(
                    ssl_context=self._trusted,
                    proxy=httpcore.Proxy(str(proxy.url), auth=proxy.raw_auth) if proxy else None,
                    max_connections=THREADS,
                    keepalive_expiry=15,
                    network_backend=_Network(),
                )
            return self._pools[place]


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        chunks = self._response.iter_stream()
        while True:
            # Only while it is read: what the reader does between two chunks is not ours to bound.
            with _until_deadline_of(self._request):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    def close(self) -> None:
        self._response.close()


_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)
"""That of the request which this thread is sending or reading: a kept-alive stream serves one request after another."""

_AS_HTTPX: dict[type[Exception], type[httpx.TransportError]] = {
    getattr(httpcore, name): getattr(httpx, name)
    for name in (
        "ConnectTimeout",
        "ReadTimeout",
        "WriteTimeout",
        "PoolTimeout",
        "ConnectError",
        "ReadError",
        "WriteError",
        "ProxyError",
        "UnsupportedProtocol",
        "LocalProtocolError",
        "RemoteProtocolError",
    )
}
"""httpcore's exceptions and httpx's are called the same."""


@contextmanager
def _until_deadline_of(request: httpx.Request) -> Iterator[None]:
    before = _deadline.set(request.extensions.get("deadline"))
    try:
        yield
    except tuple(_AS_HTTPX) as error:
        raise _AS_HTTPX[type(error)](str(error), request=request) from error
    finally:
        _deadline.reset(before)


def _seconds_left(timeout: float | None, *, late: type[Exception]) -> float | None:
    """The timeout of one read or write, cut off at the deadline. Raises `late` once that has passed."""
    deadline = _deadline.get()
    if deadline is None:
        return timeout
    if deadline.passed:
        raise late("the deadline has passed")
    return min(timeout or math.inf, deadline.remaining())


class _Network(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _seconds_left(timeout, late=httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, left, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _seconds_left(timeout, late=httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _seconds_left(timeout, late=httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _seconds_left(timeout, late=httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
