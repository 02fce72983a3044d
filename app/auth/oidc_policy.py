"""Single sign-on: who may come in through the company's identity provider, and with whose rights at Infisical."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from ..infisical import AccessGrant, Infisical, OAuthApplication, read_claims
from .oidc_errors import Attempt, AuthorizationRequest, SignedOn
from .session import LONGEST_SIGN_IN, SignIn, in_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping


class Provider(Protocol):
    """What is asked of an identity provider (see `identity_provider`). Both raise a SignOnError."""

    def departure(self, *, redirect_uri: str) -> AuthorizationRequest: ...

    def arrival(self, arguments: "Mapping[str, str]", *, attempt: Attempt) -> SignedOn: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class OidcPolicy:
    """The company's identity provider and what follows from its word.

    `make_provider` is called once per process, when it is first needed. With an `application` Infisical exchanges the
    person's ID token for an access token of their own; without one the server's own credential acts for everybody who is
    let in. Where `emails` or `groups` name somebody, nobody else is let in; where nobody is named, the server's own
    credential acts for nobody. `named_by` is the issuer and the client ID.
    """

    make_provider: Callable[[], Provider]
    application: OAuthApplication | None
    emails: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    named_by: tuple[str, ...] = ()

    @cached_property
    def provider(self) -> Provider:
        return self.make_provider()

    @cached_property
    def terms(self) -> str:
        """Stands for the settings that decide who comes in: when they change, everybody signs in anew."""
        told = (
            *self.named_by,
            str(self.application is not None),
            *sorted(self.emails),
            "",
            *sorted(self.groups),
        )
        return sha256("\n".join(told).encode()).hexdigest()[:16]

    def lets_in(self, person: SignedOn) -> bool:
        """Whether the person is among those who may come in. An e-mail address counts only when it is verified."""
        if not self.emails and not self.groups:
            return self.application is not None
        return self._knows(person.email) or bool(self.groups.intersection(person.groups))

    def _knows(self, email: str | None) -> bool:
        """Whether an address is listed. Only ASCII has two cases here: among other letters, two addresses may become
        one, the Kelvin sign and a k for one."""
        if email is None:
            return False
        return (email.lower() if email.isascii() else email) in self.emails

    def sign_in_of(self, person: SignedOn, *, at: Infisical, now: datetime) -> SignIn:
        """The sign-in that begins. Asks Infisical for the person's own access token; raises an InfisicalError."""
        grant = at.exchange(person.id_token, application=self.application) if self.application else None
        return SignIn(
            token=grant.access_token if grant else None,
            host=at.base_url,
            subject=_subject(person, grant),
            name=person.email or person.name,
            way_in="oidc",
            began_at=now,
            obtained_at=now,
            expires_at=in_seconds(grant.expires_in, now=now) if grant else now + LONGEST_SIGN_IN,
            obtained=grant is not None,
            groups=tuple(group for group in person.groups if group in self.groups),
            terms=self.terms,
        )


def _subject(person: SignedOn, grant: AccessGrant | None) -> str:
    """Infisical's own id of the person, where its token tells it; else the identity provider's."""
    at_infisical = read_claims(grant.access_token).subject if grant else None
    return f"person:{at_infisical}" if at_infisical else f"oidc:{person.subject}"
