"""How the client stays logged in: one log-in for all, renewed in time, and a pause after a refusal."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from app.infisical.client import LOGIN_PATH, RENEW_PATH
from app.infisical.errors import (
    LoginRefused,
    NotInfisical,
    PermissionDenied,
    RateLimited,
    Refusal,
    ServerFailed,
    Unreachable,
)

from .answers import client, connection, error, grant, logging_in, new_connection, soon


class Server:
    """An Infisical that counts what it is asked, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked: list[str] = []
        self.bearers: list[str] = []
        self.logins: Callable[[], httpx.Response] = grant
        self.renewals: Callable[[], httpx.Response] = lambda: grant("renewed")
        self.calls: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(
            200, json={"projects": []}
        )
        self.infisical = logging_in(self.answer, clock=lambda: self.now)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path == LOGIN_PATH:
            return self.logins()
        if request.url.path == RENEW_PATH:
            return self.renewals()
        self.bearers.append(request.headers["Authorization"])
        return self.calls(request)

    def count(self, path: str) -> int:
        return self.asked.count(path)


def test_it_logs_in_by_itself_once() -> None:
    server = Server()
    server.infisical.projects()
    server.infisical.projects()
    assert server.count(LOGIN_PATH) == 1
    assert server.bearers == ["Bearer made-up-infisical-token"] * 2


def test_it_renews_before_the_token_expires() -> None:
    server = Server()
    server.logins = lambda: grant("first", expires_in=600)
    server.infisical.projects()
    server.now += 545
    server.infisical.projects()
    assert server.count(RENEW_PATH) == 1
    assert server.bearers == ["Bearer first", "Bearer renewed"]


def test_it_logs_in_again_when_the_token_has_expired() -> None:
    server = Server()
    server.logins = lambda: grant("first", expires_in=600)
    server.infisical.projects()
    server.now += 601
    server.infisical.projects()
    assert (server.count(LOGIN_PATH), server.count(RENEW_PATH)) == (2, 0)


def test_it_logs_in_again_at_the_end_of_the_tokens_longest_life() -> None:
    server = Server()
    server.logins = lambda: httpx.Response(
        200, json={"accessToken": "first", "expiresIn": 600, "accessTokenMaxTTL": 600, "tokenType": "Bearer"}
    )
    server.infisical.projects()
    server.renewals = lambda: error(401, "UnauthorizedError", "Cannot renew: token has been revoked")
    server.now += 590
    server.infisical.projects()
    assert server.count(LOGIN_PATH) == 2


@pytest.mark.parametrize(
    "spent",
    [
        error(403, "TokenError", "Your token has expired. Please re-authenticate."),
        error(401, "UnauthorizedError", "Failed to authorize: token has been revoked"),
        error(401, "UnauthorizedError", "Failed to authorize: token usage limit reached"),
    ],
)
def test_a_token_that_is_spent_is_replaced_once_and_the_call_succeeds(spent: httpx.Response) -> None:
    server = Server()
    answers = [spent, httpx.Response(200, json={"appConnection": connection()})]
    server.calls = lambda _: answers.pop(0)
    server.infisical.create(new_connection(), deadline=soon())
    assert server.count(LOGIN_PATH) == 2


def test_a_token_that_is_refused_twice_is_an_error() -> None:
    server = Server()
    server.calls = lambda _: error(403, "TokenError", "invalid signature")
    with pytest.raises(LoginRefused) as raised:
        server.infisical.projects()
    assert raised.value.refusal is Refusal.TOKEN
    assert len(server.bearers) == 2


def test_a_missing_permission_is_not_answered_with_a_new_login() -> None:
    server = Server()
    server.calls = lambda _: error(403, "PermissionDenied", "You are not allowed to read on app-connections")
    with pytest.raises(PermissionDenied):
        server.infisical.projects()
    assert server.count(LOGIN_PATH) == 1


def test_after_a_refused_login_it_does_not_ask_for_five_minutes() -> None:
    server = Server()
    server.logins = lambda: error(401, "UnauthorizedError", "Invalid credentials")
    for _ in range(4):
        with pytest.raises(LoginRefused) as raised:
            server.infisical.projects()
    assert raised.value.refusal is Refusal.CREDENTIAL
    assert raised.value.request_id == "req-made-up"
    assert server.count(LOGIN_PATH) == 1
    server.now += 299
    with pytest.raises(LoginRefused):
        server.infisical.projects()
    assert server.count(LOGIN_PATH) == 1
    server.now += 2
    server.logins = grant
    server.infisical.projects()
    assert server.count(LOGIN_PATH) == 2


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (error(401, "UnauthorizedError", "Invalid credentials"), Refusal.CREDENTIAL),
        (
            error(
                401,
                "UnauthorizedError",
                "This identity auth method is temporarily locked, please try again later",
            ),
            Refusal.LOCKED,
        ),
        (
            error(401, "UnauthorizedError", "Access denied due to expired client secret"),
            Refusal.SECRET_EXPIRED,
        ),
        (
            error(
                422,
                "ValidationFailure",
                [{"path": ["clientId"], "message": "Required", "code": "invalid_type"}],
            ),
            Refusal.CREDENTIAL,
        ),
        (error(404, "NotFound", "Sub organization with name nope not found"), Refusal.CREDENTIAL),
        (
            error(401, "UnauthorizedError", "Access denied due to client secret usage limit reached"),
            Refusal.SECRET_USED_UP,
        ),
        (
            error(
                403,
                "ForbiddenError",
                "You are not allowed to access this resource from the current IP address",
            ),
            Refusal.ADDRESS,
        ),
    ],
)
def test_a_refused_login_says_why(answer: httpx.Response, refusal: Refusal) -> None:
    server = Server()
    server.logins = lambda: answer
    with pytest.raises(LoginRefused) as raised:
        server.infisical.projects()
    assert raised.value.refusal is refusal


def test_a_login_that_fails_for_another_reason_is_tried_again_by_the_next_call() -> None:
    server = Server()
    for answer, kind in (
        (error(500, "InternalServerError", "Something went wrong"), ServerFailed),
        (error(429, "RateLimitExceeded", "slow down"), RateLimited),
        (httpx.Response(200, html="<title>Infisical</title>"), NotInfisical),
        (httpx.Response(200, json={"accessToken": 5, "expiresIn": "x"}), NotInfisical),
    ):
        server.logins = lambda answer=answer: answer  # type: ignore[misc]  # bound now, on purpose
        with pytest.raises(kind):
            server.infisical.projects()
    assert server.count(LOGIN_PATH) == 4


def test_concurrent_calls_share_one_login() -> None:
    server = Server()
    first_is_in = threading.Event()

    def slow_login() -> httpx.Response:
        first_is_in.set()
        time.sleep(0.05)
        return grant()

    server.logins = slow_login
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: server.infisical.projects(), range(8)))
    assert first_is_in.is_set()
    assert server.count(LOGIN_PATH) == 1


def test_a_failed_login_leaves_the_next_caller_free_to_try() -> None:
    server = Server()

    def broken() -> httpx.Response:
        raise httpx.ReadTimeout("x")

    server.logins = broken
    with pytest.raises(Unreachable, match="did not answer"):
        server.infisical.projects()
    server.logins = grant
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(server.infisical.projects).result(timeout=5) == ()


def test_a_given_token_is_sent_as_it_is_and_never_replaced() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return error(403, "TokenError", "Your token has expired. Please re-authenticate.")

    with pytest.raises(LoginRefused):
        client(answer).projects()
    assert [request.headers["Authorization"] for request in asked] == ["Bearer made-up"]


def test_the_status_is_asked_without_a_credential() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"message": "Ok", "date": "2026-11-23T10:19:14.473Z"})

    client(answer).status()
    assert "Authorization" not in asked[0].headers


def test_a_login_that_is_not_answered_leaves_a_create_unsent() -> None:
    server = Server()

    def broken() -> httpx.Response:
        raise httpx.ReadTimeout("x")

    server.logins = broken
    with pytest.raises(Unreachable) as raised:
        server.infisical.create(new_connection(), deadline=soon())
    assert raised.value.nothing_happened
    assert server.bearers == []


def test_a_login_that_is_not_answered_after_a_refused_token_leaves_a_create_undone() -> None:
    server = Server()
    server.infisical.projects()

    def broken() -> httpx.Response:
        raise httpx.ReadTimeout("x")

    server.logins = broken
    server.calls = lambda _: error(403, "TokenError", "Your token has expired. Please re-authenticate.")
    with pytest.raises(Unreachable):
        server.infisical.create(new_connection(), deadline=soon())


def test_a_renewal_that_fails_leaves_the_token_in_use_while_it_is_good() -> None:
    server = Server()
    server.logins = lambda: grant("first", expires_in=600)
    server.infisical.projects()
    server.renewals = lambda: error(500, "InternalServerError", "Something went wrong")
    server.now += 545
    server.infisical.projects()
    assert server.bearers == ["Bearer first"] * 2
