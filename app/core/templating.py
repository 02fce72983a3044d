"""Our own Jinja environment, so that a host application's templates, filters and leniency stay out of our pages."""

import hashlib
import mimetypes
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import flask
from flask import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from werkzeug.exceptions import NotFound

BLUEPRINT = "connect"

_PACKAGE = Path(__file__).resolve().parent.parent
_ROOT = _PACKAGE if (_PACKAGE / "templates").is_dir() else _PACKAGE.parent

TEMPLATES = _ROOT / "templates"
STATIC = _ROOT / "static"
"""Inside the package in a wheel, beside it in a checkout."""

_FOR_READERS = re.compile(rb"/\*.*?\*/\s*|^\s+", re.DOTALL | re.MULTILINE)
"""Comments, indentation and empty lines of a stylesheet: a tenth of it."""

# Characters that HTML cannot hold, not even escaped: controls, half characters, and those that are none.
_NOT_IN_HTML = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)


def url_for(endpoint: str, **values: str | None) -> str:
    """The URL of one of our pages, named `.page`, or `.auth.page` where people sign in. Empty values are left out.

    Flask resolves such names by the blueprint of the request: a sign-in page has another, an unknown page none.
    """
    given: dict[str, Any] = {name: text for name, text in values.items() if text}
    if endpoint.startswith("."):
        endpoint = f"{BLUEPRINT}{endpoint}"
    return flask.url_for(endpoint, **given)


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Renders our templates and serves our static files.

    Static URLs carry a hash over all static files: one that changes moves them all, so they can be kept for a year
    and modules can import each other by relative names.
    """

    templates: Path
    static: Path

    def render(self, template: str, **context: Any) -> str:
        """The page as HTML. A name that the context lacks is an error, never an empty text.

        Characters that cannot stand in HTML are shown as U+FFFD.
        """
        page = _environment(self.templates).get_template(f"connect/{template}")
        rendered = page.render(static_url=self.static_url, **context)
        return _NOT_IN_HTML.sub("\ufffd", rendered)

    @cached_property
    def version(self) -> str:
        """The first 12 hex digits of a SHA-256 over the names and bodies of all static files."""
        digest = hashlib.sha256()
        for name, body in sorted(self._files.items()):
            digest.update(name.encode() + b"\0" + body + b"\0")
        return digest.hexdigest()[:12]

    def static_url(self, name: str) -> str:
        if name not in self._files:
            raise LookupError(f"no static file is called {name}")
        return url_for(".static_file", version=self.version, name=name)

    def static_file(self, version: str, name: str) -> Response:
        """A static file, for a year. By another version's name, as the other servers of a rolling update write it, the
        present one and not for keeping: an old body must not stay under a new name. 404 for no file."""
        if name not in self._files:
            raise NotFound
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        response = Response(self._files[name], mimetype=kind)
        if version == self.version:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    @cached_property
    def _files(self) -> dict[str, bytes]:
        """The static files by name; a stylesheet without what only its readers need."""
        found = (path for path in self.static.rglob("*") if path.is_file())
        read = {path.relative_to(self.static).as_posix(): path.read_bytes() for path in found}
        return read | {
            name: _FOR_READERS.sub(b"", body) for name, body in read.items() if name.endswith(".css")
        }


class _Loader(FileSystemLoader):
    """Templates without their indentation, which would be a seventh of a page. Attributes stay apart."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, name, is_fresh = super().get_source(environment, template)
        return re.sub(r"(?m)^ +", " ", source), name, is_fresh


@cache
def _environment(templates: Path) -> Environment:
    """One for each folder and process: however many apps hold the pages there, a template is compiled once."""
    environment = Environment(
        loader=_Loader(templates),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["url_for"] = url_for
    environment.filters |= {
        "ago": ago,
        "iso": iso,
        "short_date": lambda when: f"{when.day} {when:%b %Y}",
        "long_date": lambda when: f"{when.day} {when:%B %Y}",
        "moment": moment,
        "date": partial(moment, spelling="{0.day} {0:%b %Y}"),
        "clock": partial(moment, spelling="{0:%H:%M:%S} UTC"),
        "minute": partial(moment, spelling="{0:%H:%M} UTC"),
    }
    return environment


def moment(when: datetime, *, spelling: str = "{0.day} {0:%B %Y}, {0:%H:%M} UTC") -> Markup:
    """A moment in UTC as pages tell it. The script times.js tells it in the reader's own zone."""
    return Markup('<time datetime="{}">{}</time>').format(iso(when), spelling.format(when))


def ago(when: datetime, now: datetime) -> Markup:
    """How long ago a moment was, for a day; from then on its date."""
    minutes = int((now - when).total_seconds()) // 60
    if minutes >= 24 * 60:
        return moment(when, spelling="{0.day} {0:%b %Y}")
    words = f"{minutes} min ago" if minutes < 60 else f"{minutes // 60} h ago"
    return moment(when, spelling=words if minutes > 0 else "just now")


def iso(when: datetime) -> str:
    """The moment in UTC to the second, as it stands in URLs: 2026-11-23T11:42:07Z."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
