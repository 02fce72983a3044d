"""Whatever people, links, browsers or Infisical send, the wizard answers with a page that keeps the rules."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import hcl2
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from app.connectors.supabase import SUPABASE
from app.infisical.models import Connection
from app.web.detail import as_api_call, as_code, as_sync_call, as_terraform
from app.web.fields import slug_of
from tests.conftest import FORM, PROJECT, Answer, Client, Sandbox, client_with_cookies, new_client
from tests.infisical.answers import connection, grant
from tests.pages import read_page
from tests.sandbox.world import PAYMENTS_ID

CONNECTION = "adb321fa-eccb-491a-98b9-d58994355946"
TOKEN = "sbp_0123456789abcdef0123456789abcdef01234567"
OUTCOME = f"{FORM}/outcome"
NEW_SYNC = "/syncs/new/supabase"
PAGES = (
    "/",
    "/connections",
    "/connections/reminders.ics",
    "/projects",
    "/connections/new",
    f"{FORM}/token",
    FORM,
    OUTCOME,
    f"/connections/supabase/{CONNECTION}",
    f"/connections/supabase/{CONNECTION}/reminder.ics",
    "/syncs",
    NEW_SYNC,
    f"{NEW_SYNC}/outcome",
    f"/syncs/supabase/{CONNECTION}",
    f"/syncs/supabase/{CONNECTION}/outcome",
    "/sandbox",
    "/healthz",
    "/readyz",
)
SYNC_FIELDS = (
    "environment", "secret_path", "supabase_project", "supabase_project_name", "key_schema", "delete_others",
    "auto_sync", "name", "description",
)  # fmt: skip
PARAMETERS = (
    "project", "app", "q", "sort", "order", "expiring", "done", "page", "all", "then", "name", "description", "instance_url", "since", "waited", "stop",
    "created", "looked", "expires_on", "expires_in_description", "access_token", "endpoint", "values", "_external", "_scheme", "_anchor", "_method",
    "connection_id", "template", "scope", "status", *SYNC_FIELDS, "connection", "projects", "action", "state", "attention",
)  # fmt: skip
FIELDS = (
    "project_id", "served", "name", "description", "instance_url", "access_token", "use_anyway", "warned",
    "use_instance_url", "change_project", "submit", "csrf_token", "expires_on", "expires_in_description", "check",
)  # fmt: skip

# The same examples every time: a red test can be repeated, and a green one stays green.
repeatable = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)

SPITEFUL = (
    "\x00", "\x1b[31m", "\u202ecba", "\ufffe", "<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}", "%00%0d%0aSet-Cookie: a=b", "\r\nLocation: https://evil.example", "javascript:alert(1)",
    "//evil.example", "..", "../../etc/passwd", "a" * 3000, "🚀" * 300, "NaN", "-1", "9" * 5000, "½", "ß", "İ",
    "organization", PROJECT, "https", "https://[::1", "https://[::1%25eth0]", "https://user:pw@host", "http://a:b",
    "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", "0001-01-01T00:00:00Z", "2026-11-23T11:42:07Z",
)  # fmt: skip


def texts() -> st.SearchStrategy[str]:
    return st.sampled_from(SPITEFUL) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.fixture
def loud(sandbox: Sandbox) -> Iterator[Client]:
    """A browser at a wizard that lets every fault of its own through, so that the test shows where it is."""
    sandbox.app.config["PROPAGATE_EXCEPTIONS"] = True
    client = new_client(sandbox.app)
    with client:
        yield client


def is_in_order(answer: TestResponse) -> None:
    """A page that kept the rules when it was opened, JSON, a file, or a redirect that stays with us."""
    assert answer.status_code != 500
    if answer.status_code in (301, 302, 303, 307, 308):
        there = urlsplit(answer.headers["Location"])
        assert (there.scheme, there.netloc) in {("", ""), ("http", "localhost")}
        assert there.path.startswith("/")
        return
    assert answer.mimetype in {
        "text/html",
        "application/json",
        "text/css",
        "text/javascript",
        "image/svg+xml",
        "text/calendar",
    }


@repeatable
@given(fields=st.fixed_dictionaries({}, optional={name: texts() for name in FIELDS}))
def test_any_text_in_any_field_is_answered_with_a_page(loud: Client, fields: dict[str, str]) -> None:
    form = loud.page(FORM)
    is_in_order(loud.submit(form, **fields))


SYNC_BUTTONS = ("review", "look", "submit", "all", "use_secret_path", "use_key_schema", "use_name", "step")


@repeatable
@given(
    fields=st.fixed_dictionaries(
        {},
        optional={
            name: texts()
            for name in (
                *SYNC_FIELDS,
                *SYNC_BUTTONS,
                "connection_id",
                "plan",
                "projects",
                "suggested",
                "warned",
            )
        },
    ),
    token=st.sampled_from(("", TOKEN, "é", "a b", "x" * 5000)),
)
def test_any_text_in_any_field_of_a_sync_is_answered_with_a_page(
    loud: Client, fields: dict[str, str], token: str
) -> None:
    address = f"{NEW_SYNC}?project={PAYMENTS_ID}"
    form = loud.page(address).hidden_fields("sync-form")
    is_in_order(loud.post(address, data={**form, "access_token": token, **fields}))


@repeatable
@given(
    path=st.sampled_from(PAGES),
    query=st.dictionaries(st.sampled_from(PARAMETERS) | st.text(max_size=8), texts(), max_size=5),
)
def test_any_text_in_any_parameter_is_answered_with_a_page(
    loud: Client, path: str, query: dict[str, str]
) -> None:
    encoded = "&".join(f"{_quoted(name)}={_quoted(text)}" for name, text in query.items())
    is_in_order(loud.get(f"{path}?{encoded}"))


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "query",
    [
        "endpoint=x",
        "values=x",
        "_external=1&_scheme=javascript",
        "_scheme=javascript",
        "_anchor=x",
        "_method=POST",
        "connection_id=x",
        "app=x",
        f"project={PROJECT}&name=a&since=0001-01-01T00:00:00Z",
        f"project={PROJECT}&name=a&since=0001-01-01T00:00:00%2B10:00",
        f"project={PROJECT}&name=a&since=9999-12-31T23:59:59-10:00",
        "project=organization&name=a&since=2026-11-23T11:42:07Z&endpoint=x&_external=1&_scheme=javascript",
        "project=..&name=..&since=2026-11-23T11:42:07Z",
        f"project=organization&name=a&since=2026-11-23T11:42:07Z&waited={'9' * 4000}",
        "\xff\xfe=\xff",
    ],
)
def test_a_spiteful_link_is_answered_with_a_page(loud: Client, path: str, query: str) -> None:
    answer = loud.get(path, environ_overrides={"QUERY_STRING": query})
    is_in_order(answer)
    assert "javascript:" not in answer.headers.get("Location", "")
    assert 'href="javascript:' not in answer.text


@repeatable
@given(
    body=st.binary(max_size=200),
    kind=st.sampled_from(
        (
            "application/x-www-form-urlencoded",
            "application/json",
            "multipart/form-data; boundary=x",
            "text/plain",
            "",
        )
    ),
)
def test_any_body_is_answered_with_a_page(loud: Client, body: bytes, kind: str) -> None:
    is_in_order(loud.post(FORM, data=body, content_type=kind))


@pytest.mark.parametrize("field", FIELDS)
def test_a_file_in_place_of_a_text_is_answered_with_a_page(loud: Client, field: str) -> None:
    form = loud.page(FORM)
    data: dict[str, Any] = {**form.hidden_fields(), "name": "a", "access_token": TOKEN}
    data[field] = (BytesIO(b"a file"), "file.txt")
    is_in_order(loud.post(FORM, data=data, content_type="multipart/form-data"))


@pytest.mark.parametrize("body", [[], 5, "text", None, {"name": 5}, {"name": ["a"]}, [["name", 5]]])
def test_json_in_place_of_a_form_is_answered_with_a_page(loud: Client, body: object) -> None:
    loud.page(FORM)
    is_in_order(loud.post(FORM, json=body))


@pytest.mark.parametrize("field", FIELDS)
def test_a_text_as_long_as_a_request_may_be_is_answered_with_a_page(loud: Client, field: str) -> None:
    form = loud.page(FORM)
    is_in_order(loud.submit(form, **{field: "ab/" * 20_000}))


HEADERS = (
    "Accept", "Accept-Language", "Authorization", "Content-Type", "Content-Length", "Cookie", "If-None-Match",
    "If-Modified-Since", "Origin", "Range", "Referer", "Transfer-Encoding", "Upgrade", "User-Agent",
    "X-HTTP-Method-Override", "X-Requested-With", "X-Forwarded-For", "Forwarded", "Via",
)  # fmt: skip


def header_texts() -> st.SearchStrategy[str]:
    """What a server lets through: no line breaks, and bytes as Latin-1."""
    return st.text(
        st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=40
    ) | st.sampled_from(("0", "-1", "bytes=0-", "chunked", "connect=abc.def.ghi", "*/*;q=x", 'a="\\'))


@repeatable
@given(
    path=st.sampled_from(PAGES),
    headers=st.dictionaries(st.sampled_from(HEADERS), header_texts(), max_size=4),
    method=st.sampled_from(("GET", "POST", "PUT", "DELETE", "PATCH", "TRACE")),
)
def test_any_header_is_answered_with_a_page(
    loud: Client, path: str, headers: dict[str, str], method: str
) -> None:
    is_in_order(loud.open(path, method=method, headers=headers))


@repeatable
@given(cookie=texts() | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")), at=st.integers(0, 400))
def test_a_cookie_that_was_tampered_with_is_answered_with_a_page(loud: Client, cookie: str, at: int) -> None:
    loud.get(FORM)
    loud.page(FORM)
    held = loud.get_cookie("connect")
    assert held is not None
    for value in (held.value[:at] + "x" + held.value[at + 1 :], cookie):
        raw = f"connect={value}".encode().decode("latin-1")
        is_in_order(client_with_cookies(loud.application, raw).get(FORM))


@repeatable
@given(
    start=st.sampled_from(
        ("/", "/connections/", f"{FORM}/", "/connections/supabase/", "/static/", "/static/x/")
    ),
    rest=texts(),
)
def test_any_path_is_answered_with_a_page(loud: Client, start: str, rest: str) -> None:
    raw = (start + rest).encode().decode("latin-1")
    is_in_order(loud.get("/x", environ_overrides={"PATH_INFO": raw}))


# ── Whatever Infisical answers ─────────────────────────────────────────────────────────────────────────────────────


PAYMENTS = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
SYNC = {
    "id": "5c11d7a2-0000-4000-8000-000000000001",
    "name": "to-shop",
    "description": "For the shop",
    "projectId": PROJECT,
    "connectionId": CONNECTION,
    "createdAt": "2026-11-23T10:23:29.545Z",
    "updatedAt": "2026-11-23T10:23:29.545Z",
    "syncStatus": "failed",
    "lastSyncMessage": '{"secretKey":"A_NAME","error":{"message":"refused"}}',
    "lastSyncedAt": "2026-11-23T10:23:29.545Z",
    "isAutoSyncEnabled": True,
    "connection": {"id": CONNECTION, "name": "mine", "app": "supabase"},
    "environment": {"id": "an-environment", "name": "Development", "slug": "dev"},
    "folder": {"id": "a-folder", "path": "/"},
    "syncOptions": {"keySchema": "SHOP_{{secretKey}}", "disableSecretDeletion": False},
    "destinationConfig": {"projectId": "abcdefghijklmnopqrst", "projectName": "shop"},
}
NAMES = [{"secretKey": name} for name in ("A_NAME", "SUPABASE_URL", "name" * 100)]
RIGHT: tuple[tuple[str, Any], ...] = (
    (r"api.supabase.com/v1/projects/\w+/secrets", [{"name": "SHOP_OLD", "value": "0" * 64}]),
    (r"/check-destination$", {"hasDuplicate": True, "duplicateProjectId": PROJECT}),
    (r"/secret-syncs/supabase$", {"secretSyncs": [SYNC, {**SYNC, "id": "another", "name": "other"}]}),
    (r"/secret-syncs/", {"secretSync": SYNC}),
    (r"/available$", {"appConnections": [connection()]}),
    (
        r"/environment-folder-tree$",
        {"dev": {"slug": "dev", "name": "Development", "position": 1, "folders": [{"path": "/"}]}},
    ),
    (r"/api/v4/secrets$", {"secrets": NAMES, "imports": [{"secretPath": "/shared", "secrets": NAMES}]}),
    ("api.supabase.com/v1/projects", [{"id": "abcdefghijklmnopqrst", "name": "Shop", "region": "eu-west-1"}]),
    (r"/login$|/renew$", json.loads(grant().content)),
    (r"/api/v1/projects$", {"projects": [PAYMENTS]}),
    (r"/api/v1/projects/", {"project": PAYMENTS}),
    (r"/app-connections$", {"appConnections": [connection(), connection(app="aws", name="other")]}),
    (
        r"/options$",
        {"appConnectionOptions": [{"name": name, "app": name.lower()} for name in ("AWS", "Supabase")]},
    ),
    (
        r"/details$",
        {"identityDetails": {"organization": {"id": "an-organization", "name": "A", "slug": "a"}}},
    ),
    (r"/status$", {"message": "Ok"}),
    (r"", {"appConnection": connection()}),
)
"""What is right to answer, by the first pattern that fits the host and the path."""


def _right(request: httpx.Request) -> Any:
    asked = f"{request.url.host}{request.url.path}"
    return next(body for pattern, body in RIGHT if re.search(pattern, asked))


JSON_TEXTS = st.text(max_size=20) | st.sampled_from(
    (
        *SPITEFUL,
        "\ud800",
        "",
        " ",
        "a\ud800b",
        "0001-01-01T00:00:00+10:00",
        "2026-11-23T10:23:29.545",
        "2026-11-23",
        "Service token",
        "Could not find App Connection",
        "TokenError",
        "BadRequest",
        "Failed to validate credentials: Request failed with status code 403",
    )
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from((1e308, -1e308, float("inf"), float("nan"), 0, -62135596800, 253402300799999))
    | st.floats()
    | JSON_TEXTS
)
KEYS = st.text(max_size=8) | st.sampled_from(
    (
        "message",
        "error",
        "reqId",
        "path",
        "projects",
        "project",
        "appConnection",
        "appConnections",
        "id",
        "name",
    )
)
ANY_JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
REFUSALS = st.fixed_dictionaries(
    {
        "message": JSON_TEXTS
        | st.lists(
            st.fixed_dictionaries({"path": ANY_JSON, "message": ANY_JSON}) | ANY_JSON,
            max_size=3,
        ),
        "error": JSON_TEXTS,
    },
    optional={"reqId": ANY_JSON, "statusCode": ANY_JSON},
)
KINDS = ("application/json", "application/json; charset=utf-16", "text/html", "application/problem+json", "")
STATUSES = (
    200, 200, 200, 201, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 409, 413, 418, 422, 429, 431, 451, 500,
    501, 502, 503, 504, 520, 599,
)  # fmt: skip


def _places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if here:
        yield here
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in rows:
        yield from _places(inner, (*here, key))


def _with(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copy = value.copy()
    copy[place[0]] = _with(value[place[0]], place[1:], new)
    return copy


@dataclass(frozen=True)
class Spoilt:
    """What is wrong with the answers to the calls whose path holds `only`. Calls come from several threads, so all
    of it is drawn before any comes."""

    only: str
    status: int
    headers: dict[str, str]
    place: int
    leaf: Any
    instead: Any


def spoilt_answers(*only: str) -> st.SearchStrategy[Spoilt]:
    headers = st.fixed_dictionaries(
        {
            "content-type": st.sampled_from(KINDS + KINDS[:1] * 9),
            "location": st.sampled_from(("/", "//[", "https://a.example", "\xff")),
            "retry-after": st.sampled_from(("5", "x", "", "-1", "\xb2")),
        }
    )
    return st.builds(
        Spoilt,
        only=st.sampled_from(only),
        status=st.sampled_from(STATUSES),
        headers=headers,
        place=st.integers(0, 40),
        leaf=ANY_JSON,
        instead=st.none() | st.none() | REFUSALS | ANY_JSON,
    )


class Hostile:
    """An Infisical, and a Supabase, that answer rightly until a test spoils them."""

    def __init__(self) -> None:
        self.spoilt: Spoilt | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        right, spoilt = _right(request), self.spoilt
        if spoilt is None or spoilt.only not in request.url.path:
            return httpx.Response(200, json=right)
        body, status = spoilt.instead, spoilt.status
        if body is None:
            places = list(_places(right)) or [()]
            body, status = _with(right, places[spoilt.place % len(places)], spoilt.leaf), 200
        raw = [(name.encode(), text.encode("latin-1")) for name, text in spoilt.headers.items()]
        return httpx.Response(status, content=json.dumps(body).encode(), headers=raw)


CALLS = (
    "/login",
    "/api/v1/projects",
    "/app-connections",
    "/options",
    "/details",
    "/status",
    "/supabase",
    "/secret-syncs",
    "/environment-folder-tree",
    "/available",
    "/api/v4/secrets",
    "/api",
)
CREDENTIALS = {
    "INFISICAL_TOKEN": "",
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID": "made-up-id",
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": "made-up-client-secret",
}


@pytest.fixture
def spoilt(wizard_at: Callable[..., Client]) -> Callable[[Answer], Client]:
    """A browser at a wizard that is not logged in yet and lets every fault of its own through."""

    def make(answer: Answer) -> Client:
        client = wizard_at(answer, **CREDENTIALS)
        client.application.config["PROPAGATE_EXCEPTIONS"] = True
        return client

    return make


@settings(repeatable)
@given(
    wrong=spoilt_answers(*CALLS),
    path=st.sampled_from(
        (
            *PAGES,
            f"{OUTCOME}?project={PROJECT}&name=a&since=2026-11-23T11:42:07Z",
            f"/connections/supabase/{CONNECTION}/reminder.ics?expires_on=9999-12-31",
            f"/connections/supabase/{CONNECTION}?created=1&expires_on=0001-01-01",
            f"{FORM}?project={PROJECT}",
            f"/syncs?project={PROJECT}",
            f"{NEW_SYNC}?project={PROJECT}&connection={CONNECTION}",
            f"/syncs/supabase/{CONNECTION}/edit",
            f"/syncs/supabase/{CONNECTION}/delete",
            f"{NEW_SYNC}/outcome?project={PROJECT}&name=to-shop&since=2026-11-23T11:42:07Z",
            "/connections?project=organization",
            f"/connections?project={PROJECT}",
            "/connections/new?project=organization",
        )
    ),
)
def test_whatever_infisical_answers_a_page_comes(
    spoilt: Callable[[Answer], Client], wrong: Spoilt, path: str
) -> None:
    infisical = Hostile()
    client = spoilt(infisical)
    infisical.spoilt = wrong
    is_in_order(client.get(path))


ODD_VALUES: tuple[tuple[str, tuple[str, ...], tuple[Any, ...]], ...] = (
    (
        "appConnection",
        ("id", "orgId", "projectId"),
        ("", " ", "a b", "x?y#z", "a\r\nSet-Cookie: a=b", "x" * 70_000, "../..", "é"),
    ),
    ("appConnection", ("name",), ("", " ", "\x1f", "\ud800", 'a"; x="', "a\r\nb", "x" * 70_000)),
    (
        "appConnection",
        ("createdAt", "updatedAt"),
        (
            "2026-11-23T10:23:29",
            "2026-11-23",
            "0001-01-01T00:00:00+10:00",
            "9999-12-31T23:59:59-10:00",
            0,
            1e300,
        ),
    ),
    ("appConnection", ("description", "method", "app"), ("\x00", "\ud800", "", "\u2028", "x" * 70_000)),
    ("appConnection", ("version",), (10**400, -1, 1.5)),
    ("appConnection", ("credentials",), (None, [], {"instanceUrl": 5}, {"instanceUrl": "javascript:x"})),
    ("project", ("id", "orgId"), ("", "a b", "a\r\nb", "x" * 70_000)),
    ("project", ("name",), ("", "\u2003", "\ud800")),
    ("accessToken", ("accessToken",), ("", "a\r\nb", "é", "a b", 5)),
    ("accessToken", ("expiresIn", "accessTokenMaxTTL"), (0, -1, float("nan"), float("inf"), "1", None)),
)
NEARLY_RIGHT = [
    pytest.param(key, name, value, marks=() if name == names[0] else pytest.mark.full)
    for key, names, values in ODD_VALUES
    for name in names
    for value in values
]


def nearly_right(key: str, name: str, value: Any) -> Answer:
    """An Infisical that answers rightly, but for one value of every connection, project or log-in."""

    def spoil(body: Any) -> Any:
        if isinstance(body, list):
            return [spoil(row) for row in body]
        if not isinstance(body, dict):
            return body
        spoilt = {inner: spoil(told) for inner, told in body.items()}
        one = {"appConnection": "app", "project": "slug", "accessToken": "tokenType"}[key]
        return {**spoilt, name: value} if one in spoilt else spoilt

    def answer(request: httpx.Request) -> httpx.Response:
        content = json.dumps(spoil(_right(request)))
        return httpx.Response(200, content=content, headers={"content-type": "application/json"})

    return answer


@pytest.mark.parametrize(("key", "name", "value"), NEARLY_RIGHT, ids=lambda told: repr(told)[:30])
def test_an_answer_with_one_odd_value_is_answered_with_a_page(
    spoilt: Callable[[Answer], Client], key: str, name: str, value: Any
) -> None:
    client = spoilt(nearly_right(key, name, value))
    for path in (
        "/",
        f"/connections?project={PROJECT}",
        f"{OUTCOME}?project=organization&name=a&since=2026-11-23T11:42:07Z",
        f"/connections/supabase/{CONNECTION}?created=1",
        f"/connections/supabase/{CONNECTION}/reminder.ics?expires_on=2027-01-01",
        f"{FORM}?project=organization",
    ):
        is_in_order(client.get(path))
    form = client.get(f"{FORM}?project=organization")
    if form.status_code == 200:
        is_in_order(client.submit(read_page(form.text), name="a", access_token=TOKEN))


@settings(repeatable)
@given(wrong=spoilt_answers("/supabase", "/login", "/v1", "/v1/projects", "connection-name"))
def test_whatever_infisical_answers_to_a_create_a_page_comes(
    spoilt: Callable[[Answer], Client], wrong: Spoilt
) -> None:
    infisical = Hostile()
    client = spoilt(infisical)
    form = client.page(f"{FORM}?project={PROJECT}")
    infisical.spoilt = wrong
    is_in_order(client.submit(form, name="a", access_token=TOKEN))


# ── Names and commands made of any text ────────────────────────────────────────────────────────────────────────────


@settings(repeatable, max_examples=4 * settings().max_examples)
@given(text=st.text(max_size=90) | texts())
def test_a_name_made_of_any_text_is_one_that_infisical_takes_or_none(text: str) -> None:
    name = slug_of(text)
    assert name == "" or (len(name) <= 64 and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name))
    assert slug_of(name) == name


SHELL = st.sampled_from(
    (
        "$(touch made-by-the-command)", "`touch made-by-the-command`", "$HOME", "${PATH}", "$SUPABASE_ACCESS_TOKEN",
        "\\", "\\\\", "\\n", "\n", "\nJSON\n", "JSON", '"', "'", "$", "$$", "!!", "*", "~", "\r", "\t", "\x00", "\u2028",
        '"accessKey": "SUPABASE_ACCESS_TOKEN"', '"projectId": "INFISICAL_PROJECT_ID"', "é", "🚀", "%s", "$((1+1))",
        "\x1b", "\x7f", "%{ if true }", "%%{", "${var.x}", "$${", "<<EOT\nEOT\n", "\u202e", "\U000e0041", "\u00a0", "#", "/*", "}",
        " = var.supabase_access_token", "</code>",
    )
)  # fmt: skip


def any_description() -> st.SearchStrategy[str]:
    return st.lists(SHELL | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=8).map(
        "".join
    )


def any_url() -> st.SearchStrategy[str | None]:
    return SHELL.map(lambda text: f"https://proxy.example/{text}") | st.none()


def named(name: str, **changes: Any) -> Connection:
    """A connection that may have a name which Infisical would refuse."""
    return Connection.model_validate(connection(name=f"x{name}", **changes))


def as_shown(*texts: str) -> None:
    """What is copied from a page is what was put there, and looks like it."""
    for text in texts:
        assert all(character.isprintable() or character == "\n" for character in text), repr(text)


@settings(repeatable)
@given(name=SHELL, description=any_description(), url=any_url())
def test_the_command_makes_the_same_connection_whatever_the_texts_are(
    tmp_path: Path, name: str, description: str, url: str | None
) -> None:
    made = named(name, description=description, credentials={"instanceUrl": url})
    command = as_api_call(SUPABASE, made, base_url="https://infisical.test")
    as_shown(command)
    sent = run_in_shell(command, folder=tmp_path)
    credentials = {"accessKey": TOKEN} if url is None else {"accessKey": TOKEN, "instanceUrl": url}
    expected = {
        "name": made.name,
        "method": "access-token",
        "projectId": made.project_id,
        "credentials": credentials,
    }
    assert json.loads(sent) == ({**expected, "description": description} if description else expected)
    assert list(tmp_path.iterdir()) == []


@settings(repeatable)
@given(name=SHELL, project_id=st.sampled_from((PROJECT, None)))
def test_the_command_for_a_sync_names_the_connection_and_reads_where_from_variables(
    tmp_path: Path, name: str, project_id: str | None
) -> None:
    made = named(name, projectId=project_id)
    command = as_sync_call(SUPABASE, made, base_url="https://infisical.test")
    as_shown(command)
    assert json.loads(run_in_shell(command, folder=tmp_path)) == {
        "name": f"{made.name}-sync",
        "projectId": project_id or "of $INFISICAL_PROJECT_ID",
        "connectionId": made.id,
        "environment": "of $INFISICAL_ENVIRONMENT",
        "secretPath": "of $INFISICAL_SECRET_PATH",
        "syncOptions": {"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": True},
        "destinationConfig": {
            "projectId": "of $SUPABASE_PROJECT_REF",
            "projectName": "of $SUPABASE_PROJECT_NAME",
        },
    }
    assert list(tmp_path.iterdir()) == []


@settings(repeatable)
@given(name=SHELL, description=any_description(), url=any_url(), project_id=st.sampled_from((PROJECT, None)))
def test_the_resource_describes_the_same_connection_whatever_the_texts_are(
    name: str, description: str, url: str | None, project_id: str | None
) -> None:
    made = named(name, description=description, projectId=project_id, credentials={"instanceUrl": url})
    text = as_terraform(SUPABASE, made)
    as_shown(text)
    told = hcl2.loads(text)
    (variable,), (resource,) = told["variable"], told["resource"]
    assert variable['"supabase_access_token"']["sensitive"] is True
    ((kind, resources),) = resource.items()
    ((label, facts),) = resources.items()
    assert kind == '"infisical_app_connection_supabase"'
    assert re.fullmatch(r'"[a-zA-Z_]\w*"', label, re.ASCII)
    credentials = facts.pop("credentials")
    assert credentials.pop("access_key") == "${var.supabase_access_token}"
    shown = {
        "name": made.name,
        "description": description,
        "method": "access-token",
        "project_id": project_id,
    }
    assert {key: read_hcl(text) for key, text in facts.items() if key != "__is_block__"} == {
        key: text for key, text in shown.items() if text
    }
    assert {key: read_hcl(text) for key, text in credentials.items()} == (
        {} if url is None else {"instance_url": url}
    )


def read_hcl(quoted: str) -> str:
    """The text that Terraform makes of a quoted one, by HCL's escapes; a template in it is an error."""
    escapes = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
    inner = quoted.removeprefix('"').removesuffix('"')
    assert not re.search(r"[$%]{", inner), inner

    def meant(escape: re.Match[str]) -> str:
        digits = escape[1] or escape[2]
        return chr(int(digits, 16)) if digits else escapes[escape[3]]

    return re.sub(r"(?s)\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", meant, inner)


def test_what_is_marked_in_a_code_is_its_variables_alone() -> None:
    made = named("x", description='a = var.x\n"accessKey": "$SUPABASE_ACCESS_TOKEN" ')
    marked = {
        code.id: code.pieces[1::2] for code in as_code(SUPABASE, made, base_url="https://infisical.test")
    }
    signed = '"Authorization: Bearer $INFISICAL_TOKEN"'
    assert marked["as-curl"] == (signed, '"$SUPABASE_ACCESS_TOKEN"')
    assert marked["as-terraform"] == ("var.supabase_access_token",)
    assert set(marked["as-sync"]) == {signed} | {
        f'"${name}"'
        for name in (
            "INFISICAL_ENVIRONMENT", "INFISICAL_SECRET_PATH", "SUPABASE_PROJECT_REF", "SUPABASE_PROJECT_NAME"
        )
    }  # fmt: skip


@pytest.mark.parametrize(
    "path", ["", "/infisical", "/a;touch made-by-the-command", "/$(touch made-by-the-command)", "/&x"]
)
def test_the_command_asks_the_address_as_it_is(tmp_path: Path, path: str) -> None:
    command = as_api_call(
        SUPABASE, Connection.model_validate(connection()), base_url=f"https://infisical.test{path}"
    )
    told = run_in_shell(command, folder=tmp_path, curl='printf "%s\\n" "$@"').splitlines()
    assert told == [
        "--json",
        "@-",
        "-H",
        "Authorization: Bearer made-up-token",
        f"https://infisical.test{path}/api/v1/app-connections/supabase",
    ]
    assert list(tmp_path.iterdir()) == []


VARIABLES = (
    "INFISICAL_PROJECT_ID", "INFISICAL_ENVIRONMENT", "INFISICAL_SECRET_PATH", "SUPABASE_PROJECT_REF",
    "SUPABASE_PROJECT_NAME",
)  # fmt: skip
"""That the command for a sync reads."""


def run_in_shell(command: str, *, folder: Path, curl: str = "cat") -> str:
    """What a shell does with a command, with a stand-in for curl; by default what curl would have sent."""
    done = subprocess.run(  # noqa: S603  # our own command, which is what is looked at
        ("/bin/sh", "-eu", "-c", f"curl() {{ {curl}; }}\n{command}\n"),
        cwd=folder,
        env={
            **{name: f"of ${name}" for name in VARIABLES},
            "SUPABASE_ACCESS_TOKEN": TOKEN,
            "INFISICAL_TOKEN": "made-up-token",
            "PATH": os.environ["PATH"],
        },
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    return done.stdout.decode()
