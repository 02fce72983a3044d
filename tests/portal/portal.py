"""The portal's own pages, which know nothing of the wizard, and the guard that it gives it."""

from typing import Any

from flask import Flask, Response, redirect, render_template, request, session, url_for
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Answer

from app import Principal

LIMIT = 5


def make_portal(**config: Any) -> Flask:
    """The portal without its protection."""
    portal = Flask(__name__)
    portal.config.update(SECRET_KEY="a-made-up-key-of-the-portal-for-tests", **config)
    portal.jinja_env.filters["date"] = str.upper
    portal.context_processor(lambda: {"project_name": "a name that the portal gives to every template"})
    portal.add_url_rule("/", "home", _home)
    portal.add_url_rule("/connections", "list", _connections)
    portal.add_url_rule("/login", "log_in", _log_in, methods=["GET", "POST"])
    portal.after_request(_sign)
    for error in (404, 405, 429, CSRFError):
        portal.register_error_handler(error, _explain)
    return portal


def protect(portal: Flask) -> None:
    """Flask-WTF and Flask-Limiter as their manuals set them up."""
    CSRFProtect(portal)
    Limiter(get_remote_address, app=portal, default_limits=[f"{LIMIT} per hour"], storage_uri="memory://")


def guard() -> Principal | Answer:
    """Whoever has logged in to the portal; the others are led to its login."""
    name = session.get("user")
    if name is None:
        return redirect(url_for("log_in"))
    return Principal(subject=f"portal:{name}", name=name, way_in="portal")


def _home() -> str:
    session["visits"] = session.get("visits", 0) + 1
    return render_template("layout.html", title=f"Visit {session['visits']}", today="monday")


def _connections() -> str:
    return render_template("connections/list.html", title="Train connections")


def _log_in() -> str | Answer:
    if request.method == "GET":
        return render_template("login.html", title="Log in to the portal")
    session["user"] = request.form["user"]
    return redirect(url_for("home"))


def _sign(response: Response) -> Response:
    response.headers["X-Portal"] = "yes"
    return response


def _explain(error: HTTPException) -> tuple[str, int]:
    return render_template("layout.html", title=f"The portal says {error.code}"), error.code or 500
