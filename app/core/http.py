"""A bounded HTTP client: so many bytes, so much time, nothing compressed, and no secret in an answer or an error."""

import json
import math
import re
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from socket import gaierror
from typing import Any, cast
from urllib.parse import quote, quote_plus

import httpcore
import httpx

from .secret import Secret
from .text import whole

LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes, unless a client asks for less. The longest list recorded from Infisical is far below 1 MiB; a project with
thousands of connections stays below this, and so do thousands of Supabase's projects, at about 700 each."""

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
    HANDSHAKE = "No TLS connection came about: it speaks none there, or something on the way broke off."
    TIMEOUT = "It did not accept a network connection in time."
    PLAIN = "It speaks no TLS on that port: the address must begin with http://, or have another port."
    ENCRYPTED = "It speaks TLS on that port: the address must begin with https://."
    BAD_PROXY = "Its address must be http://HOST:PORT, with @ : / ? # of a user name or password as %40 %3A %2F %3F %23."
    PROXY_LOGIN = "It asks for another user name and password (407)."
    PROXY_FORBIDS = "It does not allow this host (403)."
    PROXY = "It answered with a fault, its own or one of what lies behind it."
    NETWORK = "No network connection could be made."

    # The request may have been received.
    LATE = "It did not answer in time."
    CLOSED = "It gave no whole answer."
    COMPRESSED = "Its answer is compressed, which was not asked for."
    TOO_LONG = "Its answer is too long."


class HttpError(Exception):
    """There is no answer, for the reason in `fault`. It holds nothing of what was sent or answered.

    `proxy` is the host and port of the proxy whose fault it is, or "in" and the variable that names none, or "".
    """

    def __init__(self, fault: Fault, *, proxy: str = "") -> None:
        super().__init__(f"The proxy {proxy} made no connection. {fault.value}" if proxy else fault.value)
        self.fault = fault
        self.proxy = proxy


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
            fault, proxy = error.fault, error.proxy
        except FAILURES as error:
            fault, proxy = fault_of(error), ""
        # Raised outside the except block, so that __context__ is empty: the frames below hold the request with its
        # body and its credential, and the answer.
        raise HttpError(fault, proxy=proxy)

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


FAILURES = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    # A label of the name is empty, too long, or no IDNA.
    UnicodeError,
)

_FAULTS = {
    "ConnectTimeout": Fault.TIMEOUT,
    "PoolTimeout": Fault.TIMEOUT,
    "ReadTimeout": Fault.LATE,
    "WriteTimeout": Fault.LATE,
    "UnsupportedProtocol": Fault.NETWORK,
    "InvalidURL": Fault.NETWORK,
}
"""By the names of the exceptions: those of httpx and of httpcore are called the same. After any other the answer was
not whole."""

_REFUSALS_OF_PROXIES = {"407": Fault.PROXY_LOGIN, "403": Fault.PROXY_FORBIDS}
"""By the status, with which httpcore's sentence begins."""

_NO_TLS = re.compile("WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|PACKET_LENGTH|HTTP_REQUEST")
"""In OpenSSL's words: what came is no TLS at all. Where nothing came, as from a filter on the way, that is not known."""

_CAUSES_OF_CONNECT_ERROR: dict[type[Exception], Fault] = {
    gaierror: Fault.NAME,
    ssl.SSLCertVerificationError: Fault.TLS,
    ssl.SSLError: Fault.HANDSHAKE,
    ConnectionResetError: Fault.HANDSHAKE,
    UnicodeError: Fault.NAME,
    ConnectionRefusedError: Fault.REFUSED,
}


def fault_of(error: Exception) -> Fault:
    """What one of FAILURES stands for."""
    kind = type(error).__name__
    if kind == "ProxyError":
        return _REFUSALS_OF_PROXIES.get(str(error)[:3], Fault.PROXY)
    cause: BaseException | None = error if kind == "ConnectError" or isinstance(error, UnicodeError) else None
    while cause is not None:
        if isinstance(cause, ssl.SSLError) and _NO_TLS.search(str(cause)):
            return Fault.PLAIN
        for why, fault in _CAUSES_OF_CONNECT_ERROR.items():
            if isinstance(cause, why):
                return fault
        cause = cause.__cause__ or cause.__context__
    return Fault.NETWORK if kind == "ConnectError" else _FAULTS.get(kind, Fault.CLOSED)
