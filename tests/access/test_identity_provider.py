"""Signing in at a real identity provider, and at providers that get it wrong or mean harm."""

import base64
import contextlib
import gzip
import hashlib
import hmac
import json
import logging
import socket
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwk
from pytest_httpserver import HTTPServer

from app.access.identity_provider import LARGEST_ANSWER, LONGEST, IdentityProvider
from app.access.provider_documents import read_keys
from app.access.single_sign_on import (
    Attempt,
    NotLetIn,
    ProviderFault,
    Reason,
    SignedOn,
    SignOnError,
    StartAgain,
    in_short,
)
from app.infisical import Infisical, OAuthApplication
from app.sandbox import (
    SANDBOX_HOST,
    SANDBOX_OAUTH_CLIENT_ID,
    SANDBOX_OAUTH_CLIENT_SECRET,
    SandboxTransport,
)
from app.secret import Secret
from tests.cage import rendered
from tests.identity_providers import RunningProvider, running_provider
from tests.sandbox.running import RunningSandbox

from .played_provider import (
    BACK,
    CLIENT_ID,
    CLIENT_SECRET,
    CODE,
    ISSUER,
    PlayedProvider,
    in_base64,
    query_of,
    rsa_key,
)

DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def provider() -> PlayedProvider:
    return PlayedProvider()


def refused(sign_in: Callable[[], object]) -> SignOnError:
    with pytest.raises(SignOnError) as raised:
        sign_in()
    return raised.value


# ── A real provider ────────────────────────────────────────────────────────────────────────────────────────────────

ADA = {
    "sub": "ada-1",
    "name": "Ada Example",
    "email": "ada@company.test",
    "email_verified": True,
    "groups": ["platform", "payments"],
}


@pytest.fixture(scope="module")
def real() -> Iterator[RunningProvider]:
    with running_provider(ADA) as provider:
        yield provider


Client = Callable[..., IdentityProvider]


@pytest.fixture
def client_of() -> Iterator[Client]:
    """Makes clients of the provider with an issuer, over real sockets that are closed at the end."""
    with contextlib.ExitStack() as open_clients:

        def make(issuer: str, client_id: str = CLIENT_ID, secret: str = CLIENT_SECRET) -> IdentityProvider:
            client = IdentityProvider(
                issuer=issuer,
                client_id=client_id,
                client_secret=Secret(secret),
                transport=httpx.HTTPTransport(),
                clock=lambda: datetime.now(UTC),
            )
            open_clients.callback(client.close)
            return client

        yield make


def signs_in_at(real: RunningProvider, client: IdentityProvider, subject: str) -> SignedOn:
    departure = client.departure(redirect_uri=BACK)
    return client.arrival(real.lets_in(departure.url, subject), attempt=departure.attempt)


def test_a_person_signs_in_at_a_real_provider(real: RunningProvider, client_of: Client) -> None:
    person = signs_in_at(real, client_of(real.issuer), "ada-1")
    assert (person.subject, person.name) == ("ada-1", "Ada Example")
    assert (person.email, person.groups) == ("ada@company.test", ("platform", "payments"))
    assert person.id_token.reveal().count(".") == 2
    assert person.expires_at > datetime.now(UTC)


def test_infisical_exchanges_the_id_token_of_a_real_provider_for_the_persons_rights(
    real: RunningProvider, client_of: Client, tmp_path: Path
) -> None:
    real.knows("ben-1", name="Ben", email="ben@example.com", email_verified=True)
    person = signs_in_at(real, client_of(real.issuer), "ben-1")
    sandbox = SandboxTransport(RunningSandbox(tmp_path / "sandbox.sqlite").app)
    infisical = Infisical(SANDBOX_HOST, auth=None, transport=sandbox)
    application = OAuthApplication(
        client_id=SANDBOX_OAUTH_CLIENT_ID, client_secret=Secret(SANDBOX_OAUTH_CLIENT_SECRET)
    )
    grant = infisical.exchange(person.id_token, application=application)
    acting = infisical.acting_with(grant.access_token)
    assert acting.user().email == person.email
    assert [project.name for project in acting.projects()] == ["Payments"]


def test_a_code_can_be_used_once(real: RunningProvider, client_of: Client) -> None:
    client = client_of(real.issuer)
    departure = client.departure(redirect_uri=BACK)
    brought_back = real.lets_in(departure.url, "ada-1")
    client.arrival(brought_back, attempt=departure.attempt)
    with pytest.raises(StartAgain) as raised:
        client.arrival(brought_back, attempt=departure.attempt)
    assert raised.value.reason is Reason.CODE_SPENT


def test_whoever_turns_back_at_the_provider_is_told_so(real: RunningProvider, client_of: Client) -> None:
    client = client_of(real.issuer)
    departure = client.departure(redirect_uri=BACK)
    with pytest.raises(NotLetIn) as raised:
        client.arrival(real.turns_away(departure.url), attempt=departure.attempt)
    assert raised.value.reason is Reason.DENIED


@pytest.mark.parametrize(
    "claims", [{"email": "bo@company.test", "email_verified": False}, {"email": "bo@company.test"}]
)
def test_an_address_that_a_real_provider_does_not_vouch_for_is_no_email(
    real: RunningProvider, client_of: Client, claims: dict[str, Any]
) -> None:
    real.knows("bo", **claims)
    person = signs_in_at(real, client_of(real.issuer), "bo")
    assert (person.email, person.name) == (None, "bo@company.test")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_wrong_client_secret_is_the_operators_to_mend(
    real: RunningProvider, client_of: Client, method: str
) -> None:
    client_id, _ = real.registers(BACK, method=method)
    with pytest.raises(ProviderFault) as raised:
        signs_in_at(real, client_of(real.issuer, client_id, "made-up-wrong-secret"), "ada-1")
    assert raised.value.reason is Reason.CLIENT


def test_the_right_client_secret_is_taken_as_http_basic(real: RunningProvider, client_of: Client) -> None:
    client_id, secret = real.registers(BACK)
    assert signs_in_at(real, client_of(real.issuer, client_id, secret), "ada-1").subject == "ada-1"


def test_two_providers_do_not_pass_for_each_other(real: RunningProvider, client_of: Client) -> None:
    with running_provider(ADA) as other:
        client = client_of(real.issuer)
        departure = client.departure(redirect_uri=BACK)
        elsewhere = departure.url.replace(real.issuer, other.issuer)
        with pytest.raises(StartAgain) as raised:
            client.arrival(other.lets_in(elsewhere, "ada-1"), attempt=departure.attempt)
    assert raised.value.reason is Reason.CODE_SPENT


# ── Departure ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_departure_asks_for_a_code_with_pkce_state_and_nonce(provider: PlayedProvider) -> None:
    departure = provider.departs()
    asked = query_of(departure.url)
    digest = hashlib.sha256(departure.attempt.verifier.reveal().encode()).digest()
    assert departure.url.startswith(f"{ISSUER}/authorize?")
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": BACK,
        "scope": "openid profile email",
        "state": departure.attempt.state,
        "nonce": departure.attempt.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }


def test_no_two_departures_share_a_secret(provider: PlayedProvider) -> None:
    attempts = [provider.departs().attempt for _ in range(3)]
    told = [
        text for attempt in attempts for text in (attempt.state, attempt.nonce, attempt.verifier.reveal())
    ]
    assert len(set(told)) == 9
    assert all(43 <= len(text) <= 128 for text in told)


def test_groups_are_asked_for_where_the_provider_offers_them(provider: PlayedProvider) -> None:
    provider.metadata = {"scopes_supported": ["openid", "groups", "offline_access"]}
    assert query_of(provider.departs().url)["scope"] == "openid profile email groups"


def test_what_stands_in_the_providers_own_address_stays(provider: PlayedProvider) -> None:
    provider.metadata = {"authorization_endpoint": f"{ISSUER}/authorize?tenant=a%20b"}
    assert query_of(provider.departs().url)["tenant"] == "a b"


def test_the_discovery_document_is_fetched_once_an_hour(provider: PlayedProvider) -> None:
    provider.departs()
    provider.clock.passes(3599)
    provider.departs()
    assert provider.asked == [DISCOVERY]
    provider.clock.passes(1)
    provider.departs()
    assert provider.asked == [DISCOVERY] * 2


def test_a_clock_that_was_set_back_keeps_nothing_for_ever(provider: PlayedProvider) -> None:
    provider.departs()
    provider.clock.passes(-86400)
    provider.departs()
    assert provider.asked == [DISCOVERY] * 2


def test_a_provider_that_fails_is_left_alone_for_ten_seconds(provider: PlayedProvider) -> None:
    provider.answers[DISCOVERY] = httpx.Response(503)
    for _ in range(3):
        assert refused(provider.departs).reason is Reason.FAILED
    assert provider.asked == [DISCOVERY]
    provider.answers.clear()
    provider.clock.passes(10)
    assert provider.departs().url


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
    fault = refused(provider.departs)
    assert isinstance(fault, ProviderFault)
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
    fault = refused(provider.departs)
    assert fault.reason is reason
    assert fault.__context__ is None
    assert provider.asked == [DISCOVERY]


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "login.company.test",
        "http://login.company.test",
        "https://login.company.test?a=b",
        "ftp://localhost",
    ],
)
def test_an_issuer_that_is_no_https_address_is_refused_at_the_start(issuer: str) -> None:
    with pytest.raises(ValueError, match="https"):
        IdentityProvider(
            issuer=issuer,
            client_id=CLIENT_ID,
            client_secret=Secret(CLIENT_SECRET),
            transport=httpx.MockTransport(lambda _: httpx.Response(200)),
            clock=lambda: datetime.now(UTC),
        )


# ── Arrival ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_code_is_exchanged_with_the_verifier_and_http_basic(provider: PlayedProvider) -> None:
    departure = provider.departs()
    attempt = departure.attempt
    person = provider.client.arrival({"code": CODE, "state": attempt.state}, attempt=attempt)
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
    assert person.expires_at == provider.clock() + timedelta(seconds=300)


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
    assert isinstance(fault, StartAgain)
    assert fault.reason is Reason.OTHER_STATE
    assert provider.asked == [DISCOVERY]


def test_an_answer_without_a_state_starts_again(provider: PlayedProvider) -> None:
    attempt = provider.departs().attempt
    assert (
        refused(lambda: provider.client.arrival({"code": CODE}, attempt=attempt)).reason is Reason.OTHER_STATE
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
    ("error", "kind", "reason"),
    [
        ("access_denied", NotLetIn, Reason.DENIED),
        ("login_required", NotLetIn, Reason.REFUSED),
        ("made_up_error", NotLetIn, Reason.REFUSED),
        ("server_error", ProviderFault, Reason.FAILED),
        ("temporarily_unavailable", ProviderFault, Reason.FAILED),
        ("invalid_scope", ProviderFault, Reason.REQUEST),
        ("unauthorized_client", ProviderFault, Reason.REQUEST),
    ],
)
def test_an_error_of_the_provider_has_its_reason_and_its_words_in_short(
    provider: PlayedProvider, error: str, kind: type[SignOnError], reason: Reason
) -> None:
    words = "Not  assigned\u202e\nto\x00this " + "x" * 5000
    fault = refused(lambda: provider.signs_in(error=error, error_description=words))
    assert type(fault) is kind
    assert fault.reason is reason
    assert fault.said == f"Not assigned to this {'x' * 5000}"[:200]
    assert str(fault) == reason.value
    assert provider.exchanges == []


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (httpx.Response(400, json={"error": "invalid_grant"}), StartAgain, Reason.CODE_SPENT),
        (httpx.Response(401, json={"error": "invalid_client"}), ProviderFault, Reason.CLIENT),
        (httpx.Response(400, json={"error": "unauthorized_client"}), ProviderFault, Reason.CLIENT),
        (httpx.Response(401, text="no"), ProviderFault, Reason.CLIENT),
        (httpx.Response(400, json={"error": "invalid_request"}), ProviderFault, Reason.REQUEST),
        (httpx.Response(400, json=["invalid_grant"]), ProviderFault, Reason.NOT_UNDERSTOOD),
        (httpx.Response(502, text="no"), ProviderFault, Reason.FAILED),
        (
            httpx.Response(307, headers={"Location": "https://else.test"}),
            ProviderFault,
            Reason.NOT_UNDERSTOOD,
        ),
        (httpx.Response(200, text="no"), ProviderFault, Reason.TOKEN),
        (httpx.Response(200, json={"access_token": "only"}), ProviderFault, Reason.TOKEN),
        (httpx.Response(200, json={"id_token": "a.b.c.d.e"}), ProviderFault, Reason.TOKEN),
        (
            httpx.Response(200, json={"id_token": "a.b." + "c" * LARGEST_ANSWER}),
            ProviderFault,
            Reason.NOT_UNDERSTOOD,
        ),
        (fails_with(httpx.ReadTimeout), ProviderFault, Reason.NO_ANSWER),
    ],
)
def test_a_code_that_is_not_exchanged_has_its_reason(
    provider: PlayedProvider, answer: Any, kind: type[SignOnError], reason: Reason
) -> None:
    provider.answers["/token"] = answer
    fault = refused(provider.signs_in)
    assert type(fault) is kind
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


# ── ID tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────

KEYS_AND_ALGORITHMS = [
    (lambda: rsa_key("k"), "RS256"),
    (lambda: rsa_key("k"), "PS512"),
    (lambda: jwk.ECKey.generate_key("P-256", {"kid": "k"}), "ES256"),
    (lambda: jwk.ECKey.generate_key("P-384", {"kid": "k"}), "ES384"),
    (lambda: jwk.OKPKey.generate_key("Ed25519", {"kid": "k"}), "Ed25519"),
]


@pytest.mark.parametrize(("make_key", "algorithm"), KEYS_AND_ALGORITHMS)
def test_every_usual_signature_is_believed(
    provider: PlayedProvider, make_key: Callable[[], Any], algorithm: str
) -> None:
    provider.signing_key = make_key()
    provider.published = [rsa_key(), provider.signing_key]
    provider.header = {"alg": algorithm, "kid": "k"}
    assert provider.signs_in().subject == "ada"


def test_eddsa_by_its_older_name_is_believed(provider: PlayedProvider) -> None:
    key = jwk.OKPKey.generate_key("Ed25519", {"kid": "first"})
    provider.published = [key]
    attempt = provider.departs().attempt
    signed = f"{in_base64({'alg': 'EdDSA', 'kid': 'first'})}.{in_base64(provider.usual_claims())}"
    provider.token = f"{signed}.{base64_of(key.raw_value.sign(signed.encode()))}"  # type: ignore[union-attr]
    assert provider.client.arrival({"code": CODE, "state": attempt.state}, attempt=attempt).subject == "ada"


def base64_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signs_in_with(provider: PlayedProvider, make_token: Callable[[], str]) -> object:
    """Signs in with a token that is made once the nonce is known."""
    attempt = provider.departs().attempt
    provider.token = make_token()
    return provider.client.arrival({"code": CODE, "state": attempt.state}, attempt=attempt)


def test_a_token_without_a_signature_is_never_believed(provider: PlayedProvider) -> None:
    for algorithm in ("none", "None", "nOnE", ""):
        unsigned = {"alg": algorithm, "kid": "first"}
        fault = refused(
            lambda unsigned=unsigned: signs_in_with(  # type: ignore[misc]
                provider, lambda: f"{in_base64(unsigned)}.{in_base64(provider.usual_claims())}."
            )
        )
        assert fault.reason is Reason.ALGORITHM


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_signed_with_the_public_key_as_a_secret_is_not_believed(
    provider: PlayedProvider, algorithm: str
) -> None:
    def forged(secret: bytes) -> str:
        signed = f"{in_base64({'alg': algorithm, 'kid': 'first'})}.{in_base64(provider.usual_claims())}"
        return f"{signed}.{base64_of(hmac.digest(secret, signed.encode(), algorithm.replace('HS', 'sha')))}"

    public = rsa_key().as_pem(private=False)
    for secret in (public, public.strip(), CLIENT_SECRET.encode(), b""):
        fault = refused(lambda secret=secret: signs_in_with(provider, lambda: forged(secret)))  # type: ignore[misc]
        assert fault.reason is Reason.ALGORITHM


def test_a_symmetric_key_that_the_provider_publishes_opens_nothing(provider: PlayedProvider) -> None:
    key = jwk.OctKey.import_key("made-up-shared-key-of-many-letters", {"kid": "first"})
    shared = key.as_dict(private=True)
    provider.answers["/keys"] = httpx.Response(200, json={"keys": [shared]})
    provider.signing_key, provider.header = key, {"alg": "HS256", "kid": "first"}
    assert refused(provider.signs_in).reason is Reason.ALGORITHM
    assert not read_keys({"keys": [shared]})


def test_a_token_signed_by_somebody_else_is_not_believed(provider: PlayedProvider) -> None:
    provider.signing_key = jwk.RSAKey.generate_key(2048, {"kid": "first"})
    fault = refused(provider.signs_in)
    assert isinstance(fault, ProviderFault)
    assert fault.reason is Reason.SIGNATURE


def test_a_key_that_stands_in_the_token_itself_is_not_looked_at(provider: PlayedProvider) -> None:
    stranger = jwk.RSAKey.generate_key(2048, {"kid": "stranger"})
    provider.signing_key = stranger
    own = {"jwk": stranger.as_dict(private=False), "jku": "https://elsewhere.test/keys"}
    provider.header = {"alg": "RS256", "kid": "stranger", **own}
    assert refused(provider.signs_in).reason is Reason.SIGNATURE
    assert set(provider.asked) == {DISCOVERY, "/token", "/keys"}


def test_a_header_that_is_marked_as_critical_and_not_known_is_refused(provider: PlayedProvider) -> None:
    made = {"alg": "RS256", "kid": "first", "crit": ["made-up"], "made-up": 1}

    def signed() -> str:
        both = f"{in_base64(made)}.{in_base64(provider.usual_claims())}"
        return f"{both}.{base64_of(rs256(both.encode()))}"

    assert refused(lambda: signs_in_with(provider, signed)).reason is Reason.TOKEN
    del made["crit"]
    assert signs_in_with(provider, signed)


def rs256(signed: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    key: Any = rsa_key().private_key
    signature: bytes = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return signature


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://elsewhere.test"}, Reason.TOKEN_ISSUER),
        ({"iss": f"{ISSUER}/"}, Reason.TOKEN_ISSUER),
        ({"iss": [ISSUER]}, Reason.TOKEN_ISSUER),
        ({"iss": ...}, Reason.TOKEN_ISSUER),
        ({"aud": "another-application"}, Reason.AUDIENCE),
        ({"aud": ["another-application"]}, Reason.AUDIENCE),
        ({"aud": []}, Reason.AUDIENCE),
        ({"aud": ...}, Reason.AUDIENCE),
        ({"aud": [CLIENT_ID, "another-application"]}, Reason.AUDIENCE),
        ({"aud": [CLIENT_ID, "another-application"], "azp": "another-application"}, Reason.AUDIENCE),
        ({"azp": "another-application"}, Reason.AUDIENCE),
        ({"aud": "another-application", "azp": CLIENT_ID}, Reason.AUDIENCE),
        ({"nonce": "another"}, Reason.OTHER_NONCE),
        ({"nonce": ["another"]}, Reason.OTHER_NONCE),
        ({"nonce": ...}, Reason.OTHER_NONCE),
        ({"exp": ...}, Reason.TIME),
        ({"exp": "soon"}, Reason.TIME),
        ({"exp": 1}, Reason.TIME),
        ({"exp": 10**400}, Reason.TOKEN),
        ({"exp": 10**15}, Reason.TOKEN),
        ({"iat": ...}, Reason.TIME),
        ({"iat": 10**12}, Reason.TIME),
        ({"nbf": 10**12}, Reason.TIME),
        ({"sub": ...}, Reason.TOKEN),
        ({"sub": ""}, Reason.TOKEN),
        ({"sub": 7}, Reason.TOKEN),
        ({"sub": "a\nb"}, Reason.TOKEN),
        ({"sub": "a" * 256}, Reason.TOKEN),
    ],
)
def test_a_token_with_a_wrong_claim_is_not_believed(
    provider: PlayedProvider, claims: dict[str, Any], reason: Reason
) -> None:
    provider.claims = claims
    fault = refused(provider.signs_in)
    assert fault.reason is reason
    assert isinstance(fault, StartAgain if reason is Reason.OTHER_NONCE else ProviderFault)
    assert fault.__context__ is None


def test_a_token_for_several_applications_names_this_one_as_its_own(provider: PlayedProvider) -> None:
    provider.claims = {"aud": [CLIENT_ID, "another-application"], "azp": CLIENT_ID}
    assert provider.signs_in().subject == "ada"


def test_two_clocks_may_be_a_minute_apart(provider: PlayedProvider) -> None:
    now = int(provider.clock().timestamp())
    for claims in ({"iat": now + 60}, {"exp": now - 59}):
        provider.claims = claims
        assert provider.signs_in().subject == "ada"
    for claims in ({"iat": now + 61}, {"exp": now - 60}):
        provider.claims = claims
        assert refused(provider.signs_in).reason is Reason.TIME


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ("[]", "{}"),
        ('"alg"', "{}"),
        ("{}", "{}"),
        ('{"alg": ["RS256"]}', "{}"),
        ('{"alg": {"a": 1}}', "{}"),
        ('{"alg": "RS256", "kid": 7}', "{}"),
        ('{"alg": "RS256", "kid": "first", "b64": false, "crit": ["b64"]}', "{}"),
        ("\x00\xff", "{}"),
        ("[" * 5000, "{}"),
    ],
)
def test_a_token_that_makes_no_sense_is_a_sign_in_error(
    provider: PlayedProvider, header: str, payload: str
) -> None:
    parts = [base64_of(part.encode("latin-1")) for part in (header, payload)]
    fault = refused(lambda: signs_in_with(provider, lambda: ".".join([*parts, "AAAA"])))
    assert fault.reason in (Reason.TOKEN, Reason.ALGORITHM, Reason.SIGNATURE)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64", "x5c"]),
        st.sampled_from(["RS256", "none", "HS256", "ES256", "first", None, 7, True, [], {}, ["b64"], "é"]),
    )
)
def test_whatever_a_forged_header_says_nobody_is_signed_in(
    provider: PlayedProvider, header: dict[str, Any]
) -> None:
    refused(
        lambda: signs_in_with(
            provider, lambda: f"{in_base64(header)}.{in_base64(provider.usual_claims())}.AAAA"
        )
    )


@pytest.mark.parametrize(
    "keys",
    [
        None,
        [],
        {"keys": "none"},
        {"keys": []},
        {"keys": [7, None, {}, {"kty": "made-up"}, {"kty": "RSA"}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}]},
        {"keys": [{"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "first"}]},
    ],
)
def test_a_list_without_the_key_signs_nobody_in(provider: PlayedProvider, keys: Any) -> None:
    provider.answers["/keys"] = httpx.Response(200, json=keys)
    assert isinstance(refused(provider.signs_in), ProviderFault)


def test_a_key_that_cannot_be_read_does_not_spoil_the_others(provider: PlayedProvider) -> None:
    good = rsa_key().as_dict(private=False)
    provider.answers["/keys"] = httpx.Response(
        200, json={"keys": [{"kty": "RSA", "n": "?"}, {"kty": "PQ"}, good]}
    )
    assert provider.signs_in().subject == "ada"


def test_a_new_key_is_fetched_when_a_token_names_it(provider: PlayedProvider) -> None:
    provider.signs_in()
    provider.signing_key, provider.header = rsa_key("second"), {"alg": "RS256", "kid": "second"}
    provider.published = [rsa_key(), rsa_key("second")]
    provider.clock.passes(61)
    assert provider.signs_in().subject == "ada"
    assert provider.asked.count("/keys") == 2


def test_an_unknown_key_is_looked_for_once_a_minute_at_most(provider: PlayedProvider) -> None:
    provider.header = {"alg": "RS256", "kid": "made-up"}
    for _ in range(3):
        assert refused(provider.signs_in).reason is Reason.SIGNATURE
    assert provider.asked.count("/keys") == 1
    provider.clock.passes(60)
    for _ in range(3):
        assert refused(provider.signs_in).reason is Reason.SIGNATURE
    assert provider.asked.count("/keys") == 2


def test_the_keys_are_fetched_once_an_hour(provider: PlayedProvider) -> None:
    for seconds in (0, 3599, 1):
        provider.clock.passes(seconds)
        provider.signs_in()
    assert provider.asked.count("/keys") == 2


# ── Who it is ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Ada\u202e  Example\n"}, "Ada Example"),
        ({"name": "n" * 300}, "n" * 200),
        ({"name": "", "preferred_username": "ada"}, "ada"),
        ({"name": 7, "email": "ada@company.test"}, "ada@company.test"),
        ({"name": "\ud800"}, "ada"),
        ({}, "ada"),
    ],
)
def test_a_person_has_a_name_that_can_be_shown(
    provider: PlayedProvider, claims: dict[str, Any], name: str
) -> None:
    assert signed_in_as(provider, claims).name == name


def signed_in_as(provider: PlayedProvider, claims: dict[str, Any]) -> Any:
    def signed() -> str:
        both = f"{in_base64({'alg': 'RS256', 'kid': 'first'})}.{in_base64(provider.usual_claims() | claims)}"
        return f"{both}.{base64_of(rs256(both.encode()))}"

    return signs_in_with(provider, signed)


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "ada@company.test", "email_verified": True}, "ada@company.test"),
        ({"email": "ada@company.test", "email_verified": "true"}, "ada@company.test"),
        ({"email": "ada@company.test", "email_verified": "false"}, None),
        ({"email": "ada@company.test", "email_verified": 1}, None),
        ({"email": "ada@company.test", "email_verified": [True]}, None),
        ({"email": "ada@company.test"}, None),
        ({"email": "ada@company.test\n", "email_verified": True}, None),
        ({"email": "a@b@company.test", "email_verified": True}, None),
        ({"email": "ada", "email_verified": True}, None),
        ({"email": ["ada@company.test"], "email_verified": True}, None),
    ],
)
def test_an_email_counts_when_it_is_verified(
    provider: PlayedProvider, claims: dict[str, Any], email: str | None
) -> None:
    assert signed_in_as(provider, claims).email == email


@pytest.mark.parametrize(
    ("told", "groups"),
    [
        (["platform", "payments"], ("platform", "payments")),
        ("platform", ("platform",)),
        (["platform", 7, None, "", "a\nb", "g" * 201, ["payments"]], ("platform",)),
        (["g"] * 1001, ()),
        ({"platform": True}, ()),
        (None, ()),
    ],
)
def test_groups_are_the_texts_of_their_claim(
    provider: PlayedProvider, told: Any, groups: tuple[str, ...]
) -> None:
    assert signed_in_as(provider, {"groups": told}).groups == groups


# ── What stays unsaid ──────────────────────────────────────────────────────────────────────────────────────────────


def test_no_code_token_or_secret_stands_in_a_log_or_an_error(
    provider: PlayedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    departure = provider.departs()
    attempt = departure.attempt
    arguments = {"code": CODE, "state": attempt.state}
    person = provider.client.arrival(arguments, attempt=attempt)
    told = [repr(departure), repr(attempt), repr(person), str(person)]
    echo = f"{CODE} {attempt.verifier.reveal()} {CLIENT_SECRET}"
    provider.answers["/token"] = httpx.Response(400, json={"error": "x", "error_description": echo})
    fault = refused(lambda: provider.client.arrival(arguments, attempt=attempt))
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


def test_an_attempt_comes_back_from_what_was_sealed(provider: PlayedProvider) -> None:
    attempt = provider.departs().attempt
    sealed = json.dumps(attempt.to_dict())
    again = Attempt.from_dict(json.loads(sealed))
    assert again.to_dict() == attempt.to_dict()
    assert provider.client.arrival({"code": CODE, "state": again.state}, attempt=again).subject == "ada"


@pytest.mark.parametrize(
    "told", [{}, {"state": "s"}, {"state": 1, "nonce": 1, "verifier": 1, "redirect_uri": 1}]
)
def test_what_was_not_sealed_by_us_is_no_attempt(told: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="attempt"):
        Attempt.from_dict(told)


def test_a_text_in_short_has_no_letters_that_cannot_be_seen() -> None:
    assert in_short("a\u200b\u202eb\tc\x00") == "a b c"
    assert in_short(None) == ""


# ── On a real socket ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_redirect_is_not_followed_on_a_real_socket(httpserver: HTTPServer, client_of: Client) -> None:
    httpserver.expect_request(DISCOVERY).respond_with_data(status=302, headers={"Location": "/elsewhere"})
    client = client_of(httpserver.url_for("").rstrip("/"))
    assert refused(lambda: client.departure(redirect_uri=BACK)).reason is Reason.NOT_UNDERSTOOD
    assert len(httpserver.log) == 1


def test_a_compressed_answer_is_not_unpacked_on_a_real_socket(
    httpserver: HTTPServer, client_of: Client
) -> None:
    bomb = gzip.compress(b"x" * (2 * LARGEST_ANSWER))
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    httpserver.expect_request(DISCOVERY).respond_with_data(bomb, headers=headers)
    client = client_of(httpserver.url_for("").rstrip("/"))
    assert refused(lambda: client.departure(redirect_uri=BACK)).reason is Reason.NOT_UNDERSTOOD


def test_a_provider_that_is_not_there_cannot_be_reached(client_of: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fault = refused(lambda: client_of(f"http://127.0.0.1:{port}").departure(redirect_uri=BACK))
    assert fault.reason is Reason.UNREACHABLE
