"""Which ID tokens are believed, who stands in one (OpenID Connect Core 1.0, section 3.1.3.7), and what a sign-in fails by."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
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

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""Signatures with a key pair. Never `none`, and no HMAC: whoever knows a public key could use it as the secret."""

LEEWAY = 60
"""Seconds that two clocks may be apart."""


class Reason(Enum):
    """Why a sign-in ended without anybody signed in, in words for people."""

    OTHER_STATE = "The answer belongs to another sign-in, or to one that is over."
    OTHER_NONCE = "The identity provider sent the ID token of another sign-in."
    NO_CODE = "The identity provider’s answer is not complete."
    CODE_SPENT = "The identity provider’s answer has expired or was used before."

    DENIED = "The identity provider did not let you in, or you turned back there."
    REFUSED = "The identity provider refused the sign-in."

    UNREACHABLE = "The identity provider could not be reached."
    PROXY = "The identity provider was not asked."
    NO_ANSWER = "The identity provider did not answer in time."
    FAILED = "The identity provider answered with a fault of its own."
    NOT_UNDERSTOOD = "The address answered, and not as an identity provider does."
    OTHER_ISSUER = "The identity provider calls itself by another address than CONNECT_OIDC_ISSUER. A slash at the end counts."
    CLIENT = "The identity provider does not accept this server’s client ID and client secret."
    REQUEST = (
        "The identity provider refused how this server asks: check the client that was registered there."
    )
    NO_METHOD = "The identity provider takes a client secret neither as HTTP Basic nor in a form."
    SIGNATURE = "The ID token is not signed with one of the identity provider’s keys."
    ALGORITHM = "The ID token is signed with an algorithm that is not accepted here."
    TOKEN_ISSUER = "The ID token was made by somebody else."  # noqa: S105  # words for people, not a secret
    AUDIENCE = "The ID token was made for another application."
    TIME = "The ID token has expired or is not valid yet: check both clocks."
    TOKEN = "The ID token cannot be read or lacks what it must hold."  # noqa: S105  # likewise


_PAGES = {
    "sign-in-again": (Reason.OTHER_STATE, Reason.OTHER_NONCE, Reason.NO_CODE, Reason.CODE_SPENT),
    "not-let-in": (Reason.DENIED, Reason.REFUSED),
}
"""Where signing in anew would mend it, and where the provider refused this person."""


class OidcError(Exception):
    """A sign-in that did not succeed. `said` is the provider's own words, 200 printable characters at most, or "",
    `proxy` ours of the proxy on the way there.

    Neither ever holds a code, a token or the client secret. `slug` names its page, and the result in the audit log: a
    fault that only whoever runs this server or the provider can mend is a `provider-fault`.
    """

    def __init__(self, reason: Reason, *, said: str = "", proxy: str = "") -> None:
        super().__init__(f"{reason.value} {proxy}".strip())
        self.reason = reason
        self.said = said
        self.proxy = proxy
        self.slug = next((slug for slug, reasons in _PAGES.items() if reason in reasons), "provider-fault")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OidcUser:
    """A person whom the provider vouches for.

    `subject` is the only name that the provider never gives to somebody else, `name` is for people to read. `email` is
    None unless the provider says that it is verified: people may write any address into their own profile. `unsaid_email`
    is one of which it says neither that it is verified nor that it is not.
    """

    subject: str
    name: str
    email: str | None
    unsaid_email: str | None = None
    groups: tuple[str, ...]
    id_token: Secret


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
    told = one_line(claims.get("email"), longest=254)
    email = told if told == claims.get("email") and _EMAIL.fullmatch(told) else None
    # Some providers send the text "true"; many leave it out, which proves nothing.
    verified = claims.get("email_verified") is True or claims.get("email_verified") == "true"
    groups = claims.get("groups")
    groups = [groups] if isinstance(groups, str) else groups
    if not isinstance(groups, list) or len(groups) > _MOST_GROUPS:
        groups = []
    return OidcUser(
        subject=subject,
        name=next(filter(None, names), subject),
        email=email if verified else None,
        unsaid_email=None if "email_verified" in claims else email,
        groups=tuple(group for group in groups if group and group == one_line(group, longest=200)),
        id_token=token,
    )
