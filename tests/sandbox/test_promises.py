"""What the sandbox's page promises, met through the wizard's own pages."""

import re
from pathlib import Path

import pytest

from app.sandbox import SCENARIOS, sandbox_token
from app.sandbox.supabase import Scenario
from tests.conftest import FORM, Client, Clock, Sandbox, new_client, sandbox_in
from tests.every import holds_for_every
from tests.pages import PageUnderTest, read_page

from .world import PAYMENTS_ID

ANSWERED = {
    "4567": 303,
    "1403": 303,
    "0401": 422,
    "0403": 422,
    "0404": 422,
    "0429": 422,
    "0500": 502,
    "0504": 303,
}
WITHOUT_A_CHECK = {**ANSWERED, "0429": 303}
WAYS: dict[str, tuple[dict[str, str], dict[str, str], dict[str, int]]] = {
    "checked before it is saved": ({}, {}, ANSWERED),
    "with the check switched off": ({"CONNECT_PREFLIGHT": "off"}, {}, WITHOUT_A_CHECK),
    "at an address that is not checked from here": (
        {},
        {"instance_url": "https://supabase-proxy.example.com", "use_anyway": "1"},
        WITHOUT_A_CHECK,
    ),
}
"""The settings, what is entered besides the token, and the answer to each."""


@pytest.fixture
def wizard(tmp_path: Path, clock: Clock) -> Sandbox:
    return sandbox_in(tmp_path, clock)


def names(sandbox: Sandbox) -> str:
    return new_client(sandbox.app).page("/connections").text


@pytest.mark.parametrize("way", WAYS)
def test_what_the_sandbox_says_of_a_token_is_what_happens(tmp_path: Path, clock: Clock, way: str) -> None:
    environ, entered, answered = WAYS[way]
    wizard = sandbox_in(tmp_path, clock, **environ)
    client = new_client(wizard.app)
    help_page, form = client.page("/sandbox").text, client.page(FORM)

    def it_happens(scenario: Scenario) -> None:
        assert scenario.sentence in help_page
        with_check, _, without = scenario.sentence.partition("; without the check before saving, ")
        told = without or with_check if answered is WITHOUT_A_CHECK else with_check
        name, begun = f"promised-{scenario.digits}", clock()
        token = sandbox_token(scenario.digits)
        answer = client.submit(form, name=name, access_token=token, **entered)

        assert answer.status_code == answered[scenario.digits]
        if "accepts the token" in told:
            assert name in names(wizard)
            return
        promised = re.search(r"no answer comes,? and the connection appears after (\d+) seconds", told)
        if promised is None:
            assert "Nothing is created" in told
            assert "othing was created" in read_page(answer.text).text
            clock.passes(600)
            assert name not in names(wizard)
            return
        seconds = int(promised[1])
        clock.passes(seconds - 1 - (clock() - begun).total_seconds())
        assert client.page(answer.location).problem == "outcome-unknown"
        assert name not in names(wizard)
        # The connection is counted from when Infisical was asked, after the check of the token.
        clock.passes(11)
        assert client.get(answer.location).status_code == 303
        assert name in names(wizard)

    holds_for_every(SCENARIOS, it_happens)
    # "None is stored."
    for file in tmp_path.iterdir():
        assert b"sbp_" not in file.read_bytes()


def test_check_this_token_creates_nothing_whatever_the_token(wizard: Sandbox) -> None:
    client = new_client(wizard.app)
    told = {
        "4567": "All six checks passed",
        "1403": "May not read secrets",
        "0401": "Token not accepted",
        "0403": "May not list projects",
        "0404": "answered with status 404",
        "0429": "too many requests",
        "0500": "answered with status 500",
        "0504": "no answer in time",
    }

    def it_is_told(scenario: Scenario) -> None:
        token = sandbox_token(scenario.digits)
        answer = client.fill_in(name="checked", access_token=token, check="1")
        assert told[scenario.digits] in read_page(answer.text).text_of("checks")
        assert "checked" not in names(wizard)

    holds_for_every(SCENARIOS, it_is_told)
    assert wizard.creates == []


@pytest.mark.parametrize("digits", ["0000", "9999", "0402", "4290"])
def test_any_other_four_digits_are_accepted(wizard: Sandbox, digits: str) -> None:
    client = new_client(wizard.app)

    assert client.fill_in(name="any-other", access_token=sandbox_token(digits)).status_code == 303
    assert "any-other" in names(wizard)


def test_there_are_two_projects_payments_and_webshop(wizard: Sandbox) -> None:
    client = new_client(wizard.app)
    assert "Two made-up projects, Payments and Webshop." in client.page("/sandbox").text
    links = client.page("/projects").links()
    projects = [text for text, href in links.items() if href.startswith("/connections?project=")]
    assert [name.split()[0] for name in projects if "Organization" not in name] == ["Payments", "Webshop"]


def test_what_was_created_is_there_again_where_the_file_was_kept_and_nowhere_else(
    wizard: Sandbox, tmp_path: Path, clock: Clock
) -> None:
    client = new_client(wizard.app)
    assert "What you create is gone when the server stops, unless" in client.page("/sandbox").text
    assert client.fill_in(name="kept", access_token=sandbox_token()).status_code == 303
    assert "kept" in names(sandbox_in(tmp_path, clock))
    (tmp_path / "another").mkdir()
    assert "kept" not in names(sandbox_in(tmp_path / "another", clock))


def test_links_to_other_apps_lead_to_where_the_page_says_that_there_is_no_dashboard(wizard: Sandbox) -> None:
    client = new_client(wizard.app)
    others = {href for href in client.page("/connections/new").links().values() if "#" in href}
    assert "/sandbox#dashboard" in others
    assert client.page("/sandbox").text_of("dashboard") == "Other apps and the dashboard"


def test_each_token_of_the_page_is_the_one_that_its_digits_promise(wizard: Sandbox) -> None:
    page = new_client(wizard.app).page("/sandbox")
    tokens = [page.text_of(f"token-{number}") for number in range(1, len(SCENARIOS) + 1)]
    assert [token[-4:] for token in tokens] == [scenario.digits for scenario in SCENARIOS]
    assert new_client(wizard.app).page(FORM).text_of("sandbox-token") == tokens[0]


# ── Secret syncs ─────────────────────────────────────────────────────────────────────────────────────────────────────

NEW_SYNC = f"/syncs/new/supabase?project={PAYMENTS_ID}"
CASES: dict[str, tuple[dict[str, str], set[str]]] = {
    "Development /": ({}, set()),
    "Development /edge": ({"secret_path": "/edge"}, {"reserved-name"}),
    "Development /many": ({"secret_path": "/many"}, {"too-many"}),
    "Staging /": ({"environment": "staging", "delete_others": "1"}, {"empties-destination"}),
    "webshop-staging": ({"delete_others": "1", "access_token": sandbox_token("9876")}, {"removes"}),
    "webshop-production": ({"supabase_project": "webshopproductionabc"}, {"same-destination"}),
    "abcdefghijklmnopqrst": ({"supabase_project": "abcdefghijklmnopqrst"}, {"unknown-project"}),
}
"""What the help page says to choose, and what the review then finds."""


def posted(client: Client, page: PageUnderTest, address: str = NEW_SYNC, **typed: str) -> PageUnderTest:
    answer = client.post(address, data={**page.hidden_fields("sync-form"), **typed})
    return client.page(answer.location) if answer.status_code == 303 else read_page(answer.text)


def test_the_help_page_says_how_to_see_each_case_of_a_sync(wizard: Sandbox) -> None:
    client = new_client(wizard.app)
    told, form = client.page("/sandbox").text, client.page(NEW_SYNC)

    def is_found(case: str) -> None:
        typed, findings = CASES[case]
        page = posted(client, form, **{"supabase_project": "webshopstagingabcdef", "review": "1"} | typed)
        found = {element.get("data-finding") for element in page.root.iter()}
        assert case in told
        assert findings <= found
        assert findings or not found & {"reserved-name", "too-many", "removes"}

    holds_for_every(CASES, is_found)
    gone = "worker-to-webshop"
    assert gone in told
    listed = client.page(f"/syncs?project={PAYMENTS_ID}&attention=1")
    assert "folder-gone" in {cell.get("data-status") for cell in listed.all("td")}
    page = client.page(listed.links()[gone])
    assert page.heading == f"The folder of {gone} is gone"
    assert client.page(f"{listed.links()[gone]}/delete").heading == f"Delete {gone}"


def test_a_run_that_fails_and_a_removal_that_is_refused_can_be_seen(wizard: Sandbox, clock: Clock) -> None:
    client = new_client(wizard.app)
    nowhere = {"supabase_project": "abcdefghijklmnopqrst", "auto_sync": "1", "review": "1"}
    review = posted(client, client.page(NEW_SYNC), **nowhere, name="nowhere")
    posted(client, review, submit="1", use_anyway="1")
    clock.passes(60)
    at = client.page(f"/syncs?project={PAYMENTS_ID}").links()["nowhere"]
    page = client.page(at)
    assert page.heading == "nowhere failed"
    assert "Project not found" in page.text_of("infisical-text")
    deletion = client.page(f"{at}/delete")
    posted(client, deletion, f"{at}/delete", remove_secrets="1", confirm_name="nowhere", submit="1")
    clock.passes(60)
    assert client.page(at).heading == "nowhere was not deleted"
