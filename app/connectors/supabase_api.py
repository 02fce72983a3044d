"""Asks Supabase, read-only and before anything is stored, what an access token can do, and tells it as five checks."""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx

from ..core.http import Deadline, network_transport, private_client
from ..core.secret import Secret
from .answers import Told, read_answer
from .check_results import CheckResult, not_asked, not_reached, result_of, unsendable
from .instance_urls import CLOUD_HOST, InstanceUrl
from .token_kinds import recognise

LONGEST = 10.0
"""Seconds that all checks together may take."""

LARGEST_ANSWER = 1024 * 1024
"""Bytes of an answer. A project takes about 500."""

AT_ONCE = 16
"""Checks that may be under way at the same time in one process; others wait, and end unchecked at their deadline."""


@dataclass(frozen=True, slots=True)
class _Answered:
    told: Told
    seconds: float


@dataclass(frozen=True, slots=True)
class _NotReached:
    why: str


class TokenChecks:
    """Asks the hosts on its list, and no other, about access tokens. Made once per process, safe between threads.

    The list is api.supabase.com and `extra_hosts`, each a host name with its port where that is not 443. `clock`
    measures how long an answer took, `now` is seconds since 1970.
    """

    def __init__(
        self,
        *,
        transport: httpx.BaseTransport,
        extra_hosts: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._hosts = _listed(extra_hosts)
        self._clock = clock
        self._now = now
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self._http = private_client(transport, largest=LARGEST_ANSWER)

    @classmethod
    def over_network(cls, *, extra_hosts: Iterable[str] = (), ca_bundle: Path | None = None) -> Self:
        """Checks over real connections, through the proxy that the environment names for each host, if any."""
        return cls(transport=_NetworkByHost(ca_bundle=ca_bundle), extra_hosts=extra_hosts)

    def check(self, token: Secret, url: InstanceUrl, *, deadline_seconds: float) -> CheckResult:
        """What Supabase says of this token, within `deadline_seconds` and never longer than 10. Never raises.

        Whatever keeps the question from being answered is "not checked" and stops nothing: Infisical asks again
        itself, from another place. What Supabase itself refuses stops.
        """
        if not url.encrypted:
            return not_asked("http, not https")
        if url.host.lower() not in self._hosts:
            return not_asked("not on this server’s list")
        if not _can_be_sent(token):
            return unsendable(host=url.host, kind=recognise(token).kind)
        deadline = Deadline.after(min(deadline_seconds, LONGEST))
        outcome = self._ask_within(token, url, deadline)
        if isinstance(outcome, _NotReached):
            return not_reached(host=url.host, why=outcome.why)
        return result_of(outcome.told, host=url.host, seconds=outcome.seconds, kind=recognise(token).kind)

    def close(self) -> None:
        self._http.close()

    def _ask_within(self, token: Secret, url: InstanceUrl, deadline: Deadline) -> _Answered | _NotReached:
        """The outcome, or _NotReached at the deadline.

        Asked in a thread of its own: looking a name up and reading headers that come byte by byte know no deadline
        as a whole, and a thread that is left behind ends by itself, at the latest with the process.
        """
        slow = _NotReached("no answer in time")
        if not self._free.acquire(timeout=deadline.remaining()):
            return slow
        box: queue.SimpleQueue[_Answered | _NotReached] = queue.SimpleQueue()
        asking = threading.Thread(
            target=self._ask_and_put, args=(box, token, url, deadline), name="supabase-check", daemon=True
        )
        try:
            asking.start()
        except RuntimeError:
            self._free.release()
            return _NotReached("not reachable")
        try:
            return box.get(timeout=deadline.remaining())
        except queue.Empty:
            return slow

    def _ask_and_put(
        self,
        box: "queue.SimpleQueue[_Answered | _NotReached]",
        token: Secret,
        url: InstanceUrl,
        deadline: Deadline,
    ) -> None:
        outcome: _Answered | _NotReached = _NotReached("not reachable")
        try:
            outcome = self._ask(token, url, deadline)
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            httpx.StreamError,
            OSError,
            ValueError,
            RuntimeError,
        ) as error:
            # Only the reason leaves: the frames of the error hold the token.
            outcome = _NotReached(_why(error))
        finally:
            self._free.release()
            box.put(outcome)

    def _ask(self, token: Secret, url: InstanceUrl, deadline: Deadline) -> _Answered:
        left = deadline.remaining()
        timeout = {"connect": min(5.0, left), "pool": left, "write": left, "read": left}
        started = self._clock()
        response = self._http.get(
            f"{url.text}/v1/projects",
            headers={"Authorization": f"Bearer {token.reveal()}"},
            extensions={"timeout": timeout, "deadline": deadline},
        )
        seconds = self._clock() - started
        return _Answered(read_answer(response, token=token, now=self._now), seconds)


class _NetworkByHost(httpx.BaseTransport):
    """One transport per host, made when first needed: whether a proxy is in between differs from host to host."""

    def __init__(self, *, ca_bundle: Path | None) -> None:
        self._ca_bundle = ca_bundle
        self._lock = threading.Lock()
        self._made: dict[str, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._for(f"{request.url.scheme}://{request.url.host}").handle_request(request)

    def close(self) -> None:
        for transport in self._made.values():
            transport.close()

    def _for(self, base_url: str) -> httpx.HTTPTransport:
        with self._lock:
            if base_url not in self._made:
                self._made[base_url] = network_transport(
                    base_url, ca_bundle=self._ca_bundle, connections=AT_ONCE
                )
            return self._made[base_url]


def _listed(extra_hosts: Iterable[str]) -> frozenset[str]:
    named = (host.strip().lower().removesuffix(":443") for host in extra_hosts)
    return frozenset({CLOUD_HOST, *named}) - {""}


def _can_be_sent(token: Secret) -> bool:
    """Whether a text fits into a header. One that does not would end in an error that quotes it."""
    text = token.reveal()
    return text.isascii() and text.isprintable() and " " not in text and 0 < len(text) <= 4096


def _why(error: BaseException) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "name not found"
        if isinstance(cause, ssl.SSLError):
            return "no secure connection"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ProxyError):
        return "refused by the proxy"
    return "answer not readable" if isinstance(error, httpx.DecodingError) else "not reachable"
