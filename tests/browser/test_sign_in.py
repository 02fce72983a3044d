"""Signing in and out in a browser, with and without JavaScript; and what happens to the form when a sign-in has ended."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Page, Request, expect

from app.sandbox import SANDBOX_CLIENT_ID, sandbox_token

from .conftest import OpenPage, with_and_without_script
from .pages import ChoosePage, CreatedPage, FormPage, ListPage, ProjectsPage, SignInPage, TokenPage
from .servers import Port, Wizard, running_wizard
from .stage import Stage
from .states import (
    ONE_INFISICAL,
    OWN_CREDENTIAL,
    SEVERAL_INFISICALS,
    SHORT_LIVED,
    signed_in_with_a_long_name,
    the_list,
)
from .watching import Watch

WRONG = "made-up-and-wrong"
PERSON = "wizard-admin"


@pytest.fixture
def serving(port: Port, everybodys: Wizard, tmp_path: Path, served: ExitStack) -> Callable[..., Wizard]:
    """Starts a wizard with other settings."""
    return lambda environ: served.enter_context(running_wizard(port, tmp_path, environ=environ))


@pytest.fixture(autouse=True)
def own(serving: Callable[..., Wizard]) -> Wizard:
    """A sandbox of the test's own where each person signs in, whose time the test moves."""
    return serving(OWN_CREDENTIAL)


def asked_for(page: Page, path: str) -> SignInPage:
    """The sign-in page that somebody meets who has asked for another one."""
    page.goto(path)
    return SignInPage(page)


def form_after_signing_in(page: Page, *, short_lived: bool = False) -> FormPage:
    opened = asked_for(page, "/connections/new/supabase")
    if short_lived:
        opened.fill_in(client_id=SHORT_LIVED.client_id, client_secret=SHORT_LIVED.client_secret)
    else:
        opened.fill_in()
    opened.sign_in.click()
    return FormPage(page)


def form_left_open_too_long(page: Page, own: Wizard) -> FormPage:
    form = form_after_signing_in(page)
    form.fill_in(name="kept", description="Kept as well")
    page.get_by_label("When does the token expire? (optional)").fill("2027-02-21")
    own.clock.passes(13 * 60 * 60)
    return form


def form_again(page: Page) -> FormPage:
    """The form after signing in again, with everything but the token."""
    opened = SignInPage(page)
    expect(page.get_by_text("Your sign-in has ended.")).to_be_visible()
    opened.fill_in().sign_in.click()
    form = FormPage(page)
    expect(form.name).to_have_value("kept")
    expect(form.description).to_have_value("Kept as well")
    expect(page.get_by_label("When does the token expire? (optional)")).to_have_value("2027-02-21")
    expect(form.access_token).to_have_value("")
    return form


def sign_out(page: Page) -> SignInPage:
    page.get_by_role("button", name="Sign out").click()
    opened = SignInPage(page)
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    return opened


# ── In and out ─────────────────────────────────────────────────────────────────────────────────────────────────────


@with_and_without_script
def test_a_person_signs_in_connects_supabase_and_signs_out(any_page: Page) -> None:
    asked_for(any_page, "/connections").fill_in().sign_in.click()
    listed = ListPage(any_page)
    expect(any_page.get_by_role("banner")).to_contain_text(f"Signed in as {PERSON}")
    listed.add.click()
    ChoosePage(any_page).supabase.click()
    TokenPage(any_page).have_token.click()
    FormPage(any_page).fill_in(name="mine").submit.click()
    expect(CreatedPage(any_page).connection_name).to_have_text("mine")
    sign_out(any_page)
    expect(any_page.get_by_role("banner")).not_to_contain_text(PERSON)
    any_page.goto("/connections")
    SignInPage(any_page)


def test_back_after_signing_out_shows_nothing_of_the_person(any_page: Page) -> None:
    form_after_signing_in(any_page)
    ListPage.open(any_page)
    any_page.goto("/projects")
    ProjectsPage(any_page)
    sign_out(any_page)
    for _ in range(3):
        any_page.go_back()
        SignInPage(any_page)
        expect(any_page.get_by_text(re.compile("Signed in as|Payments"))).to_have_count(0)


def test_signing_out_beside_the_form_sends_nothing_of_it(any_page: Page, own: Wizard) -> None:
    form = form_after_signing_in(any_page)
    form.name.fill("not-sent")
    form.description.fill("Not sent either")
    sign_out(any_page)
    assert own.backend.creates == 0


def test_enter_sends_the_form_that_one_types_in(page: Page) -> None:
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            sent.extend(parse_qs(request.post_data or "")["way"])

    page.on("request", note)
    opened = SignInPage.open(page)
    opened.infisical_token.fill("made up")
    opened.infisical_token.press("Enter")
    expect(opened.summary).to_contain_text("has no spaces")
    SignInPage(page).fill_in().client_secret.press("Enter")
    ListPage(page)
    assert sent == ["token", "identity"]


def test_every_control_is_reached_with_tab_in_the_order_of_the_page(page: Page) -> None:
    opened = SignInPage.open(page)
    for control in (
        opened.link("What it is and how to get one"),
        opened.client_id,
        opened.client_secret,
        opened.button("Show the client secret"),
        opened.sign_in,
        opened.button("Copy the command"),
        opened.infisical_token,
        opened.button("Show the infisical access token"),
        opened.with_token,
        opened.button("Copy this message"),
    ):
        for _ in range(4):
            page.keyboard.press("Tab")
            if control.evaluate("element => element === document.activeElement"):
                break
        expect(control).to_be_focused()


# ── Refused ────────────────────────────────────────────────────────────────────────────────────────────────────────


@with_and_without_script
def test_a_wrong_secret_is_told_where_the_focus_is_and_the_client_id_stays(any_page: Page) -> None:
    opened = SignInPage.open(any_page).fill_in(client_secret=WRONG)
    opened.sign_in.click()
    expect(any_page).to_have_title(re.compile("^Error: "))
    opened = SignInPage(any_page)
    expect(opened.summary).to_be_focused()
    expect(opened.client_id).to_have_value(SANDBOX_CLIENT_ID)
    expect(opened.client_secret).to_have_value("")
    expect(opened.client_secret).to_have_accessible_description(re.compile("does not accept this client ID"))
    opened.summary.get_by_role("link").click()
    expect(opened.client_secret).to_be_focused()
    assert WRONG not in any_page.content()


def test_where_the_next_try_has_to_wait_the_page_says_how_long_and_keeps_the_client_id(
    any_page: Page, watches: list[Watch]
) -> None:
    watches[-1].expect({429})
    opened = SignInPage.open(any_page)
    for _ in range(3):
        opened.fill_in(client_secret=WRONG).sign_in.click()
        expect(opened.summary).to_be_focused()
    expect(opened.summary).to_contain_text(re.compile(r"Wait \d+ seconds? before the next try"))
    expect(opened.client_id).to_have_value(SANDBOX_CLIENT_ID)


# ── Secrets ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("label", "named"),
    [("Client secret", "client secret"), ("Infisical access token", "infisical access token")],
)
def test_each_secret_is_shown_on_demand_alone_and_hidden_before_it_is_sent(
    page: Page, label: str, named: str
) -> None:
    opened = SignInPage.open(page)
    field = page.get_by_label(label, exact=True)
    field.fill("made up")
    opened.button(f"Show the {named}").click()
    expect(field).to_have_attribute("type", "text")
    expect(page.locator("input[type=password]")).to_have_count(1)
    opened.button(f"Hide the {named}").click()
    expect(field).to_have_attribute("type", "password")
    opened.button(f"Show the {named}").click()
    page.evaluate("document.addEventListener('submit', (event) => event.preventDefault())")
    field.press("Enter")
    expect(field).to_have_attribute("type", "password")


def test_a_password_manager_may_keep_a_machine_identity_and_no_access_token(page: Page) -> None:
    opened = SignInPage.open(page)
    for field, meant in (
        (opened.client_id, "username"),
        (opened.client_secret, "current-password"),
        (opened.infisical_token, "off"),
    ):
        expect(field).to_have_attribute("autocomplete", meant)
    for attribute in ("data-1p-ignore", "data-lpignore", "data-bwignore"):
        ignored = page.locator(f"[{attribute}]")
        expect(ignored).to_have_count(1)
        expect(ignored).to_have_attribute("id", "infisical_token")


# ── Without an identity ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_link_under_the_heading_leads_to_what_a_machine_identity_is(any_page: Page) -> None:
    opened = SignInPage.open(any_page)
    opened.link("What it is and how to get one").click()
    expect(any_page.get_by_role("heading", name="What a machine identity is")).to_be_focused()


def test_what_to_send_to_an_admin_can_be_copied_and_names_the_permissions(page: Page) -> None:
    opened = SignInPage.open(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.button("Copy this message").click()
    expect(opened.button("Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "read-app-connections and create-app-connections on app-connections" in copied


def test_the_command_is_copied_in_one_line(page: Page) -> None:
    opened = SignInPage.open(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.button("Copy the command").click()
    expect(opened.button("Copied the command")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "infisical user get token --plain"


# ── Which Infisical ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scripts", ["with JavaScript", "without JavaScript"])
def test_one_of_several_is_chosen_and_the_way_back_is_kept(
    open_page: OpenPage, serving: Callable[..., Wizard], scripts: str
) -> None:
    page = open_page(
        base_url=serving(SEVERAL_INFISICALS).url, java_script_enabled=scripts == "with JavaScript"
    )
    asked_for(page, "/projects?q=shop")
    choices = page.get_by_role("navigation", name="Which Infisical?")
    expect(choices.get_by_role("link")).to_have_text(
        ["Infisical Cloud (US)", "Infisical Cloud (EU)", "secrets.example.com"]
    )
    # Which one it will be is not known yet, so the top bar names none.
    expect(page.get_by_role("banner")).to_have_text(re.compile(r"^\s*Infisical Connect\s*$"))
    choices.get_by_role("link", name="Infisical Cloud (EU)").click()
    opened = SignInPage(page)
    expect(choices.locator("[aria-current=true]")).to_have_text("Infisical Cloud (EU)")
    expect(page.get_by_text("what Infisical Cloud (EU) lets you do")).to_be_visible()
    expect(page.locator("#ask")).to_contain_text("eu.infisical.com")
    opened.sign_in.click()
    expect(opened.summary).to_be_visible()
    expect(choices.locator("[aria-current=true]")).to_have_text("Infisical Cloud (EU)")
    assert [field.input_value() for field in page.locator("input[name=next]").all()] == [
        "/projects?q=shop"
    ] * 2


def test_a_very_long_name_stands_beside_sign_out_at_every_width(
    page: Page, serving: Callable[..., Wizard]
) -> None:
    wizard = serving(ONE_INFISICAL)
    signed_in_with_a_long_name(the_list())(Stage(page, wizard))
    for width in (1280, 768, 360, 320):
        page.set_viewport_size({"width": width, "height": 640})
        button = page.get_by_role("button", name="Sign out")
        expect(button).to_be_in_viewport(ratio=1)
        button.click(trial=True)
        expect(page.get_by_text("n" * 52)).to_be_in_viewport(ratio=1)


# ── A sign-in that ends ────────────────────────────────────────────────────────────────────────────────────────────


@with_and_without_script
def test_when_the_sign_in_has_ended_while_the_form_was_open_nothing_but_the_token_is_lost(
    any_page: Page, own: Wizard
) -> None:
    form_left_open_too_long(any_page, own).submit.click()
    form = form_again(any_page)
    assert own.backend.creates == 0
    form.access_token.fill(sandbox_token())
    form.submit.click()
    expect(CreatedPage(any_page).connection_name).to_have_text("kept")


def test_checking_the_token_after_the_sign_in_has_ended_loses_nothing_else(
    any_page: Page, own: Wizard
) -> None:
    form_left_open_too_long(any_page, own).button("Check this token").click()
    form_again(any_page)


def test_a_field_that_is_left_after_the_sign_in_has_ended_says_nothing_and_stays(
    page: Page, own: Wizard
) -> None:
    form = form_left_open_too_long(page, own)
    form.instance_url.fill("https://abcdefghijklmnopqrst.supabase.co")
    with page.expect_response(re.compile("/sign-in")):
        form.instance_url.press("Tab")
    expect(form.access_token).to_be_focused()
    expect(form.access_token).to_have_value(sandbox_token())
    expect(form.instance_url).to_have_value("https://abcdefghijklmnopqrst.supabase.co")
    expect(page.locator(".message")).to_have_count(0)


def test_back_to_a_form_whose_sign_in_had_ended_leads_to_the_sign_in_and_on_to_it(
    page: Page, own: Wizard
) -> None:
    form_left_open_too_long(page, own).submit.click()
    SignInPage(page)
    page.go_back()
    SignInPage(page).fill_in().sign_in.click()
    FormPage(page)
