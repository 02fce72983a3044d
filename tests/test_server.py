"""The server itself: many at once, and a signal at any moment of the start."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from werkzeug.serving import make_server

from app import create_app
from app.auth.middleware import PlacesMiddleware
from app.config import Settings
from tests.conftest import FORM, HOST, SECRET_KEY, Client, Clock, new_client
from tests.pages import read_page
from tests.processes import COMMAND, Finished, finish, run, serving, start

# ── Many at once ───────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def full(clock: Clock) -> Iterator[Client]:
    """A browser at a wizard that has as many requests in hand as it may: one, whose Infisical does not answer yet."""
    in_hand, answers = threading.Event(), threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        in_hand.set()
        assert answers.wait(60)
        return httpx.Response(200, json={"projects": []})

    settings = Settings.load({"INFISICAL_HOST": HOST, "INFISICAL_TOKEN": "made-up-token"}, None)
    app = create_app(
        settings,
        secret_key=SECRET_KEY,
        transport=httpx.MockTransport(answer),
        clock=clock,
        monotonic=clock.monotonic,
    )
    app.wsgi_app = PlacesMiddleware(app.wsgi_app, places=1)  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as others:
        held = others.submit(new_client(app).get, "/projects")
        assert in_hand.wait(60)
        try:
            yield new_client(app)
        finally:
            answers.set()
        assert held.result().status_code == 200
    # Whoever comes once it is answered finds the place free.
    assert new_client(app).get("/projects").status_code == 200


def test_who_finds_no_place_is_asked_at_once_to_try_again_and_loses_nothing_but_secrets(clock: Clock) -> None:
    typed = {"project_id": "organization", "name": "kept", "access_token": "made-up-and-secret"}
    with full(clock) as browser:
        read = browser.get("/connections?project=made-up")
        sent = browser.post(FORM, data=typed)
        for answer in (read, sent):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert read_page(answer.text).problem == "busy"
        assert read_page(read.text).links()["Try again"] == "/connections?project=made-up"
        assert read_page(sent.text).links()["Try again"] == f"{FORM}?name=kept&project=organization"
        assert "secret" not in sent.text.replace("its secrets", "")


def test_health_and_static_files_are_answered_also_where_no_place_is_free(clock: Clock) -> None:
    with full(clock) as browser:
        assert browser.get("/healthz").json == {"status": "alive"}
        style = read_page(browser.get("/projects").text).all("link")[-1].get("href") or ""
        assert style.endswith("connect.css")
        assert browser.get(style).status_code == 200


def test_what_cannot_be_read_or_comes_from_elsewhere_is_told_that_and_not_that_it_is_busy(
    clock: Clock,
) -> None:
    with full(clock) as browser:
        assert browser.get("/projects", headers={"Host": "evil.example"}).status_code == 403
        assert browser.get("/projects", environ_overrides={"QUERY_STRING": "q=\xff"}).status_code == 400
        assert browser.post(FORM, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


@contextmanager
def infisical_that_waits(together: threading.Barrier, released: threading.Event) -> Iterator[str]:
    """The address of one that answers when as many are there as meet at the barrier, and the test says so."""

    def serve(_: object, start_response: Callable[..., object]) -> list[bytes]:
        together.wait(30)
        assert released.wait(30)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'{"projects": []}']

    server = make_server("127.0.0.1", 0, serve, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()


def test_as_many_as_there_are_threads_wait_for_infisical_together_and_one_more_does_not(
    tmp_path: Path,
) -> None:
    together, released = threading.Barrier(21), threading.Event()
    with (
        infisical_that_waits(together, released) as infisical,
        serving(
            folder=tmp_path,
            settings={"INFISICAL_HOST": infisical, "INFISICAL_TOKEN": "x", "CONNECT_THREADS": "20"},
        ) as served,
        ThreadPoolExecutor(20) as people,
    ):
        held = [people.submit(httpx.get, f"{served.url}/projects", timeout=60) for _ in range(20)]
        try:
            # Where one waited for another's answer, this would break.
            together.wait(30)
            one_more = httpx.get(f"{served.url}/projects")
            assert (one_more.status_code, one_more.headers["Retry-After"]) == (503, "5")
            assert httpx.get(f"{served.url}/healthz").json() == {"status": "alive"}
        finally:
            released.set()
        assert {answer.result().status_code for answer in held} == {200}


@pytest.mark.full
@pytest.mark.skipif(not hasattr(socket, "TCP_DEFER_ACCEPT"), reason="only Linux holds connections back")
def test_connections_that_send_nothing_keep_nobody_out(tmp_path: Path) -> None:
    with serving(folder=tmp_path, settings={"CONNECT_THREADS": "1"}) as served, ExitStack() as opened:
        for _ in range(200):
            address = ("127.0.0.1", httpx.URL(served.url).port or 0)
            opened.enter_context(socket.create_connection(address))
        assert httpx.get(f"{served.url}/healthz", timeout=60).status_code == 200
        # Gunicorn knows of none of them, and so ends at once.
        assert served.stop().status == 0


@pytest.mark.full
def test_more_connections_than_it_may_have_files_at_first_do_not_end_a_worker(tmp_path: Path) -> None:
    command = tmp_path / "few-files"
    command.write_text(f'#!/bin/sh\nulimit -Sn 40\nexec "{COMMAND}" "$@"\n')
    command.chmod(0o755)
    with serving(folder=tmp_path, command=command) as served:
        with ExitStack() as opened:
            for _ in range(60):
                address = ("127.0.0.1", httpx.URL(served.url).port or 0)
                opened.enter_context(socket.create_connection(address)).sendall(b"G")
            assert httpx.get(f"{served.url}/healthz", timeout=60).status_code == 200
        done = served.stop()
    assert (done.status, done.stderr) == (0, "")


# ── A signal at any moment of the start ────────────────────────────────────────────────────────────────────────────

STOPPED_IN_A_FORK = """
import os, signal, sys, time
from app.__main__ import main

# The worker is not ready for as long as the server takes to hear the signal and to hand it on.
os.register_at_fork(
    after_in_parent=lambda: os.kill(os.getpid(), int(sys.argv.pop())),
    after_in_child=lambda: time.sleep(1),
)
main(["serve", "--bind", "127.0.0.1:0"])
"""


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.full),
        pytest.param(signal.SIGQUIT, marks=pytest.mark.full),
    ],
)
def test_a_signal_that_reaches_a_worker_which_was_just_forked_is_heeded(
    tmp_path: Path, number: signal.Signals
) -> None:
    # A worker that heard nothing would be waited for as long as a submission may take.
    settings = {"TMPDIR": str(tmp_path), "CONNECT_SUBMIT_TIMEOUT": "600"}
    command = Path(sys.executable)
    done = run("-c", STOPPED_IN_A_FORK, str(int(number)), folder=tmp_path, settings=settings, command=command)
    assert (done.status, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.full),
        pytest.param(signal.SIGQUIT, marks=pytest.mark.full),
        pytest.param(signal.SIGHUP, marks=pytest.mark.full),
    ],
)
def test_a_signal_before_the_pages_are_there_ends_the_server_which_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    # Nobody reads there, so the server waits at its audit log for as long as it lives.
    os.mkfifo(tmp_path / "audit.log")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    settings = {"TMPDIR": str(temporary), "CONNECT_AUDIT_LOG": "audit.log"}
    process = start("serve", "--bind", "127.0.0.1:0", folder=tmp_path, settings=settings)
    while not list(temporary.iterdir()):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert finish(process) == Finished(0, "", "")
    assert list(temporary.iterdir()) == []
