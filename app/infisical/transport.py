"""What an answer may cost: so many bytes, so much time, nothing compressed, and JSON without the secrets it echoes."""

import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from ..secret import Secret

LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes. The longest list recorded is far below 1 MiB; a project with thousands of connections stays below this."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment, on the monotonic clock, by which several calls together must be over."""

    ends: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left, never less than a millisecond: a timeout of 0 would mean something else to a socket."""
        return max(self.ends - time.monotonic(), 0.001)

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self.ends


class BoundedTransport(httpx.BaseTransport):
    """Wraps a transport and ends any answer that is too long, too slow as a whole, or compressed.

    httpx's own read timeout starts anew with every chunk, so that a server which sends a byte now and then holds a
    thread for ever; and a compressed answer of kilobytes can unpack to gigabytes. The deadline is taken from the
    request's extension `deadline`.
    """

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()
            raise httpx.DecodingError("a compressed answer that was not asked for", request=request)
        if not isinstance(response.stream, httpx.SyncByteStream):
            raise TypeError("the inner transport is asynchronous")
        stream = _BoundedStream(response.stream, request)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=stream, extensions=response.extensions
        )

    def close(self) -> None:
        self._inner.close()


class _BoundedStream(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, request: httpx.Request) -> None:
        self._inner = inner
        self._request = request
        self._deadline: Deadline | None = request.extensions.get("deadline")

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        for chunk in self._inner:
            seen += len(chunk)
            if seen > LARGEST_ANSWER:
                raise httpx.DecodingError("the answer is too long", request=self._request)
            if self._deadline is not None and self._deadline.passed:
                raise httpx.ReadTimeout("the answer came too slowly", request=self._request)
            yield chunk

    def close(self) -> None:
        self._inner.close()


def network_transport(base_url: str, *, ca_bundle: Path | None, connections: int) -> httpx.HTTPTransport:
    """A transport with kept-alive connections to one host, through the proxy the environment names for it, if any."""
    parts = urlsplit(base_url)
    proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
    limits = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=15
    )
    verify = ssl.create_default_context(cafile=ca_bundle) if ca_bundle else httpx.create_ssl_context()
    return httpx.HTTPTransport(verify=verify, limits=limits, proxy=proxy)


def read_json(response: httpx.Response, *, hidden: tuple[Secret, ...] = ()) -> object:
    """The answer's JSON, or None where it has none; every hidden text that it echoes is replaced by "…".

    The content type counts: at a wrong address the dashboard answers 200 with its own page (recorded exchange
    root-html).
    """
    if "json" not in response.headers.get("content-type", ""):
        return None
    text = response.content.decode("utf-8", errors="replace")
    for secret in hidden:
        text = text.replace(secret.reveal(), "…")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
