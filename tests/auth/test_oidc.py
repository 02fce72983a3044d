"""Leaving for an identity provider and coming back, at providers that get it wrong or mean harm."""

import base64
import hashlib
import logging
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from app.auth.id_tokens import (
    Reason,
)
from app.auth.oidc import LARGEST_ANSWER, LONGEST
from tests.leak_detector import rendered

from .played_provider import (
    BACK,
    CLIENT_ID,
    CLIENT_SECRET,
    CODE,
    DISCOVERY,
    ISSUER,
    PlayedProvider,
    query_of,
    refused,
)

# ── The request ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_request_asks_for_a_code_with_pkce_state_and_nonce(provider: PlayedProvider) -> None:
    request = provider.asks()
    asked = query_of(request.url)
    digest = hashlib.sha256(request.verifier.reveal().encode()).digest()
    assert request.url.startswith(f"{ISSUER}/authorize?")
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": BACK,
        "scope": "openid profile email",
        "state": request.state,
        "nonce": request.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }


def test_no_two_requests_share_a_secret(provider: PlayedProvider) -> None:
    attempts = [provider.asks() for _ in range(3)]
    told = [
        text for attempt in attempts for text in (attempt.state, attempt.nonce, attempt.verifier.reveal())
    ]
    assert len(set(told)) == 9
    assert all(43 <= len(text) <= 128 for text in told)


def test_groups_are_asked_for_where_the_provider_offers_them(provider: PlayedProvider) -> None:
    provider.metadata = {"scopes_supported": ["openid", "groups", "offline_access"]}
    assert query_of(provider.asks().url)["scope"] == "openid profile email groups"


def test_what_stands_in_the_providers_own_address_stays(provider: PlayedProvider) -> None:
    provider.metadata = {"authorization_endpoint": f"{ISSUER}/authorize?tenant=a%20b"}
    assert query_of(provider.asks().url)["tenant"] == "a b"


def test_the_discovery_document_is_fetched_once_an_hour(provider: PlayedProvider) -> None:
    provider.asks()
    provider.clock.passes(3599)
    provider.asks()
    assert provider.asked == [DISCOVERY]
    provider.clock.passes(1)
    provider.asks()
    assert provider.asked == [DISCOVERY] * 2


def test_a_clock_that_was_set_back_keeps_nothing_for_ever(provider: PlayedProvider) -> None:
    provider.asks()
    provider.clock.passes(-86400)
    provider.asks()
    assert provider.asked == [DISCOVERY] * 2


def test_a_provider_that_fails_is_left_alone_for_ten_seconds(provider: PlayedProvider) -> None:
    provider.answers[DISCOVERY] = httpx.Response(503)
    for _ in range(3):
        assert refused(provider.asks).reason is Reason.FAILED
    assert provider.asked == [DISCOVERY]
    provider.answers.clear()
    provider.clock.passes(10)
    assert provider.asks().url


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issuer": f"{ISSUER}/"}, Reason.OTHER_ISSUER),
        ({"issuer": "https://elsewhere.test"}, Reason.OTHER_ISSUER),
        ({"issuer": [ISSUER]}, Reason.OTHER_ISSUER),
        ({"issuer": None}, Reason.NOT_UNDERSTOOD),
        ({"authorization_endpoint": None}, Reason.NOT_UNDERSTOOD),
        ({"authorization_endpoint": "javascript:alert(1)"}, Reason.NOT_UNDERSTOOD),
        ({"authorization_endpoint": "http://login.company.test/authorize"}, Reason.NOT_UNDERSTOOD),
        ({"authorization_endpoint": f"{ISSUER}/authorize#here"}, Reason.NOT_UNDERSTOOD),
        ({"authorization_endpoint": f"{ISSUER}/a\r\nSet-Cookie: a=b"}, Reason.NOT_UNDERSTOOD),
        ({"token_endpoint": "http://login.company.test/token"}, Reason.NOT_UNDERSTOOD),
        ({"token_endpoint": "http://127.0.0.1/token"}, Reason.NOT_UNDERSTOOD),
        ({"token_endpoint": "https://user:word@login.company.test/token"}, Reason.NOT_UNDERSTOOD),
        ({"token_endpoint": "https://login.company.test:port/token"}, Reason.NOT_UNDERSTOOD),
        ({"token_endpoint": "https:///token"}, Reason.NOT_UNDERSTOOD),
        ({"token_endpoint": 7}, Reason.NOT_UNDERSTOOD),
        ({"jwks_uri": "file:///etc/passwd"}, Reason.NOT_UNDERSTOOD),
        ({"jwks_uri": f"{ISSUER}/{'k' * 2000}"}, Reason.NOT_UNDERSTOOD),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, Reason.NO_METHOD),
    ],
)
def test_a_discovery_document_that_cannot_be_used_is_refused(
    provider: PlayedProvider, changes: dict[str, Any], reason: Reason
) -> None:
    provider.metadata = changes
    fault = refused(provider.asks)
    assert fault.slug == "provider-fault"
    assert fault.reason is reason


def fails_with(error: type[httpx.TransportError]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("made up", request=request)

    return answer


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(302, headers={"Location": f"{ISSUER}/elsewhere"}), Reason.NOT_UNDERSTOOD),
        (httpx.Response(404, json={"issuer": ISSUER}), Reason.NOT_UNDERSTOOD),
        (httpx.Response(500, json={}), Reason.FAILED),
        (httpx.Response(200, html="<title>Sign in</title>"), Reason.NOT_UNDERSTOOD),
        (httpx.Response(200, json=[ISSUER]), Reason.NOT_UNDERSTOOD),
        (httpx.Response(200, json={"issuer": ISSUER, "more": "x" * LARGEST_ANSWER}), Reason.NOT_UNDERSTOOD),
        (fails_with(httpx.ConnectError), Reason.UNREACHABLE),
        (fails_with(httpx.ConnectTimeout), Reason.UNREACHABLE),
        (fails_with(httpx.ReadTimeout), Reason.NO_ANSWER),
        (fails_with(httpx.RemoteProtocolError), Reason.NO_ANSWER),
    ],
)
def test_an_answer_that_is_no_discovery_document_is_refused(
    provider: PlayedProvider, answer: Any, reason: Reason
) -> None:
    provider.answers[DISCOVERY] = answer
    fault = refused(provider.asks)
    assert fault.reason is reason
    assert fault.__context__ is None
    assert provider.asked == [DISCOVERY]


# ── Arrival ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_code_is_exchanged_with_the_verifier_and_http_basic(provider: PlayedProvider) -> None:
    request = provider.asks()
    attempt = request
    person = provider.client.authenticate({"code": CODE, "state": attempt.state}, request=attempt)
    (exchange,) = provider.exchanges
    assert parse_qs(exchange.content.decode()) == {
        "grant_type": ["authorization_code"],
        "code": [CODE],
        "redirect_uri": [BACK],
        "code_verifier": [attempt.verifier.reveal()],
    }
    both = base64.b64decode(exchange.headers["Authorization"].removeprefix("Basic ")).decode()
    assert both == f"{CLIENT_ID}:{CLIENT_SECRET}"
    assert person.subject == "ada"


def test_the_client_secret_goes_in_the_form_where_the_provider_takes_it_only_there(
    provider: PlayedProvider,
) -> None:
    provider.metadata = {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"]}
    provider.signs_in()
    (exchange,) = provider.exchanges
    sent = parse_qs(exchange.content.decode())
    assert (sent["client_id"], sent["client_secret"]) == ([CLIENT_ID], [CLIENT_SECRET])
    assert "Authorization" not in exchange.headers


@pytest.mark.parametrize("state", ["", "another", "é\ud800"])
def test_an_answer_with_another_state_starts_again_and_sends_nothing(
    provider: PlayedProvider, state: str
) -> None:
    fault = refused(lambda: provider.signs_in(state=state))
    assert fault.slug == "sign-in-again"
    assert fault.reason is Reason.OTHER_STATE
    assert provider.asked == [DISCOVERY]


def test_an_answer_without_a_state_starts_again(provider: PlayedProvider) -> None:
    attempt = provider.asks()
    assert (
        refused(lambda: provider.client.authenticate({"code": CODE}, request=attempt)).reason
        is Reason.OTHER_STATE
    )


@pytest.mark.parametrize("code", ["", "a\nb", "c" * 8193, "é"])
def test_an_answer_without_a_code_starts_again(provider: PlayedProvider, code: str) -> None:
    assert refused(lambda: provider.signs_in(code=code)).reason is Reason.NO_CODE
    assert provider.exchanges == []


def test_an_answer_in_another_providers_name_is_refused(provider: PlayedProvider) -> None:
    assert refused(lambda: provider.signs_in(iss="https://elsewhere.test")).reason is Reason.OTHER_STATE
    assert provider.exchanges == []
    assert provider.signs_in(iss=ISSUER).subject == "ada"


def test_a_provider_that_always_names_itself_may_not_leave_it_out(provider: PlayedProvider) -> None:
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    assert refused(provider.signs_in).reason is Reason.OTHER_STATE
    assert provider.signs_in(iss=ISSUER).subject == "ada"


@pytest.mark.parametrize(
    ("error", "slug", "reason"),
    [
        ("access_denied", "not-let-in", Reason.DENIED),
        ("login_required", "not-let-in", Reason.REFUSED),
        ("made_up_error", "not-let-in", Reason.REFUSED),
        ("server_error", "provider-fault", Reason.FAILED),
        ("temporarily_unavailable", "provider-fault", Reason.FAILED),
        ("invalid_scope", "provider-fault", Reason.REQUEST),
        ("unauthorized_client", "provider-fault", Reason.REQUEST),
    ],
)
def test_an_error_of_the_provider_has_its_reason_and_its_words_in_short(
    provider: PlayedProvider, error: str, slug: str, reason: Reason
) -> None:
    words = "Not  assigned\u202e\nto\x00this " + "x" * 5000
    fault = refused(lambda: provider.signs_in(error=error, error_description=words))
    assert fault.slug == slug
    assert fault.reason is reason
    assert fault.said == f"Not assigned to this {'x' * 5000}"[:199] + "…"
    assert str(fault) == reason.value
    assert provider.exchanges == []


@pytest.mark.parametrize(
    ("answer", "slug", "reason"),
    [
        (httpx.Response(400, json={"error": "invalid_grant"}), "sign-in-again", Reason.CODE_SPENT),
        (httpx.Response(401, json={"error": "invalid_client"}), "provider-fault", Reason.CLIENT),
        (httpx.Response(400, json={"error": "unauthorized_client"}), "provider-fault", Reason.CLIENT),
        (httpx.Response(401, text="no"), "provider-fault", Reason.CLIENT),
        (httpx.Response(400, json={"error": "invalid_request"}), "provider-fault", Reason.REQUEST),
        (httpx.Response(400, json=["invalid_grant"]), "provider-fault", Reason.NOT_UNDERSTOOD),
        (httpx.Response(502, text="no"), "provider-fault", Reason.FAILED),
        (
            httpx.Response(307, headers={"Location": "https://else.test"}),
            "provider-fault",
            Reason.NOT_UNDERSTOOD,
        ),
        (httpx.Response(200, text="no"), "provider-fault", Reason.TOKEN),
        (httpx.Response(200, json={"access_token": "only"}), "provider-fault", Reason.TOKEN),
        (httpx.Response(200, json={"id_token": "a.b.c.d.e"}), "provider-fault", Reason.TOKEN),
        (
            httpx.Response(200, json={"id_token": "a.b." + "c" * LARGEST_ANSWER}),
            "provider-fault",
            Reason.NOT_UNDERSTOOD,
        ),
        (fails_with(httpx.ReadTimeout), "provider-fault", Reason.NO_ANSWER),
    ],
)
def test_a_code_that_is_not_exchanged_has_its_reason(
    provider: PlayedProvider, answer: Any, slug: str, reason: Reason
) -> None:
    provider.answers["/token"] = answer
    fault = refused(provider.signs_in)
    assert fault.slug == slug
    assert fault.reason is reason
    assert fault.__context__ is None
    assert len(provider.exchanges) == 1


def test_a_token_of_another_shape_stands_in_no_frame_of_the_error(provider: PlayedProvider) -> None:
    provider.answers["/token"] = httpx.Response(200, json={"id_token": "made-up.leak.of.five.parts"})
    fault = refused(provider.signs_in)
    assert fault.reason is Reason.TOKEN
    assert "leak" not in rendered(fault)


def test_every_request_is_bound_to_the_ten_seconds_of_the_whole(provider: PlayedProvider) -> None:
    provider.signs_in()
    (exchange,) = provider.exchanges
    assert 0 < exchange.extensions["deadline"].remaining() <= LONGEST
    assert all(0 < seconds <= LONGEST for seconds in exchange.extensions["timeout"].values())


# ── What stays unsaid ────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_code_token_or_secret_stands_in_a_log_or_an_error(
    provider: PlayedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    request = provider.asks()
    attempt = request
    arguments = {"code": CODE, "state": attempt.state}
    person = provider.client.authenticate(arguments, request=attempt)
    told = [repr(request), repr(attempt), repr(person), str(person)]
    echo = f"{CODE} {attempt.verifier.reveal()} {CLIENT_SECRET}"
    provider.answers["/token"] = httpx.Response(400, json={"error": "x", "error_description": echo})
    fault = refused(lambda: provider.client.authenticate(arguments, request=attempt))
    assert fault.said == "… … …"
    told += [repr(fault), *traceback.format_exception(fault), caplog.text]
    secrets = (CODE, CLIENT_SECRET, attempt.verifier.reveal(), attempt.state, person.id_token.reveal())
    assert not [secret for secret in secrets if secret in "\n".join(told)]


def test_a_token_that_is_not_believed_stands_in_no_error(provider: PlayedProvider) -> None:
    provider.claims = {"aud": "another-application"}
    fault = refused(provider.signs_in)
    assert provider.exchanges
    assert provider.signed()[-100:] not in "".join(traceback.format_exception(fault))
    assert fault.__context__ is None


def test_a_cookie_of_the_provider_does_not_come_back_with_another_person(provider: PlayedProvider) -> None:
    provider.answers[DISCOVERY] = httpx.Response(
        200, json=provider.published_metadata(), headers={"Set-Cookie": "who=ada; Path=/"}
    )
    provider.signs_in()
    assert "Cookie" not in provider.exchanges[0].headers
