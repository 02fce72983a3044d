"""What can go wrong between the wizard and Infisical, one class per treatment, and which answer means which.

Sources: the error answers of a running Infisical of mid-2026. Its public documentation does not list them, and they
are told apart by `error` and, inside BadRequest, by the sentence in `message`. Those of the token exchange are from its
documentation, in OAuth's spelling: `error` and `error_description`. Only this file, by errors.toml, reads those
sentences; one that it does not know falls back to `Refused`.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, Literal, NamedTuple
from urllib.parse import urlsplit

from ..core.http import Answer
from ..core.text import toml_beside


@dataclass(eq=False, repr=False)
class InfisicalError(Exception):
    """A call to Infisical that did not succeed.

    `message` is Infisical's own sentence, or ours where it gave none. `request_id` is what Infisical's support asks for.
    `nothing_happened` tells whether it is certain that the call changed nothing at Infisical.
    """

    nothing_happened: ClassVar[bool] = True

    message: str
    request_id: str | None = field(default=None, kw_only=True)
    status: int | None = field(default=None, kw_only=True)

    def __str__(self) -> str:
        """One sentence for an operator, without the request id."""
        return self.message


@dataclass(eq=False, repr=False)
class Unreachable(InfisicalError):
    """Nothing was sent to Infisical. `message` is a sentence on how far the call came, which `proxy` is named in if it
    was at fault."""

    proxy: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        return self.message if self.proxy else f"Infisical could not be reached. {self.message}"


class NoAnswer(InfisicalError):
    """The call was sent and no whole answer came. A create may still succeed, minutes later."""

    nothing_happened = False


@dataclass(eq=False, repr=False)
class NotInfisical(InfisicalError):
    """The address answered, and not as Infisical does: a page, a redirect, another shape. `instead` is the address that
    INFISICAL_HOST should name, where it is known."""

    nothing_happened = False

    instead: str | None = field(default=None, kw_only=True)


@dataclass(eq=False, repr=False)
class TooOld(InfisicalError):
    """This Infisical lacks what the wizard needs: `missing` names it."""

    missing: str = field(kw_only=True)

    def __str__(self) -> str:
        return f"This Infisical is too old: it has no {self.missing}."


class ServerFailed(InfisicalError):
    """Infisical, or a proxy before it, answered with a fault of its own."""

    nothing_happened = False


@dataclass(eq=False, repr=False)
class RateLimited(InfisicalError):
    """Infisical asks to wait `retry_after` seconds."""

    retry_after: int = field(kw_only=True)


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


@dataclass(eq=False, repr=False)
class LoginRefused(InfisicalError):
    """Infisical does not accept who is calling, for the reason in `refusal`."""

    refusal: Refusal = field(kw_only=True)

    def __str__(self) -> str:
        return f"Infisical does not accept the credential: {self.refusal.value}."


class SignOnRefused(InfisicalError):
    """Infisical does not take the ID token of a person who signed in at the identity provider. `message` may say why."""


@dataclass(eq=False, repr=False)
class PermissionDenied(InfisicalError):
    """The identity may not do `action` on `subject`, in Infisical's words; both None where it does not say."""

    action: str | None = field(kw_only=True)
    subject: str | None = field(kw_only=True)


class NotAMember(InfisicalError):
    """The identity is not a member of the project."""


@dataclass(eq=False, repr=False)
class NotFound(InfisicalError):
    """Infisical has none of what was asked for, or none that this identity may see: `missing` says of what."""

    missing: Literal["project", "connection", "sync", "integration", "folder", "other"] = field(
        default="other", kw_only=True
    )


class Issue(NamedTuple):
    """One field that Infisical refused: where it stands in the body, and Infisical's sentence about it."""

    path: tuple[str, ...]
    message: str


class InvalidFields(InfisicalError):
    """Infisical refused fields of the body, before it did anything."""

    def __init__(self, issues: tuple[Issue, ...]) -> None:
        super().__init__("; ".join(issue.message for issue in issues))
        self.issues = issues


@dataclass(eq=False, repr=False)
class NameTaken(InfisicalError):
    """A `thing` of that name exists in the same project, or a connection among the organization's own."""

    thing: Literal["connection", "sync"] = field(default="connection", kw_only=True)


class InUse(InfisicalError):
    """The connection cannot be deleted, for secret syncs use it."""


@dataclass(eq=False, repr=False)
class Refused(InfisicalError):
    """Infisical refused the request, for what the app said of the credential or for what a sync names: `reason` is one of
    those in errors.toml."""

    reason: str = field(default="refused", kw_only=True)


_WORDS = toml_beside(__file__, "errors.toml")
REASONS: list[tuple[str, str]] = _WORDS["reasons"]


def error_from_answer(answer: Answer) -> InfisicalError:
    """The error that an answer stands for which is not what was asked for.

    Branches on `error` first and on the status second: an expired token is 403 TokenError, a missing one
    401 UnauthorizedError, and both want the same treatment.
    """
    body = answer.payload if isinstance(answer.payload, dict) else {}
    error = _error(answer, body, _sentence(body.get("message", body.get("error_description"))))
    request_id = body.get("reqId")
    error.request_id = request_id[:100] if isinstance(request_id, str) and request_id else None
    error.status = answer.status
    return error


def error_from_redirect(answer: Answer, *, asked: str) -> NotInfisical:
    """Of where the address that was asked leads on to the host is named, and nothing else."""
    error = NotInfisical("It redirects elsewhere.", status=answer.status)
    with suppress(ValueError):
        here, there = urlsplit(asked), urlsplit(answer.headers.get("location", ""))
        if there.hostname:
            error.message = f"It redirects to {there.hostname[:100]}."
        if (here.scheme, here.hostname, there.scheme) == ("http", there.hostname, "https"):
            port = f":{there.port}" if there.port not in (None, 443) else ""
            error.instead = f"https://{there.hostname}{port}"
            error.message = f"It redirects to https. Set INFISICAL_HOST={error.instead}."
    return error


def error_from_login(answer: Answer) -> InfisicalError:
    """The same for a log-in: a client ID of another shape is 422, an unknown organization 404, and to people all of
    them say the same."""
    error = error_from_answer(answer)
    if error.status not in (400, 403, 404, 422) or isinstance(error, LoginRefused | NotInfisical | TooOld):
        return error
    return _refused_login(error, refusal=Refusal.CREDENTIAL)


def error_from_exchange(answer: Answer) -> InfisicalError:
    """The same for a token exchange; what is not in OAuth's spelling is read as everywhere else.

    A refused ID token is an invalid_request: of what that may mean, this server brings about nothing else.
    """
    error = error_from_answer(answer)
    kind = str(answer.payload.get("error")) if isinstance(answer.payload, dict) else ""
    if answer.status < 500 and kind in ("invalid_request", "invalid_grant"):
        return SignOnRefused(error.message, request_id=error.request_id, status=error.status)
    if answer.status < 500 and kind in _WORDS["exchange"]:
        return _refused_login(error, refusal=Refusal[_WORDS["exchange"][kind]])
    return error


def _refused_login(error: InfisicalError, *, refusal: Refusal) -> LoginRefused:
    return LoginRefused(error.message, refusal=refusal, request_id=error.request_id, status=error.status)


def _error(answer: Answer, body: Mapping[str, Any], message: str) -> InfisicalError:
    status, kind = answer.status, str(body.get("error", ""))
    if status < 300:
        return NotInfisical("It answered with something that is not JSON.")
    if status == 422 and isinstance(body.get("message"), list):
        issues = (
            Issue(
                path=tuple(str(step) for step in entry.get("path", ()) if isinstance(step, str | int)),
                message=_sentence(entry.get("message")),
            )
            for entry in body["message"][:20]
            if isinstance(entry, dict) and isinstance(entry.get("path", []), list)
        )
        return InvalidFields(tuple(issues))
    if status == 429:
        # Infisical says it in both (recorded exchange cloud-write-429).
        return RateLimited(message, retry_after=answer.retry_after(message))
    if status == 504:
        return NoAnswer("A proxy before Infisical gave up waiting.")
    if status >= 500:
        return ServerFailed(message or f"It answered {status}.")
    # Of the routes of its API alone: what knows no other is another program's (recorded exchange not-found-route).
    unknown = re.match(r"Route ([A-Z]+):(/api/v\d+/[^?\s]*)\S* not found$", message)
    if status == 404 and kind == "Not Found" and unknown:
        return TooOld(message, missing=" ".join(unknown.groups()))
    if not body or (status == 404 and kind == "Not Found"):
        return NotInfisical(f"It answered {status}, not in Infisical's way.")
    return _refusal(status, kind, message)


def _refusal(status: int, kind: str, message: str) -> InfisicalError:
    denied = re.fullmatch(r"You are not allowed to ([\w-]+) on ([\w-]+)", message)
    wrong_address = status == 403 and not denied and re.search(_WORDS["log_in"]["ADDRESS"], message.lower())
    if status == 401 or kind == "TokenError" or message.startswith("Service token") or wrong_address:
        refusal = next(why for why, words in _WORDS["log_in"].items() if re.search(words, message.lower()))
        return LoginRefused(message, refusal=Refusal[refusal])
    if kind == "ProjectMembershipNotFound":
        return NotAMember(message)
    if status == 403:
        action, subject = denied.groups() if denied else (None, None)
        return PermissionDenied(message, action=action, subject=subject)
    if status == 404:
        missing = next(what for what, start in _WORDS["missing"].items() if re.match(start, message))
        return NotFound(message, missing=missing)
    taken = re.match(
        "An? (App Connection|Secret Sync) with the name .* already exists( for|$)", message, re.DOTALL
    )
    if taken:
        return NameTaken(message, thing="sync" if taken[1] == "Secret Sync" else "connection")
    if message.startswith("Cannot delete App Connection with existing connections"):
        return InUse(message)
    return Refused(message, reason=next(why for start, why in REASONS if re.match(start, message)))


def _sentence(value: object) -> str:
    return value[:500] if isinstance(value, str) else ""
