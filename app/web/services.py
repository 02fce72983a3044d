"""What one running wizard holds: its way in, its pages, its limits, its audit log, its clock and its signature."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import cast
from urllib.parse import quote

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer

from ..connectors import TokenChecks
from ..core.audit import AuditLog
from ..core.limits import Limits
from ..core.secret import Secret, derived
from ..core.templating import Pages
from ..infisical import THREADS, Deadline, Infisical
from .auth_context import AuthBackend, current_auth
from .readiness import Readiness
from .scopes import Scope

EXTENSION = "infisical_connect"


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxInfo:
    """What the pages tell of the sandbox: a made-up token that works, and what each of the others does.

    `credential` is the client ID and the client secret of a made-up machine identity, `what_leaves` what it promises of
    the network, as the end of a sentence.
    """

    token: str
    credential: tuple[str, str]
    scenarios: tuple[Mapping[str, str], ...]
    what_leaves: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Creation:
    """How a connection came to be: `late` after a wait without an answer, `reaches` as many Supabase projects as its
    token was seen to reach, 0 where nobody asked."""

    late: bool = False
    reaches: int = 0


@dataclass(frozen=True)
class Services:
    """One running wizard.

    `gate` decides who comes in and whose rights they act with. `make_checks` makes what asks Supabase about a token, once
    per process, when it is first needed; it is None where tokens are not checked before saving. The first of
    `secret_keys` signs, each of them is accepted. `still_open` names those of the pages open to everybody that are so
    here as well; None means all of them.
    """

    backend: AuthBackend
    make_checks: Callable[[], TokenChecks] | None
    pages: Pages
    secret_keys: tuple[Secret, ...]
    limits: Limits
    audit: AuditLog
    project_id: str | None
    submit_timeout: float
    sandbox_info: SandboxInfo | None = None
    public_endpoints: frozenset[str] | None = None
    trusted_hosts: frozenset[str] = frozenset()
    clock: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic

    @property
    def sandbox(self) -> bool:
        return self.sandbox_info is not None

    @property
    def infisical(self) -> Infisical:
        """The client that acts with the rights of whoever was let in."""
        held = current_auth()
        if held is None:
            raise RuntimeError("nobody was let in")
        return held.connect()

    @property
    def host(self) -> str:
        """The host of the Infisical in use, "" where that is not known yet."""
        held = current_auth()
        return held.host if held else self.backend.host

    @cached_property
    def checks(self) -> TokenChecks | None:
        return self.make_checks() if self.make_checks else None

    @cached_property
    def readiness(self) -> Readiness:
        return Readiness(self.backend.check, clock=self.monotonic)

    @cached_property
    def threads(self) -> ThreadPoolExecutor:
        """Threads for what a submission does at the same time as something else."""
        return ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="connect")

    def deadline(self) -> Deadline:
        """When a submission that begins now must be over."""
        return Deadline.after(self.submit_timeout, clock=self.monotonic)

    def sign_moment(self, moment: datetime) -> str:
        """A text that says when a form was served, and that only this server can have made."""
        return self._signer("served").dumps(moment.timestamp())

    def signed_moment(self, text: str) -> datetime | None:
        """The moment in a text of `sign_moment`, or None where it is not one."""
        try:
            told = self._signer("served").loads(text)
        except BadData:
            return None
        return datetime.fromtimestamp(told, UTC) if isinstance(told, float) else None

    def sign_creation(self, creation: Creation, *, connection_id: str) -> str:
        """A text that says how this one connection was created, and that only this server can have made."""
        return self._signer(f"created.{connection_id}").dumps([creation.late, creation.reaches])

    def signed_creation(self, text: str, *, connection_id: str) -> Creation | None:
        """What a text of `sign_creation` says, or None where it is not one, or is another connection's."""
        try:
            late, reaches = self._signer(f"created.{connection_id}").loads(text)
        except BadData:
            return None
        return Creation(late=late, reaches=reaches)

    def dashboard_url(self, scope: Scope) -> str | None:
        """The App Connections of a project, or of the organization, in Infisical's dashboard.

        None in the sandbox, which has no dashboard. The project's address is the one a running Infisical uses, the
        organization's is that of its frontend's routes.
        """
        if self.sandbox:
            return None
        host = self.infisical.base_url
        if scope.organization_id is None:
            return host
        organization = f"{host}/organizations/{quote(scope.organization_id, safe='')}"
        if scope.project_id is None:
            return f"{organization}/app-connections"
        project = f"{organization}/projects/secret-management/{quote(scope.project_id, safe='')}"
        return f"{project}/integrations?selectedTab=app-connections"

    def _signer(self, what: str) -> URLSafeSerializer:
        # Made anew each time: it can be pickled, keys and all. itsdangerous signs with its last key, and all of them open.
        keys = [derived(key, purpose="signature").reveal() for key in reversed(self.secret_keys)]
        return URLSafeSerializer(keys, salt=f"infisical-connect.{what}")


def services() -> Services:
    """The running wizard of the current request."""
    return cast(Services, current_app.extensions[EXTENSION])
