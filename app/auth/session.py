"""A sign-in: the Infisical access token that a person acts with, sealed in their browser's cookie, and its end."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ..core.secret import Secret
from ..infisical import AccessGrant

LONGEST_SIGN_IN = timedelta(hours=12)
"""A working day. Infisical's access tokens may live for thirty days, which is too long for a browser."""


TOO_LONG_FOR_A_COOKIE = "Its access token is too long for a browser to keep."


def in_seconds(seconds: float, *, now: datetime) -> datetime:
    """The moment so many seconds from now, as far as it matters here: no sign-in lasts longer than a working day."""
    return now + timedelta(seconds=min(seconds, 2 * LONGEST_SIGN_IN.total_seconds()))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Who signed in to which Infisical, with what.

    `token` is None where the server's own credential acts. `obtained` tells that this sign-in made the token, so that
    signing out revokes it; a pasted one is only forgotten. `renew_until` is when the log-in behind an obtained token
    ends; None for a token that is not renewed. `terms` stands for the settings that let the person in (see
    `company_sign_on`).
    """

    token: Secret | None
    host: str
    subject: str
    name: str
    way_in: str
    began_at: datetime
    expires_at: datetime
    obtained_at: datetime
    obtained: bool = False
    renew_until: datetime | None = None
    groups: tuple[str, ...] = ()
    terms: str = ""

    @property
    def ends_at(self) -> datetime:
        return min(self.expires_at, self.began_at + LONGEST_SIGN_IN)

    @property
    def mark(self) -> str:
        """Stands for this sign-in in an address: nobody who was not there knows it, and it opens nothing."""
        return str(self.began_at.timestamp())

    def over(self, *, now: datetime) -> bool:
        return now >= self.ends_at

    def due_for_renewal(self, *, now: datetime) -> bool:
        """Whether more than half of the token's life is gone and its log-in lasts beyond it."""
        if self.renew_until is None or self.renew_until <= self.expires_at:
            return False
        return now - self.obtained_at > (self.expires_at - self.obtained_at) / 2

    def renewed(self, grant: AccessGrant, *, now: datetime) -> "SignIn":
        return replace(
            self,
            token=grant.access_token,
            obtained_at=now,
            expires_at=in_seconds(grant.expires_in, now=now),
        )

    def to_record(self) -> dict[str, Any]:
        """What is sealed, with the token in clear."""
        return {
            "token": self.token.reveal() if self.token else None,
            "host": self.host,
            "subject": self.subject,
            "name": self.name,
            "way_in": self.way_in,
            "began_at": self.began_at.timestamp(),
            "expires_at": self.expires_at.timestamp(),
            "obtained_at": self.obtained_at.timestamp(),
            "obtained": self.obtained,
            "renew_until": self.renew_until.timestamp() if self.renew_until else None,
            "groups": list(self.groups),
            "terms": self.terms,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "SignIn | None":
        """The sign-in of a record that was opened; None for one of another version of this program."""
        try:
            until = record["renew_until"]
            return cls(
                token=None if record["token"] is None else Secret(record["token"]),
                host=record["host"],
                subject=record["subject"],
                name=record["name"],
                way_in=record["way_in"],
                began_at=_moment(record["began_at"]),
                expires_at=_moment(record["expires_at"]),
                obtained_at=_moment(record["obtained_at"]),
                obtained=record["obtained"],
                renew_until=None if until is None else _moment(until),
                groups=tuple(record["groups"]),
                terms=record["terms"],
            )
        except (KeyError, TypeError, ValueError):
            return None


def _moment(told: float) -> datetime:
    return datetime.fromtimestamp(told, UTC)
