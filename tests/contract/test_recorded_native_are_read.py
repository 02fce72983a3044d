"""The client reads every recorded answer about a native integration, and names what each refusal is."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from app.infisical import errors
from app.infisical.errors import InfisicalError
from app.infisical.native import NativeIntegrations
from app.infisical.sync_models import NativeIntegration
from tests.every import holds_for_every
from tests.infisical.answers import client, soon

RECORDED: dict[str, dict[str, Any]] = {
    row["case"]: row for row in json.loads(Path(__file__).with_name("native.json").read_text("utf-8"))
}
AUTHORIZATION = RECORDED["get integration-auth"]["response"]["body"]
PROJECT: str = AUTHORIZATION["integrationAuth"]["projectId"]
PREFIXED = "get integration (/app, prefix and suffix)"


def found(case: str) -> NativeIntegration:
    integration = answered(case)
    assert isinstance(integration, NativeIntegration), integration
    return integration


def switched(native: NativeIntegrations) -> NativeIntegration:
    return native.switch(found(PREFIXED), on=False, deadline=soon())


CALLS: tuple[tuple[str, Callable[[NativeIntegrations], Any]], ...] = (
    ("GET .*/integrations$", lambda native: native.all(PROJECT)),
    ("GET ", lambda native: native.one("5e3e121d-7712-44b8-bb5f-536dacaf0e77")),
    ("PATCH ", switched),
    ("DELETE ", lambda native: native.delete("x", deadline=soon())),
)


def answered(case: str) -> Any:
    """What the client makes of a recorded answer: what it returns, or the error."""
    request, response = RECORDED[case]["request"], RECORDED[case]["response"]

    def answer(asked: httpx.Request) -> httpx.Response:
        if "/integration-auth/" in asked.url.path and response["status"] == 200:
            return httpx.Response(200, json=AUTHORIZATION)
        return httpx.Response(response["status"], json=response["body"])

    call = next(call for start, call in CALLS if re.match(start, f"{request['method']} {request['path']}"))
    try:
        return call(NativeIntegrations(client(answer)))
    except InfisicalError as error:
        return error


def test_every_recorded_answer_is_read_or_is_the_error_that_it_stands_for() -> None:
    rows: tuple[tuple[str, type[InfisicalError], dict[str, Any]], ...] = (
        (r"Integration (auth )?with ID", errors.NotFound, {"missing": "integration"}),
        (r"Folder with path", errors.NotFound, {"missing": "folder"}),
        (r"Project with", errors.NotFound, {"missing": "project"}),
        (r"You are not a member", errors.NotAMember, {}),
        (r"You are not allowed to readValue on secrets", errors.PermissionDenied, {"subject": "secrets"}),
        (
            r"You are not allowed to (\w+) on integrations",
            errors.PermissionDenied,
            {"subject": "integrations"},
        ),
        (r"Token missing", errors.LoginRefused, {}),
        (r"Invalid integration", errors.Refused, {"reason": "refused"}),
        (r"Something went wrong", errors.ServerFailed, {}),
    )

    def it_is(case: str) -> None:
        response, told = RECORDED[case]["response"], answered(case)
        if response["status"] == 200:
            assert not isinstance(told, InfisicalError), told
            return
        if response["status"] == 422:
            assert isinstance(told, errors.InvalidFields)
            return
        sentence = response["body"]["message"]
        kind, said = next((kind, said) for start, kind, said in rows if re.match(start, sentence))
        assert isinstance(told, kind)
        assert {name: getattr(told, name) for name in said} == said
        assert told.request_id == response["body"]["reqId"]

    holds_for_every((case for case in RECORDED if case != "get integration-auth"), it_is)


def test_an_integration_is_read_with_all_that_a_sync_needs() -> None:
    prefixed = found(PREFIXED)

    assert prefixed.project_id == PROJECT
    assert prefixed.key_schema == "PRE_{{secretKey}}_SUF"
    assert prefixed.state == {
        "active": False,
        "environment_slug": "dev",
        "path": "/app",
        "ref": "qrstuvwxyzabcdefghij",
        "project_name": "payments-staging",
        "prefix": "PRE_",
        "suffix": "_SUF",
    }


def test_a_run_moves_nothing_of_what_two_people_compare() -> None:
    failed, synced = (
        found(next(case for case in RECORDED if case.startswith(start)))
        for start in ("get integration after its failed sync", "get integration that has synced")
    )

    assert failed.state == synced.state
    assert (failed.synced, failed.last_used, synced.synced, synced.message) == (False, None, True, "")
    assert failed.message == "getaddrinfo ENOTFOUND api.supabase.com"
    assert synced.last_used == synced.updated_at


def test_those_of_a_project_are_read_with_their_project() -> None:
    assert [(one.project_id, one.path, one.ref, one.active) for one in answered("list integrations")] == [
        (PROJECT, "/", "abcdefghijklmnopqrst", True),
        (PROJECT, "/app", "qrstuvwxyzabcdefghij", False),
        (PROJECT, "/app", "abcdefghijklmnopqrst", False),
        (PROJECT, "/empty", "abcdefghijklmnopqrst", False),
    ]
