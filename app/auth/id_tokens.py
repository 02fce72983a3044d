"""Which ID tokens are believed, and who stands in one (OpenID Connect Core 1.0, section 3.1.3.7)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from authlib.oidc.core import CodeIDToken
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidClaimError,
    InvalidKeyIdError,
    JoseError,
    MissingClaimError,
    UnsupportedAlgorithmError,
)
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from ..core.secret import Secret
from .oidc_errors import ProviderFault, Reason, SignedOn, SignOnError, StartAgain, in_short

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""Signatures with a key pair. Never `none`, and no HMAC: whoever knows a public key could use it as the secret."""

LEEWAY = 60
"""Seconds that two clocks may be apart."""

_MOST_GROUPS = 1000
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


class _Signatures(JWSRegistry):
    """joserfc warns of EdDSA's name, which is deprecated, each time; providers still use it."""

    max_header_length = 8192

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError("not accepted here")
        return self.algorithms[name]


# RFC 7515, section 4: what is not known in a header is left unread, unless it is marked as critical.
_SIGNATURES = _Signatures(strict_check_header=False)


class UnknownKey(ProviderFault):
    """No key in hand made the signature. Newer keys may include it."""

    def __init__(self) -> None:
        super().__init__(Reason.SIGNATURE)


def read_id_token(
    token: Secret, *, keys: KeySet, issuer: str, client_id: str, nonce: str, now: datetime
) -> SignedOn:
    """The person in an ID token. Raises StartAgain where the nonce is another's, else ProviderFault."""
    claims: Mapping[str, Any] | SignOnError
    try:
        claims = _claims(token, keys=keys, issuer=issuer, client_id=client_id, nonce=nonce, now=now)
    except (InvalidKeyIdError, BadSignatureError):
        claims = UnknownKey()
    except (JoseError, UnsupportedAlgorithm) as error:
        claims = _fault(error)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        claims = ProviderFault(Reason.TOKEN)
    # Raised outside the except block: the frames below hold the token in their locals.
    if isinstance(claims, SignOnError):
        raise claims
    return _person(claims, token)


def _claims(
    token: Secret, *, keys: KeySet, issuer: str, client_id: str, nonce: str, now: datetime
) -> Mapping[str, Any]:
    read = jwt.decode(token.reveal(), keys, registry=_SIGNATURES)
    claims = CodeIDToken(
        read.claims,
        read.header,
        options={
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
            "iat": {"essential": True},
        },
        params={"nonce": nonce, "client_id": client_id},
    )
    claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
    return dict(claims)


def _fault(error: Exception) -> SignOnError:
    if isinstance(error, UnsupportedAlgorithmError | UnsupportedAlgorithm):
        return ProviderFault(Reason.ALGORITHM)
    if isinstance(error, ExpiredTokenError):
        return ProviderFault(Reason.TIME)
    if not isinstance(error, InvalidClaimError | MissingClaimError):
        return ProviderFault(Reason.TOKEN)
    if error.claim == "nonce":
        return StartAgain(Reason.OTHER_NONCE)
    told = {
        "iss": Reason.TOKEN_ISSUER,
        "aud": Reason.AUDIENCE,
        "azp": Reason.AUDIENCE,
        "exp": Reason.TIME,
        "iat": Reason.TIME,
        "nbf": Reason.TIME,
    }
    return ProviderFault(told.get(error.claim, Reason.TOKEN))


def _person(claims: Mapping[str, Any], token: Secret) -> SignedOn:
    subject = claims["sub"]
    expires_at = _moment(claims["exp"])
    if subject != in_short(subject, longest=255) or expires_at is None:
        raise ProviderFault(Reason.TOKEN)
    return SignedOn(
        subject=subject,
        name=_name(claims) or subject,
        email=_verified_email(claims),
        groups=_groups(claims.get("groups")),
        id_token=token,
        expires_at=expires_at,
    )


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _name(claims: Mapping[str, Any]) -> str:
    told = (in_short(claims.get(claim)) for claim in ("name", "preferred_username", "email"))
    return next((name for name in told if name), "")


def _verified_email(claims: Mapping[str, Any]) -> str | None:
    """Some providers send the text "true"; many leave `email_verified` out, which proves nothing."""
    email, verified = claims.get("email"), claims.get("email_verified")
    if not (verified is True or verified == "true") or not isinstance(email, str):
        return None
    clean = email == in_short(email, longest=254) and _EMAIL.fullmatch(email)
    return email if clean else None


def _groups(told: object) -> tuple[str, ...]:
    """The groups by name. What is no text, or too long to be a name, is none; a list without end is none as well."""
    listed = [told] if isinstance(told, str) else told
    if not isinstance(listed, list) or len(listed) > _MOST_GROUPS:
        return ()
    return tuple(group for group in listed if group and group == in_short(group))
