"""What a sign-in at an identity provider is made of, and what can go wrong on its way."""

import hmac
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from pydantic import ConfigDict, Field

from ..core.secret import Secret, StoredSecret

LONGEST_ATTEMPT = timedelta(minutes=10)
"""How long somebody may take at the identity provider."""


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


_PAGES = {
    **dict.fromkeys(
        (Reason.OTHER_STATE, Reason.OTHER_NONCE, Reason.NO_CODE, Reason.CODE_SPENT), "sign-in-again"
    ),
    **dict.fromkeys((Reason.DENIED, Reason.REFUSED), "not-let-in"),
}
"""Where signing in anew would mend it, and where the provider refused this person."""


class OidcError(Exception):
    """A sign-in that did not succeed. `said` is the provider's own words, 200 printable characters at most, or "".

    Neither ever holds a code, a token or the client secret. `slug` names its page, and the result in the audit log: a
    fault that only whoever runs this server or the provider can mend is a `provider-fault`.
    """

    def __init__(self, reason: Reason, *, said: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.said = said
        self.slug = _PAGES.get(reason, "provider-fault")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuthorizationRequest:
    """The address that the browser is sent to, what to hold its answer against, once, and where the sign-in leads.

    The verifier stands nowhere but in the browser's encrypted cookie, and without it a stolen code opens nothing (RFC
    7636). `path` and `query` of where it leads are apart: three letters of an address may be one byte of that cookie.
    """

    __pydantic_config__ = ConfigDict(hide_input_in_errors=True)

    url: Annotated[str, Field(exclude=True)] = field(default="", repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: StoredSecret
    redirect_uri: str
    made_at: datetime
    path: str = ""
    query: tuple[tuple[str, str], ...] = ()

    def leading_to(self, url: str | None) -> "AuthorizationRequest":
        """The same request, which leads to a page of ours."""
        path, _, query = (url or "").partition("?")
        return replace(self, path=path, query=tuple(parse_qsl(query)))

    @property
    def next_url(self) -> str | None:
        """The page of ours that it leads to."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path or None

    def is_answered_by(self, state: str, *, now: datetime) -> bool:
        """Whether an answer with that state belongs to this request, and came within ten minutes."""
        same = hmac.compare_digest(state.encode(errors="replace"), self.state.encode(errors="replace"))
        return same and now - self.made_at <= LONGEST_ATTEMPT


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OidcUser:
    """A person whom the provider vouches for.

    `subject` is the only name that the provider never gives to somebody else, `name` is for people to read. `email` is
    None unless the provider says that it is verified: people may write any address into their own profile.
    """

    subject: str
    name: str
    email: str | None
    groups: tuple[str, ...]
    id_token: Secret
