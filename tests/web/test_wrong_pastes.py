"""Each wrong thing that people paste is answered by its name, and says where the right one is."""

import base64
import json

import pytest

from tests.conftest import Client, Sandbox
from tests.pages import read_page


def jwt(**claims: str) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part(claims)}.bWFkZS11cC1zaWduYXR1cmU"


REFERENCE = "abcdefghijklmnopqrst"

PASTED = [
    (
        jwt(role="anon", ref=REFERENCE),
        f"This is the anon API key of project {REFERENCE}, not an access token.",
    ),
    (
        jwt(role="service_role", ref=REFERENCE),
        f"This is the service_role API key of project {REFERENCE}, not an access token.",
    ),
    (jwt(identityId="made-up") * 1, "Infisical"),
    ("sb_publishable_made-up-0123456789", "publishable"),
    ("sb_secret_made-up-0123456789", "secret"),
    ("postgresql://postgres:made-up@db.example.com:5432/postgres", "database"),
    ("postgres://postgres:made-up@db.example.com:5432/postgres", "database"),
    ("fedcba9876543210fedcba9876543210fedcba98", "cut off"),
    ("sbp_9999••••••9999", "shortened"),
    ("sbp_9999…9999", "shortened"),
    ("sbp_9999********9999", "shortened"),
    (REFERENCE, "project reference"),
    ("12735bda-1105-498c-bb98-028029b9c592", "ID"),
    ("st.0123abcd.made-up.made-up", "Infisical"),
    ("ghp_" + "a1B2" * 9, "GitHub"),
    ("sk-" + "a1B2" * 12, "OpenAI"),
]


@pytest.mark.parametrize(("pasted", "named"), PASTED, ids=[named for _, named in PASTED])
def test_a_wrong_paste_is_an_error_that_names_it(
    client: Client, sandbox: Sandbox, pasted: str, named: str
) -> None:
    answer = client.fill_in(name="mine", access_token=pasted, use_anyway="1")
    assert answer.status_code == 422
    page = read_page(answer.text)
    assert named.lower() in page.error("access_token").lower()
    assert pasted not in answer.text
    assert sandbox.creates == []


@pytest.mark.parametrize(
    "pasted",
    [
        jwt(role="service_role", ref=REFERENCE),
        "sb_secret_made-up-0123456789",
        "postgres://p:made-up@h.example/db",
    ],
)
def test_a_key_that_opens_a_project_is_worth_a_word_about_rotating(client: Client, pasted: str) -> None:
    page = read_page(client.fill_in(name="mine", access_token=pasted).text)
    assert "rotate it" in page.error("access_token")


def test_an_unknown_shape_is_a_warning_that_can_be_ticked_away(client: Client, sandbox: Sandbox) -> None:
    page = read_page(client.fill_in(name="mine", access_token="a-new-shape-of-token").text)
    assert page.by_id("use_anyway") is not None
    answer = client.submit(page, access_token="a-new-shape-of-token", use_anyway="1")
    assert "Supabase does not accept this access token." in read_page(answer.text).error("access_token")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (f"https://{REFERENCE}.supabase.co", f"one project, {REFERENCE}"),
        (f"https://db.{REFERENCE}.supabase.co", "one project"),
        ("https://aws-0-eu-central-1.pooler.supabase.com", "one project"),
        ("https://supabase.com/dashboard/project/_", "dashboard"),
        ("https://app.supabase.com", "dashboard"),
    ],
)
def test_a_wrong_url_is_named_and_the_right_one_is_one_click_away(
    client: Client, good_token: str, typed: str, told: str
) -> None:
    answer = client.fill_in(name="mine", instance_url=typed, access_token=good_token, use_anyway="1")
    assert answer.status_code == 422
    page = read_page(answer.text)
    assert told in page.error("instance_url")
    offered = next(button for button in page.all("button") if button.get("name") == "use_instance_url")
    assert offered.get("value") == "https://api.supabase.com"
    mended = read_page(client.submit(page, use_instance_url="https://api.supabase.com").text)
    assert mended.field("instance_url") == "https://api.supabase.com"
    assert mended.summary == []


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("https://localhost", "internal"),
        ("https://10.1.2.3", "internal"),
        ("http://api.supabase.com", "unencrypted"),
        ("https://api.supabase.com.evil.example", "api.supabase.com.evil.example"),
    ],
)
def test_a_doubtful_url_is_a_warning_with_its_reason(
    client: Client, good_token: str, typed: str, told: str
) -> None:
    page = read_page(client.fill_in(name="mine", instance_url=typed, access_token=good_token).text)
    assert told in page.error("instance_url")
    assert page.by_id("use_anyway") is not None
