"""What holds for the whole portal: health, headers, pages for what HTTP itself refuses, and who may come in."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient

from app import LARGEST_REQUEST
from tests.conftest import FORM, Client, Sandbox
from tests.infisical.answers import error
from tests.pages import read_page

CONNECTION = "/connections/supabase/adb321fa-eccb-491a-98b9-d58994355946"


# ── Health ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def an_infisical(
    projects: httpx.Response, status: httpx.Response | None = None
) -> Callable[..., httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/status":
            return status or httpx.Response(200, json={"message": "Ok"})
        return projects

    return answer


def test_it_is_alive_without_asking_infisical(wizard_at: Callable[..., Client]) -> None:
    def never(_: httpx.Request) -> httpx.Response:
        raise AssertionError("Infisical was asked")

    answer = wizard_at(never).get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "alive"})


def test_it_is_ready_when_infisical_accepts_its_credential(wizard_at: Callable[..., Client]) -> None:
    answer = wizard_at(an_infisical(httpx.Response(200, json={"projects": []}))).get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready"})


@pytest.mark.parametrize(
    ("projects", "status", "reason"),
    [
        (
            error(403, "TokenError", "Your token has expired. Please re-authenticate."),
            None,
            "Infisical does not accept the credential: the Infisical access token is not accepted or has expired.",
        ),
        (
            error(500, "InternalServerError", "Something went wrong"),
            None,
            "Infisical answered with a fault of its own.",
        ),
        (
            httpx.Response(200, json={"projects": []}),
            httpx.Response(200, html="<title>Infisical</title>"),
            "Infisical did not answer as it should.",
        ),
        (
            httpx.Response(200, json={"projects": []}),
            httpx.Response(200, json=[]),
            "Infisical did not answer as it should.",
        ),
    ],
)
def test_it_is_not_ready_and_says_why(
    wizard_at: Callable[..., Client], projects: httpx.Response, status: httpx.Response | None, reason: str
) -> None:
    answer = wizard_at(an_infisical(projects, status)).get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["reason"] == reason


def test_it_is_not_ready_when_infisical_cannot_be_reached(wizard_at: Callable[..., Client]) -> None:
    def nobody(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("x")

    answer = wizard_at(nobody).get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Cache-Control"] == "no-store"


# ── Headers ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/connections",
        "/projects",
        "/connections/new",
        FORM,
        f"{FORM}/token",
        f"{FORM}/outcome",
        CONNECTION,
        "/sandbox",
        "/healthz",
        "/readyz",
        "/nowhere",
        "/static/x/y.css",
    ],
)
def test_every_answer_carries_the_headers_that_protect_it(client: Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_over_https_the_whole_host_is_for_https_alone(client: Client) -> None:
    for path in ("/healthz", "/nowhere"):
        secure, plain = client.get(path, base_url="https://localhost"), client.get(path)
        assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "Strict-Transport-Security" not in plain.headers


def test_the_session_cookie_is_closed_to_scripts_and_other_sites(client: Client) -> None:
    cookie = client.get(f"{FORM}?project=organization").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


# ── What HTTP refuses ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path", ["/nowhere", "/connections/", "/connections/supabase/no-uuid", "/static/x/missing.css"]
)
def test_an_address_that_does_not_exist_is_a_page_that_leads_on(client: Client, path: str) -> None:
    page = client.page(path, status=404)
    assert page.problem == "page-not-found"
    assert "Go to App Connections" in page.links()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_method_that_a_page_does_not_take_is_a_page(client: Client, method: str) -> None:
    answer = client.open("/connections", method=method)
    assert answer.status_code == 405
    assert read_page(answer.text).problem == "wrong-method"


def test_a_method_that_is_not_taken_names_those_that_are(client: Client) -> None:
    assert set(client.post("/connections").headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_the_head_of_a_page_comes_without_its_body(client: Client) -> None:
    answer = FlaskClient.open(client, "/connections?project=organization", method="HEAD")
    assert (answer.status_code, answer.data) == (200, b"")


@pytest.mark.parametrize("size", [LARGEST_REQUEST + 1, 10 * LARGEST_REQUEST])
def test_a_body_that_is_too_large_is_a_page(client: Client, size: int) -> None:
    answer = client.post(FORM, data={"description": "x" * size})
    assert answer.status_code == 413
    assert read_page(answer.text).problem == "too-large"


def test_a_fault_of_ours_is_a_page_that_tells_nothing_of_it(wizard_at: Callable[..., Client]) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise RuntimeError("a sentence that only the log may know")

    answer = wizard_at(broken).get("/connections")
    assert answer.status_code == 500
    assert read_page(answer.text).problem == "server-error"
    assert "only the log may know" not in answer.text


def test_a_fault_of_ours_is_logged(
    wizard_at: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise RuntimeError("a sentence that only the log may know")

    wizard_at(broken).get("/connections")
    assert "only the log may know" in caplog.text


# ── Who may come in ────────────────────────────────────────────────────────────────────────────────────────────────


def refused(client: Client, path: str = "/connections", **headers: str) -> str:
    answer = client.get(path, headers={name.replace("_", "-"): text for name, text in headers.items()})
    assert answer.status_code == 403
    page = read_page(answer.text)
    assert page.problem == "not-this-machine"
    return page.text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "192.168.1.20:8000", "localhost.evil.example"]
)
def test_a_foreign_host_is_refused_with_the_reason(client: Client, host: str) -> None:
    assert f"“{host.partition(':')[0]}”, which is not this machine" in refused(client, Host=host)


@pytest.mark.parametrize(
    "header",
    ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "Via"],
)
def test_a_request_that_came_through_a_proxy_is_refused_with_the_reason(client: Client, header: str) -> None:
    assert f"it has the header {header}" in refused(client, **{header: "127.0.0.1"})


@pytest.mark.parametrize(
    "path",
    [
        "/",
        FORM,
        f"{FORM}/outcome",
        CONNECTION,
        "/projects",
        "/nowhere",
        "/static/x/y.css",
    ],
)
def test_no_page_at_all_is_open_to_a_foreign_host(client: Client, sandbox: Sandbox, path: str) -> None:
    refused(client, path, Host="evil.example")
    assert sandbox.sent == []


def test_a_form_from_a_foreign_host_is_refused_and_nothing_is_sent(client: Client, sandbox: Sandbox) -> None:
    form = client.page(FORM)
    before = len(sandbox.sent)
    data: dict[str, Any] = {**form.hidden_fields(), "name": "a", "access_token": "made-up"}
    answer = client.post(FORM, data=data, headers={"Host": "evil.example"})
    assert answer.status_code == 403
    assert len(sandbox.sent) == before


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "wizard.localhost"])
def test_this_machine_is_let_in_by_each_of_its_names(client: Client, host: str) -> None:
    assert client.get("/sandbox", headers={"Host": host}).status_code == 200
