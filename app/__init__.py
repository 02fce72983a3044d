"""Infisical Connect: the web wizard that connects Supabase to Infisical."""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import httpx
from flask import Flask

from .auth import PUBLIC_ENDPOINTS, Guard, TrustedProxyMiddleware, backend_for, embedded_backend_for
from .auth.middleware import (
    answer_every_address,
    answer_only_https,
    answer_only_named_hosts,
    answer_only_the_proxy,
    answer_only_this_machine,
)
from .config import Access, Settings
from .core.audit import AuditLog
from .core.limits import Limits
from .core.secret import Secret
from .core.templating import STATIC, TEMPLATES, Pages
from .mounting import check_portal, check_settings, signing_keys
from .upstream import Upstream, in_sandbox, over_network, prepare_sandbox
from .web import (
    EXTENSION,
    LARGEST_REQUEST,
    AuthBackend,
    Principal,
    Services,
    blueprint,
    stand_aside,
    utc_now,
)

__all__ = ["LARGEST_REQUEST", "Guard", "Person", "Principal", "create_app", "mount"]


Person = Principal
"""The same by its older name."""


def __getattr__(name: str) -> str:
    """`__version__`, which is looked up when it is asked for."""
    if name == "__version__":
        return version("infisical-connect")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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

    `data` is the sandbox's database, made before (see `sandbox.prepare_database`). `secret_key` signs and seals where
    the settings name no key; it must be the same in every worker. `transport` replaces the network below the client,
    `clock` and `monotonic` the time. Nothing is asked of Infisical until a page needs it. Raises OSError when the audit
    log cannot be written, SettingsError when an extra is not installed that the settings need.
    """
    keys = settings.secret_keys or (Secret(secret_key or secrets.token_urlsafe(32)),)
    upstream = _upstream(settings, data=data, transport=transport, clock=clock)
    backend = backend_for(
        settings,
        hosts=upstream.hosts,
        reach=upstream.reach,
        connect=upstream.connect,
        application=upstream.application,
        secret_keys=keys,
        clock=clock,
    )
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        SESSION_COOKIE_NAME="connect",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.extensions[EXTENSION] = _portal(
        settings, upstream, backend, keys=keys, clock=clock, monotonic=monotonic
    )
    _close(app, settings, keys=keys)
    app.register_blueprint(blueprint)
    return app


def mount(
    portal: Flask,
    *,
    url_prefix: str,
    guard: Guard,
    settings: Settings | None = None,
    data: Path | None = None,
    transport: httpx.BaseTransport | None = None,
    clock: Callable[[], datetime] = utc_now,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Puts the pages into another Flask app, below `url_prefix`, a path such as "/connect".

    `guard` is called before each page but the static files, `/healthz` and `/readyz`. It returns the Person who asks,
    who then acts with the server's own credential, or the response that they get instead. Nothing else lets anybody in.

    Only requests for our pages are touched: they are left out of the portal's Flask-WTF and Flask-Limiter, whichever is
    set up first, and have our own checks, bounds and headers. The portal's own `after_request` has the last word on
    headers, its error handlers on what it raises itself and on unknown addresses, and a handler for every Exception on
    faults of ours that nobody foresaw. The portal's session keeps the project in hand and the token of our forms, under
    names that begin with "connect".

    `settings` default to those of this process (see `Settings.load_mounted`). Without CONNECT_SECRET_KEY the portal's
    SECRET_KEY signs. `data` is the file of the sandbox's database, which is made where there is none; the sandbox needs
    it. `transport`, `clock` and `monotonic` are those of `create_app`. Neither thread nor connection is made before a
    page needs it, so that the portal may be forked.

    Raises SettingsError, ValueError or TypeError where the portal or an argument cannot be used, and OSError when the
    audit log or the database cannot be written.
    """
    check_portal(portal, url_prefix=url_prefix, guard=guard)
    settings = settings or Settings.load_mounted()
    check_settings(settings)
    keys = signing_keys(portal, settings)
    if settings.sandbox:
        prepare_sandbox(data)
    upstream = _upstream(settings, data=data, transport=transport, clock=clock)
    backend = embedded_backend_for(guard, hosts=upstream.hosts, connect=upstream.connect)
    running = _portal(settings, upstream, backend, keys=keys, clock=clock, monotonic=monotonic)
    portal.register_blueprint(blueprint, url_prefix=url_prefix)
    portal.extensions[EXTENSION] = replace(running, public_endpoints=PUBLIC_ENDPOINTS)
    stand_aside(portal.extensions, blueprint)


def _upstream(
    settings: Settings,
    *,
    data: Path | None,
    transport: httpx.BaseTransport | None,
    clock: Callable[[], datetime],
) -> Upstream:
    if settings.sandbox:
        return in_sandbox(settings, data=data, transport=transport, clock=clock)
    return over_network(settings, transport=transport)


def _portal(
    settings: Settings,
    upstream: Upstream,
    backend: AuthBackend,
    *,
    keys: tuple[Secret, ...],
    clock: Callable[[], datetime],
    monotonic: Callable[[], float],
) -> Services:
    return Services(
        backend=backend,
        make_checks=upstream.make_checks if settings.preflight else None,
        sandbox_info=upstream.sandbox_info,
        trusted_hosts=frozenset(settings.supabase_hosts),
        pages=Pages(templates=TEMPLATES, static=STATIC),
        secret_keys=keys,
        limits=Limits(storage=settings.rate_storage),
        audit=AuditLog(settings.audit_log),
        project_id=settings.project_id,
        submit_timeout=settings.submit_timeout,
        clock=clock,
        monotonic=monotonic,
    )


def _close(app: Flask, settings: Settings, *, keys: tuple[Secret, ...]) -> None:
    """Lets in only those requests that the settings allow, whatever they ask for."""
    answer_every_address(app, keys=keys)
    if settings.access is Access.THIS_MACHINE:
        answer_only_this_machine(app)
        return
    app.wsgi_app = TrustedProxyMiddleware(app.wsgi_app, trusted=settings.proxy_trusted)  # type: ignore[method-assign]
    answer_only_named_hosts(app, frozenset(settings.served_hosts))
    if settings.access is Access.PROXY:
        # Before https is asked for: what another peer says of that is dropped, and it would be told the wrong fault.
        answer_only_the_proxy(app)
    answer_only_https(app)
