"""Infisical as the sandbox plays it, apart from its connections: status, projects, the organization, the apps on offer."""

import json
from importlib.resources import files

from flask import Blueprint, Response

from .answers import answer
from .authentication import caller, calling_identity, calling_person
from .reading import current_database, query_text
from .refusals import no_member, not_found
from .starting_data import ORGANIZATION_ID, ORGANIZATION_NAME, ORGANIZATION_SLUG
from .store import StoredProject, timestamp

_DASHBOARD = """<!doctype html>
<html lang="en">
  <head>
    <title>Infisical</title>
  </head>
  <body></body>
</html>
"""

routes = Blueprint("infisical", __name__)


@routes.get("/")
def dashboard() -> Response:
    """A web page with status 200, where a client expects JSON (root-html)."""
    return Response(_DASHBOARD, content_type="text/html")


@routes.get("/api/status")
def status() -> Response:
    """Needs no token."""
    return answer(
        {
            "date": timestamp(current_database().now),
            "message": "Ok",
            "emailConfigured": True,
            "inviteOnlySignup": True,
            "redisConfigured": True,
            "secretScanningConfigured": False,
            "auditLogStorageDisabled": False,
            "maxIdentityAccessTokenTTL": 7776000,
        }
    )


@routes.get("/api/v1/identities/details")
def identity_details() -> Response:
    """The organization that the calling machine identity belongs to."""
    calling_identity()
    organization = {"id": ORGANIZATION_ID, "name": ORGANIZATION_NAME, "slug": ORGANIZATION_SLUG}
    return answer({"identityDetails": {"organization": organization}})


@routes.get("/api/v1/user")
def user() -> Response:
    """The person who calls. From Infisical's source; no exchange was recorded."""
    person, now = calling_person(), timestamp(current_database().now)
    known = {"id": person.id, "userId": person.id, "email": person.email, "username": person.email}
    named = {"firstName": person.first_name, "lastName": person.last_name or None}
    rest = {"authMethods": ["oidc"], "superAdmin": False, "isAccepted": True, "isEmailVerified": True}
    return answer({"user": known | named | rest | {"createdAt": now, "updatedAt": now}})


@routes.get("/api/v1/projects")
def projects() -> Response:
    """The projects that the caller is a member of, by name."""
    calling, wanted = caller(), query_text("type")
    return answer(
        {
            "projects": [
                _project_json(project)
                for project in current_database().projects()
                if calling.role_in(project.id) and wanted in (None, project.type)
            ]
        }
    )


@routes.get("/api/v1/projects/<project_id>")
def project_by_id(project_id: str) -> Response:
    """One project of which the caller is a member."""
    calling, project = caller(), current_database().project(project_id)
    if project is None:
        raise not_found(f"Project with ID '{project_id}' not found")
    if calling.role_in(project.id) is None:
        raise no_member(project.id)
    return answer({"project": _project_json(project)})


@routes.get("/api/v1/app-connections/options")
def options() -> Response:
    """The apps on offer: 73, of which 62 for a secret-manager project (recorded exchanges options, options-project)."""
    caller()
    offered = json.loads(files(__package__).joinpath("options.json").read_text("utf-8"))
    names = ["everywhere"] if query_text("projectType") == "secret-manager" else ["everywhere", "elsewhere"]
    apps = [app for name in names for app in offered[name]]
    return answer({"appConnectionOptions": sorted(apps, key=lambda app: str(app["name"]).lower())})


def _project_json(project: StoredProject) -> dict[str, object]:
    environments = [{"name": name, "slug": slug, "id": id_} for name, slug, id_ in project.environments]
    return {
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "type": project.type,
        "defaultProduct": None,
        "slug": project.slug,
        "autoCapitalization": False,
        "orgId": ORGANIZATION_ID,
        "createdAt": project.created_at,
        "updatedAt": project.created_at,
        "version": 3,
        "upgradeStatus": None,
        "pitVersionLimit": 10,
        "kmsCertificateKeyId": None,
        "auditLogsRetentionDays": None,
        "hasDeleteProtection": False,
        "secretSharing": True,
        "showSnapshotsLegacy": False,
        "secretDetectionIgnoreValues": None,
        "enforceEncryptedSecretManagerSecretMetadata": None,
        "_id": project.id,
        "environments": environments,
        "deletedEnvironments": [],
    }
