"""A bounded HTTP client: so many bytes, so much time, nothing compressed, and no secret in an answer or an error."""

import json
import math
import re
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from socket import gaierror
from typing import Any, cast
from urllib.parse import quote, quote_plus
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from .secret import Secret
from .text import whole

LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes, unless a client asks for less. The longest list recorded from Infisical is far below 1 MiB; a project with
thousands of connections stays below this."""

KEPT_ALIVE = 16
"""Connections to a host that stay open while nobody uses them. Any number is in use: none waits for another's."""

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "infisical-connect"}

_SHORTEST_SECRET = 8
"""Characters. What is shorter is no secret, and to take every "a" out of an answer would leave nothing to read."""


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


class Fault(Enum):
    """Why there is no answer that can be read, in a sentence about the host."""

    # Nothing was sent.
    NAME = "Its name could not be resolved."
    REFUSED = "It refused the network connection."
    TLS = "Its TLS certificate was not accepted."
    TIMEOUT = "It did not accept a network connection in time."
    BAD_PROXY = "The proxy that HTTPS_PROXY or HTTP_PROXY names cannot be used; it must begin with http://."
    PROXY = "The proxy on the way to it refused the connection."
    NETWORK = "No network connection could be made."

    # The request may have been received.
    LATE = "It did not answer in time."
    CLOSED = "It gave no whole answer."
    COMPRESSED = "Its answer is compressed, which was not asked for."
    TOO_LONG = "Its answer is too long."


class HttpError(Exception):
    """There is no answer, for the reason in `fault`. It holds nothing of what was sent or answered."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True)
class Answer:
    """What was answered, with "…" in place of every secret that it brought back.

    `text` is its JSON as it travels, "" where it has none. The content type counts: at a wrong address Infisical's
    dashboard answers 200 with its own page (recorded exchange root-html). The names of `headers` are in lower case.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)

    @cached_property
    def payload(self) -> Any:
        """The same JSON as Python has it, None where it cannot be read. A long list is read from `text` at once."""
        with suppress(ValueError, RecursionError):
            return json.loads(self.text)
        return None

    def retry_after(self, sentence: str = "") -> int:
        """Seconds to wait, from 1 to 3600: those in `Retry-After`, in `X-RateLimit-Reset` (seconds as well, in the
        documentation of Supabase's Management API), or before that word in a sentence; else a minute."""
        for text in (self.headers.get("retry-after"), self.headers.get("x-ratelimit-reset"), sentence):
            if found := re.search(r"^([0-9]+)(?:\.[0-9]+)?$|in ([0-9]+) second", text or ""):
                return min(max(int((found[1] or found[2])[:6]), 1), 3600)
        return 60


@dataclass(frozen=True, slots=True)
class Authorization:
    """Who asks: the scheme, and the credential that goes out with it."""

    scheme: str
    credential: Secret

    def header(self) -> dict[str, str]:
        return {"Authorization": f"{self.scheme} {self.credential.reveal()}"}


def client_secret_basic(client_id: str, client_secret: Secret) -> Authorization:
    """A client ID and a client secret as HTTP Basic. Both are encoded as in a form first (RFC 6749, section 2.3.1): a
    colon or a plus in either would otherwise be read as something else."""
    both = f"{quote_plus(client_id)}:{quote_plus(client_secret.reveal())}"
    return Authorization("Basic", Secret(b64encode(both.encode()).decode()))


class HttpClient:
    """Asks over `transport`, for several people at once: it keeps no cookie of one person's answer for another's
    request, follows no redirect, and bounds each answer to `largest` bytes."""

    def __init__(self, transport: httpx.BaseTransport, *, largest: int = LARGEST_ANSWER) -> None:
        self._largest = largest
        self._transport = transport

    def send(
        self,
        method: str,
        url: str,
        *,
        deadline: Deadline,
        longest: float = math.inf,
        params: Mapping[str, str] | None = None,
        json: Callable[[], Mapping[str, Any]] | None = None,
        form: Callable[[], Mapping[str, str]] | None = None,
        auth: Authorization | None = None,
        redact: tuple[Secret, ...] = (),
    ) -> Answer:
        """The answer to one request, which is sent once. Raises HttpError.

        It takes until the deadline, and for each silence `longest` seconds at most. The body is made inside the call,
        so that no traceback with locals shows it. `redact` is what the answer may not bring back besides the
        credential in `auth`.
        """
        left = deadline.remaining()
        patience = {"connect": 5.0, "pool": 5.0, "write": 10.0, "read": longest}
        try:
            request = httpx.Request(
                method,
                url,
                params=params,
                headers={**_HEADERS, **(auth.header() if auth else {})},
                json=json() if json else None,
                data=form() if form else None,
                extensions={
                    "timeout": {name: min(seconds, left) for name, seconds in patience.items()},
                    "deadline": deadline,
                },
            )
            return self._answer(request, redact=(*redact, auth.credential) if auth else redact)
        except HttpError as error:
            fault = error.fault
        except _FAILURES as error:
            fault = _fault_of(error)
        # Raised outside the except block, so that __context__ is empty: the frames below hold the request with its
        # body and its credential, and the answer.
        raise HttpError(fault)

    def close(self) -> None:
        self._transport.close()

    def _answer(self, request: httpx.Request, *, redact: tuple[Secret, ...]) -> Answer:
        body = bytearray()
        with closing(self._transport.handle_request(request)) as response:
            # A compressed answer of kilobytes can unpack to gigabytes; and a read timeout begins anew with every byte.
            if response.headers.get("content-encoding", "identity") != "identity":
                raise HttpError(Fault.COMPRESSED)
            for chunk in cast(httpx.SyncByteStream, response.stream):
                body += chunk
                if len(body) > self._largest:
                    raise HttpError(Fault.TOO_LONG)
                if request.extensions["deadline"].passed:
                    raise HttpError(Fault.LATE)
        secrets = {secret.reveal() for secret in redact if len(secret.reveal()) >= _SHORTEST_SECRET}
        # As they are, and as they stand in a URL.
        spelt = secrets | {quote(text, safe="", errors="replace") for text in secrets}
        hidden = sorted(spelt, key=len, reverse=True)
        text = body.decode(errors="replace") if "json" in response.headers.get("content-type", "") else ""
        return Answer(
            response.status_code, _masked(dict(response.headers), hidden), _masked_json(text, hidden)
        )


def _masked_json(text: str, secrets: list[str]) -> str:
    """The same JSON, its texts without the secrets; "" where one may be in it and it cannot be read.

    The texts are gone through one by one only where one of them may hold a secret, which escapes may spell as well, or
    half a character: of thousands of connections that takes ten times as long as to read them.
    """
    plain = re.fullmatch(r"[!#-.0-\[\]-~]*", "".join(secrets))
    escapes = r"\\u(?:00[2-7]|[dD][89a-fA-F])" if plain else r"\\"
    if not any(secret in text for secret in secrets) and not ("\\" in text and re.search(escapes, text)):
        return text
    with suppress(ValueError, RecursionError):
        return json.dumps(_masked(json.loads(text), secrets))
    return ""


def _masked(value: Any, secrets: list[str]) -> Any:
    """The same JSON value, its texts without the secrets. Keys stay: they are read by name and never shown."""
    if isinstance(value, dict):
        return {whole(key): _masked(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, secrets) for inner in value]
    if isinstance(value, str):
        text = whole(value)
        for secret in secrets:
            text = text.replace(secret, "…")
        return text
    return value


_FAILURES = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)

_FAULTS = {
    "ProxyError": Fault.PROXY,
    "ConnectTimeout": Fault.TIMEOUT,
    "PoolTimeout": Fault.TIMEOUT,
    "ReadTimeout": Fault.LATE,
    "WriteTimeout": Fault.LATE,
    "UnsupportedProtocol": Fault.NETWORK,
    "InvalidURL": Fault.NETWORK,
}
"""By the names of the exceptions: those of httpx and of httpcore are called the same. After any other the answer was
not whole."""

_CAUSES_OF_CONNECT_ERROR: dict[type[Exception], Fault] = {
    gaierror: Fault.NAME,
    ssl.SSLError: Fault.TLS,
    ConnectionRefusedError: Fault.REFUSED,
}


def _fault_of(error: Exception) -> Fault:
    kind = type(error).__name__
    cause: BaseException | None = error if kind == "ConnectError" else None
    while cause is not None:
        for why, fault in _CAUSES_OF_CONNECT_ERROR.items():
            if isinstance(cause, why):
                return fault
        cause = cause.__cause__ or cause.__context__
    return Fault.NETWORK if kind == "ConnectError" else _FAULTS.get(kind, Fault.CLOSED)


# ── The network ──────────────────────────────────────────────────────────────────────────────────────────────────────


def certificates(*, ca_bundle: Path | None = None, besides: Path | None = None) -> ssl.SSLContext:
    """What is trusted: the certificates in `ca_bundle` and no others, or without one the public authorities', and those
    in `besides` with them."""
    trusted = ssl.create_default_context(cafile=ca_bundle) if ca_bundle else httpx.create_ssl_context()
    if besides is not None:
        trusted.load_verify_locations(cafile=besides)
    return trusted


def proxy_for(url: httpx.URL) -> httpcore.Proxy | None:
    """The proxy that the environment names for an address, if any. Raises HttpError for one that cannot be used."""
    named = None if proxy_bypass(url.host) else getproxies().get(url.scheme)
    if named is None:
        return None
    with suppress(ValueError, httpx.InvalidURL):
        proxy = httpx.Proxy(named)
        if proxy.url.scheme in ("http", "https"):
            return httpcore.Proxy(str(proxy.url), auth=proxy.raw_auth)
    # Raised outside the block: the proxy's address may hold a password.
    raise HttpError(Fault.BAD_PROXY)


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
        self._pools: dict[tuple[str, str], httpcore.ConnectionPool] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        _deadline.set(request.extensions["deadline"])
        response = self._pool(url).handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()

    def _pool(self, url: httpx.URL) -> httpcore.ConnectionPool:
        place = (url.scheme, url.host)
        with self._lock:
            if place not in self._pools:
                self._pools[place] = httpcore.ConnectionPool(
                    ssl_context=self._trusted,
                    proxy=proxy_for(url),
                    max_connections=None,
                    max_keepalive_connections=KEPT_ALIVE,
                    keepalive_expiry=15,
                    network_backend=_Network(),
                )
            return self._pools[place]


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
