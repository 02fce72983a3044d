"""What a sign-in at the company's identity provider is made of, and what can go wrong on its way.

SignOnError
├── StartAgain       the answer belongs to no sign-in under way: another state, a code that was used or has expired
├── NotLetIn         the identity provider did not let the person in
└── ProviderFault    only whoever runs this server or the provider can mend it: not reached, misconfigured, a bad token
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from ..core.secret import Secret


class Reason(Enum):
    """Why a sign-in ended without anybody signed in, in words for people."""

    OTHER_STATE = "The answer belongs to another sign-in, or to one that is over."
    OTHER_NONCE = "The identity provider sent the ID token of another sign-in."
    NO_CODE = "The identity provider’s answer is not complete."
    CODE_SPENT = "The identity provider’s answer has expired or was used before."

    DENIED = "The identity provider did not let you in, or you turned back there."
    REFUSED = "The identity provider refused the sign-in."

    UNREACHABLE = "The identity provider could not be reached."
    PROXY = "The proxy that this server’s environment names cannot be used."
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


class SignOnError(Exception):
    """A sign-in that did not succeed. `said` is the provider's own words, 200 printable characters at most, or "".

    Neither ever holds a code, a token or the client secret.
    """

    def __init__(self, reason: Reason, *, said: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.said = said


class StartAgain(SignOnError):
    """Nothing is wrong that signing in anew would not mend."""


class NotLetIn(SignOnError):
    """The provider refused this person: `said` may tell why."""


class ProviderFault(SignOnError):
    """The provider cannot be used, for the reason that is given."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attempt:
    """A sign-in under way: what its answer is held against. Keep it sealed with the browser, and use it once.

    State and nonce stand in the address the browser is sent to. The verifier stands nowhere else, and without it a
    stolen code opens nothing (RFC 7636).
    """

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: Secret
    redirect_uri: str

    def is_answered_by(self, state: str) -> bool:
        """Whether an answer with that state belongs to this attempt."""
        return hmac.compare_digest(state.encode(errors="replace"), self.state.encode(errors="replace"))

    def to_dict(self) -> dict[str, str]:
        """Plain texts, the verifier among them: to be sealed at once."""
        return {
            "state": self.state,
            "nonce": self.nonce,
            "verifier": self.verifier.reveal(),
            "redirect_uri": self.redirect_uri,
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, object]) -> "Attempt":
        """The attempt that `to_dict` gave. Raises ValueError for anything else."""
        texts = [told.get(name) for name in ("state", "nonce", "verifier", "redirect_uri")]
        state, nonce, verifier, redirect_uri = (
            text if isinstance(text, str) and text else None for text in texts
        )
        if state is None or nonce is None or verifier is None or redirect_uri is None:
            raise ValueError("not an attempt")
        return cls(state=state, nonce=nonce, verifier=Secret(verifier), redirect_uri=redirect_uri)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuthorizationRequest:
    """The address that the browser is sent to, and what to hold its answer against."""

    url: str = field(repr=False)
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignedOn:
    """A person whom the provider vouches for.

    `subject` is the only name that the provider never gives to somebody else. `name` is for people to read. `email`
    is None unless the provider says that it is verified: with most providers people may write any address into
    their own profile. `groups` are the texts of the claim `groups`. `expires_at` is the ID token's end, in UTC.
    """

    subject: str
    name: str
    email: str | None
    groups: tuple[str, ...]
    id_token: Secret
    expires_at: datetime


def in_short(told: object, *, longest: int = 200) -> str:
    """A text from elsewhere on one line, without what cannot be seen; "" for what is no text."""
    if not isinstance(told, str):
        return ""
    spaced = (letter if letter.isprintable() else " " for letter in told[: 4 * longest])
    return " ".join("".join(spaced).split())[:longest]
