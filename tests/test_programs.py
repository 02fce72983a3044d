"""What make does about missing programs, and about a machine that lacks what setting up needs."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from . import programs
from .processes import environment

ROOT = Path(__file__).parent.parent

UNREACHABLE = {"PLAYWRIGHT_DOWNLOAD_HOST": "http://127.0.0.1:9"}
"""No browser can be downloaded."""


def executable(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def on(folder: Path, command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs `python -m tests.programs` on a machine that has only the programs in `folder`."""
    alone = {
        "PATH": str(folder),
        "HOME": str(folder),
        "PLAYWRIGHT_BROWSERS_PATH": str(folder / "browsers"),
        "CI": "",
    }
    return subprocess.run(  # noqa: S603  # our own module
        (sys.executable, "-m", "tests.programs", command),
        cwd=ROOT,
        env=environment({**alone, **settings}),
        capture_output=True,
        text=True,
        check=False,
    )


def with_all_but(missing: str, *, folder: Path) -> Path:
    """A machine with every program that tests need, except one."""
    for program in programs.PROGRAMS:
        if program.name != missing:
            executable(folder / program.commands[0], "exit 0")
    return folder


@pytest.mark.full
@pytest.mark.parametrize(
    ("program", "command"),
    [(program.name, command) for program in programs.PROGRAMS for command in program.commands],
)
def test_a_program_is_found_under_each_of_its_names(program: str, command: str, tmp_path: Path) -> None:
    executable(with_all_but(program, folder=tmp_path) / command, "exit 0")
    assert on(tmp_path, "report").stdout == ""


@pytest.mark.full
@pytest.mark.parametrize(
    "path",
    [
        "chromium-1234/chrome-linux64/chrome",
        "chromium_headless_shell-1234/chrome-linux/headless_shell",
        "chromium_headless_shell-1234/chrome-headless-shell-linux64/chrome-headless-shell",
    ],
)
def test_the_browser_that_playwright_installed_is_found(path: str, tmp_path: Path) -> None:
    machine = with_all_but("chromium", folder=tmp_path)
    executable(machine / "browsers" / path, "exit 0")
    assert on(machine, "report").stdout == ""


def test_a_server_is_found_where_only_root_looks(tmp_path: Path) -> None:
    machine = with_all_but("nginx", folder=tmp_path / "bin")
    executable(tmp_path / "sbin/nginx", 'test "$1" = -v')
    assert on(machine, "report").stdout == ""


def test_a_program_that_does_not_start_is_not_found(tmp_path: Path) -> None:
    executable(tmp_path / "chromium", "echo 'install the snap first' >&2; exit 1")
    assert on(tmp_path, "report").stdout.startswith("Not run: the browser tests (chromium is missing; ")


def test_the_report_is_one_line_that_says_how_to_mend_everything(tmp_path: Path) -> None:
    (line,) = on(tmp_path, "report").stdout.splitlines()
    assert line == (
        "Not run: the browser tests (chromium is missing; get it with: "
        "apt-get install -y chromium-headless-shell, "
        "or .venv/bin/python -m playwright install chromium-headless-shell); "
        "the tests of limits that are shared through Redis (redis-server is missing; get it with: "
        "apt-get install -y redis-server); "
        "the tests behind a real reverse proxy (nginx is missing; get it with: apt-get install -y nginx); "
        "the test that runs the call which the page of a connection shows (curl is missing; get it with: "
        "apt-get install -y curl); "
        "the test that the Nu checker finds every page valid, with Java and npm (vnu is missing; get it with: "
        "npm install --prefix .tools/nu --no-save --ignore-scripts vnu-jar@26.9.27)"
    )


def test_root_alone_installs_packages_that_are_missing_and_says_so(tmp_path: Path) -> None:
    # The first try fails, as it does on a machine whose package lists were never fetched.
    with_all_but("chromium", folder=tmp_path)
    executable(
        tmp_path / "apt-get",
        f"""
        echo "$*" >> {tmp_path}/asked
        if test "$1" = update; then : > {tmp_path}/updated; exit 0; fi
        test -e {tmp_path}/updated || exit 100
        printf '#!/bin/sh\\n' > {tmp_path}/chromium
        /bin/chmod +x {tmp_path}/chromium
        """,
    )
    done = on(tmp_path, "ensure", **UNREACHABLE)
    assert done.returncode == 0
    if os.geteuid() != 0:
        assert not (tmp_path / "asked").exists()
        return
    assert (tmp_path / "asked").read_text().splitlines() == [
        "install -y chromium-headless-shell",
        "update",
        "install -y chromium-headless-shell",
    ]
    assert (
        "Installing chromium, for the browser tests: apt-get install -y chromium-headless-shell"
        in done.stdout
    )
    assert on(tmp_path, "report").stdout == ""


def nowhere_to_be_had(tmp_path: Path) -> Path:
    """A machine whose package manager fails, and whose network lets no browser be downloaded."""
    executable(tmp_path / "apt-get", "exit 100")
    return tmp_path


@pytest.mark.full
def test_what_cannot_be_installed_is_left_out(tmp_path: Path) -> None:
    done = on(nowhere_to_be_had(tmp_path), "ensure", **UNREACHABLE)
    assert done.returncode == 0


@pytest.mark.full
def test_under_ci_what_cannot_be_installed_is_a_failure(tmp_path: Path) -> None:
    done = on(nowhere_to_be_had(tmp_path), "ensure", CI="true", **UNREACHABLE)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith(
        "Not run: the browser tests (chromium is missing; get it with: "
    )


def test_a_test_that_needs_a_program_gets_its_path() -> None:
    path = programs.find("chromium")
    if path is not None:
        assert programs.require("chromium") == path
        assert os.access(path, os.X_OK)


# Setting up


def set_up(folder: Path, *, tools: Path) -> subprocess.CompletedProcess[str]:
    """Runs a copy of scripts/set-up in an empty checkout, on a machine that has only the programs in `tools`."""
    script = folder / "scripts/set-up"
    script.parent.mkdir(parents=True)
    script.write_text((ROOT / "scripts/set-up").read_text())
    return subprocess.run(  # noqa: S603  # our own script
        ("/bin/sh", str(script)),
        env=environment({"PATH": f"{tools}:/nowhere", "PYTHON": ""}),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A machine with nothing but what the script itself is made of."""
    executable(tmp_path / "tools/dirname", 'exec /usr/bin/dirname "$@"')
    return tmp_path / "tools"


def test_setting_up_without_a_python_says_which_one_is_needed(tmp_path: Path, tools: Path) -> None:
    executable(tools / "python3", "exit 1")
    done = set_up(tmp_path / "checkout", tools=tools)
    assert done.returncode != 0
    assert done.stderr.startswith("Python 3.11 or newer is needed, and none of these is: ")


def test_setting_up_without_uv_and_venv_says_what_to_install(tmp_path: Path, tools: Path) -> None:
    executable(tools / "python3", 'case "$2" in *ensurepip*) exit 1;; *executable*) echo python3;; esac')
    done = set_up(tmp_path / "checkout", tools=tools)
    assert done.returncode != 0
    assert "apt-get install -y python3-venv" in done.stderr
