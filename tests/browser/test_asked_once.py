"""Nothing but the access token is ever asked for twice (WCAG 2.2, 3.3.7): whatever was typed comes back."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from .conftest import with_and_without_script
from .pages import NEVER_ANSWERED, NOT_ACCEPTED, FormPage, OutcomePage, ProjectsPage, TokenPage
from .servers import Wizard
from .stage import DESCRIPTION, NAME, Stage, problem, told
from .watching import Watch

TYPED = {
    "name": NAME,
    "description": DESCRIPTION,
    "instance_url": "https://api.supabase.com",
    "expires_on": "2027-02-21",
}

WRONG_URL = {"instance_url": "https://abcdefghijklmnopqrst.supabase.co"}


def fill_in(stage: Stage, *, access_token: str | None = None, **changes: str) -> FormPage:
    form = stage.form().fill_in(name=NAME, access_token=access_token)
    for name, text in {**TYPED, **changes}.items():
        stage.page.locator(f"#{name}").fill(text)
    stage.page.get_by_role("checkbox", name="Add it to the description").check()
    return form


def refused(stage: Stage) -> None:
    form = fill_in(stage, access_token=NOT_ACCEPTED)
    form.submit.click()
    expect(form.summary).to_be_visible()


def another_url_taken(stage: Stage) -> None:
    form = fill_in(stage, **WRONG_URL)
    form.submit.click()
    # The field itself may have offered it already, and that button does nothing while the form is on its way.
    expect(form.summary).to_be_visible()
    form.button("Use https://api.supabase.com").click()
    expect(FormPage(stage.page).instance_url).to_have_value("https://api.supabase.com")


def checked(stage: Stage) -> None:
    fill_in(stage).button("Check this token").click()
    expect(stage.page.get_by_role("region", name="All six checks passed")).to_be_visible()


def project_changed(stage: Stage) -> None:
    fill_in(stage).change_project.click()
    ProjectsPage(stage.page).link("Webshop").click()


def refused_and_back_at_step_1(stage: Stage) -> None:
    refused(stage)
    stage.page.get_by_role("link", name="Get a token").click()
    TokenPage(stage.page).have_token.click()


def no_answer(stage: Stage) -> None:
    fill_in(stage, access_token=NEVER_ANSWERED).submit.click()
    OutcomePage(stage.page).stop_checking.click()
    OutcomePage(stage.page).form_again.click()


def infisical_failed(stage: Stage) -> None:
    stage.answers("/app-connections/supabase", 429, told(429, "RateLimitExceeded", "Wait 5 seconds"))
    fill_in(stage).submit.click()
    problem("rate-limited")(stage.page)
    stage.page.get_by_role("link", name="Back to the form").click()


def page_too_old(stage: Stage) -> None:
    form = fill_in(stage)
    stage.page.context.clear_cookies()
    form.submit.click()
    problem("page-too-old")(stage.page)
    stage.page.get_by_role("link", name="Open the form again").click()


WAYS: dict[str, Callable[[Stage], None]] = {
    way.__name__.replace("_", " "): way
    for way in (
        refused,
        another_url_taken,
        checked,
        project_changed,
        refused_and_back_at_step_1,
        no_answer,
        infisical_failed,
        page_too_old,
    )
}


@with_and_without_script
@pytest.mark.parametrize("way", WAYS)
def test_whatever_was_typed_comes_back(
    any_page: Page, watches: list[Watch], wizard: Wizard, way: str
) -> None:
    stage = Stage(any_page, wizard)
    watches[-1].expect({400, 503})
    WAYS[way](stage)
    FormPage(stage.page)
    for name, text in TYPED.items():
        expect(stage.page.locator(f"#{name}")).to_have_value(text)
    expect(stage.page.get_by_role("checkbox", name="Add it to the description")).to_be_checked()
