"""What every request for one of our pages passes first: where it comes from, who asks, and the token of a post."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, abort, current_app, g, request
from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.routing import BaseConverter, ValidationError

from ..connectors import App
from ..core.templating import BLUEPRINT
from ..infisical import InfisicalError, LoginRefused, NotAMember, PermissionDenied, Refusal
from .audit_events import deny, record, result_of
from .auth_context import AuthContext, Page, current_auth, login_context
from .csrf import carries_our_token, is_cross_site
from .embedding import stand_aside
from .headers import we_answer, with_headers_if_ours
from .http_errors import OURS, explain_http
from .problems import Action
from .redirects import return_url
from .render import asked_project, keep_secrets_out_of_the_address, problem_of
from .services import services

LARGEST_REQUEST = 64 * 1024
"""Bytes of a request's body. The longest form is below 3 kB."""


class ConnectedApp(BaseConverter):
    """The part of an address that names an app whose connections are made here."""

    def to_python(self, value: str) -> App:
        app = services().app_named(value)
        if app is None:
            raise ValidationError
        return app


blueprint = Blueprint(BLUEPRINT, __name__)
blueprint.record(lambda state: state.app.url_map.converters.update(connected_app=ConnectedApp))
blueprint.after_request(with_headers_if_ours)
for _status in OURS:
    blueprint.register_error_handler(_status, explain_http)

_View = TypeVar("_View", bound=Callable[..., Any])


def public(view: _View) -> _View:
    """Marks a view that answers people who have not come in. Every other one is behind the gate."""
    view.public = True  # type: ignore[attr-defined]
    return view


def is_public(endpoint: str) -> bool:
    """Whether the page that an endpoint names answers people who have not come in."""
    marked: bool = getattr(current_app.view_functions[endpoint], "public", False)
    public_endpoints = services().public_endpoints
    return marked and (public_endpoints is None or endpoint.rpartition(".")[2] in public_endpoints)


def take_cookies_in() -> None:
    """Parses the cookies, which the request then holds where nothing prints them, and takes them out of WSGI's
    environment: that stands in the frames of every traceback, and a sealed sign-in opens these pages as it is."""
    _ = request.cookies
    request.environ.pop("HTTP_COOKIE", None)


@blueprint.url_value_preprocessor
def come_first(_endpoint: str | None, _places: dict[str, Any] | None) -> None:
    """Runs before everything that an app round us does to each request, in whatever order the two were set up."""
    # One byte more than may be: of a body that does not tell its length Werkzeug would silently drop what is too much.
    request.max_content_length = LARGEST_REQUEST + 1
    stand_aside(current_app.extensions, blueprint)


@blueprint.before_request
def bound_the_request() -> None:
    """A body that is too large is refused whoever sends it, read or not. Raw bytes that are no UTF-8 would end in a
    server error wherever the query is read."""
    we_answer()
    if _size_of_body() > LARGEST_REQUEST:
        abort(413)
    try:
        request.query_string.decode()
    except UnicodeDecodeError:
        abort(400)


blueprint.before_request(keep_secrets_out_of_the_address)


def _size_of_body() -> int:
    """Bytes, as the request tells or, where a post does not tell, as many as it brings."""
    if request.content_length is None and request.method == "POST":
        return len(_body())
    return request.content_length or 0


def _body() -> bytes:
    """What a post brings in chunks. That these are malformed each server says with an error of its own."""
    try:
        return request.get_data()
    except HTTPException:
        raise
    except Exception:  # noqa: BLE001  # there is no kind that all servers share
        malformed = BadRequest()
    # Raised outside the except block: the frames below hold what was typed.
    raise malformed


@blueprint.before_request
def authenticate_request() -> Page | None:
    if request.method == "POST" and is_cross_site():
        return deny("from-elsewhere")
    if not is_public(str(request.endpoint)):
        answer = services().backend.authenticate()
        if not isinstance(answer, AuthContext):
            return answer
        login_context(answer)
    # Only now: the guard of an app round us may hand the header on to whoever knows the person.
    take_cookies_in()
    if request.method == "POST" and not carries_our_token():
        return deny("page-too-old", actions=(Action("Open the form again", return_url(), primary=True),))
    return None


@blueprint.errorhandler(InfisicalError)
def explain(error: InfisicalError) -> Page:
    if mended_by_signing_in(error):
        page = services().backend.challenge()
        if page is not None:
            record("refusal", "login-refused", error=error)
            return page
    held = current_auth()
    from_here = isinstance(error, LoginRefused) and held is not None and held.own_rights
    if from_here or isinstance(error, PermissionDenied | NotAMember):
        record("refusal", result_of(error), project=asked_project(), error=error)
    return problem_of(error, scope=g.get("connect_scope"))


def mended_by_signing_in(error: InfisicalError) -> bool:
    """Whether Infisical no longer accepts a person's own access token, and would accept a new one."""
    held = current_auth()
    own = held is not None and held.own_rights
    return own and isinstance(error, LoginRefused) and error.refusal is not Refusal.ADDRESS
