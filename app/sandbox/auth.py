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
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import unquote_plus

from flask import Blueprint, Response, g, request
from itsdangerous import Signer
from werkzeug.exceptions import HTTPException

from ..core.text import read_payload
from .answers import answer, no_member, part_of, read_object, refusal, type_issues
from .store import ORGANIZATION, current_database

_HOUR = 60 * 60
_MONTH = 30 * 24 * 60 * 60
_YEAR_2100 = 4102444800
_HEADER = {"alg": "HS256", "typ": "JWT"}
_ISSUER = "the sandbox: this token opens nothing outside it"
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
    get-by-id-lowpriv); None is an admin of the organization and so of every project. `refused` is what a log-in is
    answered with although all that it sends is right: status, error, message.
    """

    ttl: int
    roles: Mapping[str, str] | None = None
    refused: tuple[int, str, str] | None = None

    def role_in(self, project_id: str) -> str | None:
        """admin, viewer, or None for somebody who is no member."""
        return "admin" if self.roles is None else self.roles.get(project_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity(Caller):
    """A machine identity."""

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
    ttl: int = _HOUR

    @property
    def id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{self.email}"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Application:
    """An OAuth application that exchanges people's ID tokens; `refused` as above."""

    client_id: str
    client_secret: str
    refused: tuple[int, str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Callers:
    """Everybody whom the sandbox knows. Whoever signs in with another address gets the rights of the first person."""

    identities: tuple[Identity, ...]
    people: tuple[Person, ...]
    applications: tuple[Application, ...]

    def identity(self, client_id: str) -> Identity | None:
        return next((one for one in self.identities if one.client_id == client_id), None)

    def application(self, client_id: str) -> Application | None:
        return next((one for one in self.applications if one.client_id == client_id), None)

    def person(self, email: str, *, name: str) -> Person:
        """The person with this e-mail address; one who is not known is called `name`."""
        known = next((one for one in self.people if one.email == email.lower()), None)
        return known or replace(self.people[0], email=email.lower(), name=name or email.partition("@")[0])


CALLERS = Callers(
    identities=(
        Identity(
            name="wizard-admin",
            client_id="5a4db0c5-0000-4000-8000-000000000001",
            client_secret="made-up-client-secret-of-wizard-admin",  # noqa: S106 - opens nothing but the sandbox
        ),
    ),
    people=(Person(email="ada@example.com", name="Ada Example"),),
    applications=(
        Application(
            client_id="sandbox-oauth-application",
            client_secret="made-up-client-secret-of-the-oauth-application",  # noqa: S106 - likewise
        ),
    ),
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
    database, identity = current_database(), _callers().identity(client_id)
    if identity is None:
        raise refusal(401, "Invalid credentials")
    if database.is_locked(client_id):
        raise refusal(401, "This identity auth method is temporarily locked, please try again later")
    if not _same(client_secret, identity.client_secret):
        database.count_failed_login(client_id)
        raise refusal(401, "Invalid credentials")
    if identity.refused:
        status, error, message = identity.refused
        raise refusal(status, message, error=error)
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
    application = _callers().application(unquote_plus((given and given.username) or ""))
    secret = unquote_plus((given and given.password) or "")
    if application is None or not _same(secret, application.client_secret):
        raise _not_exchanged("Client authentication failed", error="invalid_client", status=401)
    if request.form.get("grant_type") != _EXCHANGE:
        raise _not_exchanged("The grant type is not supported", error="unsupported_grant_type")
    if application.refused:
        raise _refused_exchange(application.refused)
    if request.form.keys() - {"grant_type", "subject_token", "subject_token_type"}:
        raise _not_exchanged("The request has a parameter that is not supported")
    person = _person_in(request.form.get("subject_token", ""))
    if person.refused:
        raise _refused_exchange(person.refused)
    now = current_database().now.timestamp()
    claims = _person_claims(person) | {"iat": int(now), "exp": math.ceil(now + person.ttl)}
    return answer(
        {
            "access_token": _signer().sign(_unsigned(claims)).decode(),
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": person.ttl,
        }
    )


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


def require(action: str, *, project_id: str | None) -> None:
    """Refuses who may not create, read, edit or delete App Connections; None is the organization itself."""
    calling = caller(Caller)
    role = calling.role_in(project_id or "")
    if project_id is not None and role is None:
        raise no_member(project_id)
    if role != "admin":
        right = action if project_id is None else f"{action}-app-connections"
        raise refusal(403, f"You are not allowed to {right} on app-connections", error="PermissionDenied")


def sandbox_person_token() -> str:
    """A made-up access token of Ada, to be pasted. It is the same at every start, and its signature is none."""
    claims = _person_claims(CALLERS.people[0]) | {"iat": 0, "exp": _YEAR_2100}
    return f"{_unsigned(claims)}.opens-nothing-but-the-sandbox"


def _callers() -> Callers:
    callers: Callers = g.callers
    return callers


def _texts(*keys: str) -> list[str]:
    """These texts of the body, trimmed as Infisical does."""
    body = read_object()
    if issues := [issue for key in keys for issue in type_issues(part_of(body, key), str, path=(key,))]:
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
        "authTokenType": "identityAccessToken",
        "authMethod": "universal-auth",
        "identityAuth": {"universalAuth": {"clientId": identity.client_id}},
        "orgId": ORGANIZATION["id"],
        "orgName": ORGANIZATION["name"],
        "rootOrgId": ORGANIZATION["id"],
        "parentOrgId": ORGANIZATION["id"],
        "iss": _ISSUER,
        "loginAt": began,
        "iat": int(now),
        "exp": math.ceil(expires),
    }
    return answer(
        {
            "accessToken": _signer().sign(_unsigned(claims)).decode(),
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
        return _callers().people[0], {}
    claims = _verified(token)
    if "userId" in claims:
        return _callers().person(claims["email"], name=claims["name"]), claims
    identity = _callers().identity(claims["identityId"])
    if identity is None:
        raise _bad_token("invalid token")
    return identity, claims


def _verified(token: str) -> dict[str, Any]:
    claims = read_payload(token)
    if not claims:
        malformed = _MALFORMED if token.count(".") != 2 else "invalid token"
        raise _bad_token(malformed if token else "jwt must be provided")
    if token.endswith("."):
        raise _bad_token("jwt signature is required")
    if not _signer().validate(token):
        raise _bad_token("invalid signature")
    if current_database().now.timestamp() >= claims["exp"]:
        raise _bad_token("Your token has expired. Please re-authenticate.")
    return claims


def _bad_token(message: str) -> HTTPException:
    return refusal(403, message, error="TokenError")


def _person_in(id_token: str) -> Person:
    if request.form.get("subject_token_type") not in _ID_TOKENS:
        raise _not_exchanged("subject_token_type is not supported")
    claims = read_payload(id_token)
    if not claims:
        raise _not_exchanged("The subject token is malformed")
    ends, email, name = claims.get("exp"), claims.get("email"), claims.get("name")
    if not isinstance(ends, int | float) or ends <= current_database().now.timestamp():
        raise _not_exchanged("The subject token has expired")
    if not isinstance(email, str) or "@" not in email:
        raise _not_exchanged("The subject token names nobody in this organization")
    return _callers().person(email, name=name if isinstance(name, str) else "")


def _refused_exchange(refused: tuple[int, str, str]) -> HTTPException:
    status, error, message = refused
    return _not_exchanged(message, error=error, status=status)


def _not_exchanged(description: str, *, error: str = "invalid_request", status: int = 400) -> HTTPException:
    """A refusal in OAuth's spelling."""
    body = {"error": error, "error_description": description}
    return HTTPException(response=answer(body, status=status))


def _person_claims(person: Person) -> dict[str, Any]:
    """As in Infisical's source, and the address and name that the sandbox would look up in a table of people."""
    return {
        "authMethod": "oidc",
        "authTokenType": "accessToken",
        "userId": person.id,
        "tokenVersionId": "made-up",
        "accessVersion": 1,
        "organizationId": ORGANIZATION["id"],
        "email": person.email,
        "name": person.name,
        "iss": _ISSUER,
    }


def _unsigned(claims: dict[str, Any]) -> str:
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (_HEADER, claims))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def _signer() -> Signer:
    return Signer(current_database().token_key(), digest_method=hashlib.sha256)
