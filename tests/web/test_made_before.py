"""A form that made its connection and is sent once more: what the page says then is true of the first time alone."""

from collections.abc import Callable

import httpx

from app.sandbox import sandbox_token
from tests.conftest import FORM, PROJECT, Client, Sandbox
from tests.every import holds_for_every
from tests.infisical.answers import connection, error
from tests.pages import PageUnderTest, read_page

CREATED = "Created at 11:42 UTC. Anything entered after that, a token too, was not stored."
AFTERWARDS = ("4567", "0401", "0403", "0429", "0500", "0504")
"""What Supabase makes of the token that is entered the second time."""


def sent_again(client: Client, form: PageUnderTest, **fields: str) -> PageUnderTest:
    answer = client.submit(form, **fields)
    assert answer.status_code == 303, read_page(answer.text).summary
    return client.page(answer.location)


def test_a_second_token_is_not_stored_and_the_page_says_so_and_nothing_of_its_check(
    client: Client, sandbox: Sandbox
) -> None:
    form = client.page(FORM)
    client.submit(form, name="mine", access_token=sandbox_token())

    def it_is_told(digits: str) -> None:
        page = sent_again(client, form, name="mine", access_token=sandbox_token(digits))
        assert CREATED in page.text
        assert page.heading == "mine was created"
        for word in ("is connected", "token works", "reaches", "ready to use", "never have accepted"):
            assert word not in page.text
        assert page.text_of("connection-name") == "mine"

    holds_for_every(AFTERWARDS, it_is_told)
    assert len(sandbox.creates) == 1


def test_it_tells_where_the_token_can_be_replaced(client: Client) -> None:
    form = client.page(FORM)
    client.submit(form, name="mine", access_token=sandbox_token())
    page = sent_again(client, form, name="mine", access_token=sandbox_token())
    assert "To store another token, replace it." in page.text
    assert client.page(page.links()["replace it"]).field("access_token") == ""


def test_the_second_time_uses_up_no_check_for_it_tells_of_none(client: Client) -> None:
    form = client.page(FORM)
    client.submit(form, name="mine", access_token=sandbox_token())
    for _ in range(12):
        assert CREATED in sent_again(client, form, name="mine", access_token=sandbox_token("0401")).text


def test_the_same_is_told_where_the_first_look_came_too_early_as_at_a_double_click(
    wizard_at: Callable[..., Client],
) -> None:
    nobody = error(404, "NotFound", "Could not find App Connection with name mine in project scope.")
    made = connection(name="mine", createdAt="2026-11-23T11:42:07.500Z")
    looks = iter((nobody, httpx.Response(200, json={"appConnection": made})))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "api.supabase.com":
            return httpx.Response(200, json=[{"id": "abcdefghijklmnopqrst", "name": "webshop"}])
        if "connection-name" in request.url.path:
            return next(looks)
        if request.method == "POST":
            return error(400, "BadRequest", 'An App Connection with the name "mine" already exists')
        project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
        return httpx.Response(200, json={"project": project, "appConnection": made})

    client = wizard_at(answer)
    form = client.page(f"{FORM}?project={PROJECT}")
    page = sent_again(client, form, name="mine", access_token=sandbox_token())
    assert CREATED in page.text
    assert "reaches" not in page.text


def test_a_moment_of_creation_is_one_for_machines_too(client: Client, sandbox: Sandbox) -> None:
    form = client.page(FORM)
    client.submit(form, name="mine", access_token=sandbox_token())
    page = sent_again(client, form, name="mine", access_token=sandbox_token())
    moments = {time.get("datetime") for time in page.all("time")}
    assert "2026-11-23T11:42:07Z" in moments
