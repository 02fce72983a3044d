"""What the code imports is declared, and CONTRIBUTING says what each of it is for."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TABLE = (
    (ROOT / "CONTRIBUTING.md").read_text().partition("| Package | What for |")[2].partition("\n\n")[0].lower()
)


def named(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~; ]", requirement)[0].lower() for requirement in requirements}


NEEDED = named(PROJECT["dependencies"])
EXTRA = named([package for extra in PROJECT["optional-dependencies"].values() for package in extra])


def imported_by(path: Path) -> Iterator[str]:
    """The packages of others that a file imports, by the names they are installed under."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [name.name for name in node.names]
        else:
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        for top in {module.partition(".")[0] for module in modules}:
            # Type checkers know _typeshed, and no interpreter does.
            if top not in {*sys.stdlib_module_names, "_typeshed"}:
                yield from (package.lower() for package in installed()[top])


@cache
def installed() -> Mapping[str, list[str]]:
    return packages_distributions()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "app").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_what_is_imported_is_declared(path: Path) -> None:
    assert set(imported_by(path)) <= NEEDED | EXTRA


@pytest.mark.parametrize("package", sorted(NEEDED | EXTRA))
def test_contributing_says_what_each_dependency_is_for(package: str) -> None:
    assert re.search(rf"(?<![\w-]){re.escape(package)}(?![\w-])", TABLE)
