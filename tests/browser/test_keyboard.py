"""The whole wizard without a mouse: how far the controls are, what Enter and Space do."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from app.sandbox import sandbox_token
from tests.sandbox.world import PAYMENTS_ID

from .pages import ChoosePage, CreatedPage, FormPage, ListPage, TokenPage
from .servers import Wizard

MOST_TABS_TO_ADD_CONNECTION = 10
MORE_THAN_ANY_PAGE_HAS = 120


def tab_to(target: Locator, *, most: int = MORE_THAN_ANY_PAGE_HAS) -> int:
    """Presses Tab until the target has the focus; returns how often."""
    expect(target).to_be_visible()
    for pressed in range(1, most + 1):
        target.page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return pressed
    raise AssertionError(f"{target} is not among the first {most} stops of Tab")


def test_a_person_connects_supabase_without_a_mouse(page: Page, new_name: str) -> None:
    tab_to(ListPage.open(page).add)
    page.keyboard.press("Enter")
    tab_to(ChoosePage(page).supabase)
    page.keyboard.press("Enter")
    tab_to(TokenPage(page).have_token)
    page.keyboard.press("Enter")
    form = FormPage(page)
    tab_to(form.name)
    page.keyboard.type(new_name)
    tab_to(form.access_token)
    page.keyboard.type(sandbox_token())
    tab_to(form.submit)
    page.keyboard.press("Space")
    expect(CreatedPage(page).connection_name).to_have_text(new_name)


def test_a_person_syncs_secrets_without_a_mouse(page: Page, wizard: Wizard) -> None:
    FormPage.open(page).fill_in(name="by-keyboard").submit.click()
    tab_to(CreatedPage(page).sync_secrets)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Sync secrets to Supabase")).to_be_focused()
    tab_to(page.get_by_role("button", name="/shared"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="/shared")).to_contain_text("3 names")
    tab_to(page.get_by_label("Supabase project"))
    page.keyboard.type("webshop-s")
    tab_to(page.get_by_label("Names in Supabase"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Review what will happen")).to_be_focused()
    expect(page.locator("#plan [data-effect=write]")).to_have_count(3)
    tab_to(page.get_by_role("button", name="Create sync: write 3"))
    page.keyboard.press("Space")
    expect(page.get_by_role("heading", name="Syncing 3 names to webshop-staging")).to_be_focused()


@pytest.mark.full
@pytest.mark.parametrize(
    "field", ["secret_path", "supabase_project", "key_schema", "auto_sync", "name", "access_token"]
)
def test_enter_in_any_field_of_a_sync_leads_to_its_review(page_without_script: Page, field: str) -> None:
    page = page_without_script
    page.goto(f"/syncs/new/supabase?project={PAYMENTS_ID}&environment=dev&supabase_project={'a' * 20}")
    page.get_by_text("Compare with what is in Supabase now").click()
    page.locator(f"#{field}").press("Enter")
    expect(page.get_by_role("heading", name="Review what will happen")).to_be_focused()


def test_add_connection_is_near(page: Page) -> None:
    assert tab_to(ListPage.open(page).add, most=MOST_TABS_TO_ADD_CONNECTION) <= MOST_TABS_TO_ADD_CONNECTION


def test_the_first_tab_offers_to_skip_to_the_content(page: Page) -> None:
    ListPage.open(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


@pytest.mark.parametrize("field", ["name", "access_token"])
def test_enter_in_a_field_submits_the_form(any_page: Page, new_name: str, field: str) -> None:
    form = FormPage.open(any_page)
    form.fill_in(name=new_name)
    any_page.locator(f"#{field}").press("Enter")
    expect(CreatedPage(any_page).connection_name).to_have_text(new_name)


def test_enter_in_a_refused_form_creates_and_does_not_take_the_offered_url(
    any_page: Page, new_name: str
) -> None:
    form = FormPage.open(any_page)
    form.instance_url.fill("https://your-domain.com")
    form.fill_in(name=new_name).submit.click()
    expect(form.summary).to_be_visible()
    form.instance_url.fill("https://api.supabase.com")
    form.access_token.fill(sandbox_token())
    form.access_token.press("Enter")
    expect(CreatedPage(any_page).connection_name).to_have_text(new_name)


def test_space_shows_the_access_token(page: Page) -> None:
    form = FormPage.open(page)
    form.access_token.fill(sandbox_token())
    page.keyboard.press("Tab")
    expect(form.show).to_be_focused()
    page.keyboard.press("Space")
    expect(form.access_token).to_have_attribute("type", "text")
    expect(form.hide).to_be_focused()


def test_the_focus_goes_on_from_a_link_of_the_summary(page: Page) -> None:
    form = FormPage.open(page)
    form.submit.click()
    expect(form.summary).to_be_focused()
    tab_to(form.summary.get_by_role("link", name=re.compile("access token")), most=3)
    page.keyboard.press("Enter")
    expect(form.access_token).to_be_focused()
    page.keyboard.type(sandbox_token())
    expect(form.access_token).to_have_value(sandbox_token())
