"""Infisical's own access tokens: signed JSON, about 950 characters long, refused with the recorded sentences."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from .refusals import bad_token, not_found
from .starting_data import ORGANIZATION_ID, ORGANIZATION_NAME, PEOPLE, Identity, Person, person_with

_MALFORMED = (
    "The provided access token is malformed. Please use a valid token or generate a new one and try again."
)
_NO_LOGIN = "pasted"
_YEAR_2100 = 4102444800
_HEADER = {"alg": "HS256", "typ": "JWT"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Claims:
    """What a token that was accepted says: which log-in it comes from and whose it was.

    `client_id` is a machine identity's, `person` is set for people. The token that people may paste comes from no
    log-in.
    """

    token_id: str | None
    client_id: str = ""
    person: Person | None = None


def issue_token(identity: Identity, *, token_id: str, key: bytes, issued: int, expires: int) -> str:
    """A signed token. Times are whole seconds since 1970."""
    claims = {
        "identityId": identity.client_id,
        "identityName": identity.name,
        "identityAccessTokenId": token_id,
        "clientSecretId": identity.client_id,
        "authTokenType": "identityAccessToken",
        "authMethod": "universal-auth",
        "identityAuth": {"universalAuth": {"clientId": identity.client_id}},
        "orgId": ORGANIZATION_ID,
        "orgName": ORGANIZATION_NAME,
        "rootOrgId": ORGANIZATION_ID,
        "parentOrgId": ORGANIZATION_ID,
        "iss": "the sandbox: this token opens nothing outside it",
        "iat": issued,
        "exp": expires,
    }
    return _signed(claims, key=key)


def issue_person_token(person: Person, *, token_id: str, key: bytes, issued: int, expires: int) -> str:
    """A signed token of a person. Times are whole seconds since 1970."""
    return _signed(_person_claims(person, token_id=token_id) | {"iat": issued, "exp": expires}, key=key)


def sandbox_person_token() -> str:
    """A made-up access token of Ada, to be pasted. It is the same at every start, and its signature is none."""
    claims = _person_claims(PEOPLE[0], token_id=_NO_LOGIN) | {"iat": 0, "exp": _YEAR_2100}
    return f"{_encoded(_HEADER)}.{_encoded(claims)}.opens-nothing-but-the-sandbox"


def unverified_claims(token: str) -> dict[str, Any] | None:
    """The claims of a JWT whose signature nobody looked at, None where there are none."""
    parts = token.split(".")
    return _decoded(parts[1]) if len(parts) == 3 else None


def _person_claims(person: Person, *, token_id: str) -> dict[str, Any]:
    """As in Infisical's source, and what the sandbox would look up in a table of people."""
    return {
        "authMethod": "oidc",
        "authTokenType": "accessToken",
        "userId": person.id,
        "tokenVersionId": token_id,
        "accessVersion": 1,
        "organizationId": ORGANIZATION_ID,
        "sandboxPerson": {"email": person.email, "name": f"{person.first_name} {person.last_name}".strip()},
        "iss": "the sandbox: this token opens nothing outside it",
    }


def read_token(token: str, *, key: bytes, now: float) -> Claims:
    """Whose token it is, or the refusal recorded for its fault (get-garbage-token and those after it)."""
    if not token:
        raise bad_token("jwt must be provided")
    if token.startswith("st."):
        raise not_found(f"Service token with ID '{token.split('.')[1]}' not found")
    if hmac.compare_digest(token.encode(), sandbox_person_token().encode()):
        return Claims(token_id=None, person=PEOPLE[0])
    claims = _verified(token, key=key)
    if now >= claims["exp"]:
        raise bad_token("Your token has expired. Please re-authenticate.")
    if "sandboxPerson" in claims:
        return Claims(token_id=claims["tokenVersionId"], person=person_with(**claims["sandboxPerson"]))
    return Claims(token_id=claims["identityAccessTokenId"], client_id=claims["identityId"])


def _verified(token: str, *, key: bytes) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        raise bad_token(_MALFORMED)
    claims = _decoded(parts[1])
    if _decoded(parts[0]) is None or claims is None:
        raise bad_token("invalid token")
    if not parts[2]:
        raise bad_token("jwt signature is required")
    expected = _signature(f"{parts[0]}.{parts[1]}", key=key)
    if not hmac.compare_digest(parts[2].encode(), expected.encode()):
        raise bad_token("invalid signature")
    return claims


def _signed(claims: dict[str, Any], *, key: bytes) -> str:
    signed = f"{_encoded(_HEADER)}.{_encoded(claims)}"
    return f"{signed}.{_signature(signed, key=key)}"


def _encoded(value: object) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _decoded(part: str) -> dict[str, Any] | None:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _signature(signed: str, *, key: bytes) -> str:
    return _base64(hmac.digest(key, signed.encode(), hashlib.sha256))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
