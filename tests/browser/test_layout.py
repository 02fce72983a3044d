"""Every page on a narrow screen and in both themes: nothing sticks out, and the focus can be seen on every control."""

from collections.abc import Callable
from typing import Any, Literal

import pytest
from playwright.sync_api import Page

from app.sandbox import sandbox_token

from .conftest import OpenPage
from .pages import CreatedPage, FormPage, OutcomePage
from .watching import Watch

LONGEST_NAME = "n" * 57


def address(path: str) -> Callable[[Page, str], None]:
    def go(page: Page, new_name: str) -> None:
        page.goto(path)

    return go


def refused(page: Page, new_name: str) -> None:
    form = FormPage.open(page)
    form.instance_url.fill(f"https://{'a-very-long-label-' * 3}x.your-domain.com/{'path/' * 20}")
    form.fill_in(name=f"My Connection {new_name}", access_token=f"{sandbox_token()} x").submit.click()
    form.summary.wait_for()


def created(page: Page, new_name: str) -> None:
    form = FormPage.open(page)
    form.fill_in(name=f"{new_name}-{LONGEST_NAME}"[:64], description="d" * 255).submit.click()
    CreatedPage(page)


def unanswered(page: Page, new_name: str) -> None:
    since = "2026-11-23T11:42:07Z"
    page.goto("/")
    page.goto(
        page.url.replace("/connections?", "/connections/new/supabase/outcome?")
        + f"&name={LONGEST_NAME}&since={since}&description=d&stop=1"
    )
    OutcomePage(page)


PAGES: dict[str, Callable[[Page, str], None]] = {
    "list": address("/connections"),
    "list without a match": address("/connections?q=there-is-no-such-connection"),
    "empty list": address("/connections?project=22e8b3d5-6a1f-4c7b-8d4e-3f9a8b7c6d5e"),
    "projects": address("/projects"),
    "choose": address("/connections/new?all=1"),
    "token": address("/connections/new/supabase/token"),
    "form": address("/connections/new/supabase"),
    "refused form": refused,
    "created": created,
    "no answer": unanswered,
    "problem": address("/connections?project=there-is-no-such-project"),
    "no such page": address("/there-is-no-such-page"),
    "sandbox": address("/sandbox"),
}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

# What sticks out of the page at its right edge, unless it stands in something that scrolls by itself.
STICKING_OUT = """() => {
  const wide = document.documentElement.clientWidth;
  const scrolls = (e) => e !== document.body && (getComputedStyle(e).overflowX !== 'visible' || scrolls(e.parentElement));
  const out = [...document.body.querySelectorAll('*')].filter((e) => e.checkVisibility()
    && e.getBoundingClientRect().right > wide + 0.5 && !scrolls(e.parentElement));
  return { wider: document.documentElement.scrollWidth - wide,
           out: out.map((e) => e.outerHTML.slice(0, 120)) };
}"""

# The control that has the focus, and whether an outline is drawn round it, round what it covers, or round its label.
FOCUSED = """() => {
  const at = document.activeElement;
  const drawn = [[at], [at, '::after'], [at.closest('label') ?? at]].map((where) => getComputedStyle(...where))
    .some((style) => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
      && !/transparent|, 0\\)$/.test(style.outlineColor));
  const box = at.getBoundingClientRect();
  const seen = box.width > 1 && box.height > 1 && box.bottom > 0 && box.top < innerHeight;
  window.visited ??= new Set();
  // A date field has several stops of its own.
  const again = at === window.last && at.type === 'date';
  const over = window.visited.has(at) && !again;
  window.visited.add(at);
  window.last = at;
  return { over, again, control: at !== document.body, drawn, seen, html: at.outerHTML.slice(0, 160) };
}"""


# What Tab may reach; of a group of radio buttons it is the chosen one.
REACHABLE = """() => [...document.querySelectorAll('a[href], button, input, textarea, select, summary, [tabindex="0"]')]
  .filter((e) => e.tabIndex >= 0 && e.checkVisibility() && (e.type !== 'radio' || e.checked)).length"""

MORE_THAN_ANY_PAGE_HAS = 150


@pytest.fixture(params=PAGES)
def show(request: pytest.FixtureRequest, watches: list[Watch], new_name: str) -> Callable[[Page], None]:
    """Brings one of the pages onto a browser's page."""

    def bring(page: Page) -> None:
        watches[-1].expect({403, 404})
        PAGES[request.param](page, new_name)

    return bring


def test_no_page_is_wider_than_a_narrow_screen(open_page: OpenPage, show: Callable[[Page], None]) -> None:
    page = open_page(viewport={"width": 320, "height": 640})
    show(page)
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        assert page.evaluate(STICKING_OUT) == {"wider": 0, "out": []}, theme


def test_tab_visits_every_control_once_and_each_shows_its_focus(
    page: Page, show: Callable[[Page], None]
) -> None:
    show(page)
    visited = controls_of(page)
    assert len(visited) == page.evaluate(REACHABLE) > 2
    assert not [control["html"] for control in visited if not (control["drawn"] and control["seen"])]


def controls_of(page: Page) -> list[dict[str, Any]]:
    """What Tab visits until it comes round: a refused form begins in the middle, and past the end is the start."""
    visited: list[dict[str, Any]] = []
    while len(visited) < MORE_THAN_ANY_PAGE_HAS:
        page.keyboard.press("Tab")
        control = page.evaluate(FOCUSED)
        if control["over"]:
            return visited
        if control["control"] and not control["again"]:
            visited.append(control)
    raise AssertionError("Tab does not come to an end")


def test_each_theme_has_its_ground_and_its_focus_ring(page: Page) -> None:
    form = FormPage.open(page)
    form.name.focus()
    drawn = {}
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        drawn[theme] = ground, form.name.evaluate("element => getComputedStyle(element).outlineColor")
    assert drawn == {
        "light": ("rgb(246, 247, 249)", "rgb(11, 107, 77)"),
        "dark": ("rgb(14, 16, 20)", "rgb(95, 211, 166)"),
    }


def test_without_its_stylesheet_a_page_can_be_read(page: Page, watches: list[Watch]) -> None:
    """Whoever is refused at the door gets none, nor does somebody whose network drops it."""
    watches[-1].expect({404})
    page.route("**/*.css", lambda route: route.fulfill(body="", content_type="text/css"))
    for path in ("/nowhere", "/connections"):
        page.goto(path)
        sizes = page.locator("svg.icon:visible").evaluate_all(
            "icons => icons.map((icon) => icon.getBoundingClientRect()).map(({ width, height }) => [width, height])"
        )
        assert sizes
        assert all(size == [20, 20] for size in sizes), path
