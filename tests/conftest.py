"""The wizard as tests meet it: on the sandbox or on an Infisical that a test writes, through a client that checks
every page."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pytest_socket import socket_allow_hosts
from werkzeug.test import TestResponse

from app import create_app
from app.sandbox import SandboxTransport, create_sandbox, prepare_database, sandbox_token
from app.settings import Settings

from .pages import PageUnderTest, read_page

FORM = "/connections/new/supabase"
HOST = "https://infisical.test"
PROJECT = "12735bda-1105-498c-bb98-028029b9c592"
SECRET_KEY = "a-made-up-key-for-tests-that-is-long-enough"

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def only_this_machine() -> None:
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


@dataclass
class Clock:
    """A wall clock that tests move."""

    now: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 11, 42, 7, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Visitor(FlaskClient):
    """A browser without JavaScript: every HTML page that it is shown must keep the rules of `pages.py`."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        response = super().open(*args, **kwargs)
        if response.mimetype == "text/html" and response.status_code not in (301, 302, 303, 307, 308):
            read_page(response.text)
        return response

    def page(self, url: str, *, status: int = 200) -> PageUnderTest:
        """The page at a URL, after redirects; with `status`, which is checked."""
        response = self.get(url, follow_redirects=True)
        assert response.status_code == status, (url, response.status_code, response.text[:500])
        return read_page(response.text)

    def fill_in(self, url: str = FORM, **fields: str | None) -> TestResponse:
        """Opens the form, fills it in and submits it; None leaves a field out."""
        page = self.page(url)
        return self.submit(page, **fields)

    def submit(self, page: PageUnderTest, **fields: str | None) -> TestResponse:
        """Submits a form that was opened before, as a browser would: what stands in it, and what is typed now."""
        data: dict[str, Any] = page.hidden_fields()
        data.update({name: page.field(name) for name in ("name", "description", "instance_url")})
        data.update(fields)
        return self.post(FORM, data={name: value for name, value in data.items() if value is not None})


@dataclass
class Sandbox:
    """The sandbox behind the wizard, and what the wizard sent to it."""

    app: Flask
    clock: Clock
    slept: list[float]
    sent: list[httpx.Request]

    @property
    def creates(self) -> list[httpx.Request]:
        return [
            request
            for request in self.sent
            if request.method == "POST" and "app-connections" in request.url.path
        ]


class Recording(httpx.BaseTransport):
    """Writes down each request on its way to another transport."""

    def __init__(self, inner: httpx.BaseTransport, sent: list[httpx.Request]) -> None:
        self._inner = inner
        self._sent = sent

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._sent.append(request)
        return self._inner.handle_request(request)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(tmp_path: Path, clock: Clock) -> Sandbox:
    """The wizard on a sandbox of its own; whatever it would wait for passes at once, on the test's clock."""
    database = tmp_path / "sandbox.sqlite"
    prepare_database(database)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.passes(seconds)

    sent: list[httpx.Request] = []
    transport = Recording(SandboxTransport(create_sandbox(database, clock=clock), sleep=sleep), sent)
    app = create_app(
        Settings.load({}, None),
        data=database,
        secret_key=SECRET_KEY,
        transport=transport,
        clock=clock,
        monotonic=clock.monotonic,
    )
    return Sandbox(app=app, clock=clock, slept=slept, sent=sent)


@pytest.fixture
def visitor(sandbox: Sandbox) -> Iterator[Visitor]:
    client = visit(sandbox.app)
    with client:
        yield client


def visit(app: Flask) -> Visitor:
    """A new browser at a running wizard."""
    app.test_client_class = Visitor
    app.testing = False
    client = app.test_client()
    assert isinstance(client, Visitor)
    client.environ_base["HTTP_HOST"] = "localhost:8000"
    return client


@pytest.fixture
def wizard_at(clock: Clock) -> Callable[..., Visitor]:
    """A browser at a wizard whose Infisical is written by the test: each call is answered by `answer`."""

    def make(answer: Answer, **environ: str) -> Visitor:
        settings = Settings.load(
            {"INFISICAL_HOST": HOST, "INFISICAL_TOKEN": "made-up-token", **environ}, None
        )
        transport = httpx.MockTransport(answer)
        return visit(
            create_app(
                settings, secret_key=SECRET_KEY, transport=transport, clock=clock, monotonic=clock.monotonic
            )
        )

    return make


@pytest.fixture
def good_token() -> str:
    return sandbox_token()
