"""Who is in the sandbox of the tests beside those of the product, and the calls that only `infisical-connect check` makes."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Response, request

from app.sandbox import create_sandbox
from app.sandbox.app import answer, read_object, refusal, server
from app.sandbox.auth import oauth_refusal
from app.sandbox.connections import member_role
from app.sandbox.store import ADA, APPLICATION, DATA, IDENTITY, PROJECTS, Caller, current_database
from app.sandbox.syncs import id_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = [
    "APPLICATIONS", "IDENTITIES", "PAYMENTS_ID", "PEOPLE", "WEBSHOP_ID", "identity_named", "peopled_sandbox"
]  # fmt: skip

PAYMENTS_ID, WEBSHOP_ID = PROJECTS


def _identity(number: int, name: str, **more: Any) -> Caller:
    return Caller(
        kind="identity",
        name=name,
        client_id=f"5a4db0c5-0000-4000-8000-{number:012d}",
        client_secret=f"made-up-client-secret-of-{name}",
        **more,
    )


def _person(email: str, *, ttl: int = 60 * 60, **more: Any) -> Caller:
    return Caller(kind="person", email=email, ttl=ttl, **more)


IDENTITIES = (
    IDENTITY,
    _identity(2, "wizard-lowpriv", role_in={PAYMENTS_ID: "viewer"}.get),
    _identity(3, "project-only-admin", role_in={PAYMENTS_ID: "admin"}.get),
    _identity(4, "no-project", role_in={}.get),
    _identity(5, "short-ttl", role_in={}.get, ttl=5, max_ttl=10),
    _identity(
        7,
        "expired-secret",
        refused=lambda: refusal(401, "Access denied due to expired client secret"),
    ),
    _identity(8, "lockout", role_in={}.get),
    _identity(
        9,
        "used-up-secret",
        refused=lambda: refusal(401, "Access denied due to client secret usage limit reached"),
    ),
    # From Infisical's source; it was not recorded.
    _identity(
        10,
        "elsewhere",
        refused=lambda: refusal(
            403,
            "You are not allowed to access this resource from the current IP address",
            error="ForbiddenError",
        ),
    ),
    # Roles of a project's own: all that can be done with integrations but no secret, and secrets but no integration.
    _identity(11, "integrations-only", role_in={PAYMENTS_ID: "read edit delete"}.get),
    _identity(12, "secrets-only", role_in={PAYMENTS_ID: "readValue"}.get),
)

PEOPLE = (
    ADA,
    _person("ben@example.com", name="Ben Example", role_in={PAYMENTS_ID: "viewer"}.get),
    _person("cleo@example.com", name="Cleo Example", role_in={PAYMENTS_ID: "admin"}.get),
    _person("dora@example.com", name="Dora Example", role_in={}.get),
    _person("eli@example.com", name="Eli Example", ttl=60),
    _person(
        "gone@example.com",
        name="Gone Example",
        refused=lambda: oauth_refusal("The subject token names nobody in this organization"),
    ),
    _person(
        "unlucky@example.com",
        name="Unlucky Example",
        refused=lambda: oauth_refusal("The exchange failed, try again", error="server_error", status=500),
    ),
)

APPLICATIONS = (
    APPLICATION,
    Caller(
        kind="application",
        name="Without the exchange",
        client_id="sandbox-oauth-application-without-exchange",
        client_secret="made-up-client-secret-without-exchange",
        refused=lambda: oauth_refusal("It may not exchange tokens", error="unauthorized_client"),
    ),
)


def peopled_sandbox(database: Path, *, clock: Callable[[], datetime]) -> "WSGIApplication":
    """The sandbox with all of them."""
    return create_sandbox(database, clock=clock, callers=(*IDENTITIES, *PEOPLE, *APPLICATIONS))


def identity_named(name: str) -> Caller:
    return next(identity for identity in IDENTITIES if identity.name == name)


def _folder_of(body: dict[str, Any]) -> str:
    return f"{body['projectId']}/{body['environment']}{body.get('path') or body['secretPath']}"


@server.post("/api/v2/folders")
def create_folder() -> Response:
    body = read_object()
    member_role(body["projectId"])
    key = f"{_folder_of(body).rstrip('/')}/{body['name']}"
    current_database.keep("folder", key, {"names": [], "imports": []})
    return answer({"folder": DATA["folder"] | {"id": id_of(key), "name": body["name"]}})


@server.delete("/api/v2/folders/<id_>")
def delete_folder(id_: str) -> Response:
    """The syncs that take their secrets from it stay, without a source."""
    member_role(read_object()["projectId"])
    for key in current_database.kept("folder"):
        if id_of(key) == id_:
            current_database.keep("folder", key, None)
    return answer({"folder": DATA["folder"] | {"id": id_}})


@server.route("/api/v4/secrets/<name>", methods=["POST", "DELETE"])
def change_secret(name: str) -> Response:
    """Puts a name into a folder, or takes it out. Nothing runs because of it, where Infisical's auto-sync would."""
    body = read_object()
    member_role(body["projectId"])
    folder = current_database.kept("folder")[_folder_of(body)]
    others = [other for other in folder["names"] if other != name]
    names = [*others, name] if request.method == "POST" else others
    current_database.keep("folder", _folder_of(body), folder | {"names": names})
    return answer({"secret": {"secretKey": name}})


@server.get("/api/v1/projects/<project_id>/memberships/identities/<_>")
def membership(project_id: str, _: str) -> Response:
    """The caller's own role in a project, from Infisical's documentation, as what a role allows is."""
    return answer({"identityMembership": {"roles": [{"role": member_role(project_id)}]}})


@server.get("/api/v1/projects/<project_id>/roles/slug/<role>")
def role_by_slug(project_id: str, role: str) -> Response:
    member_role(project_id)
    rights = {
        "app-connections": [f"{action}-app-connections" for action in ("create", "read", "connect")],
        "integrations": ["read", "edit", "delete"],
        "secrets": ["describeSecret", "readValue"],
    }
    permissions = [
        {"subject": subject, "action": actions if role == "admin" else []}
        for subject, actions in rights.items()
    ]
    return answer({"role": {"slug": role, "permissions": permissions}})
