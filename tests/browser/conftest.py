"""One Chromium and one address of the wizard for all browser tests; each has a page of its own, watched for faults."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.programs import require

from .pages import stop_the_clock
from .servers import Command, Port, Wizard, open_port, running_command, running_wizard
from .watching import Watch

OpenPage = Callable[..., Page]

expect.set_options(timeout=15_000)

ONE_PROCESS = ("--process-per-site", "--renderer-process-limit=1", "--disable-site-isolation-trials")
"""Arguments of a Chromium whose pages share a process: starting one takes longer than most tests."""

A_WHILE = 600
"""Seconds after which what was tried before counts no more."""

USUAL: dict[str, Any] = {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}}

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
    arguments = [*ONE_PROCESS, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
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
    """The real command on the sandbox."""
    with running_command(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture(scope="session")
def port(chromium: Path) -> Iterator[Port]:
    """The address of every wizard but the command."""
    with open_port() as port:
        yield port


@pytest.fixture(scope="session")
def everybodys(port: Port, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wizard]:
    """The wizard of all tests that have none of their own. Its connections are shared: take names from `new_name`."""
    with running_wizard(port, tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def served() -> Iterator[ExitStack]:
    """What serves a test's pages is entered here: it ends after `open_page` has closed them, never before."""
    with ExitStack() as running:
        yield running


@pytest.fixture
def wizard(port: Port, everybodys: Wizard, tmp_path: Path, served: ExitStack) -> Wizard:
    """A wizard of the test's own, whose time the test moves."""
    return served.enter_context(running_wizard(port, tmp_path))


@pytest.fixture(scope="session")
def one_page(browser: Browser) -> Page:
    """A page that many tests use one after the other, since a new one takes longer than most of them."""
    return browser.new_context(**USUAL).new_page()


class Shared:
    """The contexts, with JavaScript and without, in which tests open their pages one after the other."""

    def __init__(self, browser: Browser, base_url: str) -> None:
        self._browser = browser
        self._base_url = base_url
        self._contexts: dict[str, BrowserContext] = {}

    def context(self, scripts: str) -> BrowserContext:
        """The context as a fresh one is, but for the files that the browser keeps."""
        context = self._contexts.get(scripts)
        if context is None:
            context = self._contexts[scripts] = self._browser.new_context(
                base_url=self._base_url, java_script_enabled=scripts == SCRIPTS[0], **USUAL
            )
            # While one page is open the browser keeps the process for the next.
            context.new_page()
        context.clear_cookies()
        context.clear_permissions()
        return context


@pytest.fixture(scope="session")
def shared(browser: Browser, port: Port) -> Shared:
    return Shared(browser, port.url)


@pytest.fixture
def watches() -> list[Watch]:
    """The watch over each context that the test opened."""
    return []


@pytest.fixture
def watch_over(
    everybodys: Wizard, watches: list[Watch], served: ExitStack
) -> Iterator[Callable[..., ExitStack]]:
    """Watches a context to the end of the test, which any fault fails; what is entered in the stack ends before."""
    # Nobody meets the limits for what others have tried.
    everybodys.clock.passes(A_WHILE)

    def watch(context: BrowserContext, base_url: str) -> ExitStack:
        watch = Watch(base_url)
        stack.enter_context(watch.over(context))
        watches.append(watch)
        return stack

    with ExitStack() as stack:
        yield watch
    faults = [fault for watch in watches for fault in watch.faults]
    assert not faults, "\n".join(faults)


@pytest.fixture
def open_page(browser: Browser, port: Port, watch_over: Callable[..., ExitStack]) -> OpenPage:
    """Opens a page in a fresh context, with Playwright's options for one."""

    def open_one(**options: Any) -> Page:
        settled = {"base_url": port.url, **USUAL, **options}
        context = browser.new_context(**settled)
        watch_over(context, settled["base_url"]).enter_context(closing(context))
        return context.new_page()

    return open_one


@pytest.fixture
def open_stopped_page(open_page: OpenPage) -> OpenPage:
    """Opens a page whose time the test moves. It needs a fresh context, for all pages of one have the same time."""

    def open_one(**options: Any) -> Page:
        page = open_page(**options)
        stop_the_clock(page)
        return page

    return open_one


@pytest.fixture
def open_shared_page(
    shared: Shared, port: Port, watch_over: Callable[..., ExitStack]
) -> Callable[[str], Page]:
    """Opens a page with or without JavaScript in the context of all tests, which is much quicker."""

    def open_one(scripts: str) -> Page:
        context = shared.context(scripts)
        page = context.new_page()
        watch_over(context, port.url).enter_context(closing(page))
        return page

    return open_one


@pytest.fixture
def page(open_shared_page: Callable[[str], Page]) -> Page:
    return open_shared_page(SCRIPTS[0])


@pytest.fixture
def page_without_script(open_shared_page: Callable[[str], Page]) -> Page:
    return open_shared_page(SCRIPTS[1])


@pytest.fixture
def page_of_the_command(open_page: OpenPage, command: Command) -> Page:
    return open_page(base_url=command.url)


SCRIPTS = ("with JavaScript", "without JavaScript")

with_and_without_script = pytest.mark.parametrize("any_page", SCRIPTS, indirect=True)
"""Marks a test whose promise `make test` holds without JavaScript too; others do so in `make test-all`."""


@pytest.fixture(params=[SCRIPTS[0], pytest.param(SCRIPTS[1], marks=pytest.mark.full)])
def any_page(request: pytest.FixtureRequest, open_shared_page: Callable[[str], Page]) -> Page:
    return open_shared_page(request.param)


@pytest.fixture
def new_name() -> str:
    """A connection's name that no other test takes."""
    return f"made-in-a-browser-{next(_numbers)}"
