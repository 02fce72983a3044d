"""An Infisical that means harm: huge, slow, endless, nested, of other types, with markup in every text of its answers."""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings

from app.core.http import Deadline
from app.core.network import NetworkTransport, certificates
from app.core.secret import Secret
from app.infisical.auth import OAuthApplication
from app.infisical.client import Infisical
from app.infisical.errors import InfisicalError
from tests.auth.test_sign_in import jwt
from tests.conftest import FORM, PROJECT, Client, Clock
from tests.infisical import servers
from tests.infisical.answers import connection, grant, new_connection
from tests.pages import XHTML, PageUnderTest, read_page
from tests.test_any_text import NEW_SYNC, RIGHT, SYNC, Hostile, Spoilt, repeatable, spoilt_answers

from .routes import is_refused

TOKEN = Secret("made-up-token")
APPLICATION = OAuthApplication(client_id="made-up", client_secret=Secret("made-up-secret"))
CALLS: dict[str, Callable[[Infisical], object]] = {
    "log in": lambda infisical: infisical.log_in(client_id="a", client_secret=Secret("made-up-secret")),
    "renew": lambda infisical: infisical.renew(TOKEN),
    "revoke": lambda infisical: infisical.revoke(TOKEN),
    "exchange": lambda infisical: infisical.exchange(TOKEN, application=APPLICATION),
    "user": lambda infisical: infisical.user(),
    "projects": lambda infisical: infisical.projects(),
    "create": lambda infisical: infisical.create(new_connection(), deadline=Deadline.after(5)),
}


class Hurried(httpx.BaseTransport):
    """A network where every deadline ends by another clock, so that no test waits for the real one."""

    def __init__(self, inner: httpx.BaseTransport, *, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._clock = clock
        self.given: list[float] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        deadline: Deadline = request.extensions["deadline"]
        self.given.append(deadline.remaining())
        request.extensions["deadline"] = Deadline.after(30, clock=self._clock)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def asked(
    play: servers.Play, call: str, *, clock: Callable[[], float] = time.monotonic
) -> tuple[list[bytes], float]:
    """What is sent for a call that ends in an error, and the seconds that it is given."""
    server = servers.Server(play)
    url = f"http://127.0.0.1:{server.port}"
    network = Hurried(NetworkTransport(certificates()), clock=clock)
    infisical = Infisical(url, auth=TOKEN, transport=network)
    with closing(infisical), pytest.raises(InfisicalError):
        CALLS[call](infisical)
    server.close()
    (given,) = network.given
    return server.requests, given


def endless(spoken: socket.socket, _: bytes) -> None:
    """An answer that goes on until nobody listens any more, which ends in an OSError."""
    spoken.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"a":"')
    while True:
        spoken.sendall(b"a" * 2**18)


class Dripping:
    """A byte now and then, each within any timeout of its own; `heard_out` once somebody waited for all of them. By its
    clock the deadline has passed once some of them were sent: a machine that is slow to send the request has time."""

    heard_out = False
    sent = 0

    def clock(self) -> float:
        return 60.0 if self.sent > 3 else 0.0

    def __call__(self, spoken: socket.socket, _: bytes) -> None:
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
        spoken.sendall(head.encode())
        pause = threading.Event()
        for _drop in range(200):
            spoken.sendall(b" ")
            self.sent += 1
            pause.wait(0.03)
        self.heard_out = True


@pytest.mark.parametrize("call", CALLS)
def test_an_answer_without_end_is_not_read_to_the_end(call: str) -> None:
    requests, given = asked(endless, call)
    assert len(requests) == 1
    assert given <= 30


@pytest.mark.parametrize("call", CALLS)
def test_an_answer_that_drips_ends_with_its_deadline(call: str) -> None:
    drips = Dripping()
    requests, given = asked(drips, call, clock=drips.clock)
    assert len(requests) == 1
    assert not drips.heard_out
    assert given <= 30


NESTED = {
    "lists": b"[" * 200_000,
    "lists with an end": b"[" * 100_000 + b"]" * 100_000,
    "objects": b'{"projects":' * 50_000 + b"1" + b"}" * 50_000,
    "a long number": b'{"expiresIn":' + b"9" * 1_000_000 + b"}",
    "no text": b'{"message": "\xff\xfe\x80", "error": "\x00"}',
    "a compressed bomb": b"\x1f\x8b" + b"\x00" * 1000,
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "500 Internal Server Error"])
def test_json_of_any_depth_is_an_error_of_infisicals(call: str, status: str) -> None:
    for body in NESTED.values():
        told = httpx.Response(int(status[:3]), content=body, headers={"content-type": "application/json"})
        infisical = Infisical("https://infisical.test", auth=TOKEN, transport=httpx.MockTransport(lambda _: told))  # noqa: B023  # called at once  # fmt: skip
        if call == "revoke" and status == "200 OK":
            continue
        with pytest.raises(InfisicalError):
            CALLS[call](infisical)


def test_a_compressed_answer_is_not_unpacked() -> None:
    play = servers.saying(servers.answer(NESTED["a compressed bomb"], more="Content-Encoding: gzip\r\n"))
    asked(play, "projects")


# ── Behind the sign-in, whatever it answers ────────────────────────────────────────────────────────────────────────


@pytest.fixture
def people_at(wizard_at: Callable[..., Client]) -> Callable[..., Client]:
    """A browser at a wizard where people sign in, which lets every fault of its own through."""

    def make(answer: Any) -> Client:
        client = wizard_at(answer, INFISICAL_TOKEN="", CONNECT_PREFLIGHT="off")
        client.application.config["PROPAGATE_EXCEPTIONS"] = True
        return client

    return make


@settings(repeatable, max_examples=25)
@given(wrong=spoilt_answers("/login", "/api/v1/projects", "/user", "/v1"))
def test_whatever_it_answers_to_a_sign_in_a_page_comes(
    people_at: Callable[..., Client], wrong: Spoilt
) -> None:
    infisical = Hostile()
    client = people_at(infisical)
    infisical.spoilt = wrong
    for form, typed in (
        ("identity-form", {"client_id": "made-up", "client_secret": "made-up-secret"}),
        ("token-form", {"infisical_token": "made-up"}),
    ):
        hidden = client.page("/sign-in").hidden_fields(form)
        answer = client.post("/sign-in", data={**hidden, **typed})
        if answer.status_code != 303:
            is_refused(answer)
            continue
        assert client.get("/projects").status_code != 500
        client.delete_cookie("connect-sign-in")


class ShortLived(Hostile):
    """Gives out tokens that are soon renewed."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/login"):
            return grant("made-up-token", expires_in=600)
        return super().__call__(request)


@settings(repeatable, max_examples=20)
@given(wrong=spoilt_answers("/renew", "/revoke"))
def test_whatever_it_answers_later_the_person_is_in_or_out(
    people_at: Callable[..., Client], clock: Clock, wrong: Spoilt
) -> None:
    infisical = ShortLived()
    client = people_at(infisical)
    client.sign_in()
    infisical.spoilt = wrong
    clock.passes(400)
    token = client.page("/projects").hidden_fields()["csrf_token"][0]
    assert client.post("/sign-out", data={"csrf_token": token}).status_code == 303
    assert urlsplit(client.get("/projects").location).path == "/sign-in"


# ── Markup in every text ───────────────────────────────────────────────────────────────────────────────────────────

PLAIN = "Payments"
SPITEFUL = {
    "markup": "<script>alert(1)</script></title></textarea></style><svg onload=alert(1)><base href=//evil.example>",
    "quotation marks": "\"'><img src=x onerror=alert(1)>' autofocus onfocus=alert(1) x='<!-- x -->",
    "a template": "{{ 7 * 7 }}{% raw %}&lt;b&gt;&#60;",
    "an address": "javascript:alert(1)",
    "what cannot be seen": "\u202egnp.exe\u2066]]><b>\x00\ufffe",
}


def skeleton(page: PageUnderTest) -> list[tuple[str, tuple[str, ...]]]:
    """The elements of a page and the names of their attributes, which no text may change."""
    return [
        (str(element.tag).removeprefix(XHTML), tuple(sorted(element.attrib))) for element in page.root.iter()
    ]


def saying_everywhere(text: str) -> Callable[[httpx.Request], httpx.Response]:
    """An Infisical that says this in every text of its answers that people may write."""

    def written(body: Any, key: str = "") -> Any:
        if isinstance(body, dict):
            return {name: written(told, name) for name, told in body.items()}
        if isinstance(body, list):
            return [written(row, key) for row in body]
        free = (
            *("name", "slug", "description", "email", "instanceUrl", "message", "methods", "app", "method"),
            *("secretKey", "secretPath", "projectName", "lastSyncMessage", "keySchema"),
        )
        # Of an app that it does not offer no form would open.
        return text if isinstance(body, str) and key in free and body != "supabase" else body

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(("/login", "/renew")):
            return grant(jwt(identityId="made-up", identityName=text))
        asked = f"{request.url.host}{request.url.path}"
        if request.url.path == "/api/v1/user":
            return httpx.Response(200, json={"user": {"id": "made-up", "email": text}})
        told = next(body for pattern, body in RIGHT if re.search(pattern, asked))
        refused = request.method == "POST" and "check-destination" not in asked
        if refused:
            told = {"reqId": text, "error": "BadRequest", "message": text, "statusCode": 400}
        spoilt = json.dumps(written(told)).encode()
        status = 400 if refused else 200
        return httpx.Response(status, content=spoilt, headers={"content-type": "application/json"})

    return answer


CREATED = f"/connections/supabase/{connection()['id']}"
PAGES = (
    "/projects",
    f"/connections?project={PROJECT}",
    f"/connections/new?project={PROJECT}",
    f"{FORM}?project={PROJECT}",
    f"{FORM}/token?project={PROJECT}",
    CREATED,
    f"{FORM}/outcome?project={PROJECT}&name=a&since=2026-11-23T11:42:07Z",
    f"/syncs?project={PROJECT}",
    f"{NEW_SYNC}?project={PROJECT}",
    f"{NEW_SYNC}/outcome?project={PROJECT}&name=a&since=2026-11-23T11:42:07Z",
    *(f"/syncs/supabase/{SYNC['id']}{below}" for below in ("", "/edit", "/delete")),
)


def walked(client: Client, typed: dict[str, str]) -> Iterator[tuple[str, PageUnderTest]]:
    form = "token-form" if "infisical_token" in typed else "identity-form"
    hidden = client.page("/sign-in").hidden_fields(form)
    assert client.post("/sign-in", data={**hidden, **typed}).status_code == 303
    for path in PAGES:
        yield path, read_page(client.get(path).text)
    refused = client.fill_in(f"{FORM}?project={PROJECT}", name="mine", access_token="sbp_" + "0" * 40)
    yield "a refused create", read_page(refused.text)
    address = f"{NEW_SYNC}?project={PROJECT}"
    opened = client.page(address).hidden_fields("sync-form") | {"supabase_project": "abcdefghijklmnopqrst"}
    for more in ({"review": "1"}, {"review": "1", "delete_others": "1"}, {"review": "1", "key_schema": "x"}):
        yield f"a review {more}", read_page(client.post(address, data={**opened, **more}).text)


IDENTITY = {"client_id": "made-up", "client_secret": "made-up-secret"}
TOKEN_TYPED = {"infisical_token": "made-up"}


@pytest.mark.parametrize(
    ("text", "typed"),
    [*((text, IDENTITY) for text in SPITEFUL.values()), (SPITEFUL["markup"], TOKEN_TYPED)],
    ids=[*SPITEFUL, "markup, for a person"],
)
def test_no_text_of_its_answers_becomes_markup(
    people_at: Callable[..., Client], typed: dict[str, str], text: str
) -> None:
    plain = dict(walked(people_at(saying_everywhere(PLAIN)), typed))
    for path, page in walked(people_at(saying_everywhere(text)), typed):
        assert skeleton(page) == skeleton(plain[path]), path
        for element in page.root.iter():
            target = element.get("href") or element.get("src") or element.get("action") or ""
            assert not re.match(r"\s*(javascript|data|vbscript):", target, re.IGNORECASE)
            # What an address of ours says of a text of theirs leads nowhere.
            assert "evil.example" not in target.partition("?")[0]


@pytest.mark.parametrize("start", [pytest.param("SETTING_", marks=pytest.mark.full), "SUPABASE_"])
def test_thousands_of_names_make_no_page_that_is_large(wizard_at: Callable[..., Client], start: str) -> None:
    names = [{"secretKey": f"{start}{number:05}"} for number in range(3000)]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v4/secrets":
            return httpx.Response(200, json={"secrets": names, "imports": []})
        asked = f"{request.url.host}{request.url.path}"
        return httpx.Response(200, json=next(body for pattern, body in RIGHT if re.search(pattern, asked)))

    client, address = wizard_at(answer), f"{NEW_SYNC}?project={PROJECT}"
    for path in (address, *(f"/syncs/supabase/{SYNC['id']}{below}" for below in ("", "/edit", "/delete"))):
        # Past the checks of the test's browser, which take longer than the pages.
        assert len(FlaskClient.open(client, path, base_url="http://localhost").data) < 150_000, path
    form = {**client.page(address).hidden_fields("sync-form"), "supabase_project": "abcdefghijklmnopqrst"}
    for more in ({}, {"delete_others": "1"}, {"key_schema": "SHOP_{{secretKey}}"}):
        answered = FlaskClient.open(
            client,
            address,
            method="POST",
            data={**form, "review": "1", **more},
            headers={"Sec-Fetch-Site": "same-origin"},
            base_url="http://localhost",
        )
        assert len(answered.data) < 150_000, more
        assert "3,000" in answered.text
