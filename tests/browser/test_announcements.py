"""What screen readers are told while a page waits and when a result comes: the region is there before, its words change."""

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import OpenPage
from .pages import NOT_ACCEPTED, CreatedPage, FormPage
from .servers import Wizard

CHECKING = "Checking the token with Supabase…"


@pytest.fixture
def form(open_stopped_page: OpenPage, wizard: Wizard) -> FormPage:
    """The form on a page whose time the test moves; nothing is answered until the gate is opened."""
    return FormPage.open(open_stopped_page())


def regions(page: Page) -> Locator:
    return page.get_by_role("status")


def spoken(page: Page) -> list[str]:
    return [text for text in regions(page).all_inner_texts() if text.strip()]


def test_waiting_is_announced_at_once_and_then_now_and_again(form: FormPage, wizard: Wizard) -> None:
    page = form.page
    (region,) = (one for one in regions(page).element_handles() if not one.inner_text())
    wizard.backend.shut()
    form.fill_in(name="waited-for").submit.click()
    wizard.backend.wait_for_a_create()
    said = []
    for seconds in (1, 5, 15, 10):
        page.clock.run_for(1_000 * seconds)
        said.append(region.inner_text())
    wizard.backend.open()
    CreatedPage(page)
    assert said[0] == CHECKING
    assert said[1] == "Still checking, 5 seconds."
    assert "can take a minute" in said[2]
    assert said[3] == said[2]


def test_a_refusal_is_an_alert(form: FormPage) -> None:
    form.fill_in(name="refused", access_token=NOT_ACCEPTED).submit.click()
    expect(form.page.get_by_role("alert")).to_contain_text("Not created: check one thing")


def test_checks_that_come_while_one_types_are_announced(form: FormPage) -> None:
    page = form.page
    region = next(one for one in regions(page).element_handles() if not one.inner_text())
    form.fill_in(name="checked")
    # Enter and a click would move the focus, which is announced by itself.
    form.name.focus()
    page.evaluate("() => document.querySelector('[name=check]').click()")
    expect(page.get_by_role("region", name="All six checks passed")).to_be_visible()
    expect(form.name).to_be_focused()
    assert region.inner_text() == "All six checks passed"


def test_nothing_is_said_on_a_page_at_rest(form: FormPage) -> None:
    assert spoken(form.page) == []
