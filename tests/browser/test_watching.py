"""The watch itself: what it must see, it sees."""

import pytest
from playwright.sync_api import Page

from .conftest import OpenPage
from .watching import Watch


@pytest.fixture
def watched(open_page: OpenPage) -> Page:
    page = open_page()
    page.goto("/sandbox")
    return page


def told(watches: list[Watch]) -> str:
    """The faults so far, which are this test's own doing and are forgotten."""
    faults = "\n".join(watches[-1].faults)
    watches[-1].faults.clear()
    return faults


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
def test_it_sees_what_no_page_may_do(watched: Page, watches: list[Watch], deed: str, fault: str) -> None:
    watched.evaluate(f"() => {{ {deed} }}")
    # Whatever was seen has been told by the time a later request of the same page is answered.
    watched.evaluate("fetch('/healthz').then((answer) => answer.text())")
    assert fault in told(watches)


def test_it_sees_a_page_that_fails(watched: Page, watches: list[Watch]) -> None:
    watched.goto("/there-is-no-such-page")
    assert "/there-is-no-such-page: 404" in told(watches)
