"""What the order of things brings: slow answers, two tabs, the Back button, names of hosts that come from outside."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.config import Settings
from tests.conftest import FORM, HOST, PROJECT, SECRET_KEY, Client, Clock, Sandbox, new_client
from tests.infisical.answers import connection, error, grant
from tests.pages import read_page

from .routes import SIGN_IN_COOKIE, is_outside, is_refused


@dataclass
class Slow:
    """An Infisical that holds back the answers to one path until it is let go, and may fail to revoke.

    A log-in that it revokes is dead, with the tokens that renewals have made of it.
    """

    held_path: str
    revokes: bool = True
    arrived: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    logins: Iterator[int] = field(default_factory=count)
    revoked: set[str] = field(default_factory=set)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(f"{request.method} {path}")
        if path.endswith(self.held_path) and (self.held_path == "/renew" or request.method == "POST"):
            self.arrived.set()
            assert self.go.wait(timeout=30)
        if path.endswith("/login"):
            return grant(f"made-up-{next(self.logins)}.first", expires_in=600)
        login = request.headers.get("Authorization", "").removeprefix("Bearer ").partition(".")[0]
        if path.endswith("/renew"):
            return grant(f"{login}.renewed", expires_in=600)
        if path.endswith("/revoke"):
            if not self.revokes:
                return error(500, "InternalServerError", "Something went wrong")
            self.revoked.add(login)
        elif login in self.revoked:
            return error(401, "UnauthorizedError", "Failed to authorize revoked access token")
        if "connection-name" in path:
            return error(404, "NotFound", "Could not find App Connection with name x")
        project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
        told: dict[str, Any] = {"projects": [project], "project": project, "appConnection": connection()}
        return httpx.Response(200, json={**told, "message": "ok"})


def wizard(infisical: Slow, clock: Clock) -> Flask:
    environ = {
        "INFISICAL_HOST": HOST,
        "CONNECT_ACCESS": "sign-in",
        "CONNECT_SECRET_KEY": SECRET_KEY,
        "CONNECT_PREFLIGHT": "off",
    }
    transport = httpx.MockTransport(infisical)
    return create_app(Settings.load(environ, None), transport=transport, clock=clock)


def another_tab(client: Client) -> Client:
    """A tab of the same browser, with the cookies of this moment."""
    tab = new_client(client.application)
    for name in ("connect", SIGN_IN_COOKIE):
        cookie = client.get_cookie(name)
        assert cookie is not None
        tab.set_cookie(name, cookie.value)
    return tab


def takes_cookies_of(client: Client, answer: TestResponse) -> None:
    """The browser takes what a late answer sets, whatever it holds by then."""
    for text in answer.headers.getlist("Set-Cookie"):
        name, _, rest = text.partition("=")
        value = rest.partition(";")[0]
        if value:
            client.set_cookie(name, value)
        else:
            client.delete_cookie(name)


def while_held(
    infisical: Slow, ask: Callable[[], TestResponse], meanwhile: Callable[[], None]
) -> TestResponse:
    """The answer to a slow request, once something else was done while it was under way."""
    answers: list[TestResponse] = []
    slow = threading.Thread(target=lambda: answers.append(ask()))
    slow.start()
    assert infisical.arrived.wait(timeout=30)
    meanwhile()
    infisical.go.set()
    slow.join(timeout=30)
    return answers[0]


def sign_out(client: Client, token: str) -> None:
    assert client.post("/sign-out", data={"csrf_token": token}).status_code == 303


@pytest.mark.parametrize(
    ("held_path", "infisical_can"),
    [
        ("/renew", "revoke"),
        ("/app-connections/supabase", "revoke"),
        ("/app-connections/supabase", "not revoke"),
    ],
)
def test_no_slow_answer_brings_a_sign_in_back_that_was_ended_meanwhile(
    clock: Clock, held_path: str, infisical_can: str
) -> None:
    infisical = Slow(held_path, revokes=infisical_can == "revoke")
    client = new_client(wizard(infisical, clock))
    client.sign_in()
    form = client.page(f"{FORM}?project={PROJECT}")
    tab = another_tab(client)
    clock.passes(400)

    def ask() -> TestResponse:
        if held_path == "/renew":
            return tab.get("/projects")
        return tab.submit(form, name="slow", access_token="sbp_" + "0" * 40)

    token = form.hidden_fields()["csrf_token"][0]
    late = while_held(infisical, ask, lambda: sign_out(client, token))
    takes_cookies_of(client, late)
    assert is_outside(client)
    clock.passes(1)
    assert client.sign_in().status_code == 303
    assert not is_outside(client)


def test_no_slow_answer_brings_a_sign_in_back_that_another_has_replaced(clock: Clock) -> None:
    infisical = Slow("/renew")
    client = new_client(wizard(infisical, clock))
    client.sign_in()
    token = client.page(f"{FORM}?project={PROJECT}").hidden_fields()["csrf_token"][0]
    tab = another_tab(client)
    clock.passes(400)
    newcomer = {"way": "identity", "client_id": "another-made-up-one", "client_secret": "made-up"}

    def replace() -> None:
        assert client.post("/sign-in", data={**newcomer, "csrf_token": token}).status_code == 303

    late = while_held(infisical, lambda: tab.get("/projects"), replace)
    takes_cookies_of(client, late)
    assert is_outside(client)


def test_a_form_of_one_person_is_not_sent_as_another_who_signed_in_in_a_second_tab(clock: Clock) -> None:
    infisical = Slow("/nothing")
    client = new_client(wizard(infisical, clock))
    client.sign_in()
    first_tab = client.page(f"{FORM}?project={PROJECT}")
    other = new_client(client.application)
    other.sign_in(client_id="another-made-up-one")
    for name in ("connect", SIGN_IN_COOKIE):
        cookie = other.get_cookie(name)
        if cookie is None:
            client.delete_cookie(name)
        else:
            client.set_cookie(name, cookie.value)
    answer = client.submit(first_tab, name="mine", access_token="sbp_" + "0" * 40)
    assert read_page(answer.text).problem == "page-too-old"
    assert not [asked for asked in infisical.asked if asked.startswith("POST /api/v1/app-connections")]


def test_the_back_button_after_a_sign_out_finds_nothing(clock: Clock) -> None:
    infisical = Slow("/nothing")
    client = new_client(wizard(infisical, clock))
    client.sign_in()
    pages = ("/projects", f"/connections?project={PROJECT}", f"{FORM}?project={PROJECT}", "/sign-in")
    for path in pages:
        answer = client.get(path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    token = client.page("/projects").hidden_fields()["csrf_token"][0]
    sign_out(client, token)
    assert is_outside(client)
    answer = client.post(FORM, data={"csrf_token": token, "name": "mine", "project_id": PROJECT})
    assert answer.status_code in (303, 400)
    assert not [asked for asked in infisical.asked if asked.startswith("POST /api/v1/app-connections")]


# ── Names of hosts ─────────────────────────────────────────────────────────────────────────────────────────────────

FOREIGN = (
    "evil.example", "localhost.evil.example", "evil.example:80", "localhost:80@evil.example", "127.0.0.1.evil.example",
    "localhost/evil.example", "localhost\tevil.example", "[::1]evil.example", "", "10.0.0.1", "localhost,evil.example",
    "localhost#@evil.example", "evil.example\\localhost", "LOCALHOST.EVIL.EXAMPLE",
)  # fmt: skip
PATHS = (
    "/sign-in",
    "/projects",
    FORM,
    "/sign-in/company",
    "/sign-in/callback?code=a&state=b",
    "/no-such-page",
)


@pytest.mark.parametrize("host", FOREIGN, ids=repr)
def test_a_name_that_somebody_elses_server_resolves_to_this_machine_is_refused(
    own_sandbox: Sandbox, host: str
) -> None:
    """DNS rebinding: a page elsewhere reads and posts here under a name of its own."""
    client = new_client(own_sandbox.app)
    for path in PATHS:
        for method in ("GET", "POST"):
            answer = FlaskClient.open(client, path, method=method, environ_overrides={"HTTP_HOST": host})
            assert answer.status_code == 421
            is_refused(answer, typed="evil.example" if host != "" else "")
    assert own_sandbox.sent == []


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A wizard with a name of its own, behind a proxy that may speak for its clients, and with single sign-on."""
    environ = {
        "INFISICAL_HOST": HOST,
        "CONNECT_ACCESS": "oidc",
        "CONNECT_BIND": "0.0.0.0:8000",
        "CONNECT_HOSTS": "connect.example.com",
        "CONNECT_SECRET_KEY": SECRET_KEY,
        "CONNECT_PROXY_TRUSTED": "192.0.2.1",
        "CONNECT_OIDC_ISSUER": "http://127.0.0.1:9",
        "CONNECT_OIDC_CLIENT_ID": "made-up",
        "CONNECT_OIDC_CLIENT_SECRET": "made-up-secret",
        "INFISICAL_OAUTH_CLIENT_ID": "made-up",
        "INFISICAL_OAUTH_CLIENT_SECRET": "made-up-secret",
    }
    app = create_app(Settings.load(environ, None))
    yield app
    app.extensions["infisical_connect"].backend.provider.close()


FORWARDED = {
    "HTTP_X_FORWARDED_HOST": "evil.example",
    "HTTP_X_FORWARDED_SERVER": "evil.example",
    "HTTP_X_FORWARDED_PREFIX": "/evil",
    "HTTP_X_ORIGINAL_HOST": "evil.example",
    "HTTP_X_HOST": "evil.example",
    "HTTP_FORWARDED": "host=evil.example;proto=http",
    "HTTP_X_FORWARDED_PROTO": "http",
}


@pytest.mark.parametrize("path", PATHS)
def test_headers_of_a_peer_that_is_no_proxy_of_ours_stand_in_no_answer(served: Flask, path: str) -> None:
    """Neither a cache nor a person can be led elsewhere by them."""
    client = new_client(served)
    overrides = {**FORWARDED, "REMOTE_ADDR": "198.51.100.7", "HTTP_HOST": "connect.example.com"}
    told = {"wsgi.url_scheme": "https"}
    answer = FlaskClient.open(client, path, method="GET", environ_overrides={**overrides, **told})
    assert "evil" not in f"{answer.text}{answer.headers}"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example", "connect.example.com:80@evil.example", "connect.example.com.evil.example"])  # fmt: skip
@pytest.mark.parametrize("peer", ["192.0.2.1", "198.51.100.7"])
def test_the_address_to_come_back_to_is_never_of_another_host(served: Flask, peer: str, host: str) -> None:
    for name in ("HTTP_HOST", "HTTP_X_FORWARDED_HOST"):
        overrides = {
            "HTTP_HOST": "connect.example.com", name: host, "REMOTE_ADDR": peer, "wsgi.url_scheme": "https",
            "HTTP_X_FORWARDED_PROTO": "https",
        }  # fmt: skip
        answer = FlaskClient.open(new_client(served), "/sign-in/company", environ_overrides=overrides)
        refused = name == "HTTP_HOST" or peer == "192.0.2.1"
        assert answer.status_code == (421 if refused else 502)
        assert "evil" not in answer.text
        if not refused:
            assert "https://connect.example.com/sign-in/callback" in answer.text
            assert urlsplit(answer.headers.get("Location", "")).netloc == ""
