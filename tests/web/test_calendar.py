"""The reminder of a token's expiry, read by a calendar library."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from app.connectors.supabase import SUPABASE
from app.infisical.models import Connection
from app.sandbox import sandbox_token
from app.web.detail import calendar_entry, calendar_of
from app.web.fields import described
from tests.conftest import Client, Clock
from tests.infisical.answers import connection
from tests.pages import read_page

NOW = datetime(2026, 11, 23, 11, 42, 7, tzinfo=UTC)


def entry(text: str) -> Any:
    calendar = Calendar.from_ical(text)
    (event,) = calendar.walk("VEVENT")
    return event


def made(name: str = "webshop-supabase") -> str:
    stored = Connection.model_validate(connection(name=name))
    url = f"https://connect.example.com/connections/supabase/{stored.id}?expires_on=2027-02-21"
    return calendar_of(calendar_entry(SUPABASE, stored, expires_on=date(2027, 2, 21), page_url=url, now=NOW))


def test_it_is_an_entry_for_the_day_with_alarms_a_week_and_a_day_before() -> None:
    event = entry(made())
    assert event["DTSTART"].dt == date(2027, 2, 21)
    alarms = [alarm["TRIGGER"].dt for alarm in event.walk("VALARM")]
    assert alarms == [timedelta(days=-7), timedelta(days=-1)]


def test_it_names_the_connection_and_links_to_its_page() -> None:
    event = entry(made())
    assert "webshop-supabase" in str(event["SUMMARY"])
    assert str(event["URL"]).endswith("?expires_on=2027-02-21")
    assert str(event["URL"]) in str(event["DESCRIPTION"])


@pytest.mark.parametrize("name", ["a" * 64, "semi;comma,back\\slash", "münchen-🚀" * 9])
def test_every_name_survives_folding_and_escaping(name: str) -> None:
    text = made(name)
    assert name in str(entry(text)["SUMMARY"])
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert "\n" not in text.replace("\r\n", "")


def test_the_created_page_offers_it_when_a_day_was_given(client: Client, good_token: str) -> None:
    location = client.fill_in(name="mine", access_token=good_token, expires_on="2027-02-21").location
    page = client.page(location)
    assert "21 February 2027" in page.text
    address = next(href for href in page.links().values() if "reminder.ics" in href)
    answer = client.get(address)
    assert answer.mimetype == "text/calendar"
    event = entry(answer.text)
    assert "mine" in str(event["SUMMARY"])
    assert (
        client.page(str(event["URL"]).removeprefix("http://localhost:8000")).text_of("connection-name")
        == "mine"
    )


def test_there_is_no_reminder_without_a_day(client: Client, good_token: str) -> None:
    location = client.fill_in(name="mine", access_token=good_token).location.partition("?")[0]
    assert not any("reminder" in href for href in client.page(location).links().values())
    assert client.get(f"{location}/reminder.ics").status_code == 404
    assert client.get(f"{location}/reminder.ics?expires_on=soon").status_code == 404


def test_the_day_stays_out_of_infisical_unless_it_was_asked_for(client: Client, good_token: str) -> None:
    location = client.fill_in(
        name="private", description="Why", access_token=good_token, expires_on="2027-02-21"
    ).location
    assert client.page(location).text_of("connection-description") == "Why"
    location = client.fill_in(
        name="told",
        description="Why",
        access_token=good_token,
        expires_on="2027-02-21",
        expires_in_description="1",
    ).location
    assert client.page(location).text_of("connection-description") == "Why. Token expires 21 Feb 2027."


@pytest.mark.parametrize(
    ("description", "sent"),
    [
        ("Why", "Why. Token expires 21 Feb 2027."),
        ("In 2026", "In 2026. Token expires 21 Feb 2027."),
        ("なぜ", "なぜ. Token expires 21 Feb 2027."),
        ("Why.", "Why. Token expires 21 Feb 2027."),
        ("Why?", "Why? Token expires 21 Feb 2027."),
        ("(why)", "(why) Token expires 21 Feb 2027."),
        ("", "Token expires 21 Feb 2027."),
        ("Why. Token expires 21 Feb 2027.", "Why. Token expires 21 Feb 2027."),
    ],
)
def test_the_expiry_is_a_sentence_of_its_own_in_the_description(description: str, sent: str) -> None:
    typed = {"description": description, "expires_on": "2027-02-21", "expires_in_description": "1"}
    assert described(typed) == sent


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("soon", "must be a date"),
        ("2026-11-21", "in the past"),
        ("2027-02-30", "must be a date"),
        ("2036-11-24", "within ten years"),
        ("3500-01-01", "within ten years"),
        ("9999-12-31", "within ten years"),
    ],
)
def test_a_day_that_cannot_be_one_is_refused(client: Client, good_token: str, typed: str, told: str) -> None:
    answer = client.fill_in(name="mine", access_token=good_token, expires_on=typed)
    assert answer.status_code == 422
    assert told in read_page(answer.text).error("expires_on")


@pytest.mark.parametrize("day", ["2026-11-22", "2026-11-23", "2036-11-23"])
def test_a_day_that_is_still_today_somewhere_or_within_ten_years_is_taken(
    client: Client, good_token: str, day: str
) -> None:
    answer = client.fill_in(name="mine", access_token=good_token, expires_on=day, use_anyway="1")
    assert answer.status_code == 303
    assert f"expires_on={day}" in answer.location


def test_a_day_that_no_supabase_token_lives_to_see_is_a_warning(client: Client, good_token: str) -> None:
    for day in ("2027-11-23", "2027-11-25"):
        assert client.fill_in(name=f"by-{day}", access_token=good_token, expires_on=day).status_code == 303
    answer = client.fill_in(name="mine", access_token=good_token, expires_on="2028-11-23")
    assert answer.status_code == 422
    page = read_page(answer.text)
    assert page.error("expires_on").startswith("Warning: Supabase’s tokens live a year at most.")
    assert client.submit(page, access_token=good_token, use_anyway="1").status_code == 303


def test_a_description_that_the_day_makes_too_long_is_refused(client: Client, good_token: str) -> None:
    answer = client.fill_in(
        name="mine",
        description="d" * 240,
        access_token=good_token,
        expires_on="2027-02-21",
        expires_in_description="1",
    )
    assert answer.status_code == 422
    assert "with the token’s expiry" in read_page(answer.text).error("description")


def test_the_day_survives_a_submission_without_an_answer(client: Client, clock: Clock) -> None:
    answer = client.fill_in(
        name="late",
        description="Why",
        access_token=sandbox_token("0504"),
        expires_on="2027-02-21",
        expires_in_description="1",
    )
    stopped = client.page(f"{answer.location}&stop=1")
    form = client.page(next(href for text, href in stopped.links().items() if text == "Open the form again"))
    assert form.field("expires_on") == "2027-02-21"
    assert form.field("description") == "Why"
    box = form.by_id("expires_in_description")
    assert box is not None
    assert box.get("checked") is not None
    clock.passes(200)
    assert "21 February 2027" in client.page(answer.location).text
