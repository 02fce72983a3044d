"""How often somebody may do something: the bounds as a table, counted by Flask-Limiter in memory or in Redis."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address
from itertools import islice
from typing import Literal, cast

from flask import Flask
from flask_limiter import Limiter
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import RateLimiter

from .secret import Secret

Action = Literal["sign-in", "create", "check"]
Key = Literal["identity", "person", "address"]
Bounds = Mapping[Action, Mapping[Key, str]]

BOUNDS: Bounds = {
    "sign-in": {"identity": "2 per 61 seconds", "address": "10 per minute"},
    "create": {"person": "30 per minute", "address": "60 per minute"},
    "check": {"person": "10 per minute", "address": "30 per minute"},
}
"""At most so many, whichever moment one counts from. Infisical locks an identity for 300 s after three wrong secrets
(measured on a self-hosted Infisical), and forgets those before once none has come for 30 s: each wrong one begins the
30 s anew (identity-ua-service.ts in Infisical's source; both are an identity's own settings). Of any three tries at
least 61 s lie between the first and the last, so more than 30 s between two of them, and Infisical never counts three."""

PROCESSES = 2
"""That serve together and share a Redis. While it is away each takes its part of a bound, so that the server as a whole
stays within it."""

PATIENCE = 0.5
"""Seconds that Redis may take to accept a connection, and for each answer."""

PAUSE = 5.0
"""Seconds that a Redis which failed is left alone, so that not every request waits for it."""

MOST_KEYS = 10_000
"""Keys that are remembered in memory: MemoryStorage never forgets one, and looks through all of them ever again. Beyond
it those that were used longest ago are forgotten."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """What is out of bounds, and in how many whole seconds (at least 1) it is within them again."""

    seconds: int
    key: Key


@dataclass(frozen=True, slots=True)
class _Use:
    key: Key
    bound: RateLimitItem
    path: tuple[str, ...]


class Limits:
    """Counts uses, each under the bounds of its action; from any thread, and in any process forked from this one.

    `storage` is a redis:// or rediss:// address, which several processes may share; None counts in memory, each
    process for itself. It is connected to at the first use. While it fails, uses are counted in memory, under this
    process's part of each bound, and the log says so once. Raises ValueError, without the address in it, when that cannot be one.

    Nothing here belongs to the application whose request is served: neither its settings nor a Flask-Limiter of its
    own bear on what is counted here, and no route is counted by itself.
    """

    def __init__(
        self,
        *,
        storage: Secret | None,
        bounds: Bounds = BOUNDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bounds = {
            action: {key: parse(bound) for key, bound in by_key.items()} for action, by_key in bounds.items()
        }
        self._redis = None if storage is None else _redis(storage)
        self._outage = _Outage(clock=clock)
        self._memory = _Memory()

    def hit(
        self,
        action: Action,
        *,
        identity: str | None = None,
        person: str | None = None,
        address: str | None = None,
    ) -> RetryAfter | None:
        """Counts one use for each key that is given. None when all of them are within their bounds.

        Otherwise the longest wait, and the use is not counted: asking again does not make the wait longer. Raises
        LookupError for a key that has no bound for this action.
        """
        given: dict[Key, str | None] = {"identity": identity, "person": person, "address": address}
        uses = tuple(self._use(action, key, text) for key, text in given.items() if text is not None)
        if self._redis is None:
            return self._memory.count(uses)
        if self._outage.lasts():
            return self._memory.count(_parts(uses))
        try:
            wait = _count(self._redis.limiter, uses)
        except self._redis.storage.base_exceptions as error:
            self._outage.begins(error)
            return self._memory.count(_parts(uses))
        self._outage.ends()
        return wait

    def reached(self) -> bool:
        """Whether Redis answers. In memory, always."""
        if self._redis is None:
            return True
        try:
            return self._redis.storage.check()
        except self._redis.storage.base_exceptions:
            return False

    def _use(self, action: Action, key: Key, text: str) -> _Use:
        bound = self._bounds[action][key]
        return _Use(key, bound, (action, key, _digest(_network(text) if key == "address" else text)))


class _Memory:
    """Counts in the memory of this process. It is made at the first use, because it starts a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limiter: Limiter | None = None
        self._known: dict[tuple[str, ...], RateLimitItem] = {}

    def count(self, uses: Collection[_Use]) -> RetryAfter | None:
        with self._lock:
            self._limiter = self._limiter or _limiter("memory://", {})
            wait = _count(self._limiter.limiter, uses)
            # What was refused was not counted either: a stranger whose address is refused brings no new key in.
            if wait is None:
                self._keep(uses, storage=cast(MemoryStorage, self._limiter.storage))
            return wait

    def _keep(self, uses: Iterable[_Use], *, storage: MemoryStorage) -> None:
        for use in uses:
            self._known.pop(use.path, None)
            self._known[use.path] = use.bound
        while len(self._known) > MOST_KEYS:
            oldest = next(iter(self._known))
            key = self._known.pop(oldest).key_for(*oldest)
            # A thread of the storage's own looks through its keys at the same time.
            with storage.locks[key]:
                storage.clear(key)


class _Outage:
    """Whether Redis is left alone for now; tells the log when that begins and when it ends.

    Flask-Limiter's own fallback serves only the routes that it checks by itself, looks for Redis up to 32 s late, and
    tells a logger that shows nothing where the host has not set up logging.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._next_try: float | None = None

    def lasts(self) -> bool:
        """Whether to do without Redis. Once in a while one caller is told no, and finds out."""
        with self._lock:
            if self._next_try is None:
                return False
            if self._clock() < self._next_try:
                return True
            self._next_try = self._clock() + PAUSE
            return False

    def begins(self, error: Exception) -> None:
        with self._lock:
            known = self._next_try is not None
            self._next_try = self._clock() + PAUSE
        if not known:
            # The kind alone: an old Redis answers a login it does not understand by quoting it, password included.
            _log.warning(
                "Redis cannot be used (%s). Until it can, each process counts for itself.",
                type(error).__name__,
            )

    def ends(self) -> None:
        with self._lock:
            known = self._next_try is not None
            self._next_try = None
        if known:
            _log.warning("Redis is in use again.")


def _redis(storage: Secret) -> Limiter:
    """A limiter on Redis. No connection is made, and no error shows the address, for it may hold a password."""
    options: dict[str, str | float] = {
        "socket_connect_timeout": PATIENCE,
        "socket_timeout": PATIENCE,
        # Also keeps our keys out of the reach of a host that resets its own limits in the same Redis.
        "key_prefix": "infisical-connect",
    }
    if storage.reveal().startswith(("redis://", "rediss://")):
        with suppress(ValueError):
            return _limiter(storage.reveal(), options)
    raise ValueError("the storage must be a redis:// or rediss:// address")


def _limiter(address: str, options: Mapping[str, str | float]) -> Limiter:
    """A Flask-Limiter on an application that nobody visits, so that no setting of a host's reaches it."""
    return Limiter(
        lambda: "",
        app=Flask(__name__, static_folder=None),
        # The other strategies let up to twice as many through where two windows meet.
        strategy="moving-window",
        storage_uri=address,
        storage_options=dict(options),  # type: ignore[arg-type]  # fractions of a second are numbers as well
    )


def _parts(uses: Iterable[_Use]) -> tuple[_Use, ...]:
    """The same uses under one process's part of their bounds."""
    return tuple(replace(use, bound=_part(use.bound)) for use in uses)


def _part(bound: RateLimitItem) -> RateLimitItem:
    return type(bound)(max(1, bound.amount // PROCESSES), bound.multiples, bound.namespace)


def _count(strategy: RateLimiter, uses: Iterable[_Use]) -> RetryAfter | None:
    """Counts all the uses, or none when one of them is out of bounds.

    Where another request takes the last place between the look and the count, the uses before it stay counted.
    """
    full = [use for use in uses if not strategy.test(use.bound, *use.path)]
    full = full or list(islice((use for use in uses if not strategy.hit(use.bound, *use.path)), 1))
    waits = (_wait(strategy, use) for use in full)
    return max(waits, key=lambda wait: wait.seconds, default=None)


def _wait(strategy: RateLimiter, use: _Use) -> RetryAfter:
    opens = strategy.get_window_stats(use.bound, *use.path).reset_time
    # The clocks of two machines that share a Redis may differ.
    seconds = min(int(opens - time.time()) + 1, use.bound.get_expiry())
    return RetryAfter(max(seconds, 1), use.key)


def _network(address: str) -> str:
    """What one visitor has: an IPv4 address, or the /64 of an IPv6 address, in which anybody may take another one."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or ip.packed[:8].hex())


def _digest(text: str) -> str:
    """Texts of any length and content, as 32 hex digits of a SHA-256: what is counted is not stored in clear."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
