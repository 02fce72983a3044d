"""One Chromium and one running command for all browser tests; a fresh browser context for each, watched for faults."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.programs import require

from .servers import Command, Wizard, running_command, running_wizard
from .watching import Watch

OpenPage = Callable[..., Page]

expect.set_options(timeout=15_000)

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The Chromium to drive. Without one these tests are skipped, and under CI=true they fail."""
    return require("chromium")


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Browser]:
    arguments = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=arguments,
            # People's browsers keep the page that Back returns to, as it was left; so must this one.
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def command(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """The real command on the sandbox. Its connections are shared by all tests: take names from `new_name`."""
    with running_command(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def served() -> Iterator[ExitStack]:
    """What serves a test's pages is entered here: it ends after `open_page` has closed them, never before."""
    with ExitStack() as running:
        yield running


@pytest.fixture
def wizard(chromium: Path, tmp_path: Path, served: ExitStack) -> Wizard:
    """A wizard of the test's own, whose time the test moves."""
    return served.enter_context(running_wizard(tmp_path))


@pytest.fixture(scope="session")
def one_page(browser: Browser) -> Page:
    """A page that many tests use one after the other, since a new one takes longer than most of them."""
    return browser.new_context(viewport={"width": 1280, "height": 800}).new_page()


@pytest.fixture
def watches() -> list[Watch]:
    """The watch over each context that the test opened."""
    return []


@pytest.fixture
def open_page(
    browser: Browser, command: Command, watches: list[Watch], served: ExitStack
) -> Iterator[OpenPage]:
    """Opens a page in a fresh context, with Playwright's options for one; any fault fails the test at its end."""

    def open_one(**options: Any) -> Page:
        usual = {"base_url": command.url, "color_scheme": "light", "viewport": {"width": 1280, "height": 800}}
        settled = {**usual, **options}
        context = browser.new_context(**settled)
        watch = Watch(str(settled["base_url"]))
        contexts.enter_context(watch.over(context))
        contexts.enter_context(closing(context))
        watches.append(watch)
        return context.new_page()

    with ExitStack() as contexts:
        yield open_one
    faults = [fault for watch in watches for fault in watch.faults]
    assert not faults, "\n".join(faults)


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page()


@pytest.fixture
def page_without_script(open_page: OpenPage) -> Page:
    return open_page(java_script_enabled=False)


SCRIPTS = ("with JavaScript", "without JavaScript")

with_and_without_script = pytest.mark.parametrize("any_page", SCRIPTS, indirect=True)
"""Marks a test whose promise `make test` holds without JavaScript too; others do so in `make test-all`."""


@pytest.fixture(params=[SCRIPTS[0], pytest.param(SCRIPTS[1], marks=pytest.mark.full)])
def any_page(request: pytest.FixtureRequest, open_page: OpenPage) -> Page:
    return open_page(java_script_enabled=request.param == "with JavaScript")


@pytest.fixture
def new_name() -> str:
    """A connection's name that no other test takes."""
    return f"made-in-a-browser-{next(_numbers)}"
