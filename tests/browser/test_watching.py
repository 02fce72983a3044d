"""The watch itself: what it must see, it sees."""

import pytest
from playwright.sync_api import Page

from .watching import Watch

PATIENCE_MS = 20_000
BETWEEN_LOOKS_MS = 20


@pytest.fixture
def watched(page: Page) -> Page:
    page.goto("/sandbox")
    return page


@pytest.fixture
def watch(watched: Page, watches: list[Watch]) -> Watch:
    """The watch over the page, taken from those that judge the test: its faults are the test's own doing."""
    return watches.pop()


def tells(watch: Watch, fault: str, watched: Page) -> bool:
    """Whether the watch tells of the fault: at once or later, since a browser tells what it saw in its own time."""
    for _ in range(PATIENCE_MS // BETWEEN_LOOKS_MS):
        if fault in "\n".join(watch.faults):
            return True
        watched.wait_for_timeout(BETWEEN_LOOKS_MS)
    return False


def test_it_sees_no_fault_on_a_good_page(watched: Page, watches: list[Watch]) -> None:
    assert watches[-1].faults == []


@pytest.mark.parametrize(
    ("deed", "fault"),
    [
        ("setTimeout(() => { throw new Error('broken') })", "uncaught: broken"),
        ("console.error('broken')", "console error: broken"),
        ("document.body.setAttribute('style', 'color: red')", "Content Security Policy"),
        ("document.body.append(Object.assign(new Image(), {src: 'https://infisical.test/a.png'}))", "https"),
        ("fetch('/there-is-no-such-page')", "/there-is-no-such-page: 404"),
    ],
)
def test_it_sees_what_no_page_may_do(watched: Page, watch: Watch, deed: str, fault: str) -> None:
    watched.evaluate(f"() => {{ {deed} }}")
    assert tells(watch, fault, watched), watch.faults


def test_it_sees_a_page_that_fails(watched: Page, watch: Watch) -> None:
    watched.goto("/there-is-no-such-page")
    assert tells(watch, "/there-is-no-such-page: 404", watched), watch.faults
