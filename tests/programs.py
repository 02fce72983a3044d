"""Finds the system programs that tests need, installs what is missing where it may, and says how to mend the rest."""

# ruff: noqa: T201  # it is a command as well, and talks to whoever runs make

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

_ROOT = Path(__file__).parents[1]
_NU = _ROOT / ".tools/nu"

_PROBING = 60
_INSTALLING = 900
"""Seconds for a program to tell its version, and for one step of an installation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """A system program: the commands it goes by, other places to look, its Debian package, another way to get it (one of
    the two at least), and what makes it tell its version."""

    name: str
    what_for: str
    commands: tuple[str, ...]
    package: str = ""
    elsewhere: Callable[[], Iterator[Path]] = lambda: iter(())
    otherwise: tuple[str, ...] = ()
    tells_version: str = "--version"

    @property
    def mend(self) -> str:
        """What a person types to get it."""
        typed = f"apt-get install -y {self.package}" if self.package else ""
        return ", or ".join(filter(None, (typed, " ".join(_shown(self.otherwise)))))


def _shown(command: tuple[str, ...]) -> tuple[str, ...]:
    words = (".venv/bin/python", *command[1:]) if command[:1] == (sys.executable,) else command
    return tuple(word.removeprefix(f"{_ROOT}/") for word in words)


def _browsers_of_playwright() -> Iterator[Path]:
    folders = (
        os.environ.get("PLAYWRIGHT_BROWSERS_PATH"),
        Path.home() / ".cache/ms-playwright",
        Path.home() / "Library/Caches/ms-playwright",
    )
    for folder in folders:
        if folder:
            for shell in ("headless_shell", "chrome-headless-shell"):
                yield from sorted(Path(folder).glob(f"chromium_headless_shell-*/*/{shell}"), reverse=True)
            yield from sorted(Path(folder).glob("chromium-*/chrome-linux*/chrome"), reverse=True)
            yield from sorted(
                Path(folder).glob("chromium-*/chrome-mac*/*.app/Contents/MacOS/*"), reverse=True
            )


def _where_root_looks() -> Iterator[Path]:
    """Debian keeps servers out of the way of people who are not root: beside each bin of theirs is a sbin."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield Path(folder).with_name("sbin") / "nginx"


def _where_npm_put_it() -> Iterator[Path]:
    """Without Java it would fetch one by itself."""
    if shutil.which("java"):
        yield _NU / "node_modules/.bin/vnu"


PROGRAMS = (
    Program(
        name="chromium",
        what_for="the browser tests",
        # The shell is Chromium without its windows, and needs half the time.
        commands=("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"),
        package="chromium-headless-shell",
        elsewhere=_browsers_of_playwright,
        otherwise=(sys.executable, "-m", "playwright", "install", "chromium-headless-shell"),
    ),
    Program(
        name="redis-server",
        what_for="the tests of limits that are shared through Redis",
        commands=("redis-server",),
        package="redis-server",
    ),
    Program(
        name="nginx",
        what_for="the tests behind a real reverse proxy",
        commands=("nginx",),
        package="nginx",
        elsewhere=_where_root_looks,
        tells_version="-v",
    ),
    Program(
        name="curl",
        what_for="the test that runs the call which the page of a connection shows",
        commands=("curl",),
        package="curl",
    ),
    Program(
        name="vnu",
        what_for="the test that the Nu checker finds every page valid, with Java and npm",
        commands=("vnu",),
        elsewhere=_where_npm_put_it,
        otherwise=(
            "npm",
            "install",
            "--prefix",
            str(_NU),
            "--no-save",
            "--ignore-scripts",
            "vnu-jar@26.9.27",
        ),
    ),
)
"""Every system program that a test needs. A test asks for one with `require`."""


@functools.cache
def find(name: str) -> Path | None:
    """Where a program of PROGRAMS is, or None. Only one that starts counts: Ubuntu's chromium-browser may be a stub."""
    program = _named(name)
    found = (shutil.which(command) for command in program.commands)
    candidates = (*(Path(path) for path in found if path), *program.elsewhere())
    return next((path for path in candidates if _starts(path, program)), None)


def require(name: str) -> Path:
    """Where a program of PROGRAMS is. Without it the test is skipped, and under CI=true it fails."""
    path = find(name)
    return path or _do_without(_named(name))


def _do_without(program: Program) -> NoReturn:
    sentence = f"{program.name} is missing; get it with: {program.mend}"
    if _must_have_all():
        pytest.fail(sentence)
    pytest.skip(sentence)


def _named(name: str) -> Program:
    return next(program for program in PROGRAMS if program.name == name)


def _starts(path: Path, program: Program) -> bool:
    try:
        return _run((str(path), program.tells_version), seconds=_PROBING, quiet=subprocess.DEVNULL)
    except OSError:
        return False


def _run(command: tuple[str, ...], *, seconds: int, quiet: int | None = None) -> bool:
    """Whether the command came to a good end in time."""
    try:
        done = subprocess.run(  # noqa: S603  # our own table of commands
            command, stdin=subprocess.DEVNULL, stdout=quiet, stderr=quiet, timeout=seconds, check=False
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _must_have_all() -> bool:
    return os.environ.get("CI", "").lower() in ("true", "1")


def _missing(names: Sequence[str]) -> list[Program]:
    """Those of PROGRAMS that are not here; with names, among these alone."""
    return [
        program for program in PROGRAMS if (not names or program.name in names) and not find(program.name)
    ]


def _ways(program: Program) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Ways to install it, each a row of commands, the best first. Only root may install packages."""
    if program.package and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ("apt-get", "install", "-y", program.package)
        yield (install,)
        yield (("apt-get", "update"), install)
    if program.otherwise and not find(program.name):
        yield (program.otherwise,)


def _install(program: Program) -> bool:
    os.environ.setdefault("DEBIAN_FRONTEND", "noninteractive")
    for way in _ways(program):
        for command in way:
            print(
                f"Installing {program.name}, for {program.what_for}: {' '.join(_shown(command))}", flush=True
            )
            if not _run(command, seconds=_INSTALLING):
                break
        find.cache_clear()
        if shutil.which(program.commands[0]):
            break
    return find(program.name) is not None


def ensure(*names: str) -> int:
    """Installs what is missing, of all programs or of these; for root also the first of a program's commands where only
    another is there: it costs the tests least. The exit status is 1 where something is left and CI=true wants everything."""
    for program in PROGRAMS:
        is_wanted = not names or program.name in names
        is_light = os.geteuid() != 0 or not program.package or shutil.which(program.commands[0])
        if is_wanted and not (find(program.name) and is_light):
            _install(program)
    left = _missing(names)
    return _tell(left) if left and _must_have_all() else 0


def report(*names: str) -> int:
    """Says on one line what was not tested for want of a program, and how to mend it."""
    return _tell(_missing(names))


def _tell(missing: list[Program]) -> int:
    if not missing:
        return 0
    told = (
        f"{program.what_for} ({program.name} is missing; get it with: {program.mend})" for program in missing
    )
    print(f"Not run: {'; '.join(told)}")
    return 1


if __name__ == "__main__":
    _, command, *asked_for = sys.argv
    sys.exit({"ensure": ensure, "report": report}[command](*asked_for))
