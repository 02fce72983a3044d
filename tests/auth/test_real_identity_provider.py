"""Signing in at a real identity provider, and what it answers on a real socket."""

import contextlib
import gzip
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_httpserver import HTTPServer

from app.auth.id_tokens import (
    OidcUser,
    Reason,
)
from app.auth.oidc import LARGEST_ANSWER, IdentityProvider
from app.core.secret import Secret
from app.infisical.auth import OAuthApplication
from app.infisical.client import Infisical
from app.sandbox import (
    SANDBOX_HOST,
    SANDBOX_OAUTH_CLIENT_ID,
    SANDBOX_OAUTH_CLIENT_SECRET,
    SandboxTransport,
)
from tests.identity_providers import RunningProvider, running_provider
from tests.sandbox.running import RunningSandbox

from .played_provider import (
    BACK,
    CLIENT_ID,
    CLIENT_SECRET,
    DISCOVERY,
    refused,
)

pytestmark = pytest.mark.full

# ── A real provider ──────────────────────────────────────────────────────────────────────────────────────────────────

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


def signs_in_at(real: RunningProvider, client: IdentityProvider, subject: str) -> OidcUser:
    asked = client.authorization_request(redirect_uri=BACK)
    return client.authenticate(real.lets_in(asked.url, subject), request=asked)


def test_a_person_signs_in_at_a_real_provider(real: RunningProvider, client_of: Client) -> None:
    person = signs_in_at(real, client_of(real.issuer), "ada-1")
    assert (person.subject, person.name) == ("ada-1", "Ada Example")
    assert (person.email, person.groups) == ("ada@company.test", ("platform", "payments"))
    assert person.id_token.reveal().count(".") == 2


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
    asked = client.authorization_request(redirect_uri=BACK)
    brought_back = real.lets_in(asked.url, "ada-1")
    client.authenticate(brought_back, request=asked)
    fault = refused(lambda: client.authenticate(brought_back, request=asked))
    assert fault.reason is Reason.CODE_SPENT


def test_whoever_turns_back_at_the_provider_is_told_so(real: RunningProvider, client_of: Client) -> None:
    client = client_of(real.issuer)
    asked = client.authorization_request(redirect_uri=BACK)
    fault = refused(lambda: client.authenticate(real.turns_away(asked.url), request=asked))
    assert fault.reason is Reason.DENIED


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
    fault = refused(
        lambda: signs_in_at(real, client_of(real.issuer, client_id, "made-up-wrong-secret"), "ada-1")
    )
    assert fault.reason is Reason.CLIENT


def test_the_right_client_secret_is_taken_as_http_basic(real: RunningProvider, client_of: Client) -> None:
    client_id, secret = real.registers(BACK)
    assert signs_in_at(real, client_of(real.issuer, client_id, secret), "ada-1").subject == "ada-1"


def test_two_providers_do_not_pass_for_each_other(real: RunningProvider, client_of: Client) -> None:
    with running_provider(ADA) as other:
        client = client_of(real.issuer)
        asked = client.authorization_request(redirect_uri=BACK)
        elsewhere = asked.url.replace(real.issuer, other.issuer)
        fault = refused(lambda: client.authenticate(other.lets_in(elsewhere, "ada-1"), request=asked))
    assert fault.reason is Reason.CODE_SPENT


# ── On a real socket ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_redirect_is_not_followed_on_a_real_socket(httpserver: HTTPServer, client_of: Client) -> None:
    httpserver.expect_request(DISCOVERY).respond_with_data(status=302, headers={"Location": "/elsewhere"})
    client = client_of(httpserver.url_for("").rstrip("/"))
    assert refused(lambda: client.authorization_request(redirect_uri=BACK)).reason is Reason.NOT_UNDERSTOOD
    assert len(httpserver.log) == 1


def test_a_compressed_answer_is_not_unpacked_on_a_real_socket(
    httpserver: HTTPServer, client_of: Client
) -> None:
    bomb = gzip.compress(b"x" * (2 * LARGEST_ANSWER))
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    httpserver.expect_request(DISCOVERY).respond_with_data(bomb, headers=headers)
    client = client_of(httpserver.url_for("").rstrip("/"))
    assert refused(lambda: client.authorization_request(redirect_uri=BACK)).reason is Reason.NOT_UNDERSTOOD


def test_a_provider_that_is_not_there_cannot_be_reached(client_of: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fault = refused(lambda: client_of(f"http://127.0.0.1:{port}").authorization_request(redirect_uri=BACK))
    assert fault.reason is Reason.UNREACHABLE
