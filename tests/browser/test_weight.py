"""What the whole way costs, cold: bytes and requests; what is kept is not asked again. Each page is weighed in looks.py.

Infisical's own dashboard takes 11.2 MB and 368 requests from the log-in to the created connection.
"""

import gzip
import re
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import Page, expect

from app.core.templating import STATIC

from .conftest import OpenPage
from .pages import (
    ChoosePage,
    CreatedPage,
    FormPage,
    ListPage,
    OpenedPage,
    SyncFormPage,
    SyncPage,
    SyncReviewPage,
    TokenPage,
)
from .servers import Port, Wizard, running_wizard
from .weighing import Scales

Opened = TypeVar("Opened", bound=OpenedPage)

WHOLE_WAY = 200_000
REQUESTS_OF_THE_WAY = 40
WAY_OF_A_SYNC = 120_000
REQUESTS_OF_A_SYNC = 25
STYLESHEET = 12_000
JAVASCRIPT = 10_000
"""Bytes and requests at most; those of the stylesheet and the scripts are counted as gzip packs them."""


@pytest.fixture
def scales() -> Scales:
    return Scales()


@pytest.fixture
def weighed(port: Port, everybodys: Wizard, tmp_path: Path, scales: Scales, served: ExitStack) -> Wizard:
    return served.enter_context(running_wizard(port, tmp_path, behind=scales.behind))


@pytest.fixture
def cold(open_page: OpenPage, weighed: Wizard) -> Page:
    """A page in a browser that has nothing of the wizard's in its cache."""
    return open_page()


def settled(opened: Opened) -> Opened:
    """The page once it has loaded all that it wants, its icon included."""
    opened.page.wait_for_load_state("networkidle")
    return opened


def whole_way(page: Page) -> None:
    """From the list to the created connection, as a person goes it."""
    settled(ListPage.open(page)).add.click()
    settled(ChoosePage(page)).supabase.click()
    settled(TokenPage(page)).have_token.click()
    settled(FormPage(page)).fill_in(name="weighed", description="For the shop").submit.click()
    settled(CreatedPage(page))


def test_the_way_from_the_list_to_the_created_connection_is_light_and_asks_for_each_file_once(
    cold: Page, scales: Scales
) -> None:
    whole_way(cold)
    assert not [answer for answer in scales.answers if "Content-Encoding" in answer.headers]
    assert scales.weight <= WHOLE_WAY, scales
    assert len(scales.answers) <= REQUESTS_OF_THE_WAY, scales
    asked = [answer.path for answer in scales.statics]
    assert len(asked) > 3
    assert sorted(asked) == sorted(set(asked))
    assert [path for path in asked if not re.match(r"/static/[0-9a-f]{12}/", path)] == []
    kept = {answer.headers["Cache-Control"] for answer in scales.statics}
    assert kept == {"public, max-age=31536000, immutable"}


def test_there_is_one_small_stylesheet_and_little_javascript() -> None:
    (stylesheet,) = STATIC.rglob("*.css")
    assert packed(stylesheet) <= STYLESHEET
    scripts = {path.name: packed(path) for path in STATIC.rglob("*.js")}
    assert sum(scripts.values()) <= JAVASCRIPT, scripts


def test_four_clicks_from_a_created_connection_to_a_sync_that_runs_are_light(
    open_page: OpenPage, weighed: Wizard, scales: Scales
) -> None:
    first = open_page()
    FormPage.open(first).fill_in(name="to-sync").submit.click()
    leads_to = CreatedPage(first).link(re.compile("^Sync secrets$")).get_attribute("href") or ""
    scales.answers.clear()
    # Whoever clicks it has these pages' files; here they are asked for anew.
    cold = open_page()
    cold.goto(leads_to)
    form = settled(SyncFormPage(cold))
    form.project.select_option("webshopstagingabcdef")
    form.review.click()
    settled(SyncReviewPage(cold)).create.click()
    expect(SyncPage(cold).status).to_have_attribute("data-status", "pending")
    settled(SyncPage(cold))
    assert scales.weight <= WAY_OF_A_SYNC, scales
    assert len(scales.answers) <= REQUESTS_OF_A_SYNC, scales


def packed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes()))
