"""Every page and state is walked to once, and what can be found out there is found out in that visit; and the looks see
what they must."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from .axe import look_at
from .looks import LOOKS, LOOKS_BEFORE_A_RELEASE, found_by
from .servers import Port
from .states import STATES, shown_in


@pytest.mark.parametrize("name", STATES)
def test_on_every_page_and_state_every_look_finds_nothing(
    name: str, one_page: Page, port: Port, tmp_path: Path
) -> None:
    with shown_in(STATES[name], one_page, port, tmp_path) as stage:
        found = found_by(LOOKS, stage)
    assert not found, "\n".join(found)


@pytest.mark.full
@pytest.mark.parametrize("name", STATES)
def test_nor_does_any_that_takes_long(name: str, one_page: Page, port: Port, tmp_path: Path) -> None:
    with shown_in(STATES[name], one_page, port, tmp_path) as stage:
        found = found_by(LOOKS_BEFORE_A_RELEASE, stage)
    assert not found, "\n".join(found)


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
