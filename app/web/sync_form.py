"""The form of a secret sync: what it chooses from, what was typed, and the plan of what the sync would do."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from werkzeug.datastructures import MultiDict

from ..connectors import Destination
from ..connectors.rows import App, Message
from ..core.templating import url_for
from ..infisical.errors import InfisicalError, NotAMember, NotFound, PermissionDenied
from ..infisical.models import Connectable, Connection
from ..infisical.native import NativeIntegrations
from ..infisical.sync_models import Environment, NativeIntegration, SecretName, SecretSync, SyncSettings
from ..infisical.syncs import SecretSyncs
from .fields import LONGEST_SYNC_NAME, WHOLE_NAME, expiry_in, expiry_of, free_name, slug_of, sync_fields
from .forms import Operation, RowForm, there
from .handover import seen_projects
from .plan import Other, Plan, plan_of, result_names
from .redirects import carried_values
from .scopes import Scope
from .services import has_own_rights, services

MOST_OTHERS = 10
"""Syncs to the same project of the app whose names are read."""


def together(*calls: Callable[[], Any]) -> list[Any]:
    """What the calls return, asked at the same time. Raises what the first of them raises."""
    asked = [services().threads.submit(copy_context().run, call) for call in calls]
    return [one.result() for one in asked]


def either(instead: Any, call: Callable[[], Any]) -> Any:
    """What the call returns, or something instead where this caller may not ask it."""
    with suppress(PermissionDenied, NotAMember, NotFound):
        return call()
    return instead


class SyncForm(RowForm):
    """The form of an operation on a sync of a project to an app, a new one or the `sync` that is there.

    `load` reads what it chooses from: environments with their folders, connections, the project's syncs, the connection
    that is chosen and the app's `projects` that it is known to reach, as reference, name and state; and the `names` in
    the folder. `seen` is what the app was seen to hold, `seen_at` when.
    """

    environments: tuple[Environment, ...] = ()
    connections: tuple[Connectable, ...] = ()
    syncs: tuple[SecretSync, ...] = ()
    connection: Connection | None = None
    projects: tuple[tuple[str, str, str], ...] = ()
    natives: tuple[NativeIntegration, ...] = ()
    names: tuple[SecretName, ...] | None = None
    others: tuple[Other, ...] = ()
    seen: Destination | None = None
    seen_at: datetime | None = None

    def __init__(
        self,
        operation: Operation,
        app: App,
        scope: Scope,
        posted: MultiDict[str, str] | None = None,
        *,
        typed: Mapping[str, str] | None = None,
        sync: SecretSync | None = None,
        handed_over: str = "",
    ) -> None:
        self.operation, self.scope, self.sync = operation, scope, sync
        self.handed_over = carried_values({"projects": handed_over}).get("projects", "")
        self.project_id = scope.key
        standing = values_of(app, sync.settings) if sync else {}
        super().__init__(app, sync_fields(app), posted, data={**standing, **(typed or {})})
        self.client = SecretSyncs(services().infisical, app.slug)
        self.project, self.project_name = self[f"{app.slug}_project"], self[f"{app.slug}_project_name"]

    def about(self, made: SecretSync | None = None) -> dict[str, Any]:
        return {"sync": made or self.sync or self.settings, "project": self.scope.key}

    @property
    def places(self) -> dict[str, str]:
        """What the address of the form says without anything typed."""
        place = {"sync_id": self.sync.id} if self.sync else {"project": self.scope.key}
        return {"app": self.app.slug, **place}

    @property
    def address(self) -> dict[str, str]:
        """What an address says so that the form can be filled in again."""
        typed = self.typed
        return {**self.places, "connection": typed.pop("connection_id", ""), **typed}

    @property
    def action(self) -> str:
        """Where the form posts to."""
        changes = ".sync_edit" if self.operation.name == "change" else ".sync"
        return url_for(changes if self.sync else ".sync_form", **self.places)

    @property
    def change_url(self) -> str:
        """Back from the review to the form, with all of it."""
        return url_for(".sync_edit" if self.sync else ".sync_form", **self.address, projects=self.handed_over)

    @property
    def cancel_url(self) -> str:
        return url_for(".sync", **self.places) if self.sync else url_for(".syncs", project=self.scope.key)

    @property
    def guarded(self) -> bool:
        """Whether it starts a run that may remove something, or makes a sync: then nothing is sent before a review."""
        return self.sync is None or (self["delete_others"].data and self.runs)

    @property
    def runs(self) -> bool:
        """Whether it starts a run."""
        return bool(self.operation.starts_run or self["auto_sync"].data)

    @property
    def named(self) -> dict[str, str]:
        """What environment and connection are called."""
        connection = next((one.name for one in self.connections if one.id == self["connection_id"].value), "")
        return {"environment": self.environment.name if self.environment else "", "connection": connection}

    def load(self) -> None:
        """Reads what the form chooses from, and what the chosen folder holds. What nobody chose yet is the first
        environment, the only connection, the only project that is reached and active, and a name that is free."""
        project_id, client = self.scope.key, self.client
        self.environments, self.connections, self.syncs = together(
            partial(client.environments, project_id),
            partial(client.connections, project_id),
            partial(client.all, project_id),
        )
        self._default("environment", [one.slug for one in self.environments[:1]])
        self._default("connection_id", [one.id for one in self.connections])
        names = self.read_names if self.folder_is_there else lambda: None
        connection = partial(services().infisical.connection, self.app.slug, self["connection_id"].value)
        self.connection, self.projects, self.names = together(
            partial(either, None, connection if self.connection_is_there else lambda: None),
            self._reached,
            partial(either, None, names),
        )
        self._default(self.project.name, [ref for ref, _, state in self.projects if not state])
        for ref, name, _ in self.projects:
            if ref == self.project.value:
                self.project_name.data = name
        if not self["name"].value:
            self["name"].data = self.suggested_name

    @property
    def connection_is_there(self) -> bool:
        return self["connection_id"].value in {one.id for one in self.connections}

    def _default(self, name: str, choices: Sequence[str]) -> None:
        """Chooses what there is one of. Of several projects none, for a wrong one is overwritten."""
        field = self[name]
        if not field.value and len(choices) == 1:
            field.data = choices[0]

    def _reached(self) -> tuple[tuple[str, str, str], ...]:
        """The app's projects that the connection reaches, where Infisical tells or its token was just seen to."""
        chosen = self["connection_id"].value
        known: tuple[tuple[str, str, str], ...] = seen_projects(self.handed_over, chosen)
        if known:
            return known
        with suppress(InfisicalError):
            if self.connection_is_there and has_own_rights():
                return tuple((ref, name, "") for ref, name in self.client.projects(chosen))
        return ()

    def read_names(self) -> tuple[SecretName, ...]:
        """What the folder holds. PermissionDenied where nobody may look."""
        return self.client.names(self.scope.key, self["environment"].value, self["secret_path"].value)

    @property
    def environment(self) -> Environment | None:
        return next((one for one in self.environments if one.slug == self["environment"].value), None)

    @property
    def folder_is_there(self) -> bool:
        return self.environment is not None and self["secret_path"].value in self.environment.folders

    @property
    def suggested_name(self) -> str:
        """A free name made of source and destination."""
        path, to = self["secret_path"].value.replace("/", "-"), self.project_name.value or self.app.slug
        name = slug_of(f"{self['environment'].value}{path}-to-{to}", longest=LONGEST_SYNC_NAME - 5)
        taken = {sync.name for sync in self.syncs if self.sync is None or sync.id != self.sync.id}
        return name if name not in taken else free_name(name, taken)

    def check(self) -> bool:
        """Whether all is in order, once `load` has read what there is to choose from."""
        self.check_rows(self.rows)
        absent = {
            "environment": self.environment is None,
            "secret_path": self.environment is not None and not self.folder_is_there,
            "connection_id": not self.connection_is_there,
        }
        for name, is_absent in absent.items():
            field = self[name]
            if is_absent and not field.messages:
                field.add_error(
                    Message("error", f"There is no such {field.word} here.", "Choose one of the list.")
                )
        if not self.project_name.value:
            self.project_name.data = self.project.value
        return not self.messages("error")

    @property
    def settings(self) -> SyncSettings:
        """What the sync shall be told."""
        values = self.values
        schema = values["key_schema"]
        return SyncSettings(
            name=values["name"],
            description=values["description"],
            environment=values["environment"],
            path=values["secret_path"],
            connection_id=values["connection_id"],
            ref=self.project.value,
            project_name=self.project_name.value,
            key_schema="" if schema == WHOLE_NAME else schema,
            deletes=values["delete_others"] == "1",
            runs_by_itself=values["auto_sync"] == "1",
        )

    def plan(self, *, no_doubles: bool = False) -> Plan:
        """What a run would do with these settings, as far as Infisical and what was seen at the app tell; `no_doubles`
        where the organization was seen to forbid another sync to the same project."""
        settings, rules = self.settings, there(self.app.syncs)
        day = expiry_in(self.connection.description) if self.connection else None
        self.others = self._others(settings)
        reached = {sync.ref for sync in self.syncs} | {one.ref for one in self.natives}
        reached |= {ref for ref, _, _ in self.projects}
        return plan_of(
            rules,
            self.app.name,
            settings,
            names=self.names or (),
            seen=self.seen,
            others=self.others,
            expires=expiry_of(day, today=services().clock().date()) if day else None,
            known_project=self.seen is not None or settings.ref in reached,
            no_doubles=no_doubles,
        )

    def _others(self, settings: SyncSettings) -> tuple[Other, ...]:
        """The other syncs that write to the same project of the app, with their names where one of them deletes."""
        own = self.sync.id if self.sync else None
        here = [sync for sync in self.syncs if sync.ref == settings.ref and sync.id != own]
        unseen: tuple[Other, ...] = ()
        elsewhere, natives = together(
            partial(self.client.doubled, settings, project_id=self.scope.key, but=own), self._natives
        )
        self.natives = natives or ()
        if elsewhere is not None and elsewhere != self.scope.key:
            syncs = either((), partial(self.client.all, elsewhere)) if elsewhere else ()
            found = [sync for sync in syncs if sync.ref == settings.ref]
            here, unseen = here + found, () if found else (Other(name=""),)
        if natives is None:
            unseen += (Other(name="", native=True),)
        matter = settings.deletes or any(not sync.keeps for sync in here)
        reads = (
            partial(self._other, sync, reads=matter and at < MOST_OTHERS) for at, sync in enumerate(here)
        )
        old = [
            one
            for one in self.natives
            if (one.kind, one.ref, one.active) == (self.app.slug, settings.ref, True)
        ]
        return (*together(*reads, *(partial(self._other, one) for one in old)), *unseen)

    def _natives(self) -> tuple[NativeIntegration, ...] | None:
        """The native integrations of the project, none where Infisical knows of none; None where nobody may look."""
        try:
            return NativeIntegrations(services().infisical).all(self.scope.key)
        except (PermissionDenied, NotAMember):
            return None
        except InfisicalError:
            return ()

    def writers(self) -> dict[str, tuple[str, ...]]:
        """Each name in the app that another sync writes to the same project, with those syncs."""
        found: dict[str, tuple[str, ...]] = {}
        for other in self._others(replace(self.settings, deletes=True)):
            for result in result_names(other, other.names or ()).values():
                found[result] = (*found.get(result, ()), other.name)
        return found

    def _other(self, one: SecretSync | NativeIntegration, *, reads: bool = True) -> Other:
        source = (one.project_id, one.environment_slug or "", one.path or "")
        found = either(None, partial(self.client.names, *source)) if reads and one.path else None
        if isinstance(one, SecretSync):
            deletes, href = not one.keeps, url_for(".sync", app=self.app.slug, sync_id=one.id)
        else:
            deletes = True
            href = url_for(".move", integration_id=one.id, project=one.project_id, first="off")
        return Other(
            name=one.name,
            deletes=deletes,
            key_schema=one.key_schema or "",
            environment=one.environment_slug or "",
            names=None if found is None else tuple(name.name for name in found),
            href=href,
            native=isinstance(one, NativeIntegration),
        )


def values_of(app: App, settings: SyncSettings) -> dict[str, str]:
    """What stands in the fields of the form for these settings."""
    return {
        "name": settings.name,
        "description": settings.description,
        "environment": settings.environment,
        "secret_path": settings.path,
        "connection_id": settings.connection_id,
        f"{app.slug}_project": settings.ref,
        f"{app.slug}_project_name": settings.project_name,
        "key_schema": settings.key_schema or WHOLE_NAME,
        "delete_others": "1" if settings.deletes else "0",
        "auto_sync": "1" if settings.runs_by_itself else "0",
    }
