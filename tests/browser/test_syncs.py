"""The pages of a secret sync with the script: what is typed and chosen shows at once, and the status changes by itself."""

from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from app.sandbox import sandbox_token
from tests.sandbox.world import PAYMENTS_ID

from .conftest import OpenPage
from .servers import Wizard

STAGING = "webshopstagingabcdef"
"""A project that every made-up token reaches."""


def step_1(page: Page) -> Page:
    page.goto(f"/syncs/new/supabase?project={PAYMENTS_ID}")
    expect(page.get_by_role("heading", name="Sync secrets to Supabase")).to_be_focused()
    return page


def folders(page: Page) -> Locator:
    return page.get_by_role("list", name="Folders").get_by_role("button")


@pytest.fixture
def form(page: Page) -> Page:
    return step_1(page)


def test_names_show_as_they_will_be_while_they_are_typed(form: Page) -> None:
    folders(form).filter(has_text="/edge").first.click()
    names = form.locator("#names")
    expect(names).to_contain_text("Supabase refuses SUPABASE_URL")
    form.get_by_label("Names in Supabase").fill("SHOP_{{secretKey}}_{{environment}}")
    expect(names.locator("[data-name=GEOIP_KEY]")).to_have_text("SHOP_GEOIP_KEY_dev")
    expect(names.get_by_text("Supabase refuses")).to_be_hidden()
    # Half a schema says nothing yet.
    form.get_by_label("Names in Supabase").fill("SHOP_{{secr")
    expect(names.locator("[data-name=GEOIP_KEY]")).to_have_text("SHOP_GEOIP_KEY_dev")
    form.get_by_label("Names in Supabase").fill("SUPABASE_{{secretKey}}")
    expect(names.locator("li.refused")).to_have_count(3)


def test_what_removing_takes_is_told_as_prefix_and_tick_change(form: Page) -> None:
    removing = form.locator("#delete_others-help")
    expect(removing).to_contain_text("nothing is ever removed")
    form.get_by_label("Remove from Supabase what is not in the folder").check()
    expect(removing).to_contain_text("what other syncs write goes too", use_inner_text=True)
    form.get_by_label("Names in Supabase").fill("SHOP_{{secretKey}}")
    expect(removing).to_contain_text("Of the names that begin with SHOP_.", use_inner_text=True)


def test_a_folder_that_is_chosen_tells_its_names_and_the_focus_stays_there(form: Page) -> None:
    expect(form.locator(".chosen")).to_have_text("/12 names", use_inner_text=False)
    folders(form).filter(has_text="/edge/new").focus()
    form.keyboard.press("Enter")
    chosen = folders(form).filter(has_text="/edge/new")
    expect(chosen).to_contain_text("0 names")
    expect(chosen).to_be_focused()
    expect(form.get_by_label("Folder", exact=True)).to_have_value("/edge/new")
    expect(form.locator("p[role=status]")).to_contain_text("/edge/new")


def test_folders_are_found_as_their_path_is_typed(form: Page) -> None:
    form.get_by_label("Folder", exact=True).fill("/EDGE/n")
    expect(folders(form).locator("visible=true")).to_have_text(["/edge/new"], use_inner_text=True)
    form.get_by_label("Folder", exact=True).fill("/nowhere")
    expect(form.get_by_text("No folder has this in its path.")).to_be_visible()
    form.get_by_label("Folder", exact=True).fill("/edge")
    expect(folders(form).locator("visible=true")).to_have_count(5)


def test_another_environment_brings_its_folders_and_another_name_but_not_in_place_of_an_own_one(
    form: Page,
) -> None:
    name = form.get_by_label("Name of the sync")
    expect(name).to_have_value("dev-to-supabase")
    form.get_by_label("Environment").select_option("staging")
    expect(name).to_have_value("staging-to-supabase")
    expect(folders(form)).to_have_count(1)
    name.fill("mine")
    form.get_by_label("Environment").select_option("dev")
    expect(folders(form)).to_have_count(5)
    expect(name).to_have_value("mine")


def test_looking_at_a_folder_does_not_send_the_token_and_keeps_it(form: Page) -> None:
    sent: list[Request] = []
    form.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    form.get_by_text("Compare with what is in Supabase now").click()
    token = form.get_by_label("Access token")
    token.fill(sandbox_token())
    with form.expect_response(lambda answer: answer.request.method == "POST"):
        folders(form).filter(has_text="/shared").click()
    expect(form.locator(".chosen")).to_contain_text("/shared")
    expect(token).to_have_value(sandbox_token())
    assert [parse_qs(request.post_data or "").get("access_token") for request in sent] == [None]


def test_enter_in_a_field_reviews_and_the_page_follows_the_run_by_itself(
    open_stopped_page: OpenPage, wizard: Wizard
) -> None:
    page = step_1(open_stopped_page())
    page.get_by_label("Supabase project").fill(STAGING)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Review what will happen")).to_be_focused()
    page.get_by_role("checkbox", name="Create it anyway").check()
    page.get_by_role("button", name="Create sync").click()
    status, told = page.locator("#sync-status"), page.locator("p[role=status]")
    expect(status).to_have_attribute("data-status", "pending")
    page.get_by_role("link", name="Go to Secret Syncs").focus()
    page.clock.fast_forward(1_000)
    expect(page.get_by_text("1 s", exact=True)).to_be_visible()
    expect(told).to_be_empty()
    wizard.clock.passes(3)
    page.clock.fast_forward(1_000)
    expect(status).to_have_attribute("data-status", "running")
    expect(told).to_have_text("Writing to the project")
    expect(page.get_by_role("link", name="Go to Secret Syncs")).to_be_focused()
    wizard.clock.passes(10)
    page.clock.fast_forward(2_000)
    expect(status).to_have_attribute("data-status", "succeeded")
    expect(told).to_have_text("dev-to-supabase is synced")
