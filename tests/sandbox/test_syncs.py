"""Secret syncs run by the clock alone, and do to Supabase's secrets what was recorded of Infisical."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from app.sandbox import SANDBOX_HOST, SandboxTransport, create_sandbox, sandbox_token
from tests.every import holds_for_every
from tests.sandbox.running import RunningSandbox, new_connection
from tests.sandbox.world import PAYMENTS_ID, WEBSHOP_ID

SYNCS = "/api/v1/secret-syncs/supabase"
PRODUCTION, STAGING = "webshopproductionabc", "webshopstagingabcdef"
REFUSED = {"message": "Your access token does not have the permissions that this endpoint needs"}


class World:
    """A sandbox with a connection of Payments, and what a test asks of it."""

    def __init__(self, sandbox: RunningSandbox, client: httpx.Client) -> None:
        self.sandbox = sandbox
        self.client = client
        self.connection_id = self.connect("shop")

    def connect(self, name: str, *, digits: str = "4567", project_id: str | None = PAYMENTS_ID) -> str:
        body = new_connection(name, digits=digits, project_id=project_id)
        made = self.client.post("/api/v1/app-connections/supabase", json=body).raise_for_status().json()
        id_: str = made["appConnection"]["id"]
        return id_

    def create(self, **changes: Any) -> httpx.Response:
        options = {"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": True}
        body = {
            "name": "dev-to-shop",
            "projectId": PAYMENTS_ID,
            "connectionId": self.connection_id,
            "environment": "dev",
            "secretPath": "/",
            "syncOptions": options | changes.pop("options", {}),
            "destinationConfig": {"projectId": changes.pop("ref", STAGING), "projectName": "shop"},
        }
        return self.client.post(SYNCS, json={**body, **changes})

    def created(self, **changes: Any) -> str:
        id_: str = self.create(**changes).raise_for_status().json()["secretSync"]["id"]
        return id_

    def after(self, seconds: float, sync_id: str) -> dict[str, Any]:
        self.sandbox.clock.advance(seconds)
        sync: dict[str, Any] = self.client.get(f"{SYNCS}/{sync_id}").raise_for_status().json()["secretSync"]
        return sync

    def run(self, sync_id: str) -> httpx.Response:
        return self.client.post(f"{SYNCS}/{sync_id}/sync-secrets")

    def there(self, ref: str = STAGING) -> list[str]:
        with self.sandbox.client(sandbox_token()) as client:
            answer = client.get(f"https://api.supabase.com/v1/projects/{ref}/secrets").raise_for_status()
        return [secret["name"] for secret in answer.json()]


@pytest.fixture
def world(sandbox: RunningSandbox) -> Iterator[World]:
    with sandbox.admin() as client:
        yield World(sandbox, client)


def test_a_run_waits_two_seconds_works_three_and_then_has_written(world: World) -> None:
    before = world.there()
    created = world.create().json()["secretSync"]
    seen = [created] + [world.after(seconds, created["id"]) for seconds in (1.9, 0.2, 2.8, 0.2)]

    assert [sync["syncStatus"] for sync in seen] == ["pending", "pending", "running", "running", "succeeded"]
    assert seen[-2]["lastSyncedAt"] is None
    assert seen[-1]["lastSyncedAt"] == "2026-11-23T12:00:05.000Z" == seen[-1]["updatedAt"]
    assert seen[-1]["lastSyncMessage"] is None
    assert before == ["CRON_SECRET", "STRIPE_KEY", "SUPABASE_JWKS", "SUPABASE_URL"]
    written = {*world.there()} - {*before}
    assert len(written) == 11
    assert {"DATABASE_URL", "METRICS_TOKEN"} < written


def test_with_auto_sync_off_nothing_runs_until_it_is_asked(world: World) -> None:
    created = world.create(isAutoSyncEnabled=False).json()["secretSync"]

    assert (created["syncStatus"], world.after(60, created["id"])["syncStatus"]) == (None, None)
    assert world.run(created["id"]).json()["secretSync"]["syncStatus"] == "pending"
    assert world.after(5, created["id"])["syncStatus"] == "succeeded"


def test_two_runs_asked_at_once_go_one_after_the_other(world: World) -> None:
    sync_id = world.created(isAutoSyncEnabled=False)
    assert [world.run(sync_id).status_code, world.run(sync_id).status_code] == [200, 200]

    seen = [world.after(seconds, sync_id) for seconds in (5, 1, 2, 2)]

    assert [sync["syncStatus"] for sync in seen] == ["pending", "pending", "running", "succeeded"]
    assert seen[0]["lastSyncedAt"] == "2026-11-23T12:00:05.000Z"
    assert seen[-1]["lastSyncedAt"] == "2026-11-23T12:00:10.000Z"


def test_of_runs_that_many_threads_ask_for_none_is_lost(world: World) -> None:
    sync_id = world.created(isAutoSyncEnabled=False)
    with ThreadPoolExecutor(8) as threads:
        assert {answer.status_code for answer in threads.map(world.run, [sync_id] * 40)} == {200}

    world.sandbox.clock.advance(39 * 5)
    assert [world.after(seconds, sync_id)["syncStatus"] for seconds in (0, 5)] == ["pending", "succeeded"]


def test_a_run_at_work_lets_no_other_job_begin(world: World) -> None:
    sync_id = world.created()
    world.after(3, sync_id)

    refused = [
        world.run(sync_id),
        world.client.delete(f"{SYNCS}/{sync_id}", params={"removeSecrets": "true"}),
    ]

    sentence = "A job for this sync is already in progress. Please try again shortly."
    assert [(answer.status_code, answer.json()["message"]) for answer in refused] == [(400, sentence)] * 2
    assert world.client.delete(f"{SYNCS}/{sync_id}").status_code == 200


def test_a_reserved_name_fails_its_whole_batch_after_fifty_seconds(world: World) -> None:
    before = world.there()
    sync_id = world.created(secretPath="/edge")

    assert world.after(49, sync_id)["syncStatus"] == "running"
    failed = world.after(1, sync_id)

    assert failed["syncStatus"] == "failed"
    assert failed["lastSyncMessage"] == (
        '{"secretKey":"GEOIP_KEY","error":'
        '{"message":"Env name cannot start with SUPABASE_, skipping: SUPABASE_JWKS"}}'
    )
    assert failed["lastSyncedAt"] is None
    assert world.there() == before


def test_a_prefix_lets_a_reserved_name_through(world: World) -> None:
    sync_id = world.created(secretPath="/edge", options={"keySchema": "EDGE_{{environment}}_{{secretKey}}"})

    assert world.after(5, sync_id)["syncStatus"] == "succeeded"
    assert "EDGE_dev_SUPABASE_URL" in world.there()


def test_of_more_than_a_hundred_the_first_batch_is_written_where_it_fits(world: World) -> None:
    def it_fails(row: tuple[str, str, int]) -> None:
        name, schema, written = row
        before = {*world.there()}
        failed = world.after(50, world.created(name=name, secretPath="/many", options={"keySchema": schema}))
        assert (failed["syncStatus"], "secrets are too many" in failed["lastSyncMessage"]) == ("failed", True)
        assert len({*world.there()} - before) == written

    # Two are there already that people made: 102. In the emptied project there is room for a hundred.
    holds_for_every([("full", "{{secretKey}}", 0)], it_fails)
    world.after(
        5, world.created(name="emptied", environment="staging", options={"disableSecretDeletion": False})
    )
    holds_for_every([("empty", "{{secretKey}}", 100)], it_fails)


def test_deletion_takes_what_is_not_in_the_folder_and_spares_four_of_supabases_own(world: World) -> None:
    world.after(5, world.created(options={"disableSecretDeletion": False}))

    assert {"CRON_SECRET", "SUPABASE_JWKS"}.isdisjoint(world.there())
    assert {"STRIPE_KEY", "SUPABASE_URL", "DATABASE_URL"} < {*world.there()}


def test_deletion_leaves_what_does_not_match_the_key_schema(world: World) -> None:
    before = world.there()
    world.after(5, world.created(options={"keySchema": "PAY_{{secretKey}}"}))
    emptied = {"disableSecretDeletion": False, "keySchema": "PAY_{{secretKey}}"}
    assert len(world.there()) == len(before) + 12

    world.after(5, world.created(name="emptied", environment="staging", options=emptied))

    assert world.there() == before


def test_an_empty_folder_empties_the_project(world: World) -> None:
    sync_id = world.created(environment="staging", options={"disableSecretDeletion": False})

    assert world.after(5, sync_id)["syncStatus"] == "succeeded"
    assert world.there() == ["SUPABASE_URL"]


def test_what_supabase_says_of_the_token_or_the_reference_is_why_a_run_fails(world: World) -> None:
    def it_fails(row: tuple[str, str, str]) -> None:
        digits, ref, message = row
        connection_id = world.connect(f"with-{digits}", digits=digits)
        sync_id = world.created(name=f"with-{digits}", connectionId=connection_id, ref=ref)
        failed = world.after(50, sync_id)
        assert failed["syncStatus"] == "failed"
        assert failed["lastSyncMessage"].startswith(f'{{"message":"{message}"')

    rows = (("4567", "zzzzzzzzzzzzzzzzzzzz", "Project not found"), ("1403", STAGING, REFUSED["message"]))
    holds_for_every(rows, it_fails)


def test_a_new_token_of_the_connection_decides_from_then_on(world: World) -> None:
    credentials = {"accessKey": sandbox_token("1403"), "instanceUrl": "https://api.supabase.com"}
    address = f"/api/v1/app-connections/supabase/{world.connection_id}"
    sync_id = world.created()
    assert world.after(5, sync_id)["syncStatus"] == "succeeded"

    world.client.patch(address, json={"credentials": credentials}).raise_for_status()
    world.run(sync_id)

    assert REFUSED["message"] in world.after(50, sync_id)["lastSyncMessage"]


def test_a_sync_that_is_deleted_with_its_secrets_is_gone_two_seconds_later(world: World) -> None:
    sync_id = world.created(options={"keySchema": "PAY_{{secretKey}}"})
    world.after(5, sync_id)
    answer = world.client.delete(f"{SYNCS}/{sync_id}", params={"removeSecrets": "true"})

    assert answer.json()["secretSync"]["removeStatus"] == "pending"
    assert world.after(1, sync_id)["removeStatus"] == "pending"
    world.sandbox.clock.advance(1)
    assert world.client.get(f"{SYNCS}/{sync_id}").status_code == 404
    assert [name for name in world.there() if name.startswith("PAY_")] == []


def test_a_sync_stays_where_supabase_does_not_let_its_secrets_go(world: World) -> None:
    sync_id = world.created(connectionId=world.connect("blind", digits="1403"), isAutoSyncEnabled=False)
    world.client.delete(f"{SYNCS}/{sync_id}", params={"removeSecrets": "true"}).raise_for_status()

    stays = world.after(2, sync_id)

    assert (stays["removeStatus"], stays["syncStatus"]) == ("failed", None)
    assert REFUSED["message"] in stays["lastRemoveMessage"]
    assert stays["lastRemovedAt"] is None


def test_a_sync_that_is_plainly_deleted_leaves_its_secrets_and_its_runs_behind(world: World) -> None:
    before = world.there()
    sync_id = world.created()
    world.client.delete(f"{SYNCS}/{sync_id}").raise_for_status()

    world.sandbox.clock.advance(60)

    assert world.there() == before


def test_a_change_with_auto_sync_on_runs_whatever_it_changes(world: World) -> None:
    sync_id = world.created()
    world.after(5, sync_id)

    changed = world.client.patch(f"{SYNCS}/{sync_id}", json={"description": "new"}).json()["secretSync"]
    paused = world.client.patch(f"{SYNCS}/{sync_id}", json={"isAutoSyncEnabled": False}).json()["secretSync"]

    assert (changed["syncStatus"], paused["isAutoSyncEnabled"]) == ("pending", False)
    assert world.after(5, sync_id)["syncStatus"] == "succeeded"
    off = world.client.patch(f"{SYNCS}/{sync_id}", json={"description": None}).json()["secretSync"]
    assert (off["syncStatus"], off["description"]) == ("succeeded", None)


def test_a_doubled_destination_is_told_and_its_project_only_to_its_members(world: World) -> None:
    def double(client: httpx.Client, project_id: str, **but: str) -> Any:
        config = {"projectId": STAGING, "projectName": "other"}
        body = {"destinationConfig": config, "projectId": project_id, **but}
        return client.post(f"{SYNCS}/check-destination", json=body).raise_for_status().json()

    assert double(world.client, PAYMENTS_ID) == {"hasDuplicate": False}
    shared = world.connect("shared", project_id=None)
    sync_id = world.created(projectId=WEBSHOP_ID, connectionId=shared)
    known = {"hasDuplicate": True, "duplicateProjectId": WEBSHOP_ID}
    assert double(world.client, PAYMENTS_ID) == known
    assert double(world.client, PAYMENTS_ID, excludeSyncId=sync_id) == {"hasDuplicate": False}
    with world.sandbox.client(world.sandbox.log_in("wizard-lowpriv")) as client:
        assert double(client, PAYMENTS_ID) == {"hasDuplicate": True}


def test_a_connection_that_a_sync_uses_is_not_deleted_until_the_sync_is(world: World) -> None:
    sync_id, address = world.created(), f"/api/v1/app-connections/supabase/{world.connection_id}"

    assert world.client.delete(address).status_code == 400
    world.client.delete(f"{SYNCS}/{sync_id}").raise_for_status()
    assert world.client.delete(address).status_code == 200


def test_with_no_pace_a_run_is_over_at_the_next_look(world: World) -> None:
    hurried = create_sandbox(world.sandbox.database, clock=world.sandbox.clock, pace=0)
    transport = SandboxTransport(hurried, sleep=lambda _: None)
    sync_id = world.created(isAutoSyncEnabled=False)
    with httpx.Client(base_url=SANDBOX_HOST, transport=transport, headers=world.client.headers) as client:
        queued = client.post(f"{SYNCS}/{sync_id}/sync-secrets").json()["secretSync"]
        seen = client.get(f"{SYNCS}/{sync_id}").json()["secretSync"]

    assert (queued["syncStatus"], seen["syncStatus"]) == ("pending", "succeeded")


def test_the_folders_of_the_first_project_show_each_case(world: World) -> None:
    tree = world.client.get(f"/api/v1/projects/{PAYMENTS_ID}/environment-folder-tree").json()
    paths = {slug: [folder["path"] for folder in row["folders"]] for slug, row in tree.items()}

    def many(environment: str, path: str) -> tuple[int, int]:
        asked = {"projectId": PAYMENTS_ID, "environment": environment, "secretPath": path}
        found = world.client.get("/api/v4/secrets", params=asked).json()
        return len(found["secrets"]), sum(len(one["secrets"]) for one in found["imports"])

    assert paths == {
        "dev": ["/", "/edge", "/edge/new", "/many", "/shared"],
        "staging": ["/"],
        "prod": ["/", "/reports"],
    }
    assert [many("dev", path) for path in paths["dev"]] == [(10, 3), (5, 0), (0, 0), (120, 0), (3, 0)]
    assert (many("staging", "/"), many("prod", "/reports")) == ((0, 0), (2, 3))
