"""Native integrations as the sandbox's Infisical keeps and runs them: what one of them does not know, it deletes."""

import json

from flask import Response, g, request

from .app import answer, read_object, refusal, server
from .connections import member_role
from .store import DATA, PROJECTS, Document, current_database, timestamp
from .supabase import asked_for_secrets, scenario_by
from .syncs import folder_names, why_not_written

_EVERY, _AFTER_A_CHANGE = 300, 5
"""Seconds from one run to the next, where Infisical runs one whenever its folder changes; and from a change of one until
those of its folder that are on have run."""

_RIGHTS = {"admin": "read edit delete readValue", "viewer": "read"}
"""What a role may do; any other one is called by its rights."""


@server.get("/api/v1/projects/<project_id>/integrations")
def integrations(project_id: str) -> Response:
    """Those of a project, of every kind."""
    if project_id not in PROJECTS:
        raise refusal(404, f"Project with {project_id} not found")
    _require("read", project_id)
    every = current_database.kept("integration").items()
    here = [_shown(id_, one) for id_, one in every if one["projectId"] == project_id]
    return answer({"integrations": here})


@server.get("/api/v1/integration/<id_>")
def integration_by_id(id_: str) -> Response:
    return answer({"integration": _shown(id_, _found(id_, "read"))})


@server.get("/api/v1/integration-auth/<id_>")
def authorization(id_: str) -> Response:
    """What integrations get their token from, without it."""
    for one in current_database.kept("integration").values():
        if one["integrationAuthId"] == id_:
            _require("read", one["projectId"])
            made = {"id": id_, "projectId": one["projectId"], "integration": one["integration"]}
            return answer({"integrationAuth": DATA["authorization"] | made})
    raise refusal(404, f"Integration auth with ID '{id_}' not found")


@server.patch("/api/v1/integration/<id_>")
def change_integration(id_: str) -> Response:
    """Changes what the body names; without a path that becomes "/". Those of its folder that are on then run."""
    one = _found(id_, "edit")
    body = {"environment": one["environment"]["slug"], "secretPath": "/"} | read_object()
    _require("readValue", one["projectId"], subject="secrets")
    slug, path = body.pop("environment"), "/" + body["secretPath"].strip("/")
    if f"{one['projectId']}/{slug}{path}" not in current_database.kept("folder"):
        raise refusal(404, f"Folder with path '{path}' not found in environment with slug '{slug}'")
    environments = PROJECTS[one["projectId"]]["environments"]
    one["environment"] = next(row for row in environments if row["slug"] == slug)
    metadata = one["metadata"] | body.get("metadata", {})
    one |= body | {"secretPath": path, "metadata": metadata, "updatedAt": timestamp(current_database.now)}
    soon = current_database.now.timestamp() + _AFTER_A_CHANGE * g.pace
    for other_id, other in (current_database.kept("integration") | {id_: one}).items():
        if _folder_of(other) == _folder_of(one):
            current_database.keep("integration", other_id, other | {"due": soon})
    return answer({"integration": _shown(id_, one)})


@server.delete("/api/v1/integration/<id_>")
def delete_integration(id_: str) -> Response:
    """Deletes one, and answers without its environment. What it wrote stays in Supabase."""
    if request.is_json:
        read_object()
    one = _found(id_, "delete")
    current_database.keep("integration", id_, None)
    shown = _shown(id_, one)
    del shown["environment"]
    return answer({"integration": shown})


@server.before_request
def run_what_is_due() -> None:
    """Runs those that are on and whose time has come, each once, and after the syncs, whose names they then delete."""
    if _due() or (request.path.startswith("/api/v1/integration") and request.method != "GET"):
        current_database.lock()
    for id_, one in _due():
        current_database.keep("integration", id_, one | _run(one))


def _due() -> list[tuple[str, Document]]:
    every, folders = (current_database.kept(kind) for kind in ("integration", "folder"))
    now = current_database.now.timestamp()
    on = ((id_, one) for id_, one in every.items() if one["isActive"] and one["integration"] == "supabase")
    return [(id_, one) for id_, one in on if one["due"] <= now and _folder_of(one) in folders]


def _run(one: Document) -> Document:
    """Writes what its folder and that folder's imports hold, all at once, then deletes all else that is there but four of
    Supabase's own (from Infisical's source; a failed run alone was recorded). Returns what that changes."""
    status, body = asked_for_secrets(scenario_by(None), one["appId"])
    prefix, suffix = (one["metadata"].get(key, "") for key in ("secretPrefix", "secretSuffix"))
    fault = "" if status == 200 else json.dumps(body, separators=(",", ":"))
    if not fault:
        place = one["projectId"], one["environment"]["slug"], one["secretPath"]
        written = [f"{prefix}{name}{suffix}" for name in folder_names(*place)]
        fault = why_not_written(written, {*body})
        after = {*written} | ({*DATA["spared"]} & {*body})
        current_database.keep("app", one["appId"], body if fault else sorted(after))
    when = timestamp(current_database.now)
    told = {"isSynced": not fault, "syncMessage": fault, "updatedAt": when}
    due = current_database.now.timestamp() + _EVERY
    return told | {"due": due} | ({} if fault else {"lastUsed": when})


def _folder_of(one: Document) -> str:
    return f"{one['projectId']}/{one['environment']['slug']}{one['secretPath']}"


def _found(id_: str, action: str) -> Document:
    """The integration, where the caller may do that with it."""
    one: Document | None = current_database.kept("integration").get(id_)
    if one is None:
        raise refusal(404, f"Integration with ID '{id_}' not found")
    _require(action, one["projectId"])
    return one


def _require(action: str, project_id: str, *, subject: str = "integrations") -> None:
    role = member_role(project_id)
    if action not in _RIGHTS.get(role, role).split():
        raise refusal(403, f"You are not allowed to {action} on {subject}", error="PermissionDenied")


def _shown(id_: str, one: Document) -> Document:
    shown = DATA["integration"] | one | {"id": id_, "envId": one["environment"]["id"]}
    return {key: value for key, value in shown.items() if key not in ("projectId", "due")}
