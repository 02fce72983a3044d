"""Infisical Connect: the web wizard that connects Supabase to Infisical."""

import secrets
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import httpx
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from .access import reason_to_refuse
from .connections import EXTENSION, Action, Page, Portal, Problem, blueprint, problem
from .connections.portal import utc_now
from .infisical import Infisical, UniversalAuth
from .paths import STATIC, TEMPLATES
from .rendering import Pages, url_for
from .secret import Secret
from .settings import Settings
from .supabase import TokenChecks

LARGEST_REQUEST = 64 * 1024
"""Bytes of a request's body. The longest form is below 3 kB."""


def create_app(
    settings: Settings,
    *,
    data: Path | None = None,
    secret_key: str | None = None,
    transport: httpx.BaseTransport | None = None,
    clock: Callable[[], datetime] = utc_now,
    monotonic: Callable[[], float] = time.monotonic,
) -> Flask:
    """The stand-alone portal.

    `data` is the sandbox's database, made before (see `sandbox.prepare_database`). `secret_key` signs forms and
    cookies; it must be the same in every worker. `transport` replaces the network below the client. Nothing is asked
    of Infisical until a page needs it.
    """
    key = secret_key or (settings.secret_key.reveal() if settings.secret_key else secrets.token_urlsafe(32))
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.config.update(
        SECRET_KEY=key,
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        SESSION_COOKIE_NAME="connect",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.extensions[EXTENSION] = _portal(
        settings, data=data, key=key, transport=transport, clock=clock, monotonic=monotonic
    )
    app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, _explain_http)
    if settings.bind.loopback:
        app.before_request(_refuse_strangers)
    app.after_request(_harden)
    return app


def _portal(
    settings: Settings,
    *,
    data: Path | None,
    key: str,
    transport: httpx.BaseTransport | None,
    clock: Callable[[], datetime],
    monotonic: Callable[[], float],
) -> Portal:
    pages = Pages(templates=TEMPLATES, static=STATIC)
    if settings.sandbox:
        return _sandbox_portal(
            settings, pages, data=data, key=key, transport=transport, clock=clock, monotonic=monotonic
        )
    return Portal(
        connect=lambda: Infisical.from_settings(settings, transport=transport),
        make_checks=_checks(settings, transport=transport) if settings.preflight else None,
        trusted_hosts=frozenset(settings.supabase_hosts),
        pages=pages,
        secret_key=Secret(key),
        sandbox=False,
        project_id=settings.project_id,
        submit_timeout=settings.submit_timeout,
        clock=clock,
        monotonic=monotonic,
    )


def _checks(settings: Settings, *, transport: httpx.BaseTransport | None) -> Callable[[], TokenChecks]:
    def make() -> TokenChecks:
        if transport is not None:
            return TokenChecks(transport=transport, extra_hosts=settings.supabase_hosts)
        return TokenChecks.over_network(extra_hosts=settings.supabase_hosts)

    return make


def _sandbox_portal(
    settings: Settings,
    pages: Pages,
    *,
    data: Path | None,
    key: str,
    transport: httpx.BaseTransport | None,
    clock: Callable[[], datetime],
    monotonic: Callable[[], float],
) -> Portal:
    # Imported here: a server that talks to a real Infisical never loads the stand-in.
    from . import sandbox  # noqa: PLC0415

    def make_transport() -> httpx.BaseTransport:
        if data is None:
            raise ValueError("the sandbox needs a database")
        return transport or sandbox.SandboxTransport(sandbox.create_sandbox(data, clock=clock))

    def connect() -> Infisical:
        return Infisical(
            sandbox.SANDBOX_HOST,
            auth=UniversalAuth(
                base_url=sandbox.SANDBOX_HOST,
                client_id=sandbox.SANDBOX_CLIENT_ID,
                client_secret=Secret(sandbox.SANDBOX_CLIENT_SECRET),
            ),
            transport=make_transport(),
        )

    def make_checks() -> TokenChecks:
        return TokenChecks(transport=make_transport(), extra_hosts=settings.supabase_hosts)

    return Portal(
        connect=connect,
        make_checks=make_checks if settings.preflight else None,
        trusted_hosts=frozenset(settings.supabase_hosts),
        pages=pages,
        secret_key=Secret(key),
        sandbox=True,
        project_id=None,
        submit_timeout=settings.submit_timeout,
        sandbox_token=sandbox.sandbox_token(),
        fates=(
            {
                "digits": sandbox.sandbox_token()[-4:],
                "sentence": "Supabase accepts the token, as it does any four digits not below.",
                "token": sandbox.sandbox_token(),
            },
            *(
                {
                    "digits": fate.digits,
                    "sentence": fate.sentence,
                    "token": sandbox.sandbox_token(fate.digits),
                }
                for fate in sandbox.FATES
            ),
        ),
        projects_note="Two made-up projects, Payments and Webshop. What you create is gone when the server stops, "
        "unless it was started with a file to keep it in (--data FILE).",
        clock=clock,
        monotonic=monotonic,
    )


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


_HTTP_PROBLEMS = {
    400: ("not-understood", "The request could not be understood", "Go back and try again."),
    404: ("page-not-found", "There is no such page", "The address may be mistyped or old."),
    405: ("wrong-method", "This page does not take that", "Open it from the start."),
    413: (
        "too-large",
        "That was too much",
        "The form takes up to 64 kB, far more than any of its fields needs.",
    ),
}


def _explain_http(error: HTTPException) -> Page:
    if error.code is None or error.code < 400:
        return error.get_response()
    slug, title, lede = _HTTP_PROBLEMS.get(
        error.code,
        ("server-error", "Something is broken in Infisical Connect", "It is logged. Try again in a minute."),
    )
    shown = Problem(
        slug=slug,
        status=error.code,
        title=title,
        lede=lede,
        actions=(Action(label="Go to App Connections", href=url_for(".index"), primary=True),),
    )
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


def _harden(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
