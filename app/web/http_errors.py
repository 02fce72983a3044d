"""The pages for what HTTP itself refuses: no such page, another method, too much, and a fault of ours."""

from werkzeug.exceptions import HTTPException, MethodNotAllowed

from ..core.templating import url_for
from .auth_context import Page
from .headers import we_answer
from .problems import Action, Problem
from .render import problem

_REFUSED_BY_HTTP = {
    404: ("page-not-found", "There is no such page", "The address may be mistyped or old."),
    405: ("wrong-method", "This page does not take that", "Open it from the start."),
    413: (
        "too-large",
        "That was too much",
        "The form takes up to 64 kB, far more than any of its fields needs.",
    ),
}
_NOT_UNDERSTOOD = ("not-understood", "The request could not be understood", "Go back and try again.")
_BROKEN = (
    "server-error",
    "Something is broken in Infisical Connect",
    "It is logged. Try again in a minute.",
)

OURS = (400, *_REFUSED_BY_HTTP, 500)
"""Statuses that our own views end in. Flask looks a handler up by the status first, and only then by the class, so
that the pages for these stay ours inside an app that has its own."""


def explain_http(error: HTTPException) -> Page:
    """The page for an error of HTTP's; a redirect, which is one to Werkzeug, stays as it is."""
    if error.code is None or error.code < 400:
        return error.get_response()
    we_answer()
    otherwise = _BROKEN if error.code >= 500 else _NOT_UNDERSTOOD
    slug, title, lede = _REFUSED_BY_HTTP.get(error.code, otherwise)
    start = Action(label="Go to App Connections", href=url_for(".index"), primary=True)
    shown = Problem(slug=slug, status=error.code, title=title, lede=lede, actions=(start,))
    answer = problem(shown, scope=None)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer
