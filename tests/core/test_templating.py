"""Our templates are rendered strictly, and static files keep for a year under a name that changes with them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import UndefinedError
from werkzeug.exceptions import NotFound

from app.core.templating import STATIC, TEMPLATES, Pages, url_for
from tests.conftest import Client, Sandbox


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "templates" / "connect").mkdir(parents=True)
    (tmp_path / "static" / "inner").mkdir(parents=True)
    (tmp_path / "static" / "a.css").write_text("body {}")
    (tmp_path / "static" / "inner" / "b.js").write_text("export {}")
    return tmp_path


@pytest.fixture
def in_a_request(sandbox: Sandbox) -> Iterator[Flask]:
    with sandbox.app.test_request_context("/connections"):
        yield sandbox.app


def pages_of(folder: Path) -> Pages:
    return Pages(templates=folder / "templates", static=folder / "static")


def rendering(folder: Path, template: str, **context: object) -> str:
    (folder / "templates" / "connect" / "page.html").write_text(template)
    return pages_of(folder).render("page.html", **context)


def test_a_name_that_the_page_lacks_is_an_error(folder: Path) -> None:
    with pytest.raises(UndefinedError):
        rendering(folder, "{{ missing }}")
    with pytest.raises(UndefinedError):
        rendering(folder, "{% if missing %}x{% endif %}")


def test_what_is_put_into_a_page_is_escaped(folder: Path) -> None:
    assert rendering(folder, "{{ it }}", it="<b>\"'&") == "&lt;b&gt;&#34;&#39;&amp;"


@pytest.mark.parametrize(
    "character",
    ["\x00", "\x08", "\x1b", "\x7f", "\x85", "\ud800", "\ufdd0", "\ufffe"],
)
def test_a_character_that_html_cannot_hold_is_shown_as_one_that_cannot_be_shown(
    folder: Path, character: str
) -> None:
    assert rendering(folder, "{{ it }}", it=f"a{character}b") == "a\ufffdb"


@pytest.mark.parametrize("character", ["\t", "\n", " ", "é", "日", "🚀", "\u00a0", "\u202e"])
def test_every_other_character_is_left_alone(folder: Path, character: str) -> None:
    assert rendering(folder, "{{ it }}", it=f"a{character}b") == f"a{character}b"


def test_times_are_written_for_people_and_for_programs(folder: Path) -> None:
    when = datetime(2026, 11, 3, 9, 5, 7, tzinfo=UTC)
    spellings = {
        "date": "3 Nov 2026",
        "moment": "3 November 2026, 09:05 UTC",
        "clock": "09:05:07 UTC",
        "minute": "09:05 UTC",
    }
    assert rendering(folder, "{{ at|iso }}", at=when) == "2026-11-03T09:05:07Z"
    for spelling, words in spellings.items():
        told = rendering(folder, f"{{{{ at|{spelling} }}}}", at=when)
        assert told == f'<time datetime="2026-11-03T09:05:07Z">{words}</time>'


def test_a_time_of_another_zone_is_written_in_utc_for_programs(folder: Path) -> None:
    when = datetime(2026, 11, 3, 1, 5, tzinfo=timezone(timedelta(hours=-8)))
    assert rendering(folder, "{{ at|iso }}", at=when) == "2026-11-03T09:05:00Z"


def test_what_only_readers_of_a_stylesheet_and_a_template_need_is_not_sent(folder: Path) -> None:
    (folder / "one.css").write_text('/* Why\n   so. */\n\na, b {\n  color: red;\n\n  content: "a  b";\n}\n')
    pages = Pages(templates=folder, static=folder)
    assert pages.static_file(pages.version, "one.css").data == b'a, b {\ncolor: red;\ncontent: "a  b";\n}\n'
    assert rendering(folder, '<p\n   {% if it %}class="a"{% endif %}\n   id="b">\n    a  b</p>', it=1) == (
        '<p\nclass="a" id="b">\n a  b</p>'
    )


def test_scripts_are_modules_and_put_nothing_on_the_window_or_the_document() -> None:
    tags = [
        tag for page in TEMPLATES.rglob("*.html") for tag in re.findall("<script[^>]*>", page.read_text())
    ]
    assert tags
    assert all('type="module"' in tag for tag in tags)
    for script in STATIC.glob("*.js"):
        written = re.findall(r"\b(?:window|globalThis|self|document)\.(\w+) =[^=]", script.read_text())
        assert set(written) <= {"title"}, script


def test_scripts_write_no_markup_but_what_a_button_had() -> None:
    ways = r"(?:inner|outer)HTML *=[^=].*|insertAdjacentHTML.*|document\.write.*|setHTML.*|\beval\(.*"
    written = [line for script in STATIC.glob("*.js") for line in re.findall(ways, script.read_text())]
    assert written == ["innerHTML = before;"]


@pytest.mark.usefixtures("in_a_request")
def test_a_static_file_keeps_for_a_year_and_its_url_changes_with_any_file(folder: Path) -> None:
    before = pages_of(folder)
    answer = before.static_file(before.version, "inner/b.js")
    assert answer.get_data() == b"export {}"
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    (folder / "static" / "inner" / "b.js").write_text("export default 1")
    after = pages_of(folder)
    assert after.static_url("a.css") != before.static_url("a.css")


@pytest.mark.usefixtures("in_a_request")
@pytest.mark.parametrize(
    "name", ["../templates/connect/page.html", "missing.css", "inner", "/etc/passwd", ""]
)
def test_only_static_files_are_served(folder: Path, name: str) -> None:
    pages = pages_of(folder)
    with pytest.raises(NotFound):
        pages.static_file(pages.version, name)


@pytest.mark.usefixtures("in_a_request")
def test_by_another_versions_name_the_present_file_is_served_and_not_kept(folder: Path) -> None:
    for version in ("0123456789ab", "x", "456E361218A7", "\N{SNOWMAN}"):
        answer = pages_of(folder).static_file(version, "inner/b.js")
        assert (answer.get_data(), answer.mimetype) == (b"export {}", "text/javascript")
        # Every answer that says nothing else is `no-store`.
        assert "Cache-Control" not in answer.headers
        with pytest.raises(NotFound):
            pages_of(folder).static_file(version, "missing.css")


def test_a_page_cannot_name_a_static_file_that_is_not_there(folder: Path) -> None:
    with pytest.raises(LookupError):
        pages_of(folder).static_url("missing.css")


@pytest.mark.usefixtures("in_a_request")
def test_a_url_leaves_empty_values_out() -> None:
    assert url_for(".list", project="p", q="", page=None) == "/connections?project=p"


def test_every_static_file_of_a_page_is_served(client: Client) -> None:
    page = client.page("/connections")
    urls = [element.get("href") or element.get("src") or "" for element in page.all("link", "script")]
    assert urls
    for url in urls:
        answer = client.get(url)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
