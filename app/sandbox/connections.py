"""App Connections as the sandbox's Infisical keeps them: list, look up, create, change, delete."""

import re
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import NotFound

from ..connectors import App
from .answers import DATA, MISSING, NEVER, PROJECTS, Issue, answer, read_object, refusal, type_issues
from .auth import Caller, caller, no_member
from .store import Document, NameTakenError, current_database, new_connection, new_hash, timestamp
from .supabase import try_credentials

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LONGEST_STORED_DESCRIPTION = 255

routes = Blueprint("app_connections", __name__)


@routes.before_request
def authenticate() -> None:
    """Who calls is asked before anything else; the paths of apps that are not registered are no routes."""
    slug = (request.view_args or {}).get("slug")
    if slug is not None and slug not in g.apps:
        raise NotFound
    g.calling = caller(Caller)


@routes.get("/api/v1/app-connections")
def connections() -> Response:
    """The connections of a project, or without `projectId` the organization's and every project's; of every app."""
    return answer({"appConnections": _listed()})


@routes.get("/api/v1/app-connections/<slug>")
def connections_of_app(slug: str) -> Response:
    """The same for one app alone."""
    return answer({"appConnections": [row for row in _listed() if row["app"] == slug]})


@routes.post("/api/v1/app-connections/<slug>")
def create(slug: str) -> Response:
    """Validate the body, project and permission, call the app, insert: the recorded order."""
    app, body = g.apps[slug], read_object()
    if issues := _issues_of_new(body, app=app):
        raise refusal(422, issues)
    project_id: str | None = body.get("projectId")
    if project_id is not None and project_id not in PROJECTS:
        raise refusal(404, f"Project with ID '{project_id}' not found")
    _require("create", project_id=project_id)
    scenario = try_credentials(app, body["credentials"])
    values = {"app": app.slug, "method": app.method, "projectId": project_id}
    document = new_connection(values | _kept(body, app=app), now=current_database().now)
    if scenario is None:
        return _stored(document, error="Create")
    if _is_storable(document) and scenario.appears_after is not None:
        current_database().put_late(document, seconds=scenario.appears_after)
    return answer(None, wait=NEVER)


@routes.get("/api/v1/app-connections/<slug>/<connection_id>")
def connection_by_id(slug: str, connection_id: str) -> Response:
    """One connection."""
    return answer({"appConnection": _found(connection_id, slug=slug, action="read")})


@routes.get("/api/v1/app-connections/<slug>/connection-name/<path:name>")
def connection_by_name(slug: str, name: str) -> Response:
    """The connection of this name in the project, or without `projectId` in the organization itself."""
    project_id = _project_of_query()
    _require("read", project_id=project_id)
    for document in current_database().connections():
        if (document["app"], document["name"], document["projectId"]) == (slug, name, project_id):
            return answer({"appConnection": document})
    scope = "project" if project_id else "organization"
    raise refusal(404, f"Could not find App Connection with name {name} in {scope} scope.")


@routes.patch("/api/v1/app-connections/<slug>/<connection_id>")
def change(slug: str, connection_id: str) -> Response:
    """Changes name, description, credentials, which are replaced whole. Where the app never answers, nothing is
    answered and nothing changes."""
    app, body = g.apps[slug], read_object()
    if issues := _issues_of_change(body, app=app):
        raise refusal(422, issues)
    document = _found(connection_id, slug=slug, action="edit")
    if "credentials" in body:
        if try_credentials(app, body["credentials"]) is not None:
            return answer(None, wait=NEVER)
        document["credentialsHash"] = new_hash()
    document |= _kept(body, app=app) | {"updatedAt": timestamp(current_database().now)}
    return _stored(document, error="Update by id")


@routes.delete("/api/v1/app-connections/<slug>/<connection_id>")
def delete(slug: str, connection_id: str) -> Response:
    """Deletes a connection and answers with it. An empty body that calls itself JSON is a 500."""
    if request.is_json:
        read_object()
    document = _found(connection_id, slug=slug, action="delete")
    current_database().remove(document["id"])
    return answer({"appConnection": document})


def _listed() -> list[Document]:
    project_id = _project_of_query()
    _require("read", project_id=project_id)
    brief = {
        id_: {key: project[key] for key in ("name", "id", "type", "slug")}
        for id_, project in PROJECTS.items()
    }
    return [
        document | {"project": brief.get(document["projectId"])}
        for document in current_database().connections()
        if project_id in (None, document["projectId"])
    ]


def _project_of_query() -> str | None:
    """An empty `projectId` counts as none (list-supabase-empty-project)."""
    project_id = request.args.get("projectId") or None
    if project_id is not None and project_id not in PROJECTS:
        raise refusal(404, f"Project with {project_id} not found")
    return project_id


def _found(connection_id: str, *, slug: str, action: str) -> Document:
    if not _UUID.fullmatch(connection_id):
        issue = {"validation": "uuid", "code": "invalid_string", "message": "Invalid uuid"}
        raise refusal(422, [issue | {"path": ["connectionId"]}])
    document = current_database().connection(connection_id)
    if document is None:
        raise refusal(404, f"Could not find App Connection with ID {connection_id}")
    _require(action, project_id=document["projectId"])
    if document["app"] != slug:
        raise refusal(400, f'App Connection with ID {connection_id} is not for App "{slug}"')
    return document


def _require(action: str, *, project_id: str | None) -> None:
    """Refuses who may not create, read, edit or delete App Connections; None is the organization itself."""
    calling: Caller = g.calling
    role = calling.role_in(project_id or "")
    if project_id is not None and role is None:
        raise no_member(project_id)
    if role != "admin":
        right = action if project_id is None else f"{action}-app-connections"
        raise refusal(403, f"You are not allowed to {right} on app-connections", error="PermissionDenied")


def _kept(body: dict[str, Any], *, app: App) -> Document:
    """What a connection keeps of a body, texts trimmed: of the credentials all but the secret."""
    kept: Document = {key: body[key] and body[key].strip() for key in ("name", "description") if key in body}
    if "credentials" in body:
        keys = [field.wire[-1] for field in app.fields if field.wire and field is not app.secret]
        given = body["credentials"]
        kept["credentials"] = {key: given[key].strip() for key in keys if key in given}
    return kept


def _is_storable(document: Document) -> bool:
    """The server allows 256 characters and its column holds 255; Postgres holds no NUL (create-desc-256)."""
    description = document["description"] or ""
    return len(description) <= _LONGEST_STORED_DESCRIPTION and "\0" not in description


def _stored(document: Document, *, error: str) -> Response:
    """Stores the connection and answers with it; `error` is the recorded name of what the database chokes on."""
    if not _is_storable(document):
        raise refusal(500, error=error)
    try:
        current_database().put(document)
    except NameTakenError:
        message = f'An App Connection with the name "{document["name"]}" already exists'
        raise refusal(400, message) from None
    return answer({"appConnection": document})


def _issues_of_new(body: dict[str, Any], *, app: App) -> list[Issue]:
    """The issues of a create's body. The server reads it twice, its credentials first (create-empty-object)."""
    issues = _credentials_issues(body, app=app)
    if body.get("method") != app.method:
        wrong_method = {"code": "invalid_union_discriminator", "options": [app.method], "path": ["method"]}
        issues = [wrong_method | {"message": f"Invalid discriminator value. Expected '{app.method}'"}]
    issues += _text_issues(body, "name", rules="name")
    issues += _text_issues(body, "description", rules="description", but=(MISSING, None))
    return issues + _text_issues(body, "projectId", rules="projectId", but=(MISSING,))


def _issues_of_change(body: dict[str, Any], *, app: App) -> list[Issue]:
    """The issues of a PATCH's body, in which everything may be left out."""
    issues = _credentials_issues(body, app=app) if "credentials" in body else []
    issues += _text_issues(body, "name", rules="name", but=(MISSING,))
    return issues + _text_issues(body, "description", rules="description", but=(MISSING, None))


def _credentials_issues(body: dict[str, Any], *, app: App) -> list[Issue]:
    credentials, path = body.get("credentials", MISSING), ("credentials",)
    if not isinstance(credentials, dict):
        return type_issues(credentials, dict, path=path)
    issues: list[Issue] = []
    for field in app.fields:
        if field.wire:
            rules = field.kind if field.kind in DATA["rules"] else "text"
            but = (MISSING,) if field.optional or field.default else ()
            issues += _text_issues(credentials, field.wire[-1], rules=rules, but=but, path=path)
    return issues


def _text_issues(
    body: dict[str, Any], key: str, *, rules: str, but: tuple[object, ...] = (), path: tuple[str, ...] = ()
) -> list[Issue]:
    """What is wrong with a text, which is trimmed first as Infisical does; `but` are values that are fine too."""
    value, here = body.get(key, MISSING), (*path, key)
    if value in but:
        return []
    if not isinstance(value, str):
        return type_issues(value, str, path=here)
    # JavaScript counts UTF-16 units, so that most emoji count twice. The recorded sentence calls accessKey "Access Key".
    text = re.sub("[\U00010000-\U0010ffff]", "xx", value.strip())
    words = re.sub("(?=[A-Z])", " ", key).title()
    return [
        issue | {"path": list(here), "message": issue["message"].format(key=words)}
        for pattern, issue in DATA["rules"][rules]
        if not re.fullmatch(pattern, text)
    ]
