"""The sandbox plays every app that is registered, by its row."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.connectors import APPS
from app.connectors.rows import App, Field, Guide
from app.sandbox import (
    SANDBOX_CLIENT_ID,
    SANDBOX_CLIENT_SECRET,
    SANDBOX_HOST,
    SandboxTransport,
    create_sandbox,
    prepare_database,
)
from tests.sandbox.world import PAYMENTS_ID

ACME = App(
    slug="acme",
    name="Acme",
    method="api-token",
    fields=(
        Field("region", "Region", wire=("credentials", "region")),
        Field("api_token", "API token", kind="secret", wire=("credentials", "apiToken")),
    ),
    guide=Guide(lede="", steps_title="", steps=(), page="https://acme.test", page_name="Acme"),
    summary="",
    invitation="",
)
ACMES = "/api/v1/app-connections/acme"


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[httpx.Client]:
    database = tmp_path / "sandbox.sqlite"
    prepare_database(database)
    transport = SandboxTransport(create_sandbox(database, apps=(*APPS, ACME)), sleep=lambda _: None)
    with httpx.Client(base_url=SANDBOX_HOST, transport=transport) as client:
        credential = {"clientId": SANDBOX_CLIENT_ID, "clientSecret": SANDBOX_CLIENT_SECRET}
        token = client.post("/api/v1/auth/universal-auth/login", json=credential).json()["accessToken"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def new_acme(**credentials: object) -> dict[str, object]:
    whole = {"region": "eu-1", "apiToken": "made-up-acme-token-4567", **credentials}
    return {"name": "my-acme", "method": "api-token", "credentials": whole, "projectId": PAYMENTS_ID}


def test_an_app_is_created_listed_and_found_by_its_own_names(admin: httpx.Client) -> None:
    made = admin.post(ACMES, json=new_acme()).json()["appConnection"]

    assert (made["app"], made["method"], made["credentials"]) == ("acme", "api-token", {"region": "eu-1"})
    named = admin.get(f"{ACMES}/connection-name/my-acme", params={"projectId": PAYMENTS_ID})
    assert named.json() == admin.get(f"{ACMES}/{made['id']}").json() == {"appConnection": made}
    assert [row["id"] for row in admin.get(ACMES).json()["appConnections"]] == [made["id"]]
    everything = admin.get("/api/v1/app-connections", params={"projectId": PAYMENTS_ID}).json()
    assert {row["app"] for row in everything["appConnections"]} == {"acme", "github", "supabase"}


def test_an_app_is_on_offer_between_the_others(admin: httpx.Client) -> None:
    offered = admin.get("/api/v1/app-connections/options").json()["appConnectionOptions"]

    assert {"name": "Acme", "app": "acme", "methods": ["api-token"]} in offered
    assert [row["name"].lower() for row in offered] == sorted(row["name"].lower() for row in offered)


@pytest.mark.parametrize(
    ("credentials", "path", "message"),
    [
        ({"apiToken": ""}, "apiToken", "Api Token required"),
        ({"region": 7}, "region", "Expected string, received number"),
        ({"region": "x" * 256}, "region", "String must contain at most 255 character(s)"),
    ],
)
def test_an_apps_credentials_are_refused_by_their_own_paths(
    admin: httpx.Client, credentials: dict[str, object], path: str, message: str
) -> None:
    answer = admin.post(ACMES, json=new_acme(**credentials))

    assert answer.status_code == 422
    assert [(issue["path"], issue["message"]) for issue in answer.json()["message"]] == [
        (["credentials", path], message)
    ]


def test_an_apps_method_is_its_own(admin: httpx.Client) -> None:
    answer = admin.post(ACMES, json={**new_acme(), "method": "access-token"})

    assert answer.json()["message"][0]["message"] == "Invalid discriminator value. Expected 'api-token'"


def test_the_last_four_digits_choose_for_every_app(admin: httpx.Client) -> None:
    refused = admin.post(ACMES, json=new_acme(apiToken="made-up-acme-token-0403"))

    assert refused.json()["message"] == "Failed to validate credentials: Request failed with status code 403"
    with pytest.raises(httpx.ReadTimeout):
        admin.post(ACMES, json=new_acme(apiToken="made-up-acme-token-0504"))


def test_an_app_that_is_not_registered_has_no_routes(admin: httpx.Client) -> None:
    assert admin.get("/api/v1/app-connections/nope").json()["error"] == "Not Found"
