"""What a person sees and hears while the form is on its way."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Dialog, Locator, Page, Route, expect

from app.sandbox import sandbox_token

from .conftest import OpenPage
from .pages import CreatedPage, FormPage, ListPage

WORDS = "Checking the token with Supabase…"


class Held:
    """Posts of the form, held back until they are let go; the page's own time is moved by the test."""

    def __init__(self, page: Page) -> None:
        self.form = FormPage.open(page)
        self.posts: list[Route] = []
        page.route(re.compile(r"/connections/new/supabase\?"), self._hold)

    def _hold(self, route: Route) -> None:
        if route.request.method == "POST":
            self.posts.append(route)
        else:
            route.fallback()

    @property
    def creates(self) -> int:
        return sum("submit=" in (route.request.post_data or "") for route in self.posts)

    def let_go(self) -> None:
        for route in self.posts:
            route.continue_()


@pytest.fixture
def page(open_stopped_page: OpenPage) -> Page:
    return open_stopped_page()


@pytest.fixture
def held(page: Page) -> Iterator[Held]:
    yield Held(page)
    page.unroute_all(behavior="ignoreErrors")


@pytest.fixture
def announced(page: Page) -> Locator:
    return page.locator("body > [role=status]")


def test_the_button_says_what_goes_on_and_counts_the_seconds(held: Held, page: Page, new_name: str) -> None:
    button = page.locator("#submit")
    held.form.fill_in(name=new_name).submit.click()
    page.clock.run_for(200)
    expect(button).to_have_text("Create connection")
    page.clock.run_for(200)
    expect(button).to_have_text(WORDS)
    expect(button).to_have_attribute("aria-disabled", "true")
    page.clock.run_for(4_000)
    expect(button).to_have_text(WORDS)
    page.clock.run_for(1_000)
    expect(button).to_have_text(f"{WORDS} 5 s")
    page.clock.run_for(2_000)
    expect(button).to_have_text(f"{WORDS} 7 s")
    # The seconds are not part of what the button is called.
    expect(button).to_have_accessible_name(WORDS)
    held.let_go()
    expect(CreatedPage(page).connection_name).to_have_text(new_name)


def test_after_20_seconds_it_says_why_it_can_take_a_minute(held: Held, page: Page, new_name: str) -> None:
    why = page.locator("#slow")
    held.form.fill_in(name=new_name).submit.click()
    page.clock.run_for(19_000)
    expect(why).to_be_hidden()
    page.clock.run_for(2_000)
    expect(why).to_be_visible()
    expect(why).to_contain_text("can take a minute")


def test_it_is_announced_now_and_then_and_not_every_second(
    held: Held, page: Page, announced: Locator, new_name: str
) -> None:
    page.evaluate(
        """() => { window.heard = []; new MutationObserver(() => {
             const text = document.querySelector('body > [role=status]').textContent;
             if (text) window.heard.push(text); })
           .observe(document.querySelector('body > [role=status]'), { childList: true }); }"""
    )
    held.form.fill_in(name=new_name).submit.click()
    page.clock.run_for(85_000)
    expect(announced).to_have_text("Still checking, 80 seconds.")
    assert page.evaluate("window.heard") == [
        WORDS,
        "Still checking, 5 seconds.",
        "This can take a minute: when Supabase limits requests, Infisical waits and asks again.",
        "Still checking, 50 seconds.",
        "Still checking, 80 seconds.",
    ]


def test_cancel_becomes_leave_and_says_what_leaving_means(held: Held, page: Page, new_name: str) -> None:
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    held.form.fill_in(name=new_name).submit.click()
    page.clock.run_for(400)
    expect(held.form.link("Cancel")).to_have_count(0)
    expect(page.get_by_text("Infisical may still finish what it began")).to_be_visible()
    page.get_by_role("link", name="Leave", exact=True).click()
    ListPage(page)
    assert asked == ["beforeunload"]


def test_more_clicks_and_enter_send_nothing_more(held: Held, page: Page, new_name: str) -> None:
    held.form.fill_in(name=new_name).submit.click()
    page.clock.run_for(400)
    # Without force Playwright itself would wait for the button, as aria-disabled tells it to.
    page.locator("#submit").click(force=True)
    held.form.button("Check this token").click()
    held.form.access_token.press("Enter")
    page.clock.run_for(400)
    assert held.creates == 1


def test_the_check_says_what_goes_on_too_and_leaving_it_is_nothing_special(held: Held, page: Page) -> None:
    held.form.access_token.fill(sandbox_token())
    # Left before, so that no question about the field is among the held ones.
    held.form.button("Check this token").focus()
    held.form.button("Check this token").press("Enter")
    page.clock.run_for(400)
    button = page.locator("button[name=check]")
    expect(button).to_have_text(WORDS)
    expect(page.locator("#submit")).to_have_text("Create connection")
    expect(held.form.link("Cancel")).to_be_visible()
    expect(page.locator("#leaving")).to_be_hidden()


def test_a_refusal_ends_the_waiting(held: Held, page: Page, announced: Locator) -> None:
    held.form.fill_in(name="???").submit.click()
    page.clock.run_for(6_000)
    held.let_go()
    expect(held.form.summary).to_be_focused()
    expect(page.locator("#submit")).to_have_text("Create connection")
    expect(page.locator("#submit")).not_to_have_attribute("aria-disabled", "true")
    expect(held.form.link("Cancel")).to_be_visible()
    page.clock.run_for(60_000)
    expect(announced).to_have_text("")


def test_no_message_comes_to_a_field_while_the_form_is_on_its_way(held: Held, page: Page) -> None:
    held.form.name.fill("???")
    held.form.description.focus()
    expect(held.form.name).to_have_value("???")
    held.form.submit.click()
    held.posts[0].continue_()
    page.clock.run_for(1_000)
    page.evaluate("fetch('/healthz').then((answer) => answer.text())")
    expect(page.locator("#name-error")).to_have_count(0)


def test_a_page_that_comes_back_from_the_browsers_keeping_is_not_busy(held: Held, page: Page) -> None:
    held.form.fill_in(name="kept").submit.click()
    page.clock.run_for(6_000)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page.locator("#submit")).to_have_text("Create connection")
    expect(page.locator("#leaving")).to_be_hidden()
    expect(held.form.link("Cancel")).to_be_visible()


def test_with_reduced_motion_the_ring_stands_still_and_the_seconds_go_on(
    open_stopped_page: OpenPage,
) -> None:
    page = open_stopped_page(reduced_motion="reduce")
    held = Held(page)
    held.form.fill_in(name="still").submit.click()
    page.clock.run_for(6_000)
    expect(page.locator("#submit")).to_have_text(re.compile(r"\d s$"))
    assert (
        page.evaluate("getComputedStyle(document.getElementById('submit'), '::before').animationName")
        == "none"
    )
