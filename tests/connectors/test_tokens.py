"""What is taken off a pasted access token, and what stays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.connectors.token_kinds import unwrap
from tests.every import holds_for_every

TOKEN = "sbp_0123456789abcdef0123456789abcdef01234567"
JWT = f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ{'aGVyZQ' * 120}.{'c2ln' * 10}c2k"


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


EQUALS, COLON = "the name before “=”", "the name before “:”"
INSIDE, UNSEEN = "spaces or backslashes inside", "invisible characters"
HALVES = (TOKEN[:24], TOKEN[24:])
AROUND: tuple[tuple[str, tuple[str, ...]], ...] = (
    # Markdown, lists, sentences.
    (f"**{TOKEN}**", ("punctuation",)),
    (f"_{TOKEN}_", ("punctuation",)),
    (f"__{TOKEN}__", ("punctuation",)),
    (f"~~{TOKEN}~~", ("punctuation",)),
    (f"```\n{TOKEN}\n```", ("quotes",)),
    (f"```sh\nexport A={TOKEN}\n```", ("quotes", "other text", EQUALS)),
    (f"• {TOKEN}", ("punctuation",)),
    (f"- {TOKEN}", ("punctuation",)),
    (f"1. {TOKEN}", ("other text", "punctuation")),
    (f"> {TOKEN}", ("punctuation",)),
    (f"| token | {TOKEN} |", ("punctuation", "other text")),
    (f"{TOKEN}...", ("punctuation",)),
    (f"{TOKEN}…", ("punctuation",)),
    (f"…{TOKEN}…", ("punctuation",)),
    (f"{TOKEN}.", ("punctuation",)),
    (f"{TOKEN},", ("punctuation",)),
    (f"{TOKEN};", ("punctuation",)),
    (f"{TOKEN}=", ("punctuation",)),
    (f"({TOKEN})", ("punctuation",)),
    (f"<{TOKEN}>", ("punctuation",)),
    (f"{TOKEN} x", ("other text",)),
    (f"My new token is {TOKEN}, until May", ("other text", "punctuation")),
    (f"令牌{TOKEN}。", ("other text", "punctuation")),
    (f"my-token{TOKEN}", ("other text", "punctuation")),
    # Quotes that are half, curly, or of another language.
    (f'"{TOKEN}', ("quotes",)),
    (f"{TOKEN}'", ("quotes",)),
    (f"„{TOKEN}“", ("quotes",)),
    (f"‹{TOKEN}›", ("quotes",)),
    (rf"\"{TOKEN}\"", ("punctuation", "quotes")),
    # JSON, YAML, TOML, .env, PowerShell, Windows.
    (f'"SUPABASE_ACCESS_TOKEN": "{TOKEN}",', (COLON, "quotes", "punctuation")),
    (f'{{"accessKey":"{TOKEN}"}}', ("punctuation", COLON, "quotes")),
    (f"SUPABASE_ACCESS_TOKEN: {TOKEN}", (COLON,)),
    (f"  access-token: '{TOKEN}'  # Ann's", (COLON, "quotes", "punctuation", "other text")),
    (f'access_token = "{TOKEN}"', (EQUALS, "quotes")),
    (f"export SUPABASE_ACCESS_TOKEN={TOKEN};", (EQUALS, "punctuation")),
    (f'$env:SUPABASE_ACCESS_TOKEN = "{TOKEN}"', (EQUALS, "quotes")),
    (f'set "SUPABASE_ACCESS_TOKEN={TOKEN}"', (EQUALS, "quotes")),
    # Commands, headers, addresses, HTML.
    (f"--access-token={TOKEN}", ("an option",)),
    (f"supabase login --token {TOKEN}", ("other text", "an option")),
    (
        f'curl -H "Authorization: Bearer {TOKEN}" https://api.supabase.com',
        ("other text", "an option", "“Bearer”", "quotes", "punctuation"),
    ),
    (f"authorization: bearer {TOKEN}", ("“Bearer”",)),
    (f'"Authorization": "Bearer {TOKEN}"', ("“Bearer”", "quotes")),
    (f"bearer{TOKEN}", ("“Bearer”",)),
    (f"?token={TOKEN}&page=1", ("punctuation", EQUALS, "other text")),
    (f"<code>{TOKEN}</code>", ("HTML tags",)),
    (f'<span class="key">{TOKEN}</span>&nbsp;', ("HTML tags",)),
    # What nobody sees.
    (f"\u200b{TOKEN}", (UNSEEN,)),
    (f"\ufeff{TOKEN}\u200e", (UNSEEN,)),
    (f"\u2066{TOKEN}\u2069", (UNSEEN,)),
    (f"{TOKEN[:9]}\u200b\u00ad{TOKEN[9:]}", (UNSEEN,)),
    (f"\u200b“{TOKEN}”\u200b", ("quotes", UNSEEN)),
    (f"\u00a0{TOKEN}\u3000", ()),
    (f"\x1b[32m{TOKEN}\x1b[0m", ("punctuation", "other text", UNSEEN)),
    # One token that came apart.
    (" ".join(HALVES), (INSIDE,)),
    ("\n".join(HALVES), (INSIDE,)),
    ("\u00a0".join(HALVES), (INSIDE,)),
    ("\\\n  ".join(HALVES), (INSIDE,)),
    (" ".join(TOKEN[at : at + 4] for at in range(0, len(TOKEN), 4)), (INSIDE,)),
    (f"sb {TOKEN[2:]}", (INSIDE,)),
    (f"sbp\\_{TOKEN[4:]}", (INSIDE,)),
    (f'"{" ".join(HALVES)}",', ("quotes", "punctuation", INSIDE)),
    # Twice is once.
    (TOKEN * 2, ("a second copy",)),
    (f"{TOKEN}\n{TOKEN}\n", ("a second copy",)),
    (f"{TOKEN} ({TOKEN})", ("punctuation", "a second copy")),
    # As some keyboards write it.
    (TOKEN.translate({code: code + 0xFEE0 for code in range(33, 127)}), ("full-width forms",)),
)


def test_anything_around_one_token_is_taken_off_and_named() -> None:
    def claim(row: tuple[str, tuple[str, ...]]) -> None:
        token, names = unwrap(row[0])
        assert token.reveal() == TOKEN
        assert names == row[1]

    holds_for_every(AROUND, claim)


def test_every_kind_of_token_is_found_in_a_text() -> None:
    def claim(token: str) -> None:
        assert unwrap(f"**{token}**...")[0].reveal() == token

    holds_for_every(
        (TOKEN, f"sbp_v0_{TOKEN[4:]}", f"sbp_oauth_{TOKEN[4:]}", f"sbp_fc{TOKEN[6:]}", JWT), claim
    )


def test_a_web_token_of_any_line_length_is_put_together_again() -> None:
    def claim(width: int) -> None:
        lines = [JWT[at : at + width] for at in range(0, len(JWT), width)]
        for pasted in ("\n".join(lines), " ".join(lines), f"Token: {' '.join(lines)}\n"):
            assert unwrap(pasted)[0].reveal() == JWT

    holds_for_every((20, 40, 72, 73, 80, 120, 132, 160, 200), claim)


NOT_ONE = (
    f"{TOKEN}0",
    f"{TOKEN} sbp_{TOKEN[:3:-1]}",
    f"{TOKEN}sbp_{TOKEN[:3:-1]}",
    f"{TOKEN[:40]} of which the rest is lost",
    f"{TOKEN[:43]} added by Ann",
    f"{TOKEN[:30]} {TOKEN[30:]} {TOKEN[4:20]}",
    f"{TOKEN[:20]}…{TOKEN[20:]}",
    "sbp_",
)


def test_what_is_not_one_whole_token_stays_as_it_is() -> None:
    def claim(pasted: str) -> None:
        assert unwrap(pasted)[0].reveal() == pasted

    holds_for_every(NOT_ONE, claim)


@settings(deadline=None)
@given(
    before=st.text(max_size=60),
    after=st.builds(str.__add__, st.sampled_from((*" \n\"'*.,;…<&)\\", "_ ")), st.text(max_size=60))
    | st.just(""),
)
def test_a_whole_token_is_found_whatever_stands_around_it(before: str, after: str) -> None:
    token, names = unwrap(f"{before}{TOKEN}{after}")
    assert token.reveal() == TOKEN
    assert not any(TOKEN[at : at + 8] in name for name in names for at in range(len(TOKEN) - 7))


@pytest.mark.parametrize(
    "unit",
    [
        "sbp_",
        "eyJ",
        " eyJ",
        "eyJaaaaaaaa.",
        " eyJaaaaaaaa.eyJaaaaaa",
        "a ",
        "a.",
        "-a",
        "<a",
        "&a",
        "'",
        '"',
        "=",
        "sbp_0 ",
        "\u200b",
    ],
)
def test_a_paste_of_many_kilobytes_is_no_trouble(unit: str) -> None:
    assert unwrap(unit * 20_000)[0].reveal() in unit * 20_000
    assert unwrap(f"{TOKEN} {unit * 20_000}")[0].reveal() == TOKEN


@pytest.mark.parametrize(
    "pasted", ["", "Bearer", '"', '"sbp_0', "sbp_0'", "bearersbp_0", "sbp_0=", "sbp_0 x"]
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
