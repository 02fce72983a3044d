"""gunicorn, started from Python: the address, the workers, and what is made once before they are forked."""

import math
import os
import re
import resource
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from . import create_app
from .auth.middleware import PlacesMiddleware
from .config import Bind, Settings, SettingsError
from .connectors.token_kinds import secret_in
from .core.limits import PROCESSES
from .core.text import toml_beside

GRACE = 5.0
"""Seconds that a stopping server waits beyond the submit timeout, so that a submission in hand gets its answer."""

RESERVE = 32
"""Threads of each process besides those for requests in hand: for /healthz, static files, the page that says it is busy,
and requests of which a part has come."""

_ALWAYS = toml_beside(__file__, "server.toml")

_MEMORY = "/dev/shm"  # noqa: S108  # for the workers' heartbeat, which a slow disk would delay

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
"""The signals that end the server until gunicorn takes them over."""


class CannotServe(Exception):
    """The server cannot start, for the reason in its text: one sentence."""


def serve(settings: Settings, *, announce: Callable[[str], None], data: Path | None = None) -> NoReturn:
    """Serves until SIGTERM or Ctrl-C, then finishes the requests in hand and leaves with SystemExit.

    `announce` is told one line once connections are accepted. `data` is the sandbox's database;
    None makes one that is removed at the end. Raises CannotServe when the address or the database cannot be used.
    """
    # Until gunicorn takes the signals over, they must not end the process past the removal of the sandbox's data.
    for number in STOPPING:
        signal.signal(number, lambda *_: sys.exit())
    # Each request in hand has up to three sockets, and a worker that cannot open one more dies.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with _listen(settings.bind) as listener:
        bind = Bind(settings.bind.host, listener.getsockname()[1])
        settings = settings.model_copy(update={"bind": bind})
        with _database(settings, data=data) as database:
            try:
                application = create_app(settings, data=database)
            except SettingsError as error:
                raise CannotServe("\n".join(error.faults)) from None
            except OSError as error:
                # A sandbox's file that cannot be used has a sentence of our own, the audit log the system's words.
                fault = audit_log_fault(settings.audit_log, error.strerror) if error.strerror else f"{error}."
                raise CannotServe(fault) from None
            _Server(application, settings, descriptor=listener.detach(), announce=announce).run()
    raise SystemExit


def first_line(settings: Settings) -> str:
    """Where the pages are and what they act on; names the settings that the sandbox puts aside."""
    where = f"Infisical Connect on {settings.url}"
    if not settings.sandbox:
        return f"{where} – connected to {', '.join(settings.hosts)}"
    aside = f" (CONNECT_SANDBOX=on, so {', '.join(settings.ignored)} not used)" if settings.ignored else ""
    return f"{where} – sandbox: {settings.what_leaves}{aside}"


def audit_log_fault(path: Path | None, reason: str) -> str:
    """What to say where the audit log cannot be kept, for a reason in the system's words."""
    return (
        f"{path} cannot be used for the audit log: {reason.lower()}. Set CONNECT_AUDIT_LOG to another file."
    )


def _listen(bind: Bind) -> socket.socket:
    """A socket that listens there, or on any free port for port 0.

    Made here and handed on, because gunicorn tries for five seconds and then tells of a port in use in six lines.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            bind.host, bind.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        both = family is socket.AF_INET6 and socket.has_dualstack_ipv6()
        listener = socket.create_server(address, family=family, backlog=2048, dualstack_ipv6=both)
        if hasattr(socket, "TCP_DEFER_ACCEPT"):
            # Linux hands a connection on once something was sent over it: until then gunicorn keeps a thread for each.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _ALWAYS["keepalive"])
    except OSError as error:
        # After the system's words come those of create_server, which repeat the address.
        reason = (error.strerror or str(error)).partition(" (while ")[0].lower()
    else:
        return listener
    raise CannotServe(f"{bind} cannot be listened on: {reason}. Set CONNECT_BIND to another address.")


def _temporary() -> str:
    """A folder that can be written to: in a container that may be memory alone. Raises CannotServe."""
    with suppress(FileNotFoundError):
        return tempfile.gettempdir()
    if os.access(_MEMORY, os.W_OK):
        return _MEMORY
    raise CannotServe("No folder can be written to; set TMPDIR to one that can, or mount a tmpfs on /tmp.")


@contextmanager
def _database(settings: Settings, *, data: Path | None) -> Iterator[Path | None]:
    """The file of the sandbox's data, which is removed at the end where none was named; None without a sandbox."""
    if data or not settings.sandbox:
        yield data
        return
    # A signal while it is made would leave it there, or the file that Python tries the folder round it with.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    folder = Path(tempfile.mkdtemp(prefix="infisical-connect-", dir=_temporary()))
    owner = os.getpid()
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        yield folder / "sandbox.sqlite"
    finally:
        # A worker leaves through here as well, and the others still need what is in the folder.
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)


class _Log(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Leaves the query out of every line, for names and descriptions travel there, and escapes control characters."""

    def atoms(self, *args: Any) -> dict[str, Any]:
        atoms: dict[str, Any] = super().atoms(*args)
        path = str(atoms["U"])
        # Spaces too: a path could otherwise say what status it was answered with.
        shown = "…" if secret_in(unquote(path)) else _printable(path).replace(" ", r"\x20")
        return {**atoms, "U": shown}

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        # What follows is the part of a malformed request that could not be read, a URL or a cookie perhaps.
        shown = msg.split(": ", maxsplit=1)[0] if msg.startswith("Invalid request from") else msg
        super().warning(_printable(shown), *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        super().exception(msg, *(_printable(str(arg).partition("?")[0]) for arg in args), **kwargs)


def _printable(text: str) -> str:
    return re.sub(r"[^ -~]", lambda found: ascii(found[0])[1:-1], text)


def _begin(_worker: object) -> None:
    # A tenth of Python's: among many threads the one with /healthz waits for each of its turns.
    sys.setswitchinterval(0.0005)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


class _Arbiter(Arbiter):  # type: ignore[misc]  # likewise
    def spawn_worker(self) -> Any:
        # Until a worker has handlers of its own it has a copy of this process's, which would put a signal where nobody
        # looks. Held back from the fork on, it comes once they are there.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


class _Server(BaseApplication):  # type: ignore[misc]  # likewise
    """gunicorn with our application in it, made before the workers are forked."""

    def __init__(
        self, application: Flask, settings: Settings, *, descriptor: int, announce: Callable[[str], None]
    ) -> None:
        # One process, unless what is counted can be shared: two would each let a machine identity be tried twice, and
        # Infisical locks it after three.
        workers = PROCESSES if settings.rate_storage else 1
        places = math.ceil(settings.threads / workers)
        application.wsgi_app = PlacesMiddleware(application.wsgi_app, places=places)  # type: ignore[method-assign]
        self.load = lambda: application
        self._options: dict[str, Any] = {
            **_ALWAYS,
            "bind": f"fd://{descriptor}",
            "workers": workers,
            "threads": places + RESERVE,
            # Above the threads: idle connections, which a proxy keeps open, would otherwise keep new ones out.
            "worker_connections": places + RESERVE + 64,
            "graceful_timeout": int(settings.submit_timeout + GRACE),
            "worker_tmp_dir": _MEMORY if os.access(_MEMORY, os.W_OK) else _temporary(),
            "logger_class": _Log,
            "when_ready": lambda _: announce(first_line(settings)),
            "post_worker_init": _begin,
        }
        super().__init__()

    def run(self) -> None:
        _Arbiter(self).run()

    def load_config(self) -> None:
        for name, value in self._options.items():
            # Older gunicorns know no control socket.
            if name in self.cfg.settings:
                self.cfg.set(name, value)
