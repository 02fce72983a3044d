"""Each kind of instance URL that is wrong or doubtful is told so, in words that name where the token would go."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.connectors.instance_urls import SUPABASE_CLOUD, InstanceUrlError, read_instance_url
from app.connectors.rows import Given, Message
from app.connectors.supabase import check_instance_url, judge

REFERENCE = "abcdefghijklmnopqrst"
IMITATES = "This address imitates Supabase’s"
INTERNAL = "Infisical refuses internal addresses unless its operator allows them."
UNENCRYPTED = "the token would travel unencrypted"
SELF_HOSTED = "A Supabase that you host yourself has no Management API"


GIVEN = Given(values={}, app_name="Supabase", today=date(2026, 11, 27))


def judged(typed: str) -> Message:
    return judge(read_instance_url(typed))


@pytest.mark.parametrize(
    "typed", ["", "https://api.supabase.com", "https://API.supabase.com/", "https://api.supabase.com/v1"]
)
def test_there_is_nothing_to_say_about_supabase_cloud(typed: str) -> None:
    assert check_instance_url(typed, GIVEN) == (SUPABASE_CLOUD, ())


@pytest.mark.parametrize(
    "typed",
    [
        f"https://{REFERENCE}.supabase.co",
        f"https://{REFERENCE}.supabase.co./rest",
        f"http://{REFERENCE}.supabase.co",
        f"https://{REFERENCE}.supabase.in",
        f"https://db.{REFERENCE}.supabase.co:5432",
        f"https://{REFERENCE}.functions.supabase.co",
    ],
)
def test_a_projects_own_address_is_wrong_and_named(typed: str) -> None:
    found = judged(typed)
    assert found.kind == "error"
    assert found.lead == f"This is the address of one project, {REFERENCE}."
    assert SUPABASE_CLOUD in found.detail


@pytest.mark.parametrize("host", ["aws-0-eu-central-1.pooler.supabase.com", "my-shop.supabase.co"])
def test_a_projects_address_without_its_reference_is_wrong(host: str) -> None:
    found = judged(f"https://{host}")
    assert (found.kind, found.lead) == ("error", "This is the address of one project.")


@pytest.mark.parametrize(
    "typed",
    [
        "https://supabase.com",
        "https://supabase.com/dashboard/account/tokens",
        "https://www.supabase.com/dashboard",
        "https://app.supabase.com/project/x",
        "https://app.supabase.io",
    ],
)
def test_the_dashboards_address_is_wrong(typed: str) -> None:
    found = judged(typed)
    assert (found.kind, found.lead) == ("error", "This is the address of Supabase’s dashboard.")


@pytest.mark.parametrize(
    "host", ["example.org", "supabase-proxy.internal.example.com", "example.org:8443", "münchen.example"]
)
def test_any_other_host_is_doubtful_and_named(host: str) -> None:
    url = read_instance_url(f"https://{host}/path")
    found = judged(url.text)
    assert found.kind == "warning"
    assert found.lead == f"Your token will be sent to {url.host}, which is not Supabase Cloud."
    assert SELF_HOSTED in found.detail
    assert "if you know who runs it" in found.detail
    assert IMITATES not in found.detail
    assert INTERNAL not in found.detail
    assert UNENCRYPTED not in found.detail


def test_supabase_in_an_address_proves_nothing() -> None:
    assert "does not make it Supabase’s" in judged("https://supabase-proxy.example.com").detail


@pytest.mark.parametrize(
    "host",
    ["api.supabase.com.evil.example", "api.supabase.co", "api.supabase.com.supabase.co.example"],
)
def test_an_address_that_begins_as_supabases_is_told_in_stronger_words(host: str) -> None:
    found = judged(f"https://{host}")
    assert found.kind == "warning"
    assert found.lead.startswith("Your token will be sent to ")
    assert found.detail.startswith(IMITATES)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:54321",
        "kong",
        "printer.local",
        "supabase.internal",
        "a.home.arpa",
        "127.0.0.1",
        "127.0.0.1.",
        "10.0.0.8",
        "192.168.1.1:8000",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.1",
        "[::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
    ],
)
def test_an_internal_address_is_told(host: str) -> None:
    found = judged(f"https://{host}")
    assert found.kind == "warning"
    assert INTERNAL in found.detail


@pytest.mark.parametrize("host", ["8.8.8.8", "[2606:4700::1111]", "internal.example.org", "[::ffff:8.8.8.8]"])
def test_a_public_address_is_not_called_internal(host: str) -> None:
    assert INTERNAL not in judged(f"https://{host}").detail


def test_http_is_told() -> None:
    found = judged("http://example.org")
    assert found.lead == "Your token will be sent to example.org, which is not Supabase Cloud."
    assert UNENCRYPTED in found.detail


def test_everything_that_is_doubtful_is_told_at_once() -> None:
    detail = judged("http://api.supabase.local").detail
    assert detail.index(IMITATES) < detail.index(UNENCRYPTED) < detail.index(INTERNAL)


def test_http_to_supabase_cloud_has_words_of_its_own() -> None:
    found = judged("http://api.supabase.com")
    assert found.kind == "warning"
    assert found.lead == "Your token would travel unencrypted to api.supabase.com."
    assert SUPABASE_CLOUD in found.detail


@pytest.mark.parametrize(
    "address", ["api.supabase.com/rest", "api.supabase.com:8443", "api.supabase.com.", "mcp.supabase.com"]
)
def test_supabases_host_at_another_address_is_doubtful(address: str) -> None:
    found = judged(f"https://{address}")
    assert found.kind == "warning"
    assert found.lead == f"Your token will be sent to {address}, which is not Supabase Cloud."
    assert f"is at {SUPABASE_CLOUD}, with nothing before or after it." in found.detail


LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-ßéаüx", min_size=1, max_size=20)


@settings(deadline=None)
@given(
    st.lists(LABEL, min_size=1, max_size=4),
    st.sampled_from(["http", "https"]),
    st.sampled_from(["", "/a", ":81"]),
)
def test_any_url_that_can_be_read_can_be_judged(labels: list[str], scheme: str, rest: str) -> None:
    try:
        url = read_instance_url(f"{scheme}://{'.'.join(labels)}{rest}")
    except InstanceUrlError:
        return
    found = judge(url)
    assert found.kind == "error" or url.host in found.lead


@settings(deadline=None)
@given(st.ip_addresses())
def test_any_address_can_be_judged(address: object) -> None:
    host = f"[{address}]" if ":" in str(address) else str(address)
    assert judged(f"https://{host}").kind == "warning"
