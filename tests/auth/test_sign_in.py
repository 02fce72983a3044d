"""Each person signs in with an Infisical credential of their own, acts with their own rights, and signs out."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.auth.session import LONGEST_SESSION
from app.core.secret import Encryption, Secret
from app.infisical.errors import LoginRefused
from tests.conftest import FORM, SECRET_KEY, Client, Clock, Sandbox, new_client
from tests.infisical.answers import error, grant
from tests.pages import read_page
from tests.sandbox.running import person_grant
from tests.sandbox.world import IDENTITIES

PEOPLE = {identity.name: identity for identity in IDENTITIES}
COOKIE = "connect-sign-in"
BEHIND_THE_SIGN_IN = (
    ("/connections", 200),
    ("/projects", 200),
    ("/connections/new", 200),
    (f"{FORM}/token", 200),
    (FORM, 200),
    (f"{FORM}/outcome", 400),
)


@pytest.fixture
def somebody(own_sandbox: Sandbox) -> Client:
    return new_client(own_sandbox.app)


def sign_in_as(client: Client, name: str, **kwargs: Any) -> Any:
    person = PEOPLE[name]
    return client.sign_in(client_id=person.client_id, client_secret=person.client_secret, **kwargs)


def held_by(client: Client) -> Secret:
    """The Infisical access token in the browser's cookie, which the server's key opens."""
    seal = Encryption((Secret(SECRET_KEY),), purpose="sign-in", life=LONGEST_SESSION)
    record = seal.loads(kept(client), now=datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
    assert record is not None
    return Secret(record["token"])


def kept(client: Client) -> str:
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    return cookie.value


def jwt(**claims: Any) -> str:
    """A token that is shaped like Infisical's. Its signature is nobody's."""
    encoded = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{encoded}.bWFkZS11cC1zaWduYXR1cmU"


# ── In ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path", ["/", "/connections", "/projects", "/connections/new", FORM, f"{FORM}/token"]
)
def test_nobody_sees_a_page_before_they_have_signed_in(
    somebody: Client, own_sandbox: Sandbox, path: str
) -> None:
    answer = somebody.get(path)
    assert answer.status_code == 303
    assert urlsplit(answer.location).path == "/sign-in"
    assert own_sandbox.sent == []


def test_who_signs_in_comes_to_the_page_they_asked_for(somebody: Client) -> None:
    page = somebody.page(f"{FORM}?project=organization&name=kept&description=also+kept")
    answer = sign_in_as(somebody, "wizard-admin", page=page)
    assert answer.status_code == 303
    form = somebody.page(answer.location)
    assert (form.field("name"), form.field("description")) == ("kept", "also kept")
    assert "wizard-admin" in form.text


def test_signing_in_costs_one_call(somebody: Client, own_sandbox: Sandbox) -> None:
    sign_in_as(somebody, "wizard-admin")
    assert [request.url.path for request in own_sandbox.sent] == ["/api/v1/auth/universal-auth/login"]


def test_who_is_signed_in_is_not_asked_again(somebody: Client) -> None:
    sign_in_as(somebody, "wizard-admin")
    assert somebody.get("/sign-in?next=/projects").location == "/projects"


def test_a_person_acts_with_their_own_rights(somebody: Client) -> None:
    sign_in_as(somebody, "project-only-admin")
    page = somebody.page("/connections?project=22e8b3d5-6a1f-4c7b-8d4e-3f9a8b7c6d5e", status=403)
    assert page.problem == "not-a-member"
    assert "You have no access to this project" in page.text


def test_a_person_without_a_project_is_told_whom_to_ask(somebody: Client) -> None:
    sign_in_as(somebody, "no-project")
    page = somebody.page("/", status=403)
    assert "You are in no project yet" in page.text


def test_a_connection_is_created_with_the_token_of_the_person(
    somebody: Client, own_sandbox: Sandbox, good_token: str
) -> None:
    sign_in_as(somebody, "wizard-admin")
    assert somebody.fill_in(name="mine", access_token=good_token).status_code == 303
    logins = [request for request in own_sandbox.sent if request.url.path.endswith("/login")]
    assert len(logins) == 1
    assert len(own_sandbox.creates) == 1


def test_two_people_in_two_browsers_do_not_meet(own_sandbox: Sandbox) -> None:
    ada, grace = new_client(own_sandbox.app), new_client(own_sandbox.app)
    sign_in_as(ada, "wizard-admin")
    sign_in_as(grace, "no-project")
    assert "wizard-admin" in ada.page("/projects").text
    assert "no-project" in grace.page("/projects").text


# ── Refused ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_secret_is_told_and_the_client_id_stays(somebody: Client) -> None:
    answer = somebody.sign_in(client_secret="made-up-and-wrong")
    assert answer.status_code == 422
    page = read_page(answer.text)
    assert "does not accept this client ID and client secret" in page.error("client_secret")
    assert page.field("client_id") == PEOPLE["wizard-admin"].client_id
    assert "made-up-and-wrong" not in answer.text
    assert page.by_id("request-id") is not None


def test_an_unknown_client_id_is_told_as_a_wrong_secret_is(somebody: Client) -> None:
    unknown = somebody.sign_in(client_id="5a4db0c5-0000-4000-8000-0000000000ff")
    wrong = somebody.sign_in(client_secret="made-up-and-wrong")
    assert unknown.status_code == wrong.status_code == 422
    told = [read_page(answer.text).error("client_secret") for answer in (unknown, wrong)]
    assert told[0] == told[1] != ""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("expired-secret", "This client secret has expired."),
        ("used-up-secret", "This client secret has been used as often as it may be."),
        ("elsewhere", "Infisical does not let this machine identity in from this server’s address."),
    ],
)
def test_why_infisical_does_not_take_a_credential_is_told(somebody: Client, name: str, told: str) -> None:
    answer = sign_in_as(somebody, name)
    assert answer.status_code == 422
    assert told in read_page(answer.text).error("client_secret")


def test_a_locked_identity_is_told(somebody: Client, own_sandbox: Sandbox) -> None:
    for _ in range(3):
        with pytest.raises(LoginRefused):
            own_sandbox.elsewhere.log_in(
                client_id=PEOPLE["lockout"].client_id, client_secret=Secret("made-up-and-wrong")
            )
    answer = sign_in_as(somebody, "lockout")
    assert "has locked this machine identity" in read_page(answer.text).error("client_secret")


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("client_id", "", "Enter the client ID."),
        ("client_id", "ab" * 32, "That is a secret, not a client ID."),
        ("client_secret", "", "Enter the client secret."),
    ],
)
def test_what_is_missing_is_told_without_asking_infisical(
    somebody: Client, own_sandbox: Sandbox, field: str, typed: str, told: str
) -> None:
    typed_in: dict[str, Any] = {field: typed}
    answer = somebody.sign_in(**typed_in)
    assert answer.status_code == 422
    assert told in read_page(answer.text).error(field)
    assert not typed or typed not in answer.text
    assert own_sandbox.sent == []


CLIENT_ID, CLIENT_SECRET = "5a4db0c5-0000-4000-8000-0000000000ff", "0123abcd" * 8


@pytest.mark.parametrize(
    ("client_id", "client_secret"),
    [
        (f'"{CLIENT_ID}"', f'"{CLIENT_SECRET}"'),
        (f"“{CLIENT_ID}”", f"‘{CLIENT_SECRET}’"),
        (f"`{CLIENT_ID}`", f"**{CLIENT_SECRET}**"),
        (f" {CLIENT_ID}\u00a0", f"\u200b{CLIENT_SECRET}\n"),
        (f"\ufeff{CLIENT_ID}\u200e", f"{CLIENT_SECRET[:30]} {CLIENT_SECRET[30:]}"),
        (f"INFISICAL_UNIVERSAL_AUTH_CLIENT_ID={CLIENT_ID}", f"export CLIENT_SECRET='{CLIENT_SECRET}'"),
        (f'"clientId": "{CLIENT_ID}",', f'"clientSecret": "{CLIENT_SECRET}",'),
        (f"Client ID: {CLIENT_ID}", f"Client Secret: {CLIENT_SECRET}."),
        (f"--client-id={CLIENT_ID}", f'{{"clientId": "{CLIENT_ID}", "clientSecret": "{CLIENT_SECRET}"}}'),
        (f"{CLIENT_ID}\n{CLIENT_ID}", f"{CLIENT_SECRET}\n{CLIENT_SECRET}"),
    ],
)
def test_a_credential_is_taken_however_it_was_pasted(
    people_at: Callable[..., Client], client_id: str, client_secret: str
) -> None:
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return grant(jwt(identityId="x"))

    assert people_at(answer).sign_in(client_id=client_id, client_secret=client_secret).status_code == 303
    assert sent == [{"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}]


@pytest.mark.parametrize(
    ("pasted", "told"),
    [
        (f"sbp_{'ab12' * 10}", "That looks like a personal access token, not a client secret."),
        (f"**sbp_{'ab12' * 10}**", "That looks like a personal access token, not a client secret."),
        (f"Sbp_{'ab12' * 10}", "That looks like an access token of an unusual shape, not a client secret."),
        ("sb_secret_made-up-made-up", "That looks like a secret API key, not a client secret."),
        (jwt(identityId="x"), "use the other form, “With your access token”"),
        (
            f"Bearer {jwt(userId='x', authTokenType='accessToken')}",
            "That looks like an Infisical access token, not",
        ),
        (f"{jwt(sub='x' * 99)[:80]} {jwt(sub='x' * 99)[80:]}", "That looks like a JWT, not a client secret."),
        ("st.made.up.token", "That looks like an Infisical service token, not a client secret."),
        ("glpat-madeup", "That looks like a GitLab token, not a client secret."),
        ("ab12****************", "That looks like a shortened preview, not a client secret."),
        (CLIENT_ID, "That looks like an ID, not a client secret."),
        (f"Client ID: {CLIENT_ID}", "That looks like an ID, not a client secret."),
        ("ab12cd34 ef56", "a client secret has no spaces"),
    ],
)
def test_what_cannot_be_a_client_secret_is_told_and_costs_no_try(
    somebody: Client, own_sandbox: Sandbox, pasted: str, told: str
) -> None:
    for _ in range(3):
        answer = somebody.sign_in(client_secret=pasted)
        assert answer.status_code == 422
    assert told in read_page(answer.text).error("client_secret")
    assert pasted not in answer.text
    assert own_sandbox.sent == []


@pytest.mark.parametrize(
    "secret", [CLIENT_SECRET, f"Client Secret: '{CLIENT_SECRET}'", CLIENT_SECRET.upper()]
)
def test_a_client_id_and_a_secret_in_each_others_fields_are_told_to_be_swapped(
    somebody: Client, own_sandbox: Sandbox, secret: str
) -> None:
    answer = somebody.sign_in(client_id=secret, client_secret=f" {CLIENT_ID} ")
    page = read_page(answer.text)
    assert answer.status_code == 422
    assert "The client ID and the client secret were swapped." in page.error("client_secret")
    assert page.field("client_id") == CLIENT_ID
    assert CLIENT_SECRET[:16].lower() not in answer.text.lower()
    assert own_sandbox.sent == []


def test_a_secret_that_came_apart_does_not_come_back_as_a_client_id(somebody: Client) -> None:
    answer = somebody.sign_in(client_id=f"{CLIENT_SECRET[:32]} {CLIENT_SECRET[32:]}")
    assert "That is a secret, not a client ID." in read_page(answer.text).error("client_id")
    assert CLIENT_SECRET[:16] not in answer.text


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("https://us.infisical.com", "Infisical Cloud (US) was asked"),
        ("https://app.infisical.com", "Infisical Cloud (US) was asked"),
        ("https://eu.infisical.com", "Infisical Cloud (EU) was asked"),
        ("https://secrets.example.com", ""),
    ],
)
@pytest.mark.parametrize("way", ["credential", "token"])
def test_a_refusal_names_the_region_that_was_asked(
    people_at: Callable[..., Client], host: str, told: str, way: str
) -> None:
    somebody = people_at(
        lambda _: error(401, "UnauthorizedError", "Invalid credentials"), INFISICAL_HOST=host
    )
    answer = somebody.sign_in() if way == "credential" else paste(somebody, jwt(identityId="x"))
    assert answer.status_code == 422
    said = read_page(answer.text).error("client_secret" if way == "credential" else "infisical_token")
    assert told in said
    assert ("region" in said) == bool(told)


def test_a_third_try_within_a_minute_is_not_made(somebody: Client, own_sandbox: Sandbox) -> None:
    for _ in range(2):
        somebody.sign_in(client_secret="made-up-and-wrong")
    answer = somebody.sign_in()
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert len(own_sandbox.sent) == 2


# ── With a token that was got elsewhere ────────────────────────────────────────────────────────────────────────────


def paste(client: Client, token: str) -> Any:
    form = client.page("/sign-in").hidden_fields("token-form")
    return client.post("/sign-in", data={**form, "infisical_token": token})


def an_infisical(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/api/v1/user":
        return httpx.Response(200, json={"user": {"id": "made-up", "email": "ada@example.com"}})
    return httpx.Response(200, json={"projects": []})


@pytest.fixture
def people_at(wizard_at: Callable[..., Client]) -> Callable[..., Client]:
    def make(answer: Any, **environ: str) -> Client:
        return wizard_at(answer, INFISICAL_TOKEN="", **environ)

    return make


@pytest.mark.parametrize(
    "pasted",
    [
        *("{}", " {}\n", '"{}"', "INFISICAL_TOKEN={}", "Session ID: made-up\nToken: {}\n", "Bearer {}"),
        *(
            "**{}**",
            "INFISICAL_TOKEN: {}",
            "\u200b{}\ufeff",
            "“{}”,",
            '{{"accessToken":"{}","expiresIn":600}}',
        ),
        *('curl -H "Authorization: Bearer {}"', "export INFISICAL_TOKEN='{}'", "{}\n{}"),
    ],
)
def test_a_persons_token_is_taken_however_it_was_pasted(
    people_at: Callable[..., Client], clock: Clock, pasted: str
) -> None:
    token = jwt(userId="made-up-person", authTokenType="accessToken", exp=clock.monotonic() + 600)
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return an_infisical(request)

    somebody = people_at(answer)
    assert paste(somebody, pasted.format(token, token)).status_code == 303
    assert set(sent) == {f"Bearer {token}"}
    assert "ada@example.com" in somebody.page("/projects").text


@pytest.mark.parametrize("between", ["\n", " ", "\r\n", " \n  "])
def test_a_token_that_a_terminal_wrapped_is_put_together_again(
    people_at: Callable[..., Client], between: str
) -> None:
    token = jwt(identityId="made-up-identity", identityName="ci-runner", padding="x" * 600)
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return an_infisical(request)

    wrapped = between.join(token[at : at + 80] for at in range(0, len(token), 80))
    assert paste(people_at(answer), f"Token: {wrapped}\n").status_code == 303
    assert set(sent) == {f"Bearer {token}"}


def test_an_identitys_token_is_taken_and_called_by_its_name(people_at: Callable[..., Client]) -> None:
    somebody = people_at(an_infisical)
    paste(somebody, jwt(identityId="made-up-identity", identityName="ci-runner"))
    assert "ci-runner" in somebody.page("/projects").text


def test_a_person_of_the_sandbox_comes_in_with_their_token_and_creates(
    somebody: Client, own_sandbox: Sandbox, good_token: str
) -> None:
    token = person_grant(own_sandbox.elsewhere, own_sandbox.clock()).access_token
    assert paste(somebody, token.reveal()).status_code == 303
    assert somebody.fill_in(name="by-a-person", access_token=good_token).status_code == 303
    assert not [request for request in own_sandbox.sent if request.url.path.endswith("/login")]


@pytest.mark.parametrize("max_ttl", [0, 1e300])
@pytest.mark.parametrize("expires_in", [0, 1e300])
def test_a_log_in_without_an_end_is_one_sign_in_of_a_working_day(
    people_at: Callable[..., Client], clock: Clock, expires_in: float, max_ttl: float
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(("/login", "/renew")):
            told = {"accessToken": jwt(identityId="x"), "expiresIn": expires_in, "accessTokenMaxTTL": max_ttl}
            return httpx.Response(200, json=told)
        return an_infisical(request)

    somebody = people_at(answer)
    somebody.sign_in()
    clock.passes(LONGEST_SESSION.total_seconds() - 1)
    assert somebody.get("/projects").status_code == 200
    clock.passes(2)
    assert somebody.get("/projects").status_code == 303


def test_signing_in_over_a_sign_in_revokes_the_token_that_the_first_obtained(
    somebody: Client, own_sandbox: Sandbox
) -> None:
    first, second = somebody.page("/sign-in"), somebody.page("/sign-in")
    sign_in_as(somebody, "wizard-admin", page=first)
    token = held_by(somebody)
    form = {
        **second.hidden_fields("identity-form"),
        "csrf_token": somebody.page("/projects").hidden_fields()["csrf_token"][0],
    }
    person = PEOPLE["no-project"]
    somebody.post(
        "/sign-in", data={**form, "client_id": person.client_id, "client_secret": person.client_secret}
    )
    assert "no-project" in somebody.page("/projects").text
    with pytest.raises(LoginRefused):
        own_sandbox.elsewhere.acting_with(token).projects()


@pytest.mark.parametrize(
    ("pasted", "told"),
    [
        ("", "Enter an Infisical access token."),
        ("sbp_0123456789abcdef0123456789abcdef01234567", "That is an access token of the app to connect."),
        ("st.made.up.token", "That is a service token"),
        ("two words", "has no spaces"),
        (
            f"sbp_{'ab' * 19}",
            "That looks like an access token of an unusual shape, not an Infisical access token.",
        ),
        ("sb_secret_made-up-made-up", "That looks like a secret API key, not an Infisical access token."),
        (jwt(role="service_role"), "That looks like a service_role API key, not"),
        ("ghp_madeup", "That looks like a GitHub token, not an Infisical access token."),
        ("npm_madeup", "That looks like an npm token, not an Infisical access token."),
        (f"{jwt(userId='a')} {jwt(userId='b')}", "That looks like a text with two tokens, not"),
        (jwt(userId="made-up-person", exp=1_700_000_000), "expired on 14 November 2023, 22:13 UTC"),
    ],
)
def test_a_token_that_cannot_be_used_is_told_without_asking_infisical(
    people_at: Callable[..., Client], pasted: str, told: str
) -> None:
    def never(_: httpx.Request) -> httpx.Response:
        raise AssertionError("Infisical was asked")

    answer = paste(people_at(never), pasted)
    assert answer.status_code == 422
    assert told in read_page(answer.text).error("infisical_token")
    assert not pasted or pasted not in answer.text


def test_a_token_that_infisical_refuses_is_told(people_at: Callable[..., Client]) -> None:
    refusal = error(403, "TokenError", "Your token has expired. Please re-authenticate.")
    answer = paste(people_at(lambda _: refusal), jwt(userId="made-up-person"))
    assert "does not accept this access token" in read_page(answer.text).error("infisical_token")


def test_a_token_that_no_cookie_can_hold_is_told(people_at: Callable[..., Client]) -> None:
    answer = paste(people_at(an_infisical), "made-up-" + "x" * 4000)
    assert "too long for a browser" in read_page(answer.text).error("infisical_token")


@pytest.mark.parametrize(
    ("answered", "status", "told"),
    [
        (
            httpx.Response(500, json={"error": "InternalServerError", "message": "x"}),
            502,
            "a problem of its own",
        ),
        (httpx.Response(200, html="<title>Infisical</title>"), 502, "does not answer as Infisical does"),
        (error(429, "RateLimitExceeded", "Please try again in 9 seconds"), 503, "9 seconds"),
    ],
)
def test_an_infisical_that_cannot_say_is_told_and_nothing_typed_is_lost(
    people_at: Callable[..., Client], answered: httpx.Response, status: int, told: str
) -> None:
    answer = people_at(lambda _: answered).sign_in()
    assert answer.status_code == status
    assert told in answer.text
    assert read_page(answer.text).field("client_id") == PEOPLE["wizard-admin"].client_id


# ── Which Infisical ────────────────────────────────────────────────────────────────────────────────────────────────


def test_where_there_are_several_the_regions_are_called_by_name_and_one_is_chosen(
    people_at: Callable[..., Client],
) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return an_infisical(request)

    hosts = "https://us.infisical.com, https://eu.infisical.com, https://secrets.example.com"
    somebody = people_at(answer, INFISICAL_HOST=hosts)
    links = somebody.page("/sign-in?next=/projects").links()
    assert {"Infisical Cloud (US)", "Infisical Cloud (EU)", "secrets.example.com"} <= set(links)
    form = somebody.page(links["Infisical Cloud (EU)"]).hidden_fields("token-form")
    answered = somebody.post("/sign-in", data={**form, "infisical_token": jwt(identityId="made-up")})
    assert answered.location == "/projects"
    assert set(asked) == {"eu.infisical.com"}


@pytest.mark.parametrize("ended_by", ["time", "infisical"])
def test_who_was_signed_in_to_one_of_several_does_not_choose_it_again(
    people_at: Callable[..., Client], clock: Clock, ended_by: str
) -> None:
    accepted = True

    def answer(request: httpx.Request) -> httpx.Response:
        refused = error(401, "UnauthorizedError", "Failed to authorize: token has been revoked")
        return an_infisical(request) if accepted else refused

    somebody = people_at(answer, INFISICAL_HOST="https://us.infisical.com, https://eu.infisical.com")
    form = somebody.page("/sign-in?host=eu.infisical.com").hidden_fields("token-form")
    token = jwt(identityId="made-up", exp=clock.monotonic() + 600)
    assert somebody.post("/sign-in", data={**form, "infisical_token": token}).status_code == 303
    if ended_by == "time":
        clock.passes(601)
    else:
        accepted = False
    again = somebody.page("/projects")
    assert "Your sign-in has ended" in again.text
    assert again.hidden_fields("token-form")["host"] == ["https://eu.infisical.com"]


CREDENTIALS = {
    "identity-form": {"client_id": "made-up-client-id", "client_secret": "made-up-secret"},
    "token-form": {"infisical_token": jwt(identityId="made-up")},
}


@pytest.mark.parametrize("form", CREDENTIALS)
@pytest.mark.parametrize("named", ["https://evil.example", "https://old.example.com", "evil.example", ""])
def test_what_is_typed_for_an_infisical_that_is_not_offered_goes_to_no_other(
    people_at: Callable[..., Client], form: str, named: str
) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return an_infisical(request)

    somebody = people_at(answer, INFISICAL_HOST="https://us.infisical.com, https://eu.infisical.com")
    hidden = somebody.page("/sign-in?host=eu.infisical.com&next=/projects").hidden_fields(form)
    refused = somebody.post("/sign-in", data={**hidden, **CREDENTIALS[form], "host": named})
    assert (refused.status_code, asked) == (422, [])
    page = read_page(refused.text)
    assert "Nothing was sent. You would now sign in to Infisical Cloud (US)" in page.text
    assert page.hidden_fields(form)["next"] == ["/projects"]
    assert page.hidden_fields(form)["host"] == ["https://us.infisical.com"]


def test_where_the_only_infisical_was_replaced_the_new_one_does_not_learn_what_was_meant_for_the_old_one(
    people_at: Callable[..., Client],
) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return an_infisical(request)

    somebody = people_at(answer)
    hidden = somebody.page("/sign-in").hidden_fields("token-form")
    typed = {**hidden, **CREDENTIALS["token-form"]}
    assert somebody.post("/sign-in", data={**typed, "host": "https://old.example.com"}).status_code == 422
    assert asked == []
    assert somebody.post("/sign-in", data={**typed, "host": ""}).status_code == 303


# ── On ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_when_the_sign_in_has_ended_the_form_comes_back_with_everything_but_the_token(
    somebody: Client, own_sandbox: Sandbox, clock: Clock, good_token: str
) -> None:
    sign_in_as(somebody, "short-ttl")
    form = read_page(somebody.get(f"{FORM}?project=organization").text)
    clock.passes(60)
    answer = somebody.submit(
        form, name="kept", description="kept too", access_token=good_token, expires_on="2027-02-21"
    )
    assert answer.status_code == 303
    assert good_token not in answer.location
    sign_in = somebody.page(answer.location)
    assert "Your sign-in has ended" in sign_in.text
    back = somebody.page(sign_in_as(somebody, "wizard-admin", page=sign_in).location)
    assert (back.field("name"), back.field("description")) == ("kept", "kept too")
    assert back.field("expires_on") == "2027-02-21"
    assert own_sandbox.creates == []


def test_a_token_that_infisical_no_longer_accepts_leads_back_to_the_sign_in(
    somebody: Client, own_sandbox: Sandbox
) -> None:
    sign_in_as(somebody, "wizard-admin")
    own_sandbox.elsewhere.revoke(held_by(somebody))
    answer = somebody.get("/projects")
    assert urlsplit(answer.location).path == "/sign-in"
    assert parse_qs(urlsplit(answer.location).query)["next"] == ["/projects"]
    assert somebody.get_cookie(COOKIE) is None


def test_a_token_that_is_refused_with_the_create_leads_to_the_sign_in_and_loses_nothing_typed(
    somebody: Client, own_sandbox: Sandbox, good_token: str
) -> None:
    sign_in_as(somebody, "wizard-admin")
    form = somebody.page(f"{FORM}?project=organization")
    own_sandbox.elsewhere.revoke(held_by(somebody))
    answer = somebody.submit(form, name="kept", description="kept too", access_token=good_token)
    assert good_token not in answer.location
    assert not answer.headers.getlist("Set-Cookie")
    sign_in = somebody.page(answer.location)
    assert "Your sign-in has ended" in sign_in.text
    # No link of that page, such as one to another Infisical, leads back to the form with the refused sign-in.
    assert somebody.get("/sign-in").status_code == 200
    back = somebody.page(sign_in_as(somebody, "wizard-admin", page=sign_in).location)
    assert (back.field("name"), back.field("description")) == ("kept", "kept too")


def test_a_token_that_may_not_be_used_from_here_is_told_and_asks_nobody_to_sign_in_again(
    people_at: Callable[..., Client], capfd: pytest.CaptureFixture[str]
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/login"):
            return grant(jwt(identityId="x"))
        return error(
            401,
            "UnauthorizedError",
            "You are not allowed to access this resource from the current IP address",
        )

    somebody = people_at(answer)
    assert somebody.sign_in().status_code == 303
    page = somebody.page("/projects", status=403)
    assert page.title.startswith("Infisical does not let you in from this server")
    assert somebody.get_cookie(COOKIE) is not None
    line = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (line["action"], line["result"]) == ("refusal", "login-refused")


def test_who_has_signed_in_again_in_another_tab_is_not_told_that_the_sign_in_has_ended(
    somebody: Client, clock: Clock
) -> None:
    sign_in_as(somebody, "short-ttl")
    clock.passes(60)
    second_tab = somebody.get("/projects").location
    assert "ended=1" in second_tab
    sign_in_as(somebody, "wizard-admin", page=somebody.page(second_tab))
    assert somebody.get(second_tab).location == "/projects"
    assert somebody.get(f"{second_tab}&refused=made-up").location == "/projects"


def test_a_description_that_is_far_too_long_takes_nothing_else_with_it_to_the_sign_in(
    somebody: Client, clock: Clock
) -> None:
    sign_in_as(somebody, "short-ttl")
    form = read_page(somebody.get(f"{FORM}?project=organization").text)
    clock.passes(60)
    answer = somebody.submit(form, name="kept", description="あ" * 500, expires_on="2027-02-21")
    back = parse_qs(urlsplit(parse_qs(urlsplit(answer.location).query)["next"][0]).query)
    assert (back["name"], back["expires_on"], back["project"]) == (["kept"], ["2027-02-21"], ["organization"])


def test_a_token_is_renewed_once_half_of_its_life_is_gone(
    somebody: Client, own_sandbox: Sandbox, clock: Clock
) -> None:
    sign_in_as(somebody, "short-ttl")
    first = kept(somebody)
    clock.passes(3)
    somebody.get("/projects")
    assert [request.url.path for request in own_sandbox.sent if "renew" in request.url.path]
    assert kept(somebody) != first
    clock.passes(3)
    assert somebody.get("/projects").status_code == 200


def test_a_sign_in_ends_after_a_working_day_at_the_latest(somebody: Client, clock: Clock) -> None:
    sign_in_as(somebody, "wizard-admin")
    clock.passes(LONGEST_SESSION.total_seconds() - 1)
    assert somebody.get("/projects").status_code == 200
    clock.passes(2)
    assert somebody.get("/projects").status_code == 303


# ── Out ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def sign_out(client: Client) -> Any:
    token = client.page("/projects").hidden_fields()["csrf_token"][0]
    return client.post("/sign-out", data={"csrf_token": token})


def test_signing_out_forgets_the_sign_in_and_revokes_the_token_that_it_obtained(
    somebody: Client, own_sandbox: Sandbox
) -> None:
    sign_in_as(somebody, "wizard-admin")
    stolen = kept(somebody)
    answer = sign_out(somebody)
    assert "You are signed out" in somebody.page(answer.location).text
    assert somebody.get_cookie(COOKIE) is None
    assert own_sandbox.sent[-1].url.path == "/api/v1/auth/token/revoke"
    thief = new_client(own_sandbox.app)
    thief.set_cookie(COOKIE, stolen)
    assert urlsplit(thief.get("/projects").location).path == "/sign-in"


@pytest.mark.parametrize(("path", "status"), BEHIND_THE_SIGN_IN)
def test_every_page_behind_the_sign_in_offers_to_sign_out(somebody: Client, path: str, status: int) -> None:
    sign_in_as(somebody, "wizard-admin")
    page = somebody.page(path, status=status)
    assert [form for form in page.all("form") if form.get("action") == "/sign-out"]
    assert kept(somebody) not in page.text


def test_signing_out_leaves_a_pasted_token_alone(people_at: Callable[..., Client]) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return an_infisical(request)

    somebody = people_at(answer)
    paste(somebody, jwt(identityId="made-up"))
    sign_out(somebody)
    assert somebody.get_cookie(COOKIE) is None
    assert "/api/v1/auth/token/revoke" not in asked


def test_signing_out_works_while_infisical_does_not_answer(people_at: Callable[..., Client]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/login"):
            return httpx.Response(
                200, json={"accessToken": jwt(identityId="x"), "expiresIn": 600, "accessTokenMaxTTL": 600}
            )
        if request.url.path.endswith("/revoke"):
            raise httpx.ReadTimeout("x")
        return an_infisical(request)

    somebody = people_at(answer)
    somebody.sign_in()
    assert sign_out(somebody).status_code == 303
    assert somebody.get_cookie(COOKIE) is None


def test_what_the_browser_held_before_a_sign_in_is_gone_after_it(somebody: Client) -> None:
    somebody.page("/sign-in")
    before = somebody.get_cookie("connect")
    sign_in_as(somebody, "wizard-admin")
    after = somebody.get_cookie("connect")
    assert before is not None
    assert after is None or after.value != before.value


# ── The cookie ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_cookie_is_closed_to_scripts_and_other_sites_and_bound_to_the_host(own_sandbox: Sandbox) -> None:
    somebody = new_client(own_sandbox.app)
    somebody.scheme = "https"
    answer = sign_in_as(somebody, "wizard-admin")
    (cookie,) = [text for text in answer.headers.getlist("Set-Cookie") if "sign-in" in text]
    name, _, attributes = cookie.partition("=")
    assert name == "__Host-connect-sign-in"
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(attributes.split("; "))
    assert "Domain" not in attributes
    assert "Max-Age" not in attributes
    assert len(cookie) <= 4096


def test_no_cookie_holds_the_client_secret_and_no_two_sign_ins_are_the_same(own_sandbox: Sandbox) -> None:
    first, second = new_client(own_sandbox.app), new_client(own_sandbox.app)
    for somebody in (first, second):
        sign_in_as(somebody, "wizard-admin")
        held = Encryption((Secret(SECRET_KEY),), purpose="sign-in", life=LONGEST_SESSION).loads(
            kept(somebody), now=own_sandbox.clock()
        )
        assert PEOPLE["wizard-admin"].client_secret not in str(held)
    assert kept(first) != kept(second)
    assert held_by(first).reveal() != held_by(second).reveal()


def test_over_plain_http_on_this_machine_the_cookie_has_no_prefix(somebody: Client) -> None:
    answer = sign_in_as(somebody, "wizard-admin")
    (cookie,) = [text for text in answer.headers.getlist("Set-Cookie") if "sign-in" in text]
    assert cookie.startswith(f"{COOKIE}=")
    assert "Secure" not in cookie


def test_a_browser_session_lasts_no_longer_than_a_working_day() -> None:
    assert timedelta(hours=1) < LONGEST_SESSION <= timedelta(hours=12)


# ── Pages that were open too long, clocks that differ ──────────────────────────────────────────────────────────────


def test_a_sign_in_page_that_was_open_too_long_keeps_everything_but_the_secret(somebody: Client) -> None:
    typed = {
        "csrf_token": "tampered",
        "client_id": PEOPLE["wizard-admin"].client_id,
        "client_secret": "made-up-secret",
        "next": "/connections/new/supabase?project=organization&name=typed",
    }
    answer = somebody.post("/sign-in", data=typed)
    assert answer.status_code == 400
    assert "made-up-secret" not in answer.text
    page = somebody.page(read_page(answer.text).links()["Open the form again"])
    assert page.field("client_id") == PEOPLE["wizard-admin"].client_id
    assert "name=typed" in page.hidden_fields("identity-form")["next"][0]


@pytest.mark.parametrize("secret", ["ab12" * 16, "made-up-secret", "sbp_" + "0" * 40])
def test_a_secret_in_the_place_of_the_client_id_does_not_come_back_either(
    somebody: Client, secret: str
) -> None:
    typed = {
        "csrf_token": "tampered",
        "client_id": f" {secret} ",
        "client_secret": "x",
        "host": "ab12" * 16,
    }
    answer = somebody.post("/sign-in", data=typed)
    assert answer.status_code == 400
    assert secret not in answer.text
    assert "ab12" * 16 not in answer.text


def test_signing_in_again_works_where_the_clocks_of_two_servers_differ(
    somebody: Client, clock: Clock
) -> None:
    sign_in_as(somebody, "wizard-admin")
    sign_out(somebody)
    clock.passes(-30)
    sign_in_as(somebody, "wizard-admin")
    assert somebody.get("/projects").status_code == 200


def test_the_servers_keys_do_not_stand_in_the_configuration_that_flask_prints(own_sandbox: Sandbox) -> None:
    assert SECRET_KEY not in repr(own_sandbox.app.config)
    assert SECRET_KEY not in str(own_sandbox.app.config)
