"""The headers on every answer of ours: they keep other sites, caches and scripts out."""

from flask import g, request
from werkzeug.wrappers import Response

from .audit_events import request_id

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
_A_YEAR_OF_HTTPS = "max-age=31536000"


def with_headers(response: Response) -> Response:
    """The response with all of them, and with the name of its request. Only static files may be kept."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Request-ID"] = request_id()
    return response


def with_headers_if_ours(response: Response) -> Response:
    """The same for an answer of ours. One that an app round us gave to a request for our page keeps its own, and has
    the name of the request besides: the audit log may tell of it."""
    if g.get("connect_answers"):
        return with_headers(response)
    response.headers.setdefault("X-Request-ID", request_id())
    return response


def with_https_alone(response: Response) -> Response:
    """The response with the order to use https for this host from now on. It binds whatever else is on the host."""
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = _A_YEAR_OF_HTTPS
    return response


def we_answer() -> None:
    """The answer to this request is ours from here on."""
    g.connect_answers = True


def host_answers() -> None:
    """The answer to this request comes from the app that the pages are mounted in."""
    g.connect_answers = False
