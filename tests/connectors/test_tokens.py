"""What is taken off a pasted access token, and what stays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.connectors.token_kinds import unwrap

TOKEN = "sbp_0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("pasted", "taken_off"),
    [
        (TOKEN, ()),
        (f"  {TOKEN}\n", ()),
        (f'"{TOKEN}"', ("quotes",)),
        (f"'{TOKEN}'", ("quotes",)),
        (f"`{TOKEN}`", ("quotes",)),
        (f"“{TOKEN}”", ("quotes",)),
        (f"« {TOKEN} »", ("quotes",)),
        (f"Bearer {TOKEN}", ("“Bearer”",)),
        (f"bearer   {TOKEN}", ("“Bearer”",)),
        (f"Authorization: Bearer {TOKEN}", ("“Bearer”",)),
        (f"SUPABASE_ACCESS_TOKEN={TOKEN}", ("the name before “=”",)),
        (f"export SUPABASE_ACCESS_TOKEN = '{TOKEN}'", ("the name before “=”", "quotes")),
        (f'"Bearer {TOKEN}"', ("quotes", "“Bearer”")),
        (f"\"'`{TOKEN}`'\"", ("quotes",)),
    ],
)
def test_the_wrapping_is_taken_off_and_named(pasted: str, taken_off: tuple[str, ...]) -> None:
    token, names = unwrap(pasted)
    assert token.reveal() == TOKEN
    assert names == taken_off


@pytest.mark.parametrize(
    "pasted", ["", "Bearer", '"', f'"{TOKEN}', f"{TOKEN}'", f"bearer{TOKEN}", f"{TOKEN}=", f"{TOKEN} x"]
)
def test_what_is_no_wrapping_stays(pasted: str) -> None:
    token, names = unwrap(pasted)
    assert token.reveal() == pasted
    assert names == ()


def pastes() -> st.SearchStrategy[str]:
    pieces = st.sampled_from(
        (
            '"',
            "'",
            "`",
            "“",
            "”",
            "«",
            "»",
            "Bearer ",
            "bearer",
            "export ",
            "A=",
            "=",
            " ",
            "\n",
            "\u00a0",
            "sbp_0",
        )
    )
    return st.lists(pieces | st.text(max_size=4), max_size=12).map("".join)


@settings(deadline=None, derandomize=True, max_examples=3 * settings().max_examples)
@given(pasted=pastes())
def test_nothing_is_left_to_take_off(pasted: str) -> None:
    once = unwrap(pasted)[0].reveal()
    again, names = unwrap(once)
    assert again.reveal() == once
    assert names == ()


@settings(deadline=None, derandomize=True, max_examples=3 * settings().max_examples)
@given(pasted=pastes())
def test_nothing_is_made_up(pasted: str) -> None:
    assert unwrap(pasted)[0].reveal() in pasted
