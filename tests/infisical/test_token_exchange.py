"""Exchanging a person's ID token for an Infisical access token of theirs: what is sent, and what each answer means."""

import base64
import logging
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from app.core.secret import Secret
from app.infisical.auth import OAuthApplication
from app.infisical.client import Infisical
from app.infisical.errors import (
    InfisicalError,
    LoginRefused,
    NoAnswer,
    NotInfisical,
    RateLimited,
    Refusal,
    Refused,
    ServerFailed,
    SignOnRefused,
    Unreachable,
)
from tests.leak_detector import rendered

from .answers import BASE, error

APPLICATION = OAuthApplication(
    client_id="made-up-application", client_secret=Secret("made-up-secret-of-the-application")
)
ID_TOKEN = Secret("made-up-header.made-up-claims-of-ada.made-up-signature")


def exchanged(**changes: Any) -> httpx.Response:
    told = {
        "access_token": "made-up-token-of-ada",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 900,
    }
    return httpx.Response(200, json={**told, **changes})


def refused(status: int, kind: str, description: str | None = "made-up words") -> httpx.Response:
    return httpx.Response(status, json={"error": kind, "error_description": description})


def client(answer: Callable[[httpx.Request], httpx.Response]) -> Infisical:
    return Infisical(BASE, auth=None, transport=httpx.MockTransport(answer))


def error_of(answer: Callable[[httpx.Request], httpx.Response]) -> InfisicalError:
    with pytest.raises(InfisicalError) as raised:
        client(answer).exchange(ID_TOKEN, application=APPLICATION)
    return raised.value


def test_the_exchange_sends_three_parameters_as_a_form_and_no_more() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return exchanged()

    client(answer).exchange(ID_TOKEN, application=APPLICATION)
    (request,) = sent
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/api/v1/oauth/token")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.content.decode()) == {
        "grant_type": ["urn:ietf:params:oauth:grant-type:token-exchange"],
        "subject_token": [ID_TOKEN.reveal()],
        "subject_token_type": ["urn:ietf:params:oauth:token-type:id_token"],
    }
    both = base64.b64decode(request.headers["Authorization"].removeprefix("Basic "))
    assert both == b"made-up-application:made-up-secret-of-the-application"


def test_the_grant_is_the_persons_token_and_its_seconds() -> None:
    grant = client(lambda _: exchanged()).exchange(ID_TOKEN, application=APPLICATION)
    assert grant.access_token.reveal() == "made-up-token-of-ada"
    assert (grant.expires_in, grant.max_ttl) == (900, 900)
    assert "made-up-token-of-ada" not in repr(grant)


def test_a_client_that_acts_for_somebody_else_exchanges_as_the_application() -> None:
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return exchanged()

    acting = client(answer).acting_with(Secret("made-up-token-of-ben"))
    acting.exchange(ID_TOKEN, application=APPLICATION)
    assert sent[0].startswith("Basic ")


@pytest.mark.parametrize(
    ("answer", "kind", "refusal"),
    [
        (refused(401, "invalid_client"), LoginRefused, Refusal.APPLICATION),
        (refused(400, "unauthorized_client"), LoginRefused, Refusal.EXCHANGE),
        (refused(400, "unsupported_grant_type"), LoginRefused, Refusal.EXCHANGE),
        (
            httpx.Response(404, json={"message": "Route not found", "error": "Not Found", "statusCode": 404}),
            LoginRefused,
            Refusal.EXCHANGE,
        ),
        (refused(400, "invalid_request"), SignOnRefused, None),
        (refused(400, "invalid_grant"), SignOnRefused, None),
        (refused(400, "invalid_scope"), Refused, None),
        (refused(400, "invalid_target"), Refused, None),
        (refused(500, "server_error"), ServerFailed, None),
        (refused(504, "server_error"), NoAnswer, None),
        (
            error(429, "RateLimitExceeded", "Rate limit exceeded. Please try again in 9 seconds"),
            RateLimited,
            None,
        ),
        (httpx.Response(302, headers={"Location": "https://else.test"}), NotInfisical, None),
        (httpx.Response(200, html="<title>Infisical</title>"), NotInfisical, None),
        (exchanged(access_token=None), NotInfisical, None),
        (exchanged(access_token="a b"), NotInfisical, None),
        (exchanged(token_type="mac"), NotInfisical, None),
        (exchanged(expires_in=0), NotInfisical, None),
        (exchanged(expires_in="soon"), NotInfisical, None),
        (httpx.Response(200, json=["made-up-token-of-ada"]), NotInfisical, None),
    ],
)
def test_each_answer_has_its_treatment(
    answer: httpx.Response, kind: type[InfisicalError], refusal: Refusal | None
) -> None:
    raised = error_of(lambda _: answer)
    assert type(raised) is kind
    assert getattr(raised, "refusal", None) is refusal
    assert raised.__context__ is None
    assert "made-up-token-of-ada" not in rendered(raised)


def test_a_refused_person_is_told_infisicals_words_and_not_the_token() -> None:
    echo = f"no such user: {ID_TOKEN.reveal()} {'x' * 1000}"
    raised = error_of(lambda _: refused(400, "invalid_request", echo))
    assert raised.message.startswith("no such user: … xxx")
    assert len(raised.message) == 500


def test_a_description_that_is_no_text_is_no_message() -> None:
    told = httpx.Response(400, json={"error": "invalid_request", "error_description": {"a": 1}})
    assert error_of(lambda _: told).message == ""


@pytest.mark.parametrize(
    ("fault", "kind"), [(httpx.ConnectError, Unreachable), (httpx.ReadTimeout, NoAnswer)]
)
def test_no_answer_is_told_apart_from_nothing_sent(
    fault: type[httpx.TransportError], kind: type[InfisicalError]
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise fault("made up", request=request)

    assert type(error_of(answer)) is kind


def test_no_token_and_no_secret_stands_in_a_log_or_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client(lambda _: exchanged()).exchange(ID_TOKEN, application=APPLICATION)
    raised = error_of(lambda _: refused(401, "invalid_client", APPLICATION.client_secret.reveal()))
    told = caplog.text + repr(APPLICATION) + "".join(traceback.format_exception(raised))
    for secret in (ID_TOKEN, APPLICATION.client_secret, Secret("made-up-token-of-ada")):
        assert secret.reveal() not in told


def test_only_an_exchange_is_read_in_oauths_spelling() -> None:
    elsewhere = client(lambda _: refused(400, "invalid_request")).acting_with(Secret("made-up"))
    with pytest.raises(Refused):
        elsewhere.projects()


def test_a_server_that_fails_is_told_in_its_words() -> None:
    assert error_of(lambda _: refused(500, "server_error", "made-up words")).message == "made-up words"
