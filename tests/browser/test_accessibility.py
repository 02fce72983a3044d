"""Every page and state with axe, in forced colours and without motion; what it waits for and finds is announced."""

from itertools import product

import pytest
from playwright.sync_api import Page

from .axe import look_at
from .palette import THEMES

WIDTHS = (1280, 360)

# Colours are decided in test_contrast.py, by the palette: axe gives up where one element lies over another.
DECIDED_ELSEWHERE = {"color-contrast"}


def test_axe_finds_nothing(shown: Page) -> None:
    found: list[str] = []
    for width, theme in product(WIDTHS, THEMES):
        shown.set_viewport_size({"width": width, "height": 800})
        shown.emulate_media(color_scheme=theme)
        told = look_at(shown)
        undecided = [finding for finding in told.incomplete if finding.rule not in DECIDED_ELSEWHERE]
        found += [f"{theme}, {width} px: {finding}" for finding in (*told.violations, *undecided)]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    ("deed", "rule"),
    [
        ("main.append(new Image())", "image-alt"),
        ("main.append(document.createElement('input'))", "label"),
        ("main.querySelector('p').style.color = '#ccc'", "color-contrast"),
        ("main.querySelector('h1').remove()", "page-has-heading-one"),
    ],
)
def test_axe_sees_what_is_wrong(page: Page, deed: str, rule: str) -> None:
    page.goto("/sandbox")
    page.evaluate(f"() => {{ const main = document.querySelector('main'); {deed} }}")
    assert rule in {finding.rule for finding in look_at(page).violations}
