"""What an Infisical access token says of itself: whose it is and when it ends. Infisical alone judges whether it is good."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ..core.secret import Secret
from ..core.text import read_payload

_LONGEST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClaims:
    """Whose token it is, as it says itself; None where it does not say.

    Machine identities' tokens carry `identityId` and `identityName`, people's `userId` (recorded tokens of a running
    Infisical; a person's name is not in it). `kind` is "service" for a service token, which may not use connections.
    """

    kind: Literal["identity", "person", "service", "unknown"]
    subject: str | None = None
    name: str | None = None
    expires_at: datetime | None = None


def read_claims(token: Secret) -> TokenClaims:
    """The claims of a token that somebody pasted or Infisical gave out. Never raises."""
    text = token.reveal()
    if text.startswith("st."):
        return TokenClaims(kind="service")
    payload = read_payload(text)
    expires_at = _moment(payload.get("exp"))
    if identity := _text(payload.get("identityId")):
        name = _text(payload.get("identityName"))
        return TokenClaims(kind="identity", subject=identity, name=name, expires_at=expires_at)
    if person := _text(payload.get("userId")):
        return TokenClaims(kind="person", subject=person, expires_at=expires_at)
    return TokenClaims(kind="unknown", expires_at=expires_at)


def _text(told: object) -> str | None:
    if not isinstance(told, str) or not told.isprintable():
        return None
    return told.strip()[:_LONGEST] or None


def _moment(told: object) -> datetime | None:
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    try:
        return datetime.fromtimestamp(told, UTC)
    except (ValueError, OverflowError, OSError):
        return None
