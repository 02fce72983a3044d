"""What a JWT says of itself: of its payload no more than a page needs, never verified, never trusted."""

import re
from dataclasses import dataclass
from typing import Literal

from ..core.text import read_payload

Role = Literal["anon", "service_role"]

_PROJECT_REFERENCE = re.compile(r"[a-z]{20}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The claims of a JWT that tell whose it is. Each has one of the few values that are known, or none.

    `role` and `project_reference` stand in the API keys of a Supabase project, `of_infisical` is true for the access
    tokens of Infisical's machine identities (`identityId`) and people (`authTokenType` with `userId`).
    """

    role: Role | None = None
    project_reference: str | None = None
    of_infisical: bool = False


def read_claims(jwt: str) -> Claims:
    """The claims of a text that looks like a JWT; none where its payload cannot be read. Never raises."""
    payload = read_payload(jwt)
    reference = payload.get("ref")
    return Claims(
        role=_role(payload.get("role")),
        project_reference=(
            reference if isinstance(reference, str) and _PROJECT_REFERENCE.fullmatch(reference) else None
        ),
        of_infisical=_is_text(payload.get("identityId"))
        or (_is_text(payload.get("authTokenType")) and _is_text(payload.get("userId"))),
    )


def _role(told: object) -> Role | None:
    if told == "anon":
        return "anon"
    return "service_role" if told == "service_role" else None


def _is_text(told: object) -> bool:
    return isinstance(told, str) and bool(told)
