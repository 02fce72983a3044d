"""A connection's own page: what it says of its token, which syncs use it, and what was just done to it."""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.sandbox import SANDBOX_CLIENT_ID, SANDBOX_CLIENT_SECRET, SANDBOX_HOST, sandbox_token
from tests.browser.servers import open_port
from tests.conftest import PROJECT, Client, Sandbox
from tests.every import holds_for_every
from tests.infisical.answers import connection, error
from tests.pages import XHTML, text_in
from tests.programs import require
from tests.sandbox.world import peopled_sandbox

CONNECTION = "adb321fa-eccb-491a-98b9-d58994355946"
AT = f"/connections/supabase/{CONNECTION}"


def sync(**changes: Any) -> dict[str, Any]:
    """A sync of the connection that ran without fault two minutes ago."""
    return {
        "id": "5c11d7a2-0000-4000-8000-000000000001",
        "name": "to-shop",
        "projectId": PROJECT,
        "connectionId": CONNECTION,
        "environment": {"slug": "prod", "name": "Production"},
        "folder": {"path": "/edge"},
        "destinationConfig": {"projectId": "qwertyuiopasdfghjklz", "projectName": "shop"},
        "isAutoSyncEnabled": True,
        "syncStatus": "succeeded",
        "lastSyncMessage": None,
        "lastSyncedAt": "2026-11-23T11:40:00.000Z",
        **changes,
    }


def an_infisical(
    *,
    syncs: Mapping[str, Sequence[dict[str, Any]] | httpx.Response] | None = None,
    sent: list[httpx.Request] | None = None,
    **changes: Any,
) -> Callable[[httpx.Request], httpx.Response]:
    """An Infisical with one connection, and in each of these projects the syncs, or what it answers in their place."""
    in_projects = {PROJECT: ()} if syncs is None else syncs

    def answer(request: httpx.Request) -> httpx.Response:
        if sent is not None:
            sent.append(request)
        path = request.url.path
        if "secret-syncs" in path:
            found = in_projects[request.url.params["projectId"]]
            return (
                found
                if isinstance(found, httpx.Response)
                else httpx.Response(200, json={"secretSyncs": [*found]})
            )
        project = {"name": "Payments", "slug": "payments", "orgId": "an-organization"}
        if path == "/api/v1/projects":
            return httpx.Response(200, json={"projects": [{**project, "id": id_} for id_ in in_projects]})
        there = connection(id=CONNECTION, **changes)
        body = {"project": {**project, "id": PROJECT}, "appConnection": there, "appConnections": [there]}
        return httpx.Response(200, json=body)

    return answer


DENIED = error(403, "PermissionDenied", "You are not allowed to read on secret-syncs")


# ── Used by ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_sync_says_what_its_last_run_came_to(wizard_at: Callable[..., Client]) -> None:
    whole = "Production /edge to shop qwertyuiopasdfghjklz"
    failed = {"syncStatus": "failed", "lastSyncedAt": None}
    told = '{"secretKey":"A","error":{"message":"Env name cannot start with SUPABASE_"}}'

    def it_is_said(case: tuple[Any, str]) -> None:
        changes, words = case
        client = wizard_at(an_infisical(syncs={PROJECT: [sync(**changes)]}))
        assert client.page(AT).text_of("used-by") == f"Used by 1 sync to-shop {words}"

    holds_for_every(
        (
            ({}, f"{whole} Synced 2 min ago"),
            ({"lastSyncedAt": "2026-11-23T11:42:00.000Z"}, f"{whole} Synced just now"),
            ({"lastSyncedAt": "2026-11-23T11:43:00.000Z"}, f"{whole} Synced just now"),
            ({"lastSyncedAt": "2026-11-22T11:43:00.000Z"}, f"{whole} Synced 23 h ago"),
            ({"lastSyncedAt": "2026-11-22T11:42:00.000Z"}, f"{whole} Synced 22 Nov 2026"),
            ({"lastSyncedAt": None}, f"{whole} Synced"),
            ({"syncStatus": "running"}, f"{whole} Running"),
            ({"syncStatus": "pending", "lastSyncMessage": told}, f"{whole} Waiting a run is queued"),
            ({**failed, "lastSyncMessage": '{"message":"Unauthorized"}'}, f"{whole} Failed Unauthorized"),
            (
                {**failed, "lastSyncMessage": told},
                f"{whole} Failed Env name cannot start with SUPABASE_",
            ),
            ({**failed, "lastSyncMessage": "Not\nJSON"}, f"{whole} Failed Not JSON"),
            (failed, f"{whole} Failed"),
            ({**failed, "lastSyncMessage": "[" * 9999}, f"{whole} Failed {'[' * 199}…"),
            ({"syncStatus": "failed"}, f"{whole} Failed synced 2 min ago"),
            (
                {"syncStatus": None, "isAutoSyncEnabled": False},
                f"{whole} Auto-sync is paused synced 2 min ago",
            ),
            ({"syncStatus": None, "lastSyncedAt": None}, f"{whole} Not run yet"),
            ({"isAutoSyncEnabled": False}, f"{whole} Auto-sync is paused synced 2 min ago"),
            ({"syncStatus": "something-new"}, f"{whole} Something-new"),
            (
                {"environment": None, "folder": None},
                "To shop qwertyuiopasdfghjklz Its folder is gone synced 2 min ago Nothing is written any more. Choose another "
                "folder, or delete the sync.",
            ),
        ),
        it_is_said,
    )


def test_only_the_syncs_of_this_connection_are_named_in_the_order_of_their_names(
    wizard_at: Callable[..., Client],
) -> None:
    syncs = [
        sync(name="to-web"),
        sync(name="not-this-one", connectionId="another"),
        sync(name="Edge"),
        sync(name="shop"),
    ]
    used = wizard_at(an_infisical(syncs={PROJECT: syncs})).page(AT).by_id("used-by")
    assert used is not None
    assert [text_in(name) for name in used.iter(f"{XHTML}h3")] == ["Edge", "shop", "to-web"]
    leading = [link.get("href") for link in used.iter(f"{XHTML}a")]
    assert leading == [f"/syncs/supabase/{sync()['id']}"] * 3


def test_one_that_no_sync_uses_says_so_and_so_does_one_whose_syncs_cannot_be_seen(
    wizard_at: Callable[..., Client],
) -> None:
    busy = error(429, "RateLimitExceeded", "Rate limit exceeded. Please try again in 42 seconds")
    not_a_member = error(403, "ProjectMembershipNotFound", "You are not a member of this project")

    def it_is_said(case: tuple[Any, str]) -> None:
        found, words = case
        page = wizard_at(an_infisical(syncs={PROJECT: found})).page(AT)
        assert page.text_of("used-by").startswith(f"Used by {words}")

    holds_for_every(
        (
            ([], "No sync uses it"),
            ([sync(connectionId="another")], "No sync uses it"),
            (DENIED, "You may not see syncs here"),
            (not_a_member, "You may not see syncs here"),
            (busy, "Which syncs use it could not be looked up. "),
            (
                httpx.Response(200, json={"secretSyncs": "none"}),
                "Which syncs use it could not be looked up. ",
            ),
        ),
        it_is_said,
    )


def test_the_syncs_of_an_organizations_connection_are_looked_for_in_every_project_up_to_twenty(
    wizard_at: Callable[..., Client],
) -> None:
    def it_is_looked_for(case: tuple[Any, int, str]) -> None:
        syncs, asked, words = case
        sent: list[httpx.Request] = []
        page = wizard_at(an_infisical(syncs=syncs, sent=sent, projectId=None)).page(AT)
        assert page.text_of("used-by").endswith(words)
        assert sum("secret-syncs" in request.url.path for request in sent) == asked

    many: dict[str, Any] = {f"project-{number}": [] for number in range(34)}
    holds_for_every(
        (
            ({"one": [sync()], "two": [sync(name="another")]}, 2, "Looked for in 2 of 2 projects."),
            ({"one": [sync()], "two": DENIED}, 2, "Looked for in 1 of 2 projects."),
            ({"one": DENIED, "two": DENIED}, 2, "You may not see syncs here"),
            (many, 20, "No sync that can be seen uses it Looked for in 20 of 34 projects."),
            ({"one": []}, 1, "No sync uses it"),
        ),
        it_is_looked_for,
    )


# ── Its token ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_says_until_when_the_token_is_good_and_leads_to_a_new_one_in_time(
    wizard_at: Callable[..., Client],
) -> None:
    def it_is_said(case: tuple[str, str, str]) -> None:
        description, words, primary = case
        page = wizard_at(an_infisical(description=description)).page(AT)
        assert page.text_of("connection-expiry") == words
        assert [text_in(link) for link in page.all("a") if link.get("class") == "primary"] == [primary]
        assert page.links()["Replace token"] == f"{AT}/token"

    holds_for_every(
        (
            ("Token expires 4 Nov 2027.", "Good until 4 November 2027", "Sync secrets"),
            ("Token expires 8 Dec 2026.", "Good until 8 December 2026", "Sync secrets"),
            ("Token expires 7 Dec 2026.", "Expires in 14 days, on 7 December 2026", "Replace token"),
            ("Token expires 24 Nov 2026.", "Expires tomorrow, on 24 November 2026", "Replace token"),
            ("Token expires 23 Nov 2026.", "Expires today, on 23 November 2026", "Replace token"),
            ("Token expires 22 Nov 2026.", "Expired yesterday, on 22 November 2026", "Replace token"),
            ("Jobs. Token expires 11 Nov 2026.", "Expired 12 days ago, on 11 November 2026", "Replace token"),
            ("Expires some day.", "No date noted", "Sync secrets"),
        ),
        it_is_said,
    )


def test_a_day_in_the_address_is_no_fact_and_the_description_knows_better(
    wizard_at: Callable[..., Client],
) -> None:
    client = wizard_at(an_infisical(description="Token expires 4 Nov 2027."))
    page = client.page(f"{AT}?expires_on=2026-11-01")
    assert "4 November 2027" in page.text
    assert "1 November 2026" not in page.text
    page = wizard_at(an_infisical()).page(f"{AT}?expires_on=2026-11-01")
    assert page.text_of("connection-expiry") == "No date noted"


# ── Ways on, and what was done ───────────────────────────────────────────────────────────────────────────────────────


def test_it_leads_to_all_that_can_be_done_with_a_connection(wizard_at: Callable[..., Client]) -> None:
    links = wizard_at(an_infisical()).page(AT).links()
    ways = {"Replace token": "token", "Edit details": "edit", "Delete": "delete"}
    assert {text: links[text] for text in ways} == {text: f"{AT}/{way}" for text, way in ways.items()}
    assert links["Sync secrets"] == f"/syncs/new/supabase?project={PROJECT}&connection={CONNECTION}"


def edited(client: Client, at: str, action: str, **typed: str) -> str:
    """The text of what the page says was done, after a change."""
    page = client.page(f"{at}/{action}")
    names = ("name", "description") if action == "edit" else ("instance_url",)
    standing = {name: page.field(name) for name in names}
    data = {**page.hidden_fields("connection-form"), **standing, "submit": "1", **typed}
    return client.page(client.post(f"{at}/{action}", data=data).location).text_of("done")


def test_it_says_what_was_changed(client: Client, good_token: str) -> None:
    at = client.fill_in(name="mine", access_token=good_token).location.partition("?")[0]
    assert edited(client, at, "edit", name="other") == "The name was changed."
    both = edited(client, at, "edit", name="mine", description="Jobs")
    assert both == "The name and the description were changed."
    assert edited(client, at, "edit").startswith("Nothing was changed.")
    replaced = edited(client, at, "token", access_token=sandbox_token("8910"))
    assert replaced.startswith(
        "The access token was replaced. Syncs use it from their next run. Now delete the"
    )
    new_date = {"expires_on": "2027-02-21", "expires_in_description": "1"}
    replaced = edited(client, at, "token", access_token=good_token, **new_date)
    assert "The description changed too." in replaced


@pytest.mark.parametrize("done", ["done=1", "done={cut}", "done={other}"])
def test_a_made_up_link_does_not_claim_that_something_was_done(
    client: Client, good_token: str, done: str
) -> None:
    at, other = (
        client.fill_in(name=name, access_token=good_token).location.partition("?")[0]
        for name in ("mine", "other")
    )
    page = client.page(f"{other}/edit")
    data = {**page.hidden_fields("connection-form"), "name": "another", "description": "", "submit": "1"}
    claim = client.post(f"{other}/edit", data=data).location.partition("?done=")[2]
    assert client.page(f"{other}?done={claim}").by_id("done") is not None
    assert client.page(f"{at}?{done.format(cut=claim[:-1], other=claim)}").by_id("done") is None


def test_the_call_that_it_shows_makes_the_same_connection_at_a_served_infisical(
    client: Client, sandbox: Sandbox, tmp_path: Path, good_token: str
) -> None:
    curl = require("curl")
    description = "It’s \"theirs\" & 'ours': $HOME, `date`, ${x}, %{y}, \\n <b>\nJSON\nEOT"
    fields = {"name": "mine", "description": description, "access_token": good_token}
    page = client.page(client.fill_in(**fields).location)
    shown = page.by_id("as-curl")
    assert shown is not None
    admin = {"clientId": SANDBOX_CLIENT_ID, "clientSecret": SANDBOX_CLIENT_SECRET}
    with open_port() as port:
        port.app = peopled_sandbox(tmp_path / "sandbox.sqlite", clock=sandbox.clock)
        token = httpx.post(f"{port.url}/api/v1/auth/universal-auth/login", json=admin).json()["accessToken"]
        path = f"/api/v1/app-connections/supabase/{page.text_of('connection-id')}"
        stored = httpx.delete(f"{port.url}{path}", headers={"Authorization": f"Bearer {token}"}).json()
        done = subprocess.run(  # noqa: S603  # our own command, which is what is looked at
            ("/bin/sh", "-eu", "-c", "".join(shown.itertext()).replace(SANDBOX_HOST, port.url)),
            env={
                "PATH": str(curl.parent),
                "INFISICAL_TOKEN": token,
                "SUPABASE_ACCESS_TOKEN": good_token,
            },
            capture_output=True,
            check=True,
        )
    facts = ("name", "description", "projectId", "app", "method", "credentials")
    before, again = stored["appConnection"], json.loads(done.stdout)["appConnection"]
    assert {fact: again[fact] for fact in facts} == {fact: before[fact] for fact in facts}
    assert before["description"] == description
    later = client.page(f"/connections/supabase/{again['id']}")
    for fact in ("name", "description", "instance-url", "project"):
        assert later.text_of(f"connection-{fact}") == page.text_of(f"connection-{fact}")


def test_the_page_just_after_the_creation_asks_for_no_syncs_and_shows_the_call(
    client: Client, sandbox: Sandbox, good_token: str
) -> None:
    page = client.page(client.fill_in(name="mine", access_token=good_token).location)
    assert not [request for request in sandbox.sent if "secret-syncs" in request.url.path]
    assert page.by_id("used-by") is None
    folds = [fold for fold in page.all("details") if fold.get("name") == "as-code"]
    assert [fold.get("open") for fold in folds] == ["", None, None]
