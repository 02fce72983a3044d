"""Who and what is in the sandbox before anybody has done anything: identities, one organization, two projects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

ORGANIZATION_ID = "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b"
ORGANIZATION_NAME = "Sandbox"
ORGANIZATION_SLUG = "sandbox-o-ax-e"

PAYMENTS_ID = "11d7a2c4-5f0e-4b6a-9c3d-2e8f7a6b5c4d"
WEBSHOP_ID = "22e8b3d5-6a1f-4c7b-8d4e-3f9a8b7c6d5e"

_MONTH = 30 * 24 * 60 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """A machine identity: what it proves itself with, what it may do, how long its tokens live (seconds).

    An organization admin may do everything in every project. `project_roles` maps a project's id to admin or viewer;
    a viewer may not even read App Connections (recorded exchange get-by-id-lowpriv).
    """

    name: str
    client_id: str
    client_secret: str
    organization_admin: bool = False
    project_roles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    ttl: int = _MONTH
    max_ttl: int = _MONTH
    token_uses: int | None = None
    secret_expired: bool = False

    def role_in(self, project_id: str) -> str | None:
        """admin, viewer, or None for somebody who is no member."""
        return "admin" if self.organization_admin else self.project_roles.get(project_id)


def _client_id(number: int) -> str:
    return f"5a4db0c5-0000-4000-8000-{number:012d}"


IDENTITIES = (
    Identity(
        name="wizard-admin",
        client_id=_client_id(1),
        client_secret="made-up-client-secret-of-wizard-admin",  # noqa: S106 - opens nothing but the sandbox
        organization_admin=True,
    ),
    Identity(
        name="wizard-lowpriv",
        client_id=_client_id(2),
        client_secret="made-up-client-secret-of-wizard-lowpriv",  # noqa: S106 - likewise
        project_roles=MappingProxyType({PAYMENTS_ID: "viewer"}),
    ),
    Identity(
        name="project-only-admin",
        client_id=_client_id(3),
        client_secret="made-up-client-secret-of-project-only-admin",  # noqa: S106 - likewise
        project_roles=MappingProxyType({PAYMENTS_ID: "admin"}),
    ),
    Identity(
        name="no-project",
        client_id=_client_id(4),
        client_secret="made-up-client-secret-of-no-project",  # noqa: S106 - likewise
    ),
    Identity(
        name="short-ttl",
        client_id=_client_id(5),
        client_secret="made-up-client-secret-of-short-ttl",  # noqa: S106 - likewise
        ttl=5,
        max_ttl=10,
    ),
    Identity(
        name="uses-limit",
        client_id=_client_id(6),
        client_secret="made-up-client-secret-of-uses-limit",  # noqa: S106 - likewise
        token_uses=2,
    ),
    Identity(
        name="expired-secret",
        client_id=_client_id(7),
        client_secret="made-up-client-secret-of-expired-secret",  # noqa: S106 - likewise
        secret_expired=True,
    ),
    Identity(
        name="lockout",
        client_id=_client_id(8),
        client_secret="made-up-client-secret-of-lockout",  # noqa: S106 - likewise
    ),
)

IDENTITY_BY_CLIENT_ID = MappingProxyType({identity.client_id: identity for identity in IDENTITIES})
SANDBOX_CLIENT_ID = IDENTITIES[0].client_id
SANDBOX_CLIENT_SECRET = IDENTITIES[0].client_secret


@dataclass(frozen=True, kw_only=True, slots=True)
class StartingProject:
    """A secret-manager project as the sandbox's database is first filled with it."""

    id: str
    name: str
    slug: str
    description: str | None
    environments: tuple[tuple[str, str, str], ...]


def _environments(prefix: str) -> tuple[tuple[str, str, str], ...]:
    named = (("Development", "dev"), ("Staging", "staging"), ("Production", "prod"))
    return tuple(
        (name, slug, f"{prefix}-0000-4000-8000-{at:012d}") for at, (name, slug) in enumerate(named, 1)
    )


PROJECTS = (
    StartingProject(
        id=PAYMENTS_ID,
        name="Payments",
        slug="payments-demo",
        description="Cards and invoices",
        environments=_environments("aa11d7a2"),
    ),
    StartingProject(
        id=WEBSHOP_ID,
        name="Webshop",
        slug="webshop-demo",
        description=None,
        environments=_environments("bb22e8b3"),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StartingConnection:
    """An App Connection that somebody made before."""

    id: str
    name: str
    description: str | None
    app: str
    method: str
    instance_url: str | None


PAYMENTS_CONNECTIONS = (
    StartingConnection(
        id="33f9c4e6-7b2a-4d8c-9e5f-4a0b9c8d7e6f",
        name="payments-github",
        description="Deploy keys of the payments service",
        app="github",
        method="pat",
        instance_url=None,
    ),
    StartingConnection(
        id="44a0d5f7-8c3b-4e9d-8f6a-5b1c0d9e8f70",
        name="payments-reports",
        description=None,
        app="supabase",
        method="access-token",
        instance_url="https://api.supabase.com",
    ),
)
