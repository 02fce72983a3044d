"""Which ID tokens are believed, and who stands in one (OpenID Connect Core 1.0, section 3.1.3.7)."""

import re
from datetime import datetime
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
from ..core.text import one_line
from .oidc_errors import OidcError, OidcUser, Reason

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""Signatures with a key pair. Never `none`, and no HMAC: whoever knows a public key could use it as the secret."""

LEEWAY = 60
"""Seconds that two clocks may be apart."""

_REASONS = {
    "nonce": Reason.OTHER_NONCE,
    "iss": Reason.TOKEN_ISSUER,
    **dict.fromkeys(("aud", "azp"), Reason.AUDIENCE),
    **dict.fromkeys(("exp", "iat", "nbf"), Reason.TIME),
}
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


def read_id_token(token: Secret, *, keys: KeySet, now: datetime, **expected: str) -> OidcUser:
    """The person in an ID token. Raises OidcError; its reason is SIGNATURE where none of the keys made the
    signature. `expected` are the issuer, the client ID and the nonce."""
    try:
        return _user_in(token, keys=keys, now=now, **expected)
    except (InvalidKeyIdError, BadSignatureError):
        reason = Reason.SIGNATURE
    except (InvalidClaimError, MissingClaimError) as error:
        reason = _REASONS.get(error.claim, Reason.TOKEN)
    except ExpiredTokenError:
        reason = Reason.TIME
    except (UnsupportedAlgorithmError, UnsupportedAlgorithm):
        reason = Reason.ALGORITHM
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        reason = Reason.TOKEN
    # Raised outside the except block: the frames below hold the token in their locals.
    raise OidcError(reason)


def _user_in(
    token: Secret, *, keys: KeySet, now: datetime, issuer: str, client_id: str, nonce: str
) -> OidcUser:
    read = jwt.decode(token.reveal(), keys, registry=_SIGNATURES)
    needed: dict[str, Any] = {name: {"essential": True} for name in ("sub", "exp", "iat")}
    for name, value in (("iss", issuer), ("aud", client_id)):
        needed[name] = {"essential": True, "value": value}
    claims = CodeIDToken(
        read.claims, read.header, options=needed, params={"nonce": nonce, "client_id": client_id}
    )
    claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
    subject = claims["sub"]
    if subject != one_line(subject, longest=255):
        raise ValueError("the subject is no name on one line")
    names = (one_line(claims.get(claim), longest=200) for claim in ("name", "preferred_username", "email"))
    email, verified = claims.get("email"), claims.get("email_verified")
    # Some providers send the text "true"; many leave it out, which proves nothing.
    verified = (verified is True or verified == "true") and isinstance(email, str) and _EMAIL.fullmatch(email)
    groups = claims.get("groups")
    groups = [groups] if isinstance(groups, str) else groups
    if not isinstance(groups, list) or len(groups) > _MOST_GROUPS:
        groups = []
    return OidcUser(
        subject=subject,
        name=next(filter(None, names), subject),
        email=email if verified and email == one_line(email, longest=254) else None,
        groups=tuple(group for group in groups if group and group == one_line(group, longest=200)),
        id_token=token,
    )
