"""A real redis-server on a free port of this machine, which a test stops and starts again."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from app.core.secret import Secret

from . import programs
from .processes import free_port

PASSWORD = "made-up-redis-password"

_STARTING = 60
_TRIES = 5


class RedisServer:
    """One server, always on the same port, which keeps nothing when it stops."""

    def __init__(self, program: Path, *, port: int) -> None:
        self._program = program
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> Secret:
        """Where it is, with its password."""
        return Secret(f"redis://:{PASSWORD}@127.0.0.1:{self._port}/0")

    def start(self) -> bool:
        """Starts it; whether it answers on its port, which another program may have taken."""
        settings = f"port {self._port}\nbind 127.0.0.1\nsave ''\nappendonly no\nrequirepass {PASSWORD}\n"
        self._process = subprocess.Popen(  # noqa: S603  # a program of our table
            (str(self._program), "-"), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert self._process.stdin is not None
        with self._process.stdin as settings_file:
            settings_file.write(settings.encode())
        return self._answers()

    def stop(self) -> None:
        """Stops it, and returns once it has; what it knew is gone."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=_STARTING)
            self._process = None

    def stored_keys(self) -> list[str]:
        """Every key that it holds."""
        with self._client() as client:
            found = client.keys()
        assert isinstance(found, list)
        return [key.decode() for key in found]

    def seconds_to_live(self) -> list[int]:
        """For every key, in how many seconds it ends; -1 for one that never does."""
        with self._client() as client:
            return [int(client.ttl(key)) for key in self.stored_keys()]  # type: ignore[arg-type]  # not asynchronous

    def _answers(self) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + _STARTING
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(redis.ConnectionError), self._client() as client:
                return bool(client.ping())
            time.sleep(0.02)
        return False

    @contextlib.contextmanager
    def _client(self) -> Iterator[redis.Redis]:
        client = redis.Redis.from_url(self.address.reveal())
        try:
            yield client
        finally:
            client.close()


@contextlib.contextmanager
def running() -> Iterator[RedisServer]:
    """A server that answers. It is stopped at the end."""
    program = programs.require("redis-server")
    for _ in range(_TRIES):
        server = RedisServer(program, port=free_port())
        try:
            if server.start():
                yield server
                return
        finally:
            server.stop()
    raise AssertionError("redis-server did not start")
