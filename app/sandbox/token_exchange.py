"""The sandbox's token exchange: an ID token of any identity provider for the access token of a made-up person.

It stands in for Infisical and is no guard: it reads an ID token's e-mail address, name and end, and does not look at its
signature, its issuer or whom it was made for. What is answered is Infisical's documentation's; the sentences are made up.
"""

import hmac
import math
from typing import Any
from urllib.parse import unquote_plus

from flask import Blueprint, Response, request

from .answers import answer
from .reading import current_database, read_body
from .refusals import ExchangeRefusal
from .starting_data import APPLICATION_BY_CLIENT_ID, STRANGER, UNLUCKY, Application, Person, person_with
from .tokens import issue_person_token, unverified_claims

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_TYPES = ("urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:jwt")
_NOT_SUPPORTED = {
    "scope": "invalid_scope",
    "audience": "invalid_target",
    "resource": "invalid_target",
    "actor_token": "invalid_request",
}

routes = Blueprint("token_exchange", __name__)


@routes.post("/api/v1/oauth/token")
def exchange() -> Response:
    """An access token with the rights of the person in the ID token."""
    application = _calling_application()
    form = _form()
    if form.get("grant_type") != _EXCHANGE:
        raise _refused("unsupported_grant_type" if "grant_type" in form else "invalid_request", "grant_type")
    if not application.may_exchange:
        raise _refused("unauthorized_client", "The application may not exchange tokens")
    for parameter, error in _NOT_SUPPORTED.items():
        if parameter in form:
            raise _refused(error, f"{parameter} is not supported")
    return answer(_grant(_person(form)))


def _calling_application() -> Application:
    given = request.authorization
    known = None
    if given is not None and given.type == "basic":
        known = APPLICATION_BY_CLIENT_ID.get(unquote_plus(given.username or ""))
    secret = unquote_plus((given.password if given else None) or "")
    if known is None or not hmac.compare_digest(secret.encode(), known.client_secret.encode()):
        raise ExchangeRefusal(401, "invalid_client", "Client authentication failed")
    return known


def _form() -> dict[str, str]:
    if request.mimetype != "application/x-www-form-urlencoded":
        raise _refused("invalid_request", "The body must be a form")
    return dict(read_body())


def _person(form: dict[str, str]) -> Person:
    if form.get("subject_token_type") not in _TYPES:
        raise _refused("invalid_request", "subject_token_type is not supported")
    claims = unverified_claims(form.get("subject_token", ""))
    if claims is None:
        raise _refused("invalid_request", "The subject token is malformed")
    if not _lasts(claims):
        raise _refused("invalid_request", "The subject token has expired")
    email = claims.get("email")
    if not isinstance(email, str) or "@" not in email or email.lower() == STRANGER:
        raise _refused("invalid_request", "The subject token names nobody in this organization")
    if email.lower() == UNLUCKY:
        raise ExchangeRefusal(500, "server_error", "The exchange failed, try again")
    name = claims.get("name")
    return person_with(email, name=name if isinstance(name, str) else "")


def _lasts(claims: dict[str, Any]) -> bool:
    ends = claims.get("exp")
    return isinstance(ends, int | float) and ends > current_database().now.timestamp()


def _grant(person: Person) -> dict[str, Any]:
    database = current_database()
    issued = database.now.timestamp()
    token = issue_person_token(
        person,
        token_id=database.add_login(person.id).id,
        key=database.token_key(),
        issued=int(issued),
        expires=math.ceil(issued + person.ttl),
    )
    return {
        "access_token": token,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": person.ttl,
    }


def _refused(error: str, description: str) -> ExchangeRefusal:
    return ExchangeRefusal(400, error, description)
