"""Where the focus is when something new has come: the heading of a step, the summary of a refusal, the checks."""

import re

from playwright.sync_api import Locator, Page, expect

from .pages import (
    NOT_ACCEPTED,
    ChoosePage,
    CreatedPage,
    FormPage,
    ListPage,
    OpenedPage,
    TokenPage,
)
from .servers import Wizard
from .stage import Stage, told
from .states import LACKS_A_PERMISSION
from .watching import Watch


def heading(opened: OpenedPage) -> Locator:
    return opened.page.get_by_role("heading", level=1)


def test_a_new_step_begins_at_its_heading(any_page: Page, new_name: str) -> None:
    ListPage.open(any_page).add.click()
    ChoosePage(any_page).supabase.click()
    token = TokenPage(any_page)
    expect(heading(token)).to_be_focused()
    token.have_token.click()
    form = FormPage(any_page)
    expect(heading(form)).to_be_focused()
    form.fill_in(name=new_name).submit.click()
    expect(heading(CreatedPage(any_page))).to_be_focused()


def test_from_a_heading_tab_goes_on_into_the_step(page: Page) -> None:
    form = FormPage.open(page)
    expect(heading(form)).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("() => !!document.activeElement.closest('main')")


def test_every_refusal_takes_the_focus(any_page: Page, new_name: str) -> None:
    form = FormPage.open(any_page)
    for token in (NOT_ACCEPTED, LACKS_A_PERMISSION):
        form.fill_in(name=new_name, access_token=token).submit.click()
        expect(form.summary).to_contain_text(
            re.compile("permission" if token is LACKS_A_PERMISSION else "accept")
        )
        expect(form.summary).to_be_focused()


def test_a_problem_that_takes_the_forms_place_is_where_the_focus_is(
    page: Page, watches: list[Watch], wizard: Wizard
) -> None:
    stage = Stage(page, wizard)
    watches[-1].expect({502})
    stage.answers("/app-connections/supabase", 500, told(500, "InternalServerError", "Broken"))
    stage.create()
    expect(stage.page.locator("main[data-problem=server-failed]")).to_be_focused()


def test_checks_are_where_the_focus_is_once_they_are_there(any_page: Page) -> None:
    form = FormPage.open(any_page).fill_in(name="checked")
    form.button("Check this token").click()
    expect(any_page.get_by_role("region", name="All six checks passed")).to_be_focused()
