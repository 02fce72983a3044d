"""The pages of native integrations in every state, as rows of the table in states.py."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
from playwright.sync_api import expect

from tests.sandbox.world import PAYMENTS_ID, WEBSHOP_ID

from .stage import LONGEST_NAME, Say, Stage, State, Way, problem
from .sync_states import LONG_FOLDER, a_sync

WITHOUT_A_PROJECT, WITH_A_PREFIX = (f"0a11d7a2-0000-4000-8000-00000000000{number}" for number in (1, 2))
"""The native integrations to Supabase that the sandbox has: one that is off, and one that is on."""

SYNC_ID = "5c11d7a2-0000-4000-8000-000000000009"
SAME = "OLD_{{secretKey}}"


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What Infisical answers otherwise than the sandbox."""

    sync: Mapping[str, Any] | None = None
    """What is otherwise of the sync that takes the place of the one with a prefix, None where there is none yet."""
    synced: timedelta = timedelta(hours=-1)
    """When it ran last, from now on."""
    integrations: Mapping[str, Any] = field(default_factory=dict)
    """What is otherwise of every native integration."""
    connections: bool = True
    permissions: bool = True
    """Whether the role of whoever asks lets them do all of it."""

    def shown_to(self, stage: Stage) -> None:
        stage.upstream.say = self.at(stage)

    def at(self, stage: Stage) -> Say:
        changed: dict[str, Any] = {}

        def say(request: httpx.Request) -> httpx.Response | None:
            path, method = request.url.path, request.method
            if path.endswith("/supabase/available") and not self.connections:
                return httpx.Response(200, json={"appConnections": []})
            if "/roles/slug/" in path and not self.permissions:
                return httpx.Response(200, json={"role": {"slug": "admin", "permissions": []}})
            if path.endswith("/integrations") and self.integrations:
                told = json.loads(stage.upstream.inner.handle_request(request).read())
                every = [one | self.integrations for one in told["integrations"]]
                return httpx.Response(200, json={"integrations": every})
            if self.sync is not None and path.endswith(f"/secret-syncs/supabase/{SYNC_ID}"):
                changed.update(json.loads(request.read()) if method == "PATCH" else {})
                return httpx.Response(200, json={"secretSync": self._sync(stage) | changed})
            if self.sync is not None and (method, path.rpartition("/")[2]) == ("GET", "supabase"):
                return httpx.Response(200, json={"secretSyncs": [self._sync(stage) | changed]})
            return None

        return say

    def _sync(self, stage: Stage) -> dict[str, Any]:
        at: datetime = stage.wizard.clock.now + self.synced
        return a_sync(
            "legacy-shop",
            "a-connection",
            {
                "id": SYNC_ID,
                "folder": {"path": "/reports"},
                "destinationConfig": {"projectId": "legacyshopabcdefghij", "projectName": "legacy-shop"},
                "syncOptions": {"disableSecretDeletion": True, "keySchema": SAME},
                "syncStatus": "succeeded",
                "lastSyncedAt": f"{at:%Y-%m-%dT%H:%M:%SZ}",
                "createdAt": "2026-01-01T08:00:00.000Z",
                **(self.sync or {}),
            },
        )


BOTH = World(sync={})
"""Both write the same names."""


def the_natives(world: World = BOTH, project: str = PAYMENTS_ID) -> Way:
    def way(stage: Stage) -> None:
        world.shown_to(stage)
        stage.go("/native", project=project)
        expect(stage.page.get_by_role("heading", level=1)).to_have_text("Native integrations")

    return way


def move(step: str, world: World = BOTH, at: str = WITH_A_PREFIX, **query: str) -> Way:
    """The move of one of them at this step."""

    def way(stage: Stage) -> None:
        world.shown_to(stage)
        stage.go(f"/native/{at}/move", project=PAYMENTS_ID, **query)
        expect(stage.page.locator(f"main[data-step={step}]")).to_be_visible()

    return way


def pressed(button: str, way_there: Way, *, step: str, tick: bool = False, **typed: str) -> Way:
    """What comes of pressing this there."""

    def way(stage: Stage) -> None:
        way_there(stage)
        for name, text in typed.items():
            stage.page.locator(f"#{name}").fill(text)
        if tick:
            stage.page.locator("#confirm_removal").check()
        stage.page.get_by_role("button", name=button).click()
        stage.page.wait_for_load_state()
        expect(stage.page.locator(f"main[data-step={step}]")).to_be_visible()

    return way


switched_off = pressed("Switch it off", move("off"), step="run")


def synced_since(stage: Stage) -> None:
    """Step 5: the sync has run since the old one was switched off."""
    switched_off(stage)
    replace(BOTH, synced=timedelta(seconds=1)).shown_to(stage)
    stage.wizard.clock.passes(60)
    stage.page.reload()
    expect(stage.page.locator("main[data-step=remove]")).to_be_visible()


def running(stage: Stage) -> None:
    switched_off(stage)
    replace(BOTH, sync={"syncStatus": "running"}).shown_to(stage)
    stage.page.reload()
    expect(stage.page.get_by_role("link", name="Look now")).to_be_visible()


def removed(stage: Stage) -> None:
    synced_since(stage)
    stage.page.locator("#confirm_name").fill("Production /reports to legacy-shop")
    stage.page.get_by_role("button", name="Remove the old one").click()
    expect(stage.page.locator("#done")).to_be_focused()


def changed_meanwhile(stage: Stage) -> None:
    move("off")(stage)
    replace(BOTH, integrations={"secretPath": LONG_FOLDER}).shown_to(stage)
    stage.page.get_by_role("button", name="Switch it off").click()
    expect(stage.page.locator("#changed")).to_be_visible()


def no_answer(stage: Stage) -> None:
    move("off")(stage)
    before = stage.upstream.say

    def say(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PATCH":
            raise httpx.ReadTimeout("no answer", request=request)
        return before(request)

    stage.upstream.say = say
    stage.page.get_by_role("button", name="Switch it off").click()
    problem("outcome-unknown")(stage.page)


_AT_WHAT_WAS_OFF = {
    "environment": {"slug": "dev", "name": "Development"},
    "folder": {"path": "/shared"},
    "syncOptions": {"disableSecretDeletion": True, "keySchema": ""},
    "isAutoSyncEnabled": False,
}
_LONG = {"app": LONGEST_NAME, "secretPath": LONG_FOLDER, "isSynced": False, "syncMessage": "m" * 300}
_OTHER = {"syncOptions": {"disableSecretDeletion": True, "keySchema": "SHOP_{{secretKey}}"}}

NATIVE_WAYS: dict[str, Way | State] = {
    "native integrations": the_natives(),
    "native integrations, doubled, long names": State(
        the_natives(World(integrations=_LONG | {"appId": "legacyshopabcdefghij"})), like="native integrations"
    ),
    "no native integrations": State(the_natives(World(), WEBSHOP_ID), like="native integrations"),
    "a move without a connection": State(move("connection", World(connections=False)), like="a move begun"),
    "a move begun": move("sync", World()),
    "a move begun, of one that is off": State(
        move("sync", World(), at=WITHOUT_A_PROJECT), like="a move begun"
    ),
    "a move, the old one off first": State(
        move("off", World(), first="off"), like="a move at its switch-off"
    ),
    "a move at its switch-off": move("off"),
    "a move at its switch-off, other names": State(
        move("off", World(sync=_OTHER, integrations=_LONG | {"secretPath": "/reports"})),
        like="a move at its switch-off",
    ),
    "a move that may not be made": State(
        move("off", replace(BOTH, permissions=False)), like="a move at its switch-off"
    ),
    "a move whose end may not be made": State(
        move("remove", World(sync=_AT_WHAT_WAS_OFF, permissions=False), at=WITHOUT_A_PROJECT),
        like="a move, not confirmed",
    ),
    "a move, the old one switched off": switched_off,
    "a move, its sync running": State(running, like="a move, the old one switched off"),
    "a move at its end": State(synced_since, like="a move, not confirmed"),
    "a move, not confirmed": pressed(
        "Remove the old one", synced_since, step="remove", confirm_name="another"
    ),
    "a move of one that was off before, going back not confirmed": pressed(
        "Go back",
        move("remove", World(sync=_AT_WHAT_WAS_OFF), at=WITHOUT_A_PROJECT),
        step="remove",
    ),
    "a move that is over": State(removed, like="native integrations"),
    "a move gone back on": State(
        pressed("Go back", switched_off, step="off"), like="a move at its switch-off"
    ),
    "a move changed by two people": State(changed_meanwhile, like="a move at its switch-off"),
    "no answer to a switch-off": State(no_answer, like="no answer to an edit"),
}
"""What a page of a native integration can look like and is not here is not tested: add it."""
