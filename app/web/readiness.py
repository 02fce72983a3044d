"""Whether Infisical can be used, found out seldom however often somebody asks."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ..infisical import InfisicalError, LoginRefused, NoAnswer, RateLimited, ServerFailed, Unreachable

KEPT = 5.0
"""Seconds that an answer is given again. Anybody may ask, and finding out costs calls to Infisical and a thread."""


_IN_SHORT: dict[type[InfisicalError], str] = {
    NoAnswer: "Infisical did not answer.",
    ServerFailed: "Infisical answered with a fault of its own.",
    RateLimited: "Infisical asks to wait.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why Infisical cannot be used: one sentence, and the request ID that Infisical gave."""

    reason: str
    request_id: str | None


class Readiness:
    """`ask` returns when Infisical can be used and raises an InfisicalError otherwise; `clock` counts seconds."""

    def __init__(self, ask: Callable[[], None], *, clock: Callable[[], float]) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Fault | None = Fault("Infisical is being asked.", None)
        self._known_until: float | None = None

    def fault(self) -> Fault | None:
        """What stands in the way; None when nothing does. Who asks while another finds out gets the last answer."""
        if self._lock.acquire(blocking=False):
            try:
                if self._known_until is None or self._clock() >= self._known_until:
                    self._known = self._found_out()
                    self._known_until = self._clock() + KEPT
            finally:
                self._lock.release()
        return self._known

    def _found_out(self) -> Fault | None:
        try:
            self._ask()
        except InfisicalError as error:
            return Fault(_reason(error), error.request_id)
        return None


def _reason(error: InfisicalError) -> str:
    """One sentence of our own. Strangers read it, and what Infisical or a proxy says may name what lies behind them."""
    if isinstance(error, Unreachable | LoginRefused):
        return error.sentence
    return _IN_SHORT.get(type(error), "Infisical did not answer as it should.")
