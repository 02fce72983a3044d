"""What a token was just seen to reach travels to the form of a sync: for one connection, one person and an hour."""

from urllib.parse import parse_qs, urlsplit

import pytest

from app.web.handover import seen_projects, seen_projects_text
from tests.conftest import Client, Clock, Sandbox, new_client
from tests.every import holds_for_every

CONNECTION = "adb321fa-eccb-491a-98b9-d58994355946"
SEEN = (("qwertyuiopasdfghjklz", "shop", ""), ("asdfghjklqwertyuiopz", "old <shop>", "paused"))


@pytest.fixture
def asking(client: Client) -> Client:
    """A browser that has just asked for a page: until it asks for another its request goes on."""
    client.get("/projects")
    return client


@pytest.mark.usefixtures("asking")
def test_it_is_read_again_for_an_hour(clock: Clock) -> None:
    text = seen_projects_text(SEEN, CONNECTION)
    assert seen_projects(text, CONNECTION) == SEEN
    clock.passes(60 * 60)
    assert seen_projects(text, CONNECTION) == SEEN
    clock.passes(1)
    assert seen_projects(text, CONNECTION) == ()


@pytest.mark.usefixtures("asking")
def test_nobody_reads_it_for_another_connection_or_as_another_person(own_sandbox: Sandbox) -> None:
    text = seen_projects_text(SEEN, CONNECTION)
    assert seen_projects(text, CONNECTION.replace("adb", "bda")) == ()
    holds_for_every(("", "x", text[:-1], "gAAAA" * 2000, text[::-1]), _opens_nothing)
    somebody = new_client(own_sandbox.app)
    with somebody:
        somebody.sign_in()
        somebody.get("/projects")
        assert seen_projects(seen_projects_text(SEEN, CONNECTION), CONNECTION) == SEEN
        _opens_nothing(text)


def _opens_nothing(text: str) -> None:
    assert seen_projects(text, CONNECTION) == ()


@pytest.mark.usefixtures("asking")
def test_fifty_projects_fit_into_an_address_without_their_names() -> None:
    def it_fits(case: tuple[int, str, str, int]) -> None:
        count, name, state, kept = case
        many = [(f"{number:020}", name, state if number % 2 else "") for number in range(count)]
        text = seen_projects_text(many, CONNECTION)
        read = seen_projects(text, CONNECTION)
        assert len(text) <= 1900
        assert len(read) == kept
        assert {ref for ref, _, _ in read} == {ref for ref, _, _ in many[:kept]}
        assert {state for _, _, state in read} <= {"", state}

    holds_for_every(
        (
            (0, "", "", 0),
            (1, "n" * 64, "paused", 1),
            (50, "n" * 64, "paused", 50),
            (50, "名" * 64, "paused", 50),
            (300, "n", "", 50),
        ),
        it_fits,
    )
    (read,) = seen_projects(seen_projects_text([("ref", "n" * 64, "")], CONNECTION), CONNECTION)
    assert read == ("ref", "n" * 40, "")


def test_a_created_connection_hands_over_what_its_token_was_seen_to_reach(
    client: Client, good_token: str
) -> None:
    location = client.fill_in(name="mine", access_token=good_token).location
    (handed,) = parse_qs(urlsplit(location).query)["projects"]
    page = client.page(location)
    connection = page.text_of("connection-id")
    link = parse_qs(urlsplit(page.links()["Sync secrets"]).query)
    assert (link["connection"], link["projects"]) == ([connection], [handed])
    read = seen_projects(handed, connection)
    assert read[0] == ("webshopproductionabc", "webshop-production", "")
    assert len(read) == 2
