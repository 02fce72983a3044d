"""Puts the sandbox's Flask app together: one app that answers as Infisical or as Supabase, by the Host header."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, Response, g, request
from werkzeug.exceptions import HTTPException, NotFound

from ..connectors import APPS, App
from . import auth, connections, supabase
from .answers import DATA, ORGANIZATION, PROJECTS, answer, refusal
from .auth import CALLERS, Caller, Callers, Identity, Person, caller, no_member
from .store import Database, current_database, timestamp

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

INFISICAL_HOST_NAME = "infisical.sandbox"
SANDBOX_HOST = f"https://{INFISICAL_HOST_NAME}"
"""The made-up base URL under which the sandbox plays Infisical."""

_LARGEST_BODY = 1024 * 1024
_OPEN = "sandbox.open_request"

routes = Blueprint("infisical", __name__)


def create_sandbox(
    database: Path,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    apps: Sequence[App] = APPS,
    callers: Callers = CALLERS,
) -> "WSGIApplication":
    """The sandbox on a database that `prepare_database` has made. Safe in many threads and processes at once."""

    def open_request() -> None:
        g.apps, g.callers = {app.slug: app for app in apps}, callers
        g.database = Database(database, now=clock())

    def play(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ[_OPEN] = open_request
        return _routes_of_both()(environ, start_response)

    return play


@cache
def _routes_of_both() -> Flask:
    """Made once: every sandbox of a process answers by the same routes."""
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    app.url_map.strict_slashes = False
    for part in (routes, auth.routes, connections.routes, supabase.routes):
        app.register_blueprint(part)

    @app.before_request
    def open_database() -> None:
        # Each of the two answers on its own hosts only.
        if _is_supabase() != (request.blueprint == supabase.routes.name):
            raise NotFound
        request.environ[_OPEN]()

    @app.teardown_request
    def close_database(_: BaseException | None) -> None:
        opened: Database | None = g.pop("database", None)
        if opened:
            opened.close()

    app.register_error_handler(HTTPException, _unanswered)
    return app


def _is_supabase() -> bool:
    return request.host.partition(":")[0] in supabase.SUPABASE_HOSTS


def _unanswered(error: HTTPException) -> Response | HTTPException:
    """An unknown route has no request id (not-found-route), and a known one with another method is unknown. A body that
    cannot be read, and whatever fails, is a bare 500 (create-invalid-json)."""
    if error.code not in (404, 405):
        return refusal(500)
    url = request.full_path.rstrip("?")
    if _is_supabase():
        return answer({"message": f"Cannot {request.method} {url}"}, status=404)
    message = f"Route {request.method}:{url} not found"
    return answer({"message": message, "error": "Not Found", "statusCode": 404}, status=404)


@routes.get("/api/status")
def status() -> Response:
    """Needs no token."""
    return answer({"date": timestamp(current_database().now)} | DATA["status"])


@routes.get("/api/v1/identities/details")
def identity_details() -> Response:
    """The organization that the calling machine identity belongs to."""
    caller(Identity)
    return answer({"identityDetails": {"organization": ORGANIZATION}})


@routes.get("/api/v1/user")
def user() -> Response:
    """The person who calls. From Infisical's source; no exchange was recorded."""
    person, now = caller(Person), timestamp(current_database().now)
    first_name, _, last_name = person.name.partition(" ")
    known = {"id": person.id, "userId": person.id, "email": person.email, "username": person.email}
    named = {"firstName": first_name, "lastName": last_name or None}
    return answer({"user": {**DATA["user"], **known, **named, "createdAt": now, "updatedAt": now}})


@routes.get("/api/v1/projects")
def projects() -> Response:
    """The projects that the caller is a member of, by name."""
    calling, kind = caller(Caller), request.args.get("type", "secret-manager")
    mine = [row for row in PROJECTS.values() if calling.role_in(row["id"]) and row["type"] == kind]
    return answer({"projects": mine})


@routes.get("/api/v1/projects/<project_id>")
def project_by_id(project_id: str) -> Response:
    """One project of which the caller is a member."""
    calling = caller(Caller)
    if project_id not in PROJECTS:
        raise refusal(404, f"Project with ID '{project_id}' not found")
    if calling.role_in(project_id) is None:
        raise no_member(project_id)
    return answer({"project": PROJECTS[project_id]})


@routes.get("/api/v1/app-connections/options")
def options() -> Response:
    """The apps on offer: 73, of which 62 for a secret-manager project (recorded exchanges options, options-project)."""
    caller(Caller)
    names = (
        ("everywhere",)
        if request.args.get("projectType") == "secret-manager"
        else ("everywhere", "elsewhere")
    )
    ours = {app.slug: {"name": app.name, "app": app.slug, "methods": [app.method]} for app in g.apps.values()}
    offered = ours | {row["app"]: row for name in names for row in DATA["options"][name]}
    return answer(
        {"appConnectionOptions": sorted(offered.values(), key=lambda row: str(row["name"]).lower())}
    )
