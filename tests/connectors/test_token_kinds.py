"""Each kind of text that people paste as an access token is called by its name, and none of it is repeated."""

import base64
import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.connectors.token_kinds import Recognised, recognise, unwrap
from app.core.secret import Secret
from app.core.text import LARGEST_PAYLOAD
from tests.every import holds_for_every

HEX = "0123456789abcdef0123456789abcdef01234567"
REFERENCE = "abcdefghijklmnopqrst"

KINDS = [
    # pasted, verdict, kind, how the sentence starts
    (f"sbp_{HEX}", "right", "personal access token", "This looks like a personal access token."),
    (f"sbp_fc{HEX[2:]}", "right", "scoped token", "This looks like a scoped token."),
    (f"sbp_v0_{HEX}", "right", "experimental access token", "This looks like an experimental access token."),
    (f"sbp_oauth_{HEX}", "unknown", "OAuth access token", "This is an OAuth access token, which lasts"),
    ("sb_publishable_made_up", "wrong", "publishable API key", "This is a publishable API key of a Supabase"),
    ("sb_secret_made_up", "wrong", "secret API key", "This is a secret API key of a Supabase project"),
    ("postgres://u:made-up@db.example/x", "wrong", "database address", "This is a database address, not"),
    ("postgresql://u:made-up@db.example/x", "wrong", "database address", "This is a database address, not"),
    ("POSTGRESQL://u:made-up@db.example/x", "wrong", "database address", "This is a database address, not"),
    (HEX, "wrong", "access token without sbp_", "This looks like an access token whose beginning, sbp_,"),
    (f"bp_{HEX}", "wrong", "access token without sbp_", "This looks like an access token whose beginning"),
    (f"_{HEX}", "wrong", "access token without sbp_", "This looks like an access token whose beginning"),
    ("sbp_0123••••4567", "wrong", "shortened preview", "This is the shortened preview of a token"),
    ("sbp_0123…4567", "wrong", "shortened preview", "This is the shortened preview of a token"),
    ("sbp_0123***4567", "wrong", "shortened preview", "This is the shortened preview of a token"),
    ("sbp_0123...4567", "wrong", "shortened preview", "This is the shortened preview of a token"),
    ("eyJhbG...4567", "wrong", "shortened preview", "This is the shortened preview of a token"),
    (REFERENCE, "wrong", "project reference", "This is a project reference, not an access token."),
    ("12735bda-1105-498c-bb98-028029b9c592", "wrong", "ID", "This is the ID of something"),
    ("st.made.up.token", "wrong", "Infisical service token", "This is an Infisical service token, not"),
    ("https://api.supabase.com", "wrong", "web address", "This is a web address, not an access token."),
    ("mysql://root@localhost", "wrong", "address", "This is an address, not an access token."),
    ("someone@example.org", "wrong", "email address", "This is an email address, not an access token."),
    ("-----BEGIN EC PRIVATE KEY-----\nmade up", "wrong", "private key", "This is a private key, not"),
    ("-----BEGIN CERTIFICATE-----\nmade up", "wrong", "certificate", "This is a certificate or another key"),
    ("eyJh.eyJi.c2ln", "unknown", "JWT", "This is a JWT, and Supabase’s access tokens are none"),
    ("correct horse battery staple", "unknown", "unknown kind", "This does not look like a Supabase access"),
    ("", "unknown", "unknown kind", "This does not look like a Supabase access token"),
]

VENDORS = [
    ("ghp_madeup", "a GitHub token"),
    ("gho_madeup", "a GitHub token"),
    ("ghu_madeup", "a GitHub token"),
    ("ghs_madeup", "a GitHub token"),
    ("ghr_madeup", "a GitHub token"),
    ("github_pat_madeup", "a GitHub token"),
    ("sk-madeup", "an OpenAI API key"),
    ("sk-proj-madeup", "an OpenAI API key"),
    ("sk-ant-madeup", "an Anthropic API key"),
    ("sk-or-v1-madeup", "an OpenRouter API key"),
    ("glpat-madeup", "a GitLab token"),
    ("xoxb-madeup", "a Slack token"),
    ("xoxp-madeup", "a Slack token"),
    ("xapp-madeup", "a Slack token"),
    ("sk_live_madeup", "a Stripe API key"),
    ("sk_test_madeup", "a Stripe API key"),
    ("rk_live_madeup", "a Stripe API key"),
    ("AKIA" + "MADEUP" * 2 + "1234", "an AWS access key ID"),
    ("ASIA" + "MADEUP" * 2 + "1234", "an AWS access key ID"),
    ("AIza" + "MadeUp" * 5, "a Google API key"),
    ("npm_madeup", "an npm token"),
    ("pypi-madeup", "a PyPI token"),
    ("hf_madeup", "a Hugging Face token"),
    ("dop_v1_madeup", "a DigitalOcean token"),
    ("SG.made.up", "a SendGrid API key"),
    ("vcp_" + "madeup" * 4, "a Vercel token"),
    ("st.made.up", "an Infisical service token"),
    ("-----BEGIN PRIVATE KEY-----", "a private key"),
]


def seen(pasted: str) -> Recognised:
    return recognise(Secret(pasted))


def jwt(payload: Any) -> str:
    return f"eyJhbGciOiJIUzI1NiJ9.{encoded(json.dumps(payload).encode())}.c2lnbmF0dXJl"


def encoded(payload: bytes) -> str:
    return base64.urlsafe_b64encode(payload).rstrip(b"=").decode()


@pytest.mark.parametrize(("pasted", "verdict", "kind", "lead"), KINDS)
def test_a_paste_is_called_by_its_name(pasted: str, verdict: str, kind: str, lead: str) -> None:
    found = seen(pasted)
    assert (found.verdict, found.kind) == (verdict, kind)
    assert found.lead.startswith(lead)


@pytest.mark.parametrize(("pasted", "name"), VENDORS)
def test_another_vendors_secret_is_called_by_the_vendors_name(pasted: str, name: str) -> None:
    found = seen(pasted)
    assert found.verdict == "wrong"
    assert found.lead == f"This is {name}, not a Supabase access token."
    assert "rotate it" in found.detail


@pytest.mark.parametrize(
    "pasted",
    [
        "sb_secret_made_up",
        "postgres://u:made-up@db.example/x",
        jwt({"role": "service_role", "ref": REFERENCE}),
        *(pasted for pasted, _ in VENDORS),
    ],
)
def test_what_opens_something_brings_the_word_about_rotating(pasted: str) -> None:
    assert "it went anywhere it should not, rotate it." in seen(pasted).detail.replace("If", "if")


@pytest.mark.parametrize("pasted", ["sb_publishable_made_up", jwt({"role": "anon"}), REFERENCE])
def test_what_is_public_brings_no_word_about_rotating(pasted: str) -> None:
    assert "rotate" not in seen(pasted).detail


def test_a_wrong_kind_says_where_the_right_one_is() -> None:
    without = [
        pasted
        for pasted, verdict, *_ in KINDS
        if verdict == "wrong" and not any(word in seen(pasted).detail for word in ("Access Tokens", "make a"))
    ]
    assert without == []


def test_the_service_role_key_of_a_project_is_named_with_its_project() -> None:
    found = seen(jwt({"iss": "supabase", "ref": REFERENCE, "role": "service_role", "iat": 1}))
    assert found.verdict == "wrong"
    assert found.kind == "service_role API key"
    assert found.lead == f"This is the service_role API key of project {REFERENCE}, not an access token."


def test_the_anon_key_of_a_project_is_named_with_its_project() -> None:
    found = seen(jwt({"ref": REFERENCE, "role": "anon"}))
    assert found.lead == f"This is the anon API key of project {REFERENCE}, not an access token."


def test_an_api_key_without_a_project_is_named_without_one() -> None:
    assert (
        seen(jwt({"role": "anon"})).lead
        == "This is the anon API key of a Supabase project, not an access token."
    )


@pytest.mark.parametrize(
    "payload",
    [
        {"identityId": "made-up", "authTokenType": "identityAccessToken"},
        {"authTokenType": "accessToken", "userId": "made-up"},
    ],
)
def test_an_infisical_access_token_is_named(payload: dict[str, str]) -> None:
    found = seen(jwt(payload))
    assert found.verdict == "wrong"
    assert found.lead == "This is an Infisical access token, not a Supabase access token."
    assert "rotate it" in found.detail


@pytest.mark.parametrize(
    "reference",
    [
        "<script>alert(1)</sc",
        REFERENCE + "a",
        REFERENCE + "\n",
        REFERENCE.upper(),
        f"\n{REFERENCE}",
        "аbcdefghijklmnopqrst",
        [REFERENCE],
        {REFERENCE: 1},
        7,
        None,
    ],
)
def test_a_reference_of_another_shape_is_not_shown(reference: object) -> None:
    found = seen(jwt({"role": "anon", "ref": reference}))
    assert found.lead == "This is the anon API key of a Supabase project, not an access token."


@pytest.mark.parametrize("role", ["authenticated", "<b>", "", 7, None, ["anon"], {"anon": 1}, "ANON"])
def test_another_role_is_just_a_jwt(role: object) -> None:
    found = seen(jwt({"role": role, "ref": REFERENCE}))
    assert (found.verdict, found.kind) == ("unknown", "JWT")
    assert REFERENCE not in found.lead + found.detail


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b"[" * 3000,
        b'{"a":' * 600,
        b'{"role":' + b"9" * 4000 + b"}",
        b'["anon"]',
        b'"anon"',
        b"null",
        b'{"role": NaN}',
        b'{"identityId": 5}',
        b'{"role":"\\ud800"}',
    ],
)
def test_a_payload_that_makes_no_sense_is_just_a_jwt(payload: bytes) -> None:
    assert seen(f"eyJh.{encoded(payload)}.c2ln").kind == "JWT"


def test_a_payload_is_read_with_and_without_padding() -> None:
    for filling in ("", "a", "ab", "abc"):
        payload = base64.urlsafe_b64encode(json.dumps({"role": "anon", "x": filling}).encode()).decode()
        assert seen(f"eyJh.{payload}.c2ln").kind == "anon API key"
        assert seen(f"eyJh.{payload.rstrip('=')}.c2ln").kind == "anon API key"


def test_a_payload_of_more_than_4_kb_is_not_read() -> None:
    def padded(size: int) -> str:
        empty = len(json.dumps({"role": "anon", "x": ""}))
        return jwt({"role": "anon", "x": "y" * (size - empty)})

    assert seen(padded(LARGEST_PAYLOAD)).kind == "anon API key"
    assert seen(padded(LARGEST_PAYLOAD + 1)).kind == "JWT"


@pytest.mark.parametrize(
    "pasted", ["eyJ", "eyJh", "eyJh.", "eyJh..", "eyJh.eyJi", "eyJh.eyJi.", "eyJh.a.b.c.d"]
)
def test_a_part_of_a_jwt_is_just_a_jwt(pasted: str) -> None:
    assert (seen(pasted).verdict, seen(pasted).kind) == ("unknown", "JWT")


@pytest.mark.parametrize(
    ("pasted", "lead"),
    [
        (f"sbp_{HEX[:39]}", "This access token has 39 characters after sbp_, usually 40."),
        (f"sbp_{HEX}0", "This access token has 41 characters after sbp_, usually 40."),
        ("sbp_0", "This access token has 1 character after sbp_, usually 40."),
        ("sbp_", "This access token has 0 characters after sbp_, usually 40."),
        (f"sbp_{HEX}sbp_{HEX}", "This access token has 84 characters after sbp_, usually 40."),
        (f"sbp_v0_{HEX[:39]}", "This access token has 39 characters after sbp_v0_, usually 40."),
        (f"sbp_{HEX[:39]}z", "This access token has characters after sbp_ that are usually not there."),
        (f"Sbp_{HEX}", "This access token has a capital S in it, and Supabase’s have none."),
        (f"Sbp_v0_{HEX}", "This access token has a capital S in it, and Supabase’s have none."),
        (f"SBP_{HEX}", "This access token has capitals in it, and Supabase’s have none."),
        (f"sBp_{HEX}", "This access token has capitals in it, and Supabase’s have none."),
        (f"sbp_{HEX.upper()}", "This access token has capitals in it, and Supabase’s have none."),
        (f"Sbp_{HEX[:39]}", "This access token has 39 characters after sbp_, usually 40."),
        (f"Sbp_{HEX[:39]}z", "This access token has characters after sbp_ that are usually not there."),
        # A part of a token, with something round it that a preview may have too.
        (f"**sbp_{HEX[:39]}**", "This access token has 39 characters after sbp_, usually 40."),
        (f"• sbp_{HEX[:39]}...", "This access token has 39 characters after sbp_, usually 40."),
        (f"{HEX}…{HEX}", "This does not look like a Supabase access token, which starts with sbp_."),
    ],
)
def test_an_odd_access_token_is_a_warning_that_says_what_is_odd(pasted: str, lead: str) -> None:
    found = seen(pasted)
    assert found.verdict == "unknown"
    assert found.lead == lead


@pytest.mark.parametrize(
    ("pasted", "lead"),
    [
        (f"sbp_{HEX} sbp_{HEX[::-1]}", "There are two different tokens in this. Which one is it?"),
        (f"sbp_{HEX}sbp_{HEX[::-1]}", "There are two different tokens in this. Which one is it?"),
        (
            f"Ann: sbp_{HEX}\nBob: **sbp_v0_{HEX}**",
            "There are two different tokens in this. Which one is it?",
        ),
        (f"sbp_{HEX} sbp_{HEX[::-1]} sbp_v0_{HEX}", "There are 3 different tokens in this. Which one is it?"),
        (
            f"{jwt({'role': 'anon'})} {jwt({'role': 'service_role'})}",
            "There are two different tokens in this.",
        ),
    ],
)
def test_of_several_tokens_one_is_asked_for(pasted: str, lead: str) -> None:
    found = recognise(unwrap(pasted)[0])
    assert found.verdict == "wrong"
    assert found.lead.startswith(lead)
    assert HEX[:8] not in repr(found)


def test_another_text_that_is_there_in_full_is_no_shortened_preview_in_markdown() -> None:
    def it_is_named(row: tuple[str, str]) -> None:
        text, kind = row
        for pasted in (f"**{text}**", f"* {text}", f"• {text}", f"*`{text}`*", f"**NAME={text}**"):
            assert recognise(unwrap(pasted)[0]).kind == kind, pasted

    rows = (
        (HEX, "access token without sbp_"),
        (f"sb_secret_{HEX[:24]}", "secret API key"),
        (f"ghp_{HEX[:36]}", "GitHub token"),
    )
    holds_for_every(rows, it_is_named)
    for preview in ("sbp_0123••••••••4567", "* sbp_0123...", "••••••••4567", f"sbp_{HEX[:8]}…{HEX[-4:]}"):
        assert recognise(unwrap(preview)[0]).kind == "shortened preview", preview


def test_a_part_that_is_missing_and_a_part_too_much_are_told_apart() -> None:
    assert seen(f"sbp_{HEX[:39]}").detail.startswith("A part may be missing.")
    assert seen(f"sbp_{HEX}0").detail.startswith("Something else may have been copied with it.")


def test_a_scoped_token_of_another_length_is_still_called_so() -> None:
    assert seen("sbp_fc0123").kind == "scoped token"


def test_spaces_around_do_not_matter() -> None:
    assert seen(f"  sbp_{HEX}\n").verdict == "right"


def test_a_token_in_wrapping_is_recognised_once_it_is_unwrapped() -> None:
    wrapped = f'export SUPABASE_ACCESS_TOKEN="Bearer sbp_{HEX}"'
    assert recognise(unwrap(wrapped)[0]).verdict == "right"


HEXADECIMAL = st.text("0123456789abcdef", min_size=40, max_size=40)
BODY = st.text(string.ascii_letters + string.digits, min_size=24, max_size=60)
PREFIXES = [
    *(
        "sbp_",
        "sbp_fc",
        "sbp_v0_",
        "sbp_oauth_",
        "sb_publishable_",
        "sb_secret_",
        "postgres://u:",
        "https://",
    ),
    *(
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "sk-",
        "sk-proj-",
        "sk-ant-",
        "sk-or-",
        "glpat-",
    ),
    *("xoxb-", "sk_live_", "sk_test_", "rk_live_", "AKIA", "ASIA", "AIza", "npm_", "pypi-", "hf_", "dop_v1_"),
    *("SG.", "vcp_", "st.", "-----BEGIN PRIVATE KEY-----\n", "eyJ", "a@", "redis://:", "", "…", "*"),
]


@settings(deadline=None)
@given(st.sampled_from(PREFIXES), BODY | HEXADECIMAL)
def test_no_part_of_a_token_is_ever_repeated(prefix: str, body: str) -> None:
    said = repr(seen(prefix + body))
    assert not any(body[start : start + 8] in said for start in range(len(body) - 7))


@settings(deadline=None)
@given(
    HEXADECIMAL, st.sampled_from(["role", "identityId"]), st.sampled_from(["anon", "service_role", "other"])
)
def test_of_a_jwt_only_the_project_is_repeated(body: str, claim: str, value: str) -> None:
    token = jwt({claim: value, "ref": REFERENCE, "sub": body}) + encoded(body.encode())
    said = repr(seen(token))
    assert body[:8] not in said
    assert not any(token[start : start + 12] in said for start in range(len(token) - 11))


@settings(deadline=None)
@given(st.text(max_size=400))
def test_any_text_has_a_kind(text: str) -> None:
    found = seen(text)
    assert found.verdict in {"right", "wrong", "unknown"}
    assert found.kind
    assert found.lead.endswith(".")


@pytest.mark.parametrize(
    "unit", ["a", "•", "sbp_", "eyJ", "eyJ.", "a.", "a@", "=", "[", "-----BEGIN ", "\n", "a:/", "é"]
)
def test_a_text_of_many_kilobytes_is_no_trouble(unit: str) -> None:
    assert seen(unit * 20_000).verdict in {"wrong", "unknown"}


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_payload_can_be_read(payload: bytes) -> None:
    assert seen(f"eyJh.{encoded(payload)}.c2ln").kind
    assert seen(payload.decode("latin-1")).kind
