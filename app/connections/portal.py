"""What one running wizard holds: its settings, its client, its pages, its clock and its signature."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, cast
from urllib.parse import quote

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer

from ..infisical import Infisical
from ..rendering import Pages
from ..secret import Secret
from .scopes import Scope

EXTENSION = "infisical_connect"


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Portal:
    """One running wizard. `connect` makes the client; it is called once per process, when it is first needed."""

    connect: Callable[[], Infisical]
    pages: Pages
    secret_key: Secret
    sandbox: bool
    project_id: str | None
    submit_timeout: float
    sandbox_token: str | None = None
    fates: tuple[Any, ...] = ()
    projects_note: str = ""
    clock: Callable[[], datetime] = utc_now

    @cached_property
    def infisical(self) -> Infisical:
        return self.connect()

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
