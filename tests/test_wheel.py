"""The built wheel, installed away from the checkout: it has all its pages need, and no name that a Flask app would use."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from .processes import environment, run, serving

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
FROM_THE_SOURCES = {"app", "templates", "static"}


def done(*command: str | Path, folder: Path = ROOT, settings: dict[str, str] | None = None) -> str:
    """Runs a command to its good end, and returns what it printed."""
    finished = subprocess.run(  # noqa: S603  # our own commands
        [str(word) for word in command],
        cwd=folder,
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def built(target: str, *, checkout: Path, into: Path) -> Path:
    done(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", into, folder=checkout)
    return next(into.glob("infisical_connect-*"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", checkout=ROOT, into=tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment with the wheel, and the packages of this one but for the checkout."""
    into = tmp_path_factory.mktemp("installed") / "environment"
    done(uv(), "venv", "--quiet", "--python", sys.executable, into)
    done(
        uv(),
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-deps",
        wheel,
        settings={"VIRTUAL_ENV": str(into)},
    )
    packages = next(into.glob("lib/python*/site-packages"))
    # Folders that a .pth file adds have no .pth files of theirs read, so the checkout is not among them.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return into / "bin"


def uv() -> str:
    candidates = (os.environ.get("UV"), ROOT / ".tools/bin/uv", Path(sys.executable).with_name("uv"), "uv")
    return next(path for path in (shutil.which(name) for name in candidates if name) if path)


def files_of(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_is_one_package_with_templates_and_static_files_in_it(wheel: Path) -> None:
    names = {name for name in files_of(wheel) if ".dist-info/" not in name}
    assert {name.partition("/")[0] for name in names} == {"infisical_connect"}
    for folder in ("templates", "static"):
        files = [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert files
        assert {f"infisical_connect/{path.as_posix()}" for path in files} <= names


@pytest.mark.full
def test_the_source_archive_holds_what_it_names_and_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    archive = built("sdist", checkout=ROOT, into=tmp_path / "archive")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    checkout = next(tmp_path.glob("infisical_connect-*"))
    documents = {"README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md", "docs", ".env.example"}
    added = {"pyproject.toml", "PKG-INFO", ".gitignore"}
    assert {path.name for path in checkout.iterdir()} == FROM_THE_SOURCES | documents | added
    assert files_of(built("wheel", checkout=checkout, into=tmp_path / "wheel")) == files_of(wheel)


@contextmanager
def beside_other_packages_called_app(folder: Path) -> Iterator[dict[str, str]]:
    """A folder with an `app` of its own, and the settings that lead Python to another one."""
    for package in (folder / "app", folder / "elsewhere/app"):
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise SystemExit('this is not the wizard')")
    yield {"PYTHONPATH": str(folder / "elsewhere")}


@pytest.mark.full
def test_it_serves_a_page_with_its_stylesheet_beside_other_packages_called_app(
    bin_folder: Path, tmp_path: Path
) -> None:
    command = bin_folder / "infisical-connect"
    with (
        beside_other_packages_called_app(tmp_path) as settings,
        serving(folder=tmp_path, settings=settings, command=command) as served,
        httpx.Client(base_url=served.url, follow_redirects=True) as browser,
    ):
        page = browser.get("/")
        assert page.status_code == 200
        address = re.search(r'<link rel="stylesheet"[^>]* href="([^"]+)"', page.text)
        assert address, page.text
        stylesheet = browser.get(address[1])
        assert stylesheet.status_code == 200
        assert stylesheet.headers["Content-Type"].startswith("text/css")
        assert stylesheet.content


@pytest.mark.full
def test_it_tells_the_version_of_the_distribution(bin_folder: Path, wheel: Path) -> None:
    version = wheel.name.split("-")[1]
    script = "import infisical_connect; print(infisical_connect.__version__, infisical_connect.__file__)"
    told, file = done(bin_folder / "python", "-c", script, folder=wheel.parent).split()
    assert told == version
    assert not Path(file).is_relative_to(ROOT)
    assert run("--version", folder=wheel.parent).stdout == f"infisical-connect {version}\n"


@pytest.mark.full
def test_the_readmes_example_runs_under_flask_run_as_app_py(bin_folder: Path, tmp_path: Path) -> None:
    example = README.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "app.py").write_text(example)
    settings = {
        "INFISICAL_HOST": "https://infisical.example",
        "INFISICAL_TOKEN": "made-up-token",
        "PORTAL_SECRET_KEY": "a-made-up-key-of-the-portal-for-tests",
    }
    with flask_run(bin_folder, folder=tmp_path, settings=settings) as url:
        answer = httpx.get(f"{url}/connect/")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/login")


@contextmanager
def flask_run(bin_folder: Path, *, folder: Path, settings: dict[str, str]) -> Iterator[str]:
    """The address of `flask run` in a folder, once it answers there."""
    command = (str(bin_folder / "python"), "-u", "-m", "flask", "run", "--port", "0", "--no-reload")
    with subprocess.Popen(  # noqa: S603  # flask, with our own arguments
        command,
        cwd=folder,
        env=environment(settings),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            said = ""
            while not (found := re.search(r"Running on (http://\S+)\s", said)):
                line = process.stderr.readline()
                assert line, said
                said += line
            yield found[1]
        finally:
            process.terminate()


@pytest.mark.full
def test_what_the_wheel_declares_is_all_it_needs(wheel: Path, tmp_path: Path) -> None:
    into = tmp_path / "environment"
    ours = {"VIRTUAL_ENV": str(into), "UV_PROJECT_ENVIRONMENT": str(into)}
    done(uv(), "venv", "--quiet", "--python", sys.executable, into)
    done(uv(), "sync", "--quiet", "--frozen", "--no-dev", "--no-install-project", "--active", settings=ours)
    done(uv(), "pip", "install", "--quiet", "--no-deps", wheel, settings=ours)
    done(uv(), "pip", "check", "--quiet", settings=ours)
    with serving(folder=tmp_path, command=into / "bin/infisical-connect") as served:
        assert httpx.get(f"{served.url}/projects", follow_redirects=True).status_code == 200
