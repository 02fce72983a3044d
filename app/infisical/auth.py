"""The access token that a log-in of this server obtains and renews, and the credentials for that."""

import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..core.http import Deadline, Fault
from ..core.secret import Secret
from .errors import InfisicalError, LoginRefused, NoAnswer, Unreachable
from .models import AccessGrant

if TYPE_CHECKING:
    from .client import Infisical

PAUSE_AFTER_REFUSAL = 300.0
"""Seconds without a log-in of our own after a refused one: three refusals, none 30 s after the last, lock the identity for 300 s
(recorded exchanges ua-lockout-*)."""


def is_client_id(text: str) -> bool:
    """Whether a text has the shape of Infisical's client IDs, which are UUIDs (recorded exchange ua-login-ok).

    What has another may be a secret that stands in the wrong field.
    """
    return re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text, re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OAuthApplication:
    """The OAuth application in Infisical on whose behalf ID tokens are exchanged."""

    client_id: str
    client_secret: Secret


@dataclass(frozen=True, slots=True)
class _Session:
    """An Infisical access token in use, and moments on the monotonic clock."""

    token: Secret
    renew_at: float
    expires_at: float
    last_expiry: float


@dataclass(eq=False, repr=False, kw_only=True)
class UniversalAuth:
    """Logs a machine identity in with its client ID and client secret, and keeps it logged in.

    One log-in serves all threads: whoever comes first asks, the others wait for the answer. The token is renewed
    shortly before it expires, up to its maximum life, then a new log-in follows.

    Raises LoginRefused without asking for five minutes after a refused log-in.
    """

    client_id: str
    client_secret: Secret
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _session: _Session | None = field(default=None, init=False)
    _refused: LoginRefused | None = field(default=None, init=False)
    _refused_until: float = field(default=0.0, init=False)

    def token(self, infisical: "Infisical", *, deadline: Deadline, refused: Secret | None = None) -> Secret:
        """The access token to send, which `infisical` is asked for where there is none or it is the one `refused`."""
        # While no other thread logs in.
        if not self._lock.acquire(timeout=deadline.remaining()):
            raise Unreachable(Fault.TIMEOUT.value)
        try:
            if self._session is not None and self._session.token is refused:
                self._session = None
            if self._session is None or self.clock() >= self._session.renew_at:
                self._session = self._renewed(infisical, deadline) or self._logged_in(infisical, deadline)
            return self._session.token
        finally:
            self._lock.release()

    def _renewed(self, infisical: "Infisical", deadline: Deadline) -> _Session | None:
        """The session with a fresh token, or as it is where that can wait for the next call; None when it is over."""
        session = self._session
        if session is None or self.clock() >= min(session.expires_at, session.last_expiry):
            return None
        try:
            grant = infisical.renew(session.token, deadline=deadline)
        except LoginRefused:
            return None
        except InfisicalError:
            return session
        return self._session_of(grant, last_expiry=session.last_expiry)

    def _logged_in(self, infisical: "Infisical", deadline: Deadline) -> _Session:
        if self._refused is not None and self.clock() < self._refused_until:
            # A new one: the traceback of an error grows each time it is raised.
            raise LoginRefused(**vars(self._refused))
        with suppress(NoAnswer):
            try:
                grant = infisical.log_in(
                    client_id=self.client_id, client_secret=self.client_secret, deadline=deadline
                )
            except LoginRefused as error:
                self._refused, self._refused_until = error, self.clock() + PAUSE_AFTER_REFUSAL
                raise
            return self._session_of(grant, last_expiry=self.clock() + grant.max_ttl)
        # The call that needed the log-in was never sent.
        raise Unreachable("It did not answer this server’s log-in.")

    def _session_of(self, grant: AccessGrant, *, last_expiry: float) -> _Session:
        expires_at = self.clock() + grant.expires_in
        return _Session(
            token=grant.access_token,
            renew_at=min(expires_at, last_expiry) - min(60.0, grant.expires_in / 10),
            expires_at=expires_at,
            last_expiry=last_expiry,
        )
