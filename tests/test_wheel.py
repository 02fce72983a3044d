"""The built wheel, installed in an empty environment and started from another folder, has all its pages need."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from .processes import environment, serving

ROOT = Path(__file__).parent.parent


def uv(*arguments: str, into: Path | None = None) -> None:
    """Runs uv in the checkout; `into` is the environment that it works on."""
    candidates = (
        os.environ.get("UV"),
        str(ROOT / ".tools/bin/uv"),
        str(Path(sys.executable).with_name("uv")),
        "uv",
    )
    command = next(path for path in (shutil.which(name) for name in candidates if name) if path)
    settings = {} if into is None else {"VIRTUAL_ENV": str(into), "UV_PROJECT_ENVIRONMENT": str(into)}
    done = subprocess.run(  # noqa: S603  # uv, with our own arguments
        (command, *arguments),
        cwd=ROOT,
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--quiet", "--out-dir", str(folder))
    return next(folder.glob("infisical_connect-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and its dependencies as the lock file has them, and nothing of the checkout."""
    into = tmp_path_factory.mktemp("installed") / "environment"
    uv("venv", "--quiet", "--python", sys.executable, str(into))
    uv("sync", "--quiet", "--frozen", "--no-dev", "--no-install-project", "--active", into=into)
    uv("pip", "install", "--quiet", "--no-deps", str(wheel), into=into)
    uv("pip", "check", "--quiet", into=into)
    return into


def test_the_wheel_holds_templates_and_static_files_inside_the_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"app"}
    for folder in ("templates", "static"):
        files = [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert files
        assert {f"app/{path.as_posix()}" for path in files} <= set(names)


def test_the_wheel_serves_a_page_with_its_stylesheet_from_another_folder(
    installed: Path, tmp_path: Path
) -> None:
    command = installed / "bin/infisical-connect"
    with (
        serving(folder=tmp_path, command=command) as served,
        httpx.Client(base_url=served.url, follow_redirects=True) as browser,
    ):
        page = browser.get("/")
        assert page.status_code == 200
        found = re.search(r'<link[^>]*rel="stylesheet"[^>]*>', page.text)
        assert found
        address = re.search(r'href="([^"]+)"', found[0])
        assert address
        stylesheet = browser.get(address[1])
        assert stylesheet.status_code == 200
        assert stylesheet.headers["Content-Type"].startswith("text/css")
        assert stylesheet.content
