"""Cookies that only our own server can read: sealed, closed to scripts, and bound to this very host over https."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import request
from werkzeug.wrappers import Response

from ..core.secret import Encryption


class SealedCookie:
    """One sealed record in the browser.

    Over https its name begins with `__Host-`, so that browsers take it from this host alone, with Secure and for all
    paths. Over plain http, which only loopback addresses are served by, browsers would refuse both.
    """

    def __init__(self, name: str, *, seal: Encryption) -> None:
        self._name = name
        self._seal = seal

    def read(self, *, now: datetime) -> dict[str, Any] | None:
        """The record that the request carries; None without one, or with one that we did not seal."""
        sealed = request.cookies.get(self._full_name)
        return self._seal.loads(sealed, now=now) if sealed else None

    @property
    def sent(self) -> bool:
        """Whether the browser sent one, be it ours or not."""
        return bool(request.cookies.get(self._full_name))

    def write(self, response: Response, record: Callable[[], dict[str, Any]], *, now: datetime) -> None:
        """Sends the record with a response. Raises TooLong."""
        self._set(response, self._seal.dumps(record, now=now))

    def clear(self, response: Response) -> None:
        """Has the browser forget the record."""
        self._set(response, "", max_age=0)

    @property
    def _full_name(self) -> str:
        return f"__Host-{self._name}" if request.is_secure else self._name

    def _set(self, response: Response, sealed: str, *, max_age: int | None = None) -> None:
        response.set_cookie(
            self._full_name,
            sealed,
            max_age=max_age,
            path="/",
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
