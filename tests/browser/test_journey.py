"""From the list to the created connection, by role and name, with and without JavaScript; sent twice, gone back, reloaded."""

import re

from playwright.sync_api import Page, expect

from app.sandbox import sandbox_token

from .conftest import with_and_without_script
from .pages import NOT_ACCEPTED, ChoosePage, CreatedBeforePage, CreatedPage, FormPage, ListPage, TokenPage
from .servers import Command, Wizard


@with_and_without_script
def test_a_person_connects_supabase(any_page: Page, new_name: str) -> None:
    ListPage.open(any_page).add.click()
    ChoosePage(any_page).supabase.click()
    token = TokenPage(any_page)
    expect(any_page).to_have_title(re.compile("Step 1 of 3"))
    expect(token.current_step).to_contain_text("Get a token")
    token.have_token.click()
    form = FormPage(any_page)
    expect(any_page).to_have_title(re.compile("Step 2 of 3"))
    expect(form.current_step).to_contain_text("Fill out the form")
    expect(form.instance_url).to_have_value("https://api.supabase.com")
    form.fill_in(name=new_name, description="For the shop").submit.click()
    created = CreatedPage(any_page)
    expect(any_page).to_have_title(re.compile("Step 3 of 3"))
    expect(created.current_step).to_contain_text("Connected")
    expect(created.connection_name).to_have_text(new_name)
    expect(any_page.locator("#connection-description")).to_have_text("For the shop")
    assert created.connection_id in any_page.url
    created.link("Go to App Connections").click()
    ListPage(any_page).connection(new_name).get_by_role("link").click()
    expect(any_page.get_by_role("heading", level=1)).to_have_text(new_name)


@with_and_without_script
def test_a_person_syncs_secrets(any_page: Page, wizard: Wizard) -> None:
    FormPage.open(any_page).fill_in(name="to-sync").submit.click()
    CreatedPage(any_page).sync_secrets.click()
    expect(any_page).to_have_title(re.compile("Step 1 of 3"))
    any_page.get_by_role("button", name="/shared").click()
    expect(any_page.get_by_role("button", name="/shared")).to_contain_text("3 names")
    any_page.get_by_label("Supabase project").select_option("webshopstagingabcdef")
    any_page.get_by_role("button", name="Review").click()
    expect(any_page).to_have_title(re.compile("Step 2 of 3"))
    any_page.get_by_role("button", name="Create sync: write 3").click()
    expect(any_page).to_have_title(re.compile("Step 3 of 3"))
    expect(any_page.locator("#sync-status")).to_have_attribute("data-status", "pending")
    wizard.clock.passes(60)
    any_page.reload()
    expect(any_page.get_by_role("heading", level=1)).to_have_text("dev-shared-to-webshop-staging is synced")
    any_page.get_by_role("link", name="Go to Secret Syncs").click()
    expect(any_page.get_by_role("row").filter(has_text="dev-shared-to-webshop-staging")).to_contain_text(
        "Synced"
    )


@with_and_without_script
def test_the_purpose_that_is_chosen_with_the_token_goes_on_to_the_form(any_page: Page) -> None:
    any_page.goto("/connections/new/supabase/token")
    any_page.get_by_role("radio", name="Connect only").check()
    TokenPage(any_page).have_token.click()
    form = FormPage(any_page).fill_in(name="for-connecting-only")
    form.button("Check this token").click()
    expect(any_page.get_by_role("region", name="All five checks passed")).to_be_visible()


def test_the_steps_of_a_created_connection_lead_nowhere_back(page: Page, new_name: str) -> None:
    FormPage.open(page).fill_in(name=new_name).submit.click()
    CreatedPage(page)
    steps = page.get_by_role("list", name="Steps")
    expect(steps.get_by_role("listitem")).to_have_count(3)
    expect(steps.get_by_role("link")).to_have_count(0)


def test_supabases_page_opens_in_a_tab_without_a_way_back(page: Page) -> None:
    page.goto("/connections/new/supabase/token")
    link = TokenPage(page).supabase
    expect(link).to_have_attribute("href", "https://supabase.com/dashboard/account/tokens")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", re.compile("noopener"))


@with_and_without_script
def test_a_double_click_makes_one_connection(any_page: Page, new_name: str) -> None:
    FormPage.open(any_page).fill_in(name=new_name).submit.dblclick()
    expect(CreatedBeforePage(any_page).connection_name).to_have_text(new_name)
    listed = ListPage.open(any_page)
    listed.search(new_name)
    expect(listed.connection(new_name)).to_have_count(1)


def test_a_second_click_while_the_first_is_on_its_way_leads_to_the_same_connection(
    page_without_script: Page, wizard: Wizard
) -> None:
    # Without script nothing in the browser holds the second click back: both reach Infisical.
    page = page_without_script
    form = FormPage.open(page)
    wizard.clock.passes(30)
    form.fill_in(name="impatient")
    form.submit.scroll_into_view_if_needed()
    box = form.submit.bounding_box()
    assert box is not None
    wizard.backend.shut()
    for _ in range(2):
        # Unlike a locator's click, the mouse itself does not wait for the page that the first click asked for.
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        wizard.backend.wait_for_a_create()
    wizard.backend.open()
    expect(CreatedBeforePage(page).connection_name).to_have_text("impatient")
    assert wizard.backend.creates == 2
    listed = ListPage.open(page)
    listed.search("impatient")
    expect(listed.connection("impatient")).to_have_count(1)


def test_going_back_and_submitting_again_leads_to_the_same_connection_and_says_that_no_token_was_stored(
    page: Page, new_name: str
) -> None:
    FormPage.open(page).fill_in(name=new_name).submit.click()
    first = CreatedPage(page).connection_id
    page.evaluate("void setTimeout(() => history.back())")
    form = FormPage(page)
    expect(form.name).to_have_value(new_name)
    expect(form.access_token).to_have_value("")
    form.access_token.fill(sandbox_token())
    form.submit.click()
    assert CreatedBeforePage(page).connection_id == first
    expect(page.get_by_text("Anything entered after that, a token too, was not stored.")).to_be_visible()


def test_reloading_the_created_page_makes_nothing(page: Page, new_name: str) -> None:
    FormPage.open(page).fill_in(name=new_name).submit.click()
    first = CreatedPage(page).connection_id
    reloaded = page.reload()
    assert reloaded is not None
    assert reloaded.request.method == "GET"
    assert CreatedPage(page).connection_id == first


def test_reloading_a_refused_page_is_refused_again_and_makes_nothing(
    page_without_script: Page, new_name: str
) -> None:
    page = page_without_script
    form = FormPage.open(page)
    form.fill_in(name=new_name, access_token=NOT_ACCEPTED).submit.click()
    expect(form.summary).to_be_visible()
    reloaded = page.reload()
    assert reloaded is not None
    assert (reloaded.request.method, reloaded.status) == ("POST", 422)
    expect(FormPage(page).summary).to_be_visible()
    listed = ListPage.open(page)
    listed.search(new_name)
    expect(listed.connection(new_name)).to_have_count(0)


def test_the_commands_log_tells_neither_token_nor_query(
    page_of_the_command: Page, command: Command, new_name: str
) -> None:
    FormPage.open(page_of_the_command).fill_in(name=new_name).submit.click()
    created = CreatedPage(page_of_the_command)
    assert created.connection_id in command.log.text
    assert "sbp_" not in command.log.text
    # The audit log, a line of JSON for each thing that was done, names the connection on purpose.
    requests = [line for line in command.log.text.splitlines() if not line.startswith("{")]
    assert new_name not in "\n".join(requests)
