"""What every request for one of our pages passes, in order, what every answer carries, and what is open to everybody."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from flask import Blueprint, abort, current_app, g, jsonify, request
from flask_wtf import CSRFProtect
from flask_wtf.csrf import validate_csrf
from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed
from werkzeug.routing import BaseConverter
from werkzeug.routing import ValidationError as NoSuchApp
from werkzeug.wrappers import Response
from wtforms import ValidationError

from ..config import CREDENTIAL_HEADERS
from ..connectors.rows import App
from ..core.templating import BLUEPRINT
from ..infisical.errors import InfisicalError, LoginRefused, NotAMember, PermissionDenied, Refusal
from .problems import result_of
from .redirects import asked_project, keep_secrets_out_of_the_address
from .render import CSRF_SESSION_KEY, csrf_key, deny, page, problem, problem_of
from .services import AuthContext, Page, has_own_rights, record, request_id, services

PROBES = frozenset({f"{BLUEPRINT}.healthz", f"{BLUEPRINT}.readyz"})
"""Asked by machines from wherever they are, by whatever name and over plain http; they hold nothing that is secret."""

PUBLIC_ENDPOINTS = PROBES | {f"{BLUEPRINT}.static_file"}
"""The pages that answer however much the server has in hand, and inside another app without asking its guard."""

FULL = "connect.full"
"""Set in WSGI's environment where the server has no place for one more request."""

LARGEST_REQUEST = 64 * 1024
"""Bytes of a request's body. The longest form is below 3 kB."""

_View = TypeVar("_View", bound=Callable[..., Any])


def public(view: _View) -> _View:
    """Marks a view that answers people who have not come in. Every other one asks the backend."""
    view.public = True  # type: ignore[attr-defined]
    return view


def come_first(_endpoint: str | None, _places: dict[str, Any] | None) -> None:
    """Runs before everything that an app round us does to each request, in whatever order the two were set up."""
    # One byte more than may be: of a body that does not tell its length Werkzeug would silently drop what is too much.
    request.max_content_length = LARGEST_REQUEST + 1
    stand_aside(current_app.extensions, blueprint)


def stand_aside(extensions: dict[str, Any], ours: Blueprint) -> None:
    """Has the Flask-WTF and the Flask-Limiter of an app round us leave our pages to our own checks. Nothing else of the
    app's is touched. May be called again and again."""
    csrf = extensions.get("csrf")
    if isinstance(csrf, CSRFProtect):
        csrf.exempt(ours)
    for limiter in extensions.get("limiter", ()):
        limiter.exempt(ours)


def refuse_what_cannot_be_read() -> None:
    """A body that is too large is refused whoever sends it, read or not. Raw bytes that are no UTF-8 would end in a
    server error wherever the query is read."""
    g.connect_answers = True
    size = request.content_length
    if size is None and request.method == "POST":
        size = len(_body_in_chunks())
    if (size or 0) > LARGEST_REQUEST:
        abort(413)
    try:
        request.query_string.decode()
    except UnicodeDecodeError:
        abort(400)


def _body_in_chunks() -> bytes:
    """What a post brings that does not tell its length. That chunks are malformed each server says with an error of its
    own."""
    try:
        return request.get_data()
    except HTTPException:
        raise
    except Exception:  # noqa: BLE001  # there is no kind that all servers share
        malformed = BadRequest()
    # Raised outside the except block: the frames below hold what was typed.
    raise malformed


def refuse_other_sites() -> Page | None:
    """Goes by what the browser says of who posts. One that says nothing is judged by the token alone."""
    ours = f"{request.scheme}://{request.host}".lower()
    origin_is_ours = request.headers.get("Origin", ours) == ours
    site = request.headers.get("Sec-Fetch-Site", "none" if origin_is_ours else "cross-site")
    return None if request.method != "POST" or site in ("same-origin", "none") else deny("from-elsewhere")


def refuse_when_full() -> Page | None:
    """What asks Infisical waits outside while the server has as much in hand as it may."""
    full = request.environ.get(FULL) and request.endpoint not in PUBLIC_ENDPOINTS
    return problem("busy", retry_after=5) if full else None


def authenticate() -> Page | None:
    endpoint, open_here = str(request.endpoint), services().public_endpoints
    marked = getattr(current_app.view_functions[endpoint], "public", False)
    if marked and (open_here is None or endpoint in open_here):
        return None
    answer = services().backend.authenticate()
    if not isinstance(answer, AuthContext):
        return answer
    g.connect_auth = answer
    return None


def remove_credentials() -> None:
    """What lets somebody in is nowhere in WSGI's environment from here on, which every traceback with locals shows. The
    request holds the cookies where nothing prints them. Inside another app not before its guard was asked, which may
    hand the headers on to whoever knows the person."""
    _ = request.cookies
    for name in ("cookie", *CREDENTIAL_HEADERS):
        request.environ.pop(f"HTTP_{name.upper().replace('-', '_')}", None)


# The token lives as long as the browser's session, for people leave to make a credential and come back. Flask-WTF reads
# None as one hour.
_FOREVER = 100 * 365 * 24 * 60 * 60


def refuse_without_token() -> Page | None:
    """A post carries the token of a page that was served to this browser."""
    if request.method != "POST":
        return None
    token = request.form.get("csrf_token")
    for key in services().secret_keys:
        with suppress(ValidationError):
            validate_csrf(token, secret_key=csrf_key(key), time_limit=_FOREVER, token_key=CSRF_SESSION_KEY)
            return None
    return deny("page-too-old")


_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors "
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def is_framed() -> bool:
    """Whether the browser asks for a frame, and the settings name portals that may show one."""
    framed = request.headers.get("Sec-Fetch-Dest") in ("iframe", "frame", "embed", "object")
    return framed and bool(services().settings.frame_ancestors)


def with_headers(response: Response) -> Response:
    """The response with what keeps other sites, caches and scripts out, and with the name of its request. Only static
    files may be kept."""
    # Where people sign in, a frame gets a link alone (see `SessionBackend.framed_page`), and nothing else is for one.
    takes_the_window = str(request.endpoint).startswith(f"{BLUEPRINT}.auth.") and not is_framed()
    ancestors = () if takes_the_window else services().settings.frame_ancestors
    response.headers.setdefault("Content-Security-Policy", _POLICY + (" ".join(ancestors) or "'none'"))
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Request-ID"] = request_id()
    return response


def with_headers_if_ours(response: Response) -> Response:
    """The same for an answer of ours, where `connect_answers` is true. One that an app round us gave to a request for
    our page keeps its own, and has the name of the request besides: the audit log may tell of it."""
    response.headers.setdefault("X-Request-ID", request_id())
    return with_headers(response) if g.get("connect_answers") else response


def with_https_alone(response: Response) -> Response:
    """The response with the order to use https for this host, for a year. It binds whatever else is on the host."""
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


# ── What becomes of an error ─────────────────────────────────────────────────────────────────────────────────────────

_SLUGS = {400: "not-understood", 404: "page-not-found", 405: "wrong-method", 413: "too-large"}


def explain_http(error: HTTPException) -> Page:
    """The page for an error of HTTP's; a redirect, which is one to Werkzeug, stays as it is."""
    if error.code is None or error.code < 400:
        return error.get_response()
    g.connect_answers = True
    slug = "server-error" if error.code >= 500 else _SLUGS.get(error.code, "not-understood")
    answer = problem(slug, status=error.code)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


def explain(error: InfisicalError) -> Page:
    """The page for an error of Infisical's, or the one where somebody signs in anew."""
    if mended_by_signing_in(error) and (challenge := services().backend.challenge()) is not None:
        record("refusal", "login-refused", error=error)
        return challenge
    if isinstance(error, PermissionDenied | NotAMember) or (
        isinstance(error, LoginRefused) and has_own_rights()
    ):
        record("refusal", result_of(error), project=asked_project(), error=error)
    return problem_of(error, scope=g.get("connect_scope"))


def mended_by_signing_in(error: InfisicalError) -> bool:
    """Whether Infisical no longer accepts a person's own access token, and would accept a new one."""
    return has_own_rights() and isinstance(error, LoginRefused) and error.refusal is not Refusal.ADDRESS


class AppConverter(BaseConverter):
    """Makes `<connected_app:app>` in an address one of the apps whose connections are made here, and no other text."""

    def to_python(self, value: str) -> App:
        app = services().app_named(value)
        if app is None:
            raise NoSuchApp
        return app


blueprint = Blueprint(BLUEPRINT, __name__)
blueprint.record(lambda state: state.app.url_map.converters.update(connected_app=AppConverter))
blueprint.url_value_preprocessor(come_first)
for _hook in (
    refuse_what_cannot_be_read,
    keep_secrets_out_of_the_address,
    refuse_other_sites,
    refuse_when_full,
    authenticate,
    remove_credentials,
    refuse_without_token,
):
    blueprint.before_request(_hook)
blueprint.after_request(with_headers_if_ours)
# Flask looks a handler up by the status first, and only then by the class, so that the pages for what our own views end
# in stay ours inside an app that has its own.
for _status in (*_SLUGS, 500):
    blueprint.register_error_handler(_status, explain_http)
blueprint.register_error_handler(InfisicalError, explain)


@blueprint.get("/healthz")
@public
def healthz() -> Response:
    return jsonify(status="alive")


@blueprint.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """Whether a connection could be created now: Infisical answers, and accepts the server's credential if it has one."""
    fault = services().readiness.fault()
    if fault is None:
        return jsonify(status="ready"), 200
    reason, infisical_request_id = fault
    return jsonify(status="not ready", reason=reason, requestId=infisical_request_id), 503


@blueprint.get("/static/<version>/<path:name>")
@public
def static_file(version: str, name: str) -> Response:
    return services().pages.static_file(version, name)


@blueprint.get("/sandbox")
@public
def sandbox_help() -> Page:
    sandbox_info = services().sandbox_info
    if sandbox_info is None:
        abort(404)
    return page("sandbox/help.html", scenarios=sandbox_info.scenarios)
