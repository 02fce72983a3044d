"""Every page and state is walked to once, and what can be found out there is found out in that visit; and the looks see
what they must."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.programs import require

from .axe import look_at
from .looks import LOOKS, LOOKS_BEFORE_A_RELEASE, found_by
from .servers import Port
from .stage import shown_in
from .states import STATES


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.full if state.like else ()) for name, state in STATES.items()],
)
def test_on_every_page_and_state_every_look_finds_nothing(
    name: str, one_page: Page, port: Port, tmp_path: Path
) -> None:
    with shown_in(STATES[name], one_page, port, tmp_path) as stage:
        found = found_by(LOOKS, stage)
    assert not found, "\n".join(found)


SHOWING_MOST = (
    "list with two tokens marked",
    "refused with errors and a warning",
    "checks passed",
    "created, with its expiry",
    "sign in to one of several",
)
"""Together these have nearly every component."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SHOWING_MOST else pytest.mark.full) for name in STATES]
)
def test_nor_does_any_that_takes_long(name: str, one_page: Page, port: Port, tmp_path: Path) -> None:
    with shown_in(STATES[name], one_page, port, tmp_path) as stage:
        found = found_by(LOOKS_BEFORE_A_RELEASE, stage)
    assert not found, "\n".join(found)


# A list whose marks a stylesheet takes away is none for Safari unless its role says so.
KNOWN = "The “list” role is unnecessary for element “.l”."


@pytest.mark.full
def test_the_nu_checker_finds_every_page_valid(one_page: Page, port: Port, tmp_path: Path) -> None:
    checker = require("vnu")
    for number, (name, state) in enumerate(STATES.items()):
        folder = tmp_path / f"{number} {name}"
        folder.mkdir()
        with shown_in(state, one_page, port, folder) as stage:
            for at, document in enumerate(stage.scales.documents):
                (folder / f"{at}.html").write_text(document.text)
    # It starts once for all pages, for a Java takes long to start.
    done = subprocess.run(  # noqa: S603  # a program of ours
        (str(checker), "--skip-non-html", "--filterpattern", KNOWN, str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


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
