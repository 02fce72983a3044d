"""What the sandbox's Supabase makes of an access token: the token's last four digits choose."""

import re
from dataclasses import dataclass

_SHAPE = re.compile(r"sbp_[0-9a-f]{40}")
_MADE_UP = "sbp_0123456789abcdef0123456789abcdef0123"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """What happens to a token that ends in `digits`.

    `status` is Supabase's answer, None where it never answers. `appears_after` is set where Infisical never answers
    either and goes on working: seconds from the request until the connection is there all the same.
    """

    digits: str
    sentence: str
    status: int | None
    appears_after: int | None = None


SCENARIOS = (
    Scenario(digits="0401", status=401, sentence="Supabase does not accept the token. Nothing is created."),
    Scenario(digits="0403", status=403, sentence="The token lacks a permission. Nothing is created."),
    Scenario(digits="0404", status=404, sentence="The instance URL leads nowhere. Nothing is created."),
    Scenario(
        digits="0429",
        status=429,
        appears_after=240,
        sentence="Supabase is too busy: no answer comes, and the connection appears after 4 minutes.",
    ),
    Scenario(digits="0500", status=500, sentence="Supabase fails. Nothing is created."),
    Scenario(
        digits="0504",
        status=None,
        appears_after=90,
        sentence="Supabase never answers: no answer comes, and the connection appears after 90 seconds.",
    ),
)

_BY_DIGITS = {scenario.digits: scenario for scenario in SCENARIOS}


def sandbox_token(digits: str = "4567") -> str:
    """A made-up access token of the right shape that ends in these four digits."""
    return _MADE_UP + digits


def fate_of(access_token: str) -> Scenario | None:
    """The fate of this token; None means that Supabase accepts it. Another shape is no token of Supabase's: 0401."""
    if not _SHAPE.fullmatch(access_token):
        return _BY_DIGITS["0401"]
    return _BY_DIGITS.get(access_token[-4:])
