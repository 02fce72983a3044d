"""The pages for what HTTP itself refuses: no such page, another method, too much, and a fault of ours."""

from werkzeug.exceptions import HTTPException, MethodNotAllowed

from .auth_context import Page
from .headers import we_answer
from .render import problem

_SLUGS = {404: "page-not-found", 405: "wrong-method", 413: "too-large"}

OURS = (400, *_SLUGS, 500)
"""Statuses that our own views end in. Flask looks a handler up by the status first, and only then by the class, so
that the pages for these stay ours inside an app that has its own."""


def explain_http(error: HTTPException) -> Page:
    """The page for an error of HTTP's; a redirect, which is one to Werkzeug, stays as it is."""
    if error.code is None or error.code < 400:
        return error.get_response()
    we_answer()
    otherwise = "server-error" if error.code >= 500 else "not-understood"
    answer = problem(_SLUGS.get(error.code, otherwise), status=error.code)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer
