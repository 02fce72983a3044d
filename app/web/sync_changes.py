"""What becomes of a secret sync later: changed, run, paused, resumed, deleted; and the pages for no answer to these."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from flask import abort, request
from werkzeug.datastructures import MultiDict

from ..connectors.rows import App, Field, Message
from ..core.templating import iso, url_for
from ..infisical.client import Infisical
from ..infisical.errors import NotFound, PermissionDenied, Refused
from ..infisical.sync_models import SecretSync, SyncSettings
from ..infisical.syncs import SecretSyncs
from .edit import both_states
from .fields import confirmation
from .forms import Operation, RowForm, deleted, there
from .hooks import blueprint
from .pending import WORDS, asked_moment, look_for, said, waiting_page
from .plan import result_names
from .redirects import asked_project, sync_values
from .render import page, problem, see_gone, see_other
from .scopes import scope_in_hand
from .services import Page, record, services
from .sync_detail import Seen, see_sync, seen_in, sign_seen, sync_page
from .sync_form import SyncForm, values_of
from .sync_review import digest_of, reviewed, send_once
from .syncs import CREATE, received, show

_HERE = "/syncs/<connected_app:app>/<uuid:sync_id>"


def posted_seen(subject_id: Any) -> Seen:
    """What the page that posts showed; the page for one that is too old where it is none of ours."""
    return seen_in(request.form.get("seen", ""), subject_id) or abort(problem("page-too-old"))


def _change(_: Infisical, filled: SyncForm) -> SecretSync:
    """Sends what is another by now, in one call, and nothing where nothing is."""
    sync = there(filled.sync)
    body = filled.settings.to_json(sync.settings)
    return filled.client.change(sync.id, body, deadline=filled.deadline) if body else sync


CHANGE = replace(
    CREATE,
    name="change",
    audit_action="sync-change",
    verb="change secret syncs",
    past="changed",
    button="Save",
    send=_change,
    form_address=lambda filled: url_for(".sync_edit", **filled.address),
    outcome_address=lambda filled, since: url_for(
        ".sync_outcome",
        action=filled.operation.name,
        project=filled.project_id,
        **filled.address,
        state=sign_seen(there(filled.sync)),
        since=iso(since),
    ),
    done=lambda filled, now: see_sync(now, done=filled.operation.name, names=len(filled.names or ())),
)
RUN = replace(
    CHANGE,
    name="run",
    audit_action="sync-run",
    verb="run secret syncs",
    past="started",
    button="Sync now",
    starts_run=True,
    send=lambda _, filled: filled.client.run(there(filled.sync).id, deadline=filled.deadline),
    form_address=lambda filled: filled.cancel_url,
    show=lambda filled, status: sync_page(
        filled.app, filled.sync, status=status, refused=" ".join(line[1] for line in filled.summary)
    ),
)
RESUME = replace(
    RUN,
    name="resume",
    audit_action="sync-change",
    verb="change secret syncs",
    past="resumed",
    button="Resume auto-sync",
    send=_change,
)
PAUSE = replace(RESUME, name="pause", past="paused", button="Pause auto-sync", starts_run=False)
BUTTONS = {row.name: row for row in (RUN, RESUME, PAUSE)}

_CONFIRMS = ("access_token", "use_anyway", "warned")
"""All that is taken of a post that starts a run: what it does is what the sync is told at Infisical."""


@blueprint.post(_HERE)
def act_on_sync(app: App, sync_id: UUID) -> Page:
    """Sync now, pause and resume. A button pressed twice queues once."""
    found = SecretSyncs(services().infisical, app.slug).one(str(sync_id))
    pressed = [row for name, row in BUTTONS.items() if name in request.form]
    if len(pressed) != 1:
        abort(400)
    posted = MultiDict((name, text) for name, text in request.form.items(multi=True) if name in _CONFIRMS)
    filled = SyncForm(pressed[0], app, scope_in_hand(found.project_id), posted, sync=found)
    used = {row.name: request.form.get(f"use_{row.name}") for row in filled.rows}
    if any(used.values()):
        # What mends a finding is a change.
        return see_other(".sync_edit", app=app.slug, sync_id=found.id, **used)
    return _acted(filled, found)


def _acted(filled: SyncForm, found: SecretSync) -> Page:
    operation, seen = filled.operation, posted_seen(found.id)
    filled.opened = seen
    if operation is not RUN:
        filled["auto_sync"].data = operation is RESUME
    if seen.state != found.state and (operation is RUN or found.settings != filled.settings):
        record(operation.audit_action, "changed-meanwhile", **filled.about())
        return changed_meanwhile(filled, seen.state)
    if not found.path and operation is not PAUSE:
        raise Refused("", reason="folder-gone")
    if operation is RUN and found.status in ("pending", "running"):
        return see_sync(found, done="run")
    if operation is PAUSE or not filled["delete_others"].data:
        return _at_once(filled)
    filled.load()
    filled.check_rows([row for row in filled.rows if row.kind == "secret"])
    return reviewed(filled)


def _at_once(filled: RowForm) -> Page:
    """What removes nothing at the app is sent at one press, and has no name that could be taken."""
    return send_once(filled, name_taken=lambda _: filled.operation.show(filled, 422))


@blueprint.get(f"{_HERE}/edit")
def sync_edit(app: App, sync_id: UUID) -> Page:
    found = SecretSyncs(services().infisical, app.slug).one(str(sync_id))
    filled = _changing(app, found, typed=sync_values(request.args))
    filled.opened = seen_in(request.args.get("state", ""), sync_id)
    return show(filled, 200)


@blueprint.post(f"{_HERE}/edit")
def submit_sync_edit(app: App, sync_id: UUID) -> Page:
    seen = posted_seen(sync_id)
    found = SecretSyncs(services().infisical, app.slug).one(str(sync_id))
    filled = _changing(app, found, request.form)
    filled.opened = seen
    if "submit" in request.form and seen.state != found.state:
        if filled.settings == found.settings:
            # It was sent twice, by a double click or Reload.
            return see_sync(found, done="change")
        record("sync-change", "changed-meanwhile", **filled.about())
        return changed_meanwhile(filled, seen.state)
    return received(filled)


def _changing(app: App, found: SecretSync, posted: Any = None, **typed: Any) -> SyncForm:
    handed_over = request.values.get("projects", "")
    return SyncForm(
        CHANGE, app, scope_in_hand(found.project_id), posted, sync=found, handed_over=handed_over, **typed
    )


def changed_meanwhile(filled: SyncForm, before: Mapping[str, Any]) -> Page:
    """Both states side by side: of a change a choice a field, of anything else what to look at again."""
    sync, app, editing = there(filled.sync), filled.app, filled.operation is CHANGE
    filled.load()
    opened, now = values_of(app, SyncSettings(**before)), values_of(app, sync.settings)
    entered = filled.values if editing else opened
    return both_states(
        filled,
        [
            (row, opened[row.name], now[row.name], entered[row.name])
            for row in filled.rows
            if row.name in now and row.kind != "hidden"
        ],
        scope=filled.scope,
        subject=sync,
        editing=editing,
        texts={one.id: one.name for one in filled.connections} | {"1": "On", "0": "Off"},
        back_url=filled.cancel_url,
        action=filled.action,
        seen=sign_seen(sync),
    )


# ── Deleting ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class SyncDeletion(RowForm):
    """The form that deletes a sync: whether its names go from the app too, and its name, typed."""

    def __init__(self, app: App, sync: SecretSync, posted: Any = None) -> None:
        self.operation, self.project_id = DELETE, sync.project_id
        self.sync = self.there = sync
        self.address = {"app": app.slug, "sync_id": sync.id}
        rows = (Field("remove_secrets", "Its secrets", kind="switch"), confirmation("sync", sync.name))
        super().__init__(app, rows, posted, data={})

    def about(self, made: Any = None) -> dict[str, Any]:
        return {"sync": made or self.there, "project": self.project_id}


def _names_of(app: App, sync: SecretSync) -> list[tuple[str, tuple[str, ...]]] | None:
    """The names that the folder holds now, as they are in the app, each with the other syncs that write it; None where
    nobody may look. More than the names nobody needs to delete."""
    filled = SyncForm(CHANGE, app, scope_in_hand(sync.project_id), sync=sync)
    try:
        names = filled.read_names()
        filled.syncs = filled.client.all(sync.project_id)
        also = filled.writers()
    except (PermissionDenied, NotFound):
        return None
    results = result_names(sync.settings, (name.name for name in names)).values()
    return [(name, also.get(name, ())) for name in results]


def _show_deletion(filled: SyncDeletion, status: int) -> Page:
    sync, names = filled.there, _names_of(filled.app, filled.there)
    return page(
        "syncs/delete.html",
        scope=scope_in_hand(sync.project_id),
        status=status,
        app=filled.app,
        sync=sync,
        form=filled,
        names=names,
        plan=services().sign(digest_of(names), purpose=f"names.{sync.id}"),
        seen=sign_seen(sync),
    )


DELETE = replace(
    RUN,
    name="delete",
    audit_action="sync-delete",
    verb="delete secret syncs",
    past="deleted",
    send=lambda infisical, filled: deleted(
        filled.there,
        lambda now: SecretSyncs(infisical, filled.app.slug).delete(
            now.id, remove_secrets=filled["remove_secrets"].data, deadline=filled.deadline
        ),
    ),
    form_address=lambda filled: url_for(".sync_delete", **filled.address),
    show=_show_deletion,
    done=lambda _, gone: (
        see_sync(gone, done="delete")
        if gone.remove_status in ("pending", "running")
        else see_gone(".syncs", gone.project_id, gone.name)
    ),
)
OPERATIONS = {**BUTTONS, "change": CHANGE, "delete": DELETE}


@blueprint.get(f"{_HERE}/delete")
def sync_delete(app: App, sync_id: UUID) -> Page:
    return _show_deletion(
        SyncDeletion(app, SecretSyncs(services().infisical, app.slug).one(str(sync_id))), 200
    )


@blueprint.post(f"{_HERE}/delete")
def submit_sync_delete(app: App, sync_id: UUID) -> Page:
    seen = posted_seen(sync_id)
    try:
        found = SecretSyncs(services().infisical, app.slug).one(str(sync_id))
    except NotFound:
        return see_gone(".syncs", asked_project() or "", seen.state["name"], before=True)
    filled = SyncDeletion(app, found, request.form)
    filled.opened = seen
    filled.check_rows(filled.rows)
    if filled["remove_secrets"].data:
        names = _names_of(app, found)
        if names is None:
            lead = "Which names would go cannot be read, so they are not removed from here."
            filled["remove_secrets"].add_error(Message("error", lead))
        elif services().unsign(request.form.get("plan", ""), purpose=f"names.{sync_id}") != digest_of(names):
            lead = "The folder holds other names by now. Look at them again."
            filled["remove_secrets"].add_error(Message("error", lead))
    if not filled.accepted():
        return _show_deletion(filled, 422)
    if seen.state != found.state:
        record("sync-delete", "changed-meanwhile", **filled.about())
        return changed_meanwhile(SyncForm(RUN, app, scope_in_hand(found.project_id), sync=found), seen.state)
    return _at_once(filled)


# ── No answer ────────────────────────────────────────────────────────────────────────────────────────────────────────


@blueprint.get(f"{_HERE}/outcome")
def sync_outcome(app: App, sync_id: UUID) -> Page:
    """No answer to what was sent about a sync: looks for what it would have made, and sends nothing."""
    since, operation = asked_moment(), said(OPERATIONS.get(request.args.get("action", "")))
    before = said(seen_in(request.args.get("state", ""), sync_id))
    was = SyncSettings(**before.state)
    look = look_for(partial(_result, operation, app, str(sync_id), before), since=since)
    if look.state == "found":
        record("outcome-unknown", "found-later", sync=look.found or was, project=asked_project())
        return (
            see_sync(look.found, done=operation.name, at=since)
            if look.found
            else see_gone(".syncs", asked_project() or "", was.name)
        )
    back_url = url_for(".sync", app=app.slug, sync_id=str(sync_id))
    return waiting_page(
        "connections/changing.html",
        look,
        {state: text.format(past=operation.past) for state, text in WORDS["change"].items()},
        scope=scope_in_hand(look.found.project_id) if look.found else None,
        app=app,
        operation=operation,
        name=was.name,
        what="sync",
        back_url=back_url,
        form_url=url_for(".sync_edit", app=app.slug, sync_id=str(sync_id), **sync_values(request.args))
        if operation is CHANGE
        else back_url,
    )


def _result(operation: Operation, app: App, sync_id: str, before: Seen) -> tuple[str, SecretSync | None]:
    """What a look finds: it is done, nothing was done yet, or somebody else did something."""
    try:
        found = SecretSyncs(services().infisical, app.slug).one(sync_id)
    except NotFound:
        return "found" if operation is DELETE else "gone", None
    if operation is DELETE:
        return "found" if found.remove_status else "waiting", found
    if operation is RUN:
        moved = str(found.updated_at) != before.moved
        return "found" if moved or found.status in ("pending", "running") else "waiting", found
    # An address holds nothing that is empty.
    emptied = {"description": ""} if operation is CHANGE else {}
    was = SyncSettings(**before.state)
    wanted = values_of(app, was) | emptied | sync_values(request.args)
    if operation is not CHANGE:
        wanted["auto_sync"] = "1" if operation is RESUME else "0"
    now = values_of(app, found.settings)
    if now == {**now, **wanted}:
        return "found", found
    return "waiting" if found.settings == was else "different", found
