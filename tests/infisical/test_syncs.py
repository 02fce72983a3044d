"""What the client sends about secret syncs, and what it makes of folders and names."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.infisical.errors import NotFound, NotInfisical, Refused
from app.infisical.sync_models import Environment, Folder, SecretName, SyncSettings
from app.infisical.syncs import SecretSyncs
from tests.every import holds_for_every
from tests.infisical.answers import PROJECT, client, error, soon

SETTINGS = SyncSettings(
    name="dev-to-shop",
    environment="dev",
    path="/edge",
    connection_id="2d084d0d-21c4-4bf6-8322-8ef581158872",
    ref="abcdefghijklmnopqrst",
    project_name="shop",
)
SYNC = {
    "id": "789be3ac-65c0-47db-92e1-edfe254591c9",
    "name": "dev-to-shop",
    "projectId": PROJECT,
    "connectionId": SETTINGS.connection_id,
    "syncOptions": {"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": True},
    "destinationConfig": {"projectId": SETTINGS.ref, "projectName": "shop"},
    "environment": {"slug": "dev", "name": "Development", "id": "e"},
    "folder": {"id": "f", "path": "/edge"},
}


class Recorder:
    """Answers each request the same, and keeps them."""

    def __init__(self, answer: Any, status: int = 200) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = httpx.Response(status, json=answer)
        self.syncs = SecretSyncs(client(self._keep), "supabase")

    def _keep(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer

    @property
    def body(self) -> Any:
        return json.loads(self.requests[-1].content)

    @property
    def asked(self) -> str:
        request = self.requests[-1]
        return f"{request.method} {request.url.raw_path.decode().removeprefix('/api/v1/')}"


def test_a_create_sends_what_infisical_takes_and_nothing_empty() -> None:
    infisical = Recorder({"secretSync": SYNC})
    infisical.syncs.create(SETTINGS, project_id=PROJECT, deadline=soon())

    assert infisical.asked == "POST secret-syncs/supabase"
    assert infisical.body == {
        "name": "dev-to-shop",
        "projectId": PROJECT,
        "connectionId": SETTINGS.connection_id,
        "environment": "dev",
        "secretPath": "/edge",
        "syncOptions": {"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": True},
        "destinationConfig": {"projectId": "abcdefghijklmnopqrst", "projectName": "shop"},
        "isAutoSyncEnabled": True,
    }


def test_a_change_sends_only_what_differs_and_options_destination_and_source_as_wholes() -> None:
    options = {"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": True}
    source = {"environment": "dev", "secretPath": "/edge"}

    def it_sends(row: tuple[dict[str, Any], dict[str, Any]]) -> None:
        changes, body = row
        assert replace(SETTINGS, **changes).to_json(SETTINGS) == body

    rows: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {}),
        ({"name": "other"}, {"name": "other"}),
        ({"description": "new"}, {"description": "new"}),
        ({"runs_by_itself": False}, {"isAutoSyncEnabled": False}),
        ({"path": "/"}, source | {"secretPath": "/"}),
        ({"environment": "prod"}, source | {"environment": "prod"}),
        ({"deletes": True}, {"syncOptions": options | {"disableSecretDeletion": False}}),
        ({"key_schema": "A_{{secretKey}}"}, {"syncOptions": options | {"keySchema": "A_{{secretKey}}"}}),
        ({"project_name": "b"}, {"destinationConfig": {"projectId": SETTINGS.ref, "projectName": "b"}}),
        ({"connection_id": "c"}, {"connectionId": "c"}),
    ]
    holds_for_every(rows, it_sends)


def test_a_description_that_is_taken_away_is_null_and_a_key_schema_is_left_out() -> None:
    before = replace(SETTINGS, description="old", key_schema="A_{{secretKey}}")

    assert SETTINGS.to_json(before) == {
        "description": None,
        "syncOptions": {"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": True},
    }


def test_each_call_goes_to_its_own_address() -> None:
    id_ = "an/odd id"

    def it_goes(row: tuple[Any, str]) -> None:
        call, asked = row
        infisical = Recorder({"secretSync": SYNC})
        call(infisical.syncs)
        assert infisical.asked == asked

    rows = (
        (lambda syncs: syncs.one(id_), "GET secret-syncs/supabase/an%2Fodd%20id"),
        (
            lambda syncs: syncs.named("a.b", project_id="p"),
            "GET secret-syncs/supabase/sync-name/a%2Eb?projectId=p",
        ),
        (lambda syncs: syncs.change(id_, {}, deadline=soon()), "PATCH secret-syncs/supabase/an%2Fodd%20id"),
        (lambda syncs: syncs.run("x", deadline=soon()), "POST secret-syncs/supabase/x/sync-secrets"),
        (
            lambda syncs: syncs.delete("x", remove_secrets=False, deadline=soon()),
            "DELETE secret-syncs/supabase/x",
        ),
        (
            lambda syncs: syncs.delete("x", remove_secrets=True, deadline=soon()),
            "DELETE secret-syncs/supabase/x?removeSecrets=true",
        ),
    )
    holds_for_every(rows, it_goes)


def test_a_run_and_a_deletion_say_nothing_of_json_for_they_have_no_body() -> None:
    infisical = Recorder({"secretSync": SYNC})
    infisical.syncs.run("x", deadline=soon())
    infisical.syncs.delete("x", remove_secrets=True, deadline=soon())

    assert [(request.content, request.headers.get("content-type")) for request in infisical.requests] == [
        (b"", None),
        (b"", None),
    ]


def test_names_are_asked_for_without_values_overrides_or_subfolders() -> None:
    infisical = Recorder({"secrets": [], "imports": []})

    assert infisical.syncs.names(PROJECT, "dev", "/edge") == ()
    assert dict(infisical.requests[-1].url.params) == {
        "projectId": PROJECT,
        "environment": "dev",
        "secretPath": "/edge",
        "viewSecretValue": "false",
        "includeImports": "true",
    }


def test_of_a_name_that_stands_twice_the_folders_own_wins_and_then_the_last_import() -> None:
    def row(*names: str) -> list[dict[str, str]]:
        return [{"secretKey": name, "secretValue": "<hidden-by-infisical>"} for name in names]

    folder = Folder.model_validate(
        {
            "secrets": row("OWN", "BOTH"),
            "imports": [
                {"secretPath": "/a", "environment": "dev", "secrets": row("BOTH", "TWICE", "FIRST")},
                {"secretPath": "/b", "environment": "prod", "secrets": row("TWICE")},
            ],
        }
    )

    assert folder.names("dev") == (
        SecretName("BOTH"),
        SecretName("FIRST", "/a"),
        SecretName("OWN"),
        SecretName("TWICE", "prod /b"),
    )


def test_an_unknown_folder_is_told_apart_from_an_unknown_sync() -> None:
    def missing(status: int, kind: str, sentence: str, call: Any) -> Any:
        syncs = SecretSyncs(client(lambda _: error(status, kind, sentence)), "supabase")
        with pytest.raises((NotFound, Refused)) as raised:
            call(syncs)
        return getattr(raised.value, "missing", "") or getattr(raised.value, "reason", "")

    folder = "Folder with path '/nope' in environment 'dev' was not found."
    path = 'Could not find folder with path "/nope" in environment "dev" for project with ID "x"'
    taken = "A secret sync with this destination already exists in this organization."
    busy = "A job for this sync is already in progress. Please try again shortly."
    sync = 'Could not find Supabase Sync with ID "x"'
    found = [
        missing(404, "SecretPathNotFound", folder, lambda syncs: syncs.names("p", "dev", "/nope")),
        missing(404, "NotFound", sync, lambda syncs: syncs.one("x")),
        *(
            missing(400, "BadRequest", sentence, lambda syncs: syncs.run("x", deadline=soon()))
            for sentence in (path, taken, busy)
        ),
    ]
    assert found == ["folder", "sync", "folder-missing", "destination-taken", "sync-busy"]


def test_a_doubled_destination_in_a_project_that_may_not_be_known_is_no_project() -> None:
    def doubled(answer: dict[str, Any]) -> str | None:
        return Recorder(answer).syncs.doubled(SETTINGS, project_id=PROJECT, but="x")

    assert doubled({"hasDuplicate": True, "duplicateProjectId": "p"}) == "p"
    assert doubled({"hasDuplicate": True}) == ""
    assert doubled({"hasDuplicate": False}) is None


def test_an_environment_without_folders_has_its_root() -> None:
    def folders(rows: list[Any]) -> tuple[str, ...]:
        tree = {"dev": {"slug": "dev", "name": "Development", "position": 1, "folders": rows}}
        (environment,) = Recorder(tree).syncs.environments(PROJECT)
        return environment.folders

    assert folders([]) == ("/",)
    assert folders([{"path": "/b"}, {"path": "/"}, {"path": "/a/b"}, {"path": "/a-b"}, {"path": "/a"}]) == (
        "/",
        "/a",
        "/a/b",
        "/a-b",
        "/b",
    )
    assert Recorder({}).syncs.environments(PROJECT) == ()
    assert Environment(slug="dev", name="Development").folders == ("/",)


def test_an_answer_of_another_shape_is_not_infisicals() -> None:
    calls: tuple[Callable[[SecretSyncs], Any], ...] = (
        lambda syncs: syncs.environments(PROJECT),
        lambda syncs: syncs.names(PROJECT, "dev", "/"),
        lambda syncs: syncs.one("x"),
        lambda syncs: syncs.all(PROJECT),
        lambda syncs: syncs.projects("x"),
    )

    def it_is_none(answer: Any) -> None:
        for call in calls:
            with pytest.raises(NotInfisical):
                call(Recorder(answer).syncs)

    tree = {"slug": "dev", "name": "Development"}
    answers: list[Any] = [
        [],
        "text",
        {"dev": tree | {"folders": [{"name": "no path"}]}, "secrets": [{}], "secretSync": {}},
        {"dev": tree | {"folders": [None]}, "imports": [{"secrets": [{"secretKey": 1}]}], "projects": {}},
        {"dev": tree | {"folders": 7}, "secrets": {"a": 1}, "secretSyncs": [1]},
    ]
    holds_for_every(answers, it_is_none)
