"""What one running wizard holds: its settings, its client, its pages, its clock and its signature."""

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

from ..infisical import THREADS, Deadline, Infisical
from ..rendering import Pages
from ..secret import Secret
from ..supabase import TokenChecks
from .scopes import Scope

EXTENSION = "infisical_connect"


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class StandIn:
    """What the pages tell of the sandbox: a made-up token that works, and what each of the others does."""

    token: str
    fates: tuple[Mapping[str, str], ...]
    projects_note: str


@dataclass(frozen=True)
class Portal:
    """One running wizard.

    `connect` makes the client and `make_checks` what asks Supabase about a token; each is called once per process,
    when it is first needed. `make_checks` is None where tokens are not checked before saving.
    """

    connect: Callable[[], Infisical]
    make_checks: Callable[[], TokenChecks] | None
    pages: Pages
    secret_key: Secret
    project_id: str | None
    submit_timeout: float
    stand_in: StandIn | None = None
    host: str = ""
    trusted_hosts: frozenset[str] = frozenset()
    clock: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic

    @property
    def sandbox(self) -> bool:
        return self.stand_in is not None

    @cached_property
    def infisical(self) -> Infisical:
        return self.connect()

    @cached_property
    def checks(self) -> TokenChecks | None:
        return self.make_checks() if self.make_checks else None

    @cached_property
    def threads(self) -> ThreadPoolExecutor:
        """Threads for what a submission does at the same time as something else."""
        return ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="connect")

    def deadline(self) -> Deadline:
        """When a submission that begins now must be over."""
        return Deadline.after(self.submit_timeout, clock=self.monotonic)

    def sign_moment(self, moment: datetime) -> str:
        """A text that says when a form was served, and that only this server can have made."""
        return self._signer.dumps(moment.timestamp())

    def signed_moment(self, text: str) -> datetime | None:
        """The moment in a text of `sign_moment`, or None where it is not one."""
        try:
            told = self._signer.loads(text)
        except BadData:
            return None
        return datetime.fromtimestamp(told, UTC) if isinstance(told, float) else None

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

    @cached_property
    def _signer(self) -> URLSafeSerializer:
        return URLSafeSerializer(self.secret_key.reveal(), salt="infisical-connect.served")


def portal() -> Portal:
    """The running wizard of the current request."""
    return cast(Portal, current_app.extensions[EXTENSION])
