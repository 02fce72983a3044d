"""The page for a submission without an answer: it looks, tells the time, and never sends a second time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.web.pending import next_look_in
from tests.conftest import PROJECT, Client, Clock
from tests.infisical.answers import error
from tests.pages import PageUnderTest

SINCE = datetime(2026, 11, 23, 11, 42, 7, tzinfo=UTC)
ADDRESS = (
    f"/connections/new/supabase/outcome?project={PROJECT}&name=late&since=2026-11-23T11:42:07Z"
    "&instance_url=https://api.supabase.com"
)
CONNECTION = "423a304a-9c21-4fab-8dae-5f23ac0b2060"


def found(**changes: Any) -> dict[str, Any]:
    connection = {
        "id": CONNECTION,
        "name": "late",
        "description": None,
        "app": "supabase",
        "method": "access-token",
        "orgId": "5a9ae95f-6a76-43ca-8661-0e01154a218e",
        "projectId": PROJECT,
        "createdAt": "2026-11-23T11:46:07.123Z",
        "updatedAt": "2026-11-23T11:46:07.123Z",
        "credentials": {"instanceUrl": "https://api.supabase.com"},
    }
    return {"appConnection": {**connection, **changes}}


MISSING = httpx.Response(
    404,
    json={
        "reqId": "req-1",
        "statusCode": 404,
        "message": "Could not find App Connection with name late in project scope.",
        "error": "NotFound",
    },
)


def answering(by_name: httpx.Response) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        if "connection-name" in request.url.path:
            return by_name
        if request.url.path.startswith("/api/v1/projects/"):
            project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
            return httpx.Response(200, json={"project": project})
        return httpx.Response(200, json=found())

    return answer


def test_it_leads_to_the_connection_when_it_appears(wizard_at: Callable[..., Client], clock: Clock) -> None:
    clock.passes(300)
    client = wizard_at(answering(httpx.Response(200, json=found())))
    answer = client.get(ADDRESS)
    assert answer.status_code == 303
    assert answer.location.startswith(f"/connections/supabase/{CONNECTION}?created=")
    page = client.page(answer.location)
    assert page.heading == "late was created"
    assert "Supabase may never have accepted this token." in page.text


def test_it_waits_while_the_connection_is_missing(wizard_at: Callable[..., Client], clock: Clock) -> None:
    clock.passes(112)
    page = wizard_at(answering(MISSING)).page(ADDRESS)
    assert page.problem == "outcome-unknown"
    assert "1 min 52 s" in page.text
    assert "Not there yet." in page.text


def test_a_connection_from_before_is_told_to_be_another(
    wizard_at: Callable[..., Client], clock: Clock
) -> None:
    clock.passes(50)
    older = found(createdAt="2026-11-23T11:41:06.999Z")
    page = wizard_at(answering(httpx.Response(200, json=older))).page(ADDRESS)
    assert "was there before" in page.text


@pytest.mark.parametrize(
    ("created", "status"), [("2026-11-23T11:53:07.000Z", 303), ("2026-11-23T11:53:07.001Z", 200)]
)
def test_a_connection_from_more_than_ten_minutes_later_is_another(
    wizard_at: Callable[..., Client], clock: Clock, created: str, status: int
) -> None:
    clock.passes(3600)
    answer = wizard_at(answering(httpx.Response(200, json=found(createdAt=created)))).get(ADDRESS)
    assert answer.status_code == status
    assert ("more than ten minutes later" in answer.text) == (status == 200)


def test_clocks_may_be_a_minute_apart(wizard_at: Callable[..., Client], clock: Clock) -> None:
    clock.passes(50)
    near = found(createdAt="2026-11-23T11:41:07.000Z")
    assert wizard_at(answering(httpx.Response(200, json=near))).get(ADDRESS).status_code == 303


def test_a_connection_with_another_instance_url_is_somebody_elses(
    wizard_at: Callable[..., Client], clock: Clock
) -> None:
    clock.passes(50)
    other = found(credentials={"instanceUrl": "https://other.example"})
    page = wizard_at(answering(httpx.Response(200, json=other))).page(ADDRESS)
    assert "somebody else’s" in page.text


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        (
            "&description=Why&expires_on=2027-02-21&expires_in_description=1",
            "Why. Token expires 21 Feb 2027.",
        ),
        ("&description=Why%0D%0A&expires_on=2027-02-21", "Why"),
        (
            "&description=Why%3F&expires_on=2027-02-21&expires_in_description=1",
            "Why? Token expires 21 Feb 2027.",
        ),
        ("&expires_on=2027-02-21&expires_in_description=1", "Token expires 21 Feb 2027."),
        ("&description=Why&expires_on=soon&expires_in_description=1", "Why"),
        (
            "&description=Why+Token+expires+21+Feb+2027.&expires_on=2027-02-21&expires_in_description=1",
            "Why Token expires 21 Feb 2027.",
        ),
    ],
)
def test_an_address_that_says_what_was_typed_finds_what_was_sent(
    wizard_at: Callable[..., Client], clock: Clock, typed: str, sent: str
) -> None:
    clock.passes(50)
    client = wizard_at(answering(httpx.Response(200, json=found(description=sent))))
    assert client.get(f"{ADDRESS}{typed}").status_code == 303


@pytest.mark.parametrize("typed", ["https://api.supabase.com/", "https://api.supabase.com/v1", ""])
def test_an_instance_url_as_it_was_typed_finds_the_one_that_was_sent(
    wizard_at: Callable[..., Client], clock: Clock, typed: str
) -> None:
    clock.passes(50)
    address = ADDRESS.replace("instance_url=https://api.supabase.com", f"instance_url={typed}")
    assert wizard_at(answering(httpx.Response(200, json=found()))).get(address).status_code == 303


def test_an_instance_url_that_cannot_be_one_is_no_other_connections(
    wizard_at: Callable[..., Client], clock: Clock
) -> None:
    clock.passes(50)
    address = ADDRESS.replace("instance_url=https://api.supabase.com", "instance_url=ftp://nowhere")
    page = wizard_at(answering(httpx.Response(200, json=found()))).page(address)
    assert "somebody else’s" in page.text


def test_the_form_again_has_what_was_typed_and_the_tick(
    wizard_at: Callable[..., Client], clock: Clock
) -> None:
    clock.passes(601)
    typed = "&description=Why&expires_on=2027-02-21&expires_in_description=1"
    links = wizard_at(answering(MISSING)).page(f"{ADDRESS}{typed}").links()
    again = links["Open the form again"]
    assert "description=Why&" in again
    assert "expires_in_description=1" in again
    assert "expires_on=2027-02-21" in again


def test_after_ten_minutes_it_stops_by_itself_and_offers_the_form(
    wizard_at: Callable[..., Client], clock: Clock
) -> None:
    clock.passes(601)
    page = wizard_at(answering(MISSING)).page(ADDRESS)
    assert "has not appeared in ten minutes" in page.text
    assert page.all("noscript") == []
    assert any("name=late" in href for href in page.links().values())


def test_it_still_finds_the_connection_when_it_is_opened_an_hour_later(
    wizard_at: Callable[..., Client], clock: Clock
) -> None:
    clock.passes(3600)
    assert wizard_at(answering(httpx.Response(200, json=found()))).get(ADDRESS).status_code == 303


def test_stop_checking_asks_nothing_more(wizard_at: Callable[..., Client], clock: Clock) -> None:
    clock.passes(20)
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return answering(MISSING)(request)

    page = wizard_at(answer).page(f"{ADDRESS}&stop=1")
    assert "Checking is stopped" in page.text
    assert not any("connection-name" in path for path in asked)
    assert page.all("noscript") == []


def the_log(page: PageUnderTest) -> list[str]:
    (log,) = (part for part in page.all("ol") if part.get("data-part") == "log")
    return [" ".join("".join(line.itertext()).split()) for line in log]


def test_the_log_tells_what_was_sent_how_long_it_waited_and_the_latest_look(
    wizard_at: Callable[..., Client], clock: Clock
) -> None:
    clock.passes(50)
    page = wizard_at(answering(MISSING)).page(f"{ADDRESS}&waited=45")
    assert the_log(page) == [
        "11:42:07 UTCSent to Infisical",
        "11:42:52 UTCNo answer within 45 seconds",
        "11:42:57 UTCLooked: not there yet.",
    ]


def test_the_look_at_ten_minutes_is_in_the_log(wizard_at: Callable[..., Client], clock: Clock) -> None:
    clock.passes(600)
    page = wizard_at(answering(MISSING)).page(ADDRESS)
    assert the_log(page)[-1].startswith("11:52:07 UTCLooked: it has not appeared in ten minutes.")


def test_after_stop_the_latest_look_is_still_in_the_log(
    wizard_at: Callable[..., Client], clock: Clock
) -> None:
    clock.passes(20)
    client = wizard_at(answering(MISSING))
    stop = client.page(ADDRESS).links()["Stop checking"]
    clock.passes(300)
    stopped = client.page(stop)
    assert the_log(stopped) == ["11:42:07 UTCSent to Infisical", "11:42:27 UTCLooked: not there yet."]
    assert "looked" not in stopped.links()["Check now"]


def test_a_look_that_did_not_work_is_not_told_as_one_after_stop(
    wizard_at: Callable[..., Client], clock: Clock
) -> None:
    clock.passes(20)
    client = wizard_at(answering(error(500, "InternalServerError", "Something went wrong")))
    stopped = client.page(client.page(ADDRESS).links()["Stop checking"])
    assert the_log(stopped) == ["11:42:07 UTCSent to Infisical"]


@pytest.mark.parametrize("looked", ["21", "-1", "soon", "9" * 5000])
def test_a_look_that_cannot_have_been_is_not_in_the_log(
    wizard_at: Callable[..., Client], clock: Clock, looked: str
) -> None:
    clock.passes(20)
    stopped = wizard_at(answering(MISSING)).page(f"{ADDRESS}&stop=1&looked={looked}")
    assert the_log(stopped) == ["11:42:07 UTCSent to Infisical"]


def test_an_infisical_that_cannot_be_asked_is_told_and_asked_again(
    wizard_at: Callable[..., Client], clock: Clock
) -> None:
    clock.passes(20)
    failing = httpx.Response(
        500,
        json={"reqId": "req-500", "statusCode": 500, "message": "Something went wrong", "error": "Internal"},
    )
    page = wizard_at(answering(failing)).page(ADDRESS)
    assert page.problem == "outcome-unknown"
    assert page.text_of("request-id") == "req-500"


def test_without_script_the_page_reloads_itself(wizard_at: Callable[..., Client], clock: Clock) -> None:
    clock.passes(20)
    page = wizard_at(answering(MISSING)).page(ADDRESS)
    assert [meta.get("content") for meta in page.all("meta") if meta.get("http-equiv") == "refresh"] == ["5"]


@pytest.mark.parametrize(
    ("elapsed", "seconds"), [(0, 5), (59, 5), (60, 20), (599, 20), (600, None), (6000, None)]
)
def test_it_looks_every_5_seconds_for_a_minute_then_every_20_for_ten(
    elapsed: int, seconds: int | None
) -> None:
    assert next_look_in(elapsed) == seconds


@pytest.mark.parametrize(
    "address",
    [
        "/connections/new/supabase/outcome",
        "/connections/new/supabase/outcome?project=p&name=x&since=yesterday",
        "/connections/new/supabase/outcome?project=p&name=x&since=2026-11-23T11:42:07",
        "/connections/new/supabase/outcome?project=p&since=2026-11-23T11:42:07Z",
        "/connections/new/supabase/outcome?name=x&since=2026-11-23T11:42:07Z",
    ],
)
def test_an_address_that_says_too_little_is_a_page(wizard_at: Callable[..., Client], address: str) -> None:
    page = wizard_at(answering(MISSING)).page(address, status=400)
    assert page.problem == "incomplete-address"


def test_a_clock_behind_ours_shows_no_negative_time(wizard_at: Callable[..., Client], clock: Clock) -> None:
    clock.now = SINCE - timedelta(seconds=30)
    assert "0 s" in wizard_at(answering(MISSING)).page(ADDRESS).text
