"""How often somebody may do something: the bounds as a table, counted in memory or in Redis."""

import hashlib
import logging
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, Literal

from limits import RateLimitItem, parse
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from .secret import Secret

Action = Literal["sign-in", "create", "check", "once"]
Bounds = Mapping[Action, Mapping[str, str]]
"""For each key that an action is counted by: identity, person or address."""

BOUNDS: Bounds = {
    "sign-in": {"identity": "2 per 61 seconds", "address": "10 per minute"},
    "create": {"person": "30 per minute", "address": "60 per minute"},
    "check": {"person": "10 per minute", "address": "30 per minute"},
    # What a page of ours may start one time alone, by what it was signed with.
    "once": {"identity": "1 per minute"},
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
"""Keys that are remembered in memory. Beyond it those that were used longest ago are forgotten."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class RetryAfter:
    """In how many whole seconds (at least 1) something is within its bounds again, and which key is out of them."""

    seconds: int
    key: str


@dataclass(frozen=True, slots=True)
class _Use:
    key: str
    bound: RateLimitItem
    path: tuple[str, str, str]

    def wait(self, seconds: float) -> RetryAfter:
        return RetryAfter(max(min(int(seconds) + 1, self.bound.get_expiry()), 1), self.key)


class Limits:
    """Counts uses, each under the bounds of its action; from any thread, and in any process forked from this one.

    `storage` is a redis:// or rediss:// address, which several processes may share; None counts in memory, each
    process for itself. It is connected to at the first use, over TLS with `authorities` trusted besides. While it
    fails, uses are counted in memory, under this process's part of each bound, and the log says so once.
    """

    def __init__(
        self,
        *,
        storage: Secret | None,
        authorities: Path | None = None,
        bounds: Bounds = BOUNDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bounds = {
            action: {key: parse(bound) for key, bound in by_key.items()} for action, by_key in bounds.items()
        }
        self._memory = _Memory(clock=clock, processes=1 if storage is None else PROCESSES)
        self._redis: MovingWindowRateLimiter | None = None
        if storage is not None:
            # The prefix keeps our keys out of the reach of a host that resets its own limits in the same Redis; the
            # other strategies let up to twice as many through where two windows meet.
            options: dict[str, Any] = {"socket_connect_timeout": PATIENCE, "socket_timeout": PATIENCE}
            if authorities and storage.reveal().startswith("rediss:"):
                options["ssl_ca_certs"] = str(authorities)
            redis = RedisStorage(storage.reveal(), key_prefix="infisical-connect", **options)
            self._redis = MovingWindowRateLimiter(redis)
        self._clock = clock
        self._lock = threading.Lock()
        self._away = False
        self._next_try = -math.inf

    def hit(self, action: Action, **texts: str | None) -> RetryAfter | None:
        """Counts one use for each key whose text is given. None when all of them are within their bounds.

        Otherwise the longest wait, and the use is not counted: asking again does not make the wait longer. Raises
        LookupError for a key that has no bound for this action.
        """
        uses = self._uses(action, texts)
        if self._redis is None:
            return self._memory.count(uses)
        with self._lock:
            is_asked = self._clock() >= self._next_try
            if is_asked and self._away:
                # This caller finds out whether it is back; the others do not wait for it meanwhile.
                self._next_try = self._clock() + PAUSE
        if is_asked:
            try:
                wait = _count(self._redis, uses)
            except self._redis.storage.base_exceptions as error:
                # The kind alone: an old Redis answers a login it does not understand by quoting it, password included.
                self._note(type(error).__name__)
            else:
                self._note(None)
                return wait
        return self._memory.count(uses)

    def forget(self, action: Action, **texts: str | None) -> None:
        """Takes back every use of each key whose text is given; while Redis fails, those in memory alone."""
        uses = self._uses(action, texts)
        self._memory.forget(uses)
        if self._redis is not None:
            try:
                for use in uses:
                    self._redis.clear(use.bound, *use.path)
            except self._redis.storage.base_exceptions as error:
                self._note(type(error).__name__)

    def _uses(self, action: Action, texts: Mapping[str, str | None]) -> list[_Use]:
        return [
            _Use(key, self._bounds[action][key], (action, key, _digest(key, text)))
            for key, text in texts.items()
            if text is not None
        ]

    def reached(self) -> bool:
        """Whether Redis answers. In memory, always."""
        if self._redis is None:
            return True
        try:
            return self._redis.storage.check()
        except self._redis.storage.base_exceptions:
            return False

    def _note(self, fault: str | None) -> None:
        with self._lock:
            was_away, self._away = self._away, fault is not None
            self._next_try = self._clock() + PAUSE if self._away else -math.inf
        if fault is not None and not was_away:
            _log.warning("Redis cannot be used (%s). Until it can, each process counts for itself.", fault)
        if fault is None and was_away:
            _log.warning("Redis is in use again.")


class _Memory:
    """Counts in this process, one of so many `processes` that each take their part of a bound. The storage of `limits`
    never forgets a key, and starts threads."""

    def __init__(self, *, clock: Callable[[], float], processes: int) -> None:
        self._clock = clock
        self._processes = processes
        self._lock = threading.Lock()
        self._moments: OrderedDict[tuple[str, str, str], deque[float]] = OrderedDict()

    def count(self, uses: list[_Use]) -> RetryAfter | None:
        with self._lock:
            now = self._clock()
            waits, within = [], {}
            for use in uses:
                amount, seconds = max(1, use.bound.amount // self._processes), use.bound.get_expiry()
                moments = self._moments.get(use.path, deque[float](maxlen=amount))
                within[use.path] = moments
                if len(moments) == amount and now - moments[0] <= seconds:
                    waits.append(use.wait(moments[0] + seconds - now))
            # What is refused is not counted: a stranger whose address is refused brings no new key in.
            if not waits:
                for path, moments in within.items():
                    moments.append(now)
                    self._moments[path] = moments
                    self._moments.move_to_end(path)
                while len(self._moments) > MOST_KEYS:
                    self._moments.popitem(last=False)
            return max(waits, default=None)

    def forget(self, uses: list[_Use]) -> None:
        with self._lock:
            for use in uses:
                self._moments.pop(use.path, None)


def _count(redis: MovingWindowRateLimiter, uses: list[_Use]) -> RetryAfter | None:
    """Counts all the uses, or none when one of them is out of bounds.

    Where another request takes the last place between the look and the count, the others stay counted.
    """
    full = [use for use in uses if not redis.test(use.bound, *use.path)]
    full = full or [use for use in uses if not redis.hit(use.bound, *use.path)]
    waits = [
        # The clocks of two machines that share a Redis may differ.
        use.wait(redis.get_window_stats(use.bound, *use.path).reset_time - time.time())
        for use in full
    ]
    return max(waits, default=None)


def _digest(key: str, text: str) -> str:
    """What is counted, as 32 hex digits of a SHA-256: texts have any length and content, and are not stored in clear.

    Of an address it is what one visitor has: an IPv4 address, or the /64 of an IPv6 address, in which anybody may take
    another one.
    """
    if key == "address":
        with suppress(ValueError):
            ip = ip_address(text)
            text = str(ip)
            if isinstance(ip, IPv6Address):
                text = str(ip.ipv4_mapped or ip.packed[:8].hex())
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
