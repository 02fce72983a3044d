"""Who and what is in the sandbox before anybody has done anything: identities, people, one organization, two projects."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

ORGANIZATION_ID = "0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b"
ORGANIZATION_NAME = "Sandbox"
ORGANIZATION_SLUG = "sandbox-o-ax-e"

PAYMENTS_ID = "11d7a2c4-5f0e-4b6a-9c3d-2e8f7a6b5c4d"
WEBSHOP_ID = "22e8b3d5-6a1f-4c7b-8d4e-3f9a8b7c6d5e"

_HOUR = 60 * 60
_MONTH = 30 * 24 * 60 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Rights:
    """What somebody may do, and how long their tokens live (seconds).

    An organization admin may do everything in every project. `project_roles` maps a project's id to admin or viewer;
    a viewer may not even read App Connections (recorded exchange get-by-id-lowpriv).
    """

    organization_admin: bool = False
    project_roles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    ttl: int = _MONTH

    def role_in(self, project_id: str) -> str | None:
        """admin, viewer, or None for somebody who is no member."""
        return "admin" if self.organization_admin else self.project_roles.get(project_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity(Rights):
    """A machine identity, and what it proves itself with.

    `secret_used_up` is a client secret that was used as often as it may be; `elsewhere` tells that the identity may
    only be used from other addresses.
    """

    name: str
    client_id: str
    client_secret: str
    max_ttl: int = _MONTH
    token_uses: int | None = None
    secret_expired: bool = False
    secret_used_up: bool = False
    elsewhere: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Person(Rights):
    """Somebody whom the organization knows by an e-mail address. Their tokens cannot be renewed."""

    email: str
    first_name: str
    last_name: str
    ttl: int = _HOUR

    @property
    def id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{self.email.lower()}"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Application:
    """An OAuth application: what it proves itself with, and whether it may exchange people's ID tokens."""

    client_id: str
    client_secret: str
    may_exchange: bool = True


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
    Identity(
        name="used-up-secret",
        client_id=_client_id(9),
        client_secret="made-up-client-secret-of-used-up-secret",  # noqa: S106 - likewise
        secret_used_up=True,
    ),
    Identity(
        name="elsewhere",
        client_id=_client_id(10),
        client_secret="made-up-client-secret-of-elsewhere",  # noqa: S106 - likewise
        elsewhere=True,
    ),
)

IDENTITY_BY_CLIENT_ID = MappingProxyType({identity.client_id: identity for identity in IDENTITIES})
SANDBOX_CLIENT_ID = IDENTITIES[0].client_id
SANDBOX_CLIENT_SECRET = IDENTITIES[0].client_secret

PEOPLE = (
    Person(email="ada@example.com", first_name="Ada", last_name="Example", organization_admin=True),
    Person(
        email="ben@example.com",
        first_name="Ben",
        last_name="Example",
        project_roles=MappingProxyType({PAYMENTS_ID: "viewer"}),
    ),
    Person(
        email="cleo@example.com",
        first_name="Cleo",
        last_name="Example",
        project_roles=MappingProxyType({PAYMENTS_ID: "admin"}),
    ),
    Person(email="dora@example.com", first_name="Dora", last_name="Example"),
    Person(email="eli@example.com", first_name="Eli", last_name="Example", organization_admin=True, ttl=60),
)
"""Whoever signs in with another address gets the rights of the first: the sandbox is for trying out."""

STRANGER = "gone@example.com"
"""The e-mail address of somebody whom the organization does not let in."""

UNLUCKY = "unlucky@example.com"
"""The e-mail address of somebody at whose exchange the server fails."""

APPLICATIONS = (
    Application(
        client_id="sandbox-oauth-application",
        client_secret="made-up-client-secret-of-the-oauth-application",  # noqa: S106 - likewise
    ),
    Application(
        client_id="sandbox-oauth-application-without-exchange",
        client_secret="made-up-client-secret-without-exchange",  # noqa: S106 - likewise
        may_exchange=False,
    ),
)

APPLICATION_BY_CLIENT_ID = MappingProxyType(
    {application.client_id: application for application in APPLICATIONS}
)
SANDBOX_OAUTH_CLIENT_ID = APPLICATIONS[0].client_id
SANDBOX_OAUTH_CLIENT_SECRET = APPLICATIONS[0].client_secret


def person_with(email: str, *, name: str = "") -> Person:
    """The person with this e-mail address; one who is not on the list is called `name`."""
    known = next((person for person in PEOPLE if person.email == email.lower()), None)
    if known:
        return known
    first, _, last = (name or email.partition("@")[0]).partition(" ")
    return replace(PEOPLE[0], email=email.lower(), first_name=first, last_name=last)


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
