"""The sandbox's Flask app, Infisical or Supabase by the Host header: the way in, how its views read a body and answer."""

import json
import math
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import httpx
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, NotFound

from ..connectors import APPS
from ..connectors.rows import App
from .store import CALLERS, DATA, Caller, Database, current_database, timestamp

SANDBOX_HOST = "https://infisical.sandbox"
"""The made-up base URL under which the sandbox plays Infisical."""

SUPABASE_HOSTS = frozenset({"api.supabase.com", "supabase-proxy.example.com"})
"""The Management API, and a made-up proxy of it for trying another instance URL."""

WAIT_HEADER = "X-Sandbox-Wait"
"""Seconds until the answer comes. It is for the transport alone, which takes it off."""

NEVER = math.inf
"""The seconds until an answer that does not come."""

SOCKET_CLOSES_AFTER = 100.0
"""Seconds after which Infisical closes the socket of a request that it has not answered (slow-429-forever)."""

MISSING = object()
"""Stands for a value that a body does not have, which JavaScript calls undefined."""

Issue = dict[str, Any]
"""What is wrong with one value of a body: a code, a path, a message, and what else the code needs."""

_OPEN_REQUEST = "sandbox.open_request"

server = Flask(__name__, static_folder=None, template_folder=None)
server.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
server.url_map.strict_slashes = False


def create_sandbox(
    database: Path,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    apps: Sequence[App] = APPS,
    callers: Sequence[Caller] = CALLERS,
    pace: float = 1.0,
) -> WSGIApplication:
    """The sandbox on a database that `prepare_database` has made. Safe in many threads and processes at once. A run of a
    sync takes `pace` times as long as Infisical's; with 0 it is over when next something is asked."""

    def open_request() -> None:
        g.apps, g.callers, g.pace = {app.slug: app for app in apps}, callers, pace
        g.database = Database(database, now=clock())

    def play(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Every sandbox of a process answers by the same routes.
        environ[_OPEN_REQUEST] = open_request
        return server(environ, start_response)

    return play


class SandboxTransport(httpx.BaseTransport):
    """Hands requests to the sandbox app in this process, and knows no other host. `httpx.WSGITransport` ignores
    timeouts; this one holds each request's read timeout against the seconds that the app says its answer takes, sleeps
    for the shorter, and raises what httpx raises on a real socket."""

    def __init__(self, app: WSGIApplication, *, sleep: Callable[[float], None] = time.sleep) -> None:
        def call(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            # WSGI wants a path's bytes as Latin-1 text; `httpx.WSGITransport` hands over the decoded path as it is.
            environ["PATH_INFO"] = environ["PATH_INFO"].encode().decode("latin-1")
            return app(environ, start_response)

        self._inner = httpx.WSGITransport(app=call)
        self._sleep = sleep

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host not in {httpx.URL(SANDBOX_HOST).host, *SUPABASE_HOSTS}:
            raise httpx.ConnectError("[Errno -2] Name or service not known", request=request)
        response = self._inner.handle_request(request)
        wait = float(response.headers.pop(WAIT_HEADER))
        patience: float = request.extensions.get("timeout", {}).get("read") or math.inf
        seconds = min(wait, patience, SOCKET_CLOSES_AFTER)
        if seconds:
            self._sleep(seconds)
        if wait <= seconds:
            return response
        response.close()
        if patience <= seconds:
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)


@server.before_request
def open_database() -> None:
    # Each of the two answers on its own hosts only.
    if request.url_rule is None or _is_supabase() != request.path.startswith("/v1/"):
        raise NotFound
    request.environ[_OPEN_REQUEST]()
    slug = (request.view_args or {}).get("slug")
    if slug is not None and slug not in g.apps:
        raise NotFound


@server.teardown_request
def close_database(_: BaseException | None) -> None:
    opened: Database | None = g.pop("database", None)
    if opened:
        opened.close()


@server.errorhandler(HTTPException)
def answer_error(error: HTTPException) -> Response | HTTPException:
    """An unknown route has no request id (not-found-route), and a known one with another method is unknown. A body that
    cannot be read, and whatever fails, is a bare 500 (create-invalid-json)."""
    if error.code not in (404, 405):
        return refusal(500)
    url = request.full_path.rstrip("?")
    if _is_supabase():
        return answer({"message": f"Cannot {request.method} {url}"}, status=404)
    message = f"Route {request.method}:{url} not found"
    return answer({"message": message, "error": "Not Found", "statusCode": 404}, status=404)


def _is_supabase() -> bool:
    return request.host.partition(":")[0] in SUPABASE_HOSTS


@server.get("/api/status")
def status() -> Response:
    """Needs no token."""
    return answer({"date": timestamp(current_database.now)} | DATA["status"])


def answer(body: Any, *, status: int = 200, wait: float = 0) -> Response:
    """JSON as Infisical and Supabase send it, after `wait` seconds."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    headers = {"Content-Type": "application/json; charset=utf-8", WAIT_HEADER: str(wait)}
    return Response(text, status=status, headers=headers)


def refusal(
    status: int, message: str | list[Issue] = "Something went wrong", *, error: str = "", wait: float = 0
) -> HTTPException:
    """An error answer, to be raised. `error` is its name where that is not the usual one of the status."""
    body = {"reqId": f"req-{secrets.token_hex(7)}", "statusCode": status, "message": message}
    body |= {"details": []} if error == "PermissionDenied" else {}
    body |= {"error": error or DATA["errors"][str(status)]}
    return HTTPException(response=answer(body, status=status, wait=wait))


def read_object() -> dict[str, Any]:
    """The body, which must be a JSON object. One that is no JSON at all is a bare 500 (create-invalid-json)."""
    body = request.get_json()
    if issues := type_issues(body, dict, path=()):
        raise refusal(422, issues)
    return dict(body)


def type_issues(value: object, expected: type, *, path: tuple[str, ...]) -> list[Issue]:
    """The issue of a value of another type; types are called as in JavaScript."""
    if isinstance(value, expected):
        return []
    received, wanted = (DATA["javascript_types"][kind.__name__] for kind in (type(value), expected))
    message = "Required" if value is MISSING else f"Expected {wanted}, received {received}"
    issue = {"code": "invalid_type", "expected": wanted, "received": received, "path": path}
    return [issue | {"message": message}]


def text_issues(body: dict[str, Any], *path: str, rules: str = "", but: Sequence[object] = ()) -> list[Issue]:
    """What is wrong with the text at the end of the path, which is trimmed first as Infisical does. `rules` are those of
    its key where they are not named, `but` are values that are fine too."""
    key, value = path[-1], body.get(path[-1], MISSING)
    if value in but:
        return []
    if not isinstance(value, str):
        return type_issues(value, str, path=path)
    # JavaScript counts UTF-16 units, so that most emoji count twice. The recorded sentence calls accessKey "Access Key".
    text = re.sub("[\U00010000-\U0010ffff]", "xx", value.strip())
    words = re.sub("(?=[A-Z])", " ", key).title()
    return [
        issue | {"path": path, "message": issue["message"].format(key=words)}
        for pattern, issue in DATA["rules"].get(rules or key, ())
        if not re.fullmatch(pattern, text)
    ]
