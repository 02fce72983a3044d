#!/usr/bin/env python3
"""Writes the parts of the documentation that are made from rows: of the settings, and of docs/asvs.toml."""

import re
import textwrap
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.config import FILES, SETTINGS

ROOT = Path(__file__).parent.parent
ASVS = ROOT / "docs/asvs.toml"
FIRST = (
    "INFISICAL_HOST",
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID",
    "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET",
    "CONNECT_BIND",
    "CONNECT_ACCESS",
)
"""The settings that most people need: the README names these alone."""


def documents() -> dict[Path, str]:
    """The whole text of each file that has such a part, as it should be."""
    return {
        ROOT / "README.md": _with("README.md", _settings(FIRST)),
        ROOT / "docs/settings.md": _with("docs/settings.md", _settings(tuple(SETTINGS))),
        ROOT / "docs/asvs.md": _with("docs/asvs.md", _requirements()),
        ROOT / ".env.example": "\n".join(_example()),
    }


def _with(file: str, lines: Iterator[str]) -> str:
    """The file's text with these lines between its two marks."""
    before, begin, rest = (ROOT / file).read_text("utf-8").partition("<!-- made by `make docs` -->\n")
    _, end, after = rest.partition("<!-- /made by `make docs` -->\n")
    return "".join((before, begin, *(f"{line}\n" for line in lines), end, after))


def _settings(names: tuple[str, ...]) -> Iterator[str]:
    yield "| Name | Default | Meaning |"
    yield "|---|---|---|"
    for name in names:
        row = SETTINGS[name]
        default = f"`{row.default}`" if row.validate_default else "–"
        meaning = " ".join((row.description or "").split())
        in_file = f" Or `{FILES[name]}`, its file." if name in FILES else ""
        yield f"| `{name}` | {default} | {meaning}{in_file} |"


def _example() -> Iterator[str]:
    yield "# Copy this file to .env and fill in what you need. With nothing set the wizard runs on its sandbox."
    yield "# Variables of the environment win over this file."
    for name, row in SETTINGS.items():
        yield ""
        meaning = " ".join((row.description or "").replace("`", "").split())
        yield textwrap.fill(meaning, 110, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
        yield f"{name}={row.default if row.validate_default else ''}"
    yield ""


def _requirements() -> Iterator[str]:
    chapters: list[dict[str, Any]] = tomllib.loads(ASVS.read_text("utf-8"))["chapters"]
    found = [requirement for chapter in chapters for requirement in chapter["requirements"]]
    count = Counter(requirement["status"] for requirement in found)
    yield f"Of {len(found)} requirements {', '.join(f'{number} are {word}' for word, number in count.items())}:"
    yield ""
    yield "| Requirement | Level | What is missing |"
    yield "|---|---|---|"
    for row in found:
        if row["status"] != "met":
            reason = row.get("missing") or f"**Not met:** {row['how']}"
            yield f"| [{row['number']}](#{row['number'].replace('.', '')}) | {row['level']} | {reason} |"
    for chapter in chapters:
        yield f"\n## {chapter['title']}"
        for row in chapter["requirements"]:
            yield from _requirement(row)
        if "left_out" in chapter:
            yield f"\nLeft out: {chapter['left_out']}"


def _requirement(row: dict[str, Any]) -> Iterator[str]:
    yield f"\n### {row['number']}"
    yield f"\n> {row['words']}"
    yield f"\nLevel {row['level']}, **{row['status']}**. {row['how']}"
    if "missing" in row:
        yield f"\nMissing: {row['missing']}"
    pages = (f"[{re.sub('[#-]', ' ', page)}](../{page})" for page in row.get("pages", ()))
    tests = (f"`{test}`" for test in row.get("tests", ()))
    yield f"\nHeld by {', '.join((*pages, *tests))}."


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text, "utf-8")
