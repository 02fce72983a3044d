"""The move of a native integration as a person goes it who has no mouse, and a small phone."""

import re
from typing import Literal

from playwright.sync_api import Page, expect

from tests.sandbox.world import PAYMENTS_ID

from .servers import Wizard
from .test_keyboard import tab_to

NAME = "Production /reports to legacy-shop"


def press(page: Page, role: Literal["button", "link"], name: str | re.Pattern[str]) -> None:
    tab_to(page.get_by_role(role, name=name))
    page.keyboard.press("Enter")


def at_step(page: Page, step: str) -> None:
    expect(page.locator(f"main[data-step={step}]")).to_be_visible()


def test_a_native_integration_is_moved_without_a_mouse_on_a_small_phone(
    any_page: Page, wizard: Wizard
) -> None:
    page = any_page
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"/connections?project={PAYMENTS_ID}")
    press(page, "link", "Native integrations 2")
    card = page.locator("section[data-step]").filter(has_text=NAME)
    tab_to(card.get_by_role("link", name="Move to a sync"))
    page.keyboard.press("Enter")
    at_step(page, "sync")
    press(page, "link", "Fill in the sync")
    expect(page.locator("#key_schema")).to_have_value("OLD_{{secretKey}}")
    tab_to(page.locator("#name"))
    page.keyboard.press("Enter")
    at_step(page, "review")
    press(page, "button", re.compile("^Create sync"))
    expect(page.locator("#sync-status")).to_be_visible()
    wizard.clock.passes(30)
    page.goto(page.url)
    press(page, "link", "Back to the move")
    at_step(page, "off")
    press(page, "button", "Switch it off")
    expect(page.locator("#done")).to_be_focused()
    at_step(page, "run")
    press(page, "button", "Go back")
    at_step(page, "off")
    wizard.clock.passes(30)
    page.reload()
    press(page, "button", "Switch it off")
    at_step(page, "run")
    press(page, "button", "Sync now")
    expect(page.get_by_role("link", name="Look now")).to_be_visible()
    wizard.clock.passes(60)
    press(page, "link", "Look now")
    at_step(page, "remove")
    tab_to(page.locator("#confirm_name"))
    page.keyboard.type(NAME)
    page.keyboard.press("Enter")
    expect(page.locator("#done")).to_have_text(f"{NAME} was deleted.")
