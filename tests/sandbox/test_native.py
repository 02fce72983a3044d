"""The sandbox's native integrations run by the clock alone, and delete at Supabase whatever they do not know."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.sandbox import sandbox_token
from app.sandbox.store import DATA
from tests.every import holds_for_every
from tests.sandbox.running import RunningSandbox, new_connection
from tests.sandbox.world import PAYMENTS_ID

OFF, ON, OTHER = (f"0a11d7a2-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
LEGACY, STAGING = "legacyshopabcdefghij", "webshopstagingabcdef"
SYNCS = "/api/v1/secret-syncs/supabase"
REPORTS = {"environment": "prod", "secretPath": "/reports"}


class World:
    """A sandbox, and what a test asks of it."""

    def __init__(self, sandbox: RunningSandbox, client: httpx.Client) -> None:
        self.sandbox = sandbox
        self.client = client
        self.begun = self.there()

    def one(self, id_: str = ON, *, after: float = 0) -> dict[str, Any]:
        self.sandbox.clock.advance(after)
        answer = self.client.get(f"/api/v1/integration/{id_}").raise_for_status()
        found: dict[str, Any] = answer.json()["integration"]
        return found

    def change(self, id_: str = ON, **body: Any) -> httpx.Response:
        return self.client.patch(f"/api/v1/integration/{id_}", json=body)

    def there(self, ref: str = LEGACY) -> list[str]:
        with self.sandbox.client(sandbox_token()) as client:
            answer = client.get(f"https://api.supabase.com/v1/projects/{ref}/secrets").raise_for_status()
        return [secret["name"] for secret in answer.json()]

    def put(self, name: str) -> None:
        """Into the folder that the one that is on takes its secrets from."""
        body = {"projectId": PAYMENTS_ID, **REPORTS}
        self.client.post(f"/api/v4/secrets/{name}", json=body).raise_for_status()

    def moving(self, schema: str) -> list[Callable[[], httpx.Response]]:
        """The steps of a move to a sync with that key schema, as a client takes them."""
        return [
            lambda: self.change(isActive=False, **REPORTS),
            lambda: self.sync(keySchema=schema),
            lambda: self.client.delete(f"/api/v1/integration/{ON}"),
        ]

    def back(self) -> list[Callable[[], httpx.Response]]:
        """The steps back: the sync is paused where it is there, then the old one switched on."""
        return [self._pause, lambda: self.change(isActive=True, **REPORTS)]

    def _pause(self) -> httpx.Response:
        answer = self.client.get(SYNCS, params={"projectId": PAYMENTS_ID})
        for sync in answer.json()["secretSyncs"]:
            if sync["destinationConfig"]["projectId"] == LEGACY:
                self.client.patch(
                    f"{SYNCS}/{sync['id']}", json={"isAutoSyncEnabled": False}
                ).raise_for_status()
        return answer

    def sync(self, **options: Any) -> httpx.Response:
        """A sync from the same folder to the same project."""
        made = self.client.post("/api/v1/app-connections/supabase", json=new_connection("legacy")).json()
        body = {
            "name": "reports-to-legacy",
            "projectId": PAYMENTS_ID,
            "connectionId": made["appConnection"]["id"],
            **REPORTS,
            "syncOptions": {"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": True}
            | options,
            "destinationConfig": {"projectId": LEGACY, "projectName": "legacy-shop"},
        }
        return self.client.post(SYNCS, json=body).raise_for_status()


@pytest.fixture
def world(sandbox: RunningSandbox) -> Iterator[World]:
    with sandbox.admin() as client:
        yield World(sandbox, client)


def test_the_first_project_has_one_that_is_on_one_without_a_reference_and_one_of_another_kind(
    world: World,
) -> None:
    answer = world.client.get(f"/api/v1/projects/{PAYMENTS_ID}/integrations").json()["integrations"]

    seen = [(one["id"], one["integration"], one["isActive"], one["appId"]) for one in answer]
    assert seen == [
        (OFF, "supabase", False, None),
        (ON, "supabase", True, LEGACY),
        (OTHER, "vercel", True, "prj_made-up"),
    ]
    assert world.begun == [
        *(f"OLD_{name}" for name in ("FEATURE_FLAGS_URL", "LOG_LEVEL", "METRICS_TOKEN")),
        *(f"OLD_{name}" for name in ("REPORTS_BUCKET", "REPORTS_KEY")),
        "SUPABASE_URL",
    ]


def test_a_run_writes_the_folder_and_its_imports_and_deletes_all_else_but_supabases_own(world: World) -> None:
    world.sync()
    world.sandbox.clock.advance(5)
    both = world.there()
    world.put("ADDED")
    first = world.one()["lastUsed"]

    ran = world.one(after=300)

    assert {"REPORTS_KEY", "OLD_REPORTS_KEY"} < {*both}
    assert world.there() == sorted([*world.begun, "OLD_ADDED"])
    assert (ran["isSynced"], ran["syncMessage"], ran["lastUsed"]) == (True, "", "2026-11-23T12:05:05.000Z")
    assert first == "2026-11-23T12:00:00.000Z"


def test_one_that_is_off_runs_never_and_one_that_is_switched_on_again_runs_at_once(world: World) -> None:
    world.change(isActive=False, **REPORTS).raise_for_status()
    world.sync()
    world.sandbox.clock.advance(86400)
    assert len(world.there()) == 2 * len(world.begun) - 1

    world.change(isActive=True, **REPORTS).raise_for_status()
    at_once = len(world.there())
    world.sandbox.clock.advance(5)

    assert at_once == 2 * len(world.begun) - 1
    assert world.there() == world.begun


def test_a_sync_of_the_same_names_loses_nothing_whichever_of_both_runs(world: World) -> None:
    world.sync(keySchema="OLD_{{secretKey}}")
    for seconds in (5, 300, 300):
        world.sandbox.clock.advance(seconds)
        assert world.there() == world.begun


def test_a_change_without_the_path_takes_the_secrets_of_the_root(world: World) -> None:
    changed = world.change(isActive=True).json()["integration"]
    world.sandbox.clock.advance(5)

    assert (changed["secretPath"], changed["environment"]["slug"]) == ("/", "prod")
    assert world.there() == ["OLD_STRIPE_KEY", "SUPABASE_URL"]


def test_a_change_keeps_what_it_does_not_name_and_adds_to_metadata(world: World) -> None:
    before = world.one()
    changed = world.change(secretPath="/reports/", metadata={"secretSuffix": "_S"}).json()["integration"]

    assert changed["metadata"] == before["metadata"] | {"secretSuffix": "_S"}
    moved = {"metadata", "updatedAt"}
    assert {key: changed[key] for key in changed.keys() - moved} == {
        key: before[key] for key in before.keys() - moved
    }


def test_a_run_that_fails_says_why_and_deletes_nothing(world: World) -> None:
    def it_fails(row: tuple[str, dict[str, Any], str]) -> None:
        id_, changes, message = row
        before = world.there(STAGING)
        world.change(id_, isActive=True, secretPath="/shared", **changes).raise_for_status()
        failed = world.one(id_, after=5)
        assert (failed["isSynced"], failed["lastUsed"], world.there(STAGING)) == (False, None, before)
        assert message in failed["syncMessage"]

    rows: tuple[tuple[str, dict[str, Any], str], ...] = (
        (OFF, {}, "Project not found"),
        (OFF, {"appId": "zzzzzzzzzzzzzzzzzzzz"}, "Project not found"),
        (OFF, {"appId": STAGING, "metadata": {"secretPrefix": "SUPABASE_"}}, "cannot start with SUPABASE_"),
    )
    holds_for_every(rows, it_fails)


def test_one_whose_folder_is_gone_runs_no_more_and_cannot_be_changed(world: World) -> None:
    tree = world.client.get(f"/api/v1/projects/{PAYMENTS_ID}/environment-folder-tree").json()
    folder = next(row["id"] for row in tree["prod"]["folders"] if row["path"] == "/reports")
    body = {"projectId": PAYMENTS_ID}
    world.client.request("DELETE", f"/api/v2/folders/{folder}", json=body).raise_for_status()

    refused = world.change(isActive=False, secretPath="/reports")

    assert (refused.status_code, world.one(after=600)["isActive"]) == (404, True)
    assert world.there() == world.begun


def test_a_deleted_one_leaves_what_it_wrote(world: World) -> None:
    assert world.client.delete(f"/api/v1/integration/{ON}").status_code == 200
    world.sandbox.clock.advance(600)

    assert world.client.get(f"/api/v1/integration/{ON}").status_code == 404
    assert world.there() == world.begun


def test_one_of_another_kind_is_only_shown(world: World) -> None:
    assert world.one(OTHER, after=600)["lastUsed"] is None


def test_its_authorization_tells_the_project_and_no_token(world: World) -> None:
    id_ = world.one()["integrationAuthId"]
    told = world.client.get(f"/api/v1/integration-auth/{id_}").json()["integrationAuth"]

    assert (told["projectId"], told.keys()) == (PAYMENTS_ID, DATA["authorization"].keys())


def test_moving_in_the_safe_order_or_going_back_on_the_way_never_loses_a_name(tmp_path: Path) -> None:
    """Off, a sync with deletion off, its run, the old one deleted; or from any step on: sync paused, old one on."""

    def none_is_lost(row: tuple[str, int]) -> None:
        schema, steps = row
        sandbox = RunningSandbox(tmp_path / f"{schema.partition('{')[0]}{steps}.sqlite")
        with sandbox.admin() as client:
            world = World(sandbox, client)
            kept = {*world.begun}
            forward = world.moving(schema)[:steps]
            for number, step in enumerate(forward + (world.back() if steps < 3 else []), 1):
                step().raise_for_status()
                for seconds in (4, 1, 100, 300):
                    sandbox.clock.advance(seconds)
                    assert kept <= {*world.there()}
                    # What the sync alone wrote goes again where one goes back, and at no other time.
                    kept |= {*world.there()} if number <= steps == 3 else set()

    schemas = ("OLD_{{secretKey}}", "{{secretKey}}")
    holds_for_every([(schema, steps) for schema in schemas for steps in (1, 2, 3)], none_is_lost)


def test_beside_one_that_is_on_a_sync_of_other_names_loses_what_it_wrote(world: World) -> None:
    world.sync()
    world.sandbox.clock.advance(5)
    written = {*world.there()} - {*world.begun}
    world.sandbox.clock.advance(300)

    assert written
    assert written.isdisjoint(world.there())
