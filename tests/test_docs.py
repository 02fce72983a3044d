"""The documentation: what is made from rows is up to date, links lead somewhere, and what docs/asvs.toml names is there."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from scripts.docs import ASVS, ROOT, documents

PAGES = (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
TEXT = ASVS.read_text()
CHAPTERS: list[dict[str, Any]] = tomllib.loads(TEXT)["chapters"]
REQUIREMENTS: list[dict[str, Any]] = [row for chapter in CHAPTERS for row in chapter["requirements"]]


@cache
def anchors_of(page: Path) -> frozenset[str]:
    """What a link may lead to within a page: its headings as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return frozenset(re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings)


@cache
def functions_of(file: str) -> frozenset[str]:
    path = ROOT / file
    tree = ast.parse(path.read_text()) if path.is_file() else ast.Module([], [])
    return frozenset(step.name for step in tree.body if isinstance(step, ast.FunctionDef))


def leads_nowhere(link: str, *, page: Path) -> bool:
    file, _, anchor = link.partition("#")
    target = page.parent / file if file else page
    return not target.is_file() or bool(anchor and anchor not in anchors_of(target))


def test_what_is_made_from_rows_is_up_to_date() -> None:
    stale = [str(path.relative_to(ROOT)) for path, text in documents().items() if path.read_text() != text]
    assert stale == [], "make docs"


def test_every_link_leads_to_a_file_and_to_a_heading_that_is_there() -> None:
    links = [
        (page, link)
        for page in PAGES
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if not link.startswith(("https://", "http://"))
    ]
    assert len(links) > 50
    assert [(page.name, link) for page, link in links if leads_nowhere(link, page=page)] == []


def test_no_requirement_stands_twice() -> None:
    numbers = [row["number"] for row in REQUIREMENTS]
    assert len(numbers) > 100
    assert len(set(numbers)) == len(numbers)
    assert {number.partition(".")[0] for number in numbers} >= {"3", "6", "7", "8", "9", "10", "14", "16"}


def test_every_requirement_says_how_it_applies_and_what_holds_it() -> None:
    for row in REQUIREMENTS:
        assert set(row) - {"missing", "pages", "tests"} == {"number", "level", "status", "words", "how"}
        assert row["words"].startswith("Verify that"), row["number"]
        assert row["level"] in (1, 2, 3), row["number"]
        assert row["status"] in ("met", "partly met", "not met"), row["number"]
        assert row["how"], row["number"]
        assert bool(row.get("missing")) == (row["status"] == "partly met"), row["number"]
        assert row.get("pages") or row.get("tests"), row["number"]


def test_every_test_that_holds_a_requirement_is_there() -> None:
    named = {test for row in REQUIREMENTS for test in row.get("tests", ())}
    assert len(named) > 100
    assert [
        test for test in sorted(named) if test.partition("::")[2] not in functions_of(test.partition("::")[0])
    ] == []


def test_nothing_about_security_is_a_plan() -> None:
    for text in (TEXT, (ROOT / "SECURITY.md").read_text()):
        assert not re.search(r"to come|\bdraft\b", text, flags=re.IGNORECASE)


def test_the_quoted_words_keep_their_source_and_licence() -> None:
    for text in (TEXT, (ROOT / "docs/asvs.md").read_text()):
        for notice in (
            "https://github.com/OWASP/ASVS",
            "© 2008–2025 The OWASP Foundation",
            "https://creativecommons.org/licenses/by-sa/4.0/",
        ):
            assert notice in text
