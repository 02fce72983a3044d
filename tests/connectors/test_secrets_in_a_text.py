"""A secret is seen in the midst of any text, and nothing else is taken for one."""

import base64
import json

import pytest

from app.connectors.token_kinds import secret_in, without_user

HEX = "0123456789abcdef0123456789abcdef01234567"
REFERENCE = "abcdefghijklmnopqrst"


def jwt(**claims: str) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part(claims)}.bWFkZS11cC1zaWduYXR1cmU"


SECRETS = [
    (f"sbp_{HEX}", "a personal access token"),
    (f"sbp_fc{HEX[2:]}", "a scoped token"),
    (f"sbp_v0_{HEX}", "an experimental access token"),
    (f"sbp_oauth_{HEX}", "an OAuth access token"),
    (f"sbp_fc_{HEX}", "a scoped token"),
    (f"sbp_{HEX[:25]}", "an access token of an unusual shape"),
    (f"Sbp_{HEX}", "an access token of an unusual shape"),
    (f"SBP_{HEX.upper()}", "an access token of an unusual shape"),
    ("sb_secret_made-up-0123456789_made-up1", "a secret API key"),
    ("sb_publishable_made-up-0123456789_made-up1", "a publishable API key"),
    (jwt(role="service_role", ref=REFERENCE), "a service_role API key"),
    (jwt(role="anon", ref=REFERENCE), "an anon API key"),
    (jwt(identityId="made-up"), "an Infisical access token"),
    (jwt(sub="somebody"), "a JWT"),
    ("st.0123abcd.made-up.made-up", "an Infisical service token"),
    (f"st.12735bda-1105-498c-bb98-028029b9c592.{HEX}.{HEX}", "an Infisical service token"),
    (
        f"postgresql://postgres:made-up@db.{REFERENCE}.supabase.co:5432/postgres",
        "a database address with a password",
    ),
    ("postgres://postgres.ref:made/up?#x@pooler.example:6543/postgres", "a database address with a password"),
    ("redis://:made-up@cache.example", "an address with a password"),
    ("https://user:pw@host.example/path", "a web address with a password"),
    ("https://user:8080@host.example", "a web address with a password"),
]


@pytest.mark.parametrize(("secret", "words"), SECRETS, ids=[words for _, words in SECRETS])
@pytest.mark.parametrize(
    "pasted",
    [
        "{}",
        "the key is {}, ask Ann",
        "KEY={}",
        "key:{}",
        '"{}"',
        "({})",
        "line\n{}\nline",
        "/{}",
        "\u200b{}\u200b",
    ],
)
def test_a_secret_is_seen_wherever_it_stands(secret: str, words: str, pasted: str) -> None:
    assert secret_in(pasted.format(secret)) == words


def test_a_character_that_nobody_sees_hides_no_secret() -> None:
    assert secret_in(f"sbp_{HEX[:9]}\u200b{HEX[9:]}") == "a personal access token"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "For the shop. Ask Ann, ann@example.org, or https://wiki.example/@ann.",
        "12735bda-1105-498c-bb98-028029b9c592",
        REFERENCE,
        HEX,
        "Donaudampfschifffahrtsgesellschaftskapitän",
        "a" * 255,
        "sbp_",
        "The token starts with sbp_, see sbp_access_token_of_the_webshop.",
        "SUPABASE_ACCESS_TOKEN from the vault, in $SBP_TOKEN or SBP_ACCESS_TOKEN_OF_THE_SHOP",
        "sb_secret_ and sb_publishable_ keys, sb_secret_key",
        "my-sbp-connection-of-the-webshop-2026",
        "eyJ starts a JWT: eyJ….….…, eyJhbGci…",
        "st.petersburg.example.com, St. George, test.0123abcd.made-up.made-up",
        "https://db.example:5432/postgres, at http://localhost:8000/@ann",
        "https://api.supabase.com:443/v1/projects?x=a:b@c",
        "postgres://postgres@localhost/postgres",
        "ssh://git@git.example:22/team/repo.git, git@git.example:team/repo",
        "At 10:30 mail ann@example.org: done",
        "2026-11-23T11:42:07Z",
        "🚀" * 100,
    ],
)
def test_what_is_no_secret_is_taken_for_none(text: str) -> None:
    assert secret_in(text) is None


@pytest.mark.parametrize(
    ("typed", "without"),
    [
        ("https://user:pw@api.supabase.com", "https://api.supabase.com"),
        ("https://user@api.supabase.com/v1", "https://api.supabase.com/v1"),
        ("https://p@ss:w@rd@api.supabase.com", "https://api.supabase.com"),
        (" HTTPS://user:pw@api.supabase.com:8443?x ", "HTTPS://api.supabase.com:8443?x"),
        ("user:pw@api.supabase.com", "api.supabase.com"),
        ("https:/user:pw@api.supabase.com", "https:/api.supabase.com"),
        ("https:\\\\user:pw@api.supabase.com", "https:\\\\api.supabase.com"),
        ("https:user:pw@api.supabase.com", "api.supabase.com"),
        ("https://us er:pw\n@api.supabase.com", "https://api.supabase.com"),
        ("https://api.supabase.com/@x", "https://api.supabase.com/@x"),
        ("https://api.supabase.com?a@b", "https://api.supabase.com?a@b"),
        ("https://api.supabase.com\\@evil.example", "https://api.supabase.com\\@evil.example"),
        ("", ""),
    ],
)
def test_the_user_name_and_the_password_come_off_a_url(typed: str, without: str) -> None:
    assert without_user(typed) == without
