"""Projects and their App Connections as the sandbox's Infisical keeps them: list, look up, create, change, delete."""

import secrets
from collections.abc import Container
from typing import Any

from flask import Response, g, request

from ..connectors.rows import App
from .app import MISSING, NEVER, Issue, answer, read_object, refusal, server, text_issues, type_issues
from .auth import current_caller
from .store import DATA, PROJECTS, Document, current_database, new_connection, timestamp
from .supabase import scenario_by, secret_in, try_credentials


@server.get("/api/v1/projects")
def projects() -> Response:
    """The projects that the caller is a member of, by name."""
    kind = request.args.get("type", "secret-manager")
    mine = [row for id_, row in PROJECTS.items() if current_caller.role_in(id_) and row["type"] == kind]
    return answer({"projects": mine})


@server.get("/api/v1/projects/<project_id>")
def project_by_id(project_id: str) -> Response:
    """One project of which the caller is a member."""
    member_role(project_id)
    return answer({"project": PROJECTS[project_id]})


@server.get("/api/v1/app-connections/options")
def options() -> Response:
    """The apps on offer: 73, of which 62 for a secret-manager project (recorded exchanges options, options-project)."""
    offered = {slug: {"name": app.name, "app": slug, "methods": [app.method]} for slug, app in g.apps.items()}
    offered |= {row["app"]: row for row in DATA["options"]["everywhere"]}
    if request.args.get("projectType") != "secret-manager":
        offered |= {row["app"]: row for row in DATA["options"]["elsewhere"]}
    by_name = sorted(offered.values(), key=lambda row: str(row["name"]).lower())
    return answer({"appConnectionOptions": by_name})


@server.get("/api/v1/app-connections")
@server.get("/api/v1/app-connections/<slug>")
def connections(slug: str | None = None) -> Response:
    """The connections of a project, or without `projectId` the organization's and every project's; of one app or all."""
    project_id = _project_to_read()
    brief = {id_: {key: row[key] for key in ("name", "id", "type", "slug")} for id_, row in PROJECTS.items()}
    listed = [
        document | {"project": brief.get(document["projectId"])}
        for document in current_database.connections()
        if project_id in (None, document["projectId"]) and slug in (None, document["app"])
    ]
    return answer({"appConnections": listed})


@server.post("/api/v1/app-connections/<slug>")
def create(slug: str) -> Response:
    """Validate the body, project and permission, call the app, insert: the recorded order."""
    app = g.apps[slug]
    body = _read_body(app)
    project_id: str | None = body.get("projectId")
    require("create", project_id=project_id)
    appears_after = try_credentials(app, body["credentials"])
    values = {"app": slug, "method": app.method, "projectId": project_id}
    document = new_connection(values | _kept(body, app=app), now=current_database.now)
    _remember(app, document, body)
    if appears_after is None:
        return _stored(document, error="Create")
    if is_storable(document):
        current_database.put_late(document, seconds=appears_after)
    return answer(None, wait=NEVER)


@server.get("/api/v1/app-connections/<slug>/<connection_id>")
def connection_by_id(slug: str, connection_id: str) -> Response:
    return answer({"appConnection": found_connection(connection_id, slug=slug, action="read")})


@server.get("/api/v1/app-connections/<slug>/connection-name/<path:name>")
def connection_by_name(slug: str, name: str) -> Response:
    """The connection of this name in the project, or without `projectId` in the organization itself."""
    project_id = _project_to_read()
    for document in current_database.connections():
        if (document["app"], document["name"], document["projectId"]) == (slug, name, project_id):
            return answer({"appConnection": document})
    scope = "project" if project_id else "organization"
    raise refusal(404, f"Could not find App Connection with name {name} in {scope} scope.")


@server.patch("/api/v1/app-connections/<slug>/<connection_id>")
def change(slug: str, connection_id: str) -> Response:
    """Changes name, description, credentials, which are replaced whole. Where the app never answers, nothing is
    answered and nothing changes."""
    app = g.apps[slug]
    body = _read_body(app, optional=("name", "method", "credentials"))
    document = found_connection(connection_id, slug=slug, action="edit")
    if "credentials" in body:
        if try_credentials(app, body["credentials"]) is not None:
            return answer(None, wait=NEVER)
        document["credentialsHash"] = secrets.token_hex(32)
        _remember(app, document, body)
    document |= _kept(body, app=app) | {"updatedAt": timestamp(current_database.now)}
    return _stored(document, error="Update by id")


@server.delete("/api/v1/app-connections/<slug>/<connection_id>")
def delete(slug: str, connection_id: str) -> Response:
    """Deletes a connection and answers with it. An empty body that calls itself JSON is a 500."""
    if request.is_json:
        read_object()
    document = found_connection(connection_id, slug=slug, action="delete")
    if any(sync["connectionId"] == document["id"] for sync in current_database.connections("sync")):
        remove_first = "Remove all existing connections and try again."
        raise refusal(400, f"Cannot delete App Connection with existing connections. {remove_first}")
    current_database.remove(document["id"])
    return answer({"appConnection": document})


def _remember(app: App, document: Document, body: dict[str, Any]) -> None:
    """Of the token is kept which scenario it chose, for the syncs that use it, and not a letter of its own."""
    scenario = scenario_by(secret_in(app, body["credentials"])[-4:])
    current_database.keep("digits", document["id"], scenario.digits)


def _project_to_read() -> str | None:
    """The project in the query. An empty `projectId` counts as none (list-supabase-empty-project)."""
    project_id = request.args.get("projectId") or None
    if project_id is not None and project_id not in PROJECTS:
        raise refusal(404, f"Project with {project_id} not found")
    require("read", project_id=project_id)
    return project_id


def found_connection(connection_id: str, *, slug: str, action: str) -> Document:
    if issues := text_issues({"connectionId": connection_id}, "connectionId"):
        raise refusal(422, issues)
    document = next((row for row in current_database.connections() if row["id"] == connection_id), None)
    if document is None:
        raise refusal(404, f"Could not find App Connection with ID {connection_id}")
    require(action, project_id=document["projectId"])
    if document["app"] != slug:
        raise refusal(400, f'App Connection with ID {connection_id} is not for App "{slug}"')
    return document


def member_role(project_id: str) -> str:
    """admin or viewer; refuses who is no member, and a project that is not there."""
    if project_id not in PROJECTS:
        raise refusal(404, f"Project with ID '{project_id}' not found")
    role = current_caller.role_in(project_id)
    if role is None:
        raise refusal(
            403,
            f"You are not a member of this project with ID {project_id}. Please assign this identity to the project "
            "with the appropriate permissions, then try again.",
            error="ProjectMembershipNotFound",
        )
    return role


def require(action: str, *, project_id: str | None, subject: str = "app-connections") -> None:
    """Refuses who may not create, read, edit or delete App Connections, or syncs; None is the organization itself."""
    role = current_caller.role_in("") if project_id is None else member_role(project_id)
    if role != "admin":
        right = action if project_id is None or subject == "secret-syncs" else f"{action}-{subject}"
        raise refusal(403, f"You are not allowed to {right} on {subject}", error="PermissionDenied")


def _kept(body: dict[str, Any], *, app: App) -> Document:
    """What a connection keeps of a body, texts trimmed: of the credentials all but the secret."""
    kept: Document = {key: body[key] and body[key].strip() for key in ("name", "description") if key in body}
    if "credentials" in body:
        keys = [field.wire[-1] for field in app.fields if field.wire and field is not app.secret]
        given = body["credentials"]
        kept["credentials"] = {key: given[key].strip() for key in keys if key in given}
    return kept


def is_storable(document: Document) -> bool:
    """The server allows 256 characters and its column holds 255; Postgres holds no NUL (create-desc-256)."""
    description = document["description"] or ""
    return len(description) <= 255 and "\0" not in description


def _stored(document: Document, *, error: str) -> Response:
    """Stores the connection and answers with it; `error` is the recorded name of what the database chokes on."""
    if not is_storable(document):
        raise refusal(500, error=error)
    if not current_database.put(document):
        raise refusal(400, f'An App Connection with the name "{document["name"]}" already exists')
    return answer({"appConnection": document})


def _read_body(app: App, *, optional: Container[str] = ()) -> dict[str, Any]:
    """The body of a create, or of a change, in which name, method and credentials are optional."""
    body = read_object()
    credentials = body.get("credentials", MISSING)
    issues: list[Issue] = []
    if isinstance(credentials, dict):
        for field in app.fields:
            if field.wire:
                rules = field.kind if field.kind in DATA["rules"] else "text"
                but = (MISSING,) if field.optional or field.default else ()
                issues += text_issues(credentials, *field.wire, rules=rules, but=but)
    elif credentials is not MISSING or "credentials" not in optional:
        issues = type_issues(credentials, dict, path=("credentials",))
    # The server reads a body twice, and its method and credentials first (create-empty-object).
    if body.get("method") != app.method and "method" not in optional:
        wrong_method = {"code": "invalid_union_discriminator", "options": [app.method], "path": ["method"]}
        issues = [wrong_method | {"message": f"Invalid discriminator value. Expected '{app.method}'"}]
    issues += text_issues(body, "name", but=(MISSING,) if "name" in optional else ())
    issues += text_issues(body, "description", but=(MISSING, None))
    issues += text_issues(body, "projectId", but=(MISSING,))
    if issues:
        raise refusal(422, issues)
    return body
