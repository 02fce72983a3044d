"""Where a connection belongs: one project, or the organization, and which of them is in hand."""

from dataclasses import dataclass, replace

from ..infisical import Deadline, Infisical, InfisicalError, Project

ORGANIZATION = "organization"
"""Stands in URLs and in the form where a project's id would stand."""

ORGANIZATION_NAME = "Organization (every project)"


@dataclass(frozen=True, slots=True)
class Scope:
    """A project, or with `project_id` None the organization. `key` is what stands in URLs."""

    key: str
    name: str
    project_id: str | None
    organization_id: str | None

    @property
    def is_organization(self) -> bool:
        return self.project_id is None

    def of_organization(self, organization_id: str) -> "Scope":
        """The same scope knowing its organization's id."""
        return replace(self, organization_id=organization_id)

    @property
    def phrase(self) -> str:
        """The scope inside a sentence: "the project Webshop"."""
        return "the organization" if self.is_organization else f"the project {self.name}"


def project_scope(project: Project) -> Scope:
    return Scope(
        key=project.id, name=project.name, project_id=project.id, organization_id=project.organization_id
    )


def organization_scope(organization_id: str | None = None) -> Scope:
    return Scope(key=ORGANIZATION, name=ORGANIZATION_NAME, project_id=None, organization_id=organization_id)


def project_id_of(key: str) -> str | None:
    """The project id that stands for `key` on the wire: none for the organization."""
    return None if key == ORGANIZATION else key


def scope_named(key: str, infisical: Infisical, *, deadline: Deadline | None = None) -> Scope:
    """The scope that `key` stands for. Asks Infisical for the project's name; NotFound or NotAMember without one."""
    return (
        organization_scope()
        if key == ORGANIZATION
        else project_scope(infisical.project(key, deadline=deadline))
    )


def with_organization_id(scope: Scope, infisical: Infisical) -> Scope:
    """The same scope knowing its organization's id, where Infisical tells it: it does not tell people's tokens."""
    if scope.organization_id is not None:
        return scope
    try:
        return organization_scope(infisical.organization().id)
    except InfisicalError:
        return scope
