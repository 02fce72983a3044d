"""The list of connections: searched, filtered, sorted, marked by their tokens' dates, all of it in the address."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree.ElementTree import Element

import httpx
import pytest
from icalendar import Calendar

from app.web.fields import expiry_in, expiry_of
from tests.conftest import PROJECT, Client, Sandbox, new_client
from tests.every import holds_for_every
from tests.infisical.answers import connection
from tests.pages import XHTML, PageUnderTest, read_page, text_in

from .test_reading import an_infisical

TODAY = date(2026, 11, 23)
LIST = f"/connections?project={PROJECT}"
REMINDERS = f"/connections/reminders.ics?project={PROJECT}"


def row(number: int, name: str, app: str = "supabase", **more: Any) -> dict[str, Any]:
    more.setdefault("method", "access-token")
    return connection(id=f"adb321fa-eccb-491a-98b9-{number:012}", name=name, app=app, **more)


def expiring(days: int, before: str = "") -> str:
    """The description of a connection whose token expires so many days from today."""
    day = TODAY + timedelta(days=days)
    return f"{before} Token expires {day.day} {day:%b %Y}.".strip()


ROWS = [
    row(1, "b-bot", "github", method="github-app", createdAt="2026-09-18T10:00:00.000Z"),
    row(2, "d-jobs", description="Jobs and webhooks", createdAt="2026-11-09T10:00:00.000Z"),
    row(3, "a-queue", "aws", method="assume-role", createdAt="2026-10-02T10:00:00.000Z"),
    row(
        4,
        "e-staging",
        description=expiring(-12, "Owner: platform team."),
        createdAt="2026-11-02T10:00:00.000Z",
    ),
    row(5, "c-report", description=expiring(346), createdAt="2026-11-04T10:00:00.000Z"),
    row(6, "f-shop", description=expiring(9, "Edge secrets."), createdAt="2026-11-20T10:00:00.000Z"),
]


@pytest.fixture
def listed(wizard_at: Callable[..., Client]) -> Client:
    return wizard_at(an_infisical(rows=ROWS))


def cells(page: PageUnderTest) -> list[list[str]]:
    """The texts of the table's rows, cell by cell."""
    return [
        [text_in(cell) for cell in line.iter(f"{XHTML}td")]
        for line in page.all("tr")
        if line.find(f"{XHTML}td") is not None
    ]


def names(page: PageUnderTest) -> list[str]:
    """The names in the table, in its order; of each its first letter."""
    return [line[0].partition("-")[0][-1] for line in cells(page)]


def head(page: PageUnderTest, name: str) -> Element:
    (found,) = (one for one in page.all("th") if text_in(one).startswith(name))
    return found


def led_by(element: Element) -> dict[str, str]:
    """What the address of the link in an element says."""
    (link,) = element.iter(f"{XHTML}a")
    return {key: told for key, (told,) in parse_qs(urlsplit(link.get("href", "")).query).items()}


# ── Filtered and sorted ──────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_filtered_by_one_of_the_apps_that_occur_in_it(listed: Client) -> None:
    page = listed.page(LIST)
    told = [(option.get("value"), text_in(option)) for option in page.all("option")]
    assert told == [("", "All apps"), ("aws", "AWS"), ("github", "GitHub"), ("supabase", "Supabase")]
    assert names(listed.page(f"{LIST}&app=supabase")) == ["c", "d", "e", "f"]
    assert names(listed.page(f"{LIST}&app=github")) == ["b"]
    page = listed.page(f"{LIST}&app=supabase&q=edge")
    assert names(page) == ["f"]
    assert "1 of 6 connections" in page.text
    (chosen,) = (option for option in page.all("option") if option.get("selected") is not None)
    assert chosen.get("value") == "supabase"


def test_an_app_of_ours_is_filtered_by_where_it_does_not_occur(wizard_at: Callable[..., Client]) -> None:
    page = wizard_at(an_infisical(rows=ROWS[:1])).page(f"{LIST}&app=supabase")
    assert cells(page) == []
    assert "No connection matches" in page.text
    assert page.links()["Show all connections"] == LIST


@pytest.mark.parametrize(
    ("sort", "up", "down"),
    [
        ("name", "abcdef", "fedcba"),
        ("app", "abcdef", "cdefba"),
        ("method", "cdefab", "bacdef"),
        ("created", "baecdf", "fdceab"),
    ],
)
def test_it_is_sorted_by_each_head_and_names_decide_between_equals(
    listed: Client, sort: str, up: str, down: str
) -> None:
    for order, wanted, told in (("asc", up, "ascending"), ("desc", down, "descending")):
        page = listed.page(f"{LIST}&sort={sort}&order={order}")
        assert names(page) == list(wanted)
        sorted_by = {text_in(one).split()[0].lower(): one.get("aria-sort") for one in page.all("th")}
        assert {name: said for name, said in sorted_by.items() if said} == {sort: told}


def test_a_head_leads_to_its_order_and_the_sorted_one_to_the_other(listed: Client) -> None:
    page = listed.page(f"{LIST}&q=o&app=supabase&sort=created&order=asc&expiring=1&page=3")
    kept = {"project": PROJECT, "q": "o", "app": "supabase", "expiring": "1"}
    assert led_by(head(page, "Created")) == {**kept, "sort": "created", "order": "desc"}
    assert led_by(head(page, "Method")) == {**kept, "sort": "method"}
    assert not list(head(page, "Token").iter(f"{XHTML}a"))
    assert led_by(head(listed.page(f"{LIST}&sort=created&order=desc"), "Created")) == {
        "project": PROJECT,
        "sort": "created",
    }


def test_values_that_nobody_knows_are_ignored(listed: Client) -> None:
    usual = cells(listed.page(LIST))

    def it_is_the_usual_list(query: str) -> None:
        page = listed.page(f"{LIST}&{query}")
        assert cells(page) == usual
        assert head(page, "Name").get("aria-sort") == "ascending"

    nobodys = (
        "sort=id",
        "sort=",
        "order=up",
        "order=DESC",
        "app=acme",
        "app=Supabase",
        "expiring=0",
        "expiring=yes",
    )
    holds_for_every((*nobodys, "page=0", "page=-1", "page=x", "sort=name&sort=app"), it_is_the_usual_list)


def test_pages_and_a_new_search_keep_all_that_was_asked(wizard_at: Callable[..., Client]) -> None:
    rows = [row(n, f"connection-{n:03}", description=expiring(n % 14)) for n in range(45)]
    client = wizard_at(an_infisical(rows=rows))
    page = client.page(f"{LIST}&q=connection&app=supabase&sort=created&order=desc&expiring=1&page=2")
    kept = {
        "project": PROJECT,
        "q": "connection",
        "app": "supabase",
        "sort": "created",
        "order": "desc",
        "expiring": "1",
    }
    leading = {text: parse_qs(urlsplit(href).query) for text, href in page.links().items()}
    assert leading["Next"] == {**{key: [told] for key, told in kept.items()}, "page": ["3"]}
    assert leading["Previous"] == {**{key: [told] for key, told in kept.items()}, "page": ["1"]}
    hidden = {key: told for key, (told,) in page.hidden_fields().items() if key != "csrf_token"}
    assert hidden == {key: told for key, told in kept.items() if key not in ("q", "app")}


def test_what_was_asked_of_the_list_survives_a_sign_in(own_sandbox: Sandbox) -> None:
    asked = f"{LIST}&app=supabase&q=a&page=2&sort=created&order=desc&expiring=1&done=x"
    back = parse_qs(urlsplit(new_client(own_sandbox.app).get(asked).location).query)["next"][0]
    assert parse_qs(urlsplit(back).query) == parse_qs(urlsplit(asked).query)


# ── Tokens' dates ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("days", "kind", "words"),
    [
        (-400, "danger", "Expired 400 days ago"),
        (-12, "danger", "Expired 12 days ago"),
        (-1, "danger", "Expired yesterday"),
        (0, "warning", "Expires today"),
        (1, "warning", "Expires tomorrow"),
        (2, "warning", "Expires in 2 days"),
        (14, "warning", "Expires in 14 days"),
        (15, "good", "Good until"),
        (365, "good", "Good until"),
    ],
)
def test_a_tokens_last_day_is_told_in_words(days: int, kind: str, words: str) -> None:
    told = expiry_of(TODAY + timedelta(days=days), today=TODAY)
    assert (told.kind, told.words) == (kind, words)


def test_each_row_of_an_app_of_ours_says_until_when_its_token_is_good(listed: Client) -> None:
    told = {line[0]: line[3] for line in cells(listed.page(LIST))}
    assert told == {
        "Aw a-queue (opens in a new tab)": "",
        "Gi b-bot (opens in a new tab)": "",
        "Su c-report": "Good until 4 Nov 2027",
        "Su d-jobs Jobs and webhooks": "No date noted",
        "Su e-staging Owner: platform team.": "Expired 12 days ago on 11 Nov 2026",
        "Su f-shop Edge secrets.": "Expires in 9 days on 2 Dec 2026",
    }


def test_the_date_of_another_apps_connection_is_none_of_a_token(wizard_at: Callable[..., Client]) -> None:
    client = wizard_at(an_infisical(rows=[row(1, "b-bot", "github", description=expiring(3, "Ours."))]))
    page = client.page(LIST)
    assert cells(page)[0][0] == "Gi b-bot (opens in a new tab) Ours. Token expires 26 Nov 2026."
    assert cells(page)[0][3] == ""
    assert "expiring soon" not in page.text
    assert client.get(REMINDERS).status_code == 404


def test_those_expired_or_expiring_soon_are_counted_and_shown_alone(listed: Client) -> None:
    page = listed.page(LIST)
    assert "6 connections, 2 expired or expiring soon" in page.text
    address = page.links()["2 expired or expiring soon"]
    assert address == f"{LIST}&expiring=1"
    alone = listed.page(address)
    assert names(alone) == ["e", "f"]
    assert "2 of 6 connections" in alone.text
    assert alone.links()["Show all"] == LIST
    assert names(listed.page(f"{LIST}&expiring=1&sort=name&order=desc&q=edge")) == ["f"]
    filtered = listed.page(f"{LIST}&q=edge")
    assert filtered.links()["1 expired or expiring soon"] == f"{LIST}&q=edge&expiring=1"
    assert "expired or expiring" not in listed.page(f"{LIST}&app=github").text


def test_where_no_token_expires_soon_that_is_said(wizard_at: Callable[..., Client]) -> None:
    page = wizard_at(an_infisical(rows=ROWS[:3])).page(f"{LIST}&expiring=1")
    assert "No token is expired or expiring soon" in page.text
    assert page.links()["Show all connections"] == LIST


def test_a_sentence_that_names_no_day_is_none() -> None:
    nobodys = ("30 Feb 2027", "31 Dec 9999", "1 Jan 1999", "21 feb 2027", "21 Foo 2027", "0 Mar 2027", "")
    holds_for_every(nobodys, lambda day: _is_no_expiry(f"Why. Token expires {day}."))
    assert expiry_in("Token expires 1 Jan 2027. Token expires 30 Feb 2027.") == date(2027, 1, 1)
    assert expiry_in("Token expires 1 Jan 2027. Token expires 2 Feb 2027.") == date(2027, 2, 2)


def _is_no_expiry(description: str) -> None:
    assert expiry_in(description) is None


# ── In a calendar ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_all_dates_of_a_project_are_one_file_of_a_calendar(listed: Client) -> None:
    page = listed.page(f"{LIST}&app=github")
    assert "Dates are read from the descriptions." in page.text
    assert page.links()["Add all dates to calendar .ics"] == REMINDERS
    answer = listed.get(REMINDERS)
    assert (answer.status_code, answer.mimetype) == (200, "text/calendar")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="project-001-tokens.ics"'
    calendar: Any = Calendar.from_ical(answer.text)
    events: dict[str, Any] = {str(event["SUMMARY"]): event for event in calendar.walk("VEVENT")}
    assert {summary: event["DTSTART"].dt for summary, event in events.items()} == {
        "Supabase access token of c-report expires": date(2027, 11, 4),
        "Supabase access token of e-staging expires": date(2026, 11, 11),
        "Supabase access token of f-shop expires": date(2026, 12, 2),
    }
    assert len({str(event["UID"]) for event in events.values()}) == 3
    assert all(len(event.walk("VALARM")) == 2 for event in events.values())
    address = str(events["Supabase access token of f-shop expires"]["URL"])
    assert urlsplit(address).path == f"/connections/supabase/{ROWS[5]['id']}"


def test_an_entry_is_the_same_in_the_file_of_one_and_of_all(
    listed: Client, wizard_at: Callable[..., Client]
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(ROWS[5]["id"]):
            return httpx.Response(200, json={"appConnection": ROWS[5]})
        return an_infisical(rows=ROWS[5:])(request)

    client = wizard_at(answer)
    one = client.get(f"/connections/supabase/{ROWS[5]['id']}/reminder.ics?expires_on=2026-12-02")
    assert one.text == client.get(REMINDERS).text


def test_without_a_date_there_is_no_calendar(wizard_at: Callable[..., Client]) -> None:
    client = wizard_at(an_infisical(rows=ROWS[:3]))
    page = client.page(LIST)
    assert "Dates are read" not in page.text
    assert not any("reminders" in href for href in page.links().values())
    assert client.get(REMINDERS).status_code == 404


def test_the_calendar_finds_the_project_in_hand(listed: Client) -> None:
    listed.page(LIST)
    assert listed.get("/connections/reminders.ics").location == REMINDERS


# ── After a deletion ─────────────────────────────────────────────────────────────────────────────────────────────────


def deleted(client: Client, name: str) -> str:
    with client.application.test_request_context():
        signed = client.application.extensions["infisical_connect"].sign([name, False], purpose="deleted")
    return f"{LIST}&done={signed}"


@pytest.mark.parametrize("rows", [ROWS, []])
def test_the_list_says_what_was_deleted(wizard_at: Callable[..., Client], rows: list[dict[str, Any]]) -> None:
    client = wizard_at(an_infisical(rows=rows))
    page = client.page(deleted(client, "old <b>shop</b>"))
    assert page.text_of("done") == "old <b>shop</b> was deleted."
    assert not any("done=" in href for href in page.links().values())


def test_nobody_else_makes_the_list_say_so(listed: Client) -> None:
    other = listed.application.extensions["infisical_connect"].sign("x", purpose="another")
    for made_up in ("shop", "1", other):
        assert read_page(listed.get(f"{LIST}&done={made_up}").text).by_id("done") is None
