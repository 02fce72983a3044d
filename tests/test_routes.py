"""What every route asks before it answers: who comes in, where a post comes from, and how much it brings."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import LARGEST_REQUEST
from tests.conftest import FORM, Client, Clock, Sandbox, new_client, sandbox_in
from tests.every import holds_for_every
from tests.pages import read_page

PUBLIC = {"static_file", "sandbox_help", "healthz", "readyz"}
"""The pages that answer people who have not come in. None of them shows or changes anything of Infisical's."""

SIGN_IN = {
    "sign-in": {"auth.sign_in", "auth.submit_sign_in", "auth.sign_out"},
    "oidc": {"auth.sign_in", "auth.login", "auth.callback", "auth.sign_out"},
}
"""The pages where people sign in, of the ways in that have any: they are public as well."""

PROBES = {"healthz", "readyz"}
PROXY = "10.0.0.7"
SOME_ID = "adb321fa-eccb-491a-98b9-d58994355946"
WAYS_IN = {
    "this machine": {},
    "sign-in": {"CONNECT_ACCESS": "sign-in"},
    "proxy": {"CONNECT_ACCESS": "proxy", "CONNECT_PROXY_TRUSTED": PROXY},
    "oidc": {
        "CONNECT_ACCESS": "oidc",
        "CONNECT_OIDC_ISSUER": "https://id.example",
        "CONNECT_OIDC_CLIENT_ID": "made-up",
        "CONNECT_OIDC_CLIENT_SECRET": "made-up-secret",
    },
}


class Route(NamedTuple):
    """One method of one route, at an address that leads to it."""

    name: str
    method: str
    path: str


def routes(wizard: Sandbox) -> Iterator[Route]:
    for rule in wizard.app.url_map.iter_rules():
        path = re.sub(r"<uuid:[^>]+>", SOME_ID, rule.rule)
        path = re.sub(r"<any\([^>]+>", "edit", path)
        path = path.replace("<version>/<path:name>", "x/y.css").replace("<connected_app:app>", "supabase")
        assert "<" not in path, rule
        owner, _, name = rule.endpoint.partition(".")
        assert owner == "connect", f"{rule} is none of our pages"
        for method in sorted(rule.methods or ()):
            yield Route(name, method, path)


@pytest.fixture(scope="module", params=WAYS_IN)
def way_in(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def shared(way_in: str, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return sandbox_in(tmp_path_factory.mktemp("wizard"), Clock(), **WAYS_IN[way_in])


@pytest.fixture
def wizard(shared: Sandbox) -> Sandbox:
    shared.sent.clear()
    return shared


def ask(browser: FlaskClient, route: Route, **headers: str) -> TestResponse:
    """Asks as somebody whom nobody knows, past the checks of the test's browser: a HEAD has no page to check."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    peer = {"REMOTE_ADDR": named.pop("peer", "127.0.0.1")}
    return FlaskClient.open(
        browser,
        route.path,
        method=route.method,
        headers=named,
        base_url="http://localhost",
        environ_overrides=peer,
    )


# ── Who comes in ───────────────────────────────────────────────────────────────────────────────────────────────────


def led_to_sign_in(answer: TestResponse) -> bool:
    return answer.status_code == 303 and urlsplit(answer.location).path == "/sign-in"


def is_refused(answer: TestResponse) -> bool:
    return answer.status_code == 403


STRANGERS: dict[str, tuple[dict[str, str], Callable[[TestResponse], bool]]] = {
    "this machine": ({"Host": "connect.example.com"}, is_refused),
    "sign-in": ({}, led_to_sign_in),
    "oidc": ({}, led_to_sign_in),
    "proxy": ({"peer": PROXY, "X_Forwarded_Proto": "https"}, is_refused),
}
"""How somebody comes who may not come in, and what each way in answers them."""


def test_no_route_answers_a_stranger_unless_it_is_open_to_everybody(way_in: str, wizard: Sandbox) -> None:
    headers, challenge = STRANGERS[way_in]
    answered = {
        route.name: route
        for route in routes(wizard)
        if not challenge(ask(new_client(wizard.app), route, **headers))
    }
    # On this machine alone no page at all is open to the outside.
    assert set(answered) == (PROBES if way_in == "this machine" else PUBLIC | SIGN_IN.get(way_in, set()))


def test_the_pages_where_people_sign_in_are_there_where_that_is_the_way_in(
    way_in: str, wizard: Sandbox
) -> None:
    there = {route.name for route in routes(wizard) if route.name.startswith("auth.")}
    assert there == SIGN_IN.get(way_in, set())


def test_a_page_that_is_not_open_sends_nothing_for_a_stranger(way_in: str, wizard: Sandbox) -> None:
    headers, _ = STRANGERS[way_in]
    for route in routes(wizard):
        if route.name not in PROBES:
            ask(new_client(wizard.app), route, **headers)
    assert wizard.sent == []


def test_behind_a_proxy_every_route_but_the_probes_is_closed_to_other_peers(
    tmp_path: Path, clock: Clock
) -> None:
    wizard = sandbox_in(tmp_path, clock, **WAYS_IN["proxy"])
    for route in routes(wizard):
        answer = ask(new_client(wizard.app), route, peer="203.0.113.66", X_Forwarded_User="mallory")
        assert (route.name in PROBES) is not is_refused(answer), route


HOSTS = (
    *("evil.example", "connect.example.com.evil.example", "10.0.0.9:8000", "[fd00::9]:80", "", "a b", "a:b"),
    *("a..b", ".a:80", f"{'a' * 64}.example", "x" * 3000, "<script>", "[::1", "a@b", '"', "\xff"),
)
"""Names and addresses that are not the wizard's, and what is none at all."""


def test_every_route_but_the_probes_is_closed_to_another_host(way_in: str, wizard: Sandbox) -> None:
    closed = 403 if way_in == "this machine" else 421

    def is_closed(host: str) -> None:
        for route in routes(wizard):
            if route.name not in PROBES:
                answer = ask(new_client(wizard.app), route, Host=host, peer=PROXY)
                assert answer.status_code == closed, route
        assert wizard.sent == []

    holds_for_every(HOSTS, is_closed)


def test_the_probes_answer_by_whatever_name_they_are_asked_and_say_nothing_of_it(
    way_in: str, wizard: Sandbox
) -> None:
    def is_answered(host: str | None) -> None:
        # As HAProxy asks where nothing else is said: over HTTP/1.0, and without a name.
        for protocol in ("HTTP/1.1", "HTTP/1.0"):
            for path, says in (("/healthz", {"status": "alive"}), ("/readyz", {"status": "ready"})):
                environ = {"SERVER_PROTOCOL": protocol, "REMOTE_ADDR": "203.0.113.9"}
                environ |= {} if host is None else {"HTTP_HOST": host}
                answer = wizard.app.test_client().get(path, environ_overrides=environ)
                assert (answer.status_code, answer.json) == (200, says)

    holds_for_every((None, *HOSTS), is_answered)


ELSEWHERE = {
    "another host": {"Host": "connect.example.com", "peer": PROXY},
    "another machine that names this one": {"peer": "203.0.113.9"},
    "the client of a trusted proxy": {"peer": PROXY, "X_Forwarded_For": "203.0.113.9"},
    "a trusted proxy of which nobody knows whom it serves": {"peer": PROXY},
    "a proxy on this machine that is not trusted": {"X_Forwarded_For": "203.0.113.9"},
    "one that even tells of https": {"X_Forwarded_Proto": "https"},
    "one that only names itself": {"Via": "1.1 apache"},
}
"""Who asks over plain http and may be on another machine, though the name is mostly one of this machine's."""


@pytest.mark.parametrize("access", ["sign-in", "oidc", "proxy"])
def test_every_route_but_the_probes_is_closed_to_plain_http_from_outside(
    tmp_path: Path, clock: Clock, access: str
) -> None:
    settings = {**WAYS_IN[access], "CONNECT_HOSTS": "connect.example.com, localhost"}
    wizard = sandbox_in(tmp_path, clock, **{**settings, "CONNECT_PROXY_TRUSTED": PROXY})
    named = {"X_Forwarded_User": "ada"} if access == "proxy" else {}
    for asked, headers in ELSEWHERE.items():
        for route in routes(wizard):
            answer = ask(new_client(wizard.app), route, **named, **headers)
            assert (route.name in PROBES) is not is_refused(answer), (asked, route)
    assert {request.url.path for request in wizard.sent} <= {
        "/api/status",
        "/api/v1/projects",
        "/api/v1/auth/universal-auth/login",
    }


# ── Posts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Origin(NamedTuple):
    """What a browser says of where a post comes from, and how it is answered without our token."""

    headers: dict[str, str]
    status: int
    slug: str


ORIGINS = {
    "a page of ours": Origin({"Sec-Fetch-Site": "same-origin"}, 400, "page-too-old"),
    "the address bar": Origin({"Sec-Fetch-Site": "none"}, 400, "page-too-old"),
    "a program": Origin({}, 400, "page-too-old"),
    "a page of ours, old browser": Origin({"Origin": "http://localhost"}, 400, "page-too-old"),
    "another site": Origin({"Sec-Fetch-Site": "cross-site"}, 403, "from-elsewhere"),
    "a sibling": Origin({"Sec-Fetch-Site": "same-site"}, 403, "from-elsewhere"),
    "a new word": Origin({"Sec-Fetch-Site": "made-up"}, 403, "from-elsewhere"),
    "two words": Origin({"Sec-Fetch-Site": "same-origin,cross-site"}, 403, "from-elsewhere"),
    "another site that names us": Origin(
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403, "from-elsewhere"
    ),
    "another site, old browser": Origin({"Origin": "http://evil.example"}, 403, "from-elsewhere"),
    "another scheme": Origin({"Origin": "https://localhost"}, 403, "from-elsewhere"),
    "another port": Origin({"Origin": "http://localhost:81"}, 403, "from-elsewhere"),
    "a sandboxed frame": Origin({"Origin": "null"}, 403, "from-elsewhere"),
    "no origin at all": Origin({"Origin": ""}, 403, "from-elsewhere"),
    "half an origin": Origin({"Origin": "http://["}, 403, "from-elsewhere"),
    "a longer name": Origin({"Origin": "http://localhost.evil.example"}, 403, "from-elsewhere"),
}


POSTS = {
    FORM,
    f"/connections/supabase/{SOME_ID}/edit",
    "/syncs/new/supabase",
    *(f"/syncs/supabase/{SOME_ID}{below}" for below in ("", "/edit", "/delete")),
    f"/native/{SOME_ID}/move",
}


@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)
def test_every_post_must_carry_our_token_and_come_from_our_pages(
    sandbox: Sandbox, own_sandbox: Sandbox, origin: Origin
) -> None:
    assert {route.path for route in routes(sandbox) if route.method == "POST"} == POSTS
    posts = [*((sandbox, path) for path in POSTS), (own_sandbox, "/sign-in"), (own_sandbox, "/sign-out")]
    for wizard, path in posts:
        answer = ask(new_client(wizard.app), Route("", "POST", path), **origin.headers)
        assert answer.status_code == origin.status, path
        assert read_page(answer.text).problem == origin.slug
        assert wizard.sent == []


@pytest.mark.parametrize("path", [FORM, "/sign-in", "/sign-out"])
def test_who_is_not_signed_in_can_forge_nothing_either(own_sandbox: Sandbox, path: str) -> None:
    somebody = new_client(own_sandbox.app)
    assert somebody.post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert somebody.post(path).status_code in (303, 400)
    assert own_sandbox.sent == []


def test_signing_out_cannot_be_done_by_another_site(own_sandbox: Sandbox) -> None:
    somebody = new_client(own_sandbox.app)
    somebody.sign_in()
    assert somebody.post("/sign-out", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert somebody.post("/sign-out", data={"csrf_token": "made-up"}).status_code == 400
    assert somebody.get("/projects").status_code == 200


def test_what_another_site_posts_leaves_the_form_that_is_open_as_it_was(
    sandbox: Sandbox, good_token: str
) -> None:
    mine = new_client(sandbox.app)
    form = mine.page(FORM)
    for path in (FORM, "/sign-in", "/sign-out", "/nowhere"):
        # Browsers send it without the session's cookie, and keep what is set in answer.
        answer = new_client(sandbox.app).post(path, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code in (403, 404)
        assert "Set-Cookie" not in answer.headers
    assert mine.submit(form, name="still-open", access_token=good_token).status_code == 303


def test_a_token_of_another_browser_is_none(sandbox: Sandbox, good_token: str) -> None:
    theirs = new_client(sandbox.app).page(FORM)
    mine = new_client(sandbox.app)
    mine.page(FORM)
    sandbox.sent.clear()
    answer = mine.submit(theirs, name="x", access_token=good_token)
    assert (answer.status_code, read_page(answer.text).problem) == (400, "page-too-old")
    assert sandbox.sent == []


def typed(answer: TestResponse) -> dict[str, Any]:
    page = read_page(answer.text)
    back = page.links()["Open the form again"]
    return dict(httpx.URL(f"http://localhost{back}").params)


def test_a_failed_check_keeps_the_fields_but_the_token(client: Client, good_token: str) -> None:
    data = {"project_id": "organization", "name": "kept", "description": "too", "access_token": good_token}
    answer = client.post(FORM, data=data)
    assert answer.status_code == 400
    assert good_token not in answer.text
    assert typed(answer) == {"project": "organization", "name": "kept", "description": "too"}
    form = client.page(read_page(answer.text).links()["Open the form again"])
    assert (form.field("name"), form.field("access_token")) == ("kept", "")


def test_a_form_that_was_opened_before_the_key_was_replaced_is_still_taken(
    tmp_path: Path, clock: Clock
) -> None:
    old, new = "made-up-old-key-of-thirty-two-letters", "made-up-new-key-of-thirty-two-letters"
    before = new_client(sandbox_in(tmp_path, clock, CONNECT_SECRET_KEY=old).app)
    form = before.page(FORM)
    after = new_client(sandbox_in(tmp_path, clock, CONNECT_SECRET_KEY=f"{new},{old}").app)
    held = before.get_cookie("connect")
    assert held is not None
    after.set_cookie("connect", held.value)
    assert after.submit(form, name="", access_token="").status_code == 422
    strange = new_client(sandbox_in(tmp_path, clock, CONNECT_SECRET_KEY=new).app)
    strange.set_cookie("connect", held.value)
    assert strange.submit(form, name="", access_token="").status_code == 400


# ── How much, and how ──────────────────────────────────────────────────────────────────────────────────────────────


def test_no_route_takes_a_body_that_is_too_large(sandbox: Sandbox) -> None:
    kinds = ("application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", "")
    for route in routes(sandbox):
        for kind in kinds:
            answer = FlaskClient.open(
                new_client(sandbox.app),
                route.path,
                method=route.method,
                data=b"x" * (LARGEST_REQUEST + 1),
                content_type=kind,
                headers={"Sec-Fetch-Site": "same-origin"},
                base_url="http://localhost",
            )
            assert answer.status_code == 413, (route, kind)
    assert sandbox.sent == []


def test_a_body_of_64_kb_is_taken(client: Client) -> None:
    page = client.page(FORM)
    data = {**page.hidden_fields(), "name": "x"}
    room = LARGEST_REQUEST - sum(len(name) + len(str(text)) + 200 for name, text in data.items())
    assert client.post(FORM, data={**data, "description": "x" * room}).status_code == 422


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "MADE-UP"])
def test_no_route_takes_a_method_that_it_does_not_know(sandbox: Sandbox, method: str) -> None:
    for path in sorted({route.path for route in routes(sandbox)}):
        answer = ask(new_client(sandbox.app), Route("", method, path))
        assert answer.status_code == 405, path
        assert read_page(answer.text).problem == "wrong-method"
        assert set(answer.headers["Allow"].split(", ")) == {
            route.method for route in routes(sandbox) if route.path == path
        }
    assert sandbox.sent == []


@pytest.mark.parametrize("path", ["//connections", "/connections//new", "//evil.example", "///"])
def test_slashes_that_stand_twice_lead_to_no_other_site(sandbox: Sandbox, path: str) -> None:
    # Handed over as the server does: the test client would read a host in it.
    answer = FlaskClient.open(new_client(sandbox.app), "/", environ_overrides={"PATH_INFO": path})
    location = urlsplit(answer.headers.get("Location", ""))
    assert location.netloc in ("", "localhost")
    assert not location.path.startswith("//")
    assert "evil" not in location.geturl()


# ── Readiness ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_readiness_is_found_out_once_in_five_seconds_however_often_somebody_asks(
    sandbox: Sandbox, clock: Clock
) -> None:
    probe = new_client(sandbox.app)
    for _ in range(20):
        assert probe.get("/readyz").status_code == 200
    asked = len(sandbox.sent)
    assert asked <= 3
    clock.passes(6)
    probe.get("/readyz")
    assert len(sandbox.sent) > asked
