"""Whatever is typed, sent or tampered with at the doors: nobody comes in, nothing is asked of Infisical, a page comes."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from app import create_app
from app.auth.session import LONGEST_SESSION
from app.config import Settings
from app.core.secret import LONGEST_ENCRYPTED, Encryption, Secret
from app.sandbox import SANDBOX_CLIENT_ID, SANDBOX_CLIENT_SECRET
from tests.conftest import (
    FORM,
    HOST,
    SECRET_KEY,
    Client,
    Clock,
    Sandbox,
    client_with_cookies,
    new_client,
    sandbox_in,
)
from tests.infisical.answers import grant
from tests.pages import read_page
from tests.test_any_text import SPITEFUL, header_texts, repeatable, texts

from .routes import SIGN_IN_COOKIE, is_outside, is_refused

TYPED_SECRET = "made-up-secret-that-must-not-come-back"
ADDRESSES = (f"127.1.{number // 250}.{number % 250 + 1}" for number in count())
"""Each in a network of its own, so that what is counted stops nobody."""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A wizard where people sign in; every fault of its own comes through, so that a test shows where it is."""
    made = sandbox_in(tmp_path_factory.mktemp("sign-in"), Clock(), CONNECT_ACCESS="sign-in")
    made.app.config["PROPAGATE_EXCEPTIONS"] = True
    return made


@pytest.fixture(scope="module")
def single_sign_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    made = sandbox_in(
        tmp_path_factory.mktemp("oidc"),
        Clock(),
        CONNECT_ACCESS="oidc",
        CONNECT_OIDC_ISSUER="http://127.0.0.1:9",
        CONNECT_OIDC_CLIENT_ID="made-up",
        CONNECT_OIDC_CLIENT_SECRET="made-up-secret",
    )
    made.app.config["PROPAGATE_EXCEPTIONS"] = True
    yield made
    made.app.extensions["infisical_connect"].backend.provider.close()


@pytest.fixture
def stranger(sandbox: Sandbox) -> Client:
    sandbox.sent.clear()
    return new_stranger(sandbox)


def new_stranger(sandbox: Sandbox) -> Client:
    client = new_client(sandbox.app)
    client.environ_base["REMOTE_ADDR"] = next(ADDRESSES)
    return client


@pytest.fixture(scope="module")
def sealed(sandbox: Sandbox) -> str:
    """The cookie of somebody who is signed in."""
    somebody = new_stranger(sandbox)
    assert somebody.sign_in().status_code == 303
    cookie = somebody.get_cookie(SIGN_IN_COOKIE)
    assert cookie is not None
    return cookie.value


# ── Forms, addresses, headers ──────────────────────────────────────────────────────────────────────────────────────

FIELDS = (
    "client_id",
    "client_secret",
    "infisical_token",
    "way",
    "host",
    "next",
    "csrf_token",
    "ended",
    "out",
)
WAYS = ("identity", "token", "", "company")


@settings(repeatable, max_examples=25)
@given(
    way=st.sampled_from(WAYS),
    fields=st.fixed_dictionaries({}, optional={name: texts() for name in FIELDS}),
)
def test_any_text_in_the_form_signs_nobody_in(sandbox: Sandbox, way: str, fields: dict[str, str]) -> None:
    stranger = new_stranger(sandbox)
    hidden = stranger.page("/sign-in").hidden_fields("identity-form")
    answer = stranger.post("/sign-in", data={**hidden, "way": way, **fields})
    is_refused(answer)
    assert is_outside(stranger)


@settings(repeatable, max_examples=25)
@given(id_like=texts(), before=texts(), after=texts())
def test_a_typed_secret_never_comes_back(sandbox: Sandbox, id_like: str, before: str, after: str) -> None:
    stranger = new_stranger(sandbox)
    hidden = stranger.page("/sign-in").hidden_fields("identity-form")
    typed = f"{before}{TYPED_SECRET}{after}"
    for way in ("identity", "token"):
        fields = {"way": way, "client_id": id_like, "client_secret": typed, "infisical_token": typed}
        is_refused(stranger.post("/sign-in", data={**hidden, **fields}), typed=TYPED_SECRET)


@repeatable
@given(leads_to=texts() | st.text().map(lambda text: f"/{text}"), where=st.sampled_from(("form", "address")))
def test_wherever_next_leads_it_is_a_page_of_ours(sandbox: Sandbox, leads_to: str, where: str) -> None:
    stranger = new_stranger(sandbox)
    address = f"/sign-in?next={quote(leads_to, safe='', errors='replace')}"
    page = stranger.page(address if where == "address" else "/sign-in")
    hidden = page.hidden_fields("identity-form")
    given_too = {"next": leads_to} if where == "form" else {}
    typed = {"client_id": "made-up", "client_secret": "made-up-and-wrong"}
    answer = stranger.post("/sign-in", data={**hidden, **given_too, **typed})
    is_refused(answer)
    if answer.mimetype == "text/html":
        for target in read_page(answer.text).values("next"):
            assert urlsplit(target).netloc == ""
            assert target.startswith("/")
            assert not target.startswith("//")


@repeatable
@given(
    path=st.sampled_from(("/sign-in", "/sign-out", "/sign-in/company", "/sign-in/callback", "/projects", FORM)),
    method=st.sampled_from(("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "MADE-UP")),
    headers=st.dictionaries(
        st.sampled_from(
            (
                "Accept", "Content-Type", "Content-Length", "Cookie", "Host", "Origin", "Referer", "Sec-Fetch-Site",
                "Transfer-Encoding", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
                "X-Forwarded-Prefix", "X-Forwarded-User", "X-HTTP-Method-Override", "X-Original-URL",
            )
        ),
        header_texts() | st.sampled_from(("http://[::1", "null", "https://evil.example", "same-origin", "none", "javascript")),
        max_size=4,
    ),
)  # fmt: skip
def test_any_header_and_method_lets_nobody_in(
    sandbox: Sandbox, path: str, method: str, headers: dict[str, str]
) -> None:
    stranger = new_stranger(sandbox)
    asked = len(sandbox.sent)
    body = (
        {"client_id": SANDBOX_CLIENT_ID, "client_secret": SANDBOX_CLIENT_SECRET} if method == "POST" else None
    )
    overrides = {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in headers.items()}
    # Past the rules of pages: the answer to OPTIONS has no body.
    answer = FlaskClient.open(stranger, path, method=method, data=body, environ_overrides=overrides)
    is_refused(answer)
    assert len(sandbox.sent) == asked


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", FORM])
@pytest.mark.parametrize(
    "origin", ["http://[::1", "https://[", "http://[v1.x]", "null", "//", "http://evil.example"]
)
def test_an_origin_that_is_none_is_elsewhere(
    stranger: Client, sandbox: Sandbox, path: str, origin: str
) -> None:
    answer = FlaskClient.open(stranger, path, method="POST", headers={"Origin": origin})
    assert (answer.status_code, read_page(answer.text).problem) == (403, "from-elsewhere")
    assert sandbox.sent == []


@repeatable
@given(
    body=st.binary(max_size=300),
    kind=st.sampled_from(
        (
            "application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", "",
            "application/x-www-form-urlencoded; charset=utf-7", "application/x-www-form-urlencoded; charset=utf-16",
            "application/x-www-form-urlencoded; charset=made-up", "multipart/form-data; boundary=\"", "a/b;c=\xff",
        )
    ),
)  # fmt: skip
def test_any_body_lets_nobody_in(sandbox: Sandbox, body: bytes, kind: str) -> None:
    stranger = new_stranger(sandbox)
    stranger.get("/sign-in")
    asked = len(sandbox.sent)
    for path in ("/sign-in", "/sign-out"):
        is_refused(stranger.post(path, data=body, content_type=kind))
    assert len(sandbox.sent) == asked


ARGUMENTS = ("state", "code", "iss", "error", "error_description", "next", "id_token", "session_state")


@repeatable
@given(arguments=st.dictionaries(st.sampled_from(ARGUMENTS), texts(), max_size=5))
def test_any_answer_in_the_providers_name_signs_nobody_in(
    single_sign_on: Sandbox, arguments: dict[str, str]
) -> None:
    stranger = new_stranger(single_sign_on)
    answer = stranger.get(f"/sign-in/callback?{urlencode(arguments, errors='replace')}")
    is_refused(answer)
    assert read_page(answer.text).problem == "sign-in-again"
    assert is_outside(stranger)
    assert single_sign_on.sent == []


@pytest.mark.parametrize("leads_to", SPITEFUL)
def test_any_next_on_the_way_to_the_provider_is_answered_with_a_page(
    single_sign_on: Sandbox, leads_to: str
) -> None:
    stranger = new_stranger(single_sign_on)
    is_refused(stranger.get(f"/sign-in/company?next={quote(leads_to, safe='')}"))


# ── Cookies ────────────────────────────────────────────────────────────────────────────────────────────────────────


def same_bytes(one: str, other: str) -> bool:
    """Whether two spellings are the same record: base64 leaves some bits of its last letter unread."""
    try:
        return base64.urlsafe_b64decode(one) == base64.urlsafe_b64decode(other)
    except ValueError:
        return False


def test_the_cookie_itself_lets_its_owner_in(sandbox: Sandbox, sealed: str) -> None:
    assert not is_outside(client_with_cookies(sandbox.app, f"{SIGN_IN_COOKIE}={sealed}"))


def test_a_cookie_that_was_changed_anywhere_lets_nobody_in(sandbox: Sandbox, sealed: str) -> None:
    sandbox.sent.clear()
    for at, letter in enumerate(sealed):
        changed = sealed[:at] + ("A" if letter != "A" else "B") + sealed[at + 1 :]
        if not same_bytes(changed, sealed):
            assert is_outside(client_with_cookies(sandbox.app, f"{SIGN_IN_COOKIE}={changed}")), at
    assert sandbox.sent == []


def record_of(sandbox: Sandbox, sealed: str) -> dict[str, Any]:
    seal = Encryption((Secret(SECRET_KEY),), purpose="sign-in", life=LONGEST_SESSION)
    record = seal.loads(sealed, now=sandbox.clock())
    assert record is not None
    return record


def closed(record: dict[str, Any], sandbox: Sandbox, *, key: str = SECRET_KEY, purpose: str = "sign-in", ago: float = 0) -> str:  # fmt: skip
    seal = Encryption((Secret(key),), purpose=purpose, life=LONGEST_SESSION)
    return seal.dumps(lambda: record, now=sandbox.clock() - timedelta(seconds=ago))


def test_the_right_record_sealed_wrongly_lets_nobody_in(sandbox: Sandbox, sealed: str) -> None:
    record = record_of(sandbox, sealed)
    right = closed(record, sandbox)
    assert not is_outside(client_with_cookies(sandbox.app, f"{SIGN_IN_COOKIE}={right}"))
    sandbox.sent.clear()
    for wrong in (
        closed(record, sandbox, key="another-made-up-key-that-is-long-enough"),
        closed(record, sandbox, purpose="authorization-request"),
        closed(record, sandbox, ago=LONGEST_SESSION.total_seconds() + 1),
        closed(record, sandbox, ago=-120),
        base64.urlsafe_b64encode(json.dumps(record).encode()).decode(),
        json.dumps(record),
    ):
        assert is_outside(client_with_cookies(sandbox.app, f"{SIGN_IN_COOKIE}={wrong}"))
    for other_name in ("connect", "connect-authorization", "__Host-connect-sign-in", "CONNECT-SIGN-IN"):
        assert is_outside(client_with_cookies(sandbox.app, f"{other_name}={right}"))
    assert sandbox.sent == []


def test_cookies_without_measure_let_nobody_in(sandbox: Sandbox, sealed: str) -> None:
    sandbox.sent.clear()
    for raw in (
        f"{SIGN_IN_COOKIE}={'A' * 100_000}",
        f"{SIGN_IN_COOKIE}={sealed[:-4]}{'A' * LONGEST_ENCRYPTED}",
        "; ".join(f"{SIGN_IN_COOKIE}={number}" for number in range(5000)),
        "; ".join(f"c{number}=x" for number in range(20_000)),
        f'{SIGN_IN_COOKIE}="{chr(92)}303"; connect="',
        f"{SIGN_IN_COOKIE}=\xff\xfe\u00e9",
        ";" * 50_000,
    ):
        assert is_outside(client_with_cookies(sandbox.app, raw))
    assert sandbox.sent == []


@settings(repeatable, max_examples=25)
@given(
    name=st.sampled_from(("connect", SIGN_IN_COOKIE, "connect-authorization")),
    value=st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")) | texts(),
)
def test_any_cookie_is_answered_with_a_page(
    sandbox: Sandbox, single_sign_on: Sandbox, name: str, value: str
) -> None:
    raw = f"{name}={value}".encode().decode("latin-1")
    assert is_outside(client_with_cookies(sandbox.app, raw))
    stranger = client_with_cookies(single_sign_on.app, raw)
    stranger.environ_base["REMOTE_ADDR"] = next(ADDRESSES)
    is_refused(stranger.get("/sign-in/callback?state=x&code=y"))


def test_an_authorization_request_is_no_session_and_a_session_is_no_authorization_request(
    sandbox: Sandbox, sealed: str
) -> None:
    asked = {
        "state": "s",
        "nonce": "n",
        "verifier": "v",
        "redirect_uri": "r",
        "made_at": "2026-11-23T11:42:07Z",
    }
    kept = closed({**record_of(sandbox, sealed), **asked}, sandbox, purpose="authorization-request")
    assert is_outside(client_with_cookies(sandbox.app, f"{SIGN_IN_COOKIE}={kept}"))
    assert is_outside(client_with_cookies(sandbox.app, f"connect-authorization={kept}"))


# ── While a key is replaced ────────────────────────────────────────────────────────────────────────────────────────

OLD = "the-old-made-up-key-that-is-long-enough"
NEW = "the-new-made-up-key-that-is-long-enough"


def wizard_with(keys: str, clock: Clock) -> Client:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(("/login", "/renew")):
            return grant(f"made-up-token-of-{request.url.path}", expires_in=600)
        return httpx.Response(200, json={"projects": []})

    environ = {"INFISICAL_HOST": HOST, "CONNECT_ACCESS": "sign-in", "CONNECT_SECRET_KEY": keys}
    transport = httpx.MockTransport(answer)
    return new_client(create_app(Settings.load(environ, None), transport=transport, clock=clock))


def carry(cookies: Client, to: Client) -> None:
    for name in ("connect", SIGN_IN_COOKIE):
        held = cookies.get_cookie(name)
        if held is not None:
            to.set_cookie(name, held.value)


def test_while_a_key_is_replaced_sign_ins_go_on_and_the_new_key_seals(clock: Clock) -> None:
    before, during, after = (wizard_with(keys, clock) for keys in (OLD, f"{NEW},{OLD}", NEW))
    before.sign_in()
    carry(before, during)
    clock.passes(400)
    assert not is_outside_of_projects(during)
    carry(during, after)
    assert not is_outside_of_projects(after)
    carry(before, after)
    assert is_outside(after)


def is_outside_of_projects(client: Client) -> bool:
    return client.get("/projects").status_code == 303


def test_while_a_key_is_replaced_open_pages_stay_good(clock: Clock) -> None:
    before, during, after = (wizard_with(keys, clock) for keys in (OLD, f"{NEW},{OLD}", NEW))
    page = before.page("/sign-in")
    for client, status in ((during, 303), (after, 400)):
        carry(before, client)
        assert client.sign_in(page).status_code == status
