"""Native integrations, the old way to an app, and the move of each to a secret sync, step by step."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from flask import abort, request, session

from ..connectors.rows import App
from ..core.templating import url_for
from ..core.text import counted, toml_beside
from ..infisical.errors import NotFound
from ..infisical.models import Connectable
from ..infisical.native import NativeIntegrations
from ..infisical.sync_models import NativeIntegration, SecretName, SecretSync
from ..infisical.syncs import SecretSyncs
from .forms import RowForm
from .hooks import blueprint
from .lists import in_a_project
from .plan import result_names
from .redirects import asked_project
from .render import page, see_other
from .scopes import Scope, scope_in_hand
from .services import MOVING, Page, services
from .sync_detail import sign_seen
from .sync_form import either, together
from .sync_list import status_of

ENDS = date(2027, 8, 5)
"""The day on which Infisical ends native integrations (its page "Migrating from Native Integrations")."""

_TEXTS = toml_beside(__file__, "native.toml")
HERE = "/native/<uuid:integration_id>/move"


def time_left(today: date) -> str:
    """How long it is until the end, in words."""
    days = (ENDS - today).days
    if days <= 0:
        return "today" if days == 0 else "ended"
    if days < 62:
        return f"in {counted(days, 'day')}"
    months, over = divmod(days, 365.25 / 12)
    if over > 20:
        return f"in just under {months + 1:.0f} months"
    return f"in {'just over' if over < 8 else 'more than'} {months:.0f} months"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How far the move of an integration is at a moment, by what Infisical tells: the `syncs` of its project, the names in
    its folder, and the other integrations that are on and write to the same project of the app. `off_first` puts the
    switching off before the sync, where the names are to differ."""

    integration: NativeIntegration
    at: datetime
    connections: Sequence[Connectable] = ()
    syncs: Sequence[SecretSync] = ()
    others: Sequence[NativeIntegration] = ()
    names: Sequence[SecretName] | None = None
    off_first: bool = False

    @property
    def takers(self) -> list[SecretSync]:
        """The syncs that take its place, those that write the same names first. Where the integration names no project, it
        has to be the same names: it wrote nowhere, and nothing else tells. One that removes, and writes other names, is none."""
        found = [sync for sync in self.syncs if replaces(self.integration, sync)]
        found.sort(key=lambda sync: not self.writes_the_same(sync))
        return [sync for sync in found if self.writes_the_same(sync) or (self.integration.ref and sync.keeps)]

    @property
    def sync(self) -> SecretSync | None:
        return next(iter(self.takers), None)

    def writes_the_same(self, sync: SecretSync) -> bool:
        """Whether a sync writes the names that the integration writes."""
        names = [name.name for name in self.names or ()] or ["A_NAME"]
        old = replace(sync.settings, key_schema=self.integration.key_schema)
        return result_names(old, names) == result_names(sync.settings, names)

    @property
    def same(self) -> bool:
        return self.sync is not None and self.writes_the_same(self.sync)

    @property
    def running(self) -> bool:
        """Whether a run of the sync is under way. One that began before the switch-off proves nothing after it."""
        return self.sync is not None and self.sync.status in ("pending", "running")

    @property
    def done(self) -> dict[str, bool]:
        """The steps in their order, and which are done. Off, nothing moves the integration's `updated_at`, so that a later
        run of the sync was after the switch-off."""
        sync, active = self.sync, self.integration.active
        ran = sync.last_synced if sync and sync.status == "succeeded" else None
        steps = {
            "connection": bool(self.connections or sync),
            "sync": sync is not None,
            "off": not active,
            "run": bool(not active and ran and ran >= self.integration.updated_at),
            "remove": False,
        }
        early = self.off_first or (not active and sync is None)
        order = ("connection", "off", "sync", "run", "remove") if early else tuple(steps)
        return {name: steps[name] for name in order}

    @property
    def step(self) -> str:
        """The step that is to be done now."""
        return next(name for name, is_done in self.done.items() if not is_done)

    @property
    def doubts(self) -> list[str]:
        """What has to be ticked before the step at hand, by the names of its words."""
        unproven = self.sync is not None and self.sync.status != "succeeded"
        doubts = {
            "others": self.step == "off" and bool(self.others),
            "unproven": self.step == "off" and unproven,
            "orphans": self.step == "remove" and not self.same,
        }
        return [name for name, is_so in doubts.items() if is_so]

    @property
    def may_go_back(self) -> bool:
        return not self.integration.active

    @property
    def back_removes(self) -> bool:
        """Whether going back may remove names that came to the app since the switch-off: the integration was off before
        anybody began to move it, or is off for a day, or others write to the same project."""
        made, off = self.sync.created_at if self.sync else None, self.integration.updated_at
        strangers = [
            one for one in self.syncs if one.ref == self.integration.ref and not self.writes_the_same(one)
        ]
        return made is None or off < made or self.at - off > A_DAY or bool(strangers or self.others)


A_DAY = timedelta(days=1)


def replaces(integration: NativeIntegration, sync: SecretSync) -> bool:
    """Whether the sync takes the integration's place: from the same folder to the same project, wherever that is noted. One
    that is being deleted does not."""
    same_source = (sync.environment_slug, sync.path) == (integration.environment_slug, integration.path)
    goes = sync.remove_status in ("pending", "running")
    return same_source and not goes and (integration.ref or sync.ref) == sync.ref


@blueprint.get("/native")
@in_a_project
def native(scope: Scope) -> Page:
    if scope.project_id is None:
        return see_other(".projects", then="syncs")
    app = syncable_app()
    client, syncs = NativeIntegrations(services().infisical), SecretSyncs(services().infisical, app.slug)
    found, existing, connections = together(
        partial(client.all, scope.key),
        partial(either, (), partial(syncs.all, scope.key)),
        partial(either, (), partial(syncs.connections, scope.key)),
    )
    ours = [one for one in found if one.kind == app.slug]
    sources = {(one.environment_slug, one.path) for one in ours}
    reads = (partial(either, None, partial(syncs.names, scope.key, *source)) for source in sources)
    names = dict(zip(sources, together(*reads), strict=True))
    moves = [
        Move(
            integration=one,
            at=services().clock(),
            connections=connections,
            syncs=existing,
            others=beside(one, ours),
            names=names[one.environment_slug, one.path],
        )
        for one in ours
    ]
    targets = [one.ref for one in ours if one.ref]
    return page(
        "native/list.html",
        scope=scope,
        change_url=url_for(".projects", project=scope.key, then="syncs"),
        app=app,
        moves=moves,
        others=len(found) - len(ours),
        doubled={ref for ref in targets if targets.count(ref) > 1},
        ends=ENDS,
        left=time_left(services().clock().date()),
        deleted=services().unsign(request.args.get("done", ""), purpose="deleted-native"),
    )


def syncable_app() -> App:
    """The app whose native integrations are moved here."""
    return next(app for app in services().apps if app.syncs)


def found_by(integration_id: UUID) -> NativeIntegration:
    client, key = NativeIntegrations(services().infisical), asked_project()
    if key is None:
        found = client.one(str(integration_id))
    else:
        every = [one for one in client.all(key) if one.id == str(integration_id)]
        if not every:
            raise NotFound("", missing="integration")
        (found,) = every
    return found if found.kind == syncable_app().slug else abort(404)


def beside(integration: NativeIntegration, every: Sequence[NativeIntegration]) -> list[NativeIntegration]:
    """The others that are on and write to the same project of the app."""
    same = (one for one in every if (one.kind, one.ref) == (integration.kind, integration.ref) and one.ref)
    return [one for one in same if one.active and one.id != integration.id]


def move_of(integration: NativeIntegration, scope: Scope) -> Move:
    """The move as far as it is now. PermissionDenied where its syncs cannot be seen: a step that was done would be asked
    for again."""
    syncs = SecretSyncs(services().infisical, syncable_app().slug)
    existing, connections, every, names = together(
        partial(syncs.all, scope.key),
        partial(either, (), partial(syncs.connections, scope.key)),
        partial(NativeIntegrations(services().infisical).all, scope.key),
        partial(
            either, None, partial(syncs.names, scope.key, integration.environment_slug, integration.path)
        ),
    )
    return Move(
        integration=integration,
        at=services().clock(),
        connections=connections,
        syncs=existing,
        others=beside(integration, every),
        names=names,
        off_first=request.args.get("first") == "off",
    )


def state_of(there: Move) -> dict[str, Any]:
    """What a page showed of a move, to be held against a later look: the integration, and the sync that takes its place."""
    sync = there.sync and [there.sync.id, asdict(there.sync.settings)]
    here = {"called": there.integration.name, "project": there.integration.project_id, "sync": sync}
    return {**there.integration.state, **here}


@blueprint.get(HERE)
def move(integration_id: UUID) -> Page:
    integration = found_by(integration_id)
    scope = scope_in_hand(integration.project_id)
    session[MOVING] = [integration.id, scope.key]
    return show(move_of(integration, scope), scope)


_NEEDS = {
    "off": (("integrations", "edit", "Edit"), ("secrets", "readValue", "Read Value")),
    "remove": (("integrations", "delete", "Delete"),),
}
"""The rights that a step needs, by subject, action and what Infisical's own pages call that (recorded exchanges "update integration (permissions: …)")."""


def _lacking(there: Move, project_id: str) -> list[str]:
    """The rights that the step at hand needs and that Infisical says are not there. It tells nobody all of them."""
    lacking = []
    for subject, action, word in _NEEDS.get(there.step, ()):
        roles = services().infisical.roles(project_id, subject)
        known = [actions for actions in roles.values() if actions is not None]
        if roles and len(known) == len(roles) and not any(action in actions for actions in known):
            lacking.append(f"“{word}” on {subject}")
    return lacking


def show(
    there: Move, scope: Scope, *, status: int = 200, form: RowForm | None = None, changed: bool = False
) -> Page:
    integration, sync, app = there.integration, there.sync, syncable_app()
    done = services().unsign(request.args.get("done", ""), purpose=f"moved.{integration.id}")
    only = there.connections[0].id if len(there.connections) == 1 else ""
    return page(
        "native/move.html",
        scope=scope,
        status=status,
        app=app,
        move=there,
        integration=integration,
        sync=sync,
        sync_status=status_of(sync) if sync else None,
        steps=[(name, is_done, name == there.step) for name, is_done in there.done.items()],
        texts=_TEXTS,
        lacking=_lacking(there, scope.key),
        form=form,
        changed=changed,
        done=done,
        ends=ENDS,
        refresh=2 if there.running and there.step in ("run", "off") else None,
        seen=sign_seen(integration, state=state_of(there)),
        action=url_for(
            ".move",
            integration_id=integration.id,
            project=scope.key,
            first="off" if there.off_first else None,
        ),
        list_url=url_for(".native", project=scope.key),
        sync_form_url=url_for(
            ".sync_form",
            app=app.slug,
            project=scope.key,
            connection=only,
            environment=integration.environment_slug,
            secret_path=integration.path,
            key_schema=integration.key_schema,
            delete_others="0",
            auto_sync="1" if integration.active or there.off_first else "0",
            **{f"{app.slug}_project": integration.ref, f"{app.slug}_project_name": integration.project_name},
        ),
        connect_url=url_for(".token", app=app.slug, project=scope.key),
    )
