"""Writes down whatever a browser saw that no page of ours may cause: errors, failed requests, other hosts."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response, WebError

REFUSED_FORM = 422
"""The one failing status that a page may have without a test asking for it: a refused form is a page like others."""


@dataclass
class Watch:
    """What went wrong in one browser context whose pages must all come from `origin`.

    `expected` are statuses that a test asks a page for. A request that the browser itself gave up, because the
    person moved on, is no fault.
    """

    origin: str
    expected: set[int] = field(default_factory=lambda: {REFUSED_FORM})
    faults: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def over(self, context: BrowserContext) -> Iterator[None]:
        """Watches the context's pages as long as this lasts."""
        events: dict[Any, Any] = {
            "console": self._console,
            "weberror": self._page_error,
            "request": self._request,
            "requestfailed": self._failed,
            "response": self._response,
        }
        for event, note in events.items():
            context.on(event, note)
        yield
        for event, note in events.items():
            context.remove_listener(event, note)

    def expect(self, statuses: Iterable[int]) -> None:
        self.expected.update(statuses)

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium repeats every failing status here; `_response` judges those.
        repeated = message.text.startswith("Failed to load resource: the server responded with a status of")
        if message.type in ("error", "warning") and not repeated:
            self.faults.append(f"console {message.type}: {message.text}")

    def _page_error(self, error: WebError) -> None:
        self.faults.append(f"uncaught: {error.error.message}")

    def _request(self, request: Request) -> None:
        told = urlsplit(request.url)
        if f"{told.scheme}://{told.netloc}" != self.origin:
            self.faults.append(f"another host was asked: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"{request.method} {request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        request = response.request
        # A form that the script sends is answered with a page as well.
        sent = (request.resource_type, request.method) == ("fetch", "POST")
        page = sent or request.is_navigation_request()
        if response.status >= 400 and not (page and response.status in self.expected):
            self.faults.append(f"{request.method} {response.url}: {response.status}")
