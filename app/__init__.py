"""Infisical Connect: a web wizard that makes connections in Infisical."""

import secrets
import time
from collections.abc import Callable
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import httpx
from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from .auth import backend_for
from .auth.backends import EmbeddedBackend, Guard
from .auth.middleware import protect
from .config import Access, Settings, SettingsError
from .config_rules import fault
from .connectors import APPS, TokenChecks
from .connectors.rows import App
from .core.audit import AuditLog
from .core.limits import Limits
from .core.network import NetworkTransport, authorities_fault, certificates
from .core.secret import Secret
from .core.templating import BLUEPRINT, STATIC, TEMPLATES, Pages
from .infisical.client import Infisical, network
from .web.hooks import LARGEST_REQUEST, PROBES, PUBLIC_ENDPOINTS, blueprint, stand_aside
from .web.services import EXTENSION, Principal, SandboxInfo, Services, utc_now

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
    apps: tuple[App, ...] = APPS,
) -> Flask:
    """The stand-alone portal.

    `data` is the sandbox's database, made before (see `sandbox.prepare_database`). `secret_key` signs and encrypts where
    the settings name no key; it must be the same in every worker. `transport` replaces the network below the clients,
    `clock` and `monotonic` the time; `apps` are those whose connections are made here. Nothing is asked of Infisical
    until a page needs it. Raises OSError when the audit log cannot be written, SettingsError when an extra is not
    installed that the settings need, or SSL_CERT_FILE or SSL_CERT_DIR name no certificates.
    """
    keys = settings.secret_keys or (Secret(secret_key or secrets.token_urlsafe(32)),)
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        SESSION_COOKIE_NAME="connect",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    surroundings = _Surroundings(data, transport, clock, monotonic, apps)
    running = app.extensions[EXTENSION] = _services(settings, surroundings, keys=keys)
    protect(app, settings, keys=keys)
    below = settings.path_prefix or None
    app.register_blueprint(blueprint, url_prefix=below)
    if running.backend.blueprint is not None:
        # By its name within the blueprint of the pages: what every request passes there, these pass too.
        app.register_blueprint(running.backend.blueprint, url_prefix=below, name=f"{BLUEPRINT}.auth")
    for probe in PROBES if below else ():
        # Load balancers ask the server itself, which the path does not lead to.
        app.add_url_rule(probe.replace(f"{BLUEPRINT}.", "/"), probe, app.view_functions[probe])
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

    `guard` is called before each page but the static files, `/healthz` and `/readyz`. It returns the Principal who asks,
    who then acts with the server's own credential, or the response that they get instead. Nothing else lets anybody in.

    Only requests for our pages are touched; docs/embedding.md says what else the two have to do with each other.
    `settings` default to those of this process (see `Settings.load_mounted`). Without CONNECT_SECRET_KEY the portal's
    SECRET_KEY signs. `data` is the file of the sandbox's database, which is made where there is none; the sandbox needs
    it. `transport`, `clock` and `monotonic` are those of `create_app`. Neither thread nor connection is made before a
    page needs it, so that the portal may be forked.

    Raises SettingsError, ValueError or TypeError where the portal or an argument cannot be used, and OSError when the
    audit log or the database cannot be written.
    """
    _check_portal(portal, url_prefix=url_prefix, guard=guard)
    settings = settings or Settings.load_mounted()
    if settings.access is not Access.THIS_MACHINE:
        raise SettingsError((fault("guard-decides"),))
    keys = settings.secret_keys or _keys_of(portal)
    surroundings = _Surroundings(data, transport, clock, monotonic)
    running = _services(settings, surroundings, keys=keys, guard=guard)
    portal.register_blueprint(blueprint, url_prefix=url_prefix)
    portal.extensions[EXTENSION] = running
    stand_aside(portal.extensions, blueprint)


class _Surroundings(NamedTuple):
    """What tests and hosts put in place of this machine's; each is a parameter of `create_app`."""

    data: Path | None
    transport: httpx.BaseTransport | None
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    apps: tuple[App, ...] = APPS


def _services(
    settings: Settings, around: _Surroundings, *, keys: tuple[Secret, ...], guard: Guard | None = None
) -> Services:
    """What the pages work with. With a `guard` that says who comes in, otherwise the settings do."""
    named, transport, info = settings, around.transport, None
    if settings.sandbox:
        named, transport, info = _in_sandbox(settings, around)

    if (transport is None or settings.access is Access.OIDC) and (untrusted := authorities_fault()):
        raise SettingsError((untrusted,))

    def make_checks() -> TokenChecks:
        asking = transport or NetworkTransport(certificates(besides=[settings.authorities]))
        return TokenChecks(transport=asking, extra_hosts=settings.trusted_hosts)

    reach = cache(lambda host: Infisical(host, auth=None, transport=transport or network(settings)))
    connect = cache(lambda: Infisical.from_settings(named, transport=transport))
    if guard is None:
        backend = backend_for(named, reach=reach, connect=connect, secret_keys=keys, clock=around.clock)
    else:
        backend = EmbeddedBackend(named.hosts[0], connect, guard)
    return Services(
        settings=settings,
        backend=backend,
        public_endpoints=PUBLIC_ENDPOINTS if guard else None,
        make_checks=make_checks if settings.preflight else None,
        sandbox_info=info,
        pages=Pages(templates=TEMPLATES, static=STATIC),
        secret_keys=keys,
        limits=Limits(
            storage=settings.rate_storage, authorities=settings.authorities, clock=around.monotonic
        ),
        audit=AuditLog(settings.audit_log),
        apps=around.apps,
        clock=around.clock,
        monotonic=around.monotonic,
    )


def _in_sandbox(
    settings: Settings, around: _Surroundings
) -> tuple[Settings, httpx.BaseTransport, SandboxInfo]:
    """The sandbox as one more Infisical that settings name, the way there, and what the pages tell of it."""
    # Imported here: a server that talks to a real Infisical never loads the stand-in.
    from . import sandbox  # noqa: PLC0415

    transport = around.transport
    if transport is None:
        if around.data is None:
            raise ValueError("the sandbox keeps its data in a file; name one with data=")
        sandbox.prepare_database(around.data)
        played = sandbox.create_sandbox(around.data, clock=around.clock, apps=around.apps)
        transport = sandbox.SandboxTransport(played)
    info = SandboxInfo(
        token=sandbox.sandbox_token(),
        credential=(sandbox.SANDBOX_CLIENT_ID, sandbox.SANDBOX_CLIENT_SECRET),
        scenarios=tuple(
            {"digits": one.digits, "sentence": one.sentence, "token": sandbox.sandbox_token(one.digits)}
            for one in sandbox.SCENARIOS
        ),
    )
    made_up = {
        "hosts": (sandbox.SANDBOX_HOST,),
        "client_id": sandbox.SANDBOX_CLIENT_ID,
        "client_secret": Secret(sandbox.SANDBOX_CLIENT_SECRET),
        "oauth_client_id": sandbox.SANDBOX_OAUTH_CLIENT_ID,
        "oauth_client_secret": Secret(sandbox.SANDBOX_OAUTH_CLIENT_SECRET),
    }
    return settings.model_copy(update=made_up), transport, info


def _check_portal(portal: Flask, *, url_prefix: str, guard: Guard) -> None:
    """Raises ValueError, or TypeError for the guard, where the pages cannot be mounted in the portal with these."""
    if EXTENSION in portal.extensions:
        raise ValueError("the wizard is already in this app, and an app can hold it once")
    if BLUEPRINT in portal.blueprints:
        raise ValueError(
            f"this app has a blueprint called {BLUEPRINT} of its own; give that one another name"
        )
    if portal.url_map.host_matching:
        raise ValueError("an app with host_matching cannot hold the wizard, whose pages belong to no host")
    if not url_prefix.startswith("/") or not url_prefix.strip("/") or "<" in url_prefix:
        raise ValueError("url_prefix must be a path below the app's own, such as /connect, without variables")
    if not callable(guard):
        raise TypeError("guard must be a function that returns a Principal or a response")
    if isinstance(portal.session_interface, SecureCookieSessionInterface) and not portal.secret_key:
        raise ValueError("this app has no SECRET_KEY, which its session needs; set it before mount()")


def _keys_of(portal: Flask) -> tuple[Secret, ...]:
    """The portal's own keys. The first signs, all of them open."""
    keys = (portal.secret_key, *(portal.config.get("SECRET_KEY_FALLBACKS") or ()))
    if not portal.secret_key:
        raise ValueError(
            "this app has no SECRET_KEY to sign with; set it before mount(), or CONNECT_SECRET_KEY"
        )
    return tuple(Secret(key.hex() if isinstance(key, bytes) else key) for key in keys if key)
