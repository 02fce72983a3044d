"""The secret syncs of a project, and how a sync stands in words."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import request
from markupsafe import Markup

from ..connectors.rows import App
from ..core.templating import ago, url_for
from ..core.text import toml_beside
from ..infisical.sync_models import SecretSync
from ..infisical.syncs import SecretSyncs
from .hooks import blueprint
from .lists import Sorts, asked_of, in_a_project, matches, natives_in, page_of
from .render import page, see_other
from .scopes import Scope
from .services import Page, services

_WORDS: Mapping[str, Mapping[str, Any]] = toml_beside(__file__, "sync_list.toml")
_UNDER_WAY = ("pending", "running")


class Status(NamedTuple):
    """How a sync stands. `name` is for programs; `when` has the time of the last run that wrote all, where Infisical tells
    it, `reason` is one line; `attention` says that it stays so until somebody does something."""

    name: str
    word: str
    icon: str = "info"
    colour: str = "muted"
    when: str = ""
    reason: str = ""
    attention: bool = False


def status_of(sync: SecretSync, *, listed: bool = False) -> Status:
    """What its last run came to, or the removal of its secrets: not-run, pending, running, succeeded, failed, removing,
    removing-failed, or what Infisical says beside these. As `listed` it is folder-gone above all else, and paused where
    no run is under way or has failed."""
    name = sync.status or "not-run"
    if sync.remove_status in _UNDER_WAY:
        name = "removing"
    elif sync.remove_status == "failed" and name not in _UNDER_WAY:
        name = "removing-failed"
    if listed and not sync.path:
        name = "folder-gone"
    elif listed and not sync.runs_by_itself and name in ("not-run", "succeeded"):
        name = "paused"
    reason = sync.reason if name.endswith("failed") else ""
    words: dict[str, Any] = {"word": name.capitalize(), "reason": reason, **_WORDS.get(name, {})}
    if "{}" in (when := words.get("when", "")):
        at = sync.last_synced
        words["when"] = Markup(when).format(ago(at, services().clock())) if at else ""  # noqa: S704  # words of ours
    return Status(name, **words)


class Listed(NamedTuple):
    """One row of the list."""

    app: App
    sync: SecretSync
    status: Status

    @property
    def texts(self) -> tuple[str | None, ...]:
        """What it is searched by."""
        one = self.sync
        source = (one.environment, one.path, one.connection_name)
        return (one.name, one.description, *source, one.project_name, one.ref)


_SORTS: Sorts[Listed] = {
    "name": lambda row: row.sync.name.casefold(),
    "from": lambda row: ((row.sync.environment or "").casefold(), row.sync.path or ""),
    "to": lambda row: (row.sync.project_name.casefold(), row.sync.ref),
    "status": lambda row: [*_WORDS, row.status.name].index(row.status.name),
}


@blueprint.get("/syncs")
@in_a_project
def syncs(scope: Scope) -> Page:
    if scope.project_id is None:
        return see_other(".projects", then="syncs")
    running, asked = services(), asked_of(scope, _SORTS, attention=("1",))
    apps = [app for app in running.apps if app.syncs]
    found = [
        Listed(app, sync, status_of(sync, listed=True))
        for app in apps
        for sync in SecretSyncs(running.infisical, app.slug).all(scope.project_id)
    ]
    matching = [row for row in sorted(found, key=_SORTS["name"]) if matches(asked["q"], *row.texts)]
    needing = [row for row in matching if row.status.attention]
    shown = needing if asked["attention"] else matching
    return page(
        "syncs/list.html",
        scope=scope,
        change_url=url_for(".projects", project=scope.key, then="syncs"),
        apps=apps,
        natives=natives_in(scope),
        total=len(found),
        matching=len(shown),
        needing=len(needing),
        deleted=running.unsign(request.args.get("done", ""), purpose="deleted-sync"),
        **page_of(shown, asked, _SORTS),
    )
