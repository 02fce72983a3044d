"""What the client sends about native integrations: never more than the one it is about, and never without its path."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from app.infisical import models
from app.infisical.errors import NotInfisical
from app.infisical.native import NativeIntegrations
from app.infisical.sync_models import NativeIntegration
from tests.every import holds_for_every
from tests.infisical.answers import PROJECT, client, soon

ID = "5e3e121d-7712-44b8-bb5f-536dacaf0e77"
INTEGRATION: dict[str, Any] = {
    "id": ID,
    "integration": "supabase",
    "integrationAuthId": "1fbf1448-39f4-4239-8d4f-7fa9f1637870",
    "isActive": True,
    "app": "shop",
    "appId": "abcdefghijklmnopqrst",
    "metadata": {"secretPrefix": "PRE_", "shouldDisableDelete": True},
    "secretPath": "/app",
    "environment": {"slug": "dev", "name": "Development", "id": "e"},
    "createdAt": "2026-11-27T18:03:01.341Z",
    "updatedAt": "2026-11-27T18:03:01.552Z",
}


class Recorder:
    """Answers each request about an integration the same, and keeps them."""

    def __init__(self, **changes: Any) -> None:
        self.requests: list[httpx.Request] = []
        self.integration = INTEGRATION | changes
        self.native = NativeIntegrations(client(self._keep))

    def _keep(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        authorization = {"projectId": PROJECT, "integration": "supabase"}
        bodies = {"integration": self.integration, "integrationAuth": authorization}
        return httpx.Response(200, json=bodies | {"integrations": [self.integration]})

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]


def test_each_call_goes_to_its_own_address_and_none_deletes_an_authorization() -> None:
    infisical = Recorder()
    infisical.native.all("a/project")
    found = infisical.native.one("an/odd id")
    infisical.native.switch(found, on=True, deadline=soon())
    infisical.native.delete("an/odd id", deadline=soon())

    assert infisical.asked == [
        "GET /api/v1/projects/a%2Fproject/integrations",
        "GET /api/v1/integration/an%2Fodd%20id",
        "GET /api/v1/integration-auth/1fbf1448-39f4-4239-8d4f-7fa9f1637870",
        f"PATCH /api/v1/integration/{ID}",
        "DELETE /api/v1/integration/an%2Fodd%20id",
    ]


def test_switching_sends_the_path_and_what_it_writes_as_they_were_seen_and_nothing_empty() -> None:
    def it_sends(row: tuple[dict[str, Any], dict[str, Any]]) -> None:
        changes, more = row
        infisical = Recorder(**changes)
        switched = infisical.native.switch(infisical.native.one(ID), on=False, deadline=soon())
        source = {"environment": "dev", "secretPath": "/app"}
        assert json.loads(infisical.requests[-1].content) == {"isActive": False, **source, **more}
        assert switched.project_id == PROJECT

    ref = {"appId": "abcdefghijklmnopqrst"}
    rows: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
        ({}, ref | {"metadata": {"secretPrefix": "PRE_"}}),
        (
            {"metadata": {"secretPrefix": "", "secretSuffix": "_S"}},
            ref | {"metadata": {"secretSuffix": "_S"}},
        ),
        ({"metadata": {"mappingBehavior": "one-to-one"}}, ref),
        ({"metadata": None}, ref),
        ({"metadata": {}, "appId": None, "app": None}, {}),
    )
    holds_for_every(rows, it_sends)


def test_those_of_a_project_come_by_environment_and_path_and_what_was_not_noted_is_none() -> None:
    rows = [
        INTEGRATION
        | {"secretPath": path, "environment": {"slug": name[:4].lower(), "name": name}, "appId": ref}
        for name, path, ref in (
            ("Production", "/", None),
            ("development", "/a-b", "x"),
            ("development", "/a/b", "x/y"),
        )
    ]
    native = NativeIntegrations(client(lambda _: httpx.Response(200, json={"integrations": rows})))

    assert [(one.environment_slug, one.path, one.ref) for one in native.all(PROJECT)] == [
        ("deve", "/a/b", "x/y"),
        ("deve", "/a-b", "x"),
        ("prod", "/", None),
    ]


def test_a_deletion_has_no_parameter_and_says_nothing_of_json() -> None:
    infisical = Recorder()
    infisical.native.delete(ID, deadline=soon())

    (request,) = infisical.requests
    assert (request.url.query, request.content, request.headers.get("content-type")) == (b"", b"", None)


def test_a_prefix_or_a_suffix_is_a_key_schema_and_neither_is_none() -> None:
    def it_is(row: tuple[Any, str]) -> None:
        metadata, schema = row
        assert NativeIntegration.model_validate(INTEGRATION | {"metadata": metadata}).key_schema == schema

    rows: tuple[tuple[Any, str], ...] = (
        ({"secretPrefix": "A_"}, "A_{{secretKey}}"),
        ({"secretSuffix": "_B"}, "{{secretKey}}_B"),
        ({"secretPrefix": "A_", "secretSuffix": "_B"}, "A_{{secretKey}}_B"),
        ({"secretPrefix": None, "secretSuffix": ""}, ""),
        ({}, ""),
        (None, ""),
    )
    holds_for_every(rows, it_is)


def test_an_answer_of_another_shape_is_not_infisicals() -> None:
    calls: tuple[Callable[[NativeIntegrations], Any], ...] = (
        lambda native: native.all(PROJECT),
        lambda native: native.one(ID),
    )

    def it_is_none(changes: dict[str, Any]) -> None:
        for call in calls:
            with pytest.raises(NotInfisical):
                call(Recorder(**changes).native)

    rows: tuple[dict[str, Any], ...] = (
        {"id": "../x"},
        {"isActive": None},
        {"environment": None},
        {"secretPath": None},
        {"metadata": {"secretPrefix": 7}},
    )
    holds_for_every(rows, it_is_none)


@pytest.mark.parametrize(
    ("rules", "may"),
    [
        ([{"subject": "integrations", "action": ["read", "edit"]}], {"read", "edit"}),
        ([{"subject": "secrets", "action": "readValue"}], set()),
        # To persons, as CASL packs them.
        ([["read,edit", "integrations"], ["readValue", "secrets"]], {"read", "edit"}),
        ([["delete", "integrations", {"environment": "dev"}]], None),
        ([["edit", "integrations", 0, 1]], None),
        ([["manage", "all"]], None),
    ],
)
def test_what_rules_let_somebody_do_is_read_as_far_as_they_say(rules: Any, may: set[str] | None) -> None:
    read = TypeAdapter(tuple[models.Rule, ...]).validate_python(rules)
    assert models.allowed(read, "integrations") == may
