"""What the sandbox's views read and answer: a body, JSON with the recorded headers, refusals in the recorded words."""

import json
import secrets
import string
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from flask import Response, request
from werkzeug.exceptions import HTTPException

DATA: dict[str, Any] = json.loads(files(__package__).joinpath("data.json").read_text("utf-8"))
"""Who and what is in the sandbox, and what is answered as it stands."""

ORGANIZATION: dict[str, str] = DATA["organization"]
PROJECTS: dict[str, dict[str, Any]] = {project["id"]: project for project in DATA["projects"]}

WAIT_HEADER = "X-Sandbox-Wait"
"""Seconds until the answer comes, or NEVER. It is for the transport alone, which takes it off."""

NEVER = "never"

MISSING = object()
"""Stands for a value that a body does not have, which JavaScript calls undefined."""

Issue = dict[str, Any]
"""What is wrong with one value of a body: a code, a path, a message, and what else the code needs."""


def answer(
    body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, wait: float | str = 0
) -> Response:
    """JSON as Infisical and Supabase send it. `wait` is seconds, or NEVER for a socket that closes without a word."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    response = Response(text, status=status, headers=dict(headers or {}))
    response.headers["Content-Type"] = "application/json; charset=utf-8"
    if wait:
        response.headers[WAIT_HEADER] = str(wait)
    return response


def refusal(
    status: int,
    message: str | list[Issue] = "Something went wrong",
    *,
    error: str | None = None,
    wait: float = 0,
) -> HTTPException:
    """An error answer, to be raised. `error` is its name where that is not the usual one of the status."""
    request_id = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(14))
    body = {"reqId": f"req-{request_id}", "statusCode": status, "message": message}
    if error == "PermissionDenied":
        body["details"] = []
    body["error"] = error or DATA["errors"][str(status)]
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
    issue = {"code": "invalid_type", "expected": wanted, "received": received, "path": list(path)}
    return [issue | {"message": message}]
