"""Behind a real nginx that ends https and signs people in, in front of the real server."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_httpserver import HTTPServer
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.wrappers import Response

from app.sandbox import sandbox_token
from tests import nginx
from tests.conftest import FORM
from tests.nginx import HOST, Nginx
from tests.pages import PageUnderTest, read_page
from tests.processes import Served, serving

pytestmark = pytest.mark.full

PAGE = (Path(__file__).parent.parent.parent / "docs/authentication.md").read_text()
DOCUMENTED = PAGE.partition("```nginx\n")[2].partition("```")[0]
PASSING_ON = DOCUMENTED.replace("X-Forwarded-For $remote_addr", "X-Forwarded-For $proxy_add_x_forwarded_for")

SETTINGS = {
    "CONNECT_ACCESS": "proxy",
    "CONNECT_PROXY_TRUSTED": "127.0.0.1",
    "CONNECT_PROXY_ALLOWED_GROUPS": "platform",
    "CONNECT_HOSTS": HOST,
    "CONNECT_AUDIT_LOG": "audit.log",
}
GROUPS = {"X_Test_Groups": "platform"}
PERSON = {"X-Forwarded-User": "mallory", "X-Forwarded-Groups": "platform"}
HTTPS = {"X-Forwarded-Proto": "https", "Host": HOST}


@dataclass(frozen=True)
class Behind:
    """The server, and two nginx before it: one as docs/authentication.md has it, one that passes on what it was told of hops."""

    folder: Path
    served: Served
    front: Nginx
    passing_on: Nginx

    def direct(self, *, address: str, **headers: str) -> httpx.Response:
        """Asks the server past nginx, from an address of this machine."""
        told = {name.replace("_", "-"): text for name, text in headers.items()}
        with httpx.Client(transport=httpx.HTTPTransport(local_address=address)) as client:
            return client.get(f"{self.served.url}/projects", headers={**HTTPS, **told})

    def raw(self, request: str) -> bytes:
        """What the server answers to these bytes when they come from the proxy's own address."""
        with socket.create_connection(
            ("127.0.0.1", httpx.URL(self.served.url).port or 0), timeout=30
        ) as spoken:
            spoken.sendall(request.replace("\n", "\r\n").encode("latin-1"))
            return b"".join(iter(lambda: spoken.recv(65536), b""))

    def audit(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "audit.log").read_text().splitlines()]


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("behind")
    with ExitStack() as running:
        served = running.enter_context(serving(folder=folder, settings=SETTINGS))
        fronts = []
        for name, location in (("front", DOCUMENTED), ("passing-on", PASSING_ON)):
            (folder / name).mkdir()
            block = location.replace("http://10.0.0.5:8000", served.url)
            assert served.url in block
            fronts.append(running.enter_context(nginx.running(folder / name, location=block)))
        yield Behind(folder, served, *fronts)


def problem_of(answer: httpx.Response) -> str | None:
    return read_page(answer.text).problem


def on(client: httpx.Client, url: str) -> PageUnderTest:
    answer = client.get(url, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return read_page(answer.text)


# ── Through nginx ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_is_not_signed_in_does_not_reach_the_server(behind: Behind) -> None:
    with behind.front.client() as nobody:
        assert nobody.get("/projects", auth=("ada", "made-up-and-wrong")).text == "sign in"


def test_the_person_comes_in_over_https_with_cookies_bound_to_the_host(behind: Behind) -> None:
    with behind.front.client(**GROUPS) as ada:
        answer = ada.get(f"{FORM}?project=organization")
    assert answer.status_code == 200
    assert "ada" in read_page(answer.text).text
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.headers["Set-Cookie"].startswith(f"__Host-connect-{behind.front.port}=")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(answer.headers["Set-Cookie"].split("; "))
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-ID"])


def test_a_connection_is_created_and_the_audit_log_names_the_person_and_their_address(behind: Behind) -> None:
    with behind.front.client(address="127.0.0.5", **GROUPS) as ada:
        form = on(ada, f"{FORM}?project=organization")
        fields: dict[str, Any] = {**form.hidden_fields(), "name": "mine", "access_token": sandbox_token()}
        origin = {"Origin": behind.front.url}
        answer = ada.post(FORM, data={**fields, "instance_url": ""}, headers=origin)
        assert answer.status_code == 303, answer.text
        assert on(ada, answer.headers["Location"]).text_of("connection-name") == "mine"
    (line,) = [line for line in behind.audit() if line["action"] == "create"]
    assert (line["subject"], line["name"], line["way_in"]) == ("ada", "ada", "proxy")
    assert (line["address"], line["result"]) == ("127.0.0.5", "ok")


@pytest.mark.parametrize("size", [0, 9_000, 30_000])
def test_the_signing_in_proxys_cookie_stays_with_it_however_large_it_is(
    tmp_path: Path, httpserver: HTTPServer, size: int
) -> None:
    httpserver.expect_request("/projects").respond_with_handler(lambda asked: Response(repr(asked.cookies)))
    with nginx.running(
        tmp_path, location=DOCUMENTED.replace("http://10.0.0.5:8000", httpserver.url_for("").rstrip("/"))
    ) as front:
        theirs = {f"_oauth2_proxy_{number}": "x" * 3_000 for number in range(size // 3_000)}
        ours = {f"__Host-connect-{front.port}": "ours", "__Host-connect": "another-wizards"}
        with front.client() as ada:
            for cookies in ({**theirs, **ours}, {**ours, **theirs}, theirs):
                sent = "; ".join(f"{name}={text}" for name, text in cookies.items())
                answer = ada.get("/projects", headers={"Cookie": sent})
                kept = {name: text for name, text in cookies.items() if text == "ours"}
                assert (answer.status_code, answer.text) == (200, repr(ImmutableMultiDict(kept)))


@pytest.mark.parametrize("name", ["Cookie", "X-Forwarded-Groups", "X-Forwarded-Access-Token"])
def test_a_proxy_may_hand_on_a_field_of_thirty_kilobytes(behind: Behind, name: str) -> None:
    long = f"platform,{'x' * 30_000}" if name.endswith("Groups") else f"_oauth2_proxy={'x' * 30_000}"
    answer = behind.direct(address="127.0.0.1", **{**PERSON, name: long})
    assert answer.status_code == 200


def test_another_site_cannot_post_through_it(behind: Behind) -> None:
    with behind.front.client(**GROUPS) as ada:
        answer = ada.post(FORM, data={"name": "x"}, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, problem_of(answer)) == (403, "from-elsewhere")


@pytest.mark.parametrize(
    "forged",
    [
        {"X-Forwarded-User": "mallory"},
        {"x-forwarded-user": "mallory"},
        {"X_Forwarded_User": "mallory"},
        {"X-Forwarded-Groups": "admins"},
        {"X-Forwarded-Proto": "http"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-For": "203.0.113.66"},
        {"X-Forwarded-Prefix": "/evil", "X-Script-Name": "/evil", "Script-Name": "/evil"},
        {"SCRIPT_NAME": "/evil", "PATH_INFO": "/evil"},
        {"Forwarded": "for=203.0.113.66;proto=http;host=evil.example"},
    ],
)
def test_what_a_client_says_of_itself_is_replaced(behind: Behind, forged: dict[str, str]) -> None:
    with behind.front.client(**GROUPS) as ada:
        answer = ada.get(f"{FORM}?project=organization", headers=forged)
    assert answer.status_code == 200
    assert "mallory" not in answer.text
    assert "evil" not in answer.text
    assert answer.headers["Set-Cookie"].startswith("__Host-")


@pytest.mark.parametrize("spoofed", ["203.0.113.66", "203.0.113.66, 127.0.0.1", '"203.0.113.66', '"a\\"'])
def test_of_two_hops_the_last_alone_is_believed(behind: Behind, spoofed: str) -> None:
    with behind.passing_on.client(address="127.0.0.6", X_Test_Groups="others") as ada:
        answer = ada.get("/projects", headers={"X-Forwarded-For": spoofed})
    assert (answer.status_code, problem_of(answer)) == (403, "not-allowed")
    line = behind.audit()[-1]
    assert (line["result"], line["subject"], line["address"]) == ("not-allowed", "ada", "127.0.0.6")


def test_static_files_and_probes_come_through(behind: Behind) -> None:
    with behind.front.client() as ada:
        assert ada.get("/healthz").json() == {"status": "alive"}
        assert ada.get("/readyz").json() == {"status": "ready"}
        (style,) = set(re.findall(r'"(/static/[^"]+/connect.css)"', ada.get("/sandbox").text))
        answer = ada.get(style)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_wizard_for_this_machine_alone_is_not_opened_by_an_nginx_that_tells_of_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "front").mkdir()
    with ExitStack() as running:
        served = running.enter_context(serving(folder=tmp_path, settings={}))
        bare = f"location / {{ proxy_pass {served.url}; }}"
        front = running.enter_context(nginx.running(tmp_path / "front", location=bare))
        with front.client() as stranger:
            answer = stranger.get("/projects")
    assert (answer.status_code, problem_of(answer)) == (403, "not-this-machine")
    assert "HTTP/1.0" in answer.text


def test_a_wizard_where_people_sign_in_takes_no_secret_from_such_an_nginx(tmp_path: Path) -> None:
    (tmp_path / "front").mkdir()
    with ExitStack() as running:
        served = running.enter_context(serving(folder=tmp_path, settings={"CONNECT_ACCESS": "sign-in"}))
        bare = f"location / {{ proxy_pass {served.url}; }}"
        front = running.enter_context(nginx.running(tmp_path / "front", location=bare))
        with front.client() as stranger:
            answer = stranger.get("/sign-in")
    assert (answer.status_code, problem_of(answer)) == (403, "plain-http")


# ── Past nginx ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_forged_header_from_another_address_is_refused(behind: Behind) -> None:
    forged = behind.direct(address="127.0.0.2", **PERSON)
    assert (forged.status_code, problem_of(forged)) == (403, "not-the-proxy")
    # From the proxy's own address the very same request is believed.
    assert "mallory" in behind.direct(address="127.0.0.1", **PERSON).text
    assert behind.audit()[-1]["address"] == "127.0.0.2"


def test_the_proxys_address_in_a_header_is_not_its_address(behind: Behind) -> None:
    claims = {"X_Forwarded_For": "127.0.0.1", "Forwarded": "for=127.0.0.1", "X_Real_IP": "127.0.0.1"}
    forged = behind.direct(address="127.0.0.2", **PERSON, **claims)
    assert forged.status_code == 403
    assert behind.audit()[-1]["address"] == "127.0.0.2"


ASK = "GET /projects HTTP/1.1\nHost: connect.example.com\nX-Forwarded-Proto: https\nConnection: close\n"
GROUP = "X-Forwarded-Groups: platform\n"


@pytest.mark.parametrize(
    ("request_", "status", "slug"),
    [
        (f"{ASK}{GROUP}X-Forwarded-User: ada\n\n", 200, None),
        (f"{ASK}{GROUP}x-FORWARDED-user:ada\n\n", 200, None),
        (f"{ASK}{GROUP}X_Forwarded_User: ada\n\n", 403, "nobody-named"),
        (f"{ASK}{GROUP}X-Forwarded_User: ada\n\n", 403, "nobody-named"),
        (f"{ASK}{GROUP}HTTP_X_FORWARDED_USER: ada\n\n", 403, "nobody-named"),
        (f"{ASK}{GROUP}X-Forwarded-User: ada\nX-Forwarded-User: mallory\n\n", 403, "nobody-named"),
        (f"{ASK}{GROUP}X-Forwarded-User: ada\nX_Forwarded_User: mallory\n\n", 200, None),
        (f"{ASK}{GROUP}X-Forwarded-User: ada\nx-forwarded-user: ada\n\n", 403, "nobody-named"),
        (f"{ASK}{GROUP}X-Forwarded-User:\n\n", 403, "nobody-named"),
        (f"{ASK}X-Forwarded-User: ada\nX_Forwarded_Groups: platform\n\n", 403, "not-allowed"),
        (f"{ASK}{GROUP}X-Forwarded-User : ada\n\n", 400, None),
        (f"{ASK}{GROUP} X-Forwarded-User: ada\n\n", 400, None),
        (f"{ASK}{GROUP}X-Forwarded-User: a\x00da\n\n", 400, None),
        (f"{ASK}{GROUP}X-Forwarded-User: ada\n mallory\n\n", 400, None),
        (f"{ASK}{GROUP}X-Forwarded-User: ada\nHost: evil.example\n\n", 400, None),
        (f"{ASK}Content-Length: 1\nTransfer-Encoding: chunked\n\n", 400, None),
    ],
)
def test_no_spelling_of_the_header_is_taken_for_another(
    behind: Behind, request_: str, status: int, slug: str | None
) -> None:
    head, _, body = behind.raw(request_).partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode()
    assert b"mallory" not in body
    if slug is not None:
        assert f'data-problem="{slug}"'.encode() in body


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://connect.example.com/projects", HOST, b"200"),
        ("http://evil.example/projects", HOST, b"200"),
        ("http://connect.example.com/projects", "evil.example", b"421"),
        ("//evil.example/projects", HOST, b"404"),
        ("/projects", f"{HOST}:80@evil.example", b"421"),
        ("/projects", f"{HOST}.", b"421"),
        ("/projects", "", b"421"),
    ],
)
def test_the_host_header_alone_names_the_host(behind: Behind, target: str, host: str, status: bytes) -> None:
    asked = ASK.replace("/projects", target).replace(f"Host: {HOST}", f"Host: {host}")
    answer = behind.raw(f"{asked}{GROUP}X-Forwarded-User: ada\n\n")
    assert answer.split()[1] == status
    location = re.search(rb"(?i)\r\nlocation: ([^\r]*)", answer)
    assert location is None or b"evil" not in location[1]


def test_a_chunked_body_that_is_too_large_is_refused(behind: Behind) -> None:
    chunk = f"{64 * 1024 + 1:x}\n{'x' * (64 * 1024 + 1)}\n0\n\n"
    asked = ASK.replace("GET /projects", f"POST {FORM}")
    kind = "Content-Type: application/x-www-form-urlencoded\nTransfer-Encoding: chunked\n"
    answer = behind.raw(f"{asked}{GROUP}X-Forwarded-User: ada\n{kind}\n{chunk}")
    assert answer.split()[1] == b"413"
    assert b'data-problem="too-large"' in answer
