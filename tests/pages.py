"""Reads a page as a person, a screen reader and a browser with a strict policy would, and objects."""

import copy
import functools
import re
from collections import Counter
from typing import Any
from xml.etree.ElementTree import Element

import html5lib

XHTML = "{http://www.w3.org/1999/xhtml}"

_FOLDERS = ("secret_path", "use_secret_path")

_NAMED_BY_LABEL = {"text", "password", "checkbox", "radio", "search", "url", "date", "email"}


class PageFault(AssertionError):
    """A page broke one of the rules that hold for every page."""


_TOKEN = re.compile(r'(?P<before>name="csrf_token"\s+value=")(?P<token>[^"]+)')
"""What alone differs between pages that are otherwise the same, wherever it stands."""


@functools.lru_cache(maxsize=500)
def read_page(text: str) -> "PageUnderTest":
    """The page, once it has passed every rule. Whoever asks twice shares it: it is for reading."""
    page = copy.deepcopy(_page_of_any_visit(_TOKEN.sub(r"\g<before>token", text)))
    tokens = (element for element in page.all("input") if element.get("name") == "csrf_token")
    for element, token in zip(tokens, _TOKEN.finditer(text), strict=True):
        element.set("value", token["token"])
    return page


# To read and judge a page takes longer than most tests, and most pages are opened by many of them.
@functools.lru_cache(maxsize=500)
def _page_of_any_visit(text: str) -> "PageUnderTest":
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=True)
    try:
        root = parser.parse(text)
    except html5lib.html5parser.ParseError as error:
        raise PageFault(f"not valid HTML: {error}") from None
    page = PageUnderTest(root)
    for rule in (
        _has_one_heading_that_begins_the_title,
        _names_its_language,
        _has_unique_ids,
        _refers_only_to_ids_that_exist,
        _labels_every_field,
        _names_every_link_and_button,
        _has_no_inline_style_or_script,
        _protects_every_form_that_changes_something,
        _opens_new_tabs_without_a_way_back_and_says_so,
        _gives_parts_of_tables_no_role,
        _asks_no_other_host_for_anything,
    ):
        rule(page)
    return page


class PageUnderTest:
    """A parsed page, asked in the words of the tests."""

    def __init__(self, root: Element) -> None:
        self.root = root

    def all(self, *tags: str) -> list[Element]:
        wanted = {f"{XHTML}{tag}" for tag in tags}
        return [element for element in self.root.iter() if element.tag in wanted]

    def by_id(self, element_id: str) -> Element | None:
        return next((element for element in self.root.iter() if element.get("id") == element_id), None)

    def text_of(self, element_id: str) -> str:
        element = self.by_id(element_id)
        if element is None:
            raise AssertionError(f"there is no #{element_id} on this page")
        return text_in(element)

    @property
    def title(self) -> str:
        return text_in(self.all("title")[0])

    @property
    def heading(self) -> str:
        return text_in(self.all("h1")[0])

    @property
    def text(self) -> str:
        return text_in(self.all("body")[0])

    @property
    def problem(self) -> str | None:
        return self.all("main")[0].get("data-problem")

    @property
    def summary(self) -> list[tuple[str | None, str]]:
        """The error summary: where each line leads, and its words."""
        summary = self.by_id("error-summary")
        if summary is None:
            return []
        lines = [element for element in summary.iter() if element.tag == f"{XHTML}li"]
        return [(_href_in(line), text_in(line)) for line in lines]

    def error(self, field: str) -> str:
        return self.text_of(f"{field}-error")

    def field(self, name: str) -> str:
        """What stands in a field."""
        for element in self.all("input", "textarea"):
            if element.get("name") == name:
                return text_in(element) if element.tag == f"{XHTML}textarea" else element.get("value", "")
        raise AssertionError(f"there is no field {name} on this page")

    def values(self, name: str) -> list[str]:
        return [element.get("value", "") for element in self.all("input") if element.get("name") == name]

    def chosen_fields(self) -> dict[str, str]:
        """What the page posts as it stands, of hidden fields and of what can be chosen."""
        inputs = [element for element in self.all("input") if element.get("name")]
        chosen = (one for one in inputs if one.get("type") == "hidden" or one.get("checked") is not None)
        return {one.get("name", ""): one.get("value", "") for one in chosen}

    def links(self) -> dict[str, str]:
        return {text_in(element): element.get("href", "") for element in self.all("a")}

    @property
    def addresses(self) -> list[str]:
        """Everything that may be an address of this server: what begins with a slash, and is no folder of Infisical's."""
        return [
            text
            for element in self.root.iter()
            if element.get("name") not in _FOLDERS
            for text in element.attrib.values()
            if text.startswith("/") and not text.startswith("//")
        ]

    def hidden_fields(self, form_id: str | None = None) -> dict[str, Any]:
        """The hidden fields of the page, or of the form with an id."""
        found: dict[str, Any] = {}
        form = next((form for form in self.all("form") if form_id and form.get("id") == form_id), self.root)
        for element in form.iter(f"{XHTML}input"):
            if element.get("type") == "hidden":
                found.setdefault(element.get("name", ""), []).append(element.get("value", ""))
        return found


def text_in(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _href_in(element: Element) -> str | None:
    return next((inner.get("href") for inner in element.iter() if inner.tag == f"{XHTML}a"), None)


def _has_one_heading_that_begins_the_title(page: PageUnderTest) -> None:
    headings = page.all("h1")
    if len(headings) != 1:
        raise PageFault(f"{len(headings)} first headings")
    title = page.title.removeprefix("Error: ")
    if not title.startswith(page.heading):
        raise PageFault(f"the title “{page.title}” does not begin with the heading “{page.heading}”")


def _names_its_language(page: PageUnderTest) -> None:
    if page.root.get("lang") != "en":
        raise PageFault("the page does not name its language")


def _has_unique_ids(page: PageUnderTest) -> None:
    counted = Counter(element.get("id") for element in page.root.iter() if element.get("id"))
    twice = [name for name, count in counted.items() if count > 1]
    if twice:
        raise PageFault(f"ids that stand twice: {twice}")


def _refers_only_to_ids_that_exist(page: PageUnderTest) -> None:
    ids = {element.get("id") for element in page.root.iter()}
    for element in page.root.iter():
        for name in ("aria-describedby", "aria-labelledby", "for", "form"):
            missing = [target for target in (element.get(name) or "").split() if target not in ids]
            if missing:
                raise PageFault(f"{name} of {element.tag} names ids that do not exist: {missing}")
        href = element.get("href") or ""
        if href.startswith("#") and element.tag == f"{XHTML}a" and href[1:] not in ids:
            raise PageFault(f"a link leads to {href}, which is not there")


def _labels_every_field(page: PageUnderTest) -> None:
    labelled = {label.get("for") for label in page.all("label")}
    inside = {id(inner) for label in page.all("label") for inner in label.iter()}
    for element in page.all("input", "textarea", "select"):
        if element.get("type") == "hidden":
            continue
        if element.get("id") not in labelled and id(element) not in inside and not element.get("aria-label"):
            raise PageFault(f"the field {element.get('name')} has no label")


def _names_every_link_and_button(page: PageUnderTest) -> None:
    for element in page.all("a", "button"):
        if not text_in(element) and not element.get("aria-label"):
            raise PageFault(f"a {element.tag.removeprefix(XHTML)} has no name: {element.attrib}")


def _has_no_inline_style_or_script(page: PageUnderTest) -> None:
    for element in page.root.iter():
        inline = [name for name in element.attrib if name == "style" or name.startswith("on")]
        if (
            inline
            or element.tag == f"{XHTML}style"
            or (element.tag == f"{XHTML}script" and not element.get("src"))
        ):
            raise PageFault(f"inline style or script at {element.tag} {inline}")


def _protects_every_form_that_changes_something(page: PageUnderTest) -> None:
    for form in page.all("form"):
        if form.get("method", "get").lower() != "post":
            continue
        names = {element.get("name") for element in form.iter()}
        if "csrf_token" not in names:
            raise PageFault("a form that posts has no CSRF token")


def _opens_new_tabs_without_a_way_back_and_says_so(page: PageUnderTest) -> None:
    for element in page.all("a"):
        if element.get("target") in (None, "_top"):
            continue
        if "noopener" not in (element.get("rel") or ""):
            raise PageFault(f"{element.get('href')} opens a tab that can reach back")
        if "new tab" not in text_in(element):
            raise PageFault(f"“{text_in(element)}” does not say that it opens a new tab")


def _gives_parts_of_tables_no_role(page: PageUnderTest) -> None:
    roles = [
        part.attrib for part in page.all("table", "thead", "tbody", "tr", "th", "td") if part.get("role")
    ]
    if roles:
        raise PageFault(f"parts of a table have roles: {roles}")


def _asks_no_other_host_for_anything(page: PageUnderTest) -> None:
    for element in page.all("script", "img", "link", "iframe"):
        source = element.get("src") or element.get("href") or ""
        if "//" in source:
            raise PageFault(f"the page loads {source}")
