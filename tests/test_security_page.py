"""SECURITY.md names, for each requirement that applies, the tests that hold it: they exist, and no row is without."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "SECURITY.md").read_text()
README = (ROOT / "README.md").read_text()


class Row(NamedTuple):
    """One requirement of OWASP's: its number, its level, its words, how it applies here, and what holds it."""

    number: str
    level: str
    words: str
    applies: str
    held_by: str


def rows() -> list[Row]:
    lines = [line for line in TEXT.splitlines() if re.match(r"\| \d+\.\d+\.\d+ \|", line)]
    return [Row(*(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])) for line in lines]


def named_tests(text: str) -> list[tuple[str, str]]:
    """File and function of each test that a text names; a file counts for the functions named after it."""
    found = re.findall(r"`(?:(tests/[\w/]+\.py)(?:::)?)?(test_\w+)?`", text)
    named, current = [], ""
    for file, function in found:
        current = file or current
        if file or function:
            named.append((current, function))
    return named


def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text()) if (ROOT / file).is_file() else ast.Module([], [])
    return {step.name for step in tree.body if isinstance(step, ast.FunctionDef)}


ROWS = rows()


def test_the_tables_are_there_and_no_requirement_stands_twice() -> None:
    numbers = [row.number for row in ROWS]
    assert len(numbers) > 100
    assert len(set(numbers)) == len(numbers)
    assert {number.partition(".")[0] for number in numbers} >= {"3", "6", "7", "8", "9", "10", "14", "16"}


def test_every_test_that_the_page_names_exists() -> None:
    named = named_tests(TEXT)
    assert len(named) > 100
    missing = [(file, name) for file, name in named if name not in functions_of(file)]
    assert missing == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.number)
def test_every_requirement_says_how_it_applies_and_what_holds_it(row: Row) -> None:
    assert row.words.startswith("Verify that")
    assert row.level in ("1", "2", "3")
    assert row.applies
    assert re.match(r"`tests/[\w/]+\.py::test_\w+`|this page, “|README\.md, “", row.held_by)


def test_every_part_of_a_page_that_holds_something_is_there() -> None:
    for row in ROWS:
        for place, titles in re.findall(r"(this page|README\.md), ((?:“[^”]+”(?:, )?)+)", row.held_by):
            text = TEXT if place == "this page" else README
            for title in re.findall("“([^”]+)”", titles):
                assert f"\n## {title}\n" in text, (row.number, title)


def test_nothing_on_the_page_is_a_plan() -> None:
    assert not re.search(r"to come|\bdraft\b", TEXT, flags=re.IGNORECASE)


def test_the_quoted_words_keep_their_source_and_licence() -> None:
    for notice in (
        "https://github.com/OWASP/ASVS",
        "© 2008–2025 The OWASP Foundation",
        "https://creativecommons.org/licenses/by-sa/4.0/",
    ):
        assert notice in TEXT
