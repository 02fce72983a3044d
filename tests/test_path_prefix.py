"""Below a path of a host that has other things too: every address that the wizard writes begins with it."""

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from werkzeug.test import TestResponse

from app.config import Settings, SettingsError
from app.sandbox import sandbox_token
from app.server import first_line
from tests import nginx
from tests.auth.test_behind_nginx import DOCUMENTED, GROUPS, SETTINGS, on
from tests.conftest import FORM, Client, Clock, Sandbox, new_client, sandbox_in
from tests.every import holds_for_every
from tests.pages import read_page
from tests.processes import run_here, serving, told
from tests.test_routes import PROXY, WAYS_IN, routes

BELOW = "/team/connect"
HERE = "http://localhost"


def below(folder: Path, clock: Clock, **environ: str) -> tuple[Sandbox, Client]:
    wizard = sandbox_in(folder, clock, **{"CONNECT_PATH_PREFIX": BELOW, **environ})
    client = new_client(wizard.app)
    client.prefix = BELOW
    return wizard, client


def addresses_in(answer: TestResponse) -> Iterator[str]:
    """Every address of this host in an answer: links, forms, files, what scripts ask, and where it leads."""
    if answer.location:
        yield answer.location.removeprefix(HERE)
    if answer.mimetype == "text/html" and not answer.location:
        page = read_page(answer.text)
        yield from page.addresses
        for element in page.root.iter():
            yield from (
                text.removeprefix(HERE) for text in element.attrib.values() if text.startswith(f"{HERE}/")
            )


def walked_from(client: Client, *starts: str) -> dict[str, int]:
    """Every page that addresses lead to from these, with its status; an address may not lead out of the path."""
    found: dict[str, int] = {}
    ahead, seen = deque(starts), set(starts)
    while ahead:
        address = ahead.popleft()
        answer = client.get(address)
        found[urlsplit(address).path.removeprefix(BELOW)] = answer.status_code
        for further in addresses_in(answer):
            assert further.startswith(f"{BELOW}/"), (address, further)
            if urlsplit(further).path not in {urlsplit(one).path for one in seen}:
                seen.add(further)
                ahead.append(further)
    return found


@pytest.mark.parametrize("way_in", WAYS_IN)
def test_every_route_is_below_the_path_and_health_beside_it_as_well(
    tmp_path: Path, clock: Clock, way_in: str
) -> None:
    wizard, client = below(tmp_path, clock, **WAYS_IN[way_in])
    paths = {route.path for route in routes(wizard)}
    assert {path for path in paths if not path.startswith(f"{BELOW}/")} == {"/healthz", "/readyz"}
    assert {f"{BELOW}/healthz", f"{BELOW}/readyz", f"{BELOW}/", f"{BELOW}{FORM}"} <= paths

    def is_found_only_below(path: str) -> None:
        named = {"X-Forwarded-User": "ada", "X-Forwarded-Proto": "https"}
        peer = {"REMOTE_ADDR": PROXY} if way_in == "proxy" else {}
        answer = client.get(path.removeprefix(BELOW), headers=named if peer else {}, environ_overrides=peer)
        assert answer.status_code == (200 if path.endswith(("/healthz", "/readyz")) else 404)

    holds_for_every(paths, is_found_only_below)


def test_no_address_of_any_page_leads_out_of_the_path(tmp_path: Path, clock: Clock) -> None:
    _, client = below(tmp_path, clock, CONNECT_PATH_PREFIX=f"{BELOW}/")
    answers = [
        client.fill_in(name=f"a-{digits}", access_token=sandbox_token(digits)) for digits in ("4567", "0504")
    ]
    answers.append(client.fill_in(name="", access_token=""))
    assert [answer.status_code for answer in answers] == [303, 303, 422]
    further = {address for answer in answers for address in addresses_in(answer)}
    found = walked_from(client, f"{BELOW}/", f"{BELOW}/nowhere", "/nowhere", *further)
    assert {
        "/",
        "/connections",
        "/projects",
        "/connections/new",
        FORM,
        f"{FORM}/token",
        f"{FORM}/outcome",
        "/syncs",
        "/syncs/new/supabase",
        "/native",
    } <= set(found)
    assert {path for path, status in found.items() if status == 404} == {"/nowhere"}
    assert {status for path, status in found.items() if "/static/" in path} == {200}


def test_who_signs_in_is_led_back_below_the_path_and_nowhere_else(tmp_path: Path, clock: Clock) -> None:
    wizard, client = below(tmp_path, clock, CONNECT_ACCESS="sign-in")
    asked = client.get(f"{BELOW}/projects?q=a")
    assert asked.location == f"{BELOW}/sign-in?next={BELOW}/projects?q%3Da"
    answer = client.sign_in(client.page(asked.location))
    assert answer.location == f"{BELOW}/projects?q=a"
    cookies = answer.headers.getlist("Set-Cookie")
    assert all("; Path=/;" in f"{cookie};" for cookie in cookies)
    walked_from(client, f"{BELOW}/", f"{BELOW}/projects")

    def leads_to_the_start(elsewhere: str) -> None:
        # Signing in is bounded.
        clock.passes(90)
        somebody = new_client(wizard.app)
        somebody.prefix = BELOW
        answer = somebody.sign_in(somebody.page(f"{BELOW}/sign-in?next={elsewhere}"))
        assert answer.location == f"{BELOW}/"

    holds_for_every(
        ("/projects", "//evil.example/team/connect/projects", f"{BELOW}/../projects"), leads_to_the_start
    )


def test_no_header_tells_of_another_path(tmp_path: Path, clock: Clock) -> None:
    _, client = below(tmp_path, clock, CONNECT_ACCESS="sign-in", CONNECT_PROXY_TRUSTED="127.0.0.1")
    names = (
        "X-Forwarded-Prefix",
        "X-Forwarded-Path",
        "X-Script-Name",
        "Script-Name",
        "X-Original-Uri",
        "X-Forwarded-Uri",
    )
    answer = client.get(
        f"{BELOW}/projects", headers={**dict.fromkeys(names, "/evil"), "X-Forwarded-Proto": "https"}
    )
    assert answer.location == f"{BELOW}/sign-in?next={BELOW}/projects"


def test_serve_and_check_say_where_the_pages_are(tmp_path: Path) -> None:
    settings = {"CONNECT_PATH_PREFIX": BELOW}
    assert f" on http://127.0.0.1:8000{BELOW} – " in first_line(Settings.load(settings, None))
    done = run_here("check", folder=tmp_path, settings=settings)
    assert told(done.stdout)["Pages"] == f"http://127.0.0.1:8000{BELOW}"


def test_what_is_no_plain_path_is_a_fault() -> None:
    def is_a_fault(path: str) -> None:
        with pytest.raises(SettingsError, match="CONNECT_PATH_PREFIX must be a path such as /connect"):
            Settings.load({"CONNECT_PATH_PREFIX": path}, None)

    paths = ("/", "connect", "//a", "/a//b", "/a/../b", "/a/.", "/.a", "/a b", "/a?b", "/<x>", "/a%2fb", "/ä")
    holds_for_every((*paths, "https://connect.example.com/connect"), is_a_fault)


@pytest.mark.full
def test_behind_a_real_nginx_a_connection_is_created_below_the_path(tmp_path: Path) -> None:
    (tmp_path / "front").mkdir()
    with ExitStack() as running:
        served = running.enter_context(
            serving(folder=tmp_path, settings={**SETTINGS, "CONNECT_PATH_PREFIX": BELOW})
        )
        # nginx is told where the server is, without the path.
        server = served.url.removesuffix(BELOW)
        block = DOCUMENTED.replace("http://10.0.0.5:8000", server).replace("location /", f"location {BELOW}/")
        block = block.replace("__Host-connect=", "__Host-connect.team.connect=")
        front = running.enter_context(nginx.running(tmp_path / "front", location=block))
        with front.client(**GROUPS, X_Forwarded_Prefix="/evil") as ada:
            form = on(ada, f"{BELOW}{FORM}?project=organization")
            style = form.all("link")[-1].get("href") or ""
            assert ada.get(style).headers["Content-Type"].startswith("text/css")
            fields = {
                **form.hidden_fields(),
                "name": "mine",
                "access_token": sandbox_token(),
                "instance_url": "",
            }
            answer = ada.post(f"{BELOW}{FORM}", data=fields, headers={"Origin": front.url})
            assert answer.headers["Location"].startswith(f"{BELOW}/connections/supabase/")
            assert on(ada, answer.headers["Location"]).text_of("connection-name") == "mine"
            assert ada.get("/connections").status_code == 404
        assert httpx.get(f"{server}/healthz").json() == {"status": "alive"}
