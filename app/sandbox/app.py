"""Puts the sandbox's Flask app together: one app that answers as Infisical or as Supabase, by the Host header."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, NotFound

from . import authentication, connections, infisical, supabase, token_exchange
from .answers import answer
from .refusals import Refusal, broken
from .store import Database

INFISICAL_HOST_NAME = "infisical.sandbox"
SANDBOX_HOST = f"https://{INFISICAL_HOST_NAME}"
"""The made-up base URL under which the sandbox plays Infisical."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def create_sandbox(database: Path, *, clock: Callable[[], datetime] = utc_now) -> Flask:
    """The app on a database that `prepare_database` has made. Safe in many threads and processes at once."""
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.url_map.strict_slashes = False
    for part in (authentication, connections, infisical, supabase, token_exchange):
        app.register_blueprint(part.routes)

    @app.before_request
    def open_database() -> None:
        _check_host()
        g.database = Database(database, now=clock())

    @app.teardown_request
    def close_database(_: BaseException | None) -> None:
        opened: Database | None = g.pop("database", None)
        if opened:
            opened.close()

    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _unanswered)
    return app


def _check_host() -> None:
    """Each of the two answers on its own hosts only."""
    plays_supabase = request.host.partition(":")[0] in supabase.SUPABASE_HOSTS
    if plays_supabase != (request.blueprint == supabase.routes.name):
        raise NotFound


def _refused(refusal: Refusal) -> Response:
    return answer(refusal.to_json(), status=refusal.status, wait=refusal.wait)


def _unanswered(error: HTTPException) -> Response:
    """An unknown route has no request id (not-found-route), and a known one with another method is unknown."""
    if error.code is not None and error.code >= 500:
        return _refused(broken())
    url = request.full_path.rstrip("?")
    if request.host.partition(":")[0] in supabase.SUPABASE_HOSTS:
        return answer({"message": f"Cannot {request.method} {url}"}, status=404)
    body: dict[str, Any] = {"message": f"Route {request.method}:{url} not found", "error": "Not Found"}
    return answer(body | {"statusCode": 404}, status=404)
