"""What the client sends, and what it makes of each kind of answer."""

import gzip
import json
from typing import Any

import httpx
import pytest

from app.core.http import Fault
from app.infisical.errors import (
    InfisicalError,
    LoginRefused,
    NameTaken,
    NoAnswer,
    NotFound,
    NotInfisical,
    RateLimited,
    ServerFailed,
    Unreachable,
)

from .answers import PROJECT, TOKEN, client, connection, error, new_connection, soon


def creating(
    response: httpx.Response | Exception, **changes: Any
) -> tuple[InfisicalError | None, list[httpx.Request]]:
    """What a create raises, and what was sent."""
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        if isinstance(response, Exception):
            raise response
        return response

    try:
        client(answer).create(new_connection(**changes), deadline=soon())
    except InfisicalError as raised:
        return raised, sent
    return None, sent


def test_a_create_sends_the_documented_name_of_the_token_and_the_one_the_server_reads() -> None:
    raised, sent = creating(httpx.Response(200, json={"appConnection": connection()}))
    assert raised is None
    body = json.loads(sent[0].content)
    assert body == {
        "name": "my-connection",
        "method": "access-token",
        "projectId": PROJECT,
        "credentials": {"accessKey": TOKEN, "accessToken": TOKEN, "instanceUrl": "https://api.supabase.com"},
    }


def test_empty_optional_values_are_left_out() -> None:
    _, sent = creating(
        httpx.Response(200, json={"appConnection": connection()}), project_id=None, description=""
    )
    body = json.loads(sent[0].content)
    assert "projectId" not in body
    assert "description" not in body


def test_unknown_keys_in_an_answer_are_normal() -> None:
    told = client(lambda _: httpx.Response(200, json={"appConnection": connection()})).connection(
        "supabase", "an-id"
    )
    assert told.name == "my-supabase-connection"
    assert told.credentials == {"instanceUrl": "https://api.supabase.com"}


def test_the_organizations_connections_are_those_without_a_project() -> None:
    rows = [connection(name="of-the-organization", projectId=None), connection(name="of-a-project")]
    told = client(lambda _: httpx.Response(200, json={"appConnections": rows})).connections(None)
    assert [row.name for row in told] == ["of-the-organization"]


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, html="<!doctype html><title>Infisical</title>"),
        httpx.Response(200, content=b"{", headers={"content-type": "application/json"}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"appConnection": None}),
        httpx.Response(200, json={"appConnection": {"id": 5}}),
        httpx.Response(200, content=b"[" * 100_000, headers={"content-type": "application/json"}),
        httpx.Response(302, headers={"location": "https://login.example.com/?next=secret"}),
        httpx.Response(304),
        httpx.Response(403, html="<h1>Blocked</h1>"),
        httpx.Response(
            404, json={"message": "Route POST:/foo not found", "error": "Not Found", "statusCode": 404}
        ),
    ],
    ids=["html", "cut", "list", "null", "wrong", "nested", "redirect", "304", "proxy-page", "wrong-route"],
)
def test_an_answer_that_is_not_infisicals_is_told_as_such(response: httpx.Response) -> None:
    raised, sent = creating(response)
    assert type(raised) is NotInfisical
    assert not raised.nothing_happened
    assert len(sent) == 1


def test_a_redirect_is_not_followed_and_only_its_host_is_named() -> None:
    raised, _ = creating(httpx.Response(307, headers={"location": "https://login.example.com/?code=private"}))
    assert raised is not None
    assert raised.message == "It redirects to login.example.com."


@pytest.mark.parametrize(
    ("fault", "how"),
    [
        (httpx.ConnectError("x"), Fault.NETWORK),
        (httpx.ConnectTimeout("x"), Fault.TIMEOUT),
        (httpx.PoolTimeout("x"), Fault.TIMEOUT),
        (httpx.ProxyError("x"), Fault.PROXY),
    ],
)
def test_a_connection_that_was_never_made_sent_nothing(fault: Exception, how: Fault) -> None:
    raised, _ = creating(fault)
    assert isinstance(raised, Unreachable)
    assert raised.message == how.value
    assert raised.nothing_happened


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ReadTimeout("x"),
        httpx.WriteTimeout("x"),
        httpx.ReadError("x"),
        httpx.WriteError("x"),
        httpx.RemoteProtocolError("x"),
        httpx.CloseError("x"),
    ],
)
def test_a_fault_after_sending_leaves_the_outcome_unknown_and_nothing_is_sent_again(fault: Exception) -> None:
    raised, sent = creating(fault)
    assert type(raised) is NoAnswer
    assert len(sent) == 1


def test_a_gateway_that_gave_up_waiting_leaves_the_outcome_unknown() -> None:
    raised, _ = creating(httpx.Response(504, html="<h1>504 Gateway Time-out</h1>"))
    assert type(raised) is NoAnswer


@pytest.mark.parametrize("status", [500, 502, 503, 520])
def test_a_server_error_without_json_keeps_its_status(status: int) -> None:
    raised, _ = creating(httpx.Response(status, html="<h1>Bad gateway</h1>"))
    assert type(raised) is ServerFailed
    assert raised.status == status


def test_an_error_carries_what_support_asks_for() -> None:
    raised, _ = creating(error(500, "InternalServerError", "Something went wrong"))
    assert raised is not None
    assert raised.request_id == "req-made-up"


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"retry-after": "59"}, "", 59),
        ({}, "Rate limit exceeded. Please try again in 42 seconds", 42),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, "", 60),
        ({"retry-after": "99999999999999999999"}, "", 3600),
        ({"retry-after": "-5"}, "", 60),
        ({}, "Please try again in ٣٣ seconds", 60),
    ],
)
def test_a_limit_says_how_long_to_wait(headers: dict[str, str], message: str, seconds: int) -> None:
    raised, _ = creating(error(429, "RateLimitExceeded", message, **headers))
    assert isinstance(raised, RateLimited)
    assert raised.retry_after == seconds


def test_a_token_that_infisical_echoes_is_masked() -> None:
    raised, _ = creating(error(400, "BadRequest", f"cannot use {TOKEN} here"))
    assert raised is not None
    assert raised.message == "cannot use … here"


def test_an_endless_sentence_is_cut() -> None:
    raised, _ = creating(error(400, "BadRequest", "x" * 100_000))
    assert raised is not None
    assert len(raised.message) == 500


def test_an_answer_of_many_megabytes_is_not_read_to_its_end() -> None:
    class Endless(httpx.SyncByteStream):
        chunks = 0

        def __iter__(self) -> Any:
            while True:
                self.chunks += 1
                yield b" " * 65536

    stream = Endless()
    response = httpx.Response(200, stream=stream, headers={"content-type": "application/json"})
    raised, _ = creating(response)
    assert type(raised) is NotInfisical
    assert stream.chunks < 200


def test_a_compressed_answer_is_not_unpacked() -> None:
    class Packed(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            yield gzip.compress(b" " * 10_000_000)

    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    raised, _ = creating(httpx.Response(200, stream=Packed(), headers=headers))
    assert type(raised) is NotInfisical


def test_a_name_that_is_missing_is_no_error_and_a_project_that_is_missing_is_one() -> None:
    missing = error(404, "NotFound", "Could not find App Connection with name x in project scope.")
    assert client(lambda _: missing).connection_named("supabase", "x", project_id=PROJECT) is None
    gone = error(404, "NotFound", "Project with x not found")
    with pytest.raises(NotFound):
        client(lambda _: gone).connection_named("supabase", "x", project_id=PROJECT)


@pytest.mark.parametrize(
    ("sentence", "missing"),
    [
        ("Project with ID '00000000-0000-4000-8000-000000000000' not found", "project"),
        ("Project with nope not found", "project"),
        ("Could not find App Connection with ID 00000000-0000-4000-8000-000000000000", "connection"),
        ("Could not find App Connection with name x in organization scope.", "connection"),
        ("Sub organization with name nope not found", "other"),
    ],
)
def test_an_error_says_what_is_missing(sentence: str, missing: str) -> None:
    raised, _ = creating(error(404, "NotFound", sentence))
    assert isinstance(raised, NotFound)
    assert (raised.missing, raised.status) == (missing, 404)


def test_a_name_is_quoted_on_its_way_into_the_path() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path)
        return error(404, "NotFound", "Could not find App Connection with name x in project scope.")

    client(answer).connection_named("supabase", "../../x?y#z", project_id=None)
    assert asked == [b"/api/v1/app-connections/supabase/connection-name/%2E%2E%2F%2E%2E%2Fx%3Fy%23z"]


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (error(401, "UnauthorizedError", "Token missing"), LoginRefused),
        (error(403, "TokenError", "invalid signature"), LoginRefused),
        (error(404, "NotFound", "Service token with ID 'aaaa' not found"), LoginRefused),
        (error(400, "BadRequest", 'An App Connection with the name "x" already exists'), NameTaken),
    ],
)
def test_error_counts_before_the_status(response: httpx.Response, kind: type[InfisicalError]) -> None:
    raised, _ = creating(response)
    assert type(raised) is kind


def test_an_error_drags_no_token_behind_it() -> None:
    raised, _ = creating(httpx.ReadTimeout("x"))
    assert raised is not None
    assert raised.__context__ is None
    assert raised.__cause__ is None
