"""The whole set of headers of every answer: of each route, of each refusal, over plain http and over https."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

from app import LARGEST_REQUEST
from tests.conftest import FORM, Client, Clock, Sandbox, new_client, sandbox_in
from tests.pages import read_page
from tests.sandbox.world import PAYMENTS_ID

ON_EVERY_ANSWER = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Request-ID": "(16 hex digits)",
    "Content-Length": "(a number)",
}
NOT_KEPT = {**ON_EVERY_ANSWER, "Cache-Control": "no-store"}
HTML = {**NOT_KEPT, "Content-Type": "text/html; charset=utf-8"}
PAGE = HTML
ASKING = {**HTML, "Vary": "Cookie"}
"""A page that looks into the session."""
KEEPING = {**ASKING, "Set-Cookie": "(the session)"}
"""A page that keeps something there: the project in hand, or the token of its form."""
JSON = {**NOT_KEPT, "Content-Type": "application/json"}
CALENDAR = {
    **NOT_KEPT,
    "Content-Type": "text/calendar; charset=utf-8",
    "Content-Disposition": 'attachment; filename="mine-token.ics"',
}
STYLES = {
    **ON_EVERY_ANSWER,
    "Content-Type": "text/css; charset=utf-8",
    "Cache-Control": "public, max-age=31536000, immutable",
}
SYNC = "/syncs/supabase/5c11d7a2-0000-4000-8000-000000000001"
NATIVE = "/native/0a11d7a2-0000-4000-8000-000000000001"
"""The one that the sandbox has from the start."""

ALONE_OVER = {"http": {}, "https": {"Strict-Transport-Security": "max-age=31536000"}}


def led_to(place: str) -> dict[str, str]:
    return {**HTML, "Vary": "Cookie", "Location": place}


def with_allow(*methods: str) -> dict[str, str]:
    return {"Allow": ", ".join(sorted(methods))}


class Request(NamedTuple):
    """One request and its answer: the status, and every header."""

    asked: str
    status: int
    headers: dict[str, str]
    sent: bytes = b""
    more: dict[str, str] | None = None


class Wizard(NamedTuple):
    """A running wizard that is reached over one scheme, with a connection in it."""

    sandbox: Sandbox
    scheme: str
    reach: dict[str, str]
    connection: str
    static: str

    def ask(self, request: Request, **reach: str) -> TestResponse:
        method, _, path = request.asked.partition(" ")
        headers = {**self.reach, **reach, **(request.more or {})}
        peer = {"REMOTE_ADDR": headers.pop("peer")}
        return FlaskClient.open(
            new_client(self.sandbox.app),
            path,
            method=method,
            headers=headers,
            data=request.sent,
            base_url="http://localhost",
            environ_overrides=peer,
        )


REACHED = {
    "http": {"Host": "localhost:8000", "peer": "127.0.0.1"},
    "https": {
        "Host": "connect.example.com",
        "peer": "10.0.0.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-User": "ada",
    },
}
SETTINGS = {
    "http": {},
    "https": {
        "CONNECT_ACCESS": "proxy",
        "CONNECT_PROXY_TRUSTED": "10.0.0.7",
        "CONNECT_HOSTS": "connect.example.com",
    },
}


@pytest.fixture(params=REACHED)
def wizard(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, good_token: str) -> Wizard:
    here = new_client(sandbox_in(tmp_path, clock).app)
    connection = here.fill_in(name="mine", access_token=good_token).location.partition("?")[0]
    (static,) = set(re.findall(r'"(/static/[^"]+/connect.css)"', here.get("/sandbox").text))
    reached = sandbox_in(tmp_path, clock, **SETTINGS[request.param])
    return Wizard(reached, request.param, REACHED[request.param], connection, static)


def shown(headers: Headers, *, scheme: str) -> dict[str, str]:
    """The headers, with what differs from answer to answer by its shape."""
    session = {
        "http": r"connect-8000=[\w.-]+; HttpOnly; Path=/; SameSite=Lax",
        "https": r"__Host-connect=[\w.-]+; Secure; HttpOnly; Path=/; SameSite=Lax",
    }
    shapes = {
        "X-Request-ID": ("[0-9a-f]{16}", "(16 hex digits)"),
        "Content-Length": ("[0-9]+", "(a number)"),
        "Set-Cookie": (session[scheme], "(the session)"),
    }
    told = {}
    for name, text in headers.items():
        assert name not in told, f"{name} stands twice"
        shape, word = shapes.get(name, ("$.", ""))
        told[name] = word if re.fullmatch(shape, text) else text
    if "Allow" in told:
        told["Allow"] = ", ".join(sorted(told["Allow"].split(", ")))
    return told


def routes(wizard: Wizard) -> Iterator[Request]:
    """A request for each method of each route."""
    scope = "?project=organization"
    gets = {
        "/": (303, led_to("/connections?project=11d7a2c4-5f0e-4b6a-9c3d-2e8f7a6b5c4d")),
        f"/connections{scope}": (200, KEEPING),
        f"/connections/reminders.ics{scope}": (404, KEEPING),
        "/projects": (200, ASKING),
        f"/connections/new{scope}": (200, KEEPING),
        f"{FORM}/token{scope}": (200, KEEPING),
        f"{FORM}{scope}": (200, KEEPING),
        f"{FORM}/outcome": (400, PAGE),
        wizard.connection: (200, KEEPING),
        f"{wizard.connection}/edit": (200, KEEPING),
        f"{wizard.connection}/outcome": (400, PAGE),
        f"{wizard.connection}/reminder.ics?expires_on=2027-02-21": (200, CALENDAR),
        f"/syncs?project={PAYMENTS_ID}": (200, KEEPING),
        f"/syncs/new/supabase?project={PAYMENTS_ID}": (200, KEEPING),
        "/syncs/new/supabase/outcome": (400, PAGE),
        SYNC: (200, KEEPING),
        f"{SYNC}/edit": (200, KEEPING),
        f"{SYNC}/delete": (200, KEEPING),
        f"{SYNC}/outcome": (400, PAGE),
        f"/native?project={PAYMENTS_ID}": (200, KEEPING),
        f"{NATIVE}/move?project={PAYMENTS_ID}": (200, KEEPING),
        f"{NATIVE}/outcome": (400, PAGE),
        "/sandbox": (200, PAGE),
        "/healthz": (200, JSON),
        "/readyz": (200, JSON),
        wizard.static: (200, STYLES),
    }
    of_syncs = ("/syncs/new/supabase", SYNC, f"{SYNC}/edit", f"{SYNC}/delete")
    posts = dict.fromkeys((FORM, f"{wizard.connection}/edit", *of_syncs, f"{NATIVE}/move"), (400, PAGE))
    for path, (status, headers) in gets.items():
        yield Request(f"GET {path}", status, headers)
        yield Request(f"HEAD {path}", status, headers)
        both = ("GET", "HEAD", "OPTIONS", *(["POST"] if path.partition("?")[0] in posts else []))
        yield Request(f"OPTIONS {path}", 200, {**HTML, **with_allow(*both)})
    for path, (status, headers) in posts.items():
        yield Request(f"POST {path}", status, headers)


def refusals(wizard: Wizard) -> Iterator[Request]:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    yield Request("GET /nowhere", 404, PAGE)
    yield Request("GET /static/x/connect.css", 200, {**STYLES, "Cache-Control": "no-store"})
    yield Request("GET /static/x/missing.css", 404, PAGE)
    yield Request("PUT /projects", 405, {**PAGE, **with_allow("GET", "HEAD", "OPTIONS")})
    # Where people do not sign in here, these pages are none.
    for path in ("/sign-in", "/sign-in/company", "/sign-in/callback", "/sign-out"):
        yield Request(f"GET {path}", 404, PAGE)
    yield Request(f"POST {FORM}", 413, PAGE, b"x" * (LARGEST_REQUEST + 1), form)
    yield Request(f"POST {FORM}", 403, PAGE, more={"Sec-Fetch-Site": "cross-site"})
    elsewhere = 403 if wizard.scheme == "http" else 421
    yield Request("GET /", elsewhere, PAGE, more={"Host": "evil.example"})
    location = f"{wizard.scheme}://{wizard.reach['Host']}/connections/new"
    yield Request("GET /connections//new", 308, {**HTML, "Location": location})
    if wizard.scheme == "https":
        yield Request("GET /projects", 403, PAGE, more={"X-Forwarded-User": ""})


Difference = tuple[int, int, dict[str, str], dict[str, str]]


def differences(
    wizard: Wizard, requests: Iterable[Request], *, scheme: str | None = None
) -> dict[str, Difference]:
    """What is answered otherwise than it should be: the status that came and the one expected, and likewise the
    headers that are not on both sides."""
    otherwise = {}
    for request in requests:
        answer = wizard.ask(request)
        came = set(shown(answer.headers, scheme=scheme or wizard.scheme).items())
        expected = set({**request.headers, **ALONE_OVER[scheme or wizard.scheme]}.items())
        if (answer.status_code, came) != (request.status, expected):
            more, less = dict(came - expected), dict(expected - came)
            otherwise[request.asked] = (answer.status_code, request.status, more, less)
    return otherwise


def test_every_route_answers_with_exactly_these_headers(wizard: Wizard) -> None:
    assert differences(wizard, routes(wizard)) == {}


def test_no_route_is_left_out(wizard: Wizard) -> None:
    adapter = wizard.sandbox.app.url_map.bind("")
    asked = set()
    with wizard.sandbox.app.app_context():
        for request in routes(wizard):
            method, _, path = request.asked.partition(" ")
            asked.add(
                (adapter.match(path.partition("?")[0], method=method, return_rule=True)[0].rule, method)
            )
    known = {
        (rule.rule, method)
        for rule in wizard.sandbox.app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    assert known == asked


def test_every_refusal_answers_with_exactly_these_headers(wizard: Wizard) -> None:
    assert differences(wizard, refusals(wizard)) == {}


def test_what_is_refused_for_plain_http_or_for_its_peer_has_them_as_well(
    tmp_path: Path, clock: Clock
) -> None:
    behind = sandbox_in(tmp_path, clock, **{**SETTINGS["https"], "CONNECT_HOSTS": "localhost, c.example"})
    wizard = Wizard(behind, "http", {"Host": "c.example", "peer": "10.0.0.7"}, "", "")
    forged = {"Host": "localhost", "peer": "203.0.113.66", "X-Forwarded-Proto": "https"}
    requests = [Request("GET /projects", 403, PAGE), Request("GET /projects", 403, PAGE, more=forged)]
    assert differences(wizard, requests) == {}


def test_who_is_led_to_the_sign_in_gets_them_as_well(tmp_path: Path, clock: Clock) -> None:
    wizard = Wizard(sandbox_in(tmp_path, clock, CONNECT_ACCESS="sign-in"), "http", REACHED["http"], "", "")
    requests = [
        Request("GET /sign-in", 200, KEEPING),
        Request("GET /projects", 303, {**HTML, "Location": "/sign-in?next=/projects"}),
        Request("GET /", 303, {**HTML, "Location": "/sign-in?next=/"}),
        Request(f"POST {FORM}", 303, {**HTML, "Location": f"/sign-in?next={FORM}"}),
        Request("GET /sign-in/callback", 404, PAGE),
        Request("GET /sign-out", 405, {**PAGE, **with_allow("OPTIONS", "POST")}),
    ]
    assert differences(wizard, requests) == {}


PORTALS = "https://portal.example.com, https://intranet.example.com:8443"
FRAMED = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}


def frame_ancestors(answer: TestResponse) -> str:
    assert "X-Frame-Options" not in answer.headers
    return answer.headers["Content-Security-Policy"].partition("; frame-ancestors ")[2]


def test_portals_that_are_named_may_show_the_pages_in_a_frame_and_nobody_else_may(
    wizard: Wizard, tmp_path: Path
) -> None:
    named = {**SETTINGS[wizard.scheme], "CONNECT_FRAME_ANCESTORS": PORTALS}
    framed = wizard._replace(sandbox=sandbox_in(tmp_path, wizard.sandbox.clock, **named))
    assert {frame_ancestors(wizard.ask(request, **FRAMED)) for request in routes(wizard)} == {"'none'"}
    for request in (*routes(framed), *refusals(framed)):
        for headers in ({}, FRAMED):
            answer = framed.ask(request, **headers)
            assert frame_ancestors(answer) == "https://portal.example.com https://intranet.example.com:8443"


AT_THE_COMPANY = {
    "CONNECT_ACCESS": "oidc",
    "CONNECT_OIDC_ISSUER": "http://127.0.0.1:1",
    "CONNECT_OIDC_CLIENT_ID": "made-up",
    "CONNECT_OIDC_CLIENT_SECRET": "made-up-secret",
}
ASKED_IN_A_FRAME: list[tuple[dict[str, str], str, str]] = [
    ({"CONNECT_ACCESS": "sign-in"}, "/sign-in", "/sign-in"),
    ({"CONNECT_ACCESS": "sign-in"}, "/projects", "/sign-in?next=/projects"),
    ({"CONNECT_ACCESS": "sign-in"}, "/sign-in?next=//evil.example&ended=1", "/sign-in"),
    (AT_THE_COMPANY, "/projects", "/sign-in?next=/projects"),
    (AT_THE_COMPANY, "/sign-in/company?next=/projects", "/sign-in?next=/projects"),
]


@pytest.mark.parametrize(("settings", "asked", "leads_to"), ASKED_IN_A_FRAME)
def test_where_people_sign_in_is_no_page_for_a_frame_but_a_link_that_takes_the_whole_window(
    tmp_path: Path, clock: Clock, settings: dict[str, str], asked: str, leads_to: str
) -> None:
    somebody = new_client(sandbox_in(tmp_path, clock, CONNECT_FRAME_ANCESTORS=PORTALS, **settings).app)
    assert frame_ancestors(somebody.get(asked, follow_redirects=True)) == "'none'"
    for dest in ("iframe", "frame", "embed", "object"):
        headers = {**FRAMED, "Sec-Fetch-Dest": dest}
        answer = somebody.get(asked, headers=headers, follow_redirects=True)
        page = read_page(answer.text)
        link = page.by_id("sign-in")
        assert link is not None
        assert (link.get("target"), link.get("href"), page.all("form")) == ("_top", leads_to, [])
        assert frame_ancestors(answer).startswith("https://portal.example.com ")


def test_a_frame_makes_no_difference_where_no_portal_is_named(own_sandbox: Sandbox) -> None:
    answer = new_client(own_sandbox.app).get("/sign-in", headers=FRAMED)
    assert frame_ancestors(answer) == "'none'"
    assert read_page(answer.text).by_id("identity-form") is not None


def test_who_signs_out_in_a_frame_is_told_so_there(tmp_path: Path, clock: Clock) -> None:
    settings = {"CONNECT_ACCESS": "sign-in", "CONNECT_FRAME_ANCESTORS": PORTALS}
    somebody = new_client(sandbox_in(tmp_path, clock, **settings).app)
    somebody.sign_in()
    form = somebody.page("/projects").hidden_fields()
    answer = somebody.post("/sign-out", data=form, headers=FRAMED | {"Sec-Fetch-Site": "same-origin"})
    page = read_page(somebody.get(answer.location, headers=FRAMED).text)
    assert "You are signed out." in page.text


def test_signing_in_sets_the_two_cookies_and_nothing_else(own_sandbox: Sandbox) -> None:
    somebody = new_client(own_sandbox.app)
    answer = somebody.sign_in()
    names = [cookie.partition("=")[0] for cookie in answer.headers.getlist("Set-Cookie")]
    assert sorted(names) == ["connect", "connect-sign-in"]
    answer.headers.remove("Set-Cookie")
    assert shown(answer.headers, scheme="http") == {**HTML, "Vary": "Cookie", "Location": "/"}


def test_a_fault_of_ours_has_them_as_well(wizard_at: Callable[..., Client]) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise RuntimeError("a sentence that only the log may know")

    answer = wizard_at(broken).get("/projects")
    assert answer.status_code == 500
    assert shown(answer.headers, scheme="http") == ASKING


def test_every_answer_has_a_request_id_of_its_own_whatever_the_client_sends(sandbox: Sandbox) -> None:
    told = [
        new_client(sandbox.app).get("/healthz", headers={"X-Request-ID": "made-up"}).headers["X-Request-ID"]
        for _ in range(3)
    ]
    assert len(set(told)) == 3
    assert "made-up" not in told


def test_no_other_origin_may_read_an_answer(wizard: Wizard) -> None:
    for request in routes(wizard):
        answer = wizard.ask(request, Origin="https://evil.example")
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")], request.asked


def test_no_json_comes_as_a_script(sandbox: Sandbox) -> None:
    answer = new_client(sandbox.app).get("/healthz?callback=made_up&jsonp=made_up")
    assert answer.mimetype == "application/json"
    assert answer.json == {"status": "alive"}
