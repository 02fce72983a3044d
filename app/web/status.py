"""What is open to everybody: the static files, whether the wizard lives and is ready, and what the sandbox offers."""

from flask import abort, jsonify
from werkzeug.wrappers import Response

from .hooks import blueprint, public
from .render import page
from .services import Page, services


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
    return jsonify(status="not ready", reason=fault.reason, requestId=fault.request_id), 503


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
    return page("sandbox/help.html", scope=None, scenarios=sandbox_info.scenarios)
