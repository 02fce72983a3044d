"""The command as a person runs it: its words, its exit statuses, and a server that starts, logs and stops as it should."""

import contextlib
import io
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
from pytest_httpserver import HTTPServer

from app.__main__ import main
from app.config import Settings
from app.server import first_line

from .processes import (
    COMMAND,
    Finished,
    Served,
    environment,
    free_port,
    run,
    run_here,
    serving,
    told,
)

PAIR = {
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID": "made-up-id",
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": "made-up-secret",
}
WEBSHOP = {"id": "made-up-webshop-id", "name": "Webshop", "slug": "webshop", "orgId": "made-up-organization"}
PAYMENTS = {
    "id": "made-up-payments-id",
    "name": "Pay\x1b[2Jments",
    "slug": "payments",
    "orgId": "made-up-organization",
}


def infisical(server: HTTPServer, *projects: dict[str, str]) -> dict[str, str]:
    """Makes the server answer as Infisical does, and returns the settings that lead to it."""
    server.expect_request("/api/status").respond_with_json({"message": "Ok", "emailConfigured": False})
    server.expect_request("/api/v1/auth/universal-auth/login").respond_with_json(
        {
            "accessToken": "made-up-access-token",
            "expiresIn": 3600,
            "accessTokenMaxTTL": 7200,
            "tokenType": "Bearer",
        }
    )
    server.expect_request("/api/v1/projects").respond_with_json({"projects": list(projects)})
    return {"INFISICAL_HOST": server.url_for("/").rstrip("/"), **PAIR}


def test_without_a_command_it_says_how_it_is_used(tmp_path: Path) -> None:
    done = run_here(folder=tmp_path)
    assert done.status == 2
    assert done.stderr.startswith("usage: infisical-connect")


def test_it_tells_its_version(tmp_path: Path) -> None:
    done = run_here("--version", folder=tmp_path)
    assert (done.status, done.stdout) == (0, f"infisical-connect {version('infisical-connect')}\n")


@pytest.mark.parametrize(("command", "how"), [("serve", run_here), ("check", run_here), ("serve", run)])
def test_all_faults_of_the_settings_go_to_stderr_and_no_secret_with_them(
    command: str, how: Callable[..., Finished], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("CONNECT_SECRET_KEY=made-up-and-short\n")
    done = how(
        command, folder=tmp_path, settings={**PAIR, "CONNECT_BIND": "0.0.0.0:80", "INFISICAL_HOTS": "x"}
    )
    assert done.status == 2
    assert done.stdout == ""
    assert [line.split()[0] for line in done.stderr.splitlines()] == [
        "INFISICAL_HOTS",
        "CONNECT_SECRET_KEY",
        "INFISICAL_HOST",
        "CONNECT_BIND",
    ]
    assert "made-up-secret" not in done.stderr
    assert "made-up-and-short" not in done.stderr


# check


def test_check_on_the_sandbox_says_so(tmp_path: Path) -> None:
    done = run_here("check", folder=tmp_path)
    assert done.status == 0
    assert done.stdout.splitlines()[-1].startswith("This is the sandbox: nothing leaves this machine")


def test_check_tells_where_a_token_may_go_and_whether_it_is_checked_before(tmp_path: Path) -> None:
    untouched = run_here("check", folder=tmp_path).stdout
    assert "Supabase hosts:       api.supabase.com\n" in untouched
    assert "Check before saving:  on\n" in untouched
    settings = {"CONNECT_SUPABASE_HOSTS": "one.example,two.example:8443", "CONNECT_PREFLIGHT": "off"}
    changed = run_here("check", folder=tmp_path, settings=settings).stdout
    assert "Supabase hosts:       api.supabase.com, one.example, two.example:8443\n" in changed
    assert "Check before saving:  off\n" in changed


def test_check_lists_the_projects_it_may_use(httpserver: HTTPServer, tmp_path: Path) -> None:
    listed = httpserver.expect_request(re.compile("/api/v1/app-connections(/supabase/available)?$"))
    listed.respond_with_json({"appConnections": []})
    done = run_here("check", folder=tmp_path, settings=infisical(httpserver, WEBSHOP, PAYMENTS))
    assert (done.status, done.stderr) == (0, "")
    accepted, *projects = [
        line for line in done.stdout.splitlines() if line.startswith(("It ", "Infisical ", "Project "))
    ][1:-1]
    assert accepted == "It accepts the credential."
    assert projects == [
        "Project Pay\N{REPLACEMENT CHARACTER}[2Jments (payments, ID made-up-payments-id)",
        "Project Webshop (webshop, ID made-up-webshop-id)",
    ]
    assert done.stdout.splitlines()[-1] == "It works as far as can be known beforehand."
    assert "made-up-id" in done.stdout
    assert "made-up-secret" not in done.stdout
    assert "can be read on the way" in done.stdout


def test_check_says_when_it_may_use_no_project(httpserver: HTTPServer, tmp_path: Path) -> None:
    done = run_here("check", folder=tmp_path, settings=infisical(httpserver))
    assert done.status == 1
    assert done.stderr.startswith("It may use no project")


def test_check_fails_when_the_preselected_project_is_none_of_them(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    settings = {**infisical(httpserver, WEBSHOP), "INFISICAL_PROJECT_ID": "made-up-other-id"}
    done = run_here("check", folder=tmp_path, settings=settings)
    assert done.status == 1
    assert done.stderr.startswith("INFISICAL_PROJECT_ID names none of the projects")


def test_check_fails_with_a_sentence_when_the_credential_is_refused(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    httpserver.expect_request("/api/status").respond_with_json({"message": "Ok"})
    httpserver.expect_request("/api/v1/auth/universal-auth/login").respond_with_json(
        {
            "reqId": "req-made-up",
            "statusCode": 401,
            "message": "Invalid credentials",
            "error": "Unauthorized",
        },
        status=401,
    )
    settings = {"INFISICAL_HOST": httpserver.url_for("/"), **PAIR}
    done = run_here("check", folder=tmp_path, settings=settings)
    assert done.status == 1
    assert len(done.stderr.splitlines()) == 1
    assert "client secret is not accepted" in done.stderr
    assert "req-made-up" in done.stderr
    assert "made-up-secret" not in done.stdout + done.stderr


def test_check_fails_with_a_sentence_when_nobody_answers(tmp_path: Path) -> None:
    done = run_here(
        "check", folder=tmp_path, settings={"INFISICAL_HOST": f"http://127.0.0.1:{free_port()}", **PAIR}
    )
    assert done.status == 1
    assert done.stderr == "Infisical could not be reached. It refused the network connection.\n"


BEHIND_PROXY = {
    "CONNECT_ACCESS": "proxy",
    "CONNECT_PROXY_TRUSTED": "10.0.0.7, 10.1.0.0/16",
    "CONNECT_PROXY_USER_HEADER": "Remote-User",
}
GROUPS = {"CONNECT_PROXY_ALLOWED_GROUPS": "platform,ops", "CONNECT_PROXY_GROUPS_HEADER": "Remote-Groups"}


@pytest.mark.parametrize(
    ("settings", "who"),
    [
        ({}, "this machine alone"),
        ({"CONNECT_ACCESS": "sign-in"}, "each person with an Infisical credential of their own"),
        (BEHIND_PROXY, "whoever the proxy names in Remote-User"),
        (
            BEHIND_PROXY | GROUPS,
            "whoever the proxy names in Remote-User, of the groups platform, ops in Remote-Groups",
        ),
    ],
)
def test_check_tells_who_may_come_in(settings: dict[str, str], who: str, tmp_path: Path) -> None:
    done = run_here("check", folder=tmp_path, settings=settings)
    assert done.status == 0
    assert told(done.stdout)["Who may come in"] == who


def test_check_tells_whom_the_server_trusts_and_where_it_counts_and_logs(tmp_path: Path) -> None:
    keys = {
        "CONNECT_SECRET_KEY": "made-up-key-of-thirty-two-letters,made-up-old-key-of-thirty-two-letters",
        "CONNECT_AUDIT_LOG": "audit.log",
    }
    storage = {"CONNECT_RATE_STORAGE": "redis://made-up-user:made-up-password@redis.example:6379/1"}
    hosts = {"CONNECT_HOSTS": "a.example.com,b.example.com"}
    done = run_here("check", folder=tmp_path, settings=BEHIND_PROXY | keys | storage | hosts)
    configured = told(done.stdout)
    assert configured["Served hosts"] == "a.example.com, b.example.com"
    assert configured["Trusted proxies"] == "10.0.0.7, 10.1.0.0/16"
    assert configured["Secret keys"] == "2"
    assert configured["Counts are kept in"] == "Redis at redis.example:6379"
    assert configured["Audit log"] == "audit.log"
    assert "made-" not in done.stdout
    assert not (tmp_path / "audit.log").exists()


def test_check_shows_no_value_that_has_the_shape_of_a_secret(tmp_path: Path) -> None:
    swapped = {
        "INFISICAL_HOST": "https://infisical.example",
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID": "5f" * 32,
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET": "5a4db0c5-0000-4000-8000-000000000001",
    }
    done = run_here("check", folder=tmp_path, settings=swapped)
    told = "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID must be an ID, and has the shape of a secret.\n"
    assert (done.status, done.stdout, done.stderr) == (2, "", told)
    for name, secret in (
        ("CONNECT_PROXY_ALLOWED_GROUPS", "ops, sbp_" + "0a" * 20),
        ("CONNECT_PROXY_ALLOWED_GROUPS", "eyJhbGciOiJIUzI1NiJ9.eyJtYWRlIjoidXAifQ.made-up-signature"),
        ("CONNECT_HOSTS", "5F" * 32),
        ("CONNECT_SUPABASE_HOSTS", "5f" * 32),
        ("CONNECT_AUDIT_LOG", "5f" * 32),
    ):
        done = run_here("check", folder=tmp_path, settings={**BEHIND_PROXY, name: secret})
        assert secret.split()[-1].lower() not in (done.stdout + done.stderr).lower()
        assert "not shown, for it has the shape of a secret\n" in done.stdout


def test_check_tells_the_defaults_of_the_same(tmp_path: Path) -> None:
    configured = told(run_here("check", folder=tmp_path).stdout)
    assert configured["Served hosts"] == "this machine's loopback names"
    assert configured["Trusted proxies"] == "none"
    assert configured["Secret keys"] == "one that is made up at each start"
    assert configured["Counts are kept in"] == "memory"
    assert configured["Audit log"] == "standard output"


@pytest.mark.parametrize(
    "address",
    [
        "redis://user:123/made-up@redis.example",
        "redis://redis.example/0?password=made-up@x",
    ],
)
def test_check_shows_nothing_of_a_redis_address_that_it_cannot_take_apart(
    address: str, tmp_path: Path
) -> None:
    done = run_here("check", folder=tmp_path, settings={"CONNECT_RATE_STORAGE": address})
    assert told(done.stdout)["Counts are kept in"] == "Redis"


@pytest.mark.parametrize(
    "address", ["redis://:made-up/password@redis.example", "redis://[made-up", "redis://:made-up@h/?made=up"]
)
def test_a_redis_address_that_nobody_can_connect_to_is_a_fault_that_shows_nothing_of_it(
    address: str, tmp_path: Path
) -> None:
    done = run_here("check", folder=tmp_path, settings={"CONNECT_RATE_STORAGE": address})
    assert done.status == 2
    assert "CONNECT_RATE_STORAGE must be an address such as redis://" in done.stderr
    assert "made" not in done.stderr


def test_check_reaches_each_infisical_that_people_may_sign_in_to(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    here = infisical(httpserver)["INFISICAL_HOST"]
    there = here.replace("localhost", "127.0.0.1")
    done = run_here("check", folder=tmp_path, settings={"INFISICAL_HOST": f"{here}, {there}"})
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-4:] == [
        "INFISICAL_HOST begins with http://, so everything sent there can be read on the way.",
        f"{here} answers.",
        f"{there} answers.",
        "People bring their own credential; the server has none that could be tried.",
    ]
    assert {request.path for request, _ in httpserver.log} == {"/api/status"}


def test_check_names_each_infisical_that_does_not_answer(httpserver: HTTPServer, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    hosts = f"{infisical(httpserver)['INFISICAL_HOST']}, {nobody}"
    done = run_here("check", folder=tmp_path, settings={"INFISICAL_HOST": hosts})
    assert done.status == 1
    assert done.stderr == f"{nobody}: Infisical could not be reached. It refused the network connection.\n"
    assert "People bring their own" not in done.stdout


# serve


def test_serve_answers_says_where_and_on_what_and_takes_its_own_data_away_again(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with serving(folder=tmp_path, settings={"TMPDIR": str(temporary)}) as served:
        assert (
            served.first_line == f"Infisical Connect on {served.url} – sandbox: nothing leaves this machine"
        )
        assert httpx.get(f"{served.url}/healthz").status_code == 200
        assert list(temporary.glob("infisical-connect-*/sandbox.sqlite"))
        assert served.stop().status == 0
    assert list(temporary.glob("infisical-connect-*")) == []


def test_a_signing_in_proxys_cookie_is_taken(tmp_path: Path) -> None:
    with serving(folder=tmp_path) as served:
        for size in (9_000, 32_000):
            cookie = {"Cookie": f"_oauth2_proxy={'x' * size}"}
            assert httpx.get(f"{served.url}/healthz", headers=cookie).status_code == 200


def test_the_first_line_names_what_the_sandbox_puts_aside() -> None:
    assert first_line(Settings.load({**PAIR, "CONNECT_SANDBOX": "on"}, None)).endswith(
        "(CONNECT_SANDBOX=on, so INFISICAL_UNIVERSAL_AUTH_CLIENT_ID, "
        "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET not used)"
    )


@pytest.mark.full
def test_serve_says_which_infisical_it_is_connected_to_and_makes_no_data(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    settings = infisical(httpserver, WEBSHOP)
    with serving(folder=tmp_path, settings={**settings, "TMPDIR": str(tmp_path)}) as served:
        assert served.first_line.endswith(f" – connected to {settings['INFISICAL_HOST']}")
        assert httpx.get(f"{served.url}/healthz").status_code == 200
        assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_here("serve", "--bind", address, folder=tmp_path)
    assert done.status == 1
    assert done.stdout == ""
    assert (
        done.stderr
        == f"{address} cannot be listened on: address already in use. Set CONNECT_BIND to another address.\n"
    )


def test_a_name_that_is_no_address_of_this_machine_is_told_in_one_sentence(tmp_path: Path) -> None:
    settings = {
        "CONNECT_SANDBOX": "on",
        "CONNECT_SECRET_KEY": "made-up-key-of-thirty-two-letters",
        "CONNECT_ACCESS": "sign-in",
        "CONNECT_HOSTS": "connect.example.com",
    }
    done = run_here("serve", "--bind", "no-such-name.invalid:0", folder=tmp_path, settings=settings)
    assert done.status == 1
    assert done.stderr.startswith("no-such-name.invalid:0 cannot be listened on: ")
    assert len(done.stderr.splitlines()) == 1


def test_data_is_for_the_sandbox_alone(tmp_path: Path) -> None:
    settings = {"INFISICAL_HOST": "http://127.0.0.1:9", **PAIR}
    done = run_here("serve", "--data", "kept.sqlite", folder=tmp_path, settings=settings)
    assert done.status == 2
    assert done.stderr.startswith("--data keeps the sandbox's data, and this is not the sandbox")


def test_data_that_cannot_be_kept_is_told_in_one_sentence(tmp_path: Path) -> None:
    done = run_here("serve", "--bind", "127.0.0.1:0", "--data", "missing/kept.sqlite", folder=tmp_path)
    assert done.status == 1
    assert done.stderr.startswith("missing/kept.sqlite cannot be used for the sandbox's data: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.full
def test_a_worker_that_leaves_does_not_take_the_data_with_it(tmp_path: Path) -> None:
    script = """
import os, sys
from app.config import Settings
from app.server import _database
with _database(Settings.load({}, None), data=None) as database:
    folder = database.parent
    worker = os.fork()
    if worker == 0:
        sys.exit()
    os.waitpid(worker, 0)
    print(folder.exists())
print(folder.exists())
"""
    done = run("-c", script, folder=tmp_path, command=Path(sys.executable))
    assert done.stdout.split() == ["True", "False"]


@pytest.mark.full
def test_a_worker_that_dies_is_replaced_and_data_are_kept_where_it_was_asked(tmp_path: Path) -> None:
    with serving("--data", "kept.sqlite", folder=tmp_path) as served:
        httpx.get(f"{served.url}/healthz")
        main = served.process.pid
        (worker,) = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        os.kill(int(worker), signal.SIGKILL)
        # The socket is the main process's: the next worker answers whoever waits.
        assert httpx.get(f"{served.url}/healthz", timeout=60).status_code == 200
    assert (tmp_path / "kept.sqlite").stat().st_size > 0


# What a machine may lack


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_whatever_letters_a_terminal_knows_check_tells_all(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {**BEHIND_PROXY, "CONNECT_PROXY_ALLOWED_GROUPS": "płatki", "CONNECT_SANDBOX": "on"}
    monkeypatch.setattr(os, "environ", environment(settings))
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    with contextlib.redirect_stdout(stdout):
        assert main(["check"]) == 0
        stdout.write(first_line(Settings.load(settings, None)))
    stdout.seek(0)
    told = stdout.read()
    assert ("płatki" if encoding == "utf-8" else ascii("płatki")[1:-1]) in told
    assert "sandbox: nothing leaves this machine" in told


FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  # nothing of ours is put there
UNSHARE = Path("/usr/bin/unshare")


def read_only(folder: Path, *kept: str) -> Path:
    """The command as it runs where no folder can be written to, but those that are kept. Only root may have it so."""
    if os.geteuid() or not UNSHARE.exists() or run("-m", "true", folder=folder, command=UNSHARE).status:
        pytest.skip("only root may make folders read-only for one process")
    folders = " ".join({*FOLDERS} - {*kept})
    made = f'for folder in {folders}; do mount --bind $folder $folder; mount -o remount,ro,bind $folder; done; exec "$@"'
    command = folder / "read-only"
    # Nor can what measures the tests write there.
    unset = "-u HOME -u COVERAGE_PROCESS_START -u COVERAGE_PROCESS_CONFIG"
    command.write_text(f"#!/bin/sh\nexec env {unset} {UNSHARE} -m sh -ec '{made}' sh {COMMAND} \"$@\"\n")
    command.chmod(0o700)
    return command


def test_where_nothing_can_be_written_that_is_told_in_one_sentence(tmp_path: Path) -> None:
    done = run("serve", folder=Path("/proc"), settings={"TMPDIR": FOLDERS[0]}, command=read_only(tmp_path))
    told = "No folder can be written to; set TMPDIR to one that can, or mount a tmpfs on /tmp.\n"
    assert (done.status, done.stdout, done.stderr) == (1, "", told)


@pytest.mark.full
@pytest.mark.parametrize("settings", [{}, {"INFISICAL_HOST": "https://infisical.example"}])
@pytest.mark.parametrize("kept", [FOLDERS[0], FOLDERS[-1]])
def test_one_folder_that_can_be_written_to_is_enough(
    settings: dict[str, str], kept: str, tmp_path: Path
) -> None:
    texts = {**settings, "TMPDIR": FOLDERS[0], "PYTHONIOENCODING": "ascii"}
    with serving(folder=Path("/proc"), settings=texts, command=read_only(tmp_path, kept)) as served:
        assert httpx.get(f"{served.url}/healthz").status_code == 200
        done = served.stop()
    assert (done.status, done.stderr) == (0, "")


# The log


def test_the_log_has_a_line_per_request_without_what_was_typed_and_none_of_its_own_making(
    tmp_path: Path,
) -> None:
    with serving(folder=tmp_path) as served:
        httpx.get(f"{served.url}/healthz?name=canary", headers={"Referer": "http://canary.example/?canary"})
        _raw(served, b"GET /canary?canary HTTP/9.9\r\n\r\n")
        _raw(served, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nCookie canary: canary\r\n\r\n")
        _raw(served, b"GET /x%0aforged%1b[2J HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        done = served.stop()
    moment = r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
    assert re.search(rf"{moment} GET /healthz 200 [0-9.]+s [0-9a-f]{{16}}\n", done.stdout)
    assert "canary" not in done.stdout.replace("GET /canary ", "") + done.stderr
    assert r"GET /x\nforged\x1b[2J 404 " in done.stdout


def _raw(served: Served, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", httpx.URL(served.url).port or 0), timeout=30) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


# The end


def test_a_request_in_hand_gets_its_answer_when_the_server_is_asked_to_stop(tmp_path: Path) -> None:
    head = (
        b"POST /connections/new/supabase HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\n"
    )
    with serving(folder=tmp_path) as served:
        address = ("127.0.0.1", httpx.URL(served.url).port or 0)
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(head)
            # A worker has the request in hand as soon as it asks for the body.
            assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
            served.process.terminate()
            with pytest.raises(subprocess.TimeoutExpired):
                served.process.wait(timeout=2)
            connection.sendall(b"name=value")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 ")
        assert answer.rstrip().endswith((b"</html>", b"click the link."))
        assert served.stop().status == 0
