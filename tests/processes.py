"""Starts the wizard as a process of its own, on a free port, and stops it."""

import contextlib
import io
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from app.__main__ import main
from app.server import STOPPING

COMMAND = Path(sys.executable).with_name("infisical-connect")
"""The command as it stands in the environment of the tests."""

_STARTING = 60
_STOPPING = 60
"""Seconds that a test waits at most."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a process left behind."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its process, where it is, and the first line it printed."""

    process: subprocess.Popen[str]
    first_line: str

    @property
    def url(self) -> str:
        return next(word for word in self.first_line.split() if word.startswith("http://"))

    def stop(self) -> Finished:
        """Asks it to stop, and returns once it has."""
        self.process.send_signal(signal.SIGTERM)
        return finish(self.process)


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of this process with these settings, and none of those that happen to be set here."""
    ours = ("CONNECT_", "INFISICAL_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    return {**kept, **(settings or {})}


def run(
    *arguments: str, folder: Path, settings: Mapping[str, str] | None = None, command: Path = COMMAND
) -> Finished:
    """Runs one command to its end, in a folder that should have no .env file."""
    return finish(start(*arguments, folder=folder, settings=settings, command=command))


def run_here(*arguments: str, folder: Path, settings: Mapping[str, str] | None = None) -> Finished:
    """The same within this process, which is quicker: for all that does not come to serving."""
    stdout, stderr = io.StringIO(), io.StringIO()
    heeded = {number: signal.getsignal(number) for number in STOPPING}
    with (
        mock.patch.dict(os.environ, environment(settings), clear=True),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        try:
            status = main(arguments)
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else 0
        finally:
            for number, handler in heeded.items():
                signal.signal(number, handler)
    return Finished(status, stdout.getvalue(), stderr.getvalue())


def finish(process: subprocess.Popen[str]) -> Finished:
    """Waits for the end of a process."""
    try:
        stdout, stderr = process.communicate(timeout=_STOPPING)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        raise AssertionError(f"it did not stop; stdout: {stdout}; stderr: {stderr}") from None
    return Finished(process.returncode, stdout, stderr)


@contextlib.contextmanager
def serving(
    *arguments: str, folder: Path, settings: Mapping[str, str] | None = None, command: Path = COMMAND
) -> Iterator[Served]:
    """A server on a free port of loopback, once it answers there. It is stopped at the end."""
    process = start(
        "serve", "--bind", "127.0.0.1:0", *arguments, folder=folder, settings=settings, command=command
    )
    try:
        yield Served(process, _first_line(process))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            finish(process)


def start(
    *arguments: str, folder: Path, settings: Mapping[str, str] | None, command: Path = COMMAND
) -> subprocess.Popen[str]:
    """One command, which goes on while the test does."""
    return subprocess.Popen(  # noqa: S603  # our own command
        (str(command), *arguments),
        cwd=folder,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(timeout=_STARTING) else ""
    if not line:
        process.kill()
        raise AssertionError(f"it did not start: {process.communicate()}")
    return line.rstrip("\n")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on for now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def told(stdout: str) -> dict[str, str]:
    """What `check` says is configured, by its names."""
    lines = (line.partition(":") for line in stdout.splitlines() if ":  " in line)
    return {name: text.strip() for name, _, text in lines}
