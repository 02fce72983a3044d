"""The client reads every recorded answer about a secret sync, and names what each refusal is."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.infisical import errors
from app.infisical.errors import InfisicalError
from app.infisical.sync_models import SecretName, SyncSettings
from app.infisical.syncs import SecretSyncs
from tests.every import holds_for_every
from tests.infisical.answers import client, soon

RECORDED: dict[str, dict[str, Any]] = {
    row["case"]: row for row in json.loads(Path(__file__).with_name("syncs.json").read_text("utf-8"))
}
SETTINGS = SyncSettings(
    name="dev-to-payments-prod",
    description="d",
    environment="dev",
    path="/",
    connection_id="2d084d0d-21c4-4bf6-8322-8ef581158872",
    ref="abcdefghijklmnopqrst",
    project_name="payments-prod",
)
ID, PROJECT = "789be3ac-65c0-47db-92e1-edfe254591c9", "95813247-fdcb-456c-9f72-8066918072c8"

CALLS: tuple[tuple[str, Callable[[SecretSyncs], Any]], ...] = (
    ("GET .*/environment-folder-tree", lambda syncs: syncs.environments(PROJECT)),
    ("GET /api/v4/secrets", lambda syncs: syncs.names(PROJECT, "dev", "/")),
    ("GET .*/app-connections/.*/projects", lambda syncs: syncs.projects(SETTINGS.connection_id)),
    ("POST .*/check-destination", lambda syncs: syncs.doubled(SETTINGS, project_id=PROJECT)),
    ("POST .*/sync-secrets", lambda syncs: syncs.run(ID, deadline=soon())),
    ("POST .*/secret-syncs", lambda syncs: syncs.create(SETTINGS, project_id=PROJECT, deadline=soon())),
    ("PATCH .*/secret-syncs", lambda syncs: syncs.change(ID, {}, deadline=soon())),
    ("DELETE .*/secret-syncs", lambda syncs: syncs.delete(ID, remove_secrets=True, deadline=soon())),
    ("GET .*/sync-name/", lambda syncs: syncs.named("dev-to-payments-prod", project_id=PROJECT)),
    ("GET .*/secret-syncs/", lambda syncs: syncs.one(ID)),
)


def answered(case: str) -> Any:
    """What the client makes of a recorded answer: what it returns, or the error."""
    request, response = RECORDED[case]["request"], RECORDED[case]["response"]
    answer = httpx.Response(response["status"], json=response["body"])
    asked = f"{request['method']} {request['path']}"
    call = next(call for pattern, call in CALLS if re.match(pattern, asked))
    try:
        return call(SecretSyncs(client(lambda _: answer), "supabase"))
    except InfisicalError as error:
        return error


def meant(response: dict[str, Any]) -> tuple[type[InfisicalError], dict[str, Any]]:
    """The error that a recorded refusal stands for, and what it says."""
    sentence = response["body"]["message"]
    if response["status"] == 422:
        return errors.InvalidFields, {
            "issues": tuple((tuple(row["path"]), row["message"]) for row in sentence)
        }
    rows: tuple[tuple[str, type[InfisicalError], dict[str, Any]], ...] = (
        (r"Could not find Supabase Sync", errors.NotFound, {"missing": "sync"}),
        (r"Could not find App Connection", errors.NotFound, {"missing": "connection"}),
        (r"Folder with path", errors.NotFound, {"missing": "folder"}),
        (r"Project with", errors.NotFound, {"missing": "project"}),
        (r"Could not find folder", errors.Refused, {"reason": "folder-missing"}),
        (r"Invalid source configuration", errors.Refused, {"reason": "folder-gone"}),
        (r"You cannot connect", errors.Refused, {"reason": "connection-elsewhere"}),
        (r"A Secret Sync with the name", errors.NameTaken, {"thing": "sync"}),
        (r"You are not a member", errors.NotAMember, {}),
        (r"You are not allowed to access", errors.PermissionDenied, {"action": None}),
        (r"You are not allowed to .* on secret-syncs", errors.PermissionDenied, {"subject": "secret-syncs"}),
        (r"Token missing", errors.LoginRefused, {}),
        (r"Something went wrong", errors.ServerFailed, {}),
    )
    return next((kind, said) for pattern, kind, said in rows if re.match(pattern, sentence))


def test_every_recorded_answer_is_read_or_is_the_error_that_it_stands_for() -> None:
    def it_is(case: str) -> None:
        response, told = RECORDED[case]["response"], answered(case)
        if response["status"] == 200:
            assert not isinstance(told, InfisicalError), told
            assert told is None or getattr(told, "id", None) == response["body"].get("secretSync", {}).get(
                "id"
            )
            return
        kind, said = meant(response)
        assert isinstance(told, kind)
        assert {name: getattr(told, name) for name in said} == said
        assert told.request_id == response["body"]["reqId"]

    holds_for_every((case for case in RECORDED if not case.endswith("folder /tmpf")), it_is)


def test_what_is_not_found_by_a_name_is_none_however_the_sentence_calls_it() -> None:
    def it_is_none(sentence: str) -> None:
        answer = httpx.Response(404, json={"error": "NotFound", "message": sentence, "reqId": "req-made-up"})
        syncs = SecretSyncs(client(lambda _: answer), "supabase")
        assert syncs.named("my-sync", project_id=PROJECT) is None

    sentences = (
        'Could not find Supabase Sync with name "my-sync"',
        "Could not find Secret Sync with name my-sync in project",
        "Could not find secret sync",
        'Could not find GitHub Sync with ID "my-sync"',
    )
    holds_for_every(sentences, it_is_none)


def test_a_connection_that_is_called_like_a_sync_is_no_sync() -> None:
    sentence = "Could not find App Connection with name my-sync in project scope."
    answer = httpx.Response(404, json={"error": "NotFound", "message": sentence})
    with pytest.raises(errors.NotFound) as raised:
        SecretSyncs(client(lambda _: answer), "supabase").named("x", project_id=PROJECT)

    assert raised.value.missing == "connection"


def test_a_sync_is_read_with_all_that_two_people_may_change() -> None:
    assert answered("get sync after success").settings == SETTINGS
    manual = answered("create sync, auto off")
    assert manual.settings.key_schema == "PAY_{{environment}}_{{secretKey}}"
    assert (manual.settings.deletes, manual.settings.runs_by_itself, manual.status) == (True, False, None)
    assert answered("create sync, keySchema empty string").settings.key_schema == ""


def test_a_sync_whose_folder_is_gone_has_no_source() -> None:
    gone = answered("get sync whose folder is gone")

    assert (gone.environment, gone.path, gone.settings.environment, gone.settings.path) == (
        None,
        None,
        "",
        "",
    )


def test_why_a_run_failed_is_what_supabase_said() -> None:
    cases = ("unknown ref", "token revoked: 401")
    assert [answered(f"get sync after failure ({case})").reason for case in cases] == [
        "Project not found",
        "Unauthorized",
    ]


def test_names_come_as_a_sync_takes_them_with_their_origin() -> None:
    names = answered("names at /app with includeImports=true")

    assert SecretName("BOTH") in names
    assert SecretName("SHARED_URL", "/shared") in names
    assert SecretName("DEEP_KEY", "/shared") in names
    assert SecretName("STG_ONLY", "staging /shared") in names
    assert len({name for name, _ in names}) == len(names)
    assert [name for name, _ in names] == sorted(name for name, _ in names)


def test_the_folders_of_each_environment_begin_with_its_root() -> None:
    tree = answered("environment-folder-tree")

    assert [(row.slug, row.name) for row in tree] == [
        ("dev", "Development"),
        ("staging", "Staging"),
        ("prod", "Production"),
    ]
    assert [row.folders for row in tree] == [("/", "/app", "/app/worker"), ("/",), ("/", "/app")]
