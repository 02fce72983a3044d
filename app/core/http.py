"""What an answer may cost: so many bytes, so much time, nothing compressed, and JSON without the secrets it echoes."""

import contextlib
import html
import json
import re
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Generator, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from .secret import Secret

LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes, unless a client asks for less. The longest list recorded from Infisical is far below 1 MiB; a project with
thousands of connections stays below this."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment, on the monotonic clock, by which several calls together must be over."""

    ends: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Seconds left, never less than a millisecond: a timeout of 0 would mean something else to a socket."""
        return max(self.ends - self.clock(), 0.001)

    @property
    def passed(self) -> bool:
        return self.clock() >= self.ends


class BoundedTransport(httpx.BaseTransport):
    """Wraps a transport and ends any answer that is too long, too slow as a whole, or compressed.

    httpx's own read timeout starts anew with every byte, so that a server which sends one now and then holds a thread
    for ever; and a compressed answer of kilobytes can unpack to gigabytes. The deadline is taken from the request's
    extension `deadline`; `largest` is in bytes. Of a head that does not end, and of chunks that never begin, a
    `network_transport` knows the deadline too; any other notices it between two chunks of the body.
    """

    def __init__(self, inner: httpx.BaseTransport, *, largest: int = LARGEST_ANSWER) -> None:
        self._inner = inner
        self._largest = largest

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with _until(request.extensions.get("deadline")):
            response = self._inner.handle_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()
            raise httpx.DecodingError("a compressed answer that was not asked for", request=request)
        if not isinstance(response.stream, httpx.SyncByteStream):
            raise TypeError("the inner transport is asynchronous")
        stream = _BoundedStream(response.stream, request, largest=self._largest)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=stream, extensions=response.extensions
        )

    def close(self) -> None:
        self._inner.close()


class _BoundedStream(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, request: httpx.Request, *, largest: int) -> None:
        self._inner = inner
        self._request = request
        self._largest = largest
        self._deadline: Deadline | None = request.extensions.get("deadline")

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        for chunk in self._chunks():
            seen += len(chunk)
            if seen > self._largest:
                raise httpx.DecodingError("the answer is too long", request=self._request)
            if self._deadline is not None and self._deadline.passed:
                raise httpx.ReadTimeout("the answer came too slowly", request=self._request)
            yield chunk

    def _chunks(self) -> Iterator[bytes]:
        chunks = iter(self._inner)
        while True:
            # Only while it is read: what the reader does between two chunks is not ours to bound.
            with _until(self._deadline):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    def close(self) -> None:
        self._inner.close()


_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)
"""That of the request which this thread is sending or reading: a kept-alive stream serves one request after another."""


@contextlib.contextmanager
def _until(deadline: Deadline | None) -> Iterator[None]:
    before = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(before)


def _seconds_left(timeout: float | None, *, late: type[Exception]) -> float | None:
    """The timeout of one read or write, cut off at the deadline. Raises `late` once that has passed."""
    deadline = _deadline.get()
    if deadline is None:
        return timeout
    if deadline.passed:
        raise late("the deadline has passed")
    left = deadline.remaining()
    return left if timeout is None else min(timeout, left)


class _PunctualStream(httpcore.NetworkStream):
    """A stream each of whose reads and writes ends by the deadline, however many a head is made of."""

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
        return _PunctualStream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _PunctualNetwork(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _seconds_left(timeout, late=httpcore.ConnectTimeout)
        return _PunctualStream(super().connect_tcp(host, port, left, local_address, socket_options))


class _PunctualTransport(httpx.HTTPTransport):
    """httpx's transport over a network that knows the deadline. httpx hands no `network_backend` on to httpcore, so
    it is put into the pool before the first connection is made."""

    def __init__(self, *, verify: ssl.SSLContext, limits: httpx.Limits, proxy: str | None) -> None:
        super().__init__(verify=verify, limits=limits, proxy=proxy)
        self._pool._network_backend = _PunctualNetwork()  # noqa: SLF001  # see above


def private_client(transport: httpx.BaseTransport, *, largest: int = LARGEST_ANSWER) -> httpx.Client:
    """An HTTP client that several people may share: it keeps no cookie of one person's answer for another's request,
    follows no redirect, reads nothing of the environment, and bounds each answer to `largest` bytes."""
    return httpx.Client(
        transport=BoundedTransport(transport, largest=largest),
        headers={
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "infisical-connect",
        },
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
        trust_env=False,
    )


def certificates(*, ca_bundle: Path | None = None, besides: Path | None = None) -> ssl.SSLContext:
    """What is trusted: the certificates in `ca_bundle` and no others, or without one the public authorities', and those
    in `besides` with them."""
    trusted = ssl.create_default_context(cafile=ca_bundle) if ca_bundle else httpx.create_ssl_context()
    if besides is not None:
        trusted.load_verify_locations(cafile=besides)
    return trusted


def network_transport(
    base_url: str, *, connections: int, ca_bundle: Path | None = None, besides: Path | None = None
) -> httpx.HTTPTransport:
    """A transport with kept-alive connections to one host, through the proxy the environment names for it, if any.

    `ca_bundle` and `besides` are those of `certificates`. Raises ValueError or ImportError for a proxy that cannot be used.
    """
    parts = urlsplit(base_url)
    proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
    limits = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=15
    )
    verify = certificates(ca_bundle=ca_bundle, besides=besides)
    with contextlib.suppress(httpx.InvalidURL):
        return _PunctualTransport(verify=verify, limits=limits, proxy=proxy)
    # Raised outside the block: the proxy's address may hold a password.
    raise ValueError("the proxy has no address that can be read")


class ClientSecretBasic(httpx.Auth):
    """Sends a client ID and a client secret as HTTP Basic.

    Both are encoded as in a form first (RFC 6749, section 2.3.1), which httpx.BasicAuth leaves out: a colon or a
    plus in either would otherwise be read as something else. Sets the request's extension `sent` on its way out.
    """

    def __init__(self, client_id: str, client_secret: Secret) -> None:
        self._client_id = client_id
        self._client_secret = client_secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Basic {self._credential().reveal()}"
        request.extensions["sent"] = True
        yield request

    def _credential(self) -> Secret:
        both = f"{quote_plus(self._client_id)}:{quote_plus(self._client_secret.reveal())}"
        return Secret(b64encode(both.encode()).decode())


_SHORTEST_SECRET = 8
"""Characters. What is shorter is no secret, and to take every "a" out of an answer would leave nothing to read."""


def read_json(response: httpx.Response, *, redact: tuple[Secret, ...] = ()) -> object:
    """The answer's JSON, or None where it has none; what it echoes of the hidden texts is replaced by "…".

    The credential of the request, a bearer token or HTTP Basic, is always hidden. Half characters (`"\\ud800"`), which
    JSON may hold and no page can, become U+FFFD. The content type counts: at a wrong address the dashboard answers 200
    with its own page (recorded exchange root-html).
    """
    if "json" not in response.headers.get("content-type", ""):
        return None
    credential = Secret(response.request.headers.get("Authorization", "").partition(" ")[2])
    try:
        told = json.loads(response.content.decode("utf-8", errors="replace"))
        return _cleaned(told, _every_spelling((*redact, credential)))
    except (ValueError, RecursionError):
        return None


def masked(text: str, redact: tuple[Secret, ...]) -> str:
    """The text with "…" in place of every hidden text, also where it is spelt as in a URL, in JSON or in HTML."""
    return _without(text, _every_spelling(redact))


def _without(text: str, spellings: tuple[str, ...]) -> str:
    for spelling in spellings:
        text = text.replace(spelling, "…")
    return text


def _every_spelling(redact: tuple[Secret, ...]) -> tuple[str, ...]:
    return tuple(spelling for secret in redact for spelling in _spellings(secret))


def _spellings(secret: Secret) -> tuple[str, ...]:
    """The ways a program may spell a secret, the longest first."""
    plain = secret.reveal()
    if len(plain) < _SHORTEST_SECRET:
        return ()
    in_urls = (quote(plain, safe="", errors="replace"), quote_plus(plain, errors="replace"))
    spellings = {
        plain,
        *in_urls,
        *(re.sub("%..", lambda found: found[0].lower(), url) for url in in_urls),
        json.dumps(plain)[1:-1],
        json.dumps(plain, ensure_ascii=False)[1:-1],
        html.escape(plain),
        html.escape(plain, quote=False),
    }
    return tuple(sorted(spellings, key=len, reverse=True))


def _cleaned(value: Any, spellings: tuple[str, ...]) -> Any:
    """The same JSON value, its texts masked. Keys stay: they are read by name and never shown."""
    if isinstance(value, dict):
        return {key: _cleaned(inner, spellings) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cleaned(inner, spellings) for inner in value]
    if isinstance(value, str):
        whole = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return _without(whole, spellings)
    return value
