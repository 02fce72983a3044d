"""The wizard on real ports: the command as people start it, and those in this process whose time a test moves."""

import contextlib
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from werkzeug.serving import make_server

from app import create_app
from app.config import Settings
from app.sandbox import SandboxTransport
from tests.conftest import SECRET_KEY, Clock, new_database
from tests.processes import environment
from tests.sandbox.world import peopled_sandbox

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

STARTING = 60
STOPPING = 60
ARRIVING = 15
"""Seconds that a test waits at most."""

SUBMIT_TIMEOUT = 5
"""Seconds that the command waits for an answer; the one test that needs it really waits for them."""


class Log:
    """What a process prints, read on all the time, for a full pipe would stop it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._lines: list[str] = []
        self._first: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._process = process
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        return "".join(self._lines)

    def address(self) -> str:
        """The URL in the first line, once it is there."""
        line = self._first.get(timeout=STARTING)
        found = next((word for word in line.split() if word.startswith("http://")), None)
        assert found, f"it did not start: {self.text}"
        return found

    def finish(self) -> None:
        self._reader.join(timeout=STOPPING)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)
            self._first.put(line)
        self._first.put("")


@dataclass(frozen=True, slots=True)
class Command:
    """The running command: where it is and what it has printed."""

    url: str
    log: Log


@contextlib.contextmanager
def running_command(folder: Path) -> Iterator[Command]:
    """`serve` on the sandbox and on a free port, once it answers; stopped at the end."""
    arguments = ("serve", "--bind", "127.0.0.1:0", "--data", str(folder / "sandbox.sqlite"))
    # A folder with no .env, and so the package is found by its installation.
    with subprocess.Popen(  # noqa: S603  # our own command
        (sys.executable, "-m", "app", *arguments),
        cwd=folder,
        env=environment({"CONNECT_SUBMIT_TIMEOUT": str(SUBMIT_TIMEOUT)}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as process:
        log = Log(process)
        try:
            url = log.address()
            assert httpx.get(f"{url}/healthz").json() == {"status": "alive"}
            yield Command(url, log)
        finally:
            process.terminate()
            process.wait(timeout=STOPPING)
            log.finish()


@dataclass
class AuthBackend(httpx.BaseTransport):
    """Counts the creates on their way to the sandbox, and holds them back while it is shut."""

    inner: httpx.BaseTransport
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    creates: int = 0

    def __post_init__(self) -> None:
        self._open = threading.Event()
        self._open.set()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("/app-connections/supabase"):
            self.creates += 1
            self.arrived.release()
            assert self._open.wait(timeout=STARTING)
        return self.inner.handle_request(request)

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def wait_for_a_create(self) -> None:
        assert self.arrived.acquire(timeout=ARRIVING), "no create came"


@dataclass(frozen=True, slots=True)
class Wizard:
    """The wizard in this process on a real port: its time is `clock`, its creates pass `backend`.

    Whatever its sandbox would wait for passes at once, on that clock.
    """

    url: str
    clock: Clock
    backend: AuthBackend


@dataclass
class Port:
    """An address, and what is served there now.

    All wizards of a run have it one after the other, for a browser takes a new process for each address and needs
    longer for that than for a page.
    """

    url: str = field(init=False)
    app: "WSGIApplication" = field(init=False)


@contextlib.contextmanager
def open_port(*, certificate: tuple[str, str] | None = None) -> Iterator[Port]:
    """A free port, where nothing is served yet: over https with the files of a certificate and its key."""
    port = Port()

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        return port.app(environ, start_response)

    server = make_server("127.0.0.1", 0, serve, threaded=True, ssl_context=certificate)
    port.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.port}"
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield port
    finally:
        server.shutdown()
        serving.join(timeout=STOPPING)
        server.server_close()


@contextlib.contextmanager
def running_wizard(
    port: Port,
    folder: Path,
    *,
    environ: Mapping[str, str] | None = None,
    behind: Callable[["WSGIApplication"], "WSGIApplication"] = lambda app: app,
) -> Iterator[Wizard]:
    """A wizard in the place of the one that is served at this port, which comes back at the end.

    Its settings are in `environ`; `behind` puts what it serves behind something that looks at it.
    """
    clock, database = Clock(), new_database(folder)
    backend = AuthBackend(SandboxTransport(peopled_sandbox(database, clock=clock), sleep=clock.passes))
    app = create_app(
        Settings.load(environ or {}, None),
        data=database,
        secret_key=SECRET_KEY,
        transport=backend,
        clock=clock,
        monotonic=clock.monotonic,
    )
    before = getattr(port, "app", app)
    port.app = behind(app)
    try:
        yield Wizard(port.url, clock, backend)
    finally:
        backend.open()
        port.app = before
