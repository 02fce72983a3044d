"""From the list to the created connection, and on to a sync that runs, without JavaScript."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from werkzeug.test import TestResponse

from app import create_app
from app.config import Settings
from app.sandbox import SandboxTransport, create_sandbox, sandbox_token
from tests.conftest import FORM, SECRET_KEY, Client, Clock, Sandbox, new_client, new_database
from tests.pages import PageUnderTest, read_page


def test_a_person_walks_from_the_list_to_the_created_connection(client: Client, good_token: str) -> None:
    listed = client.page("/")
    assert listed.heading == "App Connections"
    chosen = client.page(next(href for text, href in listed.links().items() if "Add Connection" in text))
    token_page = client.page(
        next(href for text, href in chosen.links().items() if "Supabase Connection" in text)
    )
    assert "Step 1 of 3" in token_page.title
    form = client.page(next(href for text, href in token_page.links().items() if "I have my token" in text))
    assert "Step 2 of 3" in form.title
    answer = client.submit(form, name="my-connection", description="For the shop", access_token=good_token)
    assert answer.status_code == 303
    created = client.page(answer.location)
    assert created.heading == "my-connection is connected"
    assert created.text_of("connection-name") == "my-connection"
    assert created.text_of("connection-description") == "For the shop"
    assert created.text_of("connection-instance-url") == "https://api.supabase.com"
    assert "my-connection" in client.page("/connections").text


def test_the_created_page_is_also_the_connections_own_page(client: Client, good_token: str) -> None:
    location = client.fill_in(name="mine", access_token=good_token).location
    later = client.page(location.partition("?")[0])
    assert later.heading == "mine"
    assert later.text_of("connection-id") in location


@pytest.mark.parametrize(
    "made_up",
    [
        "created=1",
        "created=1&late=1&reaches=9",
        "late=1",
        "reaches=9",
        "before=1",
        "created={other}",
        "created={cut}",
    ],
)
def test_a_made_up_link_does_not_claim_how_a_connection_came_to_be(
    client: Client, good_token: str, made_up: str
) -> None:
    own, _, claim = client.fill_in(name="mine", access_token=good_token).location.partition("?created=")
    claim = claim.partition("&")[0]
    other = client.fill_in(name="other", access_token=good_token).location.partition("?created=")[2]
    claim, other = (text.partition("&")[0] for text in (claim, other))
    page = client.page(f"{own}?{made_up.format(other=other, cut=claim[:-1])}")
    assert page.heading == "mine"
    assert "reaches" not in page.text
    assert "never have accepted" not in page.text


def test_only_name_and_token_have_to_be_filled_in(client: Client, sandbox: Sandbox, good_token: str) -> None:
    assert client.fill_in(name="short", access_token=good_token).status_code == 303
    assert b"description" not in sandbox.creates[0].content


def test_both_names_of_the_token_go_out(client: Client, sandbox: Sandbox, good_token: str) -> None:
    client.fill_in(name="both", access_token=good_token)
    body = sandbox.creates[0].content.decode()
    assert f'"accessKey":"{good_token}"' in body
    assert f'"accessToken":"{good_token}"' in body


def test_a_connection_of_the_organization_names_no_project(
    client: Client, sandbox: Sandbox, good_token: str
) -> None:
    location = client.fill_in(f"{FORM}?project=organization", name="shared", access_token=good_token).location
    assert b"projectId" not in sandbox.creates[0].content
    assert "Organization" in client.page(location).text_of("connection-project")
    assert "shared" in client.page("/connections?project=organization").text


def test_the_organizations_list_shows_no_projects_connections(client: Client, good_token: str) -> None:
    client.fill_in(name="of-a-project", access_token=good_token)
    assert "of-a-project" not in client.page("/connections?project=organization").text


def test_a_form_sent_twice_leads_to_the_one_connection(client: Client, good_token: str, clock: Clock) -> None:
    form = client.page(FORM)
    clock.passes(30)
    first = client.submit(form, name="twice", access_token=good_token)
    second = client.submit(form, name="twice", access_token=good_token)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location.partition("?")[0] == second.location.partition("?")[0]


def test_a_name_taken_before_the_form_was_opened_is_refused(
    client: Client, good_token: str, clock: Clock
) -> None:
    client.fill_in(name="taken", access_token=good_token)
    clock.passes(1)
    answer = client.fill_in(name="taken", access_token=good_token)
    assert answer.status_code == 422


def test_a_name_taken_by_a_connection_with_another_description_is_refused(
    client: Client, good_token: str, clock: Clock
) -> None:
    form = client.page(FORM)
    clock.passes(30)
    client.submit(form, name="taken", access_token=good_token)
    answer = client.submit(form, name="taken", description="another", access_token=good_token)
    assert answer.status_code == 422


def test_a_connection_that_was_never_answered_is_found_by_the_outcome_page(
    client: Client, sandbox: Sandbox, clock: Clock
) -> None:
    answer = client.fill_in(name="late", access_token=sandbox_token("0504"))
    assert answer.status_code == 303
    waiting = client.page(answer.location)
    assert waiting.problem == "outcome-unknown"
    assert "Not there yet" in waiting.text
    clock.passes(120)
    found = client.page(answer.location)
    assert found.heading == "late was created"
    assert "never have accepted" in found.text
    assert len(sandbox.creates) == 1


def test_the_whole_submission_takes_no_longer_than_its_setting(client: Client, sandbox: Sandbox) -> None:
    client.fill_in(name="late", access_token=sandbox_token("0504"))
    assert round(sum(sandbox.slept), 3) <= 45


# ── On to a sync ─────────────────────────────────────────────────────────────────────────────────────────────────────


LATE = 1.42
"""Times what the sandbox takes: a run that fails is over after 71 s, as late as any that was recorded."""


class FirstProjectAlone(httpx.BaseTransport):
    """A network where Supabase has one project less."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        if request.url.path != "/v1/projects":
            return answer
        return httpx.Response(answer.status_code, json=json.loads(answer.read())[-1:])


@pytest.fixture
def short_way(tmp_path: Path, clock: Clock) -> Client:
    """A browser where a token reaches one project, and a run that fails takes as long as any that was recorded."""
    database = new_database(tmp_path)
    network = SandboxTransport(create_sandbox(database, clock=clock, pace=LATE), sleep=clock.passes)
    app = create_app(
        Settings.load({}, None),
        data=database,
        secret_key=SECRET_KEY,
        transport=FirstProjectAlone(network),
        clock=clock,
        monotonic=clock.monotonic,
    )
    return new_client(app)


def pressed(client: Client, page: PageUnderTest, button: str, **typed: str) -> TestResponse:
    """The form as it stands, with what was typed, posted by one of its buttons."""
    form = page.by_id("sync-form")
    assert form is not None
    chosen = {
        select.get("name", ""): next(
            one.get("value", "") for one in select.iter() if one.get("selected") is not None
        )
        for select in page.all("select")
        if any(one.get("selected") is not None for one in select.iter())
    }
    texts = {
        one.get("name", ""): one.get("value", "")
        for one in form.iter()
        if one.get("type") == "text" and one.get("name")
    }
    data: dict[str, Any] = {**page.hidden_fields("sync-form"), **chosen, **texts, "auto_sync": "1", **typed}
    return client.post(form.get("action", ""), data={**data, button: "1"})


def test_three_presses_from_a_created_connection_to_a_sync_that_runs_where_one_project_is_reached(
    short_way: Client, clock: Clock
) -> None:
    created = short_way.page(short_way.fill_in(name="mine", access_token=sandbox_token()).location)
    form = short_way.page(created.links()["Sync secrets"])
    review = read_page(pressed(short_way, form, "review").text)
    answer = pressed(short_way, review, "submit")
    assert answer.status_code == 303
    page = short_way.page(answer.location)
    assert re.fullmatch("Syncing 12 names to webshop-.*", page.heading)
    clock.passes(15)
    assert status_of(short_way.page(answer.location)) == "succeeded"


def status_of(page: PageUnderTest) -> str:
    element = page.by_id("sync-status")
    return "" if element is None else element.get("data-status", "")


def test_the_status_is_shown_within_three_seconds_of_infisicals_also_of_a_run_that_fails_late(
    short_way: Client, clock: Clock
) -> None:
    created = short_way.page(short_way.fill_in(name="mine", access_token=sandbox_token()).location)
    form = short_way.page(created.links()["Sync secrets"])
    nowhere = {"supabase_project": "abcdefghijklmnopqrst"}
    review = read_page(pressed(short_way, form, "review", **nowhere).text)
    answer = pressed(short_way, review, "submit", use_anyway="1")
    began, told = clock.now, dict[str, float]()
    while "failed" not in told and clock.now.timestamp() - began.timestamp() < 120:
        page = short_way.page(answer.location)
        told.setdefault(status_of(page), (clock.now - began).total_seconds())
        live = page.by_id("live")
        assert live is not None
        # Without script the browser opens the page anew after as long.
        clock.passes(float(live.get("data-refresh") or 0))
    assert {*told} == {"pending", "running", "failed"}
    assert told["running"] <= LATE * 2 + 3
    assert told["failed"] <= LATE * 50 + 3
