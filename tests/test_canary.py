"""Three made-up secrets go through every scenario, and afterwards stand nowhere but in what was sent to Infisical."""

import base64
import contextlib
import io
import json
import logging
import re
import socket
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.config import Settings
from app.core.http import Deadline
from app.core.network import NetworkTransport, certificates
from app.core.secret import Secret
from app.infisical.auth import UniversalAuth
from app.infisical.client import LOGIN_PATH, RENEW_PATH, Infisical
from app.infisical.errors import InfisicalError
from app.sandbox import SCENARIOS, SandboxTransport, create_sandbox, prepare_database
from tests.conftest import FORM, HOST, PROJECT, SECRET_KEY, Client, Clock, Recording, new_client
from tests.infisical import servers
from tests.infisical.answers import connection, error, grant, new_connection, soon

from .leak_detector import Cage, Records, caged, rendered, spellings
from .pages import read_page
from .processes import serving
from .sandbox.world import PAYMENTS_ID

# Letters that JSON, URLs and HTML each spell differently, so that no spelling goes unseen.
ACCESS_TOKEN = 'sbp_canary"A<&>+/=%25\\one'
CLIENT_SECRET = 'canary-of-the-client"B<&>+/=%25\\two'
INFISICAL_TOKEN = 'canary.of.infisical"C<&>+/=%25\\three'
# The sandbox takes nothing but 40 hex digits; the last four choose what happens.
SANDBOX_CANARY = "sbp_ca9a27ca9a27ca9a27ca9a27ca9a27ca9a27"

# What people paste one field off: each holds these characters, in which no spelling changes anything.
ONE_FIELD_OFF = "0ff1e1d00ff1e1d0"


def _jwt(**claims: str) -> str:
    head, payload = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256"}, claims)
    )
    return f"{head}.{payload}.{ONE_FIELD_OFF}made-up"


PASTED = {
    "access token": f"sbp_{ONE_FIELD_OFF}0123456789abcdef01234567",
    "scoped token": f"sbp_fc{ONE_FIELD_OFF}0123456789abcdef012345",
    "OAuth access token": f"sbp_oauth_{ONE_FIELD_OFF}0123456789abcdef01234567",
    "secret API key": f"sb_secret_{ONE_FIELD_OFF}_made-up",
    "publishable API key": f"sb_publishable_{ONE_FIELD_OFF}_made-up",
    "service_role key": _jwt(role="service_role", ref="abcdefghijklmnopqrst"),
    "Infisical access token": _jwt(identityId="made-up"),
    "JWT": _jwt(sub="made-up"),
    "Infisical service token": f"st.0123abcd0123abcd.{ONE_FIELD_OFF}.{ONE_FIELD_OFF}",
    "database address": f"postgres://postgres:{ONE_FIELD_OFF}@db.example:5432/postgres",
    "web address": f"https://user:{ONE_FIELD_OFF}@host.example",
    "web address with the secret as user": f"https://{ONE_FIELD_OFF}@host.example",
}
INSTANCE_URL_ALONE = "web address with the secret as user"
"""In another text that is a name and a host, as in many a link."""

CREATE = "/api/v1/app-connections/supabase"
NO_SUCH = error(404, "NotFound", "Could not find App Connection with name x in project scope.")


CANARIES = {
    name: spellings(secret)
    for name, secret in (
        ("the access token", ACCESS_TOKEN),
        ("the client secret", CLIENT_SECRET),
        ("the Infisical token", INFISICAL_TOKEN),
        ("the access token of the sandbox", SANDBOX_CANARY),
    )
} | {"a secret pasted one field off": {ONE_FIELD_OFF}}


@pytest.fixture
def cage(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cage]:
    # What the program writes into its folder is looked at as well.
    monkeypatch.chdir(tmp_path)
    with caged(CANARIES, folder=tmp_path, output=capfd) as cage:
        yield cage


@dataclass
class Watched:
    """A wizard, the browser in front of it, and what it sent to Infisical."""

    client: Client
    cage: Cage
    sent: list[httpx.Request]

    def submit(self, token: str, *, url: str = FORM, **fields: str) -> TestResponse:
        """Fills the form in, submits it, follows where it leads, and keeps every answer."""
        form = self.client.page(url)
        answer = self.cage.keep_answer(
            self.client.submit(
                form, **{"name": "my-connection", "use_anyway": "1", **fields, "access_token": token}
            )
        )
        self.look(answer)
        return answer

    def look(self, answer: TestResponse) -> None:
        """Walks on: where it leads, the pages that could remember, and the cookie."""
        if answer.status_code == 303:
            self.cage.keep_answer(self.client.get(answer.location))
        for path in ("/connections", FORM, "/readyz"):
            self.cage.keep_answer(self.client.get(path))
        cookie = self.client.get_cookie("connect")
        if cookie is not None:
            app = self.client.application
            serializer: Any = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
            self.cage.keep("the session", repr(serializer.loads(cookie.value)))

    def arrived(self, token: str) -> int:
        """How many creates carried the token, which stands in none of the URLs and headers sent."""
        for request in self.sent:
            self.cage.keep("a URL that was asked", str(request.url))
            heads = {name: text for name, text in request.headers.items() if name != "authorization"}
            self.cage.keep("headers that were sent", repr(heads))
            self.cage.keep("a request as it is printed", repr((request, request.headers, request.extensions)))
        return sum(
            json.loads(request.content or b"{}") == _with_token(request, token) for request in self.sent
        )


def _with_token(request: httpx.Request, token: str) -> Any:
    if (request.method, request.url.path) != ("POST", CREATE):
        return None
    body = json.loads(request.content)
    credentials = {**body["credentials"], "accessKey": token, "accessToken": token}
    return {**body, "credentials": credentials}


# ── The sandbox and its fates ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def checks(request: pytest.FixtureRequest) -> str:
    """Whether the wizard asks Supabase before it asks Infisical."""
    return getattr(request, "param", "on")


@pytest.fixture
def in_sandbox(cage: Cage, tmp_path: Path, clock: Clock, checks: str) -> Watched:
    database = tmp_path / "sandbox.sqlite"
    prepare_database(database)
    sent: list[httpx.Request] = []
    inner = Talkative(SandboxTransport(create_sandbox(database, clock=clock), sleep=clock.passes))
    app = create_app(
        Settings.load({"CONNECT_PREFLIGHT": checks}, None),
        data=database,
        secret_key=SECRET_KEY,
        transport=Recording(inner, sent),
        clock=clock,
    )
    cage.watch("a value of a secret", SECRET_VALUE)
    cage.watch("a comment on a secret", SECRET_COMMENT)
    return Watched(client=new_client(app), cage=cage, sent=sent)


SECRET_VALUE = "canary-value-of-a-secret-that-nobody-asked-for"
SECRET_COMMENT = "canary-comment-on-a-secret-that-came-along"


class Talkative(httpx.BaseTransport):
    """A network where Infisical sends each secret's value and comment along with its name, though asked for neither, and
    Supabase the value in the place of its hash."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        if not request.url.path.endswith("/secrets"):
            return answer
        told = json.loads(answer.read(), object_hook=self._with_value)
        return httpx.Response(answer.status_code, json=told)

    @staticmethod
    def _with_value(row: dict[str, Any]) -> dict[str, Any]:
        if "secretKey" in row:
            return row | {"secretValue": SECRET_VALUE, "secretComment": SECRET_COMMENT}
        return row | {"value": SECRET_VALUE} if "value" in row else row


@pytest.mark.parametrize("checks", ["on", "off"], indirect=True)
@pytest.mark.parametrize("digits", [scenario.digits for scenario in SCENARIOS])
def test_every_fate_of_the_sandbox(
    in_sandbox: Watched, checks: str, digits: str, clock: Clock, tmp_path: Path
) -> None:
    answer = in_sandbox.submit(SANDBOX_CANARY + digits)
    assert answer.status_code in (303, 422, 502, 503)
    clock.passes(600)
    in_sandbox.look(answer)
    arrived = in_sandbox.arrived(SANDBOX_CANARY + digits)
    assert arrived == 1 or (checks == "on" and arrived == 0)
    with contextlib.closing(sqlite3.connect(tmp_path / "sandbox.sqlite")) as connection:
        for line in connection.iterdump():
            in_sandbox.cage.keep("the sandbox's database", line)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "Not A Slug"},
        {"name": ""},
        {"description": "d" * 256},
        {"instance_url": "not a url"},
        {"instance_url": "https://other.example"},
        {"use_instance_url": "https://api.supabase.com"},
        {"change_project": "1"},
        {"check": "1"},
        {"expires_on": "yesterday"},
        {"csrf_token": "tampered"},
        {"project_id": ""},
        {"project_id": "no-such-project"},
        {"description": "x" * 70_000},
    ],
    ids=lambda fields: next(iter(fields)) + " " + next(iter(fields.values()))[:12],
)
def test_every_way_a_form_is_refused_before_it_is_sent(in_sandbox: Watched, fields: dict[str, str]) -> None:
    answer = in_sandbox.submit(SANDBOX_CANARY + "4567", **fields)
    assert answer.status_code in (303, 400, 404, 413, 422, 200)


@pytest.mark.parametrize(
    "wrapped",
    ["{}{}", " {} {}", '"{}{}"', "Bearer {}{}", "A={}{}", "{}\n{}", "{}\u200b{}", "{}{}" + "f" * 300],
)
def test_every_way_a_token_is_pasted(in_sandbox: Watched, wrapped: str) -> None:
    in_sandbox.submit(wrapped.format(SANDBOX_CANARY, "4567"))


def test_one_field_that_a_script_asks_for(in_sandbox: Watched) -> None:
    form = in_sandbox.client.page(FORM)
    data = {**form.hidden_fields(), "validate": "access_token", "access_token": SANDBOX_CANARY + "\u200b"}
    answer = FlaskClient.open(in_sandbox.client, FORM, method="POST", data=data)
    assert in_sandbox.cage.keep_answer(answer).status_code == 200
    assert "invisible characters" in answer.text


def test_a_name_that_is_taken(in_sandbox: Watched, clock: Clock) -> None:
    in_sandbox.submit(SANDBOX_CANARY + "4567")
    clock.passes(60)
    assert in_sandbox.submit(SANDBOX_CANARY + "4567").status_code == 422
    # The look-up of the name comes before the create, and finds it.
    assert in_sandbox.arrived(SANDBOX_CANARY + "4567") == 1


def test_a_form_that_is_sent_twice(in_sandbox: Watched, clock: Clock) -> None:
    form = in_sandbox.client.page(FORM)
    clock.passes(5)
    for _ in range(2):
        answer = in_sandbox.client.submit(form, name="twice", access_token=SANDBOX_CANARY + "4567")
        in_sandbox.cage.keep_answer(answer)
        assert answer.status_code == 303


TOKEN_OF_NOBODY = f"sbp_{'0' * 36}4567"


@pytest.mark.parametrize("digits", ["4567", "0401", "0504"])
@pytest.mark.parametrize("more", [{"submit": "1"}, {"submit": "1", "seen": "made-up"}, {"check": "1"}])
def test_every_way_a_token_is_replaced(in_sandbox: Watched, digits: str, more: dict[str, str]) -> None:
    made = in_sandbox.client.fill_in(name="mine", access_token=TOKEN_OF_NOBODY).location.partition("?")[0]
    form = in_sandbox.client.page(f"{made}/token").hidden_fields("connection-form")
    for _ in range(2):
        data = {**form, "name": SANDBOX_CANARY + digits, "access_token": SANDBOX_CANARY + digits, **more}
        answer = in_sandbox.cage.keep_answer(in_sandbox.client.post(f"{made}/token", data=data))
        in_sandbox.look(answer)


# ── The token that a sync is compared with ─────────────────────────────────────────────────────────────────────────

NATIVE = "/native/0a11d7a2-0000-4000-8000-000000000002"
NEW_SYNC = f"/syncs/new/supabase?project={PAYMENTS_ID}"
STAGING = {"supabase_project": "webshopstagingabcdef"}
SYNC_BUTTONS: tuple[dict[str, str], ...] = (
    {"review": "1"},
    {"look": "1"},
    {"submit": "1"},
    {"use_secret_path": "/edge"},
    {"use_key_schema": "SHOP_{{secretKey}}", "step": "review"},
    {"review": "1", "secret_path": "/nope"},
    {"review": "1", "supabase_project": "abcdefghijklmnopqrst"},
    {"review": "1", "connection_id": "made-up", "environment": "made-up"},
    {"review": "1", "csrf_token": "tampered"},
    {"review": "1", "name": "x" * 70_000},
)


def posted(wizard: Watched, url: str, form: dict[str, Any], **fields: str) -> TestResponse:
    """The answer, past the checks of the test's browser: other tests look at these pages."""
    data, same = {**form, **fields}, {"Sec-Fetch-Site": "same-origin"}
    answer = FlaskClient.open(
        wizard.client, url, method="POST", data=data, headers=same, base_url="http://localhost"
    )
    if answer.status_code == 303:
        wizard.cage.keep_answer(FlaskClient.open(wizard.client, answer.location, base_url="http://localhost"))
    return wizard.cage.keep_answer(answer)


def kept_in_the_database(wizard: Watched, folder: Path) -> None:
    wizard.arrived("none")
    with contextlib.closing(sqlite3.connect(folder / "sandbox.sqlite")) as connection:
        for line in connection.iterdump():
            wizard.cage.keep("the sandbox's database", line)


@pytest.mark.parametrize(
    "digits",
    [
        # `make test` tries one that is accepted, one that is refused, and one that may not read the names.
        pytest.param(row.digits, marks=() if row.digits in ("4567", "0401", "1403") else pytest.mark.full)
        for row in SCENARIOS
    ],
)
def test_every_way_a_sync_is_compared(in_sandbox: Watched, digits: str, clock: Clock, tmp_path: Path) -> None:
    form = in_sandbox.client.page(NEW_SYNC).hidden_fields("sync-form") | STAGING
    token = {"access_token": SANDBOX_CANARY + digits}
    for button in SYNC_BUTTONS:
        clock.passes(60)
        answer = posted(in_sandbox, NEW_SYNC, form, **{**token, **button})
        assert answer.status_code in (200, 400, 413, 422), button
    clock.passes(60)
    reviewed = read_page(posted(in_sandbox, NEW_SYNC, form, review="1", **token).text)
    confirmed = {**reviewed.hidden_fields("sync-form"), "submit": "1", "use_anyway": "1"}
    posted(in_sandbox, NEW_SYNC, confirmed, **token)
    in_sandbox.look(in_sandbox.client.get(NEW_SYNC))
    kept_in_the_database(in_sandbox, tmp_path)


@pytest.mark.parametrize("digits", ["4567", "0401"])
def test_every_way_a_later_run_is_compared(
    in_sandbox: Watched, digits: str, clock: Clock, tmp_path: Path
) -> None:
    client, token = in_sandbox.client, {"access_token": SANDBOX_CANARY + digits}
    form = client.page(NEW_SYNC).hidden_fields("sync-form") | STAGING
    reviewed = posted(in_sandbox, NEW_SYNC, form, review="1", delete_others="1", auto_sync="0")
    plan = read_page(reviewed.text).hidden_fields("sync-form")
    made = posted(in_sandbox, NEW_SYNC, plan, submit="1", confirm_removal="all", use_anyway="1")
    at = made.location.partition("?")[0]
    seen = client.page(at).hidden_fields()
    changed = {**client.page(f"{at}/edit").hidden_fields("sync-form"), **STAGING, "name": "renamed"}
    ways = (
        *((at, seen, {button: "1"}) for button in ("run", "resume", "pause")),
        *((f"{at}/edit", changed, button) for button in SYNC_BUTTONS),
        (f"{at}/delete", seen, {"confirm_name": SANDBOX_CANARY + digits}),
    )
    for url, fields, button in ways:
        clock.passes(90)
        answer = posted(in_sandbox, url, fields, **{**token, **button})
        page = read_page(answer.text) if answer.status_code == 200 else None
        if page and "plan" in page.hidden_fields("sync-form"):
            posted(in_sandbox, url, page.hidden_fields("sync-form"), submit="1", confirm_removal="9", **token)
    in_sandbox.look(client.get(at))
    kept_in_the_database(in_sandbox, tmp_path)


def test_no_value_and_no_comment_of_a_secret_is_asked_for_or_told(in_sandbox: Watched) -> None:
    form = in_sandbox.client.page(NEW_SYNC).hidden_fields("sync-form") | STAGING
    token = {"access_token": f"{SANDBOX_CANARY}4567"}
    for folder in ("/", "/edge", "/many"):
        answer = posted(in_sandbox, NEW_SYNC, form, secret_path=folder, review="1", **token)
        assert read_page(answer.text).by_id("plan") is not None
    asked = [request.url.params for request in in_sandbox.sent if request.url.path == "/api/v4/secrets"]
    wanted = {"projectId", "environment", "secretPath", "viewSecretValue", "includeImports"}
    assert all(params["viewSecretValue"] == "false" and {*params} == wanted for params in asked)
    assert asked


SYNC_FIELDS = ("name", "description", "secret_path", "key_schema", "supabase_project", "environment")


@pytest.mark.parametrize(
    ("field", "pasted"),
    [
        # `make test` pastes one secret into each field.
        pytest.param(field, pasted, marks=() if number % 9 == at else pytest.mark.full)
        for at, field in enumerate((*SYNC_FIELDS, "supabase_project_name", "connection_id", "projects"))
        for number, pasted in enumerate(PASTED)
        if pasted != INSTANCE_URL_ALONE
    ],
)
def test_a_secret_that_is_pasted_one_field_off_in_the_form_of_a_sync(
    in_sandbox: Watched, field: str, pasted: str
) -> None:
    form = in_sandbox.client.page(NEW_SYNC).hidden_fields("sync-form") | STAGING
    for text in (PASTED[pasted], f"It is {PASTED[pasted]}, ask Ann"):
        for button in ({"review": "1"}, {f"use_{field}": text}):
            answer = posted(in_sandbox, NEW_SYNC, form, **{field: text, **button})
            assert answer.status_code in (200, 422)
            if field in SYNC_FIELDS and "review" in button:
                assert read_page(answer.text).error(field)
    in_sandbox.look(in_sandbox.client.get(NEW_SYNC))


def test_a_secret_that_is_pasted_into_a_step_of_a_move(in_sandbox: Watched) -> None:
    form = in_sandbox.client.page(f"{NATIVE}/move?project={PAYMENTS_ID}").hidden_fields("move-form")
    for name in ("confirm_name", "confirm_removal", "use_anyway", "seen"):
        for button in ("off", "on", "remove", "run"):
            text = f"{SANDBOX_CANARY}4567"
            answer = posted(in_sandbox, f"{NATIVE}/move", form, **{button: "1", name: text})
            assert answer.status_code in (303, 400, 409, 422), (name, button)
    in_sandbox.look(in_sandbox.client.get(f"{NATIVE}/move"))


@pytest.mark.parametrize("text", [f"{SANDBOX_CANARY}4567", PASTED["database address"]])
def test_a_secret_that_somebody_put_in_a_link_to_a_page_of_syncs_or_native_integrations(
    in_sandbox: Watched, text: str
) -> None:
    at = "/syncs/supabase/5c11d7a2-0000-4000-8000-000000000001"
    pages = (
        "/syncs",
        "/syncs/new/supabase",
        "/syncs/new/supabase/outcome",
        at,
        f"{at}/edit",
        f"{at}/outcome",
        "/native",
        f"{NATIVE}/move",
        f"{NATIVE}/outcome",
    )
    for page in pages:
        for name in (*SYNC_FIELDS, "q", "connection", "projects", "project", "first", "done", "state"):
            rest = f"since=2026-11-23T11:42:07Z&action=run&{name}={quote(text, safe='')}"
            answer = in_sandbox.cage.keep_answer(in_sandbox.client.get(f"{page}?{rest}"))
            assert answer.status_code == 303, (page, name)
            assert quote(text, safe="") not in answer.location
        in_sandbox.cage.keep_answer(in_sandbox.client.get(f"{page}?access_token={text}"))


# ── Secrets where they do not belong ───────────────────────────────────────────────────────────────────────────────

TEXT_FIELDS = ("name", "description", "instance_url", "expires_on")
BUTTONS: tuple[dict[str, str], ...] = (
    {},
    {"change_project": "1"},
    {"check": "1"},
    {"csrf_token": "tampered"},
    {"project_id": ""},
    {"project_id": "no-such-project"},
    {"name": "Not A Slug", "access_token": ""},
)


@pytest.mark.parametrize(
    ("field", "pasted"),
    [
        # `make test` pastes each secret into one field and into each field some.
        pytest.param(field, pasted, marks=() if number % len(TEXT_FIELDS) == at else pytest.mark.full)
        for at, field in enumerate(TEXT_FIELDS)
        for number, pasted in enumerate(PASTED)
        if field == "instance_url" or pasted != INSTANCE_URL_ALONE
    ],
)
def test_a_secret_that_is_pasted_one_field_off(in_sandbox: Watched, field: str, pasted: str) -> None:
    form = in_sandbox.client.page(FORM)
    in_words = PASTED[pasted] if pasted == INSTANCE_URL_ALONE else f"It is {PASTED[pasted]}, ask Ann"
    for text in (PASTED[pasted], in_words):
        for button in (*BUTTONS, {"validate": field}):
            token = {"access_token": SANDBOX_CANARY + "4567"}
            typed = {**form.hidden_fields(), "name": "mine", **token, **button, field: text}
            # A script asks for parts of a page, which are no pages in order.
            answer = FlaskClient.open(in_sandbox.client, FORM, method="POST", data=typed)
            in_sandbox.cage.keep_answer(answer)
            if answer.status_code == 303:
                in_sandbox.cage.keep_answer(in_sandbox.client.get(answer.location))
            if not button:
                assert answer.status_code == 422
                assert read_page(answer.text).error(field)
    in_sandbox.look(in_sandbox.client.get(FORM))
    assert in_sandbox.arrived(SANDBOX_CANARY + "4567") == 0


def test_a_secret_in_the_url_that_a_button_puts_in(in_sandbox: Watched) -> None:
    for text in PASTED.values():
        in_sandbox.submit(SANDBOX_CANARY + "4567", use_instance_url=text)


@pytest.mark.parametrize("pasted", PASTED)
def test_a_secret_that_somebody_put_in_a_link(in_sandbox: Watched, pasted: str) -> None:
    names = ("instance_url",) if pasted == INSTANCE_URL_ALONE else (*TEXT_FIELDS, "q", "project")
    pages = ("/connections", "/projects", "/connections/new", f"{FORM}/token", FORM, f"{FORM}/outcome")
    for page in pages:
        for name in names:
            link = f"name=a&since=2026-11-23T11:42:07Z&then=form&{name}={quote(PASTED[pasted], safe='')}"
            answer = in_sandbox.cage.keep_answer(in_sandbox.client.get(f"{page}?{link}"))
            assert answer.status_code == 303
            in_sandbox.cage.keep_answer(in_sandbox.client.get(answer.location))


def test_the_token_in_a_file_that_is_uploaded_in_its_place(in_sandbox: Watched) -> None:
    form = in_sandbox.client.page(FORM)
    data = {
        **form.hidden_fields(),
        "name": "a",
        "access_token": (io.BytesIO(SANDBOX_CANARY.encode()), "t.txt"),
    }
    answer = in_sandbox.client.post(FORM, data=data, content_type="multipart/form-data")
    assert in_sandbox.cage.keep_answer(answer).status_code == 422


@pytest.mark.parametrize(
    "page",
    [
        "/connections",
        "/projects",
        "/connections/new",
        f"{FORM}/token",
        FORM,
        f"{FORM}/outcome",
        "/connections/supabase/adb321fa-eccb-491a-98b9-d58994355946",
    ],
)
@pytest.mark.parametrize("project", ["", "&project=organization", "&project=no-such-project"])
def test_a_token_that_somebody_put_in_a_link_does_not_travel_on(
    in_sandbox: Watched, page: str, project: str
) -> None:
    rest = f"access_token={SANDBOX_CANARY}4567{project}&name=a&since=2026-11-23T11:42:07Z"
    in_sandbox.cage.keep_answer(in_sandbox.client.get(f"{page}?{rest}"))


def test_a_real_server_says_nothing_of_the_token(cage: Cage, tmp_path: Path) -> None:
    token = SANDBOX_CANARY + "4567"
    with serving("--data", str(tmp_path / "sandbox.sqlite"), folder=tmp_path) as served:
        with httpx.Client(base_url=served.url, trust_env=False, follow_redirects=True) as browser:
            form = browser.get(FORM)
            hidden = dict(re.findall(r'name="(csrf_token|served|project_id)"[^>]*value="([^"]*)"', form.text))
            answers = [
                browser.post(FORM, data={**hidden, "name": name, "access_token": token})
                for name in ("my-connection", "Not A Slug")
            ]
        # httpx itself logs the URLs that it asks for, in this process.
        asking = HTTPConnection(served.url.removeprefix("http://"))
        asking.request("GET", f"/connections/supabase/x?access_token={token}")
        malformed = asking.getresponse()
        cage.keep("an answer to a link with a token", f"{malformed.read()!r}{malformed.headers}")
        asking.close()
        left = served.stop()
    assert [answer.status_code for answer in answers] == [200, 422]
    for answer in answers:
        cage.keep("an answer", f"{answer.text}{answer.headers}{answer.url}")
    cage.keep("what the server printed", left.stdout + left.stderr)
    assert "POST" in left.stdout + left.stderr


# ── An Infisical that a test writes ────────────────────────────────────────────────────────────────────────────────

Step = httpx.Response | Exception


class Upstream:
    """An Infisical that works, but for what a test puts in the place of one kind of call."""

    def __init__(self, **steps: Step) -> None:
        self.steps = steps
        self.sent: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        step = self.steps.get(self._kind(request))
        if isinstance(step, httpx.TransportError):
            return self._break_off(request, step)
        if isinstance(step, Exception):
            # A new one each time: an exception keeps the frames that it came through.
            raise type(step)(*step.args)
        return step or self._usual(request)

    def _break_off(self, request: httpx.Request, step: httpx.TransportError) -> httpx.Response:
        """Fails as a network does: what was to be sent stands in the locals of its frames."""
        sending = (request.headers.get("authorization"), request.content.decode())
        assert sending
        raise type(step)(*step.args)

    def _kind(self, request: httpx.Request) -> str:
        if request.url.host == "api.supabase.com":
            return "supabase"
        kinds = {LOGIN_PATH: "login", RENEW_PATH: "renew", CREATE: "create", "/api/v1/projects": "projects"}
        return kinds.get(request.url.path) or ("named" if "connection-name" in request.url.path else "read")

    def _usual(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
        if request.url.host == "api.supabase.com":
            return httpx.Response(200, json=[{"id": "abcdefghijklmnopqrst", "name": "Shop"}])
        if path in (LOGIN_PATH, RENEW_PATH):
            return grant(INFISICAL_TOKEN)
        if path == "/api/v1/projects":
            return httpx.Response(200, json={"projects": [project]})
        if path.startswith("/api/v1/projects/"):
            return httpx.Response(200, json={"project": project})
        if path == "/api/v1/app-connections":
            return httpx.Response(200, json={"appConnections": [connection()]})
        if path == "/api/status":
            return httpx.Response(200, json={"message": "Ok"})
        if "connection-name" in path:
            return NO_SUCH
        return httpx.Response(200, json={"appConnection": connection()})


PAIR = {
    "INFISICAL_HOST": HOST,
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID": "made-up-id",
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": CLIENT_SECRET,
}
GIVEN = {"INFISICAL_HOST": HOST, "INFISICAL_TOKEN": INFISICAL_TOKEN}


@pytest.fixture
def at(cage: Cage, clock: Clock) -> Callable[..., Watched]:
    """A wizard at an Infisical of the test, with one of the two credentials."""

    def make(upstream: Upstream, credential: dict[str, str] = PAIR) -> Watched:
        loaded = Settings.load(credential, None)
        cage.keep("the settings", f"{loaded!r} {loaded}")
        transport = httpx.MockTransport(upstream)
        app = create_app(loaded, secret_key=SECRET_KEY, transport=transport, clock=clock)
        return Watched(client=new_client(app), cage=cage, sent=upstream.sent)

    return make


def echoes(secret: str) -> dict[str, str]:
    """Sentences with a secret in them, as a careless server writes them."""
    return {
        "as it is": f"cannot use {secret} here",
        "in quotes": f"cannot use '{secret}' here",
        "in a URL": f"GET /v1/projects?token={quote(secret, safe='')}",
        "twice": f"{secret}{secret}",
    }


def refusals(sentence: str) -> dict[str, httpx.Response]:
    """A sentence in every place of an answer that is shown to people."""
    body = {"reqId": sentence, "statusCode": 500, "message": sentence, "error": sentence}
    spelt = json.dumps(body).replace("c", "\\u0063")
    return {
        "500": error(500, "InternalServerError", sentence),
        "400": error(400, "BadRequest", sentence),
        "400 url": error(400, "BadRequest", f"Failed to validate credentials: {sentence}"),
        "401": error(401, "UnauthorizedError", sentence),
        "403": error(403, "PermissionDenied", sentence),
        "404": error(404, "NotFound", sentence),
        "409": error(409, "Conflict", sentence),
        "422": error(
            422,
            "ValidationFailure",
            [
                {"path": ["credentials", "accessKey"], "message": sentence},
                {"path": [sentence], "message": sentence},
            ],
        ),
        "429": error(429, "RateLimitExceeded", sentence),
        "reqId": httpx.Response(500, json=body),
        "escapes": httpx.Response(500, content=spelt, headers={"content-type": "application/json"}),
        "html": httpx.Response(500, html=f"<h1>{sentence}</h1>"),
        "json as 200": httpx.Response(200, json={"message": sentence}),
    }


FAULTS: dict[str, Step] = {
    "refused before it was sent": httpx.ConnectError("x"),
    "timeout before it was sent": httpx.ConnectTimeout("x"),
    "no connection free": httpx.PoolTimeout("x"),
    "timeout while sending": httpx.WriteTimeout("x"),
    "timeout after sending": httpx.ReadTimeout("x"),
    "closed while sending": httpx.WriteError("x"),
    "closed after sending": httpx.RemoteProtocolError("Server disconnected without sending a response."),
    "a crash below the client": RuntimeError("a fault of ours"),
    "html with 200": httpx.Response(200, html="<!doctype html><title>Infisical</title>"),
    "cut off": httpx.Response(200, content=b'{"appConn', headers={"content-type": "application/json"}),
    "another shape": httpx.Response(200, json={"appConnection": {"id": 5}}),
    "a good token in another shape": httpx.Response(
        200, json={"accessToken": INFISICAL_TOKEN, "access_token": INFISICAL_TOKEN, "expiresIn": "never"}
    ),
    "redirect": httpx.Response(302, headers={"location": "https://login.example.com/"}),
    "504": httpx.Response(504, html="<h1>504</h1>"),
    "token error": error(403, "TokenError", "Your token has expired. Please re-authenticate."),
}


@pytest.mark.parametrize("credential", [PAIR, GIVEN], ids=["pair", "token"])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_a_create(at: Callable[..., Watched], fault: str, credential: dict[str, str]) -> None:
    wizard = at(Upstream(create=FAULTS[fault]), credential)
    answer = wizard.submit(ACCESS_TOKEN)
    assert answer.status_code == (500 if "crash" in fault else answer.status_code)
    assert wizard.arrived(ACCESS_TOKEN) == (2 if fault == "token error" and credential == PAIR else 1)


@pytest.mark.parametrize("call", ["login", "projects", "read", "named", "supabase"])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_another_call(at: Callable[..., Watched], call: str, fault: str) -> None:
    upstream = Upstream()
    wizard = at(upstream)
    form = wizard.client.page(FORM)
    upstream.steps = {call: FAULTS[fault]}
    fresh = at(upstream)
    for path in ("/", f"{FORM}/outcome?project={PROJECT}&name=a&since=2026-11-23T11:42:07Z"):
        wizard.cage.keep_answer(fresh.client.get(path))
    wizard.look(
        wizard.cage.keep_answer(
            wizard.client.submit(form, name="a", use_anyway="1", access_token=ACCESS_TOKEN)
        )
    )


SECRETS = {"access token": ACCESS_TOKEN, "infisical token": INFISICAL_TOKEN, "client secret": CLIENT_SECRET}


@pytest.mark.parametrize(
    ("secret", "way"),
    [
        *(("access token", way) for way in echoes("x")),
        *(("infisical token", way) for way in ("as it is", "in a URL")),
        ("client secret", "in quotes"),
    ],
)
def test_a_create_that_is_refused_with_the_secrets_in_the_answer(
    at: Callable[..., Watched], secret: str, way: str
) -> None:
    sentence = echoes(SECRETS[secret])[way]
    upstream = Upstream()
    wizard = at(upstream)
    form = wizard.client.page(FORM)
    for refusal in refusals(sentence).values():
        upstream.steps = {"create": refusal}
        answer = wizard.client.submit(form, name="a", use_anyway="1", access_token=ACCESS_TOKEN)
        wizard.cage.keep_answer(answer)
        assert answer.status_code != 303


@pytest.mark.parametrize("way", ["as it is", "in a URL"])
@pytest.mark.parametrize("call", ["login", "projects"])
def test_another_call_that_is_refused_with_the_secrets_in_the_answer(
    at: Callable[..., Watched], call: str, way: str
) -> None:
    secret = CLIENT_SECRET if call == "login" else INFISICAL_TOKEN
    for refusal in refusals(echoes(secret)[way]).values():
        wizard = at(Upstream(**{call: refusal}))
        for path in ("/", "/readyz"):
            wizard.cage.keep_answer(wizard.client.get(path))


@pytest.mark.parametrize(
    "location", ["https://{}@login.example/", "https://login.example/?t={}", "//{}/", "/{}"]
)
def test_a_redirect_with_the_token_in_it(at: Callable[..., Watched], location: str) -> None:
    there = location.format(quote(ACCESS_TOKEN, safe=""))
    wizard = at(Upstream(create=httpx.Response(302, headers={"location": there})))
    assert wizard.submit(ACCESS_TOKEN).status_code == 502


@pytest.mark.parametrize("button", [{}, {"check": "1"}], ids=["submit", "check"])
@pytest.mark.parametrize("way", list(echoes("x")))
def test_a_supabase_that_echoes_the_token(
    at: Callable[..., Watched], way: str, button: dict[str, str]
) -> None:
    sentence = echoes(ACCESS_TOKEN)[way]
    upstream = Upstream()
    wizard = at(upstream)
    form = wizard.client.page(FORM)
    for answer in (
        httpx.Response(200, json=[{"id": sentence, "name": sentence}]),
        httpx.Response(403, json={"message": sentence, "missing_permissions": [sentence]}),
        httpx.Response(401, json={"message": sentence}),
        httpx.Response(500, json={"message": sentence}),
        httpx.Response(429, json={"message": sentence}, headers={"retry-after": "5"}),
        httpx.Response(302, headers={"location": f"https://a.example/{quote(sentence)}"}),
    ):
        upstream.steps = {"supabase": answer}
        told = wizard.client.submit(form, name="a", use_anyway="1", access_token=ACCESS_TOKEN, **button)
        wizard.look(wizard.cage.keep_answer(told))


# ── The client alone: what an error tracker would keep ─────────────────────────────────────────────────────────────


def raised_by(call: Callable[[], object]) -> BaseException | None:
    try:
        call()
    except (InfisicalError, RuntimeError) as raised:
        return raised
    return None


def client_with(upstream: Upstream, *, pair: bool = True) -> Infisical:
    secret = Secret(CLIENT_SECRET)
    auth: Secret | UniversalAuth = UniversalAuth(client_id="made-up-id", client_secret=secret)
    if not pair:
        auth = Secret(INFISICAL_TOKEN)
    return Infisical(HOST, auth=auth, transport=httpx.MockTransport(upstream))


@pytest.mark.parametrize("call", ["create", "login"])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_client_raises_drags_no_secret_behind_it(cage: Cage, call: str, fault: str) -> None:
    infisical = client_with(Upstream(**{call: FAULTS[fault]}))
    new = new_connection(access_token=Secret(ACCESS_TOKEN))
    raised = raised_by(lambda: infisical.create(new, deadline=soon()))
    assert raised is not None
    cage.keep("an exception", rendered(raised))


@pytest.mark.parametrize("call", ["create", "login"])
@pytest.mark.parametrize("way", list(echoes("x")))
def test_what_the_client_raises_for_an_echo_drags_no_secret_behind_it(
    cage: Cage, call: str, way: str
) -> None:
    for secret in (ACCESS_TOKEN, INFISICAL_TOKEN) if call == "create" else (CLIENT_SECRET,):
        for refusal in refusals(echoes(secret)[way]).values():
            infisical = client_with(Upstream(**{call: refusal}))
            new = new_connection(access_token=Secret(ACCESS_TOKEN))
            raised = raised_by(lambda: infisical.create(new, deadline=soon()))  # noqa: B023  # called at once
            assert raised is not None
            cage.keep("an exception", rendered(raised))


def half_a_body(spoken: socket.socket, _: bytes) -> None:
    spoken.sendall(servers.answer(b"{", length=9))
    spoken.shutdown(socket.SHUT_RDWR)


SOCKETS: dict[str, servers.Play] = {
    "closed after reading": lambda spoken, _: spoken.shutdown(socket.SHUT_RDWR),
    "no answer in time": lambda *_: None,
    "half a body": half_a_body,
    "no http": servers.saying(b"SSH-2.0-made-up\r\n\r\n"),
    "html": servers.saying(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1\r\n\r\nx"),
    "500": servers.saying(servers.answer(b'{"message": "x"}', status="500 Internal Server Error")),
}


@pytest.mark.parametrize("play", SOCKETS)
def test_what_the_client_raises_over_a_real_socket_drags_no_secret_behind_it(cage: Cage, play: str) -> None:
    server = servers.Server(SOCKETS[play])
    url = f"http://127.0.0.1:{server.port}"
    transport = NetworkTransport(certificates())
    # A header cannot hold the other canary's quotation marks.
    token = Secret("canary.of.infisical-over-a-socket")
    with contextlib.closing(Infisical(url, auth=token, transport=transport)) as infisical:
        new = new_connection(access_token=Secret(ACCESS_TOKEN))
        raised = raised_by(lambda: infisical.create(new, deadline=Deadline.after(1.5)))
    server.close()
    assert (
        json.loads(server.requests[0].partition(b"\r\n\r\n")[2])["credentials"]["accessKey"] == ACCESS_TOKEN
    )
    assert raised is not None
    cage.keep("an exception", rendered(raised))
    assert "canary.of.infisical-over-a-socket" not in "".join(text for _, text in cage.texts)


def test_a_renewal_that_is_refused_with_the_token_in_the_answer(cage: Cage) -> None:
    moment = 0.0
    upstream = Upstream(renew=error(500, "InternalServerError", f"cannot renew {INFISICAL_TOKEN}"))
    secret = Secret(CLIENT_SECRET)
    auth = UniversalAuth(client_id="id", client_secret=secret, clock=lambda: moment)
    infisical = Infisical(HOST, auth=auth, transport=httpx.MockTransport(upstream))
    infisical.projects()
    moment = 2592000 - 30
    # The token in hand is still good, so the call succeeds with it; the cage looks at what was logged.
    assert raised_by(infisical.projects) is None
    assert [request.url.path for request in upstream.sent].count(RENEW_PATH) == 1


# ── The cage itself ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("secret", [ACCESS_TOKEN, CLIENT_SECRET, INFISICAL_TOKEN])
@pytest.mark.parametrize("way", list(echoes("x")))
def test_the_cage_sees_every_spelling(secret: str, way: str) -> None:
    caught = Cage(CANARIES)
    caught.keep("a text", echoes(secret)[way])
    assert len(caught.escaped()) == 1


def test_the_cage_sees_logs_exceptions_and_their_locals() -> None:
    caught = Cage(CANARIES)
    handler = Records(caught)
    logger = logging.getLogger("tests.canary")
    logger.addHandler(handler)
    logger.propagate = False

    def leaks(token: str) -> None:
        raise RuntimeError("fell over")

    try:
        leaks(ACCESS_TOKEN)
    except RuntimeError:
        logger.exception("it fell over")
    logger.warning("told %s", CLIENT_SECRET)
    logger.removeHandler(handler)
    assert len(caught.escaped()) == 2
