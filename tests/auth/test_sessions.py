"""A sign-in cannot be made, changed, moved, brought back or planted: what attackers try with cookies and with time."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import create_app
from app.auth.session import LONGEST_SESSION
from app.config import Settings
from app.core.secret import Encryption, Secret
from app.sandbox import SandboxTransport, create_sandbox, prepare_database
from tests.conftest import (
    FORM,
    SECRET_KEY,
    Client,
    Clock,
    Sandbox,
    client_with_cookies,
    new_client,
    sandbox_in,
)
from tests.every import holds_for_every

COOKIE = "connect-sign-in"
OLD, NEW = "made-up-old-key-of-thirty-two-letters", "made-up-new-key-of-thirty-two-letters"

repeatable = settings(
    deadline=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def somebody(own_sandbox: Sandbox) -> Client:
    client = new_client(own_sandbox.app)
    client.sign_in()
    return client


def kept(client: Client, name: str = COOKIE) -> str:
    cookie = client.get_cookie(name)
    assert cookie is not None
    return cookie.value


def is_out(client: Client) -> bool:
    answer = client.get("/projects")
    return answer.status_code == 303 and urlsplit(answer.location).path == "/sign-in"


def with_cookie(sandbox: Sandbox, text: str) -> Client:
    client = new_client(sandbox.app)
    client.set_cookie(COOKIE, text)
    return client


# ── Made, changed, moved ───────────────────────────────────────────────────────────────────────────────────────────


@repeatable
@given(at=st.integers(0, 10_000), other=st.sampled_from("A_-=z0"))
def test_a_cookie_with_one_changed_letter_is_no_sign_in(
    somebody: Client, own_sandbox: Sandbox, at: int, other: str
) -> None:
    sealed = kept(somebody)
    at %= len(sealed)
    changed = sealed[:at] + other + sealed[at + 1 :]
    same = changed == sealed or changed.rstrip("=") == sealed.rstrip("=")
    assert is_out(with_cookie(own_sandbox, changed)) is not same


@repeatable
@given(length=st.integers(0, 2000))
def test_a_cookie_that_was_cut_is_no_sign_in(somebody: Client, own_sandbox: Sandbox, length: int) -> None:
    sealed = kept(somebody)
    assert is_out(with_cookie(own_sandbox, sealed[: length % len(sealed)]))


@repeatable
@given(text=st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0;"), max_size=200))
def test_any_text_in_the_cookie_is_no_sign_in_and_no_fault(own_sandbox: Sandbox, text: str) -> None:
    raw = f"{COOKIE}={text}".encode().decode("latin-1")
    answer = client_with_cookies(own_sandbox.app, raw).get("/projects")
    assert answer.status_code == 303
    assert own_sandbox.sent == []


@pytest.mark.parametrize("size", [4000, 100_000])
def test_a_cookie_that_is_too_large_is_no_sign_in(own_sandbox: Sandbox, size: int) -> None:
    answer = client_with_cookies(own_sandbox.app, f"{COOKIE}=gAAAAA{'A' * size}").get("/projects")
    assert urlsplit(answer.location).path == "/sign-in"


@pytest.mark.parametrize(
    ("key", "purpose"),
    [("x" * 40, "sign-in"), (SECRET_KEY, "authorization-request"), (SECRET_KEY, "another")],
)
def test_a_record_that_was_sealed_with_another_key_or_for_another_purpose_is_no_sign_in(
    somebody: Client, own_sandbox: Sandbox, clock: Clock, key: str, purpose: str
) -> None:
    record = Encryption((Secret(SECRET_KEY),), purpose="sign-in", life=LONGEST_SESSION).loads(
        kept(somebody), now=clock()
    )
    assert record is not None
    forged = Encryption((Secret(key),), purpose=purpose, life=LONGEST_SESSION).dumps(
        lambda: record, now=clock()
    )
    assert is_out(with_cookie(own_sandbox, forged))


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "https://evil.example"},
        {"token": None},
        {"way_in": "oidc"},
        {"began_at": "yesterday"},
        {"groups": 5},
        {"subject": ...},
    ],
)
def test_a_sealed_record_that_makes_no_sense_here_is_no_sign_in(
    somebody: Client, own_sandbox: Sandbox, clock: Clock, changes: dict[str, Any]
) -> None:
    seal = Encryption((Secret(SECRET_KEY),), purpose="sign-in", life=LONGEST_SESSION)
    record = seal.loads(kept(somebody), now=clock())
    assert record is not None
    changed = {name: text for name, text in {**record, **changes}.items() if text is not ...}
    assert is_out(with_cookie(own_sandbox, seal.dumps(lambda: changed, now=clock())))


def test_a_seal_that_is_older_than_its_life_is_not_opened(clock: Clock) -> None:
    seal = Encryption((Secret(SECRET_KEY),), purpose="sign-in", life=timedelta(hours=1))
    sealed = seal.dumps(lambda: {"made": "up"}, now=clock())
    clock.passes(3601)
    assert seal.loads(sealed, now=clock()) is None


def test_a_sign_in_lasts_while_the_key_is_replaced(tmp_path: Path, clock: Clock) -> None:
    def running(keys: str) -> Client:
        database = tmp_path / "sandbox.sqlite"
        prepare_database(database)
        environ = {"CONNECT_ACCESS": "sign-in", "CONNECT_SECRET_KEY": keys}
        return new_client(
            create_app(
                Settings.load(environ, None),
                data=database,
                transport=SandboxTransport(create_sandbox(database, clock=clock)),
                clock=clock,
            )
        )

    before = running(OLD)
    before.sign_in()
    during, after = running(f"{NEW}, {OLD}"), running(NEW)
    for client in (during, after):
        client.set_cookie(COOKIE, kept(before))
    assert during.get("/projects").status_code == 200
    assert is_out(after)


# ── Planted ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_session_that_somebody_planted_is_of_no_use_after_the_sign_in(own_sandbox: Sandbox) -> None:
    attacker, victim = new_client(own_sandbox.app), new_client(own_sandbox.app)
    token = attacker.page("/sign-in").hidden_fields()["csrf_token"][0]
    victim.set_cookie("connect", kept(attacker, "connect"))
    victim.sign_in()
    assert is_out(attacker)
    answer = victim.post("/sign-out", data={"csrf_token": token})
    assert answer.status_code == 400
    assert victim.get("/projects").status_code == 200


def test_another_site_can_sign_nobody_in_as_somebody_else(own_sandbox: Sandbox) -> None:
    victim = new_client(own_sandbox.app)
    form = victim.page("/sign-in").hidden_fields("identity-form")
    answer = victim.post("/sign-in", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert own_sandbox.sent == []


def test_a_cookie_that_was_copied_before_the_sign_out_is_of_no_use_after_it(
    somebody: Client, own_sandbox: Sandbox
) -> None:
    stolen = kept(somebody)
    token = somebody.page("/projects").hidden_fields()["csrf_token"][0]
    somebody.post("/sign-out", data={"csrf_token": token})
    assert is_out(with_cookie(own_sandbox, stolen))


# ── Brought back ───────────────────────────────────────────────────────────────────────────────────────────────────


class Held(httpx.BaseTransport):
    """Holds the create back until it is let go."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.arrived, self.go = threading.Event(), threading.Event()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("/app-connections/supabase"):
            self.arrived.set()
            assert self.go.wait(timeout=30)
        return self._inner.handle_request(request)


@pytest.fixture
def held_wizard(tmp_path: Path, clock: Clock) -> tuple[Client, Held]:
    database = tmp_path / "sandbox.sqlite"
    prepare_database(database)
    held = Held(SandboxTransport(create_sandbox(database, clock=clock)))
    environ = {"CONNECT_ACCESS": "sign-in", "CONNECT_SECRET_KEY": SECRET_KEY, "CONNECT_PREFLIGHT": "off"}
    app = create_app(
        Settings.load(environ, None), data=database, transport=held, clock=clock, monotonic=clock.monotonic
    )
    return new_client(app), held


def test_the_answer_to_a_slow_create_does_not_undo_a_sign_out(
    held_wizard: tuple[Client, Held], good_token: str
) -> None:
    client, held = held_wizard
    client.sign_in()
    form = client.page(f"{FORM}?project=organization")
    other_tab = new_client(client.application)
    for name in (COOKIE, "connect"):
        other_tab.set_cookie(name, kept(client, name))
    answers: list[Any] = []
    slow = threading.Thread(
        target=lambda: answers.append(other_tab.submit(form, name="slow", access_token=good_token))
    )
    slow.start()
    assert held.arrived.wait(timeout=30)
    token = form.hidden_fields()["csrf_token"][0]
    assert client.post("/sign-out", data={"csrf_token": token}).status_code == 303
    held.go.set()
    slow.join(timeout=30)
    (answer,) = answers
    assert not [text for text in answer.headers.getlist("Set-Cookie") if text.startswith(COOKIE)]
    # The browser holds whatever the later answer set.
    for cookie in answer.headers.getlist("Set-Cookie"):
        name, _, rest = cookie.partition("=")
        client.set_cookie(name, rest.partition(";")[0])
    assert is_out(client)


# ── A hostile Infisical ────────────────────────────────────────────────────────────────────────────────────────────

SCRIPT = '"><script>alert(1)</script><b onclick=x>\u202e'
ODD = (
    httpx.Response(200, json=[]),
    httpx.Response(200, json={"accessToken": 5, "expiresIn": "x", "accessTokenMaxTTL": None}),
    httpx.Response(200, json={"accessToken": "two words", "expiresIn": 5, "accessTokenMaxTTL": 5}),
    httpx.Response(200, json={"accessToken": "x" * 5000, "expiresIn": 5, "accessTokenMaxTTL": 5}),
    httpx.Response(200, text="[" * 100_000, headers={"Content-Type": "application/json"}),
    httpx.Response(200, html=SCRIPT),
    httpx.Response(302, headers={"Location": "https://evil.example/"}),
    httpx.Response(401, json={"error": "UnauthorizedError", "message": SCRIPT, "reqId": SCRIPT}),
    httpx.Response(500, json={"error": SCRIPT, "message": SCRIPT, "reqId": SCRIPT}),
    httpx.Response(200, content=b"x" * (9 * 1024 * 1024), headers={"Content-Type": "application/json"}),
)


@pytest.mark.parametrize("odd", ODD, ids=lambda answer: f"{answer.status_code}-{len(answer.content)}")
def test_whatever_infisical_answers_to_a_sign_in_nobody_is_signed_in_and_nothing_of_it_becomes_markup(
    wizard_at: Callable[..., Client], odd: httpx.Response
) -> None:
    client = wizard_at(lambda _: odd, INFISICAL_TOKEN="")
    answer = client.sign_in()
    assert answer.status_code in (422, 502, 503, 504)
    assert "<script>" not in answer.text.replace('<script type="module"', "")
    assert "onclick=x" not in answer.text.replace("onclick=x&gt;", "")
    assert client.get_cookie(COOKIE) is None
    assert is_out(client)


def test_the_names_of_people_and_identities_are_text(wizard_at: Callable[..., Client]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/user":
            return httpx.Response(200, json={"user": {"id": "x", "email": SCRIPT}})
        return httpx.Response(200, json={"projects": []})

    client = wizard_at(answer, INFISICAL_TOKEN="")
    form = client.page("/sign-in").hidden_fields("token-form")
    assert client.post("/sign-in", data={**form, "infisical_token": "made-up"}).status_code == 303
    page = client.get("/projects")
    assert "<script>alert" not in page.text
    assert "<b onclick" not in page.text


# ── Beside another wizard ──────────────────────────────────────────────────────────────────────────────────────────

NAMES = {
    ("http", "localhost"): "connect",
    ("http", "localhost:80"): "connect",
    ("http", "localhost:"): "connect",
    ("http", "localhost:443"): "connect-443",
    ("http", "localhost:8000"): "connect-8000",
    ("http", "127.0.0.1:8001"): "connect-8001",
    ("http", "[::1]"): "connect",
    ("http", "[::1]:8001"): "connect-8001",
    ("https", "localhost"): "__Host-connect",
    ("https", "localhost:443"): "__Host-connect",
    ("https", "localhost:8443"): "__Host-connect-8443",
}


def test_a_cookie_has_the_port_in_its_name_for_browsers_keep_it_for_every_port_of_a_host(
    own_sandbox: Sandbox,
) -> None:
    def has_this_name(row: tuple[tuple[str, str], str]) -> None:
        (scheme, host), name = row
        page = new_client(own_sandbox.app).get("/sign-in", base_url=f"{scheme}://{host}")
        (cookie,) = page.headers.getlist("Set-Cookie")
        assert cookie.partition("=")[0] == name
        assert "Path=/" in cookie.split("; ")

    holds_for_every(NAMES.items(), has_this_name)


def test_signing_in_at_one_wizard_signs_nobody_out_of_another_on_the_same_host(
    tmp_path: Path, clock: Clock
) -> None:
    wizards = {}
    for port, path, key in (("8000", "", OLD), ("8001", "", NEW), ("8001", "/us", OLD), ("8001", "/eu", NEW)):
        folder = tmp_path / f"{port}{path.strip('/')}"
        folder.mkdir()
        settings = {"CONNECT_ACCESS": "sign-in", "CONNECT_SECRET_KEY": key, "CONNECT_PATH_PREFIX": path}
        wizards[port, path] = sandbox_in(folder, clock, **settings).app
    browser = new_client(wizards["8000", ""])
    for (port, path), app in wizards.items():
        browser.application, browser.authority, browser.prefix = app, f"localhost:{port}", path
        # Signing in is bounded.
        clock.passes(90)
        browser.sign_in()
    for (port, path), app in wizards.items():
        browser.application, browser.authority, browser.prefix = app, f"localhost:{port}", path
        form = browser.page(f"{path}{FORM}?project=organization")
        assert browser.submit(form, name="", access_token="").status_code == 422


def test_the_port_that_the_browser_sees_is_the_one_that_a_trusted_proxy_tells(
    tmp_path: Path, clock: Clock
) -> None:
    settings = {"CONNECT_PROXY_TRUSTED": "10.0.0.7", "CONNECT_HOSTS": "connect.example.com"}
    wizard = sandbox_in(tmp_path, clock, CONNECT_ACCESS="sign-in", **settings)
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "connect.example.com:8443"}
    page = new_client(wizard.app).get(
        "/sign-in",
        headers=told,
        base_url="http://10.0.0.5:8000",
        environ_overrides={"REMOTE_ADDR": "10.0.0.7"},
    )
    assert page.headers["Set-Cookie"].startswith("__Host-connect-8443=")
