"""Who may call the sandbox's Infisical: log-in, renewal and revocation of its tokens, and the exchange of ID tokens."""

import base64
import json
import math
import uuid
from dataclasses import replace
from typing import Any, cast
from urllib.parse import unquote_plus

from flask import Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

from ..core.text import read_payload
from .app import answer, read_object, refusal, server, text_issues
from .store import ADA, DATA, Caller, current_database, timestamp

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ID_TOKENS = ("urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:jwt")
_WITHOUT_TOKEN = ("/v1/", "/api/status", "/api/v1/auth/", "/api/v1/oauth/")
_ONLY_FOR = {"identity_details": "identity", "user": "person", "reached_projects": "person"}

current_caller = cast("Caller", LocalProxy(lambda: g.caller))
"""Whose token the request carries."""


@server.before_request
def authenticate() -> None:
    """Asked before anything else: whose token the request carries, or the refusal recorded for such a token."""
    if request.path.startswith(_WITHOUT_TOKEN):
        return
    authorization = request.headers.get("Authorization")
    if authorization is None:
        raise refusal(401, "Token missing")
    # The server drops seven characters without looking at them: "Basic …" is a malformed token to it.
    g.caller, claims = _read(authorization[len("Bearer ") :])
    if current_database.is_revoked(claims.get("identityAccessTokenId", "")):
        raise refusal(401, "Failed to authorize: token has been revoked")
    if current_caller.kind != _ONLY_FOR.get(request.endpoint or "", current_caller.kind):
        error = f"Forbidden access to {request.path}"
        raise refusal(403, "You are not allowed to access this resource", error=error)


@server.get("/api/v1/identities/details")
def identity_details() -> Response:
    """The organization that the calling machine identity belongs to."""
    return answer({"identityDetails": {"organization": DATA["organization"]}})


@server.get("/api/v1/user")
def user() -> Response:
    """The person who calls. From Infisical's source; no exchange was recorded."""
    person, now = current_caller, timestamp(current_database.now)
    first_name, _, last_name = person.name.partition(" ")
    known = {"id": person.user_id, "userId": person.user_id, "email": person.email, "username": person.email}
    named = {"firstName": first_name, "lastName": last_name or None}
    return answer({"user": {**DATA["user"], **known, **named, "createdAt": now, "updatedAt": now}})


@server.post("/api/v1/auth/universal-auth/login")
def log_in() -> Response:
    """Gives out a token. A locked identity gets the same 401 to its right secret as to a wrong one."""
    client_id, client_secret = _texts("clientId", "clientSecret")
    identity = _known("identity", client_id=client_id)
    if identity is None:
        raise refusal(401, "Invalid credentials")
    if current_database.is_locked(client_id):
        raise refusal(401, "This identity auth method is temporarily locked, please try again later")
    if client_secret != identity.client_secret:
        current_database.count_failed_login(client_id)
        raise refusal(401, "Invalid credentials")
    if identity.refused:
        raise identity.refused()
    current_database.forget_failed_logins(client_id)
    return _grant(identity, login_id=str(uuid.uuid4()), began=current_database.now.timestamp())


@server.post("/api/v1/auth/token/renew")
def renew() -> Response:
    """A new token of the same log-in, up to the log-in's maximum."""
    identity, claims = _identity_in_body()
    if current_database.is_revoked(claims["identityAccessTokenId"]):
        raise refusal(401, "Cannot renew: token has been revoked")
    return _grant(identity, login_id=claims["identityAccessTokenId"], began=claims["loginAt"])


@server.post("/api/v1/auth/token/revoke")
def revoke() -> Response:
    """Ends every token of the log-in that this one comes from."""
    _, claims = _identity_in_body()
    current_database.revoke(claims["identityAccessTokenId"])
    return answer({"message": "Successfully revoked access token"})


@server.post("/api/v1/oauth/token")
def exchange() -> Response:
    """An access token with the rights of the person in the ID token, of which the address, name and end are read alone:
    who signed it and for whom is not looked at. Infisical's documentation is the source; no exchange was recorded, and
    the sentences are made up."""
    given = request.authorization
    client_id, client_secret = (
        unquote_plus((given and given.get(part)) or "") for part in ("username", "password")
    )
    application = _known("application", client_id=client_id)
    if application is None or client_secret != application.client_secret:
        raise oauth_refusal("Client authentication failed", error="invalid_client", status=401)
    if request.form.get("grant_type") != _EXCHANGE:
        raise oauth_refusal("The grant type is not supported", error="unsupported_grant_type")
    known = request.form.keys() <= {"grant_type", "subject_token", "subject_token_type"}
    if not known or request.form.get("subject_token_type") not in _ID_TOKENS:
        raise oauth_refusal("The request has a parameter that is not supported")
    claims, now = read_payload(request.form.get("subject_token", "")), current_database.now.timestamp()
    ends, email, name = claims.get("exp"), claims.get("email"), claims.get("name")
    if not isinstance(ends, int | float) or ends <= now:
        raise oauth_refusal("The subject token is malformed or has expired")
    if not isinstance(email, str) or "@" not in email:
        raise oauth_refusal("The subject token names nobody in this organization")
    person = _person(email, name=name if isinstance(name, str) else "")
    for caller in (application, person):
        if caller.refused:
            raise caller.refused()
    # As in Infisical's source, and the address and name that the sandbox would look up in a table of people.
    named = {"userId": person.user_id, "email": person.email, "name": person.name}
    token = _signed(DATA["claims"]["person"] | named | {"iat": int(now), "exp": math.ceil(now + person.ttl)})
    return answer(DATA["exchange"] | {"access_token": token, "expires_in": person.ttl})


def oauth_refusal(description: str, *, error: str = "invalid_request", status: int = 400) -> HTTPException:
    """A refusal of the exchange, in OAuth's spelling."""
    return HTTPException(response=answer({"error": error, "error_description": description}, status=status))


def _known(kind: str, *, client_id: str) -> Caller | None:
    return next((one for one in g.callers if one.kind == kind and one.client_id == client_id), None)


def _person(email: str, *, name: str) -> Caller:
    """The person with this e-mail address; one who is not known is called `name`, and has Ada's rights."""
    known = (one for one in g.callers if one.kind == "person" and one.email == email.lower())
    return next(known, replace(ADA, email=email.lower(), name=name or email.partition("@")[0]))


def _texts(*keys: str) -> list[str]:
    body = read_object()
    if issues := [issue for key in keys for issue in text_issues(body, key)]:
        raise refusal(422, issues)
    return [body[key].strip() for key in keys]


def _identity_in_body() -> tuple[Caller, dict[str, Any]]:
    """Whose token is sent, and its claims. Only machine identities' are renewed and revoked (from Infisical's source)."""
    caller, claims = _read(*_texts("accessToken"))
    if caller.kind != "identity":
        raise refusal(401, "You are not allowed to access this resource")
    return caller, claims


def _grant(identity: Caller, *, login_id: str, began: float) -> Response:
    now = current_database.now.timestamp()
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
    lifetimes = {"expiresIn": math.ceil(expires - now), "accessTokenMaxTTL": identity.max_ttl}
    token = _signed(DATA["claims"]["identity"] | claims)
    return answer({"accessToken": token} | lifetimes | {"tokenType": "Bearer"})


def _read(token: str) -> tuple[Caller, dict[str, Any]]:
    """Whose token it is and its claims, or the refusal recorded for its fault (get-garbage-token and those after it)."""
    if token.startswith("st."):
        raise refusal(404, f"Service token with ID '{token.split('.')[1]}' not found")
    claims, is_signed = read_payload(token), current_database.signer.validate(token)
    faults = {
        "jwt must be provided": not token,
        DATA["malformed"]: token.count(".") != 2,
        "invalid token": not claims,
        "jwt signature is required": token.endswith("."),
        "invalid signature": not is_signed,
        "Your token has expired. Please re-authenticate.": is_signed
        and current_database.now.timestamp() >= claims["exp"],
    }
    if fault := next((sentence for sentence, is_there in faults.items() if is_there), None):
        raise refusal(403, fault, error="TokenError")
    if "userId" in claims:
        return _person(claims["email"], name=claims["name"]), claims
    return next(one for one in g.callers if one.client_id == claims["identityId"]), claims


def _signed(claims: dict[str, Any]) -> str:
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (DATA["claims"]["header"], claims))
    unsigned = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    return current_database.signer.sign(unsigned).decode()
