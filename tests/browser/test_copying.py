"""The buttons that copy: they put the right text on the clipboard, say so, and are absent without JavaScript."""

import pytest
from playwright.sync_api import Page, expect

from app.sandbox import sandbox_token

from .conftest import OpenPage
from .pages import CreatedPage, FormPage

COPIED = {
    "Name": "connection-name",
    "Connection ID": "connection-id",
    "Instance URL": "connection-instance-url",
    "API call": "as-curl",
}
"""The end of each button's name, and the id of what it copies."""


@pytest.fixture
def copying_page(open_stopped_page: OpenPage) -> Page:
    return open_stopped_page(permissions=["clipboard-read", "clipboard-write"])


def on_the_clipboard(page: Page) -> str:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def test_what_was_made_can_be_copied(copying_page: Page, new_name: str) -> None:
    FormPage.open(copying_page).fill_in(name=new_name).submit.click()
    created = CreatedPage(copying_page)
    for button, element in COPIED.items():
        created.button(f"Copy {button}").click()
        expect(created.button(f"Copied {button}")).to_be_visible()
        expect(copying_page.get_by_role("status").filter(has_text="Copied")).to_have_count(1)
        assert on_the_clipboard(copying_page) == copying_page.locator(f"#{element}").text_content()
        copying_page.clock.fast_forward(2_000)
        expect(created.button(f"Copy {button}")).to_be_visible()


def test_the_made_up_token_can_be_copied_into_the_form(copying_page: Page, new_name: str) -> None:
    form = FormPage.open(copying_page)
    form.button("Copy the made-up token").click()
    expect(form.button("Copied the made-up token")).to_be_visible()
    form.name.fill(new_name)
    form.access_token.press("Control+v")
    expect(form.access_token).to_have_value(sandbox_token())
    form.submit.click()
    CreatedPage(copying_page)


def test_a_refused_clipboard_is_said(open_page: OpenPage) -> None:
    page = open_page(permissions=[])
    page.goto("/sandbox")
    page.get_by_role("button", name="Copy the token that ends in 0401").click()
    expect(page.get_by_role("status")).to_have_text("Not copied. Select the text and copy it by hand.")


def test_without_script_there_are_no_copy_buttons(page_without_script: Page, new_name: str) -> None:
    form = FormPage.open(page_without_script)
    expect(form.button("Copy")).to_have_count(0)
    form.fill_in(name=new_name).submit.click()
    expect(CreatedPage(page_without_script).button("Copy")).to_have_count(0)
