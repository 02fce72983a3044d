"""Every page and state at 400 % zoom, on a screen of 320 px, and with wider text: nothing sticks out, is cut or is lost."""

from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize

ZOOMED: ViewportSize = {"width": 320, "height": 256}
"""A window of 1280 × 1024 at 400 %, in CSS pixels (WCAG 2.2, 1.4.10)."""

WIDER_TEXT = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('* {line-height:1.5 !important; letter-spacing:.12em !important; word-spacing:.16em !important}'
    + 'p {margin-bottom:2em !important}');
  document.adoptedStyleSheets = [sheet];
}"""
"""The text spacing that people may set for themselves (WCAG 2.2, 1.4.12)."""

USUAL_TEXT = "() => { document.adoptedStyleSheets = []; }"

# What sticks out at the right, and text that is cut off, unless it stands in something that scrolls by itself.
LOST = """() => {
  const wide = document.documentElement.clientWidth;
  const scrolls = (e) => e !== document.body && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  const unseen = (e) => !!e.closest('.unseen') || getComputedStyle(e).clipPath !== 'none'
    || (e.parentElement && e.parentElement !== document.body && unseen(e.parentElement));
  const told = (e) => e.outerHTML.slice(0, 120);
  const all = [...document.body.querySelectorAll('*')].filter((e) => e.checkVisibility() && !e.ownerSVGElement && !unseen(e));
  const out = all.filter((e) => e.getBoundingClientRect().right > wide + 0.5 && !scrolls(e.parentElement));
  const cut = all.filter((e) => /hidden|clip/.test(getComputedStyle(e).overflow) && e.innerText?.trim()
    && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1));
  return { wider: Math.max(document.documentElement.scrollWidth - wide, 0), out: out.map(told), cut: cut.map(told) };
}"""

NOTHING = {"wider": 0, "out": [], "cut": []}


def test_at_400_percent_zoom_nothing_is_lost_and_nothing_scrolls_sideways(shown: Page) -> None:
    shown.set_viewport_size(ZOOMED)
    assert shown.evaluate(LOST) == NOTHING


@pytest.mark.parametrize("width", [1280, 360])
def test_wider_text_fits(shown: Page, width: int) -> None:
    shown.set_viewport_size({"width": width, "height": 800})
    shown.evaluate(WIDER_TEXT)
    lost: dict[str, Any] = shown.evaluate(LOST)
    shown.evaluate(USUAL_TEXT)
    assert lost == NOTHING


# Where the focus has come, and whether a person can see it: in view, or so much of it as fits, and nothing lies over it.
FOCUSED = """() => {
  const at = document.activeElement;
  if (at === document.body) return null;
  // A date has several stops of Tab inside.
  const over = at !== window.visited.at(-1) && window.visited.includes(at);
  window.visited.push(at);
  const label = at.matches('[type=radio], [type=checkbox]') ? at.closest('label') : null;
  const rects = [...(label ?? at).getClientRects()].filter((rect) => rect.width > 1 && rect.height > 1);
  const seen = rects.some(({left, top, right, bottom}) => {
    const [first, last] = [Math.max(top, 0), Math.min(bottom, innerHeight)];
    if (left < 0 || right > innerWidth + 1 || last - first < Math.min(bottom - top, 16) - 1) return false;
    const hit = document.elementFromPoint(left + Math.min(8, (right - left) / 2), (first + last) / 2);
    return !!hit && (at.contains(hit) || hit.contains(at) || hit.closest('label')?.control === at);
  });
  return {over, seen, html: at.outerHTML.slice(0, 160)};
}"""

MORE_THAN_ANY_PAGE_HAS = 150


@pytest.mark.parametrize("size", [{"width": 1280, "height": 800}, ZOOMED], ids=["1280 px", "400 %"])
def test_whatever_has_the_focus_is_in_view_and_not_covered(shown: Page, size: ViewportSize) -> None:
    shown.set_viewport_size(size)
    shown.evaluate("() => { window.visited = []; document.activeElement.blur(); }")
    for _ in range(MORE_THAN_ANY_PAGE_HAS):
        shown.keyboard.press("Tab")
        focused = shown.evaluate(FOCUSED)
        if focused is None:
            continue
        if focused["over"]:
            return
        assert focused["seen"], focused
    raise AssertionError("Tab does not come to an end")
