"""The client over real sockets: certificates, proxies, servers that close, cut off, drip or redirect."""

import base64
import contextlib
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import Queue

import httpx
import pytest
from flask import Flask

from app import create_app
from app.auth.id_tokens import Reason
from app.config import Settings
from app.core.http import (
    Answer,
    Authorization,
    Deadline,
    Fault,
    HttpClient,
    HttpError,
    NetworkTransport,
    certificates,
    client_secret_basic,
)
from app.core.secret import Secret
from app.infisical.client import Infisical
from app.infisical.errors import InfisicalError, NoAnswer, NotInfisical, Unreachable
from app.web.services import EXTENSION
from tests.conftest import new_client
from tests.pages import read_page

from ..infisical.answers import connection, new_connection
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


def create_at(server: Server, *, seconds: float = 10) -> InfisicalError:
    infisical = client_of(f"http://127.0.0.1:{server.port}")
    return raised_by(lambda: infisical.create(new_connection(), deadline=Deadline.after(seconds)))


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


def test_a_server_that_speaks_no_tls_is_told_as_such(serve: Callable[..., Server]) -> None:
    server = serve(saying(b""), greeting=b"220 mail.example\r\n")
    assert reach_of(f"https://127.0.0.1:{server.port}") is Fault.TLS


def test_a_name_that_does_not_resolve_is_told_as_such() -> None:
    assert reach_of("https://no-such-name.invalid") is Fault.NAME


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
    assert type(create_at(server, seconds=0.2)) is NoAnswer
    assert len(server.requests) == 1


def test_a_server_that_drips_is_left_when_the_deadline_comes(serve: Callable[..., Server]) -> None:
    whole = json.dumps({"appConnection": connection()}).encode()

    def drip(spoken: socket.socket, _: bytes) -> None:
        spoken.sendall(answer(b"", length=100 + len(whole)))
        for _byte in range(100):
            time.sleep(0.02)
            spoken.sendall(b" ")
        # Who waited until here gets a right answer, and the test goes red.
        spoken.sendall(whole)

    assert type(create_at(serve(drip), seconds=0.3)) is NoAnswer


@dataclass(frozen=True)
class Drip:
    """Says its beginning, then a drop a hundred times, slowly, then its end."""

    beginning: bytes
    drop: bytes
    end: bytes
    told: "Queue[str]" = field(default_factory=Queue)
    """Whether the client was there to the end: left or stayed."""

    def __call__(self, spoken: socket.socket, _: bytes) -> None:
        spoken.sendall(self.beginning)
        try:
            for _drop in range(100):
                time.sleep(0.02)
                spoken.sendall(self.drop)
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
    raised = raised_by(lambda: infisical.create(new_connection(), deadline=Deadline.after(0.5)))
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


def test_a_proxy_that_refuses_the_tunnel_means_that_nothing_was_sent(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(saying(answer(b"", status="407 Proxy Authentication Required")))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    assert reach_of("https://infisical.invalid") is Fault.PROXY
    assert b"made-up-token" not in b"".join(proxy.requests)


def test_no_proxy_is_honoured(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, server = serve(saying(answer(b"", status="502 Bad Gateway"))), serve(saying(answer(STATUS)))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client_of(f"http://127.0.0.1:{server.port}").status()
    assert proxy.requests == []


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
    assert certificates(besides=CERTIFICATE).cert_store_stats()["x509"] == public + 1


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
    told = new_client(at_the_company("https://id.example")).get("/sign-in/company")
    assert told.status_code == 502
    assert Reason.PROXY.value in read_page(told.text).text


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
