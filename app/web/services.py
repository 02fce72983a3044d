"""What one running wizard holds, who is asking it, and what it writes down."""

import math
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol, cast

from flask import Blueprint, current_app, g, request, session
from itsdangerous import BadData, URLSafeSerializer
from werkzeug.wrappers import Response

from ..config import Settings
from ..connectors import APPS, TokenChecks
from ..connectors.rows import App
from ..core.audit import Action, AuditLog, Entry
from ..core.limits import Limits
from ..core.secret import Secret, derived
from ..core.templating import Pages
from ..infisical.client import Infisical
from ..infisical.errors import InfisicalError, LoginRefused, NoAnswer, RateLimited, ServerFailed, Unreachable
from ..infisical.models import Connection, NewConnection
from ..infisical.sync_models import NativeIntegration, SecretSync, SyncSettings

EXTENSION = "infisical_connect"

ORGANIZATION = "organization"
"""Stands in URLs, in the form and in the audit log where a project's id would stand."""

MOVING = "connect.move"
"""In the session: the native integration whose move was opened last, and its project."""

READINESS_KEPT = 5.0
"""Seconds that `/readyz` gives an answer again. Anybody may ask, and finding out costs calls to Infisical and a thread."""

Page = Response


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who came in, by which way. `subject` tells people apart in logs and limits, `name` is for the page."""

    subject: str
    name: str
    way_in: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthContext:
    """A person who may come in, and the Infisical that is asked for them.

    `connect` gives the client that acts with their rights, or with the server's where `own_rights` is false. `host` is
    what people know that Infisical by. `sign_in` stands for the sign-in that let them in, and for no other; None where
    there is nothing to sign out of here.
    """

    person: Principal
    host: str
    connect: Callable[[], Infisical]
    own_rights: bool = False
    sign_in: str | None = None


class AuthBackend(Protocol):
    """One way in. Asked before each page that is not open to everybody."""

    @property
    def blueprint(self) -> Blueprint | None:
        """The pages where people sign in, which the app registers beside the wizard's own; None without any."""

    @property
    def host(self) -> str:
        """The host of Infisical for pages that nobody has come in to; "" where that is not known yet."""

    def authenticate(self) -> AuthContext | Page:
        """Who asks, or the page they get instead."""

    def challenge(self) -> Page | None:
        """The page for somebody whose own access token no longer counts; None where it is the server's."""

    def check(self) -> None:
        """Returns when Infisical can be used; raises an InfisicalError otherwise."""


def current_auth() -> AuthContext | None:
    """Who asks for the page of the current request; None before anybody was let in."""
    return cast("AuthContext | None", g.get("connect_auth"))


def has_own_rights() -> bool:
    """Whether whoever asks acts with rights of their own at Infisical, and not with the server's."""
    context = current_auth()
    return context is not None and context.own_rights


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxInfo:
    """What the pages tell of the sandbox: a made-up token that works, and what each of the others does. `credential` is
    the client ID and the client secret of a made-up machine identity."""

    token: str
    credential: tuple[str, str]
    scenarios: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class Services:
    """One running wizard.

    `backend` decides who comes in and whose rights they act with. `make_checks` makes what asks an app's own API about a
    credential, once per process, when it is first needed; it is None where they are not checked before saving. The first
    of `secret_keys` signs, each of them is accepted. `public_endpoints` names those of the pages open to everybody that
    are so here as well; None means all of them.
    """

    settings: Settings
    backend: AuthBackend
    make_checks: Callable[[], TokenChecks] | None
    pages: Pages
    secret_keys: tuple[Secret, ...]
    limits: Limits
    audit: AuditLog
    apps: tuple[App, ...] = APPS
    sandbox_info: SandboxInfo | None = None
    public_endpoints: frozenset[str] | None = None
    clock: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    offered: set[tuple[str, str]] = field(default_factory=set)
    """The address of each Infisical with each app that it was seen to have connections of."""

    @property
    def infisical(self) -> Infisical:
        """The client that acts with the rights of whoever was let in."""
        context = current_auth()
        if context is None:
            raise RuntimeError("nobody was let in")
        return context.connect()

    @property
    def host(self) -> str:
        """The host of the Infisical in use, "" where that is not known yet."""
        context = current_auth()
        return context.host if context else self.backend.host

    @cached_property
    def checks(self) -> TokenChecks | None:
        return self.make_checks() if self.make_checks else None

    @cached_property
    def readiness(self) -> "Readiness":
        return Readiness(self.backend.check, clock=self.monotonic)

    @cached_property
    def threads(self) -> ThreadPoolExecutor:
        """Threads for what a submission does at the same time as something else."""
        return ThreadPoolExecutor(max_workers=self.settings.threads, thread_name_prefix="connect")

    def app_named(self, slug: str) -> App | None:
        """The app with that slug, None where it cannot be connected here."""
        return next((app for app in self.apps if app.slug == slug), None)

    def sign(self, value: Any, *, purpose: str) -> str:
        """A text that holds a value, as JSON knows them, and that only this server can have made."""
        return self._signer(purpose).dumps(value)

    def unsign(self, text: str, *, purpose: str) -> Any:
        """The value in a text of `sign` with the same purpose; None where it is not one."""
        try:
            return self._signer(purpose).loads(text)
        except BadData:
            return None

    def _signer(self, purpose: str) -> URLSafeSerializer:
        # Made anew each time: it can be pickled, keys and all. itsdangerous signs with its last key, and all of them open.
        keys = [derived(key, purpose="signature").reveal() for key in reversed(self.secret_keys)]
        return URLSafeSerializer(keys, salt=f"infisical-connect.{purpose}")


def services() -> Services:
    """The running wizard of the current request."""
    return cast(Services, current_app.extensions[EXTENSION])


def moving_in(project_id: str) -> str | None:
    """The native integration of a project whose move somebody left for a page that leads back to it."""
    moving, project = session.get(MOVING) or (None, None)
    return moving if project == project_id else None


Fault = tuple[str, str | None]
"""Why Infisical cannot be used: one sentence, and the request ID that Infisical gave."""

_IN_SHORT: dict[type[InfisicalError], str] = {
    NoAnswer: "Infisical did not answer.",
    ServerFailed: "Infisical answered with a fault of its own.",
    RateLimited: "Infisical asks to wait.",
}


class Readiness:
    """Whether Infisical can be used, found out seldom however often somebody asks. `ask` returns when it can be and
    raises an InfisicalError otherwise; `clock` counts seconds."""

    def __init__(self, ask: Callable[[], None], *, clock: Callable[[], float]) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Fault | None = ("Infisical is being asked.", None)
        self._known_until = -math.inf

    def fault(self) -> Fault | None:
        """What stands in the way; None when nothing does. Who asks while another finds out gets the last answer."""
        if self._lock.acquire(blocking=False):
            try:
                if self._clock() >= self._known_until:
                    self._known = self._found_out()
                    self._known_until = self._clock() + READINESS_KEPT
            finally:
                self._lock.release()
        return self._known

    def _found_out(self) -> Fault | None:
        """In words of our own: strangers read them, and what Infisical or a proxy says may name what lies behind them."""
        try:
            self._ask()
        except (Unreachable, LoginRefused) as error:
            proxy = isinstance(error, Unreachable) and error.proxy
            return "The proxy to Infisical made no connection." if proxy else str(error), error.request_id
        except InfisicalError as error:
            return _IN_SHORT.get(type(error), "Infisical did not answer as it should."), error.request_id
        return None


def request_id() -> str:
    """The name of this request, in its answer's headers and in the audit log. It is ours: one that a client sends
    could be made to look like another's."""
    if "connect_request_id" not in g:
        g.connect_request_id = secrets.token_hex(8)
    return cast(str, g.connect_request_id)


def record(
    action: Action,
    result: str,
    *,
    person: Principal | None = None,
    project: str | None = None,
    connection: Connection | NewConnection | None = None,
    sync: SecretSync | SyncSettings | None = None,
    integration: NativeIntegration | None = None,
    error: InfisicalError | None = None,
) -> None:
    """Adds one line to the audit log: what was done, by whom, from where, in which request. `person` is whoever was let
    in, unless another is named; `project` that of the connection, or of a sync that is there."""
    context, there = current_auth(), sync if isinstance(sync, SecretSync) else None
    belongs = connection.project_id or ORGANIZATION if connection else there.project_id if there else None
    who = person or (context.person if context else None)
    services().audit.write(
        Entry(
            at=services().clock(),
            action=action,
            result=result,
            subject=who.subject if who else None,
            name=who.name if who else None,
            way_in=who.way_in if who else None,
            address=request.remote_addr,
            request_id=request_id(),
            project=project or belongs,
            connection_id=connection.id if isinstance(connection, Connection) else None,
            connection_name=connection.name if connection else None,
            sync_id=there.id if there else None,
            sync_name=sync.name if sync else None,
            integration_id=integration.id if integration else None,
            infisical_request_id=error.request_id if error else None,
        )
    )
