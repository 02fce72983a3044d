"""A page in one state, at a wizard of its own: what states are made of."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from playwright.sync_api import Page, expect

from tests.sandbox.world import PAYMENTS_ID

from .pages import FormPage
from .servers import Port, Wizard, running_wizard
from .watching import Watch
from .weighing import Scales

NAME = "payments-supabase-shop"
LONGEST_NAME = "n" * 64
STATUSES_OF_PROBLEMS = (400, 403, 404, 409, 429, 502, 503, 504)
DESCRIPTION = "For the shop. Ask the platform team."
ONE_PAGE = 80_000
"""Bytes that a page may cost at most where nothing of it is in the browser's cache."""

Say = Callable[[httpx.Request], httpx.Response | None]


@dataclass
class Upstream(httpx.BaseTransport):
    """Infisical and Supabase: the sandbox, but for what `say` answers in its place."""

    inner: httpx.BaseTransport
    say: Say = lambda _: None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.say(request) or self.inner.handle_request(request)


@dataclass
class Stage:
    """A browser's page at a wizard of its own, whose time moves and whose Infisical says what the state needs."""

    page: Page
    wizard: Wizard
    scales: Scales = field(default_factory=Scales)
    """What the wizard has sent, where it is weighed."""
    most: int = ONE_PAGE
    upstream: Upstream = field(init=False)

    def __post_init__(self) -> None:
        self.upstream = Upstream(self.wizard.backend.inner)
        self.wizard.backend.inner = self.upstream

    def go(self, path: str, **query: str) -> None:
        self.page.goto(f"{self.wizard.url}{path}{'?' if query else ''}{urlencode(query)}")

    def form(self, project: str = PAYMENTS_ID) -> FormPage:
        self.go("/connections/new/supabase", project=project)
        return FormPage(self.page)

    def answers(self, path: str, status: int, told: Any) -> None:
        """From now on requests whose host and path end so are answered like this."""

        def say(request: httpx.Request) -> httpx.Response | None:
            asked = f"{request.url.host}{request.url.path}"
            return httpx.Response(status, json=told) if asked.endswith(path) else None

        self.upstream.say = say

    def create(self, *, access_token: str | None = None, **fields: str) -> None:
        """Fills in the form and presses the button."""
        form = self.form()
        form.fill_in(name=NAME, description=DESCRIPTION, access_token=access_token)
        for name, text in fields.items():
            self.page.locator(f"#{name}").fill(text)
        form.submit.click()


Way = Callable[[Stage], object]


@dataclass(frozen=True, slots=True)
class State:
    """A page in one state: the way there, the settings of the wizard that shows it, and how many bytes it may cost at most
    in a browser that has nothing. What is `like` another is looked at before a release."""

    way: Way
    environ: Mapping[str, str] = field(default_factory=dict)
    most: int = ONE_PAGE
    like: str = ""


def told(status: int, error: str, message: str) -> dict[str, Any]:
    """The body of one of Infisical's refusals."""
    return {"reqId": "req-made-up", "statusCode": status, "error": error, "message": message}


def problem(slug: str) -> Callable[[Page], None]:
    return lambda page: expect(page.locator(f"main[data-problem={slug}]")).to_be_visible()


@contextlib.contextmanager
def shown_in(state: State, page: Page, port: Port, folder: Path) -> Iterator[Stage]:
    """The page in that state, on a wizard of its own; any fault fails at the end. Others may have used the page."""
    scales = Scales()
    with running_wizard(port, folder, environ=state.environ, behind=scales.behind) as wizard:
        page.context.clear_cookies()
        # What others have loaded must not be missing on the scales.
        page.context.new_cdp_session(page).send("Network.clearBrowserCache")
        watch = Watch(wizard.url)
        watch.expect(STATUSES_OF_PROBLEMS)
        with watch.over(page.context):
            stage = Stage(page, wizard, scales, state.most)
            state.way(stage)
            yield stage
        # A page that asks for nothing by itself; for an empty one the browser would start another process.
        page.goto(f"{wizard.url}/healthz")
    assert not watch.faults, "\n".join(watch.faults)
