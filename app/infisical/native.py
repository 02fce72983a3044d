"""Native integrations, which Infisical retires on 5 August 2027: one method per endpoint, as in client.py."""

from typing import Any

from ..core.http import Deadline
from . import sync_models
from .client import Infisical, read, segment

_PATH = "/api/v1/integration"


class NativeIntegrations:
    """The native integrations, asked as whoever the client acts for. What they get their credential from is never
    deleted: others that use it would silently go too (recorded exchange "list integrations after the auth was deleted
    (all gone)")."""

    def __init__(self, infisical: Infisical) -> None:
        self._infisical = infisical

    def all(self, project_id: str) -> tuple[sync_models.NativeIntegration, ...]:
        """Those of a project, of every kind, by environment and path."""
        answer = self._infisical.call("GET", f"/api/v1/projects/{segment(project_id)}/integrations")
        found = read(tuple[sync_models.NativeIntegration, ...], answer, "integrations")
        here = (one.model_copy(update={"project_id": project_id}) for one in found)
        return tuple(sorted(here, key=lambda one: (one.environment.casefold(), one.path.split("/"))))

    def one(self, integration_id: str) -> sync_models.NativeIntegration:
        """One by its id, a UUID; any other is answered 500. NotFound where there is none. Two calls, for its project
        stands at its authorization alone."""
        found = self._read("GET", integration_id)
        answer = self._infisical.call("GET", f"{_PATH}-auth/{segment(found.authorization_id)}")
        project_id = read(sync_models.Authorization, answer, "integrationAuth").project_id
        return found.model_copy(update={"project_id": project_id})

    def switch(
        self, integration: sync_models.NativeIntegration, *, on: bool, deadline: Deadline
    ) -> sync_models.NativeIntegration:
        """Switches one on or off, all else as it was seen. Either way those of its folder that are on run at once (from
        Infisical's source). NotFound also where its folder is gone."""
        body = integration.to_json(active=on)
        switched = self._read("PATCH", integration.id, json=lambda: body, deadline=deadline)
        return switched.model_copy(update={"project_id": integration.project_id})

    def delete(self, integration_id: str, *, deadline: Deadline) -> None:
        """Deletes one; what it wrote stays. Nothing says that the empty body is JSON, which is answered 500 (recorded
        exchange "delete integration, JSON content-type with an empty body")."""
        self._infisical.call("DELETE", f"{_PATH}/{segment(integration_id)}", deadline=deadline)

    def _read(self, method: str, integration_id: str, **request: Any) -> sync_models.NativeIntegration:
        answer = self._infisical.call(method, f"{_PATH}/{segment(integration_id)}", **request)
        return read(sync_models.NativeIntegration, answer, "integration")
