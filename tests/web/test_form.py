"""What the form refuses, what it says, and that nothing typed is lost but the token."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.sandbox import sandbox_token
from tests.conftest import FORM, PROJECT, Client, Clock, Sandbox, new_client, sandbox_in
from tests.infisical.answers import error
from tests.pages import PageUnderTest, read_page


def refused(client: Client, **fields: str) -> PageUnderTest:
    answer = client.fill_in(**fields)
    assert answer.status_code == 422
    page = read_page(answer.text)
    assert page.title.startswith("Error: ")
    return page


def test_an_empty_form_names_what_is_missing_and_leads_to_it(client: Client) -> None:
    page = refused(client, name="", access_token="")
    assert page.summary == [("#name", "Enter a name."), ("#access_token", "Enter the access token.")]
    assert "Enter a name." in page.error("name")


@pytest.mark.parametrize(
    ("environ", "address", "required"),
    [
        ({}, FORM, {"name", "access_token"}),
        ({"CONNECT_ACCESS": "sign-in"}, "/sign-in", {"client_id", "client_secret", "infisical_token"}),
    ],
)
def test_what_has_to_be_filled_in_is_told_to_screen_readers(
    environ: dict[str, str], address: str, required: set[str], tmp_path: Path, clock: Clock
) -> None:
    page = new_client(sandbox_in(tmp_path, clock, **environ).app).page(address)
    fields = page.all("input", "textarea")
    assert {field.get("id") for field in fields if field.get("aria-required") == "true"} == required


def test_a_name_with_capitals_and_a_space_comes_back_as_the_nearest_that_works(client: Client) -> None:
    page = refused(client, name="My Connection", access_token=sandbox_token())
    assert page.field("name") == "my-connection"
    assert "“My Connection” has capitals and a space." in page.error("name")


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("my_conn", "my-conn"),
        ("-my-conn", "my-conn"),
        ("my--conn", "my-conn"),
        ("MÜNCHEN Straße", "munchen-strasse"),
        ("Łódź sklep", "lodz-sklep"),
        ("Łódź–sklep", "lodz-sklep"),
        ("Sklep—Łódź", "sklep-lodz"),
        ("ØRSTED Ærø Smørbrød", "orsted-aero-smorbrod"),
        ("Đorđe Œuvre Þórður", "dorde-oeuvre-thordur"),
        ("Ħal Għargħur", "hal-gharghur"),
        ("Kıbrıs İzmir Iğdır", "kibris-izmir-igdir"),
        ("Ŋorri Ŧuohtta Bakı Gəncə", "norri-tuohtta-baki-gence"),
        ("Ǿrsted Ǽbler", "orsted-aebler"),
        ("Ɓauchi Ɗan Ƙasa Ƴan Ɔkra Ɛbo", "bauchi-dan-kasa-yan-okra-ebo"),
        ("a" * 65, "a" * 64),
        ("emoji 🚀 name", "emoji-name"),
    ],
)
def test_every_refused_name_comes_back_as_the_nearest_that_works(
    client: Client, typed: str, nearest: str
) -> None:
    assert refused(client, name=typed, access_token=sandbox_token()).field("name") == nearest


def test_a_name_without_any_usable_letter_is_kept_and_explained(client: Client) -> None:
    page = refused(client, name="日本", access_token=sandbox_token())
    assert page.field("name") == "日本"
    assert "lowercase letters, digits and single hyphens" in page.error("name")


def test_spaces_round_a_name_are_taken_off(client: Client, good_token: str) -> None:
    assert client.fill_in(name="  padded  ", access_token=good_token).status_code == 303


def test_255_characters_of_description_are_taken_and_256_are_not(client: Client, good_token: str) -> None:
    assert client.fill_in(name="full", description="d" * 255, access_token=good_token).status_code == 303
    page = refused(client, name="over", description="d" * 256, access_token=good_token)
    assert "255 characters or fewer. It has 256." in page.error("description")
    assert page.field("description") == "d" * 256


def test_an_emoji_counts_twice_in_a_description_as_infisical_counts(client: Client, good_token: str) -> None:
    page = refused(client, name="emoji", description="🚀" * 128, access_token=good_token)
    assert "It has 256." in page.error("description")


def test_an_empty_instance_url_means_supabase_cloud(
    client: Client, sandbox: Sandbox, good_token: str
) -> None:
    assert client.fill_in(name="empty-url", instance_url="", access_token=good_token).status_code == 303
    assert b'"instanceUrl":"https://api.supabase.com"' in sandbox.creates[0].content


def test_v1_and_a_slash_at_the_end_of_the_instance_url_are_dropped(
    client: Client, sandbox: Sandbox, good_token: str
) -> None:
    client.fill_in(name="v1", instance_url="https://api.supabase.com/v1/", access_token=good_token)
    assert b'"instanceUrl":"https://api.supabase.com"' in sandbox.creates[0].content


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("ftp://api.supabase.com", "must start with https://"),
        ("api.supabase.com", "must start with https://"),
        ("https://", "must name a host"),
        ("https://user:pw@api.supabase.com", "must not have a user name"),
        ("https://api.supabase.com?x=1", "must end before"),
        ("https://api.supabase.com#x", "must end before"),
        ("https://api.supabase.com/\u202emoc", "invisible characters"),
        ("https://api.supa\tbase.com", "spaces, line breaks"),
        ("https://api.supabase.com\\@evil.example", "backslash"),
        ("https://api.supabase.com:99999", "must be a web address"),
        ("https://" + "a." * 130 + "com", "255 characters"),
    ],
)
def test_an_instance_url_that_cannot_work_is_refused_with_the_reason(
    client: Client, typed: str, told: str
) -> None:
    page = refused(client, name="url", instance_url=typed, access_token=sandbox_token())
    assert told in page.error("instance_url")


def test_another_host_is_a_warning_that_can_be_ticked_away(client: Client, good_token: str) -> None:
    url = "https://supabase-proxy.example.com"
    page = refused(client, name="proxy", instance_url=url, access_token=good_token)
    assert "Your token will be sent to supabase-proxy.example.com" in page.error("instance_url")
    answer = client.submit(page, access_token=good_token, use_anyway="1")
    assert answer.status_code == 303


def test_a_tick_covers_only_the_warning_that_was_shown(client: Client, good_token: str) -> None:
    page = refused(
        client, name="p", instance_url="https://supabase-proxy.example.com", access_token=good_token
    )
    other = client.submit(page, instance_url="https://evil.example", access_token=good_token, use_anyway="1")
    assert other.status_code == 422
    assert "evil.example" in read_page(other.text).error("instance_url")


def test_a_program_may_tick_before_it_was_warned(client: Client, good_token: str) -> None:
    url = "https://supabase-proxy.example.com"
    answer = client.fill_in(name="program", instance_url=url, access_token=good_token, use_anyway="1")
    assert answer.status_code == 303


def test_an_error_cannot_be_ticked_away(client: Client, good_token: str) -> None:
    refused(client, name="Not A Slug", access_token=good_token, use_anyway="1")


def test_a_look_alike_host_is_shown_as_what_it_is(client: Client, good_token: str) -> None:
    page = refused(client, name="alike", instance_url="https://аpi.supabase.com", access_token=good_token)
    assert "xn--" in page.error("instance_url")


def test_plain_http_is_told_to_travel_unencrypted(client: Client, good_token: str) -> None:
    page = refused(client, name="plain", instance_url="http://api.supabase.com", access_token=good_token)
    assert "unencrypted" in page.error("instance_url")


@pytest.mark.parametrize(
    "wrapped",
    [
        '"{}"',
        " {} \n",
        "`Bearer {}`",
        "SUPABASE_ACCESS_TOKEN={}",
        "**{}**",
        '"SUPABASE_ACCESS_TOKEN": "{}",',
        "\u200b{}…",
    ],
)
def test_the_wrapping_of_a_token_is_taken_off(
    client: Client, sandbox: Sandbox, good_token: str, wrapped: str
) -> None:
    assert client.fill_in(name="wrapped", access_token=wrapped.format(good_token)).status_code == 303
    assert f'"accessKey":"{good_token}"'.encode() in sandbox.creates[0].content


@pytest.mark.parametrize(
    ("wrapped", "told"),
    [
        ("“{}”", "Quotes were taken off the access token."),
        ("**{}**", "Punctuation was taken off the access token."),
        ("SUPABASE_ACCESS_TOKEN: {}", "The name before “:” was taken off the access token."),
        (
            '{{"key": "{}"}}\u200b',
            "Punctuation, the name before “:”, quotes and invisible characters were taken off",
        ),
    ],
)
def test_what_was_taken_off_a_token_is_told(client: Client, wrapped: str, told: str) -> None:
    token = f"sbp_{'ab' * 20}"
    page = refused(client, name="Bad Name", access_token=wrapped.format(token))
    assert told in page.text
    assert token[4:12] not in page.text


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("sbp_0123 4567", "spaces or line breaks"),
        ("sbp_0123\n4567", "spaces or line breaks"),
        ("x" * 256, "255 characters or fewer. This has 256."),
        ("sbp_\u200b0123", "invisible characters"),
    ],
)
def test_a_token_that_cannot_be_one_is_refused(client: Client, typed: str, told: str) -> None:
    assert told in refused(client, name="t", access_token=typed).error("access_token")


def test_a_refused_form_keeps_everything_but_the_token(client: Client, good_token: str) -> None:
    page = refused(
        client,
        name="Bad Name",
        description="two\nlines",
        instance_url="https://other.example",
        access_token=good_token,
    )
    assert page.field("description") == "two lines"
    assert page.field("instance_url") == "https://other.example"
    assert page.field("access_token") == ""
    assert "never sent back" in page.text


def test_nothing_is_sent_to_infisical_while_the_form_is_refused(client: Client, sandbox: Sandbox) -> None:
    refused(client, name="", access_token="")
    assert sandbox.creates == []


def test_changing_the_project_in_the_form_loses_nothing_that_was_typed(
    client: Client, good_token: str
) -> None:
    answer = client.fill_in(
        name="my-connection",
        description="Why & how",
        instance_url="https://other.example",
        access_token=good_token,
        change_project="1",
    )
    assert answer.status_code == 303
    assert good_token not in answer.location
    projects = client.page(answer.location)
    form = client.page(next(href for text, href in projects.links().items() if text.startswith("Webshop")))
    assert form.field("name") == "my-connection"
    assert form.field("description") == "Why & how"
    assert form.field("instance_url") == "https://other.example"
    assert "Webshop" in form.text


def test_the_form_can_be_filled_in_by_a_link(client: Client) -> None:
    page = client.page(f"{FORM}?name=linked&description=From%20a%20link&instance_url=https://evil.example")
    assert page.field("name") == "linked"
    assert page.field("instance_url") == "https://evil.example"


def test_a_link_can_not_fill_in_the_token(client: Client, good_token: str) -> None:
    other = good_token.replace("4567", "9999")
    answer = client.get(f"{FORM}?access_token={other}")
    assert other not in answer.location
    assert other not in client.get(f"{FORM}?project=organization&access_token={other}").text


def test_the_offered_instance_url_is_put_in_by_its_button(client: Client, good_token: str) -> None:
    page = refused(client, name="offer", instance_url="not a url", access_token=good_token)
    answer = client.submit(page, use_instance_url="https://api.supabase.com")
    assert read_page(answer.text).field("instance_url") == "https://api.supabase.com"


def test_a_form_without_its_token_of_origin_is_a_page_that_keeps_what_was_typed(client: Client) -> None:
    form = client.page(FORM)
    answer = client.submit(form, csrf_token="tampered", name="kept", access_token=sandbox_token())
    assert answer.status_code == 400
    page = read_page(answer.text)
    assert page.problem == "page-too-old"
    assert client.page(page.links()["Open the form again"]).field("name") == "kept"


@pytest.mark.parametrize("field", ["name", "description", "instance_url", "expires_on"])
def test_a_token_that_was_pasted_one_field_off_is_taken_out_and_goes_nowhere(
    client: Client, sandbox: Sandbox, field: str
) -> None:
    pasted = "sbp_fedcba9876543210fedcba9876543210fedcba98"
    typed = {"name": "mine", "access_token": sandbox_token(), field: f"the token is {pasted}"}
    answer = client.fill_in(**typed)
    assert answer.status_code == 422
    assert "fedcba98" not in answer.text
    assert "This had a personal access token in it, and was emptied." in read_page(answer.text).error(field)
    assert sandbox.creates == []
    assert pasted not in client.fill_in(**typed, change_project="1").location


@pytest.mark.parametrize("button", [{}, {"check": "1"}], ids=["submit", "check"])
def test_the_user_name_and_the_password_are_taken_out_of_the_instance_url_and_it_says_why(
    client: Client, sandbox: Sandbox, button: dict[str, str]
) -> None:
    url = "https://made-up-user:made-up-password@api.supabase.com"
    answer = client.fill_in(name="mine", instance_url=url, access_token=sandbox_token(), **button)
    assert "The instance URL must not have a user name or a password in it." in answer.text
    assert 'value="https://api.supabase.com"' in answer.text
    assert "made-up-user" not in answer.text
    assert "made-up-password" not in answer.text
    assert sandbox.creates == []


def test_a_secret_in_a_link_leaves_the_address_and_the_rest_stays(client: Client) -> None:
    secret = "st.0123abcd.made-up.made-up"
    answer = client.get(f"{FORM}?project=organization&name={secret}&description=Why&q={secret}&name=x")
    assert answer.status_code == 303
    assert answer.location == f"{FORM}?description=Why&project=organization"
    page = client.page(answer.location)
    assert (page.field("name"), page.field("description")) == ("", "Why")


def test_the_look_for_a_connection_begins_when_it_was_sent(
    wizard_at: Callable[..., Client], clock: Clock
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            clock.passes(40)
            return error(502, "BadGateway", "Something went wrong")
        project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
        return httpx.Response(200, json={"project": project})

    client = wizard_at(answer, CONNECT_PREFLIGHT="off")
    page = read_page(client.fill_in(f"{FORM}?project={PROJECT}", name="m", access_token=sandbox_token()).text)
    assert "since=2026-11-23T11:42:07Z" in page.links()["Look whether it was created"]


def test_a_refused_page_does_not_wait_past_the_submissions_time(
    wizard_at: Callable[..., Client], clock: Clock
) -> None:
    waited = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            clock.passes(44)
            return error(500, "InternalServerError", "Something went wrong")
        waited.append(request.extensions["timeout"]["read"])
        project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
        return httpx.Response(200, json={"project": project})

    client = wizard_at(answer, CONNECT_PREFLIGHT="off")
    client.fill_in(f"{FORM}?project={PROJECT}", name="m", access_token=sandbox_token())
    assert waited[-1] <= 1.001
