#!/usr/bin/env python3
"""Measures a server whose Infisical takes long: what waits meanwhile, the answers of /healthz, and the memory."""

import http.client
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from werkzeug.serving import WSGIRequestHandler, make_server

from app.sandbox import (
    SANDBOX_CLIENT_ID,
    SANDBOX_CLIENT_SECRET,
    create_sandbox,
    prepare_database,
    sandbox_token,
)
from app.web.services import utc_now

FORM = "/connections/new/supabase"
SERVE = (Path(sys.executable).with_name("infisical-connect"), "serve", "--bind", "127.0.0.1:0")


class Case(NamedTuple):
    """So many people submit at once while each create takes `seconds`; None is no bound."""

    people: int
    seconds: float
    threads: int
    within: float
    probe: float | None
    megabytes: float | None


CASES = (
    Case(28, 10, threads=128, within=12, probe=0.3, megabytes=None),
    Case(200, 30, threads=256, within=33, probe=None, megabytes=150),
)


_MOMENT = "2026-11-23T10:28:45.441Z"
_CONNECTION = {
    "id": "aaa7518d-16b5-421a-b85e-4909e0fb7b1e",
    "name": "held",
    "app": "supabase",
    "method": "access-token",
}
_STORED = {"orgId": "5a9ae95f-6a76-43ca-8661-0e01154a218e", "createdAt": _MOMENT, "updatedAt": _MOMENT}
CREATED = json.dumps({"appConnection": {**_CONNECTION, **_STORED}}).encode()


class NotAnswered(Exception):
    """Something did not go as it must, so there is nothing to measure."""


def _must(holds: object, otherwise: str) -> None:
    if not holds:
        raise NotAnswered(otherwise)


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: Any) -> None:
        pass


@contextmanager
def slow_infisical(folder: Path, *, seconds: float) -> Iterator[str]:
    """The address of a sandbox in which each create takes as long, and is answered as one that was recorded."""
    prepare_database(folder / "sandbox.sqlite")
    sandbox = create_sandbox(folder / "sandbox.sqlite", clock=utc_now)

    def slow(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST" and "app-connections" in environ["PATH_INFO"]:
            time.sleep(seconds)
            start_response("200 OK", [("Content-Type", "application/json")])
            return [CREATED]
        return sandbox(environ, start_response)

    server = make_server("127.0.0.1", 0, slow, threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()


class Person:
    """One of many, each with a name and an address of their own, so that nobody is out of bounds."""

    def __init__(self, number: int, port: int) -> None:
        self._number, self._port = number, port
        self._headers = {
            "Host": "localhost",
            "X-Forwarded-User": f"person-{number}",
            "X-Forwarded-For": f"10.0.{number // 250}.{number % 250 + 1}",
            "X-Forwarded-Proto": "https",
        }

    def open_form(self) -> None:
        page, cookie = self._ask("GET", f"{FORM}?project=organization", "")
        (token,) = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        self._headers["Cookie"] = cookie.partition(";")[0]
        self._fields = {
            "csrf_token": token,
            "project_id": "organization",
            "name": f"held-{self._number}",
            "access_token": sandbox_token(),
        }

    def submit(self) -> None:
        self._ask("POST", FORM, urlencode(self._fields))

    def _ask(self, method: str, path: str, body: str) -> tuple[str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Connection": "close"}
        connection.request(method, path, body, {**self._headers, **kind})
        answer = connection.getresponse()
        page = answer.read().decode()
        _must(answer.status == (200 if method == "GET" else 303), page)
        return page, answer.headers.get("Set-Cookie", "")


def probe(port: int, over: threading.Event) -> float:
    """The seconds that the slowest of the answers of /healthz took."""
    worst = 0.0
    while not over.wait(0.05):
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.request("GET", "/healthz", headers={"Connection": "close"})
        _must(connection.getresponse().status == 200, "/healthz is not alive")
        worst = max(worst, time.monotonic() - began)
    return worst


def megabytes(server: int, over: threading.Event) -> float:
    """The most memory that the server and its workers had together, what they share counted once."""
    most = 0.0
    while not over.wait(0.5):
        workers = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        told = "".join(Path(f"/proc/{process}/smaps_rollup").read_text() for process in (server, *workers))
        most = max(most, sum(map(int, re.findall(r"\nPss: +(\d+)", told))) / 1024)
    return most


def measure(case: Case) -> Iterator[tuple[str, float, float | None]]:
    """What was measured: the words, the figure and its bound."""
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        with slow_infisical(folder, seconds=case.seconds) as infisical:
            settings = {
                "INFISICAL_HOST": infisical,
                "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID": SANDBOX_CLIENT_ID,
                "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": SANDBOX_CLIENT_SECRET,
                "CONNECT_ACCESS": "proxy",
                "CONNECT_PROXY_TRUSTED": "127.0.0.1",
                "CONNECT_PREFLIGHT": "off",
                "CONNECT_THREADS": str(case.threads),
            }
            log = (folder / "log").open("w+")
            server = subprocess.Popen(SERVE, cwd=folder, env=settings, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603
            try:
                yield from _held(case, server, log=folder / "log")
            except NotAnswered as fault:
                fault.add_note((folder / "log").read_text())
                raise
            finally:
                server.terminate()
                server.wait()


def _held(
    case: Case, server: "subprocess.Popen[bytes]", *, log: Path
) -> Iterator[tuple[str, float, float | None]]:
    while "http://" not in log.read_text():
        _must(server.poll() is None, log.read_text())
        time.sleep(0.05)
    port = urlsplit(next(word for word in log.read_text().split() if word.startswith("http://"))).port or 0
    people = [Person(number, port) for number in range(case.people)]
    for person in people:
        person.open_form()
    over = threading.Event()
    with ThreadPoolExecutor(case.people + 2) as crowd:
        probing, weighing = crowd.submit(probe, port, over), crowd.submit(megabytes, server.pid, over)
        began = time.monotonic()
        try:
            for submitted in [crowd.submit(person.submit) for person in people]:
                submitted.result()
        finally:
            took = time.monotonic() - began
            over.set()
        what = f"{case.people} held {case.seconds:g} s"
        yield f"{what}: all answered, s", took, case.within
        yield f"{what}: slowest answer of /healthz, s", probing.result(), case.probe
        yield f"{what}: memory, MB", weighing.result(), case.megabytes


def main() -> int:
    """0 where all is within its bounds."""
    status = 0
    for case in CASES:
        for what, figure, bound in measure(case):
            ratio = f"{figure / bound:5.2f} of {bound:g}" if bound else "no bound"
            print(f"{what:<50}{figure:8.2f}   {ratio}", flush=True)  # noqa: T201
            status = 1 if bound and figure > bound else status
    return status


if __name__ == "__main__":
    sys.exit(main())
