"""The wizard inside another Flask app: each side keeps its own templates, protection, limits, errors and headers."""

import json
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from flask import Blueprint, Flask, Response, abort, redirect, render_template, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server
from werkzeug.wrappers import Response as Answer

import app
from app import LARGEST_REQUEST, Principal, create_app, mount
from app.config import Settings, SettingsError
from app.sandbox import (
    SANDBOX_CLIENT_ID,
    SANDBOX_CLIENT_SECRET,
    SandboxTransport,
    create_sandbox,
    prepare_database,
    sandbox_token,
)
from app.web.services import EXTENSION
from tests.conftest import FORM, HOST, SECRET_KEY, Client, Clock, Recording, new_client
from tests.pages import PageUnderTest, read_page
from tests.portal import LIMIT, guard, make_portal, protect

README = (Path(__file__).parent.parent / "README.md").read_text()
PREFIX = "/team/connect"
SANDBOX = {"CONNECT_SANDBOX": "on"}
OURS = "default-src 'none';"
MISSING = "adb321fa-eccb-491a-98b9-d58994355946"


@dataclass
class House:
    """A portal with the wizard in it, and what the wizard sent to its sandbox."""

    portal: Flask
    sent: list[httpx.Request]
    prefix: str = PREFIX

    def client(self, *, name: str | None = "Ada", at: str = "http://localhost") -> Client:
        """A new browser, in which somebody has logged in to the portal; with None, nobody has."""
        browser = new_client(self.portal)
        browser.prefix = self.prefix
        if name is not None:
            with browser.session_transaction(base_url=at) as held:
                held["user"] = name
        return browser


Build = Callable[..., House]


@pytest.fixture
def build(tmp_path: Path, clock: Clock) -> Build:
    """Mounts the wizard in a portal, on a sandbox whose waits pass at once."""

    def built(portal: Flask, *, prefix: str = PREFIX, guarded_by: Any = guard, **environ: str) -> House:
        database = tmp_path / "sandbox.sqlite"
        prepare_database(database)
        sent: list[httpx.Request] = []
        network = SandboxTransport(create_sandbox(database, clock=clock), sleep=clock.passes)
        mount(
            portal,
            url_prefix=prefix,
            guard=guarded_by,
            settings=Settings.load_mounted({**SANDBOX, **environ}, None),
            data=database,
            transport=Recording(network, sent),
            clock=clock,
            monotonic=clock.monotonic,
        )
        return House(portal, sent, prefix.rstrip("/"))

    return built


@pytest.fixture(params=["protected, then mounted", "mounted, then protected"])
def house(build: Build, request: pytest.FixtureRequest) -> House:
    """The wizard in the portal that `tests/portal` holds, whichever was set up first."""
    portal = make_portal()
    if request.param == "protected, then mounted":
        protect(portal)
        return build(portal)
    house = build(portal)
    protect(portal)
    return house


@pytest.fixture
def browser(house: House) -> Iterator[Client]:
    client = house.client()
    with client:
        yield client


def is_the_portals(answer_or_page: PageUnderTest) -> bool:
    return "The layout of the portal" in answer_or_page.text


# ── Both sides work ────────────────────────────────────────────────────────────────────────────────────────────────


def walk(client: Client, start: str) -> PageUnderTest:
    """From the list to the created connection, by what stands on each page."""
    page = client.page(start)
    for words in ("Add Connection", "Supabase Connection", "I have my token"):
        page = client.page(next(href for text, href in page.links().items() if words in text))
    answer = client.submit(page, name="my-connection", access_token=sandbox_token())
    assert answer.status_code == 303, answer.text
    return client.page(answer.location)


def test_a_person_of_the_portal_walks_from_the_list_to_the_created_connection(browser: Client) -> None:
    created = walk(browser, f"{PREFIX}/")
    assert created.heading == "my-connection is connected"
    assert "Ada" in created.text
    assert "my-connection" in browser.page(f"{PREFIX}/connections").text


def test_each_side_has_templates_filters_and_names_of_its_own(browser: Client) -> None:
    theirs = browser.page("/connections")
    assert theirs.heading == "Train connections"
    assert "Basel to Milan, a name that the portal gives to every template" in theirs.text
    assert "MONDAY" in browser.page("/").text
    ours = browser.page(f"{PREFIX}/connections")
    assert ours.heading == "App Connections"
    assert not is_the_portals(ours)
    assert "a name that the portal gives" not in ours.text


def test_the_portals_session_keeps_what_it_had(browser: Client) -> None:
    browser.page("/")
    with browser.session_transaction() as held:
        before = {**held}
    walk(browser, f"{PREFIX}/")
    with browser.session_transaction() as held:
        after = {**held}
    assert {name: after[name] for name in before} == before
    assert all(name.startswith("connect") for name in set(after) - set(before))
    assert browser.page("/").heading == "Visit 2"


# ── Forged requests ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_portal_refuses_a_post_without_its_token_and_takes_one_with_it(browser: Client) -> None:
    refused = browser.post("/login", data={"user": "Eve"})
    assert refused.status_code == 400
    assert is_the_portals(read_page(refused.text))
    token = browser.page("/login").hidden_fields()
    assert browser.post("/login", data={**token, "user": "Grace"}).status_code == 302


def test_our_forms_are_checked_by_us(house: House, browser: Client) -> None:
    theirs = browser.page("/login").hidden_fields()
    for data in ({}, theirs):
        answer = browser.post(f"{PREFIX}{FORM}", data={**data, "name": "a", "access_token": sandbox_token()})
        assert answer.status_code == 400
        assert read_page(answer.text).problem == "page-too-old"
    assert not [sent for sent in house.sent if sent.method == "POST" and "connections" in sent.url.path]


def test_our_forms_are_checked_where_the_portal_checks_none(build: Build) -> None:
    portal = make_portal(WTF_CSRF_ENABLED=False)
    protect(portal)
    browser = build(portal).client()
    assert browser.post("/login", data={"user": "Grace"}).status_code == 302
    assert read_page(browser.post(f"{PREFIX}{FORM}", data={"name": "a"}).text).problem == "page-too-old"
    assert walk(browser, f"{PREFIX}/").heading == "my-connection is connected"


# ── Limits ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_portals_limit_counts_its_pages_and_none_of_ours(browser: Client) -> None:
    form = browser.page(f"{PREFIX}{FORM}")
    for _ in range(2 * LIMIT):
        assert browser.get(f"{PREFIX}{FORM}?project=organization").status_code == 200
        assert browser.submit(form, name="", access_token="").status_code == 422
    assert [browser.get("/connections").status_code for _ in range(LIMIT + 1)] == [*[200] * LIMIT, 429]
    assert is_the_portals(read_page(browser.get("/connections").text))


def test_a_portal_whose_limits_are_off_holds_the_wizard(build: Build) -> None:
    portal = make_portal(RATELIMIT_ENABLED=False)
    protect(portal)
    browser = build(portal).client()
    assert walk(browser, f"{PREFIX}/").heading == "my-connection is connected"
    assert {browser.get("/").status_code for _ in range(LIMIT + 1)} == {200}


def test_every_limiter_of_the_portal_leaves_our_pages_alone(build: Build) -> None:
    portal = make_portal()
    house = build(portal)
    for limits in ({"default_limits": ["1 per hour"]}, {"application_limits": ["1 per hour"]}):
        Limiter(get_remote_address, app=portal, storage_uri="memory://", **limits)  # type: ignore[arg-type]
    browser = house.client()
    assert {browser.get(f"{PREFIX}/projects").status_code for _ in range(3)} == {200}
    assert [browser.get("/").status_code for _ in range(2)] == [200, 429]


# ── Headers ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/", "/connections", "/nowhere", f"{PREFIX}/nowhere"])
def test_the_portals_answers_keep_their_headers(browser: Client, path: str) -> None:
    headers = browser.get(path).headers
    assert headers["X-Portal"] == "yes"
    for name in ("Content-Security-Policy", "X-Request-ID", "Cross-Origin-Opener-Policy", "Cache-Control"):
        assert name not in headers


@pytest.mark.parametrize("path", ["/connections", "/projects", "/healthz", "/static/x/y.css", FORM])
def test_our_answers_carry_our_headers(browser: Client, path: str) -> None:
    headers = browser.get(f"{PREFIX}{path}").headers
    assert headers["Content-Security-Policy"].startswith(OURS)
    assert headers["X-Request-ID"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Portal"] == "yes"


def test_a_portal_that_is_named_may_show_our_pages_in_a_frame_and_its_own_stay_as_they_are(
    build: Build,
) -> None:
    house = build(make_portal(), CONNECT_FRAME_ANCESTORS="https://portal.example.com")
    policy = house.client().get(f"{PREFIX}/projects").headers["Content-Security-Policy"]
    assert policy.endswith("; frame-ancestors https://portal.example.com")
    assert "Content-Security-Policy" not in house.client().get("/").headers


def test_a_page_that_the_guard_gives_keeps_the_portals_headers(build: Build) -> None:
    def shows_the_login() -> Answer:
        return Response(render_template("layout.html", title="Log in first"), 401)

    answer = build(make_portal(), guarded_by=shows_the_login).client().get(f"{PREFIX}/connections")
    assert answer.status_code == 401
    assert is_the_portals(read_page(answer.text))
    assert "Content-Security-Policy" not in answer.headers


def test_an_answer_that_the_guard_gives_has_the_name_that_the_audit_log_tells(
    build: Build, tmp_path: Path
) -> None:
    log = tmp_path / "audit.jsonl"

    def refuses() -> Answer:
        return redirect("/login")

    house = build(make_portal(), guarded_by=refuses, CONNECT_AUDIT_LOG=str(log))
    answer = house.client().get(f"{PREFIX}/connections")
    (line,) = [json.loads(text) for text in log.read_text().splitlines()]
    assert line["request_id"] == answer.headers["X-Request-ID"]


def test_whether_the_whole_host_wants_https_is_for_the_portal_to_say(browser: Client) -> None:
    answer = browser.get(f"{PREFIX}/projects", base_url="https://localhost")
    assert answer.status_code in (200, 302)
    assert "Strict-Transport-Security" not in answer.headers


# ── Errors ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        f"{PREFIX}/nowhere",
        f"{PREFIX}/connections/supabase/no-uuid",
        f"{PREFIX}/sign-in",
        f"{PREFIX}x",
    ],
)
def test_an_address_that_nothing_has_is_the_portals(browser: Client, path: str) -> None:
    assert is_the_portals(browser.page(path, status=404))


def test_a_method_that_an_address_does_not_take_is_the_portals(browser: Client) -> None:
    answer = browser.post(f"{PREFIX}/connections")
    assert answer.status_code == 405
    assert is_the_portals(read_page(answer.text))


@pytest.mark.parametrize("path", ["/static/x/missing.css", f"/connections/supabase/{MISSING}/reminder.ics"])
def test_what_a_page_of_ours_does_not_have_is_told_by_us(browser: Client, path: str) -> None:
    page = browser.page(f"{PREFIX}{path}", status=404)
    assert page.problem == "page-not-found"
    assert page.links()["Go to App Connections"] == f"{PREFIX}/"


def test_a_query_that_is_no_text_is_told_by_us(browser: Client) -> None:
    answer = browser.get(f"{PREFIX}/projects", environ_overrides={"QUERY_STRING": "q=\xff"})
    assert (answer.status_code, read_page(answer.text).problem) == (400, "not-understood")


@pytest.mark.parametrize("theirs", [None, 10, 10 * LARGEST_REQUEST])
def test_a_body_is_bounded_by_us_whatever_the_portal_takes_and_reads_first(
    build: Build, theirs: int | None
) -> None:
    portal = make_portal(MAX_CONTENT_LENGTH=theirs)

    @portal.before_request
    def reads_first() -> None:
        request.form.get("anything")

    browser = build(portal).client()
    form = browser.page(f"{PREFIX}{FORM}")
    assert browser.submit(form, name="", description="x" * 1000).status_code == 422
    answer = browser.post(f"{PREFIX}{FORM}", data={"description": "x" * LARGEST_REQUEST})
    assert (answer.status_code, read_page(answer.text).problem) == (413, "too-large")
    assert answer.headers["Content-Security-Policy"].startswith(OURS)


def a_portal_on(answer: Callable[[httpx.Request], httpx.Response]) -> House:
    portal = make_portal()
    settings = Settings.load_mounted({"INFISICAL_HOST": HOST, "INFISICAL_TOKEN": "made-up-token"}, None)
    mount(portal, url_prefix=PREFIX, guard=guard, settings=settings, transport=httpx.MockTransport(answer))
    return House(portal, [])


def broken(_: httpx.Request) -> httpx.Response:
    raise RuntimeError("a sentence that only the log may know")


def test_a_fault_in_a_page_of_ours_is_told_by_us(caplog: pytest.LogCaptureFixture) -> None:
    house = a_portal_on(broken)
    house.portal.register_error_handler(500, lambda _: ("the portal's page", 500))
    page = house.client().page(f"{PREFIX}/connections", status=500)
    assert page.problem == "server-error"
    assert "only the log may know" in caplog.text


def test_a_fault_of_the_portals_is_told_by_the_portal() -> None:
    house = a_portal_on(broken)
    house.portal.register_error_handler(500, lambda _: (render_template("layout.html", title="Broken"), 500))
    house.portal.add_url_rule("/broken", view_func=lambda: str(1 // 0))
    assert is_the_portals(house.client().page("/broken", status=500))


def test_a_portal_under_test_sees_our_faults_as_they_are() -> None:
    house = a_portal_on(broken)
    browser = house.client()
    house.portal.testing = True
    with pytest.raises(RuntimeError, match="only the log may know"):
        browser.get(f"{PREFIX}/connections")


def test_what_a_hook_of_the_portals_refuses_is_told_by_the_portal(build: Build) -> None:
    portal = make_portal()
    portal.before_request(lambda: abort(401))
    portal.register_error_handler(
        401, lambda _: (render_template("layout.html", title="The portal is closed"), 401)
    )
    answer = build(portal).client().get(f"{PREFIX}/connections")
    assert (answer.status_code, is_the_portals(read_page(answer.text))) == (401, True)
    assert "Content-Security-Policy" not in answer.headers


# ── The guard ──────────────────────────────────────────────────────────────────────────────────────────────────────


def our_pages(portal: Flask) -> Iterator[tuple[str, str, str]]:
    """Each page of ours: its name, a method that it takes, and its address."""
    for rule in portal.url_map.iter_rules():
        if rule.endpoint.startswith("connect."):
            address = re.sub(r"<uuid:\w+>", MISSING, re.sub(r"<(path:)?(version|name)>", "x", rule.rule))
            address = re.sub(r"<any\([^>]+>", "edit", address).replace("<connected_app:app>", "supabase")
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule.endpoint.removeprefix("connect."), method, address


OPEN = {"static_file", "healthz", "readyz"}


def test_only_static_files_and_health_are_open_to_somebody_whom_the_portal_does_not_know(
    house: House,
) -> None:
    stranger = house.client(name=None)
    pages = list(our_pages(house.portal))
    assert len(pages) > 12
    for name, method, address in pages:
        before = len(house.sent)
        answer = stranger.open(address, method=method)
        if name in OPEN:
            assert answer.status_code in (200, 404), address
        else:
            assert (answer.status_code, answer.location) == (302, "/login"), address
            assert len(house.sent) == before, address


def test_the_guard_sees_the_cookies_as_they_came(build: Build) -> None:
    seen: list[str | None] = []

    def passes_it_on() -> Principal | Answer:
        seen.append(request.headers.get("Cookie"))
        return guard()

    client = build(make_portal(), guarded_by=passes_it_on).client()
    client.set_cookie("made-up", "of-the-portal")
    assert client.get(f"{PREFIX}/projects").status_code == 200
    assert "made-up=of-the-portal" in (seen[0] or "")


def test_what_lets_somebody_in_is_out_of_wsgis_environment_once_the_guard_was_asked(build: Build) -> None:
    portal = make_portal()
    left: list[str] = []

    @portal.after_request
    def look(response: Response) -> Response:
        left.extend(name for name in request.environ if name in ("HTTP_COOKIE", "HTTP_AUTHORIZATION"))
        return response

    client = build(portal, guarded_by=guard).client()
    assert client.get(f"{PREFIX}/projects", headers={"Authorization": "Bearer made-up"}).status_code == 200
    assert left == []


def test_the_guard_is_asked_once_for_each_page_and_not_for_what_is_open(build: Build) -> None:
    asked: list[str] = []

    def counts() -> Principal:
        asked.append(str(request.endpoint))
        return A_PERSON

    house = build(make_portal(), guarded_by=counts)
    browser = house.client()
    pages = [(name, address) for name, method, address in our_pages(house.portal) if method == "GET"]
    for _, address in pages:
        browser.get(address)
    assert sorted(asked) == sorted(f"connect.{name}" for name, _ in pages if name not in OPEN)


A_PERSON = Principal(subject="portal:1", name="Ada", way_in="portal")


@pytest.mark.parametrize(
    "returned",
    [
        None,
        True,
        1,
        "",
        "Ada",
        ("Ada", 200),
        {"subject": "Ada"},
        Principal,
        HTTPException(),
        replace(A_PERSON, subject=""),
        replace(A_PERSON, subject=7),  # type: ignore[arg-type]
        replace(A_PERSON, name=None),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_nobody_is_let_in_by_a_guard_that_returns_neither_a_person_nor_a_response(
    build: Build, caplog: pytest.LogCaptureFixture, returned: object
) -> None:
    house = build(make_portal(), guarded_by=lambda: returned)
    page = house.client().page(f"{PREFIX}/connections", status=403)
    assert page.problem == "nobody-named"
    assert house.sent == []
    assert "The guard must return a Principal" in caplog.text
    answer = house.client().post(f"{PREFIX}{FORM}", data={"name": "a", "access_token": sandbox_token()})
    assert (answer.status_code, house.sent) == (403, [])


def test_what_the_guard_raises_is_the_portals_to_tell(
    build: Build, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuses() -> Principal:
        abort(401, response=None)

    portal = make_portal()
    portal.register_error_handler(401, lambda _: (render_template("layout.html", title="Log in"), 401))
    house = build(portal, guarded_by=refuses)
    answer = house.client().get(f"{PREFIX}/connections")
    assert (answer.status_code, is_the_portals(read_page(answer.text))) == (401, True)
    assert "Content-Security-Policy" not in answer.headers
    assert house.sent == []
    assert '"action":"refusal","result":"not-let-in"' in capfd.readouterr().out


def test_an_error_of_the_portals_own_that_the_guard_raises_is_handled_there(build: Build) -> None:
    class LogInFirst(Exception):
        pass

    def refuses() -> Principal:
        raise LogInFirst

    portal = make_portal()
    portal.register_error_handler(LogInFirst, lambda _: redirect("/login"))
    answer = build(portal, guarded_by=refuses).client().get(f"{PREFIX}/connections")
    assert (answer.status_code, answer.location) == (302, "/login")


def test_a_guard_that_breaks_lets_nobody_in(build: Build) -> None:
    house = build(make_portal(), guarded_by=lambda: 1 // 0)
    assert house.client().get(f"{PREFIX}/connections").status_code == 500
    assert house.sent == []


def test_the_audit_log_names_the_person_of_the_guard(house: House, capfd: pytest.CaptureFixture[str]) -> None:
    house.client(name="Grace").post(f"{PREFIX}{FORM}", data={"name": "a"})
    (line,) = [line for line in capfd.readouterr().out.splitlines() if '"result":"page-too-old"' in line]
    assert '"subject":"portal:Grace","name":"Grace","way_in":"portal"' in line


def test_nobody_is_told_where_infisical_is_before_the_guard_has_let_them_in() -> None:
    house = a_portal_on(broken)
    page = house.client(name=None).get(f"{PREFIX}/static/x/y.css")
    assert page.status_code == 404
    assert "infisical.test" not in page.text


def test_the_readiness_of_a_mounted_wizard_names_no_host_to_strangers() -> None:
    redirect = httpx.Response(302, headers={"Location": "https://sso.internal.example/"})
    answer = a_portal_on(lambda _: redirect).client(name=None).get(f"{PREFIX}/readyz")
    assert answer.json == {
        "status": "not ready",
        "reason": "Infisical did not answer as it should.",
        "requestId": None,
    }


# ── Where it is ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("prefix", "behind", "config"),
    [
        (PREFIX, "", {}),
        (f"{PREFIX}/", "", {}),
        ("/connections", "", {}),
        (PREFIX, "/behind/a-proxy", {}),
        (PREFIX, "/behind", {"APPLICATION_ROOT": "/behind"}),
        (PREFIX, "", {"SERVER_NAME": "portal.example", "PREFERRED_URL_SCHEME": "https"}),
    ],
)
def test_every_address_on_our_pages_stays_below_the_prefix(
    build: Build, prefix: str, behind: str, config: dict[str, Any]
) -> None:
    house = build(make_portal(**config), prefix=prefix)
    base = f"http://localhost{behind}"
    browser, below = house.client(at=base), f"{behind}{house.prefix}/"
    seen = set[tuple[str, ...]]()
    ahead = deque([below, f"{below}connections/new/supabase?name=late"])
    while ahead:
        address = ahead.popleft().partition("#")[0]
        path, _, query = address.partition("?")
        kind = (path, *sorted(parse_qs(query)))
        if kind in seen:
            continue
        seen.add(kind)
        answer = browser.get(address.removeprefix(behind), base_url=base)
        assert answer.status_code in (200, 303, 400), address
        found = [answer.location] if answer.location else []
        if answer.mimetype == "text/html" and answer.status_code != 303:
            found = read_page(answer.text).addresses
        assert [address for address in found if not address.startswith(below)] == []
        ahead.extend(found)
    assert len(seen) > 15


def test_a_refused_form_and_its_answer_stay_below_the_prefix_behind_a_proxys_own(build: Build) -> None:
    browser = build(make_portal()).client()
    base = "http://localhost/behind"
    form = read_page(browser.get(f"{PREFIX}{FORM}?project=organization", base_url=base).text)
    data = {**form.hidden_fields(), "name": "a", "instance_url": "https://api.supabase.com"}
    refused = browser.post(f"{PREFIX}{FORM}", base_url=base, data=data)
    assert refused.status_code == 422
    assert all(address.startswith(f"/behind{PREFIX}/") for address in read_page(refused.text).addresses)
    data["access_token"] = sandbox_token()
    created = browser.post(f"{PREFIX}{FORM}", base_url=base, data=data)
    assert created.status_code == 303
    assert created.location.startswith(f"/behind{PREFIX}/connections/supabase/")


def test_the_prefix_alone_leads_to_the_wizard(browser: Client) -> None:
    assert browser.page(PREFIX).heading == "App Connections"


def test_two_portals_in_one_process_each_have_a_wizard_of_their_own(tmp_path: Path) -> None:
    first = a_portal_on(lambda _: httpx.Response(200, json={"projects": []}))
    second = make_portal()
    mount(
        second,
        url_prefix="/elsewhere",
        guard=lambda: redirect("/second"),
        settings=Settings.load_mounted(SANDBOX, None),
        data=tmp_path / "second.sqlite",
    )
    alone = create_app(Settings.load(SANDBOX, None), data=tmp_path / "second.sqlite", secret_key=SECRET_KEY)
    assert "infisical.test" in first.client().page(f"{PREFIX}/projects").text
    assert new_client(second).get("/elsewhere/projects").location == "/second"
    assert new_client(second).get(f"{PREFIX}/projects").status_code == 404
    assert new_client(alone).page("/sandbox").heading == "The sandbox"
    assert "Sandbox" in new_client(alone).page("/projects").text


# ── What cannot be mounted ─────────────────────────────────────────────────────────────────────────────────────────


def an_app(**config: Any) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.config.update({"SECRET_KEY": SECRET_KEY, **config})
    return app


def with_a_blueprint_of_our_name() -> Flask:
    app = an_app()
    app.register_blueprint(Blueprint("connect", __name__))
    return app


def with_the_wizard() -> Flask:
    app = an_app()
    mount(app, url_prefix="/first", guard=guard, settings=WITH_A_TOKEN)
    return app


WITH_A_TOKEN = Settings.load_mounted({"INFISICAL_HOST": HOST, "INFISICAL_TOKEN": "made-up-token"}, None)


@pytest.mark.parametrize(
    ("portal", "differently", "says"),
    [
        (with_the_wizard, {}, "already in this app"),
        (with_a_blueprint_of_our_name, {}, "a blueprint called connect"),
        (lambda: an_app(SECRET_KEY=None), {}, "no SECRET_KEY"),
        (lambda: Flask(__name__, host_matching=True, static_folder=None), {}, "host_matching"),
        (an_app, {"url_prefix": "connect"}, "url_prefix must be"),
        (an_app, {"url_prefix": "/"}, "url_prefix must be"),
        (an_app, {"url_prefix": ""}, "url_prefix must be"),
        (an_app, {"url_prefix": "/<tenant>/connect"}, "url_prefix must be"),
        (an_app, {"guard": None}, "guard must be"),
        (an_app, {"settings": Settings.load_mounted(SANDBOX, None)}, "name one with data="),
    ],
)
def test_what_cannot_work_is_said_at_once(
    portal: Callable[[], Flask], differently: dict[str, Any], says: str
) -> None:
    usual: dict[str, Any] = {"url_prefix": PREFIX, "guard": guard, "settings": WITH_A_TOKEN}
    with pytest.raises((ValueError, TypeError), match=says):
        mount(portal(), **{**usual, **differently})


def test_mounting_starts_no_thread_and_asks_nobody_anything(build: Build) -> None:
    before = threading.enumerate()
    assert build(make_portal()).sent == []
    assert threading.enumerate() == before


def test_the_guard_has_to_be_named() -> None:
    with pytest.raises(TypeError, match="guard"):
        mount(an_app(), url_prefix=PREFIX)  # type: ignore[call-arg]


def test_settings_that_say_who_comes_in_are_refused() -> None:
    for environ in ({"CONNECT_ACCESS": "sign-in", **SANDBOX}, {"INFISICAL_HOST": HOST}):
        with pytest.raises(SettingsError, match="its guard says who may come in"):
            mount(an_app(), url_prefix=PREFIX, guard=guard, settings=Settings.load(environ, None))


def test_without_settings_those_of_the_process_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INFISICAL_HOST", HOST)
    with pytest.raises(SettingsError, match="INFISICAL_TOKEN"):
        mount(an_app(), url_prefix=PREFIX, guard=guard)


def test_nothing_in_the_portal_has_changed_where_mounting_failed() -> None:
    app = an_app()
    with pytest.raises(SettingsError):
        mount(app, url_prefix=PREFIX, guard=guard, settings=Settings.load({"INFISICAL_HOST": HOST}, None))
    assert (app.blueprints, app.extensions, list(app.url_map.iter_rules())) == ({}, {}, [])


# ── Keys ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def keys_in(portal: Flask, **environ: str) -> list[str]:
    """What signs and opens in a wizard that is mounted there."""
    credential = {"INFISICAL_HOST": HOST, "INFISICAL_TOKEN": "made-up-token"}
    settings = Settings.load_mounted({**credential, **environ}, None)
    mount(portal, url_prefix=PREFIX, guard=guard, settings=settings)
    return [key.reveal() for key in portal.extensions[EXTENSION].secret_keys]


def test_the_portals_keys_sign_where_the_settings_have_none() -> None:
    portal = an_app(SECRET_KEY=b"\x00made-up-bytes", SECRET_KEY_FALLBACKS=["made-up-old-key", b"\xff"])
    assert keys_in(portal) == [b"\x00made-up-bytes".hex(), "made-up-old-key", "ff"]


def test_the_settings_keys_come_before_the_portals() -> None:
    assert keys_in(an_app(), CONNECT_SECRET_KEY=SECRET_KEY) == [SECRET_KEY]


# ── The README ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def an_infisical(tmp_path: Path) -> Iterator[str]:
    """The address of a sandbox that answers on a real port."""
    database = tmp_path / "infisical.sqlite"
    prepare_database(database)
    server = make_server("127.0.0.1", 0, create_sandbox(database, clock=lambda: datetime.now(UTC)))
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    serving.join()
    server.server_close()


def test_the_readmes_ten_lines_run_as_they_stand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, an_infisical: str
) -> None:
    lines = (
        README.partition("## Inside your own Flask app")[2].partition("```python\n")[2].partition("```")[0]
    )
    assert len([line for line in lines.splitlines() if line]) <= 10
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INFISICAL_HOST", an_infisical)
    monkeypatch.setenv("INFISICAL_UNIVERSAL_AUTH_CLIENT_ID", SANDBOX_CLIENT_ID)
    monkeypatch.setenv("INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET", SANDBOX_CLIENT_SECRET)
    monkeypatch.setenv("PORTAL_SECRET_KEY", SECRET_KEY)
    # The wheel is installed by that name; a checkout imports the folder.
    monkeypatch.setitem(sys.modules, "infisical_connect", app)
    told: dict[str, Any] = {}
    exec(compile(lines, "README.md", "exec"), told)  # noqa: S102  # our own README
    browser = new_client(told["portal"])
    assert browser.get("/connect/").location == "/login"
    with browser.session_transaction() as held:
        held["user"] = "Ada"
    page = browser.page("/connect/")
    assert page.heading == "App Connections"
    assert "Ada" in page.text
