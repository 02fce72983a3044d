"""Who may call the sandbox's Infisical: log-in, renewal and revocation of its tokens, and the exchange of ID tokens.

It stands in for Infisical and is no guard: the exchange reads an ID token's e-mail address, name and end, and does not
look at its signature, its issuer or whom it was made for.
"""

import base64
import hashlib
import hmac
import json
import math
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import unquote_plus

from flask import Blueprint, Response, g, request
from itsdangerous import Signer
from werkzeug.exceptions import HTTPException

from ..core.text import read_payload
from .answers import DATA, MISSING, answer, read_object, refusal, type_issues
from .store import current_database

_MONTH = 30 * 24 * 60 * 60
_MALFORMED = (
    "The provided access token is malformed. Please use a valid token or generate a new one and try again."
)
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ID_TOKENS = ("urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:jwt")

routes = Blueprint("auth", __name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Somebody who may call, and how long their tokens live (seconds).

    `roles` maps a project's id to admin or viewer, who may not even read App Connections (recorded exchange
    get-by-id-lowpriv); None is an admin of the organization and so of every project. `refused` is what they get instead
    of a token although all that they send is right.
    """

    ttl: int
    roles: Mapping[str, str] | None = None
    refused: Callable[[], HTTPException] | None = None

    def role_in(self, project_id: str) -> str | None:
        """admin, viewer, or None for somebody who is no member."""
        return "admin" if self.roles is None else self.roles.get(project_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity(Caller):
    """A machine identity, or an OAuth application, which proves itself in the same way."""

    name: str
    client_id: str
    client_secret: str
    ttl: int = _MONTH
    max_ttl: int = _MONTH


@dataclass(frozen=True, kw_only=True, slots=True)
class Person(Caller):
    """Somebody whom the organization knows by an e-mail address. Their tokens cannot be renewed."""

    email: str
    name: str
    ttl: int = 60 * 60

    @property
    def id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{self.email}"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Callers:
    """Everybody whom the sandbox knows. Whoever signs in with another address gets the rights of the first person."""

    identities: tuple[Identity, ...]
    people: tuple[Person, ...]
    applications: tuple[Identity, ...]


CALLERS = Callers(
    identities=tuple(Identity(**row) for row in DATA["identities"]),
    people=tuple(Person(**row) for row in DATA["people"]),
    applications=tuple(Identity(**row) for row in DATA["applications"]),
)
SANDBOX_CLIENT_ID = CALLERS.identities[0].client_id
SANDBOX_CLIENT_SECRET = CALLERS.identities[0].client_secret
SANDBOX_OAUTH_CLIENT_ID = CALLERS.applications[0].client_id
SANDBOX_OAUTH_CLIENT_SECRET = CALLERS.applications[0].client_secret

Kind = TypeVar("Kind", bound=Caller)


@routes.post("/api/v1/auth/universal-auth/login")
def log_in() -> Response:
    """Gives out a token. A locked identity gets the same 401 to its right secret as to a wrong one."""
    client_id, client_secret = _texts("clientId", "clientSecret")
    database, identity = current_database(), _known(client_id, among=g.callers.identities)
    if identity is None:
        raise refusal(401, "Invalid credentials")
    if database.is_locked(client_id):
        raise refusal(401, "This identity auth method is temporarily locked, please try again later")
    if not _same(client_secret, identity.client_secret):
        database.count_failed_login(client_id)
        raise refusal(401, "Invalid credentials")
    if identity.refused:
        raise identity.refused()
    database.forget_failed_logins(client_id)
    return _grant(identity, login_id=str(uuid.uuid4()), began=database.now.timestamp())


@routes.post("/api/v1/auth/token/renew")
def renew() -> Response:
    """A new token of the same log-in, up to the log-in's maximum."""
    identity, claims = _identity_of(*_texts("accessToken"))
    if current_database().is_revoked(claims["identityAccessTokenId"]):
        raise refusal(401, "Cannot renew: token has been revoked")
    return _grant(identity, login_id=claims["identityAccessTokenId"], began=claims["loginAt"])


@routes.post("/api/v1/auth/token/revoke")
def revoke() -> Response:
    """Ends every token of the log-in that this one comes from."""
    _, claims = _identity_of(*_texts("accessToken"))
    current_database().revoke(claims["identityAccessTokenId"])
    return answer({"message": "Successfully revoked access token"})


@routes.post("/api/v1/oauth/token")
def exchange() -> Response:
    """An access token with the rights of the person in the ID token. Infisical's documentation is the source of what is
    answered; no exchange was recorded, and the sentences are made up."""
    given = request.authorization
    client_id, client_secret = (
        unquote_plus((given and given.get(part)) or "") for part in ("username", "password")
    )
    application = _known(client_id, among=g.callers.applications)
    if application is None or not _same(client_secret, application.client_secret):
        raise oauth_refusal("Client authentication failed", error="invalid_client", status=401)
    if request.form.get("grant_type") != _EXCHANGE:
        raise oauth_refusal("The grant type is not supported", error="unsupported_grant_type")
    known = request.form.keys() <= {"grant_type", "subject_token", "subject_token_type"}
    if not known or request.form.get("subject_token_type") not in _ID_TOKENS:
        raise oauth_refusal("The request has a parameter that is not supported")
    person = _person_in(request.form.get("subject_token", ""))
    for caller_ in (application, person):
        if caller_.refused:
            raise caller_.refused()
    now = current_database().now.timestamp()
    return answer(
        {
            "access_token": _signed(_person_claims(person, issued=now, expires=now + person.ttl)),
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": person.ttl,
        }
    )


def oauth_refusal(description: str, *, error: str = "invalid_request", status: int = 400) -> HTTPException:
    """A refusal of the exchange, in OAuth's spelling."""
    return HTTPException(response=answer({"error": error, "error_description": description}, status=status))


def caller(kind: type[Kind]) -> Kind:
    """Whose token the request carries, who must be of this kind; or the refusal recorded for such a token."""
    authorization = request.headers.get("Authorization")
    if authorization is None:
        raise refusal(401, "Token missing")
    # The server drops seven characters without looking at them: "Basic …" is a malformed token to it.
    calling, claims = _read(authorization[len("Bearer ") :])
    if current_database().is_revoked(claims.get("identityAccessTokenId", "")):
        raise refusal(401, "Failed to authorize: token has been revoked")
    if not isinstance(calling, kind):
        error = f"Forbidden access to {request.path}"
        raise refusal(403, "You are not allowed to access this resource", error=error)
    return calling


def no_member(project_id: str) -> HTTPException:
    return refusal(
        403,
        f"You are not a member of this project with ID {project_id}. Please assign this identity to the project "
        "with the appropriate permissions, then try again.",
        error="ProjectMembershipNotFound",
    )


def sandbox_person_token() -> str:
    """A made-up access token of Ada, to be pasted. It is the same at every start, and its signature is none."""
    claims = _person_claims(CALLERS.people[0], issued=0, expires=datetime(2100, 1, 1, tzinfo=UTC).timestamp())
    return f"{_unsigned(claims)}.opens-nothing-but-the-sandbox"


def _known(client_id: str, *, among: Iterable[Identity]) -> Identity | None:
    return next((identity for identity in among if identity.client_id == client_id), None)


def _person(email: str, *, name: str) -> Person:
    """The person with this e-mail address; one who is not known is called `name`."""
    people: tuple[Person, ...] = g.callers.people
    known = next((person for person in people if person.email == email.lower()), None)
    return known or replace(people[0], email=email.lower(), name=name or email.partition("@")[0])


def _texts(*keys: str) -> list[str]:
    """These texts of the body, trimmed as Infisical does."""
    body = read_object()
    if issues := [issue for key in keys for issue in type_issues(body.get(key, MISSING), str, path=(key,))]:
        raise refusal(422, issues)
    return [body[key].strip() for key in keys]


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _grant(identity: Identity, *, login_id: str, began: float) -> Response:
    now = current_database().now.timestamp()
    expires = min(now + identity.ttl, began + identity.max_ttl)
    claims = {
        "identityId": identity.client_id,
        "identityName": identity.name,
        "identityAccessTokenId": login_id,
        "clientSecretId": identity.client_id,
        "identityAuth": {"universalAuth": {"clientId": identity.client_id}},
        "loginAt": began,
        "iat": int(now),
        "exp": math.ceil(expires),
    }
    return answer(
        {
            "accessToken": _signed(DATA["claims"]["identity"] | claims),
            "expiresIn": math.ceil(expires - now),
            "accessTokenMaxTTL": identity.max_ttl,
            "tokenType": "Bearer",
        }
    )


def _identity_of(token: str) -> tuple[Identity, dict[str, Any]]:
    """Only machine identities' tokens are renewed and revoked (from Infisical's source)."""
    calling, claims = _read(token)
    if not isinstance(calling, Identity):
        raise refusal(401, "You are not allowed to access this resource")
    return calling, claims


def _read(token: str) -> tuple[Caller, dict[str, Any]]:
    """Whose token it is and its claims, or the refusal recorded for its fault (get-garbage-token and those after it)."""
    if token.startswith("st."):
        raise refusal(404, f"Service token with ID '{token.split('.')[1]}' not found")
    if _same(token, sandbox_person_token()):
        return CALLERS.people[0], {}
    claims = read_payload(token)
    if fault := _fault_of(token, claims):
        raise refusal(403, fault, error="TokenError")
    if "userId" in claims:
        return _person(claims["email"], name=claims["name"]), claims
    identity: Identity = next(one for one in g.callers.identities if one.client_id == claims["identityId"])
    return identity, claims


def _fault_of(token: str, claims: dict[str, Any]) -> str:
    if not token:
        return "jwt must be provided"
    if not claims:
        return _MALFORMED if token.count(".") != 2 else "invalid token"
    if token.endswith("."):
        return "jwt signature is required"
    if not _signer().validate(token):
        return "invalid signature"
    if current_database().now.timestamp() >= claims["exp"]:
        return "Your token has expired. Please re-authenticate."
    return ""


def _person_in(id_token: str) -> Person:
    claims = read_payload(id_token)
    ends, email, name = claims.get("exp"), claims.get("email"), claims.get("name")
    if not isinstance(ends, int | float) or ends <= current_database().now.timestamp():
        raise oauth_refusal("The subject token is malformed or has expired")
    if not isinstance(email, str) or "@" not in email:
        raise oauth_refusal("The subject token names nobody in this organization")
    return _person(email, name=name if isinstance(name, str) else "")


def _person_claims(person: Person, *, issued: float, expires: float) -> dict[str, Any]:
    """As in Infisical's source, and the address and name that the sandbox would look up in a table of people."""
    named = {"userId": person.id, "email": person.email, "name": person.name}
    return {**DATA["claims"]["person"], **named, "iat": int(issued), "exp": math.ceil(expires)}


def _unsigned(claims: dict[str, Any]) -> str:
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (DATA["claims"]["header"], claims))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def _signed(claims: dict[str, Any]) -> str:
    return _signer().sign(_unsigned(claims)).decode()


def _signer() -> Signer:
    return Signer(current_database().token_key(), digest_method=hashlib.sha256)
