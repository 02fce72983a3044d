"""Colours that meet on a page contrast enough, in both themes; this settles what axe cannot decide about them."""

import re

import pytest
from playwright.sync_api import Page

from .palette import THEMES, Pair, ThemeName, contrast, edges_on, outside_the_palette, texts_on, themes

TEXT = 4.5
"""The least contrast of a text with its ground (WCAG 2.2, 1.4.3)."""

EDGE = 3.0
"""The least contrast of a border, a focus ring or a line that means something (WCAG 2.2, 1.4.11)."""

TEXTS: frozenset[Pair] = frozenset(
    (front, ground)
    for front, grounds in {
        "text": ("page", "surface", "sunken", "hover", "fill", "tint", "warning-tint"),
        "muted": ("page", "surface", "sunken", "hover", "warning-tint"),
        "accent": ("page", "surface", "sunken", "hover", "tint", "warning-tint"),
        "accent-hover": ("page", "surface", "hover", "warning-tint"),
        "on-accent": ("accent", "accent-hover"),
        "danger": ("surface", "sunken", "danger-tint"),
        "warning": ("surface", "warning-tint"),
    }.items()
    for ground in grounds
)
"""Every text and icon with the ground that it stands on, also under the mouse."""

EDGES: frozenset[Pair] = frozenset(
    (line, ground)
    for line, grounds in {
        "border": ("page", "surface", "hover", "warning-tint"),
        "accent": ("page", "surface", "sunken", "hover", "tint", "warning-tint"),
        "accent-hover": ("page", "surface"),
        "danger": ("page", "surface"),
        "warning": ("page", "surface"),
        "on-accent": ("accent",),
        "drawn": ("page", "surface", "sunken"),
        "muted": ("page", "surface", "fill"),
    }.items()
    for ground in grounds
)
"""Borders of fields and buttons, the focus ring (accent) beside whatever it is drawn on, the tick in a box (on-accent),
lines of drawings (drawn), and the bar of the time that passed (muted, with its mark)."""


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("pairs", "least"), [(TEXTS, TEXT), (EDGES, EDGE)], ids=["texts", "edges"])
def test_what_stands_together_contrasts(theme: ThemeName, pairs: frozenset[Pair], least: float) -> None:
    colours = themes()[theme]
    ratios = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: round(ratio, 2) for pair, ratio in ratios.items() if ratio < least} == {}


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


def test_no_text_stands_on_a_ground_that_is_not_in_the_table(shown: Page) -> None:
    for theme, colours in themes().items():
        shown.emulate_media(color_scheme=theme)
        texts = texts_on(shown, colours)
        assert texts
        assert [(theme, text) for text in texts if not text.pairs & TEXTS] == []


def test_no_control_has_an_edge_that_is_not_in_the_table(shown: Page) -> None:
    for theme, colours in themes().items():
        shown.emulate_media(color_scheme=theme)
        assert [(theme, edge) for edge in edges_on(shown, colours) if not edge.pairs & EDGES] == []
