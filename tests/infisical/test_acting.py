"""The client acts for whoever signed in: logging in, acting with a person's token, renewing and revoking it."""

from collections.abc import Callable

import httpx
import pytest

from app.core.secret import Secret
from app.infisical.client import Infisical
from app.infisical.errors import LoginRefused, NotInfisical, Refusal
from app.infisical.models import read_claims
from tests.conftest import HOST
from tests.infisical.answers import error, grant
from tests.leak_detector import rendered

CLIENT_ID = "5a4db0c5-0000-4000-8000-000000000001"
CLIENT_SECRET = Secret("made-up-client-secret")
PERSON = Secret("made-up-token-of-a-person")


def client(answer: Callable[[httpx.Request], httpx.Response]) -> Infisical:
    return Infisical(HOST, auth=None, transport=httpx.MockTransport(answer))


def test_logging_in_gives_a_token_and_its_life() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return grant("made-up-granted")

    given = client(answer).log_in(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    assert given.access_token.reveal() == "made-up-granted"
    assert given.expires_in > 0
    assert "Authorization" not in seen[0].headers


@pytest.mark.parametrize(
    ("answered", "refusal"),
    [
        (error(401, "UnauthorizedError", "Invalid credentials"), Refusal.CREDENTIAL),
        (
            error(401, "UnauthorizedError", "Access denied due to expired client secret"),
            Refusal.SECRET_EXPIRED,
        ),
        (
            error(
                401, "UnauthorizedError", "This identity auth method is temporarily locked, please try again"
            ),
            Refusal.LOCKED,
        ),
        (error(404, "NotFound", "Sub organization with name nope not found"), Refusal.CREDENTIAL),
        (error(400, "BadRequest", "No"), Refusal.CREDENTIAL),
    ],
)
def test_a_refused_log_in_says_why(answered: httpx.Response, refusal: Refusal) -> None:
    with pytest.raises(LoginRefused) as refused:
        client(lambda _: answered).log_in(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    assert refused.value.refusal is refusal


@pytest.mark.parametrize(
    "asked",
    [
        lambda infisical: infisical.log_in(client_id=CLIENT_ID, client_secret=CLIENT_SECRET),
        lambda infisical: infisical.renew(PERSON),
    ],
    ids=["log-in", "renewal"],
)
def test_an_answer_of_another_shape_keeps_its_token_out_of_the_error_and_of_every_frame(
    asked: Callable[[Infisical], object],
) -> None:
    told = httpx.Response(200, json={"accessToken": "made-up-leak", "expiresIn": "never"})
    with pytest.raises(NotInfisical) as strange:
        asked(client(lambda _: told))
    assert strange.value.__context__ is None
    # Beforehand: what pytest compares stands in the locals of this very frame.
    whole = rendered(strange.value)
    assert "made-up-leak" not in whole


def test_acting_with_a_token_sends_that_token_and_leaves_the_first_client_without() -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Authorization"))
        return httpx.Response(200, json={"projects": [], "message": "Ok"})

    anonymous = client(answer)
    anonymous.acting_with(PERSON).projects()
    anonymous.acting_with(Secret("made-up-other")).projects()
    anonymous.status()
    assert seen == [f"Bearer {PERSON.reveal()}", "Bearer made-up-other", None]


def test_a_token_that_infisical_repeats_is_masked_in_the_error() -> None:
    told = error(401, "UnauthorizedError", f"no good: {PERSON.reveal()}")
    with pytest.raises(LoginRefused) as refused:
        client(lambda _: told).acting_with(PERSON).projects()
    assert PERSON.reveal() not in refused.value.message


def test_a_token_is_renewed_and_revoked_by_its_own_text() -> None:
    seen: list[tuple[str, bytes]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.path, request.content))
        return grant("made-up-fresh")

    infisical = client(answer)
    assert infisical.renew(PERSON).access_token.reveal() == "made-up-fresh"
    infisical.revoke(PERSON)
    body = b'{"accessToken":"made-up-token-of-a-person"}'
    assert seen == [("/api/v1/auth/token/renew", body), ("/api/v1/auth/token/revoke", body)]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"id": "made-up-1", "email": "ada@example.com"}, "ada@example.com"),
        ({"id": "made-up-1", "email": None, "username": "ada"}, "ada"),
        ({"id": "made-up-1"}, None),
    ],
)
def test_a_person_is_called_as_infisical_calls_them(told: dict[str, object], name: str | None) -> None:
    infisical = client(lambda _: httpx.Response(200, json={"user": told})).acting_with(PERSON)
    assert infisical.user().name == name


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "eyJ.e30.x", "st.a.b.c", "ey" * 5000])
def test_claims_of_any_text_can_be_read(text: str) -> None:
    assert read_claims(Secret(text)).kind in ("unknown", "service")


def test_a_cookie_that_came_with_one_persons_answer_goes_out_with_nobody_elses() -> None:
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        cookie = {"Set-Cookie": "jid=made-up-session; Path=/"}
        return httpx.Response(200, json={"projects": []}, headers=cookie)

    shared = client(answer)
    shared.acting_with(PERSON).projects()
    shared.acting_with(Secret("made-up-other")).projects()
    assert all("Cookie" not in headers for headers in seen)
