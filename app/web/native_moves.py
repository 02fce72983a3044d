"""The steps that move a native integration: what each sends, once, and the page for no answer."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from flask import abort, request

from ..core.templating import iso, url_for
from ..infisical.client import Infisical
from ..infisical.errors import InfisicalError, NotFound
from ..infisical.native import NativeIntegrations
from ..infisical.sync_models import NativeIntegration
from ..infisical.syncs import SecretSyncs
from .fields import confirmation
from .forms import Operation, RowForm, deleted
from .hooks import blueprint
from .native import HERE, Move, found_by, move_of, show, state_of, syncable_app
from .pending import WORDS, asked_moment, look_for, said, waiting_page
from .redirects import asked_project
from .render import see_gone, see_other
from .scopes import Scope, scope_in_hand
from .services import Page, record, services
from .sync_changes import RUN, posted_seen
from .sync_detail import seen_in, sign_seen
from .sync_form import SyncForm
from .sync_review import send_once


class NativeForm(RowForm):
    """One step of the move of an integration: what is typed to confirm it, and what the audit log is told."""

    def __init__(self, operation: Operation, move: Move, scope: Scope, posted: Any = None) -> None:
        self.operation, self.move, self.scope, self.project_id = operation, move, scope, scope.key
        confirm = (confirmation("integration", move.integration.name),) if operation is REMOVE else ()
        super().__init__(syncable_app(), confirm, posted, data={})

    def about(self, _: Any = None) -> dict[str, Any]:
        return {"integration": self.move.integration, "project": self.project_id}


def _switched(infisical: Infisical, filled: NativeForm) -> NativeIntegration:
    """Switches it off, or pauses the sync and then switches it on; and what is then there, read again."""
    client, move = NativeIntegrations(infisical), filled.move
    on = filled.operation is ON
    for sync in move.takers if on else ():
        if sync.runs_by_itself:
            syncs = SecretSyncs(infisical, filled.app.slug)
            paused = syncs.change(sync.id, {"isAutoSyncEnabled": False}, deadline=filled.deadline)
            record("sync-change", "ok", sync=paused, project=filled.project_id)
    switched = client.switch(move.integration, on=on, deadline=filled.deadline)
    # It is done, whether or not it can be read again.
    with suppress(InfisicalError):
        return next((one for one in client.all(filled.project_id) if one.id == switched.id), switched)
    return switched


def _see_move(filled: NativeForm, now: NativeIntegration) -> Page:
    """A redirect to the move, which then says what was done, and what else is not as it was."""
    before, after = filled.move.integration.state, now.state
    others = [name for name in before if name != "active" and before[name] != after[name]]
    signed = services().sign([filled.operation.name, others], purpose=f"moved.{now.id}")
    first = "off" if filled.move.off_first else None
    return see_other(".move", integration_id=now.id, project=filled.project_id, first=first, done=signed)


OFF = Operation(
    name="off",
    audit_action="native-off",
    verb="switch native integrations off",
    past="switched off",
    list_name="Native integrations",
    list_page=".native",
    send=_switched,
    form_address=lambda filled: url_for(
        ".move", integration_id=filled.move.integration.id, project=filled.project_id
    ),
    outcome_address=lambda filled, since: url_for(
        ".move_outcome",
        integration_id=filled.move.integration.id,
        project=filled.project_id,
        action=filled.operation.name,
        since=iso(since),
        state=sign_seen(filled.move.integration, state=state_of(filled.move)),
    ),
    show=lambda filled, status: show(filled.move, filled.scope, status=status, form=filled),
    done=_see_move,
)
ON = replace(
    OFF,
    name="on",
    audit_action="native-on",
    verb="switch native integrations on",
    past="switched on",
    unchanged="The old one is still off. The sync is paused by now, and can be resumed on its page.",
)
REMOVE = replace(
    OFF,
    name="remove",
    audit_action="native-delete",
    verb="delete native integrations",
    past="deleted",
    send=lambda infisical, filled: deleted(
        filled.move.integration,
        lambda one: NativeIntegrations(infisical).delete(one.id, deadline=filled.deadline),
    ),
    done=lambda filled, _: see_gone(".native", filled.project_id, filled.subject_name),
)
OPERATIONS = {row.name: row for row in (OFF, ON, REMOVE)}


@blueprint.post(HERE)
def submit_move(integration_id: UUID) -> Page:
    """One step: the old one off, on again or removed, or a run of the sync."""
    pressed = [name for name in ("off", "on", "remove", "run") if name in request.form]
    seen = posted_seen(integration_id)
    try:
        integration = found_by(integration_id)
    except NotFound:
        if seen.state["project"] != asked_project():
            raise
        return see_gone(".native", seen.state["project"], seen.state["called"], before=True)
    scope = scope_in_hand(integration.project_id)
    there = move_of(integration, scope)
    if len(pressed) != 1:
        abort(400)
    if pressed == ["run"]:
        stands = seen.state == state_of(there) and there.step == "run"
        return _run(there, scope) if stands else show(there, scope, status=409, changed=True)
    filled = NativeForm(OPERATIONS[pressed[0]], there, scope, request.form)
    filled.opened = seen
    # What is on may be switched off, once no run of the sync is under way; on again or removed is only what is off.
    due = {OFF.name: integration.active and not there.running, ON.name: not integration.active}
    if seen.state != state_of(there) or not due.get(pressed[0], there.step == "remove"):
        record(filled.operation.audit_action, "changed-meanwhile", **filled.about())
        return show(there, scope, status=409, changed=True)
    filled.check_rows(filled.rows)
    back = filled.operation is ON
    confirmed = not back or not there.back_removes or "confirm_removal" in request.form
    if not filled.accepted(() if back else there.doubts) or not confirmed:
        return show(there, scope, status=422, form=filled)
    return send_once(filled, name_taken=lambda _: abort(409))


def _run(there: Move, scope: Scope) -> Page:
    """A run of the sync, at one press, for it removes nothing; one that does is run on its own page."""
    if there.sync is None or not there.sync.keeps:
        return show(there, scope, status=409, changed=True)
    back = partial(see_other, ".move", integration_id=there.integration.id, project=scope.key)
    run = replace(RUN, done=lambda *_: back())
    if there.sync.status in ("pending", "running"):
        return back()
    return send_once(SyncForm(run, syncable_app(), scope, sync=there.sync), name_taken=lambda _: abort(409))


@blueprint.get("/native/<uuid:integration_id>/outcome")
def move_outcome(integration_id: UUID) -> Page:
    """No answer to a step: looks for what it would have made, and sends nothing."""
    since, operation = asked_moment(), said(OPERATIONS.get(request.args.get("action", "")))
    before, key = said(seen_in(request.args.get("state", ""), integration_id)), said(asked_project())

    def look() -> tuple[str, NativeIntegration | None]:
        every = NativeIntegrations(services().infisical).all(key)
        found = next((one for one in every if one.id == str(integration_id)), None)
        if found is None:
            return "found" if operation is REMOVE else "gone", None
        was = {name: before.state[name] for name in found.state}
        if operation is not REMOVE and found.state == {**was, "active": operation is ON}:
            return "found", found
        return "waiting" if found.state == was else "different", found

    seen = look_for(look, since=since)
    back_url = url_for(".move", integration_id=str(integration_id), project=key)
    if seen.state == "found":
        record("outcome-unknown", "found-later", project=key, integration=seen.found)
        if seen.found is None:
            return see_gone(".native", key, before.state["called"])
        return see_other(".move", integration_id=str(integration_id), project=key)
    return waiting_page(
        "connections/changing.html",
        seen,
        {state: text.format(past=operation.past) for state, text in WORDS["change"].items()},
        scope=scope_in_hand(key),
        app=syncable_app(),
        operation=operation,
        name=before.state["called"],
        what="move",
        back_url=back_url,
        form_url=back_url,
    )
