"""Infisical's own access tokens: signed JSON, about 950 characters long, refused with the recorded sentences."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from .refusals import bad_token, not_found
from .starting_data import ORGANIZATION_ID, ORGANIZATION_NAME, Identity

_MALFORMED = (
    "The provided access token is malformed. Please use a valid token or generate a new one and try again."
)
_HEADER = {"alg": "HS256", "typ": "JWT"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Claims:
    """What a token that was accepted says: which log-in it comes from and whose it was."""

    token_id: str
    client_id: str


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
    signed = f"{_encoded(_HEADER)}.{_encoded(claims)}"
    return f"{signed}.{_signature(signed, key=key)}"


def read_token(token: str, *, key: bytes, now: float) -> Claims:
    """The claims of a token, or the refusal recorded for its fault (get-garbage-token and those after it)."""
    if not token:
        raise bad_token("jwt must be provided")
    if token.startswith("st."):
        raise not_found(f"Service token with ID '{token.split('.')[1]}' not found")
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
    if now >= claims["exp"]:
        raise bad_token("Your token has expired. Please re-authenticate.")
    return Claims(token_id=claims["identityAccessTokenId"], client_id=claims["identityId"])


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
