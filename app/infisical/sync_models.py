"""What travels of secret syncs and native integrations, both ways: with models.py the only files that know the wire names."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, AliasPath, BeforeValidator, Field

from ..core.text import one_line
from .models import Answer, Id, Moment, Named


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncSettings:
    """What a secret sync is told to do: where it reads, with which connection it writes where, and how. `environment` is
    a slug, "" once the folder is gone; `ref` names the app's project; with `deletes` whatever matches `key_schema` and is
    not in the folder goes there; `runs_by_itself` after each change of the folder."""

    name: str
    description: str = ""
    environment: str
    path: str
    connection_id: str
    ref: str
    project_name: str
    key_schema: str = ""
    deletes: bool = False
    runs_by_itself: bool = True

    def to_json(self, before: "SyncSettings | None" = None) -> dict[str, Any]:
        """The body of `POST /api/v1/secret-syncs/<app>` but for its project; with what was `before` that of a PATCH, which
        has no more than differs. Infisical takes options and destination as wholes (recorded exchange "patch sync:
        syncOptions without initialSyncBehavior"), and a new environment with its path alone."""
        options: dict[str, Any] = {
            "initialSyncBehavior": "overwrite-destination",
            "disableSecretDeletion": not self.deletes,
        }
        if self.key_schema:
            options["keySchema"] = self.key_schema
        body: dict[str, Any] = {
            "name": self.name,
            "description": self.description or None,
            "connectionId": self.connection_id,
            "environment": self.environment,
            "secretPath": self.path,
            "syncOptions": options,
            "destinationConfig": {"projectId": self.ref, "projectName": self.project_name},
            "isAutoSyncEnabled": self.runs_by_itself,
        }
        if before is None:
            return {key: value for key, value in body.items() if value is not None}
        there = before.to_json() | {"description": before.description or None}
        changed = {key: value for key, value in body.items() if value != there.get(key)}
        if changed.keys() & {"environment", "secretPath"}:
            changed |= {"environment": self.environment, "secretPath": self.path}
        return changed


class SecretSync(Named):
    """A secret sync as Infisical has it. Environment and path are None once the folder is gone, `status` is None while
    nothing ran, and a run that fails does not move `last_synced` (recorded exchanges "list syncs of destination", "get
    sync whose folder is gone", "get sync after failure"). `remove_status` is that of its deletion with its secrets."""

    description: str | None = None
    project_id: Id = Field(alias="projectId")
    connection_id: Id = Field(alias="connectionId")
    connection_name: str = Field(validation_alias=AliasPath("connection", "name"), default="")
    created_at: Moment | None = Field(alias="createdAt", default=None)
    updated_at: Moment | None = Field(alias="updatedAt", default=None)
    environment: str | None = Field(validation_alias=AliasPath("environment", "name"), default=None)
    environment_slug: str | None = Field(validation_alias=AliasPath("environment", "slug"), default=None)
    path: str | None = Field(validation_alias=AliasPath("folder", "path"), default=None)
    ref: str = Field(validation_alias=AliasPath("destinationConfig", "projectId"))
    project_name: str = Field(validation_alias=AliasPath("destinationConfig", "projectName"), default="")
    key_schema: str | None = Field(validation_alias=AliasPath("syncOptions", "keySchema"), default=None)
    keeps: bool = Field(validation_alias=AliasPath("syncOptions", "disableSecretDeletion"), default=False)
    status: str | None = Field(alias="syncStatus", default=None)
    message: str | None = Field(alias="lastSyncMessage", default=None)
    last_synced: Moment | None = Field(alias="lastSyncedAt", default=None)
    remove_status: str | None = Field(alias="removeStatus", default=None)
    remove_message: str | None = Field(alias="lastRemoveMessage", default=None)
    runs_by_itself: bool = Field(alias="isAutoSyncEnabled", default=True)

    @property
    def settings(self) -> SyncSettings:
        return SyncSettings(
            name=self.name,
            description=(self.description or "").strip().replace("\r\n", "\n"),
            environment=self.environment_slug or "",
            path=self.path or "",
            connection_id=self.connection_id,
            ref=self.ref,
            project_name=self.project_name,
            key_schema=self.key_schema or "",
            deletes=not self.keeps,
            runs_by_itself=self.runs_by_itself,
        )

    @property
    def state(self) -> dict[str, Any]:
        """What two people compare: all that somebody may change, and nothing that a run moves."""
        return asdict(self.settings)

    @property
    def reason(self) -> str:
        """Why the removal of its secrets failed, else the last run, in the words of whoever refused it, which Infisical
        keeps as JSON (recorded exchanges "get sync after failure"); "" where neither did."""
        told: Any = (self.remove_status == "failed" and self.remove_message) or ""
        told = told or (self.status == "failed" and self.message) or ""
        with suppress(ValueError, RecursionError):
            told = json.loads(told)
        while isinstance(told, dict):
            told = told.get("error", told.get("message"))
        return one_line(told, longest=200)


class Doubled(Answer):
    """Whether another sync of the organization writes to the same place, and of which project it is."""

    is_doubled: bool = Field(alias="hasDuplicate")
    project_id: str | None = Field(alias="duplicateProjectId", default=None)


_Path = Annotated[str, BeforeValidator(lambda row: row.get("path") if isinstance(row, dict) else row)]


class Environment(Answer):
    """An environment of a project with the paths of its folders, the root first, which is always there."""

    slug: str
    name: str
    position: float = 0
    folders: Annotated[
        tuple[_Path, ...],
        AfterValidator(lambda paths: tuple(sorted({"/", *paths}, key=lambda path: path.split("/")))),
    ] = ("/",)


class SecretName(NamedTuple):
    """The name of a secret in Infisical. `origin` is the folder that it is imported from, "" for one of the folder's own."""

    name: str
    origin: str = ""


class _Secret(Answer):
    name: str = Field(alias="secretKey")


class _Imported(Answer):
    environment: str = ""
    path: str = Field(alias="secretPath", default="/")
    secrets: tuple[_Secret, ...] = ()


class Folder(Answer):
    """What a folder and its imports hold, names alone: no value and no comment is read. Imports come flattened, a
    shadowed name in both (recorded exchange "names at /app with includeImports=true")."""

    secrets: tuple[_Secret, ...] = ()
    imports: tuple[_Imported, ...] = ()

    def names(self, environment: str) -> tuple[SecretName, ...]:
        """Each name once, as a sync takes it: the folder's own wins, then the import that stands last."""
        found = {
            secret.name: f"{one.path}"
            if one.environment in ("", environment)
            else f"{one.environment} {one.path}"
            for one in self.imports
            for secret in one.secrets
        }
        found |= {secret.name: "" for secret in self.secrets}
        return tuple(SecretName(name, origin) for name, origin in sorted(found.items()))


Given = Annotated[str, BeforeValidator(lambda text: text or "")]


class NativeIntegration(Answer):
    """A native integration of any `kind`, by its wire name such as "supabase". Infisical does not tell its project, which
    the client adds. `ref` is None where none was noted. `synced` is None while nothing ran, and a run that fails does not
    move `last_used` (recorded exchange "get integration after its failed sync (60.7 s after creation: 5 attempts)")."""

    id: Id
    kind: str = Field(alias="integration")
    project_id: str = ""
    authorization_id: Id = Field(alias="integrationAuthId")
    active: bool = Field(alias="isActive")
    environment: str = Field(validation_alias=AliasPath("environment", "name"))
    environment_slug: str = Field(validation_alias=AliasPath("environment", "slug"))
    path: str = Field(alias="secretPath")
    ref: str | None = Field(alias="appId", default=None)
    project_name: Given = Field(alias="app", default="")
    prefix: Given = Field(validation_alias=AliasPath("metadata", "secretPrefix"), default="")
    suffix: Given = Field(validation_alias=AliasPath("metadata", "secretSuffix"), default="")
    last_used: Moment | None = Field(alias="lastUsed", default=None)
    synced: bool | None = Field(alias="isSynced", default=None)
    message: Given = Field(alias="syncMessage", default="")
    created_at: Moment = Field(alias="createdAt")
    updated_at: Moment = Field(alias="updatedAt")

    @property
    def key_schema(self) -> str:
        """The key schema of a sync that writes the same names, "" where they are as they are in Infisical."""
        return f"{self.prefix}{{{{secretKey}}}}{self.suffix}" if self.prefix or self.suffix else ""

    @property
    def name(self) -> str:
        """What people know it by, and type to remove it: "Production / to shop"."""
        return f"{self.environment} {self.path} to {self.project_name or self.ref or 'a project that is not noted'}"

    @property
    def state(self) -> dict[str, Any]:
        """What two people compare: all that somebody may change, and nothing that a run moves."""
        kept = {"active", "environment_slug", "path", "ref", "project_name", "prefix", "suffix"}
        return self.model_dump(include=kept)

    def to_json(self, *, active: bool) -> dict[str, Any]:
        """The body of a PATCH that switches it on or off. What is left out stays, and metadata is added to, but a path
        that is left out becomes "/" (recorded exchange "update integration: isActive false WITHOUT secretPath
        (secretPath falls back to /)"). Where it reads and writes is sent too: what runs is then what was seen."""
        names = {"secretPrefix": self.prefix, "secretSuffix": self.suffix}
        given = {"appId": self.ref, "metadata": {key: text for key, text in names.items() if text}}
        source = {"environment": self.environment_slug, "secretPath": self.path}
        return {"isActive": active, **source, **{key: value for key, value in given.items() if value}}


class Authorization(Answer):
    """What native integrations of a project get their credential from. Infisical never sends that back."""

    project_id: Id = Field(alias="projectId")
