"""Line breaks, escapes and direction marks from outside split no line of a log and no header of an answer."""

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.auth.test_sign_in import jwt
from tests.conftest import FORM, PROJECT, Client, Clock, Sandbox, new_client, sandbox_in
from tests.infisical.answers import connection, error
from tests.processes import Served, serving
from tests.test_any_text import repeatable

LINE_BREAKERS = (
    "a\r\nSet-Cookie: connect-sign-in=b",
    'a\n{"at":"2026-11-23T00:00:00.000Z","action":"create","result":"ok"}',
    "a\x85b\u2028c\u2029d\x0b\x0ce\x1c\x1d\x1ef",
    "a\x1b[2K\x1b[1A\x1b[31mb\x07\x08",
    "a\x00b",
    "a\u202eb\u2066c",
    "a" * 100_000,
    "\ud800",
)
KEYS = {
    "at", "action", "result", "subject", "name", "way_in", "address", "request_id", "project", "connection_id",
    "connection_name", "infisical_request_id",
}  # fmt: skip


def entries(log: Path) -> list[dict[str, str]]:
    """The entries of an audit log, once each of them is one line of plain ASCII and of the keys that we know."""
    raw = log.read_bytes()
    assert re.fullmatch(rb"([ -~]{1,4095}\n)*", raw)
    read = [json.loads(line) for line in raw.decode().splitlines()]
    assert all(set(entry) <= KEYS for entry in read)
    return read


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


@pytest.mark.parametrize("text", LINE_BREAKERS, ids=lambda text: ascii(text)[:20])
def test_what_infisical_says_stays_within_one_line_of_the_audit_log(
    wizard_at: Callable[..., Client], log: Path, text: str
) -> None:
    """Names of people and connections, and request IDs; the first answer lets in, the others refuse."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/user":
            return answered({"user": {"id": "made-up", "email": text}})
        if request.method == "POST":
            return answered({"reqId": text, "error": "BadRequest", "message": text}, status=400)
        if "connection-name" in request.url.path:
            return error(404, "NotFound", "Could not find App Connection with name x")
        project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
        return answered({"projects": [project], "project": project, "appConnection": connection()})

    app = wizard_at(
        answer, INFISICAL_TOKEN="", CONNECT_AUDIT_LOG=str(log), CONNECT_PREFLIGHT="off"
    ).application
    for token in (jwt(userId=text), jwt(identityId=text, identityName=text), "made-up"):
        somebody = new_client(app)
        form = somebody.page("/sign-in").hidden_fields("token-form")
        assert somebody.post("/sign-in", data={**form, "infisical_token": token[:2000]}).status_code == 303
        somebody.fill_in(f"{FORM}?project={PROJECT}", name="mine", access_token="sbp_" + "0" * 40)
    told = entries(log)
    assert {"sign-in", "create"} <= {entry["action"] for entry in told}


def answered(body: Any, *, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=json.dumps(body), headers={"content-type": "application/json"})


@pytest.mark.parametrize("text", LINE_BREAKERS, ids=lambda text: ascii(text)[:20])
def test_what_people_type_stays_within_one_line_of_the_audit_log(
    tmp_path: Path, clock: Clock, log: Path, text: str
) -> None:
    sandbox = sandbox_in(tmp_path, clock, CONNECT_ACCESS="sign-in", CONNECT_AUDIT_LOG=str(log))
    typed = text.encode(errors="replace").decode()[:20_000]
    stranger = new_client(sandbox.app)
    stranger.sign_in(client_id=typed, client_secret="made-up-and-wrong")
    stranger.sign_in()
    for name in ("name", "description", "project_id"):
        fields: dict[str, str] = {"name": "mine", "access_token": "sbp_" + "0" * 40, name: typed}
        stranger.fill_in(**fields)
    assert entries(log)


@repeatable
@given(
    name=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60)
    | st.sampled_from(("ada\r\nX-Made-Up: 1", "a,b", '"a"', "\xe2\x80\xaeada", "ada\x1b[31m")),
)
def test_a_name_that_a_proxy_hands_on_splits_nothing(
    behind_a_proxy: Sandbox, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    client = new_client(behind_a_proxy.app)
    answer = client.get("/projects", environ_overrides={"HTTP_X_FORWARDED_USER": name})
    assert answer.status_code in (200, 403)
    assert "X-Made-Up" not in answer.headers


@pytest.fixture(scope="module")
def behind_a_proxy(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return sandbox_in(
        tmp_path_factory.mktemp("proxy"),
        Clock(),
        CONNECT_ACCESS="proxy",
        CONNECT_PROXY_TRUSTED="127.0.0.1",
    )


# ── A real server ──────────────────────────────────────────────────────────────────────────────────────────────────


def spoken(served: Served, raw: bytes) -> bytes:
    """What the server answers to these bytes, until it closes or has said all."""
    port = urlsplit(served.url).port
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connected:
        connected.sendall(raw)
        connected.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connected.recv(65536):
            answer += piece
    return answer


def request(line: str, *headers: str, body: str = "") -> bytes:
    return "\r\n".join((line, "Host: localhost", "Connection: close", *headers, "", body)).encode("latin-1")


FORM_TYPE = "Content-Type: application/x-www-form-urlencoded"
HOSTILE_REQUESTS = {
    "escapes in the path": request("GET /\x1b[31m%1b%5b31mred HTTP/1.1"),
    "a line in the path": request("GET /a%0d%0aSet-Cookie:%20a=b%0a[x]%20GET%20/%20200 HTTP/1.1"),
    "a line separator in the path": request(f"GET /{quote(chr(0x2028))}{quote(chr(0x85))} HTTP/1.1"),
    "a bare line feed": request("GET /a\nX: y HTTP/1.1"),
    "escapes in the method": request("GE\x1b[31mT / HTTP/1.1"),
    "a line in a header": request("GET /sign-in HTTP/1.1", "X-A: b\rSet-Cookie: a=b"),
    "a folded header": request("GET /sign-in HTTP/1.1", "X-A: b", " Host: evil.example"),
    "two hosts": request("GET /sign-in HTTP/1.1", "Host: evil.example"),
    "a header without end": request("GET /sign-in HTTP/1.1", "Cookie: " + "a" * 100_000),
    "a thousand headers": request("GET /sign-in HTTP/1.1", *(f"X-{number}: a" for number in range(1000))),
    "a cookie of bytes": request("GET /projects HTTP/1.1", "Cookie: connect-sign-in=\xff\xfe\x80; connect=\xff"),
    "a length that is none": request("POST /sign-in HTTP/1.1", FORM_TYPE, "Content-Length: x", body="a=b"),
    "a length below zero": request("POST /sign-in HTTP/1.1", FORM_TYPE, "Content-Length: -1", body="a=b"),
    "a length that is too short": request("POST /sign-in HTTP/1.1", FORM_TYPE, "Content-Length: 1", body="way=token"),
    "a length that is too long": request("POST /sign-in HTTP/1.1", FORM_TYPE, "Content-Length: 900", body="a=b"),
    "a length beyond measure": request("POST /sign-in HTTP/1.1", FORM_TYPE, f"Content-Length: {10**18}", body="a=b"),
    "a length and chunks": request(
        "POST /sign-in HTTP/1.1", FORM_TYPE, "Content-Length: 5", "Transfer-Encoding: chunked",
        body="0\r\n\r\nGET /projects HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ),
    "chunks without end": request(
        "POST /sign-in HTTP/1.1", FORM_TYPE, "Transfer-Encoding: chunked", body="4000\r\n" + ("a" * 0x4000 + "\r\n4000\r\n") * 8
    ),
    "chunks of no size": request("POST /sign-in HTTP/1.1", FORM_TYPE, "Transfer-Encoding: chunked", body="zz\r\na\r\n"),
    "an encoding that is none": request("POST /sign-in HTTP/1.1", FORM_TYPE, "Transfer-Encoding: made-up", body="a=b"),
}  # fmt: skip


def test_no_request_splits_a_line_or_a_header_of_a_real_server_or_lets_anybody_in(tmp_path: Path) -> None:
    settings = {
        "CONNECT_SANDBOX": "on",
        "CONNECT_ACCESS": "sign-in",
        "CONNECT_AUDIT_LOG": "audit.log",
    }
    with serving(folder=tmp_path, settings=settings) as served:
        answers = {name: spoken(served, raw) for name, raw in HOSTILE_REQUESTS.items()}
        assert spoken(served, request("GET /sign-in HTTP/1.1")).startswith(b"HTTP/1.1 200")
        left = served.stop()
    for name, answer in answers.items():
        head = answer.partition(b"\r\n\r\n")[0]
        assert not head.startswith(b"HTTP/1.1 5") or b" 501" in head[:20], (name, head)
        assert b"connect-sign-in=g" not in head, name
        assert not re.search(rb"^set-cookie: a=b", head, re.IGNORECASE | re.MULTILINE), name
    lines = left.stdout.splitlines()
    shape = re.compile(r"\[[^] ]+ [+-]\d{4}\] [A-Z]+ [!-~]+ \d{3} [\d.]+s [0-9a-f-]+")
    assert [line for line in lines if not shape.fullmatch(line)] == []
    assert len(lines) <= len(HOSTILE_REQUESTS) + 1
    assert re.fullmatch(r"[ -~\n]*", left.stderr), left.stderr
    assert all(entry["result"] for entry in entries(tmp_path / "audit.log"))
