"""The list of secret syncs: how each stands in words, searched, sorted, those that need somebody alone; and its tabs."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.conftest import PROJECT, Client, Sandbox, new_client
from tests.every import holds_for_every
from tests.infisical.answers import error
from tests.pages import XHTML, PageUnderTest, read_page, text_in

from .test_detail import CONNECTION, an_infisical, sync
from .test_list import cells, head, led_by

LIST = f"/syncs?project={PROJECT}"
LATER = {"lastSyncedAt": "2026-11-23T11:38:00.000Z"}


def row(name: str, connection: str = "edge-functions", **changes: Any) -> dict[str, Any]:
    return sync(name=name, connection={"id": "a-connection", "name": connection}, **changes)


def to(name: str, ref: str) -> dict[str, str]:
    return {"projectId": ref, "projectName": name}


ROWS = [
    row("f-web", "webshop-supabase", **LATER),
    row(
        "a-analytics",
        environment=None,
        folder=None,
        destinationConfig=to("analytics", "zxcvbnmasdfghjklqwer"),
    ),
    row("b-jobs", syncStatus="running", folder={"path": "/edge/jobs"}),
    row(
        "c-preview",
        syncStatus="pending",
        environment={"slug": "pre", "name": "Preview"},
        folder={"path": "/"},
    ),
    row("d-production", syncStatus="failed", lastSyncedAt=None, lastSyncMessage='{"message":"Unauthorized"}'),
    row("e-nightly", isAutoSyncEnabled=False, description="At night", **LATER),
]


@pytest.fixture
def listed(wizard_at: Callable[..., Client]) -> Client:
    return wizard_at(an_infisical(syncs={PROJECT: ROWS}))


def names(page: PageUnderTest) -> str:
    """The first letters of the names in the table, in its order."""
    return "".join(line[0][0] for line in cells(page))


def test_each_row_says_where_a_sync_reads_and_writes_with_what_and_how_it_stands(listed: Client) -> None:
    shop = "shop qwertyuiopasdfghjklz"
    gone = "Nothing is written any more. Choose another folder, or delete the sync."
    page = listed.page(LIST)
    assert cells(page) == [
        [
            "a-analytics with edge-functions",
            "",
            "analytics zxcvbnmasdfghjklqwer",
            f"Its folder is gone synced 2 min ago {gone}",
        ],
        ["b-jobs with edge-functions", "Production /edge/jobs", shop, "Running"],
        ["c-preview with edge-functions", "Preview /", shop, "Waiting a run is queued"],
        ["d-production with edge-functions", "Production /edge", shop, "Failed Unauthorized"],
        ["e-nightly with edge-functions", "Production /edge", shop, "Auto-sync is paused synced 4 min ago"],
        ["f-web with webshop-supabase", "Production /edge", shop, "Synced 4 min ago"],
    ]
    assert page.links()["f-web"] == f"/syncs/supabase/{sync()['id']}"
    assert page.links()["Add Sync"] == f"/syncs/new/supabase?project={PROJECT}"


def test_each_way_to_stand_has_a_name_for_programs(wizard_at: Callable[..., Client]) -> None:
    failed = {"syncStatus": "failed", "lastSyncMessage": "Unauthorized"}

    def it_stands(case: tuple[Any, str, str]) -> None:
        changes, name, words = case
        page = wizard_at(an_infisical(syncs={PROJECT: [row("x", **changes)]})).page(LIST)
        (cell,) = (cell for cell in page.all("td") if cell.get("data-status"))
        assert (cell.get("data-status"), text_in(cell)) == (name, words)

    refused = {"removeStatus": "failed", "lastRemoveMessage": '{"message":"Forbidden"}'}
    holds_for_every(
        (
            ({}, "succeeded", "Synced 2 min ago"),
            ({"syncStatus": None, "lastSyncedAt": None}, "not-run", "Not run yet"),
            (
                {"syncStatus": None, "lastSyncedAt": None, "isAutoSyncEnabled": False},
                "paused",
                "Auto-sync is paused",
            ),
            ({"syncStatus": "pending", "isAutoSyncEnabled": False}, "pending", "Waiting a run is queued"),
            ({**failed, "isAutoSyncEnabled": False}, "failed", "Failed synced 2 min ago Unauthorized"),
            ({"removeStatus": "pending"}, "removing", "Removing its secrets"),
            ({**failed, "removeStatus": "running"}, "removing", "Removing its secrets"),
            ({**failed, **refused}, "removing-failed", "Its secrets could not be removed Forbidden"),
            ({"syncStatus": "running", **refused}, "running", "Running"),
            ({"removeStatus": "succeeded"}, "succeeded", "Synced 2 min ago"),
            ({"syncStatus": "something-new"}, "something-new", "Something-new"),
        ),
        it_stands,
    )


@pytest.mark.parametrize(
    ("sort", "up", "down"),
    [
        ("name", "abcdef", "fedcba"),
        ("from", "acdefb", "bdefca"),
        ("to", "abcdef", "bcdefa"),
        ("status", "adecbf", "fbceda"),
    ],
)
def test_it_is_sorted_by_each_head_and_names_decide_between_equals(
    listed: Client, sort: str, up: str, down: str
) -> None:
    for order, wanted, told in (("asc", up, "ascending"), ("desc", down, "descending")):
        page = listed.page(f"{LIST}&sort={sort}&order={order}")
        assert names(page) == wanted
        assert head(page, sort.capitalize()).get("aria-sort") == told
    assert led_by(head(listed.page(f"{LIST}&q=o&attention=1&page=2"), "To")) == {
        "project": PROJECT,
        "q": "o",
        "sort": "to",
        "attention": "1",
    }


def test_it_is_searched_by_all_that_a_row_says_and_what_nobody_knows_is_ignored(listed: Client) -> None:
    def it_finds(case: tuple[str, str]) -> None:
        query, found = case
        assert names(listed.page(f"{LIST}&{query}")) == found

    searches = {
        "q=WEBSHOP": "f",
        "q=at+night": "e",
        "q=/edge/": "b",
        "q=preview": "c",
        "q=zxcvb": "a",
        "q=shop+jobs": "b",
        "sort=id&order=up&attention=yes&page=x": "abcdef",
        "page=9": "abcdef",
    }
    holds_for_every(searches.items(), it_finds)
    page = listed.page(f"{LIST}&q=nothing+is+called+so")
    assert "No sync matches “nothing is called so”" in page.text
    assert page.links()["Show all syncs"] == LIST


def test_those_that_need_attention_are_counted_and_shown_alone(listed: Client) -> None:
    page = listed.page(LIST)
    assert "6 syncs, 3 need attention" in page.text
    address = page.links()["3 need attention"]
    assert address == f"{LIST}&attention=1"
    alone = listed.page(address)
    assert names(alone) == "ade"
    assert "3 of 6 syncs need attention" in alone.text
    assert alone.links()["Show all"] == LIST
    assert alone.hidden_fields() == {"project": [PROJECT], "attention": ["1"]}
    assert "1 of 6 syncs needs attention" in listed.page(f"{address}&q=night").text
    assert "No sync needs attention, of those that match “jobs”" in listed.page(f"{address}&q=jobs").text


def test_twenty_are_on_a_page_and_its_links_keep_all_that_was_asked(wizard_at: Callable[..., Client]) -> None:
    rows = [row(f"sync-{number:03}", isAutoSyncEnabled=False) for number in range(45)]
    page = wizard_at(an_infisical(syncs={PROJECT: rows})).page(
        f"{LIST}&q=sync&sort=to&order=desc&attention=1&page=2"
    )
    assert [line[0].partition(" ")[0] for line in cells(page)] == [
        f"sync-{number:03}" for number in range(20, 40)
    ]
    kept = {"project": PROJECT, "q": "sync", "sort": "to", "order": "desc", "attention": "1"}
    next_page = parse_qs(urlsplit(page.links()["Next"]).query)
    assert next_page == {**{key: [told] for key, told in kept.items()}, "page": ["3"]}


def test_a_project_without_any_leads_to_the_first(wizard_at: Callable[..., Client]) -> None:
    page = wizard_at(an_infisical()).page(LIST)
    assert "No syncs in Payments yet" in page.text
    assert page.links()["Add Sync"] == f"/syncs/new/supabase?project={PROJECT}"
    assert not page.all("table")


def test_one_request_tells_all_of_it_and_who_may_not_see_them_is_told_so(
    wizard_at: Callable[..., Client],
) -> None:
    sent: list[httpx.Request] = []
    wizard_at(an_infisical(syncs={PROJECT: ROWS}, sent=sent)).page(LIST)
    asked = [request.url.path for request in sent if "secret-syncs" in request.url.path]
    assert asked == ["/api/v1/secret-syncs/supabase"]
    denied = error(403, "PermissionDenied", "You are not allowed to read on secret-syncs")
    page = wizard_at(an_infisical(syncs={PROJECT: denied})).page(LIST, status=403)
    assert page.problem == "permission-denied"
    assert "read on secret-syncs" in page.text


def test_it_says_what_was_deleted_and_nobody_else_makes_it_say_so(listed: Client) -> None:
    running = listed.application.extensions["infisical_connect"]
    with listed.application.test_request_context():
        signed = running.sign(["old-sync", False], purpose="deleted-sync")
    assert listed.page(f"{LIST}&done={signed}").text_of("done") == "old-sync was deleted."
    for made_up in ("old-sync", running.sign(["x", False], purpose="deleted")):
        assert read_page(listed.get(f"{LIST}&done={made_up}").text).by_id("done") is None


def test_what_was_asked_of_the_list_survives_a_sign_in(own_sandbox: Sandbox) -> None:
    asked = f"{LIST}&q=a&page=2&sort=status&order=desc&attention=1&done=x"
    back = parse_qs(urlsplit(new_client(own_sandbox.app).get(asked).location).query)["next"][0]
    assert parse_qs(urlsplit(back).query) == parse_qs(urlsplit(asked).query)


# ── Tabs, and the project to sync from ───────────────────────────────────────────────────────────────────────────────


def tabs(page: PageUnderTest) -> list[tuple[str, str | None, bool]]:
    """The tabs of a page: their words, where they lead, and whether that is here."""
    bars = [nav for nav in page.all("nav") if nav.get("class") == "tabs"]
    links = [link for nav in bars for link in nav.iter(f"{XHTML}a")]
    return [(text_in(link), link.get("href"), link.get("aria-current") == "page") for link in links]


def test_both_lists_of_a_project_are_tabs_and_the_organization_has_none(listed: Client) -> None:
    connections = f"/connections?project={PROJECT}"
    for at, here in ((connections, 0), (LIST, 1)):
        assert tabs(listed.page(at)) == [
            ("App Connections", connections, here == 0),
            ("Secret Syncs", LIST, here == 1),
        ]
    assert tabs(listed.page("/connections?project=organization")) == []


def test_syncs_of_the_organization_ask_for_the_project_first(listed: Client) -> None:
    page = listed.page("/syncs?project=organization")
    assert (page.heading, "Organization" in page.text_of("main")) == ("Choose a project", False)
    assert page.links()["Payments"] == LIST
    # Going back leads to where the organization has something.
    assert page.links()["Back"] == "/connections?project=organization"
    assert listed.page(LIST).links()["Change the project"] == f"/projects?project={PROJECT}&then=syncs"


def test_from_an_organizations_connection_the_project_is_chosen_first_and_nothing_is_lost(
    wizard_at: Callable[..., Client],
) -> None:
    client = wizard_at(an_infisical(projectId=None))
    page = client.page(f"/connections/supabase/{CONNECTION}?projects=seen")
    choice = client.page(page.links()["Sync secrets"])
    assert choice.heading == "Choose a project"
    form = urlsplit(choice.links()["Payments"])
    assert form.path == "/syncs/new/supabase"
    assert parse_qs(form.query) == {"project": [PROJECT], "connection": [CONNECTION], "projects": ["seen"]}
