"""Colours that meet on a page contrast enough, in both themes; this settles what axe cannot decide about them."""

import re
from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page

from .pages import FormPage
from .palette import (
    EDGES,
    TEXTS,
    THEMES,
    Pair,
    Theme,
    ThemeName,
    contrast,
    outside_the_palette,
    themes,
    themes_of_more_contrast,
)
from .watching import Watch

TEXT = 4.5
"""The least contrast of a text with its ground (WCAG 2.2, 1.4.3)."""

EDGE = 3.0
"""The least contrast of a border, a focus ring or a line that means something (WCAG 2.2, 1.4.11)."""

MORE_TEXT = 7.0
MORE_EDGE = 4.5
"""The same for people whose system asks for more contrast (WCAG 2.2, 1.4.6; for edges WCAG names none)."""


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("pairs", "least"), [(TEXTS, TEXT), (EDGES, EDGE)], ids=["texts", "edges"])
def test_what_stands_together_contrasts(theme: ThemeName, pairs: frozenset[Pair], least: float) -> None:
    assert too_little(themes()[theme], pairs, least) == {}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("pairs", "least"), [(TEXTS, MORE_TEXT), (EDGES, MORE_EDGE)], ids=["texts", "edges"])
def test_more_of_it_where_the_system_asks_for_more(
    theme: ThemeName, pairs: frozenset[Pair], least: float
) -> None:
    assert too_little(themes_of_more_contrast()[theme], pairs, least) == {}


def too_little(colours: Theme, pairs: frozenset[Pair], least: float) -> dict[Pair, float]:
    ratios = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    return {pair: round(ratio, 2) for pair, ratio in ratios.items() if ratio < least}


def test_the_contrast_is_reckoned_as_wcag_says() -> None:
    assert contrast("#000000", "#ffffff") == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48
    assert contrast("#ffffff", "#767676") == pytest.approx(4.54, abs=0.005)


def test_both_themes_name_every_colour() -> None:
    light, dark = themes().values()
    assert light.keys() == dark.keys()
    assert len(light) > 20


def test_no_rule_has_a_colour_of_its_own() -> None:
    rules = re.sub(r"/\*.*?\*/", "", outside_the_palette(), flags=re.DOTALL)
    assert re.findall(r"#[0-9a-f]{3,8}\b(?![^{]*\{)|\b(?:rgb|hsl|oklch|color-mix)\(", rules) == []
    assert re.findall(r"opacity:(?!\s*1\b)[^;}]+", rules) == []


@pytest.mark.parametrize(
    ("named", "more"), [(themes, None), (themes_of_more_contrast, "more")], ids=["usual", "more"]
)
def test_each_theme_has_its_ground_and_its_focus_ring(
    page: Page, named: Callable[[], dict[ThemeName, Theme]], more: Literal["more"] | None
) -> None:
    form = FormPage.open(page)
    form.name.focus()
    for theme, colours in named().items():
        page.emulate_media(color_scheme=theme, contrast=more)
        muted = page.locator(".help").first.evaluate("element => getComputedStyle(element).color")
        assert muted == in_rgb(colours["muted"])
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == in_rgb(colours["page"])
        ring = form.name.evaluate("element => getComputedStyle(element).outlineColor")
        assert ring == in_rgb(colours["accent"])


def in_rgb(colour: str) -> str:
    red, green, blue = bytes.fromhex(colour[1:])
    return f"rgb({red}, {green}, {blue})"


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
