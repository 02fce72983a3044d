"""How a request to Infisical proves who it is: each way is one httpx.Auth."""

import re
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from pydantic import ValidationError

from ..core.http import ClientSecretBasic, Deadline, read_json
from ..core.secret import Secret
from .errors import (
    InfisicalError,
    LoginRefused,
    NotInfisical,
    Reach,
    Refusal,
    Unreachable,
    error_from_answer,
)
from .models import AccessGrant

PAUSE_AFTER_REFUSAL = 300.0
"""Seconds without a log-in of our own after a refused one: three refusals, none 30 s after the last, lock the identity for 300 s
(recorded exchanges ua-lockout-*)."""

_CLIENT_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_Flow = Generator[httpx.Request, httpx.Response, None]
_Asking = Generator[httpx.Request, httpx.Response, AccessGrant]

EXCHANGE_PATH = "/api/v1/oauth/token"
LOGIN_PATH = "/api/v1/auth/universal-auth/login"
RENEW_PATH = "/api/v1/auth/token/renew"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OAuthApplication:
    """The OAuth application in Infisical on whose behalf ID tokens are exchanged."""

    client_id: str
    client_secret: Secret

    def auth(self) -> ClientSecretBasic:
        return ClientSecretBasic(self.client_id, self.client_secret)


def exchange_form(id_token: Secret) -> dict[str, str]:
    """The form of an exchange, with the ID token in clear.

    These three and no more: Infisical's documentation says that `scope`, `audience`, `resource` and `actor_token`
    are each answered with an error.
    """
    return {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": id_token.reveal(),
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    }


def is_client_id(text: str) -> bool:
    """Whether a text has the shape of Infisical's client IDs, which are UUIDs (recorded exchange ua-login-ok).

    What has another may be a secret that stands in the wrong field.
    """
    return _CLIENT_ID.fullmatch(text) is not None


def timeouts(deadline: Deadline, *, longest: float) -> dict[str, float | None]:
    """httpx's timeouts in seconds for one call: the read at most `longest`, nothing past the deadline."""
    left = deadline.remaining()
    return {
        "connect": min(5.0, left),
        "pool": min(5.0, left),
        "write": min(10.0, left),
        "read": min(longest, left),
    }


class TokenAuth(httpx.Auth):
    """Sends an Infisical access token that was given, as it is."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> _Flow:
        yield _signed(request, self._token)


@dataclass(frozen=True, slots=True)
class _Held:
    """An Infisical access token in use, and moments on the monotonic clock."""

    token: Secret
    renew_at: float
    expires_at: float
    last_expiry: float


class UniversalAuth(httpx.Auth):
    """Logs a machine identity in with its client ID and client secret, and keeps it logged in.

    One log-in serves all threads: whoever comes first asks, the others wait for the answer. The token is renewed
    shortly before it expires, up to its maximum life, then a new log-in follows. A call that Infisical answers with
    "this token is no longer good" is sent once more after a new log-in: Infisical authenticates before it does
    anything else (recorded exchange create-no-auth-invalid-body), so the first one did nothing.

    Raises LoginRefused without asking for five minutes after a refused log-in.
    """

    def __init__(
        self,
        *,
        base_url: str,
        client_id: str,
        client_secret: Secret,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url = base_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._refused: LoginRefused | None = None
        self._refused_until = 0.0

    def sync_auth_flow(self, request: httpx.Request) -> _Flow:
        held = yield from self._usable(request)
        response = yield _signed(request, held.token)
        response.read()
        if not _token_is_spent(response):
            return
        # Refused before anything was done: until it goes out again, it counts as never sent.
        request.extensions["sent"] = False
        with self._alone(request):
            if self._held is held:
                self._held = None
        held = yield from self._usable(request)
        yield _signed(request, held.token)

    def _usable(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, _Held]:
        with self._alone(request):
            held = self._held
            if held is None or self._clock() >= held.renew_at:
                held = self._held = yield from self._fresh(request, held)
        return held

    def _fresh(
        self, request: httpx.Request, held: _Held | None
    ) -> Generator[httpx.Request, httpx.Response, _Held]:
        if held is not None and self._clock() < min(held.expires_at, held.last_expiry):
            try:
                grant = yield from self._renew(request, held.token)
            except LoginRefused:
                pass
            except InfisicalError:
                # The token in hand is still good: renewing it can wait for the next call.
                return held
            else:
                return self._hold(grant, last_expiry=held.last_expiry)
        if self._refused is not None and self._clock() < self._refused_until:
            refused = self._refused
            raise LoginRefused(
                refused.message,
                refusal=refused.refusal,
                request_id=refused.request_id,
                status=refused.status or 401,
            )
        grant = yield from self._log_in(request)
        self._refused = None
        return self._hold(grant, last_expiry=self._clock() + grant.max_ttl)

    def _log_in(self, request: httpx.Request) -> _Asking:
        try:
            return (
                yield from self._ask(
                    request,
                    LOGIN_PATH,
                    lambda: {"clientId": self._client_id, "clientSecret": self._client_secret.reveal()},
                    redact=self._client_secret,
                )
            )
        except LoginRefused as refused:
            self._refused = refused
            self._refused_until = self._clock() + PAUSE_AFTER_REFUSAL
            raise

    def _renew(self, request: httpx.Request, token: Secret) -> _Asking:
        return (
            yield from self._ask(request, RENEW_PATH, lambda: {"accessToken": token.reveal()}, redact=token)
        )

    def _ask(
        self, request: httpx.Request, path: str, body: Callable[[], dict[str, str]], *, redact: Secret
    ) -> _Asking:
        deadline: Deadline = request.extensions["deadline"]
        response = yield httpx.Request(
            "POST",
            self._base_url + path,
            json=body(),
            headers={"Accept-Encoding": "identity", "User-Agent": request.headers["User-Agent"]},
            extensions={"timeout": timeouts(deadline, longest=15.0), "deadline": deadline},
        )
        response.read()
        request.extensions["timeout"] = timeouts(deadline, longest=request.extensions["longest"])
        return _granted(response, redact)

    def _hold(self, grant: AccessGrant, *, last_expiry: float) -> _Held:
        margin = min(60.0, grant.expires_in / 10)
        expires_at = self._clock() + grant.expires_in
        return _Held(
            token=grant.access_token,
            renew_at=min(expires_at, last_expiry) - margin,
            expires_at=expires_at,
            last_expiry=last_expiry,
        )

    @contextmanager
    def _alone(self, request: httpx.Request) -> Generator[None, None, None]:
        deadline: Deadline = request.extensions["deadline"]
        if not self._lock.acquire(timeout=deadline.remaining()):
            raise Unreachable(Reach.TIMEOUT)
        try:
            yield
        finally:
            self._lock.release()


def _signed(request: httpx.Request, token: Secret) -> httpx.Request:
    """The request, ready to go. From here on it may have reached Infisical, which its extension `sent` tells."""
    request.extensions["sent"] = True
    request.headers["Authorization"] = f"Bearer {token.reveal()}"
    return request


def _token_is_spent(response: httpx.Response) -> bool:
    """Whether a new log-in can help: TokenError, or a token that was revoked or used up (get-expired-token,
    get-revoked-token, numuses-call-3). A PermissionDenied is 403 as well, and a new log-in cannot help there."""
    return response.status_code in (401, 403) and isinstance(_error_of(response), LoginRefused)


def _granted(response: httpx.Response, redact: Secret) -> AccessGrant:
    if response.is_success:
        try:
            return AccessGrant.model_validate(read_json(response))
        except ValidationError:
            pass
        # Outside the except block: a ValidationError in __context__ would carry the answer, and with it the token.
        raise NotInfisical("The log-in was answered, not in Infisical's way.", status=response.status_code)
    raise as_login_refusal(_error_of(response, redact))


def as_login_refusal(error: InfisicalError) -> InfisicalError:
    """What an answer to a log-in means: a client ID of another shape is 422, an unknown organization 404, and to
    people all of them say the same."""
    if error.status not in (400, 403, 404, 422) or isinstance(error, LoginRefused | NotInfisical):
        return error
    return LoginRefused(
        error.message, refusal=Refusal.CREDENTIAL, request_id=error.request_id, status=error.status
    )


def _error_of(response: httpx.Response, *redact: Secret) -> InfisicalError:
    return error_from_answer(response.status_code, response.headers, read_json(response, redact=redact))
