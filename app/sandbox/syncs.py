"""Secret syncs as the sandbox's Infisical keeps and runs them, and the folders that they take their secrets from."""

import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Response, g, request

from .app import MISSING, Issue, answer, read_object, refusal, server, text_issues, type_issues
from .auth import current_caller
from .connections import found_connection, is_storable, member_role, require
from .store import DATA, PROJECTS, Document, current_database, timestamp
from .supabase import asked_for_secrets, scenario_by

_BEGINS, _SUCCEEDS, _FAILS = 2, 5, 50
"""Seconds after which a run begins, is done, or has failed five times. Those to be removed are gone when it begins."""

_MOST = 100
"""How many secrets Infisical sends to Supabase at once, and how many a project there may have."""


@server.get("/api/v1/projects/<project_id>/environment-folder-tree")
def folder_tree(project_id: str) -> Response:
    member_role(project_id)
    tree = {}
    for position, row in enumerate(PROJECTS[project_id]["environments"], 1):
        base = f"{project_id}/{row['slug']}"
        keys = [key for key in current_database.kept("folder") if key.startswith(f"{base}/")]
        folders = [DATA["folder"] | {"id": id_of(key), "path": key.removeprefix(base)} for key in keys]
        tree[row["slug"]] = DATA["environment"] | row | {"position": position, "folders": folders}
    return answer(tree)


@server.get("/api/v4/secrets")
def secret_names() -> Response:
    """The secrets of a folder and of its imports, none with its value."""
    project_id, environment, path = (request.args[key] for key in ("projectId", "environment", "secretPath"))
    member_role(project_id)
    folder = current_database.kept("folder").get(f"{project_id}/{environment}{path}")
    if folder is None:
        where = f"Folder with path '{path}' in environment '{environment}' was not found."
        sentence = f"{where} Please ensure the environment slug and secret path is correct."
        raise refusal(404, sentence, error="SecretPathNotFound")
    imports = [
        DATA["import"]
        | {"environment": slug, "secretPath": path, "secrets": _rows(folder_names(project_id, slug, path))}
        for slug, path in folder["imports"]
        if request.args.get("includeImports") != "false"
    ]
    return answer({"secrets": _rows(folder["names"], **DATA["own_secret"]), "imports": imports})


def _rows(names: list[str], **more: Any) -> list[Document]:
    return [DATA["secret"] | {"secretKey": name} | more for name in names]


def folder_names(project_id: str, environment: str, path: str) -> list[str]:
    """The names of a folder, and of what it imports at any depth."""
    folder = current_database.kept("folder")[f"{project_id}/{environment}{path}"]
    imported = (name for source in folder["imports"] for name in folder_names(project_id, *source))
    return sorted({*folder["names"], *imported})


def id_of(folder: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"sandbox:{folder}"))


@server.get("/api/v1/app-connections/<slug>/available")
def available(slug: str) -> Response:
    """The connections that a sync may use. Without `projectId` those of the organization, and nobody is refused."""
    project_id = request.args.get("projectId") or None
    if project_id:
        require("connect", project_id=project_id)
    scopes = [id_ for id_ in (project_id, None) if current_caller.role_in(id_ or "") == "admin"]
    rows = [
        {key: row[key] for key in ("app", "name", "id", "projectId", "orgId")}
        for row in current_database.connections()
        if row["app"] == slug and row["projectId"] in scopes
    ]
    return answer({"appConnections": rows})


@server.get("/api/v1/app-connections/<slug>/<connection_id>/projects")
def reached_projects(slug: str, connection_id: str) -> Response:
    """The projects that a connection reaches, none where its token does not work. Only persons may ask."""
    connection = found_connection(connection_id, slug=slug, action="connect")
    works = scenario_by(current_database.kept("digits").get(connection["id"])).status == 200
    reached = [{"name": row["name"], "id": row["id"]} for row in DATA["supabase"]["200"] if works]
    return answer({"projects": reached})


@server.get("/api/v1/secret-syncs/<slug>")
def syncs(slug: str) -> Response:
    """The secret syncs of a project that write to an app; whoever is a member may see them."""
    if issues := text_issues({**request.args}, "projectId"):
        raise refusal(422, issues)
    project_id = request.args["projectId"]
    member_role(project_id)
    return answer({"secretSyncs": [_shown(sync) for sync in _syncs(slug) if sync["projectId"] == project_id]})


@server.post("/api/v1/secret-syncs/<slug>")
def create_sync(slug: str) -> Response:
    """The body first, then project, permission, folder, connection, name, as was recorded; the reference last of all,
    by the run."""
    body = _read_body()
    project_id = body["projectId"]
    if project_id not in PROJECTS:
        raise refusal(404, f"Project with {project_id} not found")
    require("create", project_id=project_id, subject="secret-syncs")
    made = {"id": str(uuid.uuid4()), "projectId": project_id, "createdAt": timestamp(current_database.now)}
    return _stored(DATA["sync"] | made | {"destination": slug, "jobs": []}, body, error="Create")


@server.post("/api/v1/secret-syncs/<slug>/check-destination")
def check_destination(slug: str) -> Response:
    """Whether another sync of the organization has this destination; its project where the caller is a member of it."""
    body = read_object()
    member_role(body["projectId"])
    others = [
        sync["projectId"]
        for sync in _syncs(slug)
        if sync["destinationConfig"]["projectId"] == body["destinationConfig"]["projectId"]
        and sync["id"] != body.get("excludeSyncId")
    ]
    seen = others and current_caller.role_in(others[0])
    return answer({"hasDuplicate": bool(others)} | ({"duplicateProjectId": others[0]} if seen else {}))


@server.get("/api/v1/secret-syncs/<slug>/<sync_id>")
def sync_by_id(slug: str, sync_id: str) -> Response:
    return answer({"secretSync": _shown(_found(sync_id, slug=slug))})


@server.get("/api/v1/secret-syncs/<slug>/sync-name/<path:name>")
def sync_by_name(slug: str, name: str) -> Response:
    """The one of this name in the project. The sentence for none is from Infisical's source; it was not recorded."""
    wanted = (name, request.args["projectId"])
    member_role(wanted[1])
    for sync in _syncs(slug):
        if (sync["name"], sync["projectId"]) == wanted:
            return answer({"secretSync": _shown(sync)})
    raise refusal(404, f'Could not find {g.apps[slug].name} Sync with name "{name}"')


@server.patch("/api/v1/secret-syncs/<slug>/<sync_id>")
def change_sync(slug: str, sync_id: str) -> Response:
    """Changes what the body names; options and destination are replaced whole. Where auto-sync is on that queues a run."""
    body = _read_body(whole=False)
    return _stored(_found(sync_id, slug=slug, action="edit"), body, error="Update by id")


@server.post("/api/v1/secret-syncs/<slug>/<sync_id>/sync-secrets")
def run_sync(slug: str, sync_id: str) -> Response:
    """Queues a run, twice where it is asked twice."""
    if request.is_json:
        read_object()
    return _queued(_idle(_found(sync_id, slug=slug, action="sync-secrets")))


@server.delete("/api/v1/secret-syncs/<slug>/<sync_id>")
def delete_sync(slug: str, sync_id: str) -> Response:
    """Deletes a sync, or with `removeSecrets` queues that its secrets go first."""
    sync = _found(sync_id, slug=slug, action="delete")
    if request.args.get("removeSecrets") == "true":
        return _queued(_idle(sync), removes=True)
    current_database.remove(sync["id"])
    return answer({"secretSync": _shown(sync)})


def _syncs(slug: str) -> list[Document]:
    return [sync for sync in current_database.connections("sync") if sync["destination"] == slug]


def _found(sync_id: str, *, slug: str, action: str = "") -> Document:
    """The sync, where the caller may see it, and with `action` do that."""
    if issues := text_issues({"syncId": sync_id}, "syncId", rules="connectionId"):
        raise refusal(422, issues)
    found = next((sync for sync in _syncs(slug) if sync["id"] == sync_id), None)
    if found is None:
        raise refusal(404, f'Could not find {g.apps[slug].name} Sync with ID "{sync_id}"')
    member_role(found["projectId"])
    if action:
        require(action, project_id=found["projectId"], subject="secret-syncs")
    return found


def _idle(sync: Document) -> Document:
    """A sync that may run: its folder is there, and nothing is at work (both from Infisical's source)."""
    shown = _shown(sync)
    if shown["folder"] is None:
        raise refusal(400, DATA["folder_gone"])
    if "running" in (shown["syncStatus"], shown["removeStatus"]):
        raise refusal(400, "A job for this sync is already in progress. Please try again shortly.")
    return sync


def _shown(sync: Document) -> Document:
    """A sync as it is answered: with its connection's name, without a folder that is gone, and what it is doing."""
    used = next(row for row in current_database.connections() if row["id"] == sync["connectionId"])
    shown = sync | {"connection": {key: used[key] for key in ("app", "name", "id")}}
    if sync["folderId"] not in map(id_of, current_database.kept("folder")):
        shown |= {"folderId": None, "folder": None, "environment": None}
    for removes, since in reversed(shown.pop("jobs")):
        begun = current_database.now.timestamp() > since + _BEGINS * g.pace
        shown["removeStatus" if removes else "syncStatus"] = "running" if begun else "pending"
    return shown


def _queued(sync: Document, *, removes: bool = False) -> Response:
    sync["updatedAt"] = timestamp(current_database.now)
    sync["jobs"].append([removes, current_database.now.timestamp()])
    current_database.put(sync, "sync")
    return answer({"secretSync": _shown(sync)})


def _stored(sync: Document, body: dict[str, Any], *, error: str) -> Response:
    project_id = sync["projectId"]
    if body.keys() & {"environment", "secretPath"}:
        _place(sync, body)
    if "connectionId" in body:
        connection = found_connection(body["connectionId"], slug=sync["destination"], action="connect")
        if connection["projectId"] not in (None, project_id):
            there = f'from project with ID "{connection["projectId"]}" to project with ID "{project_id}"'
            raise refusal(
                400, f'You cannot connect project App Connection with ID "{connection["id"]}" {there}'
            )
    kept = ("name", "description", "connectionId", "isAutoSyncEnabled", "syncOptions", "destinationConfig")
    sync |= {key: body[key] for key in kept if key in body} | {"updatedAt": timestamp(current_database.now)}
    if not is_storable(sync):
        raise refusal(500, error=error)
    if not current_database.put(sync, "sync"):
        where = f'for the project with ID "{project_id}"'
        raise refusal(400, f'A Secret Sync with the name "{sync["name"]}" already exists {where}')
    shown = _shown(sync)
    runs = sync["isAutoSyncEnabled"] and shown["folder"]
    return _queued(sync) if runs else answer({"secretSync": shown})


def _place(sync: Document, body: dict[str, Any]) -> None:
    """Takes the sync's secrets from another folder. Of what is not in the body the sentence says "undefined"."""
    slug = body.get("environment") or sync["environment"]["slug"]
    path = f"/{body['secretPath'].strip('/')}" if "secretPath" in body else sync["folder"]["path"]
    key = f"{sync['projectId']}/{slug}{path}"
    if key not in current_database.kept("folder"):
        path, slug = (body.get(name, "undefined") for name in ("secretPath", "environment"))
        where = f'in environment "{slug}" for project with ID "{sync["projectId"]}"'
        raise refusal(400, f'Could not find folder with path "{path}" {where}')
    environments = {row["slug"]: row for row in PROJECTS[sync["projectId"]]["environments"]}
    folder = {"id": id_of(key), "path": path}
    sync |= {"folderId": folder["id"], "folder": folder, "environment": environments[slug]}


def _read_body(*, whole: bool = True) -> dict[str, Any]:
    """The body of a create, or of a change, in which each part may be missing."""
    body, issues = read_object(), list[Issue]()
    for path, kind, rules in DATA["sync_body"]:
        holder = body.get(path[0]) if path[1:] else body
        value = holder.get(path[-1], MISSING) if isinstance(holder, dict) else None
        left_out = value in (None, MISSING) and (kind.endswith("?") or not (path[1:] or whole))
        if left_out or not isinstance(holder, dict):
            continue
        if kind == "literal":
            wrong = {"code": "invalid_literal", "expected": rules, "path": path}
            wrong |= {"message": f'Invalid literal value, expected "{rules}"'}
            issues += [] if value == rules else [wrong]
        elif kind.startswith("str"):
            issues += text_issues(holder, *path, rules=rules)
        else:
            issues += type_issues(value, dict if kind == "dict" else bool, path=path)
    if issues:
        raise refusal(422, issues)
    return {key: value.strip() if isinstance(value, str) else value for key, value in body.items()}


@server.before_request
def settle() -> None:
    """What is done by now, for nothing works here between two requests. Whoever changes a sync is alone meanwhile."""
    changes = request.path.startswith("/api/v1/secret-syncs") and request.method != "GET"
    if changes or any(sync["jobs"] for sync in current_database.connections("sync")):
        current_database.lock()
    for sync in current_database.connections("sync"):
        while sync["jobs"] and _first_job_ends(sync):
            pass


def _first_job_ends(sync: Document) -> bool:
    """Whether its time has come; its effect is then stored, and the next one begins."""
    removes, since = sync["jobs"][0]
    names, fault = _result(sync, removes=removes)
    at = since + (_BEGINS if removes else _FAILS if fault else _SUCCEEDS) * g.pace
    if current_database.now.timestamp() < at:
        return False
    current_database.keep("app", sync["destinationConfig"]["projectId"], names)
    if removes and not fault:
        sync["jobs"] = []
        current_database.remove(sync["id"])
        return True
    word, when = "Remove" if removes else "Sync", timestamp(datetime.fromtimestamp(at, UTC))
    sync |= {f"last{word}JobId": str(uuid.uuid4()), f"last{word}Message": fault, "updatedAt": when}
    sync |= (
        {f"{word.lower()}Status": "failed"} if fault else {"syncStatus": "succeeded", "lastSyncedAt": when}
    )
    sync["jobs"] = [[job, max(queued, at)] for job, queued in sync["jobs"][1:]]
    current_database.put(sync, "sync")
    return True


def _result(sync: Document, *, removes: bool) -> tuple[list[str] | None, str | None]:
    """The names of Supabase's project after a job, None for no project, and what it refused, in Infisical's spelling."""
    scenario = scenario_by(current_database.kept("digits").get(sync["connectionId"]))
    ref, slug = sync["destinationConfig"]["projectId"], sync["environment"]["slug"]
    options = sync["syncOptions"]
    status, body = asked_for_secrets(scenario, ref)
    if status != 200:
        return current_database.kept("app").get(ref), json.dumps(body, separators=(",", ":"))
    schema = (options.get("keySchema") or "{{secretKey}}").replace("{{environment}}", slug)
    names = folder_names(sync["projectId"], slug, sync["folder"]["path"])
    there, written = {*body}, [schema.replace("{{secretKey}}", name) for name in names]
    if removes:
        return sorted(there - {*written}), None
    for first in range(0, len(written), _MOST):
        batch = written[first : first + _MOST]
        if why := why_not_written(batch, there):
            refused = {"secretKey": batch[0], "error": {"message": why}}
            return sorted(there), json.dumps(refused, separators=(",", ":"))
        there |= {*batch}
    if not options.get("disableSecretDeletion"):
        start, *_, end = schema.split("{{secretKey}}")
        stays = {*written, *DATA["spared"]}
        # As Infisical's source has it: what matches holds no slash where the schema has one.
        taken = re.compile(f"{re.escape(start)}{'[^/]*' if '/' in start + end else '.*'}{re.escape(end)}")
        there = {name for name in there if name in stays or not taken.fullmatch(name)}
    return sorted(there), None


def why_not_written(batch: list[str], there: set[str]) -> str:
    """Why Supabase refuses these names beside those that are there, "" where it does not."""
    own = [name for name in batch if name.startswith("SUPABASE_")]
    many = sum(not name.startswith("SUPABASE_") for name in there | {*batch})
    if not own and many <= _MOST:
        return ""
    # The first sentence was recorded of a stand-in for Supabase, the second is made up.
    return (
        f"Env name cannot start with SUPABASE_, skipping: {own[0]}" if own else f"{many} secrets are too many"
    )
