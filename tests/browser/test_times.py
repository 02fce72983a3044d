"""Times in a browser: each page tells them in the reader's own zone, and nothing moves when it does."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, Route, expect

from .conftest import OpenPage
from .pages import NEVER_ANSWERED, FormPage, LateCreatedPage, OutcomePage
from .servers import Wizard
from .watching import Watch

KOLKATA = "Asia/Kolkata"
NEXT_DAY_THERE = timedelta(hours=9)
"""After which the wizard's clock, which tests start before noon, tells another day than one in Kolkata."""


def told(page: Page) -> list[str]:
    """The times on the page, once each of them is the reader's."""
    times = page.locator("time[datetime$=Z]").all()
    assert times
    for time in times:
        there = datetime.fromisoformat(time.get_attribute("datetime") or "").astimezone(ZoneInfo(KOLKATA))
        text = time.text_content() or ""
        assert "UTC" not in text
        assert f"{there:%H:%M}" in text or f"{there.day} {there:%b %Y}" == text, f"{text} is not {there}"
        assert f"{there:%B}" in text or "," not in text, f"{text} is not {there}"
        assert "UTC" in (time.get_attribute("title") or "")
    return [time.text_content() or "" for time in times]


def test_every_page_tells_times_in_the_readers_own_zone(
    open_page: OpenPage, wizard: Wizard, watches: list[Watch]
) -> None:
    page = open_page(timezone_id=KOLKATA)
    watches[0].expected.add(404)
    wizard.clock.passes(NEXT_DAY_THERE.total_seconds())
    FormPage.open(page).fill_in(name="late", access_token=NEVER_ANSWERED).submit.click()
    outcome = OutcomePage(page)
    log = told(page)
    assert len(log) == 3
    wizard.clock.passes(5)
    outcome.check_now.click()
    expect(page.get_by_role("listitem").filter(has_text="Looked")).not_to_contain_text(log[-1])
    told(page)
    wizard.clock.passes(120)
    outcome.check_now.click()
    LateCreatedPage(page)
    told(page)
    page.goto("/connections")
    told(page)
    page.goto("/connections?project=00000000-0000-4000-8000-000000000000")
    told(page)


MOVED = """() => new Promise((done) => new PerformanceObserver((list) => done(
    list.getEntries().map(({ sources }) => sources.map(({ node }) => node?.textContent)).flat()
)).observe({ type: "layout-shift", buffered: true }) ?? setTimeout(() => done([]), 500))"""
"""What has moved on the page since it was opened."""


@pytest.mark.full
def test_nothing_moves_when_the_script_comes_late(open_page: OpenPage, wizard: Wizard) -> None:
    page = open_page(timezone_id=KOLKATA, viewport={"width": 390, "height": 800})
    FormPage.open(page).fill_in(name="late", access_token=NEVER_ANSWERED).submit.click()
    outcome = OutcomePage(page).page.url
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/times.js", hold)
    for address in (outcome, "/connections"):
        page.goto(address, wait_until="commit")
        expect(page.locator("time").first).to_have_text(re.compile(r"UTC$|\d{4}$"))
        expect(page.locator("h1")).to_be_visible()
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        held.pop().continue_()
        expect(page.locator("time").first).to_have_attribute("title", re.compile("UTC$"))
        assert page.evaluate(MOVED) == []
