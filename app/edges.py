"""What stands round every page: who is refused at the door, what HTTP itself refuses, and the headers."""

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from .access import reason_to_refuse
from .connections import Action, Page, Problem, problem
from .rendering import url_for


def answer_only_this_machine(app: Flask) -> None:
    """Refuses every request that may not have come from this machine."""
    app.before_request(_refuse_strangers)


def explain_what_http_refuses(app: Flask) -> None:
    """Gives 404, 405, 413, 500 and their like a designed page."""
    app.register_error_handler(HTTPException, _explain)


def harden(app: Flask) -> None:
    """Puts the headers on every answer that keep other sites, caches and scripts out."""
    app.after_request(_with_headers)


def _refuse_strangers() -> Page | None:
    reason = reason_to_refuse(host=request.headers.get("Host", ""), headers=dict(request.headers))
    if reason is None:
        return None
    shown = Problem(
        slug="not-this-machine",
        status=403,
        title="This server answers only to its own machine",
        lede=f"{reason} Whoever opens this page acts with the server’s own credential, so it is refused.",
        icon="lock",
        steps=(
            "Open it on the machine it runs on, at http://127.0.0.1 and its port.",
            "From another machine, use an SSH tunnel to that address.",
        ),
    )
    return problem(shown, scope=None)


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


def _explain(error: HTTPException) -> Page:
    if error.code is None or error.code < 400:
        return error.get_response()
    otherwise = _BROKEN if error.code >= 500 else _NOT_UNDERSTOOD
    slug, title, lede = _REFUSED_BY_HTTP.get(error.code, otherwise)
    start = Action(label="Go to App Connections", href=url_for(".index"), primary=True)
    shown = Problem(slug=slug, status=error.code, title=title, lede=lede, actions=(start,))
    answer = problem(shown, scope=None)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def _with_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
