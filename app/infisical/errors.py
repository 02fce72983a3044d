"""What can go wrong between the wizard and Infisical, one class per treatment, and which answer means which.

InfisicalError
├── Unreachable             nothing was sent: no such name, refused, TLS failed, no connection in time
├── NoAnswer                sent, and no whole answer came: timeout, socket closed, a proxy that gave up waiting
├── NotInfisical            an answer that is none of Infisical's: HTML, a redirect, JSON of another shape
├── ServerFailed            500 and above
├── RateLimited             429, with the seconds to wait
├── LoginRefused            the identity is not accepted: wrong secret, locked, expired, revoked
├── SignOnRefused           the person who signed in at the identity provider is not accepted
├── PermissionDenied        the identity may not do this
├── NotAMember              the identity is not in this project
├── NotFound                no such project or connection
├── InvalidFields           422, one issue per field
├── NameTaken               the name is in use in this project or organization
├── TokenRefused            the app does not know the access token
├── TokenLacksPermission    the app knows the access token, which lacks a permission
├── InstanceUrlRefused      Infisical could not speak to the app's API at the instance URL
├── ProviderFailed          the app answered with a fault of its own
└── Refused                 another 400

Sources: the error answers of a running Infisical of mid-2026. Its public documentation does not list them, and they
are told apart by `error` and, inside BadRequest, by the sentence in `message`. Those of the token exchange are from its
documentation, in OAuth's spelling: `error` and `error_description`. This is the only file that reads those
sentences; one that it does not know falls back to `Refused`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

_LONGEST_MESSAGE = 500


class InfisicalError(Exception):
    """A call to Infisical that did not succeed.

    `message` is Infisical's own sentence, or ours where it gave none. `request_id` is what Infisical's support asks for.
    `nothing_happened` tells whether it is certain that the call changed nothing at Infisical.
    """

    nothing_happened: ClassVar[bool] = True

    def __init__(self, message: str, *, request_id: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.request_id = request_id
        self.status = status

    @property
    def sentence(self) -> str:
        """One sentence for an operator, without the request id."""
        return self.message


class Reach(Enum):
    """How far a call came that was never sent."""

    NAME = "Its name could not be resolved."
    REFUSED = "It refused the network connection."
    TLS = "Its TLS certificate was not accepted."
    TIMEOUT = "It did not accept a network connection in time."
    LOGIN = "It did not answer this server’s log-in."
    PROXY = "The proxy that HTTPS_PROXY or HTTP_PROXY names cannot be used; it must begin with http://."
    OTHER = "No network connection could be made."


class Unreachable(InfisicalError):
    """Nothing was sent to Infisical."""

    def __init__(self, reach: Reach) -> None:
        super().__init__(f"Infisical could not be reached. {reach.value}")
        self.reach = reach


class NoAnswer(InfisicalError):
    """The call was sent and no whole answer came. A create may still succeed, minutes later."""

    nothing_happened = False


class NotInfisical(InfisicalError):
    """The address answered, and not as Infisical does: a page, a redirect, another shape."""

    nothing_happened = False


class ServerFailed(InfisicalError):
    """Infisical, or a proxy before it, answered with a fault of its own."""

    nothing_happened = False


class RateLimited(InfisicalError):
    """Infisical asks to wait `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: int, request_id: str | None = None) -> None:
        super().__init__(message, request_id=request_id, status=429)
        self.retry_after = retry_after


class Refusal(Enum):
    """Why Infisical does not accept the identity."""

    CREDENTIAL = "the client ID or the client secret is not accepted"
    SECRET_EXPIRED = "the client secret has expired"  # noqa: S105  # words for people, not a secret
    SECRET_USED_UP = "the client secret has been used as often as it may be"  # noqa: S105  # likewise
    LOCKED = "the identity is locked for some minutes after wrong secrets"
    TOKEN = "the Infisical access token is not accepted or has expired"  # noqa: S105  # likewise
    ADDRESS = "this server's address is not one the identity may be used from"
    APPLICATION = "the client ID or the client secret of the OAuth application is not accepted"
    EXCHANGE = "the OAuth application may not exchange sign-ins, or this Infisical is too old to"


class LoginRefused(InfisicalError):
    """Infisical does not accept who is calling, for the reason in `refusal`."""

    def __init__(
        self, message: str, *, refusal: Refusal, request_id: str | None = None, status: int = 401
    ) -> None:
        super().__init__(message, request_id=request_id, status=status)
        self.refusal = refusal

    @property
    def sentence(self) -> str:
        return f"Infisical does not accept the credential: {self.refusal.value}."


class SignOnRefused(InfisicalError):
    """Infisical does not take the ID token of a person who signed in at the identity provider. `message` may say why."""


class PermissionDenied(InfisicalError):
    """The identity may not do `action` on `subject`, in Infisical's words; both None where it does not say."""

    def __init__(
        self, message: str, *, action: str | None, subject: str | None, request_id: str | None = None
    ) -> None:
        super().__init__(message, request_id=request_id, status=403)
        self.action = action
        self.subject = subject


class NotAMember(InfisicalError):
    """The identity is not a member of the project."""


class Missing(Enum):
    """What it is that Infisical has none of."""

    PROJECT = "project"
    CONNECTION = "connection"
    OTHER = "other"


class NotFound(InfisicalError):
    """Infisical has no such project or connection, or none that this identity may see: `missing` says which."""

    def __init__(
        self, message: str, *, missing: Missing = Missing.OTHER, request_id: str | None = None
    ) -> None:
        super().__init__(message, request_id=request_id, status=404)
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Issue:
    """One field that Infisical refused: where it stands in the body, and Infisical's sentence about it."""

    path: tuple[str, ...]
    message: str


class InvalidFields(InfisicalError):
    """Infisical refused fields of the body, before it did anything."""

    def __init__(self, issues: tuple[Issue, ...], *, request_id: str | None = None) -> None:
        super().__init__("; ".join(issue.message for issue in issues), request_id=request_id, status=422)
        self.issues = issues


class NameTaken(InfisicalError):
    """A connection of that name exists in the same project, or among the organization's own."""


class TokenRefused(InfisicalError):
    """The app does not accept the access token (it answered 401 to Infisical)."""


class TokenLacksPermission(InfisicalError):
    """The app accepts the access token, which lacks a permission (it answered 403 to Infisical)."""


class InstanceUrlRefused(InfisicalError):
    """Infisical found no API of the app at the instance URL, or may not go there."""


class ProviderFailed(InfisicalError):
    """The app answered Infisical with a fault of its own, after Infisical's retries."""


class Refused(InfisicalError):
    """A BadRequest whose sentence is not known here."""


_VALIDATED = re.compile(r"^Failed to validate credentials: (?P<why>.*)", re.DOTALL)
_PROVIDER_STATUS = re.compile(r"^Request failed with status code (?P<status>\d{3})$")
_TAKEN = re.compile(r"^An App Connection with the name .* already exists$", re.DOTALL)
_DENIED = re.compile(r"^You are not allowed to (?P<action>[\w-]+) on (?P<subject>[\w-]+)$")
_MISSING = (("Project ", Missing.PROJECT), ("Could not find App Connection ", Missing.CONNECTION))
_BLAMES_CREDENTIALS = "Unable to validate connection - verify credentials"
_WAIT = re.compile(r"in (?P<seconds>\d+) seconds?")

# From Infisical's source; no exchange with it was recorded.
_WRONG_ADDRESS = "from the current IP address"

_LOGIN_REFUSALS = (
    ("temporarily locked", Refusal.LOCKED),
    ("expired client secret", Refusal.SECRET_EXPIRED),
    ("secret usage limit", Refusal.SECRET_USED_UP),
    (_WRONG_ADDRESS, Refusal.ADDRESS),
    ("Invalid credentials", Refusal.CREDENTIAL),
    ("client secret", Refusal.CREDENTIAL),
)


def error_from_answer(status: int, headers: Mapping[str, str], body: object) -> InfisicalError:
    """The error that an answer of status 400 or above stands for; `body` is its parsed JSON, or None.

    Branches on `error` first and on the status second: an expired token is 403 TokenError, a missing one
    401 UnauthorizedError, and both want the same treatment.
    """
    told = body if isinstance(body, dict) else {}
    kind = str(told.get("error", ""))
    message = _sentence(told.get("message"))
    request_id = _request_id(told)
    if status == 422 and isinstance(told.get("message"), list):
        return InvalidFields(_issues(told["message"]), request_id=request_id)
    if status == 429:
        return RateLimited(message, retry_after=_seconds(headers, message), request_id=request_id)
    if status == 504:
        return NoAnswer("A proxy before Infisical gave up waiting.", request_id=request_id, status=status)
    if status >= 500:
        return ServerFailed(message or f"It answered {status}.", request_id=request_id, status=status)
    if not told or (status == 404 and kind == "Not Found"):
        return NotInfisical(f"It answered {status}, not in Infisical's way.", status=status)
    return _refusal(status, kind, message, request_id)


# What a token exchange is refused with (RFC 8693, section 2.2.2; RFC 6749, section 5.2). A refused ID token is an
# invalid_request: of what that may mean, this server brings about nothing else.
_OF_EXCHANGE: dict[str, Callable[[str, int], InfisicalError]] = {
    "invalid_client": lambda said, status: LoginRefused(said, refusal=Refusal.APPLICATION, status=status),
    "unauthorized_client": lambda said, status: LoginRefused(said, refusal=Refusal.EXCHANGE, status=status),
    "unsupported_grant_type": lambda said, status: LoginRefused(
        said, refusal=Refusal.EXCHANGE, status=status
    ),
    "invalid_request": lambda said, status: SignOnRefused(said, status=status),
    "invalid_grant": lambda said, status: SignOnRefused(said, status=status),
    "invalid_scope": lambda said, status: Refused(said, status=status),
    "invalid_target": lambda said, status: Refused(said, status=status),
}


def error_from_exchange(status: int, headers: Mapping[str, str], body: object) -> InfisicalError:
    """The error that a refused token exchange stands for; what is not in OAuth's spelling is read as everywhere else.

    An Infisical from before the exchange has no such address (recorded exchange not-found-route).
    """
    told = body if isinstance(body, dict) else {}
    said = _sentence(told.get("error_description"))
    refused = _OF_EXCHANGE.get(str(told.get("error", "")))
    if refused is not None and status < 500:
        return refused(said, status)
    error = error_from_answer(
        status, headers, {**told, "message": told.get("message") or said} if told else body
    )
    if isinstance(error, NotInfisical) and status == 404:
        return LoginRefused(error.message, refusal=Refusal.EXCHANGE, status=status)
    return error


def _refusal(status: int, kind: str, message: str, request_id: str | None) -> InfisicalError:
    about_the_caller = message.startswith("Service token") or _WRONG_ADDRESS in message
    if status == 401 or kind == "TokenError" or about_the_caller:
        return LoginRefused(message, refusal=_login_refusal(message), request_id=request_id, status=status)
    if kind == "ProjectMembershipNotFound":
        return NotAMember(message, request_id=request_id, status=status)
    if status == 403:
        denied = _DENIED.match(message)
        action, subject = denied.group("action", "subject") if denied else (None, None)
        return PermissionDenied(message, action=action, subject=subject, request_id=request_id)
    if status == 404:
        return NotFound(message, missing=_missing(message), request_id=request_id)
    return _bad_request(message)(message, request_id=request_id, status=status)


def _missing(message: str) -> Missing:
    return next((what for start, what in _MISSING if message.startswith(start)), Missing.OTHER)


def _bad_request(message: str) -> type[InfisicalError]:
    if _TAKEN.match(message):
        return NameTaken
    if message == _BLAMES_CREDENTIALS:
        # Infisical says this when the name does not resolve, the address is private or there is no route: it blames
        # the credentials and means the URL (recorded exchanges create-url-dns-fail, create-private-ip-blocked).
        return InstanceUrlRefused
    validated = _VALIDATED.match(message)
    if not validated:
        return Refused
    answered = _PROVIDER_STATUS.match(validated["why"])
    if not answered:
        return InstanceUrlRefused
    by_status: dict[str, type[InfisicalError]] = {
        "401": TokenRefused,
        "403": TokenLacksPermission,
        "404": InstanceUrlRefused,
    }
    return by_status.get(answered["status"], ProviderFailed)


def _login_refusal(message: str) -> Refusal:
    for fragment, refusal in _LOGIN_REFUSALS:
        if fragment.lower() in message.lower():
            return refusal
    return Refusal.TOKEN


def _issues(told: list[Any]) -> tuple[Issue, ...]:
    return tuple(
        Issue(
            path=tuple(str(step) for step in entry.get("path", ()) if isinstance(step, str | int)),
            message=_sentence(entry.get("message")),
        )
        for entry in told[:20]
        if isinstance(entry, dict) and isinstance(entry.get("path", []), list)
    )


def _sentence(told: object) -> str:
    return told[:_LONGEST_MESSAGE] if isinstance(told, str) else ""


def _request_id(told: Mapping[str, Any]) -> str | None:
    given = told.get("reqId")
    return given[:100] if isinstance(given, str) and given else None


def _seconds(headers: Mapping[str, str], message: str) -> int:
    """How long to wait: `Retry-After`, else the number in the sentence, else a minute (cloud-write-429)."""
    named = _WAIT.search(message)
    for told in (headers.get("retry-after", ""), named["seconds"] if named else ""):
        if told.isascii() and told.isdigit():
            return min(int(told[:6]), 3600)
    return 60
