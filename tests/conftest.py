"""The wizard as tests meet it: on the sandbox or on an Infisical that a test writes, through a client that checks
every page."""

import functools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings as hypothesis_settings
from pytest_socket import socket_allow_hosts
from werkzeug.test import TestResponse

from app import create_app
from app.config import Settings
from app.infisical.client import Infisical
from app.sandbox import (
    SANDBOX_CLIENT_ID,
    SANDBOX_CLIENT_SECRET,
    SANDBOX_HOST,
    SandboxTransport,
    prepare_database,
    sandbox_token,
)

from .pages import PageUnderTest, read_page
from .sandbox.world import peopled_sandbox

FORM = "/connections/new/supabase"
HOST = "https://infisical.test"
PROJECT = "12735bda-1105-498c-bb98-028029b9c592"
SECRET_KEY = "a-made-up-key-for-tests-that-is-long-enough"

Answer = Callable[[httpx.Request], httpx.Response]


hypothesis_settings.register_profile("once", max_examples=10)
hypothesis_settings.register_profile("full", max_examples=100)


def pytest_configure(config: pytest.Config) -> None:
    """Of what hypothesis makes up `make test` tries a few, and `make test-all` many."""
    hypothesis_settings.load_profile("once" if "not full" in config.option.markexpr else "full")


# First, for pytest-xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for test in _products(items):
        _mark_what_shows_nothing_new(test)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_shares_a_process_with(item)))


def _products(items: list[pytest.Item]) -> Iterable[list[pytest.Function]]:
    """The tests that have parameters, those of one function together."""
    products: dict[str, list[pytest.Function]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            products.setdefault(item.nodeid.partition("[")[0], []).append(item)
    return products.values()


def _mark_what_shows_nothing_new(product: list[pytest.Function]) -> None:
    """Of a product of parameters `make test` runs as few as show each value of each of them once; the rest is full."""
    left = [item for item in product if not item.get_closest_marker("full")]
    shown: set[tuple[str, ...]] = set()
    # First those that show something new in every parameter, for then the fewest are needed.
    for shows_enough in (shown.isdisjoint, lambda values: not shown.issuperset(values)):
        for item in list(left):
            values = _values_of(item)
            if shows_enough(values):
                shown.update(values)
                left.remove(item)
    for item in left:
        item.add_marker(pytest.mark.full)


def _values_of(item: pytest.Function) -> set[tuple[str, ...]]:
    """What each parameter of a test is in this one; those that stand in one row of a table are one parameter."""
    rows = [
        str(mark.args[0] if isinstance(mark.args[0], str) else ",".join(mark.args[0]))
        for mark in item.iter_markers("parametrize")
    ]
    in_rows = [[name.strip() for name in row.split(",")] for row in rows]
    alone = [[name] for name in item.callspec.params if not any(name in row for row in in_rows)]
    return {tuple(f"{name}={item.callspec.params[name]!r}" for name in row) for row in (*in_rows, *alone)}


def _shares_a_process_with(item: pytest.Item) -> str:
    """What `--dist loadgroup` keeps together: the tests of one file. Those that walk to a state of a page share
    nothing with each other; they come last, and so no process is left with nothing to do."""
    alone = "one_page" in getattr(item, "fixturenames", ())
    return item.nodeid if alone else item.nodeid.partition("::")[0]


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


class Client(FlaskClient):
    """A browser without JavaScript: every HTML page that it is shown must keep the rules of `pages.py`."""

    scheme = "http"
    authority = "localhost"
    prefix = ""
    """Where the wizard is mounted."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        kwargs.setdefault("base_url", f"{self.scheme}://{self.authority}")
        if kwargs.get("method") == "POST":
            kwargs["headers"] = {"Sec-Fetch-Site": "same-origin", **dict(kwargs.get("headers") or {})}
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
        page = self.page(f"{self.prefix}{url}")
        return self.submit(page, **fields)

    def sign_in(
        self,
        page: PageUnderTest | None = None,
        *,
        client_id: str = SANDBOX_CLIENT_ID,
        client_secret: str = SANDBOX_CLIENT_SECRET,
    ) -> TestResponse:
        """Signs in with a machine identity, on the page where people sign in or on the one that was reached."""
        form = (page or self.page(f"{self.prefix}/sign-in")).hidden_fields("identity-form")
        data = {**form, "client_id": client_id, "client_secret": client_secret}
        return self.post(f"{self.prefix}/sign-in", data=data)

    def submit(self, page: PageUnderTest, **fields: str | None) -> TestResponse:
        """Submits a form that was opened before, as a browser would: what stands in it, and what is typed now."""
        data: dict[str, Any] = page.hidden_fields()
        data.update({name: page.field(name) for name in ("name", "description", "instance_url")})
        data.update(fields)
        return self.post(
            f"{self.prefix}{FORM}", data={name: value for name, value in data.items() if value is not None}
        )


@dataclass
class Sandbox:
    """The sandbox behind the wizard, what the wizard sent to it, and a client of somebody else's."""

    app: Flask
    clock: Clock
    slept: list[float]
    sent: list[httpx.Request]
    elsewhere: Infisical
    network: httpx.BaseTransport

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


@functools.cache
def _starting_data() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        prepare_database(Path(folder) / "sandbox.sqlite")
        return (Path(folder) / "sandbox.sqlite").read_bytes()


def new_database(folder: Path) -> Path:
    """The file of the sandbox in this folder, in its first state where there is none: a copy of one made before."""
    database = folder / "sandbox.sqlite"
    if not database.exists():
        database.write_bytes(_starting_data())
    return database


def sandbox_in(folder: Path, clock: Clock, **environ: str) -> Sandbox:
    """The wizard on a sandbox of its own; whatever it would wait for passes at once, on the test's clock."""
    database = new_database(folder)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.passes(seconds)

    sent: list[httpx.Request] = []
    network = SandboxTransport(peopled_sandbox(database, clock=clock), sleep=sleep)
    app = create_app(
        Settings.load(environ, None),
        data=database,
        secret_key=SECRET_KEY,
        transport=Recording(network, sent),
        clock=clock,
        monotonic=clock.monotonic,
    )
    elsewhere = Infisical(SANDBOX_HOST, auth=None, transport=network)
    return Sandbox(app=app, clock=clock, slept=slept, sent=sent, elsewhere=elsewhere, network=network)


@pytest.fixture
def sandbox(tmp_path: Path, clock: Clock) -> Sandbox:
    return sandbox_in(tmp_path, clock)


@pytest.fixture
def own_sandbox(tmp_path: Path, clock: Clock) -> Sandbox:
    """The wizard on a sandbox where each person signs in."""
    return sandbox_in(tmp_path, clock, CONNECT_ACCESS="sign-in")


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    client = new_client(sandbox.app)
    with client:
        yield client


def new_client(app: Flask) -> Client:
    """A new browser at a running wizard."""
    app.test_client_class = Client
    app.testing = False
    client = app.test_client()
    assert isinstance(client, Client)
    client.environ_base["HTTP_HOST"] = "localhost:8000"
    return client


def client_with_cookies(app: Flask, raw_cookies: str) -> Client:
    """A browser that sends these cookies, letter by letter, and keeps none.

    Werkzeug's client puts the cookies that it keeps in the place of any that a single request is given.
    """
    new_client(app)
    client = app.test_client(use_cookies=False)
    assert isinstance(client, Client)
    client.environ_base["HTTP_COOKIE"] = raw_cookies
    client.environ_base["HTTP_HOST"] = "localhost:8000"
    return client


@pytest.fixture
def wizard_at(clock: Clock) -> Callable[..., Client]:
    """A browser at a wizard whose Infisical is written by the test: each call is answered by `answer`."""

    def make(answer: Answer, **environ: str) -> Client:
        settings = Settings.load(
            {"INFISICAL_HOST": HOST, "INFISICAL_TOKEN": "made-up-token", **environ}, None
        )
        transport = httpx.MockTransport(answer)
        return new_client(
            create_app(
                settings, secret_key=SECRET_KEY, transport=transport, clock=clock, monotonic=clock.monotonic
            )
        )

    return make


@pytest.fixture
def good_token() -> str:
    return sandbox_token()
