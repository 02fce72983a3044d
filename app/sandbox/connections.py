"""App Connections as the sandbox's Infisical keeps them: list, look up, create, change, delete."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response

from .answers import NEVER, answer
from .authentication import caller, require
from .reading import current_database, query_text, read_body
from .refusals import bad_request, broken, not_found, not_valid
from .scenarios import Scenario
from .starting_data import ORGANIZATION_ID, Rights
from .store import NameTakenError, StoredConnection, StoredProject, new_hash, timestamp
from .supabase import SUPABASE_CLOUD, call_supabase
from .validation import issues_of_change, issues_of_new_connection

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LONGEST_STORED_DESCRIPTION = 255

routes = Blueprint("app_connections", __name__)


@routes.get("/api/v1/app-connections")
def connections() -> Response:
    """The connections of a project, or without `projectId` the organization's and every project's; of every app."""
    return answer({"appConnections": _listed(app=None)})


@routes.get("/api/v1/app-connections/supabase")
def supabase_connections() -> Response:
    """The same for Supabase alone."""
    return answer({"appConnections": _listed(app="supabase")})


@routes.post("/api/v1/app-connections/supabase")
def create() -> Response:
    """Authenticate, validate the body, project and permission, call Supabase, insert: the recorded order."""
    calling, body = caller(), read_body()
    if issues := issues_of_new_connection(body):
        raise not_valid(issues)
    project = _project_of_body(body)
    require(calling, "create", project)
    scenario = _try_credentials(body["credentials"])
    connection = _new_connection(body, project)
    if scenario is not None:
        return _create_late(connection, scenario)
    _check_storable(connection, error="Create")
    with _taken_is_refused(connection.name):
        current_database().add(connection)
    return _one(connection)


@routes.get("/api/v1/app-connections/<any(github, supabase):app>/<connection_id>")
def connection_by_id(app: str, connection_id: str) -> Response:
    """One connection."""
    return _one(_found(connection_id, app=app, calling=caller(), action="read"))


@routes.get("/api/v1/app-connections/supabase/connection-name/<path:name>")
def connection_by_name(name: str) -> Response:
    """The connection of this name in the project, or without `projectId` in the organization itself."""
    calling = caller()
    project = _project_of_query()
    require(calling, "read", project)
    project_id = project.id if project else None
    for connection in current_database().connections():
        if (connection.app, connection.name, connection.project_id) == ("supabase", name, project_id):
            return _one(connection)
    scope = "project" if project else "organization"
    raise not_found(f"Could not find App Connection with name {name} in {scope} scope.")


@routes.patch("/api/v1/app-connections/supabase/<connection_id>")
def change(connection_id: str) -> Response:
    """Changes name, description, credentials. Where Supabase never answers, nothing is answered and nothing changes."""
    calling, body = caller(), read_body()
    if issues := issues_of_change(body):
        raise not_valid(issues)
    connection = _found(connection_id, app="supabase", calling=calling, action="edit")
    if "credentials" in body and _try_credentials(body["credentials"]) is not None:
        return answer(None, wait=NEVER)
    changed = _changed(connection, body)
    _check_storable(changed, error="Update by id")
    with _taken_is_refused(changed.name):
        current_database().change(changed)
    return _one(changed)


@routes.delete("/api/v1/app-connections/supabase/<connection_id>")
def delete(connection_id: str) -> Response:
    """Deletes a connection and answers with it. An empty body that calls itself JSON is a 500 here as well."""
    calling = caller()
    read_body()
    connection = _found(connection_id, app="supabase", calling=calling, action="delete")
    current_database().remove(connection.id)
    return _one(connection)


def _listed(*, app: str | None) -> list[dict[str, Any]]:
    calling = caller()
    scope = _project_of_query()
    require(calling, "read", scope)
    projects = {project.id: project for project in current_database().projects()}
    return [
        _connection_json(connection, with_project=projects)
        for connection in current_database().connections()
        if app in (None, connection.app) and (scope is None or connection.project_id == scope.id)
    ]


def _project_of_query() -> StoredProject | None:
    """An empty `projectId` counts as none (list-supabase-empty-project)."""
    project_id = query_text("projectId")
    if not project_id:
        return None
    project = current_database().project(project_id)
    if project is None:
        raise not_found(f"Project with {project_id} not found")
    return project


def _project_of_body(body: dict[str, Any]) -> StoredProject | None:
    if "projectId" not in body:
        return None
    project = current_database().project(body["projectId"])
    if project is None:
        raise not_found(f"Project with ID '{body['projectId']}' not found")
    return project


def _found(connection_id: str, *, app: str, calling: Rights, action: str) -> StoredConnection:
    if not _UUID.fullmatch(connection_id):
        raise not_valid(
            [
                {
                    "validation": "uuid",
                    "code": "invalid_string",
                    "message": "Invalid uuid",
                    "path": ["connectionId"],
                }
            ]
        )
    connection = current_database().connection(connection_id)
    if connection is None:
        raise not_found(f"Could not find App Connection with ID {connection_id}")
    project_id = connection.project_id
    require(calling, action, current_database().project(project_id) if project_id else None)
    if connection.app != app:
        raise bad_request(f'App Connection with ID {connection_id} is not for App "{app}"')
    return connection


def _new_connection(body: dict[str, Any], project: StoredProject | None) -> StoredConnection:
    now = timestamp(current_database().now)
    return StoredConnection(
        id=str(uuid.uuid4()),
        name=body["name"].strip(),
        description=_trimmed(body.get("description")),
        app="supabase",
        method="access-token",
        project_id=project.id if project else None,
        created_at=now,
        updated_at=now,
        instance_url=_trimmed(body["credentials"].get("instanceUrl")),
        credentials_hash=new_hash(),
    )


def _changed(connection: StoredConnection, body: dict[str, Any]) -> StoredConnection:
    """New credentials replace the old ones whole: without an instance URL the connection goes back to Supabase Cloud."""
    changed = replace(connection, updated_at=timestamp(current_database().now))
    if "name" in body:
        changed = replace(changed, name=body["name"].strip())
    if "description" in body:
        changed = replace(changed, description=_trimmed(body["description"]))
    if "credentials" in body:
        instance_url = _trimmed(body["credentials"].get("instanceUrl"))
        changed = replace(changed, instance_url=instance_url, credentials_hash=new_hash())
    return changed


def _trimmed(text: str | None) -> str | None:
    return None if text is None else text.strip()


def _try_credentials(credentials: dict[str, Any]) -> Scenario | None:
    return call_supabase(
        instance_url=credentials.get("instanceUrl", SUPABASE_CLOUD).strip(),
        access_token=credentials["accessKey"],
    )


def _create_late(connection: StoredConnection, scenario: Scenario) -> Response:
    if _storable(connection) and scenario.appears_after is not None:
        current_database().add_late(connection, seconds=scenario.appears_after)
    return answer(None, wait=NEVER)


def _storable(connection: StoredConnection) -> bool:
    """The server allows 256 characters and its column holds 255; Postgres holds no NUL (create-desc-256)."""
    description = connection.description or ""
    return len(description) <= _LONGEST_STORED_DESCRIPTION and "\0" not in description


def _check_storable(connection: StoredConnection, *, error: str) -> None:
    if not _storable(connection):
        raise broken(error)


@contextmanager
def _taken_is_refused(name: str) -> Iterator[None]:
    try:
        yield
    except NameTakenError:
        raise bad_request(f'An App Connection with the name "{name}" already exists') from None


def _one(connection: StoredConnection) -> Response:
    return answer({"appConnection": _connection_json(connection)})


def _connection_json(
    connection: StoredConnection, *, with_project: dict[str, StoredProject] | None = None
) -> dict[str, Any]:
    """A connection as it is answered alone, or with its project as a row of a list, keys in the recorded order."""
    row: dict[str, Any] = {
        "id": connection.id,
        "name": connection.name,
        "description": connection.description,
        "version": 2,
        "orgId": ORGANIZATION_ID,
        "createdAt": connection.created_at,
        "updatedAt": connection.updated_at,
        "isPlatformManagedCredentials": False,
        "gatewayId": None,
        "projectId": connection.project_id,
        "isAutoRotationEnabled": False,
        "gatewayPoolId": None,
        "credentialsHash": connection.credentials_hash,
    }
    if with_project is not None:
        row["project"] = _brief(with_project.get(connection.project_id or ""))
    credentials = {"instanceUrl": connection.instance_url} if connection.instance_url is not None else {}
    return row | {"app": connection.app, "method": connection.method, "credentials": credentials}


def _brief(project: StoredProject | None) -> dict[str, str] | None:
    if project is None:
        return None
    return {"name": project.name, "id": project.id, "type": project.type, "slug": project.slug}
