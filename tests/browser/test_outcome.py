"""The page for a submission without an answer, in a browser: it looks by itself, on demand, and stops when told to."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import OpenPage
from .pages import (
    NEVER_ANSWERED,
    CreatedBeforePage,
    FormPage,
    LateCreatedPage,
    ListPage,
    OutcomePage,
)
from .servers import Wizard

UNTIL_IT_APPEARS = 90
"""Seconds from the request, in the sandbox, for a token that ends in 0504."""


@pytest.fixture
def waiting(open_stopped_page: OpenPage, wizard: Wizard) -> OutcomePage:
    """The page after a submission that was never answered; the browser's own clock can be moved too."""
    return never_answered(open_stopped_page())


@pytest.fixture
def waiting_without_script(page_without_script: Page, wizard: Wizard) -> OutcomePage:
    return never_answered(page_without_script)


def never_answered(page: Page) -> OutcomePage:
    form = FormPage.open(page)
    form.fill_in(name="late", description="For the shop", access_token=NEVER_ANSWERED).submit.click()
    return OutcomePage(page)


def test_the_real_server_leads_to_it_when_no_answer_comes(page_of_the_command: Page, new_name: str) -> None:
    page = page_of_the_command
    FormPage.open(page).fill_in(name=new_name, access_token=NEVER_ANSWERED).submit.click()
    outcome = OutcomePage(page)
    expect(outcome.announced).to_have_text("Not there yet.")
    assert "sbp_" not in page.url
    assert NEVER_ANSWERED not in page.content()


def test_the_page_counts_the_time_on(waiting: OutcomePage) -> None:
    # Of the 45 s that a submission has, the checks took 10 before the create was sent; the address knows whole seconds.
    expect(waiting.page.get_by_text(re.compile("^3[56] s$"))).to_be_visible()
    waiting.page.clock.fast_forward(3_000)
    expect(waiting.page.get_by_text(re.compile("^3[89] s$"))).to_be_visible()


def test_the_page_finds_the_connection_by_itself_and_announces_it(
    waiting: OutcomePage, wizard: Wizard
) -> None:
    # The region that screen readers listen to must be this very element, not a new one with a new text.
    region = waiting.announced.element_handle()
    last_look = waiting.page.get_by_role("listitem").filter(has_text="Looked")
    before = last_look.inner_text()
    wizard.clock.passes(5)
    waiting.page.clock.fast_forward(5_000)
    expect(last_look).not_to_have_text(before, use_inner_text=True)
    expect(waiting.announced).to_have_text("Not there yet.")
    wizard.clock.passes(UNTIL_IT_APPEARS)
    waiting.page.clock.fast_forward(20_000)
    expect(waiting.announced).to_have_text("The connection is there. Opening it.")
    assert region.inner_text() == "The connection is there. Opening it."
    waiting.page.clock.fast_forward(1_000)
    expect(LateCreatedPage(waiting.page).connection_name).to_have_text("late")
    expect(waiting.page.get_by_text("Supabase may never have accepted this token.")).to_be_visible()
    assert wizard.backend.creates == 1


def test_check_now_looks_at_once(waiting: OutcomePage, wizard: Wizard) -> None:
    waiting.check_now.click()
    OutcomePage(waiting.page)
    wizard.clock.passes(UNTIL_IT_APPEARS)
    waiting.check_now.click()
    expect(LateCreatedPage(waiting.page).connection_name).to_have_text("late")


def test_after_stop_the_log_keeps_the_latest_look_of_the_script(waiting: OutcomePage, wizard: Wizard) -> None:
    last_look = waiting.page.get_by_role("listitem").filter(has_text="Looked")
    before = last_look.inner_text()
    wizard.clock.passes(5)
    waiting.page.clock.fast_forward(5_000)
    expect(last_look).not_to_have_text(before, use_inner_text=True)
    latest = last_look.inner_text()
    wizard.clock.passes(3)
    waiting.stop_checking.click()
    expect(waiting.announced).to_have_text("Checking is stopped. Infisical may still create it.")
    expect(last_look).to_have_text(latest, use_inner_text=True)


def test_stop_checking_stops_and_offers_the_form_without_the_token(
    waiting: OutcomePage, wizard: Wizard
) -> None:
    waiting.stop_checking.click()
    expect(waiting.announced).to_have_text("Checking is stopped. Infisical may still create it.")
    expect(waiting.stop_checking).to_have_count(0)
    wizard.clock.passes(UNTIL_IT_APPEARS)
    waiting.page.clock.fast_forward(60_000)
    OutcomePage(waiting.page).form_again.click()
    form = FormPage(waiting.page)
    expect(form.name).to_have_value("late")
    expect(form.description).to_have_value("For the shop")
    expect(form.access_token).to_have_value("")


def test_the_page_says_when_it_cannot_be_reached_and_goes_on(waiting: OutcomePage, wizard: Wizard) -> None:
    waiting.page.route(re.compile("/outcome"), lambda route: route.abort("aborted"))
    waiting.page.clock.fast_forward(5_000)
    expect(waiting.announced).to_contain_text("could not be reached")
    waiting.page.unroute_all()
    wizard.clock.passes(UNTIL_IT_APPEARS)
    waiting.page.clock.fast_forward(20_000)
    expect(waiting.announced).to_have_text("The connection is there. Opening it.")


def test_the_page_gives_up_after_ten_minutes(waiting: OutcomePage, wizard: Wizard) -> None:
    page = waiting.page
    page.goto(page.url.replace("name=late", "name=never"))
    waiting = OutcomePage(page)
    wizard.clock.passes(600)
    page.clock.fast_forward(20_000)
    expect(waiting.announced).to_contain_text("It has not appeared in ten minutes.")
    expect(waiting.form_again).to_be_visible()
    expect(waiting.stop_checking).to_have_count(0)


def test_the_address_alone_is_enough_for_another_browser(waiting: OutcomePage, open_page: OpenPage) -> None:
    other = open_page()
    other.goto(waiting.page.url)
    expect(OutcomePage(other).announced).to_have_text("Not there yet.")


def test_without_script_the_page_looks_again_by_itself(
    waiting_without_script: OutcomePage, wizard: Wizard
) -> None:
    page = waiting_without_script.page
    expect(page.locator("meta[http-equiv=refresh]")).to_have_attribute("content", "5")
    wizard.clock.passes(UNTIL_IT_APPEARS)
    expect(LateCreatedPage(page).connection_name).to_have_text("late")


def test_without_script_check_now_and_stop_checking_work(
    waiting_without_script: OutcomePage, wizard: Wizard
) -> None:
    waiting_without_script.stop_checking.click()
    expect(waiting_without_script.announced).to_contain_text("Checking is stopped.")
    expect(waiting_without_script.page.locator("meta[http-equiv=refresh]")).to_have_count(0)
    wizard.clock.passes(UNTIL_IT_APPEARS)
    waiting_without_script.check_now.click()
    LateCreatedPage(waiting_without_script.page)


def test_with_script_no_page_refreshes_itself(waiting: OutcomePage) -> None:
    expect(waiting.page.locator("meta[http-equiv=refresh]")).to_have_count(0)


def test_the_form_again_leads_to_the_connection_that_came_in_the_meantime(
    waiting: OutcomePage, wizard: Wizard
) -> None:
    waiting.stop_checking.click()
    waiting.form_again.click()
    form = FormPage(waiting.page)
    wizard.clock.passes(UNTIL_IT_APPEARS)
    form.fill_in(name="late", description="For the shop").submit.click()
    expect(CreatedBeforePage(waiting.page).connection_name).to_have_text("late")
    listed = ListPage.open(waiting.page)
    expect(listed.connection("late")).to_have_count(1)
