"""The secret syncs of an app, and what they take their secrets from: one method per endpoint, as in client.py."""

from collections.abc import Mapping
from typing import Any

from ..core.http import Deadline
from .client import Infisical, read, segment
from .errors import NotFound
from .models import Connectable, Named
from .sync_models import Doubled, Environment, Folder, SecretName, SecretSync, SyncSettings


class SecretSyncs:
    """The secret syncs that write to one app, asked as whoever the client acts for."""

    def __init__(self, infisical: Infisical, app: str) -> None:
        self._infisical = infisical
        self._path = f"/api/v1/secret-syncs/{segment(app)}"
        self._connections = f"/api/v1/app-connections/{segment(app)}"

    def all(self, project_id: str) -> tuple[SecretSync, ...]:
        """Those of a project that the caller may see, by name."""
        answer = self._infisical.call("GET", self._path, params={"projectId": project_id})
        found = read(tuple[SecretSync, ...], answer, "secretSyncs")
        return tuple(sorted(found, key=lambda sync: sync.name.casefold()))

    def one(self, sync_id: str) -> SecretSync:
        """One by its id. NotFound where there is none."""
        return self._sync("GET", sync_id)

    def named(self, name: str, *, project_id: str) -> SecretSync | None:
        """The one of that name in a project, or None. None just after a create without an answer proves nothing."""
        try:
            return self._sync("GET", "sync-name", name, params={"projectId": project_id})
        except NotFound as missing:
            if missing.missing != "sync":
                raise
            return None

    def create(self, settings: SyncSettings, *, project_id: str, deadline: Deadline) -> SecretSync:
        """Creates a sync, which then runs at once if it runs by itself. NoAnswer means that the outcome is unknown."""
        return self._sync(
            "POST", json=lambda: {**settings.to_json(), "projectId": project_id}, deadline=deadline
        )

    def change(self, sync_id: str, body: Mapping[str, Any], *, deadline: Deadline) -> SecretSync:
        """Changes what the body of `SyncSettings.to_json` names; with auto-sync on that starts a run, whatever it is
        (recorded exchange "patch sync: disableSecretDeletion false")."""
        return self._sync("PATCH", sync_id, json=lambda: body, deadline=deadline)

    def run(self, sync_id: str, *, deadline: Deadline) -> SecretSync:
        """Queues a run; asked twice, two. Nothing says that the empty body is JSON, which is answered 500."""
        return self._sync("POST", sync_id, "sync-secrets", deadline=deadline)

    def delete(self, sync_id: str, *, remove_secrets: bool, deadline: Deadline) -> SecretSync:
        """Deletes a sync. With `remove_secrets` it is gone once the names that its folder holds are, some seconds later,
        or stays with `remove_status` failed where the app refuses (recorded exchange "delete sync removeSecrets=true")."""
        params = {"removeSecrets": "true"} if remove_secrets else {}
        return self._sync("DELETE", sync_id, params=params, deadline=deadline)

    def doubled(self, settings: SyncSettings, *, project_id: str, but: str | None = None) -> str | None:
        """The project of the first other sync in the organization that writes to the same place, "" where the caller may
        not know it (from Infisical's source); None without one."""
        body = {"destinationConfig": settings.to_json()["destinationConfig"], "projectId": project_id}
        body |= {"excludeSyncId": but} if but else {}
        answer = self._infisical.call("POST", f"{self._path}/check-destination", json=lambda: body)
        found = read(Doubled, answer)
        return (found.project_id or "") if found.is_doubled else None

    def connections(self, project_id: str) -> tuple[Connectable, ...]:
        """The connections that a sync of the project may use, by name (recorded exchange "available connections").
        PermissionDenied without the right to connect."""
        answer = self._infisical.call(
            "GET", f"{self._connections}/available", params={"projectId": project_id}
        )
        found = read(tuple[Connectable, ...], answer, "appConnections")
        return tuple(sorted(found, key=lambda connection: connection.name.casefold()))

    def projects(self, connection_id: str) -> tuple[tuple[str, str], ...]:
        """Reference and name of each project of the app that a connection reaches. Only a person's token may ask, and a
        connection that no longer works reaches none (recorded exchange "supabase projects of an org-level connection")."""
        answer = self._infisical.call("GET", f"{self._connections}/{segment(connection_id)}/projects")
        found = read(tuple[Named, ...], answer, "projects")
        return tuple((project.id, project.name) for project in found)

    def environments(self, project_id: str) -> tuple[Environment, ...]:
        """The environments of a project with their folders, in the order of the project."""
        answer = self._infisical.call(
            "GET", f"/api/v1/projects/{segment(project_id)}/environment-folder-tree"
        )
        found = read(dict[str, Environment], answer)
        return tuple(sorted(found.values(), key=lambda environment: environment.position))

    def names(self, project_id: str, environment: str, path: str) -> tuple[SecretName, ...]:
        """What a sync takes from a folder, by name: no subfolders, no personal overrides. NotFound for another path."""
        asked = {"projectId": project_id, "environment": environment, "secretPath": path}
        only = {"viewSecretValue": "false", "includeImports": "true"}
        answer = self._infisical.call("GET", "/api/v4/secrets", params={**asked, **only})
        return read(Folder, answer).names(environment)

    def _sync(self, method: str, *path: str, **request: Any) -> SecretSync:
        answer = self._infisical.call(method, "/".join((self._path, *map(segment, path))), **request)
        return read(SecretSync, answer, "secretSync")
