"""Infisical Connect: the web wizard that connects Supabase to Infisical."""

import secrets
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import httpx
from flask import Flask

from .connections import EXTENSION, Portal, blueprint, utc_now
from .edges import answer_only_this_machine, explain_what_http_refuses, harden
from .paths import STATIC, TEMPLATES
from .rendering import Pages
from .secret import Secret
from .settings import Settings
from .upstream import in_sandbox, over_network

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
    cookies; it must be the same in every worker. `transport` replaces the network below the client, `clock` and
    `monotonic` the time. Nothing is asked of Infisical until a page needs it.
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
    if settings.sandbox:
        upstream = in_sandbox(settings, data=data, transport=transport, clock=clock)
    else:
        upstream = over_network(settings, transport=transport)
    app.extensions[EXTENSION] = Portal(
        connect=upstream.connect,
        make_checks=upstream.make_checks if settings.preflight else None,
        host=upstream.host,
        stand_in=upstream.stand_in,
        trusted_hosts=frozenset(settings.supabase_hosts),
        pages=Pages(templates=TEMPLATES, static=STATIC),
        secret_key=Secret(key),
        project_id=settings.project_id,
        submit_timeout=settings.submit_timeout,
        clock=clock,
        monotonic=monotonic,
    )
    app.register_blueprint(blueprint)
    explain_what_http_refuses(app)
    harden(app)
    if settings.bind.loopback:
        answer_only_this_machine(app)
    return app
