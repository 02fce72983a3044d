"""Who is calling the sandbox's Infisical, and what they may do; log-in, renewal and revocation of its tokens."""

import hmac
import math
from typing import Any

from flask import Blueprint, Response, request

from .answers import answer
from .reading import current_database, read_body
from .refusals import (
    bad_token,
    denied,
    no_member,
    not_found,
    not_valid,
    unauthorized,
    wrong_address,
    wrong_kind_of_caller,
)
from .starting_data import IDENTITY_BY_CLIENT_ID, Identity, Person, Rights
from .store import Login, StoredProject
from .tokens import issue_token, read_token
from .validation import ACCESS_TOKEN, LOGIN, TextRule, issues_of

routes = Blueprint("authentication", __name__)


@routes.post("/api/v1/auth/universal-auth/login")
def log_in() -> Response:
    """Gives out a token. A locked identity gets the same 401 to its right secret as to a wrong one."""
    body = _texts(LOGIN)
    client_id, client_secret = body["clientId"].strip(), body["clientSecret"].strip()
    database, identity = current_database(), IDENTITY_BY_CLIENT_ID.get(client_id)
    if identity is None:
        raise unauthorized("Invalid credentials")
    if identity.elsewhere:
        raise wrong_address()
    if database.locked(client_id):
        raise unauthorized("This identity auth method is temporarily locked, please try again later")
    if not hmac.compare_digest(client_secret.encode(), identity.client_secret.encode()):
        database.count_failed_login(client_id)
        raise unauthorized("Invalid credentials")
    if identity.secret_expired:
        raise unauthorized("Access denied due to expired client secret")
    if identity.secret_used_up:
        raise unauthorized("Access denied due to client secret usage limit reached")
    if slug := body.get("organizationSlug"):
        raise not_found(f"Sub organization with name {slug} not found")
    return answer(_grant(identity, database.add_login(client_id)))


@routes.post("/api/v1/auth/token/renew")
def renew() -> Response:
    """A new token of the same log-in, up to the log-in's maximum."""
    identity, login = _of_identity(_texts(ACCESS_TOKEN)["accessToken"])
    if login.revoked:
        raise unauthorized("Cannot renew: token has been revoked")
    return answer(_grant(identity, login))


@routes.post("/api/v1/auth/token/revoke")
def revoke() -> Response:
    """Ends every token of the log-in that this one comes from."""
    _, login = _of_identity(_texts(ACCESS_TOKEN)["accessToken"])
    current_database().revoke(login.id)
    return answer({"message": "Successfully revoked access token"})


def caller() -> Identity | Person:
    """Whose token the request carries, or the refusal recorded for a token of this kind."""
    authorization = request.headers.get("Authorization")
    if authorization is None:
        raise unauthorized("Token missing")
    # The server drops seven characters without looking at them: "Basic …" is a malformed token to it.
    calling, login = _read(authorization[len("Bearer ") :])
    if login is None or isinstance(calling, Person):
        return calling
    if login.revoked:
        raise unauthorized("Failed to authorize: token has been revoked")
    if calling.token_uses is not None:
        if login.uses >= calling.token_uses:
            raise unauthorized("Failed to authorize: token usage limit reached")
        current_database().count_use(login.id)
    return calling


def calling_identity() -> Identity:
    """The machine identity that calls; people are refused."""
    calling = caller()
    if isinstance(calling, Person):
        raise wrong_kind_of_caller(request.path)
    return calling


def calling_person() -> Person:
    """The person who calls; machine identities are refused."""
    calling = caller()
    if isinstance(calling, Identity):
        raise wrong_kind_of_caller(request.path)
    return calling


def require(calling: Rights, action: str, project: StoredProject | None) -> None:
    """Refuses an action (create, read, edit, delete) on App Connections; None is the organization itself."""
    if project is None:
        if not calling.organization_admin:
            raise denied(action)
        return
    role = calling.role_in(project.id)
    if role is None:
        raise no_member(project.id)
    if role != "admin":
        raise denied(f"{action}-app-connections")


def _texts(rules: tuple[TextRule, ...]) -> dict[str, Any]:
    body = read_body()
    if issues := issues_of(body, rules):
        raise not_valid(issues)
    return dict(body)


def _read(token: str) -> tuple[Identity | Person, Login | None]:
    """Whose token it is, and the log-in that it comes from; None for the one that people may paste."""
    database = current_database()
    claims = read_token(token, key=database.token_key(), now=database.now.timestamp())
    whose = claims.person or IDENTITY_BY_CLIENT_ID[claims.client_id]
    if claims.token_id is None:
        return whose, None
    login = database.login(claims.token_id)
    if login is None:
        raise bad_token("invalid token")
    return whose, login


def _of_identity(token: str) -> tuple[Identity, Login]:
    """Only machine identities' tokens are renewed and revoked (from Infisical's source)."""
    whose, login = _read(token)
    if isinstance(whose, Person) or login is None:
        raise unauthorized("You are not allowed to access this resource")
    return whose, login


def _grant(identity: Identity, login: Login) -> dict[str, Any]:
    database = current_database()
    now = database.now.timestamp()
    expires = min(now + identity.ttl, login.created_at + identity.max_ttl)
    token = issue_token(
        identity, token_id=login.id, key=database.token_key(), issued=int(now), expires=math.ceil(expires)
    )
    return {
        "accessToken": token,
        "expiresIn": math.ceil(expires - now),
        "accessTokenMaxTTL": identity.max_ttl,
        "tokenType": "Bearer",
    }
