"""The sandbox's people: the token exchange, what a person's token opens, and what is refused to it."""

from typing import Any

import httpx
import pytest

from app.core.secret import Secret
from app.infisical.auth import OAuthApplication
from app.infisical.client import Infisical
from app.infisical.errors import (
    InfisicalError,
    LoginRefused,
    PermissionDenied,
    Refusal,
    ServerFailed,
    SignOnRefused,
)
from app.infisical.models import AccessGrant, read_claims
from app.sandbox import SANDBOX_HOST, SANDBOX_OAUTH_CLIENT_ID, SandboxTransport
from tests.every import holds_for_every
from tests.sandbox.running import APPLICATION, RunningSandbox, id_token, new_connection, person_grant
from tests.sandbox.world import APPLICATIONS, PAYMENTS_ID, PEOPLE, identity_named

EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
}


def infisical(sandbox: RunningSandbox) -> Infisical:
    transport = SandboxTransport(sandbox.app, sleep=sandbox.waited.append)
    return Infisical(SANDBOX_HOST, auth=None, transport=transport)


def grant_to(sandbox: RunningSandbox, **claims: Any) -> AccessGrant:
    return person_grant(infisical(sandbox), sandbox.clock(), **claims)


def acting_as(sandbox: RunningSandbox, **claims: Any) -> Infisical:
    return infisical(sandbox).acting_with(grant_to(sandbox, **claims).access_token)


def asked(sandbox: RunningSandbox, **form: str | None) -> httpx.Response:
    whole = {**EXCHANGE, "subject_token": id_token(sandbox.clock()).reveal(), **form}
    sent = {name: text for name, text in whole.items() if text is not None}
    with sandbox.client() as client:
        return client.post(
            "/api/v1/oauth/token",
            data=sent,
            auth=(APPLICATION.client_id, APPLICATION.client_secret.reveal()),
        )


def test_the_exchange_answers_as_documented(sandbox: RunningSandbox) -> None:
    for kind in ("id_token", "jwt"):
        answer = asked(sandbox, subject_token_type=f"urn:ietf:params:oauth:token-type:{kind}")
        assert answer.status_code == 200
        granted = answer.json()
        assert set(granted) == {"access_token", "issued_token_type", "token_type", "expires_in"}
        assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 3600)


def test_a_wrong_exchange_is_refused_as_documented(sandbox: RunningSandbox) -> None:
    def it_is_refused(row: tuple[dict[str, str | None], str]) -> None:
        form, error = row
        answer = asked(sandbox, **form)
        assert answer.status_code == 400
        assert set(answer.json()) == {"error", "error_description"}
        assert answer.json()["error"] == error

    rows: tuple[tuple[dict[str, str | None], str], ...] = (
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"subject_token": None}, "invalid_request"),
        ({"subject_token": "made-up"}, "invalid_request"),
        ({"subject_token": "a.b.c"}, "invalid_request"),
        ({"subject_token_type": None}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:access_token"}, "invalid_request"),
        ({"scope": "openid"}, "invalid_request"),
        ({"audience": "infisical"}, "invalid_request"),
        ({"resource": "https://infisical.test"}, "invalid_request"),
        ({"actor_token": "made-up"}, "invalid_request"),
    )
    holds_for_every(rows, it_is_refused)


@pytest.mark.parametrize(
    ("application", "refusal"),
    [
        (OAuthApplication(client_id="made-up", client_secret=Secret("made-up")), Refusal.APPLICATION),
        (
            OAuthApplication(client_id=SANDBOX_OAUTH_CLIENT_ID, client_secret=Secret("made-up")),
            Refusal.APPLICATION,
        ),
        (
            OAuthApplication(
                client_id=APPLICATIONS[1].client_id, client_secret=Secret(APPLICATIONS[1].client_secret)
            ),
            Refusal.EXCHANGE,
        ),
    ],
)
def test_an_application_that_is_not_accepted_says_why(
    sandbox: RunningSandbox, application: OAuthApplication, refusal: Refusal
) -> None:
    with pytest.raises(LoginRefused) as raised:
        infisical(sandbox).exchange(id_token(sandbox.clock()), application=application)
    assert raised.value.refusal is refusal


def test_an_exchange_without_a_credential_is_refused(sandbox: RunningSandbox) -> None:
    with sandbox.client() as client:
        answer = client.post("/api/v1/oauth/token", data=EXCHANGE)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_person_who_is_not_let_in_meets_the_right_error(sandbox: RunningSandbox) -> None:
    def it_meets_them(row: tuple[dict[str, Any], type[InfisicalError]]) -> None:
        claims, kind = row
        with pytest.raises(kind):
            grant_to(sandbox, **claims)

    rows: tuple[tuple[dict[str, Any], type[InfisicalError]], ...] = (
        ({"email": "gone@example.com"}, SignOnRefused),
        ({"email": None}, SignOnRefused),
        ({"email": "ada"}, SignOnRefused),
        ({"exp": 1}, SignOnRefused),
        ({"exp": None}, SignOnRefused),
        ({"email": "unlucky@example.com"}, ServerFailed),
    )
    holds_for_every(rows, it_meets_them)


def test_a_person_sees_their_own_projects(sandbox: RunningSandbox) -> None:
    expected = {
        "ada@example.com": ["Payments", "Webshop"],
        "Ben@Example.com": ["Payments"],
        "cleo@example.com": ["Payments"],
        "dora@example.com": [],
        "somebody@company.test": ["Payments", "Webshop"],
    }
    people = {email: acting_as(sandbox, email=email) for email in expected}
    seen = {email: [project.name for project in person.projects()] for email, person in people.items()}
    assert seen == expected
    assert [person.user().email for person in people.values()] == [email.lower() for email in expected]


def test_a_person_may_do_what_their_role_allows(sandbox: RunningSandbox) -> None:
    with pytest.raises(PermissionDenied):
        acting_as(sandbox, email="ben@example.com").connections(PAYMENTS_ID)
    assert acting_as(sandbox, email="cleo@example.com").connections(PAYMENTS_ID)
    with sandbox.client(grant_to(sandbox, email="cleo@example.com").access_token.reveal()) as client:
        assert client.post("/api/v1/app-connections/supabase", json=new_connection()).status_code == 200
        refused = client.post("/api/v1/app-connections/supabase", json=new_connection(project_id=None))
    assert refused.status_code == 403


def test_a_persons_name_is_what_the_id_token_says(sandbox: RunningSandbox) -> None:
    token = grant_to(sandbox, email="zoe@company.test", name="Zoe of the Company")
    with sandbox.client(token.access_token.reveal()) as client:
        user = client.get("/api/v1/user").json()["user"]
    assert (user["firstName"], user["lastName"]) == ("Zoe", "of the Company")
    assert user["id"] == read_claims(token.access_token).subject


def test_a_persons_token_says_that_it_is_a_persons(sandbox: RunningSandbox) -> None:
    claims = read_claims(grant_to(sandbox).access_token)
    assert (claims.kind, claims.subject) == ("person", PEOPLE[0].user_id)
    assert claims.expires_at is not None
    assert claims.expires_at > sandbox.clock()


def test_a_persons_token_ends_when_it_said(sandbox: RunningSandbox) -> None:
    grant = grant_to(sandbox, email="eli@example.com")
    assert grant.expires_in == 60
    acting = infisical(sandbox).acting_with(grant.access_token)
    sandbox.clock.advance(59)
    assert acting.projects()
    sandbox.clock.advance(1)
    with pytest.raises(LoginRefused):
        acting.projects()


def test_people_and_machine_identities_each_have_calls_of_their_own(sandbox: RunningSandbox) -> None:
    identity = infisical(sandbox).acting_with(Secret(sandbox.log_in()))
    person = acting_as(sandbox)
    assert identity.organization_id() == person.projects()[0].organization_id
    assert person.user().name == "ada@example.com"
    with pytest.raises(PermissionDenied):
        identity.user()
    with pytest.raises(PermissionDenied):
        person.organization_id()


def test_a_persons_token_is_neither_renewed_nor_revoked(sandbox: RunningSandbox) -> None:
    client, token = infisical(sandbox), grant_to(sandbox).access_token
    with pytest.raises(LoginRefused):
        client.renew(token)
    with pytest.raises(LoginRefused):
        client.revoke(token)
    assert client.acting_with(token).projects()


def test_a_credential_that_no_longer_opens_says_why(sandbox: RunningSandbox) -> None:
    def it_says_why(row: tuple[str, Refusal]) -> None:
        identity, secret = identity_named(row[0]), Secret(identity_named(row[0]).client_secret)
        with pytest.raises(LoginRefused) as raised:
            infisical(sandbox).log_in(client_id=identity.client_id, client_secret=secret)
        assert raised.value.refusal is row[1]

    rows = (
        ("expired-secret", Refusal.SECRET_EXPIRED),
        ("used-up-secret", Refusal.SECRET_USED_UP),
        ("elsewhere", Refusal.ADDRESS),
    )
    holds_for_every(rows, it_says_why)


def test_three_wrong_secrets_lock_the_identity_for_five_minutes(sandbox: RunningSandbox) -> None:
    identity, client = identity_named("lockout"), infisical(sandbox)
    right = Secret(identity.client_secret)
    for _ in range(3):
        with pytest.raises(LoginRefused) as raised:
            client.log_in(client_id=identity.client_id, client_secret=Secret("made-up-wrong-secret"))
        assert raised.value.refusal is Refusal.CREDENTIAL
    sandbox.clock.advance(299)
    with pytest.raises(LoginRefused) as raised:
        client.log_in(client_id=identity.client_id, client_secret=right)
    assert raised.value.refusal is Refusal.LOCKED
    sandbox.clock.advance(1)
    assert client.log_in(client_id=identity.client_id, client_secret=right).expires_in > 0


def test_a_log_in_is_renewed_up_to_its_maximum_and_revoked(sandbox: RunningSandbox) -> None:
    identity, client = identity_named("short-ttl"), infisical(sandbox)
    grant = client.log_in(client_id=identity.client_id, client_secret=Secret(identity.client_secret))
    assert (grant.expires_in, grant.max_ttl) == (5, 10)
    sandbox.clock.advance(4)
    renewed = client.renew(grant.access_token)
    sandbox.clock.advance(4)
    assert client.renew(renewed.access_token).expires_in == 2
    client.revoke(renewed.access_token)
    with pytest.raises(LoginRefused):
        client.acting_with(renewed.access_token).projects()
