"""The page of a secret sync: its status, live, what a failure means, and the sync as code."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from flask import request
from markupsafe import Markup

from ..connectors.rows import App
from ..core.templating import url_for
from ..infisical.errors import InfisicalError, NotFound
from ..infisical.sync_models import NativeIntegration, SecretSync, SyncSettings
from ..infisical.syncs import SecretSyncs
from .detail import Code, block, curl, hcl, resource
from .fields import WHOLE_NAME
from .hooks import blueprint
from .plan import Finding, culprits
from .render import page, see_gone, see_other
from .scopes import scope_in_hand
from .services import Page, moving_in, services
from .sync_form import values_of
from .sync_list import Status, status_of

STUCK_AFTER = timedelta(minutes=10)
LOOKS_EVERY = 2
"""Seconds, until Infisical must be done: it begins within 10 s, and gives up 60 s later. Then five times as long."""


class Done(NamedTuple):
    """What was just done to a sync, by its operation, when, and how many names the folder then held."""

    action: str
    at: float
    names: int | None = None
    project: str = ""
    name: str = ""


def see_sync(sync: SecretSync, *, done: str, names: int | None = None, at: datetime | None = None) -> Page:
    """A redirect to the page of a sync, which then says what was done to it; nobody else can make it say so."""
    told = Done(done, (at or services().clock()).timestamp(), names, sync.project_id, sync.name)
    app = next(app.slug for app in services().apps if app.syncs)
    signed = services().sign(told, purpose=f"done.{sync.id}")
    return see_other(".sync", app=app, sync_id=sync.id, done=signed)


class Seen(NamedTuple):
    """What a page showed of a sync or an integration, to be held against a later look: its state, when the page was made,
    and when Infisical had last moved it. A run moves that and its status, and its version never changes: none counts."""

    state: dict[str, Any]
    at: float
    moved: str


def sign_seen(one: SecretSync | NativeIntegration, *, state: dict[str, Any] | None = None) -> str:
    """What a page shows of it, its own `state` where none is given: what else belongs to it, or what an earlier page showed
    to whoever is still at it."""
    held = Seen(state or one.state, services().clock().timestamp(), str(one.updated_at))
    return services().sign(held, purpose=f"seen.{one.id}")


def seen_in(text: str, subject_id: Any) -> Seen | None:
    """What `sign_seen` signed for what has this ID; None for anything else."""
    held = services().unsign(text, purpose=f"seen.{subject_id}")
    return Seen(*held) if held else None


def facts_of(settings: SyncSettings, *, environment: str, connection: str) -> list[tuple[str, Any]]:
    """What a sync does, a row each."""
    schema = settings.key_schema or WHOLE_NAME
    prefix = schema.partition("{{")[0]
    source = Markup("{} <code>{}</code>").format(environment, settings.path) if settings.path else "No folder"
    removing = "Nothing"
    if settings.deletes:
        removing = Markup("Names with <code>{}</code> that are not in the folder").format(prefix or schema)
        if schema == WHOLE_NAME:
            removing = Markup("Whatever is not in the folder")
    return [
        ("Name", settings.name),
        ("From", source),
        ("To", Markup("{} <code>{}</code>").format(settings.project_name, settings.ref)),
        ("Connection", connection),
        ("Names", Markup("<code>{}</code>").format(schema)),
        (
            "By itself",
            "When secrets change" if settings.runs_by_itself else "Only when somebody presses Sync now",
        ),
        ("Removing", removing),
    ]


@blueprint.get("/syncs/<connected_app:app>/<uuid:sync_id>")
def sync(app: App, sync_id: UUID) -> Page:
    signed = services().unsign(request.args.get("done", ""), purpose=f"done.{sync_id}")
    done = Done(*signed) if signed else None
    client = SecretSyncs(services().infisical, app.slug)
    try:
        found = client.one(str(sync_id))
    except NotFound:
        if done is None or done.action != "delete":
            raise
        return see_gone(".syncs", done.project, done.name)
    return sync_page(app, found, done=done)


def sync_page(
    app: App, found: SecretSync, *, done: Done | None = None, status: int = 200, **told: Any
) -> Page:
    """The page of a sync as it stands."""
    running, stands = services(), status_of(found)
    scope = scope_in_hand(found.project_id)
    client = SecretSyncs(running.infisical, app.slug)
    at = datetime.fromtimestamp(done.at, running.clock().tzinfo) if done else None
    elapsed = max(int((running.clock() - at).total_seconds()), 0) if at else None
    created = done is not None and done.action == "create"
    busy = stands.name in ("pending", "running", "removing")
    # Five tries are over within two minutes: what seems to run for longer may be changed or deleted.
    stuck = found.updated_at is not None and running.clock() - found.updated_at > STUCK_AFTER
    every = LOOKS_EVERY if (elapsed or 0) < 75 else 5 * LOOKS_EVERY
    finding, names = _why_it_failed(app, client, found) if stands.name == "failed" else (None, None)
    connection_url = url_for(".created", app=app.slug, connection_id=found.connection_id)
    connection = Markup('<a href="{}">{}</a>').format(connection_url, found.connection_name)
    return page(
        "syncs/detail.html",
        scope=scope,
        status=status,
        app=app,
        sync=found,
        sync_status=stands,
        created=created,
        names=names if done is None or done.names is None else done.names,
        stages=_stages(stands, at, created=created) if busy else [],
        elapsed=elapsed,
        refresh=every if busy else None,
        moving=moving_in(scope.key),
        finding=finding,
        infisical_text=found.remove_message if stands.name == "removing-failed" else found.message,
        facts=facts_of(found.settings, environment=found.environment or "", connection=connection)[1:],
        may_act=not busy or stuck,
        done=done,
        as_code=as_code(app, found, base_url=running.infisical.base_url),
        hidden={**values_of(app, found.settings), "step": "review"},
        seen=sign_seen(found),
        **{"refused": "", **told},
    )


def _why_it_failed(app: App, client: SecretSyncs, found: SecretSync) -> tuple[Finding | None, int | None]:
    """What the app refuses of what the folder holds now, computed, for Infisical names the first of a batch; and how many
    names it holds."""
    if app.syncs is None or not found.path or not found.environment_slug:
        return None, None
    try:
        names = client.names(found.project_id, found.environment_slug, found.path)
    except InfisicalError:
        return None, None
    return culprits(app.syncs, app.name, found.settings, names), len(names)


def _stages(stands: Status, at: datetime | None, *, created: bool) -> list[tuple[str, str, datetime | None]]:
    """The way of a run, and how far it is. A time is told where Infisical or this server knows it."""
    first = "Sync created" if created else "Asked for" if at else "Waiting"
    words = [first, "Taken up by Infisical", "Writing to the project", "Synced"]
    if stands.name == "removing":
        words = [first, "Removing the names", "Deleted"]
    now = {"pending": 1, "running": 2, "removing": 1}[stands.name]
    states = ("done" if index < now else "now" if index == now else "later" for index in range(len(words)))
    return [(state, word, at if word == first else None) for word, state in zip(words, states, strict=True)]


def as_code(app: App, found: SecretSync, *, base_url: str) -> tuple[Code, ...]:
    """The same sync as a call, and as a resource of Infisical's Terraform provider (0.16.18)."""
    settings = found.settings
    facts: dict[str, str | bool | None] = {
        "name": settings.name,
        "description": settings.description,
        "project_id": found.project_id,
        "connection_id": settings.connection_id,
        "environment": settings.environment,
        "secret_path": settings.path,
        "auto_sync_enabled": settings.runs_by_itself,
    }
    options = {"initial_sync_behavior": hcl("overwrite-destination")}
    options["disable_secret_deletion"] = str(not settings.deletes).lower()
    if settings.key_schema:
        options["key_schema"] = hcl(settings.key_schema)
    destination = {"project_id": hcl(settings.ref), "project_name": hcl(settings.project_name)}
    blocks = f"\n  destination_config = {block(destination, '    ')}\n\n  sync_options = {block(options, '    ')}\n"
    body = {**settings.to_json(), "projectId": found.project_id}
    return (
        Code.of("as-curl", curl(f"{base_url}/api/v1/secret-syncs/{app.slug}", body, {})),
        Code.of("as-terraform", resource("secret_sync", app, facts, blocks)),
    )
