"""The client over real sockets: certificates, proxies, servers that close, cut off, drip or redirect."""

import base64
import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Queue

import certifi
import httpx
import pytest
from flask import Flask

from app import create_app
from app.auth.id_tokens import Reason
from app.config import Settings, SettingsError
from app.connectors.instance_urls import read_instance_url
from app.core.http import Answer, Authorization, Deadline, Fault, HttpClient, HttpError, client_secret_basic
from app.core.network import NetworkTransport, certificates, proxy_for
from app.core.secret import Secret
from app.infisical.client import Infisical
from app.infisical.errors import (
    InfisicalError,
    NoAnswer,
    NotInfisical,
    PermissionDenied,
    ServerFailed,
    Unreachable,
)
from app.web.services import EXTENSION
from tests.conftest import new_client
from tests.every import holds_for_every
from tests.pages import read_page

from ..infisical.answers import TOKEN, connection, new_connection
from ..infisical.servers import CERTIFICATE, Play, Server, answer, read_request, saying

STATUS = b'{"message": "Ok"}'


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    with contextlib.ExitStack() as stack:

        def start(play: Play, *, tls: ssl.SSLContext | None = None, greeting: bytes = b"") -> Server:
            server = Server(play, tls=tls, greeting=greeting)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


OPENED: list[Infisical] = []


@pytest.fixture(autouse=True)
def closed_at_the_end() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def client_of(url: str, **settings: str) -> Infisical:
    given = {"INFISICAL_HOST": url, "INFISICAL_TOKEN": "made-up-token", **settings}
    OPENED.append(Infisical.from_settings(Settings.load(given, None)))
    return OPENED[-1]


def raised_by(call: Callable[[], object]) -> InfisicalError:
    with pytest.raises(InfisicalError) as raised:
        call()
    return raised.value


def reach_of(url: str, **settings: str) -> Fault:
    raised = raised_by(client_of(url, **settings).status)
    assert isinstance(raised, Unreachable)
    return Fault(raised.message)


def create_at(
    server: Server, *, seconds: float = 10, clock: Callable[[], float] = time.monotonic
) -> InfisicalError:
    infisical = client_of(f"http://127.0.0.1:{server.port}")
    deadline = Deadline.after(seconds, clock=clock)
    return raised_by(lambda: infisical.create(new_connection(), deadline=deadline))


def past_after(drops: list[bytes]) -> Callable[[], float]:
    """A clock by which every deadline has passed once some drops were sent, however slow the machine is before that."""
    return lambda: 60.0 if len(drops) > 3 else 0.0


def test_a_connection_is_created_over_a_real_socket(serve: Callable[..., Server]) -> None:
    server = serve(saying(answer(json.dumps({"appConnection": connection()}).encode())))
    infisical = client_of(f"http://127.0.0.1:{server.port}")
    assert infisical.create(new_connection(), deadline=Deadline.after(10)).name == "my-supabase-connection"
    assert b"authorization: bearer made-up-token" in server.requests[0].lower()


def test_a_connection_is_kept_for_the_next_call(serve: Callable[..., Server]) -> None:
    server = serve(saying(answer(STATUS)))
    infisical = client_of(f"http://127.0.0.1:{server.port}")
    infisical.status()
    infisical.status()
    assert (len(server.requests), server.connections) == (2, 1)


def test_a_certificate_that_nobody_trusts_is_told_as_such(
    serve: Callable[..., Server], tls: ssl.SSLContext
) -> None:
    server = serve(saying(answer(STATUS)), tls=tls)
    assert reach_of(f"https://localhost:{server.port}") is Fault.TLS
    assert server.requests == []


def test_the_ca_bundle_makes_it_trusted(serve: Callable[..., Server], tls: ssl.SSLContext) -> None:
    server = serve(saying(answer(STATUS)), tls=tls)
    client_of(f"https://localhost:{server.port}", INFISICAL_CA_BUNDLE=str(CERTIFICATE)).status()
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["no-such-name.invalid", "a..example", "xn--made-up-.invalid"])
def test_a_name_that_does_not_resolve_is_told_as_such(name: str) -> None:
    assert reach_of(f"https://{name}") is Fault.NAME


def test_a_port_where_nobody_listens_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert reach_of(f"http://127.0.0.1:{port}") is Fault.REFUSED


def test_a_server_that_closes_after_reading_leaves_the_outcome_unknown(serve: Callable[..., Server]) -> None:
    server = serve(lambda spoken, _: spoken.shutdown(socket.SHUT_RDWR))
    assert type(create_at(server)) is NoAnswer
    assert len(server.requests) == 1


def test_half_a_body_leaves_the_outcome_unknown(serve: Callable[..., Server]) -> None:
    def cut_off(spoken: socket.socket, _: bytes) -> None:
        spoken.sendall(answer(b'{"appConnection": {"id"', length=500))
        spoken.shutdown(socket.SHUT_RDWR)

    server = serve(cut_off)
    assert type(create_at(server)) is NoAnswer
    assert len(server.requests) == 1


def test_a_server_that_says_nothing_is_left_when_the_deadline_comes(serve: Callable[..., Server]) -> None:
    server = serve(lambda *_: None)
    assert type(create_at(server, seconds=1)) is NoAnswer
    assert len(server.requests) == 1


def test_a_server_that_drips_is_left_when_the_deadline_comes(serve: Callable[..., Server]) -> None:
    whole, drops = json.dumps({"appConnection": connection()}).encode(), list[bytes]()

    def drip(spoken: socket.socket, _: bytes) -> None:
        spoken.sendall(answer(b"", length=100 + len(whole)))
        for _byte in range(100):
            time.sleep(0.02)
            spoken.sendall(b" ")
            drops.append(b" ")
        # Who waited until here gets a right answer, and the test goes red.
        spoken.sendall(whole)

    assert type(create_at(serve(drip), clock=past_after(drops))) is NoAnswer


@dataclass(frozen=True)
class Drip:
    """Says its beginning, then a drop a hundred times, slowly, then its end."""

    beginning: bytes
    drop: bytes
    end: bytes
    told: "Queue[str]" = field(default_factory=Queue)
    """Whether the client was there to the end: left or stayed."""
    sent: list[bytes] = field(default_factory=list)

    def __call__(self, spoken: socket.socket, _: bytes) -> None:
        spoken.sendall(self.beginning)
        try:
            for _drop in range(100):
                time.sleep(0.02)
                spoken.sendall(self.drop)
                self.sent.append(self.drop)
            spoken.sendall(self.end)
        except OSError:
            self.told.put("left")
        else:
            self.told.put("stayed")


WHOLE = answer(json.dumps({"appConnection": connection()}).encode())
HEAD, _, BODY = WHOLE.partition(b"\r\n\r\n")
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
DRIPS = {
    "a head that does not end": (HEAD + b"\r\nX-Drip: ", b"x", b"\r\n\r\n" + BODY),
    "hints without end": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", WHOLE),
    "a chunk that does not begin": (
        CHUNKED + f"{len(BODY):x};drip=".encode(),
        b"x",
        b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    ),
}


@pytest.mark.parametrize("drip", DRIPS)
@pytest.mark.parametrize("over", ["http", "https"])
def test_a_server_that_drips_before_any_of_the_body_is_left_when_the_deadline_comes(
    serve: Callable[..., Server], tls: ssl.SSLContext, drip: str, over: str
) -> None:
    dripping = Drip(*DRIPS[drip])
    server = serve(dripping, tls=tls if over == "https" else None)
    infisical = client_of(f"{over}://localhost:{server.port}", INFISICAL_CA_BUNDLE=str(CERTIFICATE))
    deadline = Deadline.after(10, clock=past_after(dripping.sent))
    raised = raised_by(lambda: infisical.create(new_connection(), deadline=deadline))
    assert type(raised) is NoAnswer
    assert dripping.told.get(timeout=60) == "left"


def test_what_is_not_http_leaves_the_outcome_unknown(serve: Callable[..., Server]) -> None:
    assert type(create_at(serve(saying(b"SSH-2.0-made-up\r\n\r\n")))) is NoAnswer


def test_a_redirect_is_not_followed(serve: Callable[..., Server]) -> None:
    elsewhere = serve(saying(answer(STATUS)))
    there = f"Location: http://127.0.0.1:{elsewhere.port}/\r\n"
    server = serve(saying(answer(b"", status="307 Temporary Redirect", more=there)))
    raised = create_at(server)
    assert type(raised) is NotInfisical
    assert raised.message == "It redirects to 127.0.0.1."
    assert elsewhere.requests == []


def test_an_answer_with_a_length_of_gigabytes_is_not_waited_for(serve: Callable[..., Server]) -> None:
    def pour(spoken: socket.socket, _: bytes) -> None:
        spoken.sendall(answer(b"", length=4_000_000_000))
        for _megabyte in range(200):
            spoken.sendall(b" " * 1_000_000)

    raised = create_at(serve(pour))
    assert type(raised) is NotInfisical
    assert "too long" in raised.message


def test_a_client_may_ask_for_less(serve: Callable[..., Server]) -> None:
    url = f"http://127.0.0.1:{serve(saying(answer(b' ' * 200))).port}"
    asking = HttpClient(NetworkTransport(certificates()), largest=100)
    with contextlib.closing(asking), pytest.raises(HttpError) as raised:
        asking.send("GET", url, deadline=Deadline.after(10))
    assert raised.value.fault is Fault.TOO_LONG


# ── Proxies ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_proxy_of_the_environment_is_used(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(saying(answer(STATUS)))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    client_of("http://infisical.invalid").status()
    assert proxy.requests[0].startswith(b"GET http://infisical.invalid/api/status HTTP/1.1")


def test_a_proxy_of_the_environment_carries_tls_through(
    serve: Callable[..., Server], tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside: list[bytes] = []

    def tunnel(spoken: socket.socket, _: bytes) -> None:
        spoken.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with tls.wrap_socket(spoken, server_side=True) as hidden:
            inside.append(read_request(hidden))
            hidden.sendall(answer(STATUS))

    proxy = serve(tunnel)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    client_of("https://localhost", INFISICAL_CA_BUNDLE=str(CERTIFICATE)).status()
    assert proxy.requests[0].startswith(b"CONNECT localhost:443 HTTP/1.1")
    assert inside[0].startswith(b"GET /api/status HTTP/1.1")


def test_no_proxy_is_honoured(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, server = serve(saying(answer(b"", status="502 Bad Gateway"))), serve(saying(answer(STATUS)))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client_of(f"http://127.0.0.1:{server.port}").status()
    assert proxy.requests == []


REFUSING = {
    "407 Proxy Authentication Required": Fault.PROXY_LOGIN,
    "403 Forbidden": Fault.PROXY_FORBIDS,
    "503 Service Unavailable": Fault.PROXY,
}
SECRET = "http://made-up-user:made-up-password@"


@pytest.mark.parametrize("over", ["http", "https"])
@pytest.mark.parametrize("status", REFUSING)
def test_a_proxy_that_refuses_is_named_without_its_password_and_nothing_was_sent(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, over: str, status: str
) -> None:
    proxy = serve(saying(answer(b"<h1>No</h1>", status=status).replace(b"application/json", b"text/html")))
    monkeypatch.setenv("ALL_PROXY", f"{SECRET}127.0.0.1:{proxy.port}")
    told = raised_by(client_of(f"{over}://infisical.invalid").status)
    assert isinstance(told, Unreachable)
    assert told.proxy == f"127.0.0.1:{proxy.port}"
    assert str(told) == f"The proxy {told.proxy} made no connection. {REFUSING[status].value}"
    assert b"made-up-token" not in b"".join(proxy.requests)


def closes(spoken: socket.socket, _: bytes) -> None:
    spoken.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("play", "fault"),
    [
        (closes, Fault.CLOSED),
        (saying(b"SSH-2.0-made-up\r\n\r\n"), Fault.CLOSED),
        (lambda *_: None, Fault.LATE),
    ],
    ids=["closes", "speaks no HTTP", "says nothing"],
)
def test_a_proxy_that_does_not_answer_leaves_no_doubt_that_nothing_was_created(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, play: Play, fault: Fault
) -> None:
    proxy = serve(play)
    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
    infisical = client_of("https://infisical.invalid")
    told = raised_by(lambda: infisical.create(new_connection(), deadline=Deadline.after(0.3)))
    assert isinstance(told, Unreachable)
    assert told.nothing_happened
    assert str(told) == f"The proxy 127.0.0.1:{proxy.port} made no connection. {fault.value}"


@pytest.mark.parametrize("over", ["http", "https"])
def test_a_proxy_that_is_down_or_has_no_name_is_named(monkeypatch: pytest.MonkeyPatch, over: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    nameless = ("no-such-proxy.invalid:3128", "a..example:3128", f"{'a' * 64}.example:3128")
    for named in (f"127.0.0.1:{port}", f"[::1]:{port}", *nameless):
        fault = Fault.NAME if named in nameless else Fault.REFUSED
        monkeypatch.setenv(f"{over}_proxy", f"{SECRET}{named}/")
        told = raised_by(client_of(f"{over}://infisical.invalid").status)
        assert str(told) == f"The proxy {named} made no connection. {fault.value}"


def test_what_fails_behind_a_proxy_is_not_the_proxys(
    serve: Callable[..., Server], tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tunnel(spoken: socket.socket, _: bytes) -> None:
        spoken.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with contextlib.suppress(ssl.SSLError), tls.wrap_socket(spoken, server_side=True) as hidden:
            read_request(hidden)

    proxy = serve(tunnel)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    # Its certificate; and once the tunnel stands, whether it was created.
    assert reach_of("https://localhost") is Fault.TLS
    trusting = client_of("https://localhost", INFISICAL_CA_BUNDLE=str(CERTIFICATE))
    told = raised_by(lambda: trusting.create(new_connection(), deadline=Deadline.after(10)))
    assert type(told) is NoAnswer
    # In clear: an answer of an API's, and what may have been created.
    refusal = json.dumps(
        {"reqId": "made-up", "statusCode": 403, "message": "No", "error": "Forbidden"}
    ).encode()
    for said, kind in ((refusal, PermissionDenied), (b"", ServerFailed)):
        status = "403 Forbidden" if said else "502 Bad Gateway"
        passing = serve(saying(answer(said, status=status, more="" if said else "X-Made-Up: 1\r\n")))
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{passing.port}")
        create = partial(client_of("http://infisical.invalid").create, deadline=Deadline.after(10))
        assert type(raised_by(partial(create, new_connection()))) is kind


def test_a_handshake_that_is_broken_off_is_told_as_such_and_not_as_a_certificate(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks_off(spoken: socket.socket, _: bytes) -> None:
        spoken.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        spoken.recv(65536)
        spoken.close()

    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{serve(breaks_off).port}")
    assert reach_of("https://infisical.invalid") is Fault.HANDSHAKE


@pytest.mark.parametrize(
    "proxy",
    [
        "http://proxy.example:99999",
        "http://[:::]:3128",
        "socks5://made-up-user:made-up-password@127.0.0.1:1080",
        "http://made-up-user:made@#up-password@127.0.0.1:3128",
        "http://made-up-user:made/up-password@127.0.0.1:3128",
        "http://made-up-user:made up-password@127.0.0.1:3128",
        "http://127.0.0.1:3128/path",
        "http://",
    ],
)
def test_a_proxy_setting_that_cannot_be_read_is_named_and_nothing_of_it_told(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    told = raised_by(client_of("https://infisical.invalid").status)
    assert str(told) == f"The proxy in HTTPS_PROXY made no connection. {Fault.BAD_PROXY.value}"


def test_a_page_and_readyz_name_the_proxy_and_not_infisical(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"{SECRET}no-such-proxy.invalid:3128")
    settings = Settings.load({"INFISICAL_HOST": "https://infisical.test", "INFISICAL_TOKEN": "made-up"}, None)
    asking = new_client(create_app(settings))
    told = asking.get("/connections?project=organization")
    page = read_page(told.text).text
    assert told.status_code == 502
    assert 'data-problem="unreachable"' in told.text
    assert "The proxy no-such-proxy.invalid:3128 made no connection. Its name could not be resolved." in page
    assert "Infisical cannot be reached" not in page
    assert "made-up-password" not in told.text
    ready = asking.get("/readyz")
    # Strangers learn that it is the proxy, and not which.
    assert ready.json == {
        "status": "not ready",
        "reason": "The proxy to Infisical made no connection.",
        "requestId": None,
    }


NO_PROXY = {
    "*": "any.example",
    "corp.example": "corp.example wiki.corp.example !xcorp.example !example",
    ".corp.example": "wiki.corp.example a.b.corp.example corp.example !xcorp.example",
    "*.corp.example": "wiki.corp.example a.b.corp.example !corp.example !xcorp.example",
    "CORP.example., other.example": "corp.example corp.example. OTHER.example",
    "one.example two.example": "one.example two.example !three.example",
    "corp.example:8443": "corp.example:8443 wiki.corp.example:8443 !corp.example !corp.example:443",
    "corp.example:443": "corp.example corp.example:443 !corp.example:8443",
    "127.0.0.1": "127.0.0.1 127.0.0.1:8320 !127.0.0.2 !localhost",
    "127.0.0.1:8320": "127.0.0.1:8320 !127.0.0.1:8321 !127.0.0.1",
    "127.0.0.0/8": "127.0.0.1 127.9.9.9:1 !128.0.0.1 !localhost",
    "10.1.2.3/8": "10.200.0.1 !11.0.0.1 !10.example",
    "fd00::/8, ::1": "[fd12::1] [fd12::1]:8443 [::1] ![fe80::1]",
    "[fd00::1]:8443, [::1]": "[fd00::1]:8443 [::1]:1 ![fd00::1]",
    "bücher.example": "bücher.example xn--bcher-kva.example !xn--made-up-.example",
    "*.XN--BCHER-KVA.example": "wiki.bücher.example !bücher.example",
    "other.example": "!corp.example !127.0.0.1 !localhost !0.0.0.0",
    ",, ,": "!corp.example",
}


def test_no_proxy_is_read_as_curl_and_go_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def claim(row: tuple[str, str]) -> None:
        listed, host = row
        monkeypatch.setenv("NO_PROXY", listed)
        through, _ = proxy_for(httpx.URL(f"https://{host.removeprefix('!')}"))
        assert (through is not None) == host.startswith("!")

    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
    holds_for_every(((listed, host) for listed, hosts in NO_PROXY.items() for host in hosts.split()), claim)
    monkeypatch.setenv("no_proxy", "lower.example")
    assert proxy_for(httpx.URL("https://lower.example")) == (None, "")


WAYS: dict[str, tuple[dict[str, str], str]] = {
    "by the scheme": ({"HTTP_PROXY": "http://plain:1", "HTTPS_PROXY": "http://tls:2"}, "http://tls:2"),
    "in lower case": ({"https_proxy": "http://lower:1", "HTTPS_PROXY": "http://upper:2"}, "http://lower:1"),
    "an empty one counts for nothing": (
        {"https_proxy": "", "HTTPS_PROXY": "http://upper:2"},
        "http://upper:2",
    ),
    "for all": ({"ALL_PROXY": "http://all:1", "HTTP_PROXY": "http://plain:2"}, "http://all:1"),
    "without http://": ({"all_proxy": "proxy.example:3128"}, "http://proxy.example:3128"),
    "over TLS": ({"HTTPS_PROXY": "https://proxy.example"}, "https://proxy.example"),
    "of IPv6": ({"ALL_PROXY": "http://made-up:password@[fd00::1]:3128"}, "http://[fd00::1]:3128"),
    "none": ({"HTTP_PROXY": "http://plain:1"}, ""),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_proxy_is_named_by_the_variables_that_curl_reads(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    environ, expected = WAYS[way]
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    _, address = proxy_for(httpx.URL("https://infisical.example"))
    assert address == expected


def test_a_password_for_the_proxy_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://made%40up:p%40%23%3A%25äss@proxy.example:3128")
    proxy, _ = proxy_for(httpx.URL("https://infisical.example"))
    assert proxy is not None
    assert proxy.auth == (b"made@up", "p@#:%äss".encode())


def test_the_header_of_a_cgi_request_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://evil.example")
    monkeypatch.setenv("REQUEST_METHOD", "GET")
    assert proxy_for(httpx.URL("http://infisical.example")) == (None, "")


# ── TLS where none is spoken, and the other way round ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "greeting", [b"220 mail.example\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"<!DOCTYPE HTML>"]
)
def test_a_server_that_speaks_no_tls_is_told_as_such(serve: Callable[..., Server], greeting: bytes) -> None:
    told = raised_by(client_of(f"https://127.0.0.1:{serve(saying(b''), greeting=greeting).port}").status)
    assert isinstance(told, Unreachable)
    assert told.message == Fault.PLAIN.value.replace("the address", "INFISICAL_HOST")
    assert "INFISICAL_HOST must begin with http://" in told.message


def test_a_server_that_closes_without_a_word_is_told_to_speak_no_tls_or_to_be_cut_off() -> None:
    def close_at_once(listening: socket.socket) -> None:
        with listening.accept()[0] as accepted:
            accepted.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=close_at_once, args=(listening,), daemon=True)
        thread.start()
        told = raised_by(client_of(f"https://127.0.0.1:{listening.getsockname()[1]}").status)
        thread.join()
    assert isinstance(told, Unreachable)
    assert told.message == Fault.HANDSHAKE.value


def test_plain_http_to_a_port_of_tls_is_told_as_such(
    serve: Callable[..., Server], tls: ssl.SSLContext
) -> None:
    # OpenSSL closes without a word, as Python and Node.js do with it; nginx and Go answer in clear.
    closing = serve(saying(answer(STATUS)), tls=tls)
    told = raised_by(client_of(f"http://localhost:{closing.port}").status)
    assert isinstance(told, Unreachable)
    assert told.message.endswith("INFISICAL_HOST must begin with https://.")
    assert closing.requests == []


def test_an_answer_in_clear_of_a_port_of_tls_is_told_as_such(tls: ssl.SSLContext) -> None:
    def serve_once(listening: socket.socket) -> None:
        with listening.accept()[0] as plain:
            plain.recv(65536)
            plain.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n")
        # Nobody trusts its certificate.
        with listening.accept()[0] as spoken, contextlib.suppress(ssl.SSLError):
            tls.wrap_socket(spoken, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve_once, args=(listening,), daemon=True)
        thread.start()
        told = raised_by(client_of(f"http://localhost:{listening.getsockname()[1]}").status)
        thread.join(5)
    assert str(told).endswith("INFISICAL_HOST must begin with https://.")


def test_a_400_of_plain_http_is_the_hosts_own(serve: Callable[..., Server]) -> None:
    html = answer(b"", status="400 Bad Request").replace(b"application/json", b"text/html")
    assert type(raised_by(client_of(f"http://127.0.0.1:{serve(saying(html)).port}").status)) is NotInfisical


# ── Authorities ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_authority_of_a_network_is_trusted_for_every_host(
    serve: Callable[..., Server], tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"https://localhost:{serve(saying(answer(STATUS)), tls=tls).port}"
    client_of(url, CONNECT_CA_BUNDLE=str(CERTIFICATE)).status()
    client_of(url, CONNECT_CA_BUNDLE=str(CERTIFICATE), INFISICAL_CA_BUNDLE=certifi.where()).status()
    settings = Settings.load(
        {
            "INFISICAL_HOST": url,
            "INFISICAL_TOKEN": "made-up-token",
            "CONNECT_SUPABASE_HOSTS": url.removeprefix("https://"),
            "CONNECT_CA_BUNDLE": str(CERTIFICATE),
        },
        None,
    )
    checks = create_app(settings).extensions[EXTENSION].make_checks()
    reached = checks.check(Secret(TOKEN), read_instance_url(url), deadline_seconds=5)
    checks.close()
    assert reached.rows[1].state == "passed"


def test_certificates_that_the_environment_names_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    (tmp_path / "empty.pem").touch()
    (tmp_path / "garbage.pem").write_text("made-up")
    (tmp_path / "hashed").mkdir()
    (tmp_path / "hashed" / "0123abcd.0").write_bytes(CERTIFICATE.read_bytes())
    settings = Settings.load({"INFISICAL_HOST": "https://infisical.test", "INFISICAL_TOKEN": "made-up"}, None)

    def claim(row: tuple[str, str, bool]) -> None:
        name, path, readable = row
        with monkeypatch.context() as environment:
            environment.setenv(name, path)
            if readable:
                create_app(settings)
                return
            with pytest.raises(SettingsError) as raised:
                create_app(settings)
            (fault,) = raised.value.faults
            assert fault.startswith(f"{name}={path} has no certificates that can be read; ")

    holds_for_every(
        [
            ("SSL_CERT_FILE", f"{tmp_path}/missing.pem", False),
            ("SSL_CERT_FILE", f"{tmp_path}/empty.pem", False),
            ("SSL_CERT_FILE", f"{tmp_path}/garbage.pem", False),
            ("SSL_CERT_FILE", str(tmp_path), False),
            ("SSL_CERT_FILE", certifi.where(), True),
            ("SSL_CERT_DIR", f"{tmp_path}/missing", False),
            ("SSL_CERT_DIR", str(tmp_path), False),
            ("SSL_CERT_DIR", f"{tmp_path}/missing:{tmp_path}/hashed", True),
        ],
        claim,
    )


# ── What is read of an answer ──────────────────────────────────────────────────────────────────────────────────────


def asked(told: httpx.Response, *, redact: tuple[Secret, ...] = ()) -> Answer:
    """What is read of this answer to a request with a bearer token."""
    client = HttpClient(httpx.MockTransport(lambda _: told))
    auth = Authorization("Bearer", Secret("made-up-bearer"))
    return client.send("GET", "https://infisical.test", deadline=Deadline.after(10), auth=auth, redact=redact)


def reading(body: bytes, *, kind: str = "application/json", hidden: tuple[Secret, ...] = ()) -> object:
    return asked(httpx.Response(200, content=body, headers={"content-type": kind}), redact=hidden).payload


def test_a_secret_is_masked_in_values_and_keys_stay() -> None:
    told = reading(
        b'{"message": ["made-up-secret", {"made-up-secret": 5}]}', hidden=(Secret("made-up-secret"),)
    )
    assert told == {"message": ["…", {"made-up-secret": 5}]}


def test_the_bearer_of_the_request_is_masked_unasked() -> None:
    assert reading(b'{"message": "got made-up-bearer"}') == {"message": "got …"}


@pytest.mark.parametrize(
    ("secret", "spelt"),
    [
        ("made-up-secret", r"\u006dade-up-secret"),
        ("made-up-secret", r"m\u0061d\u0065\u002Dup-secret"),
        ("made-up/secret", r"made-up\/secret"),
        ('made-up"secret', r"made-up\"secret"),
        ("made-up\\secret", r"made-up\\secret"),
        ("made-up-sécret", r"made-up-s\u00E9cret"),
        ("made-up-sécret", "made-up-sécret"),
    ],
)
def test_a_secret_spelt_with_escapes_is_masked(secret: str, spelt: str) -> None:
    assert reading(f'{{"a": ["\\n{spelt}"]}}'.encode(), hidden=(Secret(secret),)) == {"a": ["\n…"]}


@pytest.mark.parametrize(
    "body", ['{"a" :  "\\n made-up"}', '["\\u00e9 \\u2028 \\" \\\\ \\/"]', '{"a":1, "a":2}']
)
def test_an_answer_in_which_no_secret_can_stand_is_read_as_it_came(body: str) -> None:
    told = asked(httpx.Response(200, content=body, headers={"content-type": "application/json"}))
    assert (told.text, told.payload) == (body, json.loads(body))


def test_a_word_too_short_to_be_a_secret_takes_nothing_out_of_an_answer() -> None:
    assert reading(b'{"message": "a sentence"}', hidden=(Secret("e"), Secret(""))) == {
        "message": "a sentence"
    }


def test_half_a_character_becomes_one_that_pages_can_show() -> None:
    assert reading(b'["a\\ud800b", "\\ud83d\\ude80"]') == ["a\ufffdb", "🚀"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000])
def test_what_is_no_json_reads_as_nothing(body: bytes) -> None:
    assert reading(body) is None


def test_json_of_another_kind_reads_as_nothing() -> None:
    assert reading(b"{}", kind="text/html") is None


def test_a_secret_inside_a_url_is_masked() -> None:
    assert reading(b'"?a=made%2Fup%26secret&b=1"', hidden=(Secret("made/up&secret"),)) == "?a=…&b=1"


def test_a_secret_in_a_header_of_the_answer_is_masked() -> None:
    told = asked(httpx.Response(302, headers={"Location": "https://made-up-bearer.example"}))
    assert told.headers["location"] == "https://….example"


def test_what_was_answered_stands_in_no_traceback() -> None:
    assert "made-up" not in repr(asked(httpx.Response(200, json="made-up", headers={"x": "made-up"})))


def test_a_bundle_is_trusted_instead_of_the_public_authorities_or_besides_them() -> None:
    public = certificates().cert_store_stats()["x509"]
    assert certificates(ca_bundle=CERTIFICATE).cert_store_stats()["x509"] == 1
    assert certificates(besides=[None, CERTIFICATE]).cert_store_stats()["x509"] == public + 1


def test_an_identity_provider_may_be_behind_the_same_private_authority(
    serve: Callable[..., Server], tls: ssl.SSLContext
) -> None:
    def publish(spoken: socket.socket, _: bytes) -> None:
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        told = {name: f"{issuer}/{path}" for name, path in places.items()}
        spoken.sendall(answer(json.dumps({"issuer": issuer, **told}).encode()))

    issuer = f"https://localhost:{serve(publish, tls=tls).port}"
    wizard = at_the_company(issuer)
    assert new_client(wizard).get("/sign-in/company").location.startswith(f"{issuer}/authorize?")
    wizard.extensions[EXTENSION].backend.provider.close()


@pytest.mark.parametrize("proxy", ["gopher://127.0.0.1:1", "http://127.0.0.1:abc", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_told_where_people_leave_for_the_identity_provider(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    asking = new_client(at_the_company("https://id.example"))
    # The second time the provider is left alone, and what is known of it told again.
    for told in (asking.get("/sign-in/company"), asking.get("/sign-in/company")):
        assert told.status_code == 502
        page = read_page(told.text).text
        assert f"{Reason.PROXY.value} The proxy in HTTPS_PROXY made no connection." in page
        assert "NO_PROXY" in page


def at_the_company(issuer: str) -> Flask:
    """A wizard where people sign in there, on the real network."""
    environ = {
        "INFISICAL_HOST": "https://infisical.test",
        "INFISICAL_CA_BUNDLE": str(CERTIFICATE),
        "INFISICAL_OAUTH_CLIENT_ID": "made-up",
        "INFISICAL_OAUTH_CLIENT_SECRET": "made-up",
        "CONNECT_ACCESS": "oidc",
        "CONNECT_OIDC_ISSUER": issuer,
        "CONNECT_OIDC_CLIENT_ID": "made-up",
        "CONNECT_OIDC_CLIENT_SECRET": "made-up",
    }
    return create_app(Settings.load(environ, None))


def test_name_and_secret_are_encoded_as_in_a_form_first() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(200)

    auth = client_secret_basic("made:up", Secret("made up+secret/é%"))
    client = HttpClient(httpx.MockTransport(answer))
    client.send("POST", "https://login.company.test/token", deadline=Deadline.after(10), auth=auth)
    kind, _, credential = seen[0].partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(credential) == b"made%3Aup:made+up%2Bsecret%2F%C3%A9%25"
