"""What the wizard costs: bytes and requests of each page and of the whole way, cold; what is kept is not asked again.

Infisical's own dashboard takes 11.2 MB and 368 requests from the log-in to the created connection.
"""

import gzip
import re
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import Page

from app.core.templating import STATIC
from tests.sandbox.world import PAYMENTS_ID, WEBSHOP_ID

from .conftest import OpenPage
from .pages import ChoosePage, CreatedPage, FormPage, ListPage, OpenedPage, TokenPage
from .servers import Wizard, running_wizard
from .watching import Watch
from .weighing import Scales

Opened = TypeVar("Opened", bound=OpenedPage)

WHOLE_WAY = 200_000
REQUESTS_OF_THE_WAY = 40
ONE_PAGE = 80_000
REQUESTS_OF_A_PAGE = 12
STYLESHEET = 12_000
JAVASCRIPT = 10_000
"""Bytes and requests at most; those of the stylesheet and the scripts are counted as gzip packs them."""

PAGES = {
    "list": "/connections",
    "empty list": f"/connections?project={WEBSHOP_ID}",
    "projects": "/projects",
    "choose": "/connections/new",
    "every app": "/connections/new?all=1",
    "token": "/connections/new/supabase/token",
    "form": "/connections/new/supabase",
    "own page": "/connections/supabase/44a0d5f7-8c3b-4e9d-8f6a-5b1c0d9e8f70",
    "no answer": f"/connections/new/supabase/outcome?project={PAYMENTS_ID}&name=late&since=2026-11-23T11:41:07Z",
    "no such page": "/there-is-no-such-page",
    "sandbox": "/sandbox",
}


@pytest.fixture
def scales() -> Scales:
    return Scales()


@pytest.fixture
def weighed(chromium: Path, tmp_path: Path, scales: Scales, served: ExitStack) -> Wizard:
    return served.enter_context(running_wizard(tmp_path, behind=scales.behind))


@pytest.fixture
def cold(open_page: OpenPage, weighed: Wizard) -> Page:
    """A page in a browser that has nothing of the wizard's in its cache."""
    return open_page(base_url=weighed.url)


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


def test_the_way_from_the_list_to_the_created_connection_is_light(cold: Page, scales: Scales) -> None:
    whole_way(cold)
    assert not [answer for answer in scales.answers if "Content-Encoding" in answer.headers]
    assert scales.weight <= WHOLE_WAY, scales
    assert len(scales.answers) <= REQUESTS_OF_THE_WAY, scales


@pytest.mark.parametrize("name", PAGES)
def test_each_page_is_light(cold: Page, watches: list[Watch], scales: Scales, name: str) -> None:
    watches[-1].expect({404})
    cold.goto(PAGES[name])
    cold.wait_for_load_state("networkidle")
    assert scales.weight <= ONE_PAGE, scales
    assert len(scales.answers) <= REQUESTS_OF_A_PAGE, scales


def test_static_files_are_kept_for_a_year_and_not_asked_for_again(cold: Page, scales: Scales) -> None:
    whole_way(cold)
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


def packed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes()))
