"""The weak points of Infisical's own dashboard at this job, each measured there, and each held not to exist here.

Numbered as they were noted. 8, changing only the URL and the next step after creation, has no page here yet.
"""

from collections.abc import Callable

import httpx
import pytest

from app.sandbox import sandbox_token
from tests.conftest import FORM, PROJECT, Client, Sandbox
from tests.infisical.answers import error
from tests.pages import PageUnderTest, read_page

TOKENS_PAGE = "https://supabase.com/dashboard/account/tokens"


def refused(client: Client, **fields: str) -> PageUnderTest:
    answer = client.fill_in(**fields)
    assert answer.status_code == 422
    return read_page(answer.text)


def refused_by(wizard_at: Callable[..., Client], answer: httpx.Response, **environ: str) -> PageUnderTest:
    """The page after a create that Infisical answered so."""

    def infisical(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return answer
        if "connection-name" in request.url.path:
            return error(404, "NotFound", "Could not find App Connection with name x in project scope.")
        project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
        return httpx.Response(200, json={"project": project})

    client = wizard_at(infisical, CONNECT_PREFLIGHT="off", **environ)
    sent = client.fill_in(f"{FORM}?project={PROJECT}", name="mine", access_token=sandbox_token())
    return read_page(sent.text)


def test_1_a_rate_limit_is_told_with_the_seconds_and_stores_no_token_that_supabase_never_accepted(
    client: Client, sandbox: Sandbox
) -> None:
    page = refused(client, name="mine", access_token=sandbox_token("0429"))
    assert "Supabase asks to wait" in page.text
    assert "Nothing was created" in page.text
    assert sandbox.creates == []


def test_1_a_silent_supabase_ends_in_a_page_within_the_submissions_time(
    client: Client, sandbox: Sandbox
) -> None:
    answer = client.fill_in(name="mine", access_token=sandbox_token("0504"))
    assert round(sum(sandbox.slept), 3) <= 45
    assert client.page(answer.location).problem == "outcome-unknown"


def test_2_an_error_stands_at_its_field_in_our_words_and_stays(wizard_at: Callable[..., Client]) -> None:
    told = "Failed to validate credentials: Request failed with status code 401"
    page = refused_by(wizard_at, error(400, "BadRequest", told))
    assert "Supabase does not accept this access token." in page.error("access_token")
    assert "status code" not in page.text
    assert page.summary[0][0] == "#access_token"


@pytest.mark.parametrize(
    "told",
    [
        "Unable to validate connection - verify credentials",
        "Failed to validate credentials: connect ECONNREFUSED 127.0.0.1:9",
        "Failed to validate credentials: write EPROTO 40D7",
    ],
)
def test_3_a_network_fault_is_not_reported_as_bad_credentials(
    wizard_at: Callable[..., Client], told: str
) -> None:
    page = refused_by(wizard_at, error(400, "BadRequest", told))
    assert "instance URL" in page.error("instance_url")
    assert page.by_id("access_token-error") is None


def test_4_the_token_is_explained_before_it_is_asked_for_and_its_page_is_one_click_away(
    client: Client,
) -> None:
    steps = client.page("/connections/new/supabase/token")
    for words in ("Account Preferences", "Access Tokens", "Generate New Token", "Generate Token", "Copy the"):
        assert words in steps.text
    assert TOKENS_PAGE in steps.links().values()
    assert TOKENS_PAGE in client.page(FORM).links().values()


@pytest.mark.parametrize("url", ["/connections/new", "/connections/new/supabase/token", FORM, "/sandbox"])
def test_4_there_is_one_name_for_the_access_token(client: Client, url: str) -> None:
    text = client.page(url).text.lower()
    assert "access key" not in text
    assert "personal access token" not in text


def test_5_a_name_with_capitals_and_spaces_is_turned_into_one_that_works(client: Client) -> None:
    page = refused(client, name="My Connection", access_token=sandbox_token())
    assert page.field("name") == "my-connection"


def test_5_a_taken_name_is_told_before_anything_is_created(client: Client, sandbox: Sandbox) -> None:
    client.fill_in(name="mine", access_token=sandbox_token())
    sandbox.clock.passes(60)
    page = refused(client, name="mine", access_token=sandbox_token())
    assert "exists here" in page.error("name")
    assert len(sandbox.creates) == 1


def test_6_an_emptied_instance_url_means_supabase_cloud(client: Client, sandbox: Sandbox) -> None:
    assert client.fill_in(name="mine", instance_url="", access_token=sandbox_token()).status_code == 303
    assert b"https://api.supabase.com" in sandbox.creates[0].content


def test_6_the_token_field_takes_no_line_break(client: Client) -> None:
    field = client.page(FORM).by_id("access_token")
    assert field is not None
    assert field.tag.endswith("}input")


def test_7_a_token_is_tested_before_it_is_saved_and_its_projects_are_listed(
    client: Client, sandbox: Sandbox
) -> None:
    page = read_page(client.fill_in(access_token=sandbox_token(), check="1").text)
    assert "Projects it reaches" in page.text
    assert sandbox.creates == []


def test_9_a_lapsed_token_is_not_shown_as_one_without_projects(client: Client) -> None:
    page = read_page(client.fill_in(access_token=sandbox_token("0401"), check="1").text)
    assert "expired" in page.text
    assert "0 projects" not in page.text
