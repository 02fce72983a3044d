"""A bounded HTTP client: so many bytes, so much time, nothing compressed, and no secret in an answer or an error."""

import json
import math
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from http.cookiejar import CookieJar, DefaultCookiePolicy
from socket import gaierror
from typing import Any
from urllib.parse import quote, quote_plus

import httpx

from .secret import Secret
from .text import whole

LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes, unless a client asks for less. The longest list recorded from Infisical is far below 1 MiB; a project with
thousands of connections stays below this."""

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

    NAME = "Its name could not be resolved."
    REFUSED = "It refused the network connection."
    TLS = "Its TLS certificate was not accepted."
    TIMEOUT = "It did not accept a network connection in time."
    BAD_PROXY = "The proxy that HTTPS_PROXY or HTTP_PROXY names cannot be used; it must begin with http://."
    PROXY = "The proxy on the way to it refused the connection."
    NETWORK = "No network connection could be made."

    LATE = "It did not answer in time."
    CLOSED = "It gave no whole answer."
    COMPRESSED = "Its answer is compressed, which was not asked for."
    TOO_LONG = "Its answer is too long."

    @property
    def after_sending(self) -> bool:
        """Whether the request may have been received."""
        return self in (Fault.LATE, Fault.CLOSED, Fault.COMPRESSED, Fault.TOO_LONG)


class HttpError(Exception):
    """There is no answer, for the reason in `fault`. It holds nothing of what was sent or answered."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, with "…" in place of every secret that it brought back.

    `payload` is its JSON, or None where it has none. The content type counts: at a wrong address Infisical's dashboard
    answers 200 with its own page (recorded exchange root-html). The names of `headers` are in lower case.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    payload: Any = field(repr=False)


class Authorization(httpx.Auth):
    """Who asks: the scheme, and the credential that goes out with it."""

    def __init__(self, scheme: str, credential: Secret) -> None:
        self.credential = credential
        self._scheme = scheme

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"{self._scheme} {self.credential.reveal()}"
        yield request


def client_secret_basic(client_id: str, client_secret: Secret) -> Authorization:
    """A client ID and a client secret as HTTP Basic. Both are encoded as in a form first (RFC 6749, section 2.3.1): a
    colon or a plus in either would otherwise be read as something else."""
    both = f"{quote_plus(client_id)}:{quote_plus(client_secret.reveal())}"
    return Authorization("Basic", Secret(b64encode(both.encode()).decode()))


class HttpClient:
    """Asks over `transport`, for several people at once: it keeps no cookie of one person's answer for another's
    request, follows no redirect, reads nothing of the environment, and bounds each answer to `largest` bytes."""

    def __init__(self, transport: httpx.BaseTransport, *, largest: int = LARGEST_ANSWER) -> None:
        self._largest = largest
        self._client = httpx.Client(
            transport=transport,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "infisical-connect",
            },
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            follow_redirects=False,
            trust_env=False,
        )

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
        timeout = {"connect": min(5.0, left), "pool": min(5.0, left), "write": min(10.0, left)}
        try:
            request = self._client.build_request(
                method,
                url,
                params=params,
                json=json() if json else None,
                data=form() if form else None,
                extensions={"timeout": {**timeout, "read": min(longest, left)}, "deadline": deadline},
            )
            return self._answer(request, auth=auth, redact=redact)
        except HttpError as error:
            fault = error.fault
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            fault = _fault_of(error)
        # Raised outside the except block, so that __context__ is empty: the frames below hold the request with its
        # body and its credential, and the answer.
        raise HttpError(fault)

    def close(self) -> None:
        self._client.close()

    def _answer(
        self, request: httpx.Request, *, auth: Authorization | None, redact: tuple[Secret, ...]
    ) -> Answer:
        response = self._client.send(request, auth=auth, stream=True)
        try:
            body = self._body_of(response)
        finally:
            response.close()
        plain = {secret.reveal() for secret in ((*redact, auth.credential) if auth else redact)}
        secrets = {text for text in plain if len(text) >= _SHORTEST_SECRET}
        # As they are, and as they stand in a URL.
        spelt = secrets | {quote(text, safe="", errors="replace") for text in secrets}
        hidden = sorted(spelt, key=len, reverse=True)
        payload = None
        if "json" in response.headers.get("content-type", ""):
            with suppress(ValueError, RecursionError):
                payload = _masked(json.loads(body.decode(errors="replace")), hidden)
        headers = {name: _masked(text, hidden) for name, text in response.headers.items()}
        return Answer(response.status_code, headers, payload)

    def _body_of(self, response: httpx.Response) -> bytes:
        """A compressed answer of kilobytes can unpack to gigabytes; and a read timeout begins anew with every byte."""
        if response.headers.get("content-encoding", "identity") != "identity":
            raise HttpError(Fault.COMPRESSED)
        if not isinstance(response.stream, httpx.SyncByteStream):
            raise TypeError("the transport is asynchronous")
        body = bytearray()
        for chunk in response.stream:
            body += chunk
            if len(body) > self._largest:
                raise HttpError(Fault.TOO_LONG)
            if response.request.extensions["deadline"].passed:
                raise HttpError(Fault.LATE)
        return bytes(body)


class BadProxy(httpx.ProxyError):
    """The environment names a proxy that is none."""


_FAULTS: dict[type[Exception], Fault] = {
    BadProxy: Fault.BAD_PROXY,
    httpx.ProxyError: Fault.PROXY,
    httpx.ConnectTimeout: Fault.TIMEOUT,
    httpx.PoolTimeout: Fault.TIMEOUT,
    httpx.TimeoutException: Fault.LATE,
    httpx.UnsupportedProtocol: Fault.NETWORK,
    httpx.InvalidURL: Fault.NETWORK,
}
_CAUSES_OF_CONNECT_ERROR: dict[type[Exception], Fault] = {
    gaierror: Fault.NAME,
    ssl.SSLError: Fault.TLS,
    ConnectionRefusedError: Fault.REFUSED,
}


def _fault_of(error: Exception) -> Fault:
    if not isinstance(error, httpx.ConnectError):
        return next((fault for kind, fault in _FAULTS.items() if isinstance(error, kind)), Fault.CLOSED)
    cause: BaseException | None = error
    while cause is not None:
        for kind, fault in _CAUSES_OF_CONNECT_ERROR.items():
            if isinstance(cause, kind):
                return fault
        cause = cause.__cause__ or cause.__context__
    return Fault.NETWORK


def _masked(value: Any, secrets: list[str]) -> Any:
    """The same JSON value, its texts without the secrets. Keys stay: they are read by name and never shown."""
    if isinstance(value, dict):
        return {key: _masked(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, secrets) for inner in value]
    if isinstance(value, str):
        text = whole(value)
        for secret in secrets:
            text = text.replace(secret, "…")
        return text
    return value
