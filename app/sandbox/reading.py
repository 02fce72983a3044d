"""What a view of the sandbox starts from: the request's body as Infisical reads it, and the open database."""

import json
from typing import Any
from urllib.parse import parse_qsl

from flask import g, request

from .refusals import broken, not_valid
from .store import Database
from .validation import wrong_type

_LARGEST_BODY = 1024 * 1024


def current_database() -> Database:
    """The database as it was opened for this request."""
    database: Database = g.database
    return database


def query_text(key: str) -> str | None:
    """A text of the query, None where it is not there; the same key twice is an array and refused (list-dup-query)."""
    values = request.args.getlist(key)
    if len(values) > 1:
        raise not_valid([wrong_type("array", expected="string", path=[key])])
    return values[0] if values else None


def read_body() -> Any:
    """The body's JSON value, None where none was sent; whatever cannot be read is a bare 500 (create-invalid-json)."""
    raw = request.get_data(cache=False)
    if len(raw) > _LARGEST_BODY:
        raise broken()
    if request.mimetype == "application/json":
        return _json(raw)
    if request.mimetype == "application/x-www-form-urlencoded":
        return dict(parse_qsl(raw.decode(errors="replace"), keep_blank_values=True))
    if request.mimetype == "text/plain":
        return raw.decode(errors="replace")
    if raw or request.mimetype:
        raise broken()
    return None


def _json(raw: bytes) -> Any:
    try:
        text = json.dumps(json.loads(raw.decode()), ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        raise broken() from None
    # "\ud800" alone is legal in JSON and no character; Node writes U+FFFD in its place when it stores the text.
    return json.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
