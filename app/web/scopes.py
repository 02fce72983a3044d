"""Where a connection belongs: one project, or the organization, and which of them is in hand."""

import re
from dataclasses import dataclass, replace
from urllib.parse import quote

from flask import g, session

from ..core.http import Deadline
from ..infisical.errors import NotAMember, NotFound
from ..infisical.models import Project
from .services import ORGANIZATION, services

ORGANIZATION_NAME = "Organization (every project)"

_REMEMBERED = "connect.project"


@dataclass(frozen=True, slots=True)
class Scope:
    """A project, or with `project_id` None the organization. `key` is what stands in URLs."""

    key: str
    name: str
    project_id: str | None
    organization_id: str | None

    @property
    def phrase(self) -> str:
        """The scope inside a sentence: "the project Webshop"."""
        return "the organization" if self.project_id is None else f"the project {self.name}"

    def of_organization(self, organization_id: str) -> "Scope":
        """The same scope knowing its organization's id, where it did not."""
        return self if self.organization_id else replace(self, organization_id=organization_id)

    @property
    def dashboard_url(self) -> str | None:
        """Its App Connections in Infisical's dashboard. None in the sandbox, which has no dashboard. The project's
        address is the one a running Infisical uses, the organization's is that of its frontend's routes."""
        if services().sandbox_info:
            return None
        host = services().infisical.base_url
        if self.organization_id is None:
            return host
        organization = f"{host}/organizations/{quote(self.organization_id, safe='')}"
        if self.project_id is None:
            return f"{organization}/app-connections"
        project = f"{organization}/projects/secret-management/{quote(self.project_id, safe='')}"
        return f"{project}/integrations?selectedTab=app-connections"


def project_scope(project: Project) -> Scope:
    return Scope(project.id, project.name, project_id=project.id, organization_id=project.organization_id)


def project_id_of(key: str) -> str | None:
    """The project's ID that stands in a URL, None for the organization. NotFound, unasked, for what can be none: IDs of
    Infisical's are UUIDs, and were 24 hex digits before."""
    if key != ORGANIZATION and not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", key):
        raise NotFound("", missing="project")
    return None if key == ORGANIZATION else key


def scope_in_hand(key: str, *, deadline: Deadline | None = None) -> Scope:
    """The scope that a URL names. Asks Infisical for a project's name; NotFound or NotAMember without one. It is
    remembered once Infisical has shown it to us."""
    if (project_id := project_id_of(key)) is None:
        scope = Scope(ORGANIZATION, ORGANIZATION_NAME, project_id=None, organization_id=None)
    else:
        try:
            scope = project_scope(services().infisical.project(project_id, deadline=deadline))
        except (NotAMember, NotFound):
            session.pop(_REMEMBERED, None)
            raise
    if session.get(_REMEMBERED) != scope.key:
        session[_REMEMBERED] = scope.key
    g.connect_scope = scope
    return scope


def remembered_project() -> str | None:
    """The project in hand when none is named: the one last opened, else the one the settings preselect."""
    known = session.get(_REMEMBERED)
    return known if isinstance(known, str) else services().settings.project_id


def usual_project() -> str | None:
    """The one in hand, else the first by name that Infisical shows us; None where there is none."""
    return remembered_project() or next((one.id for one in services().infisical.projects()), None)
