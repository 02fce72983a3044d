"""What becomes of a connection later: its details edited, its credential replaced, the connection deleted."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from flask import abort, request

from ..connectors import Check
from ..connectors.rows import App, Field, Message
from ..core.templating import iso, url_for
from ..core.text import counted
from ..infisical.client import Infisical
from ..infisical.errors import NotFound
from ..infisical.models import Connection, ConnectionChange, secrets_of
from .create import form_page, received
from .detail import Done, Users, scope_of, see_connection, used_by
from .fields import DETAILS, confirmation, token_fields
from .forms import ConnectionForm, Operation, RowForm, deleted, there
from .hooks import blueprint
from .pending import WORDS, asked_moment, look_for, said, waiting_page
from .redirects import typed_values
from .render import page, problem, see_gone
from .scopes import Scope
from .services import ORGANIZATION, Page, record, services
from .sync_list import status_of

_HERE = "/connections/<connected_app:app>/<uuid:connection_id>"


def _state_of(connection: Connection) -> dict[str, Any]:
    """What a page showed of a connection, to be held against a later look. Its version never changes, and what it was
    last changed at moves without a change (contract of `Infisical.change`)."""
    return {
        "project": connection.project_id or ORGANIZATION,
        "name": connection.name,
        # As a form gives it back.
        "description": (connection.description or "").strip().replace("\r\n", "\n"),
        "credentials": connection.credentials,
        "hash": connection.credentials_hash,
    }


def _signed(connection: Connection) -> str:
    return services().sign(_state_of(connection), purpose=f"seen.{connection.id}")


# ── The three, as rows ───────────────────────────────────────────────────────────────────────────────────────────────


def _send_change(infisical: Infisical, filled: ConnectionForm) -> Connection:
    """Sends what is another by now, in one call, and nothing where nothing is."""
    now, new = there(filled.connection), filled.new
    change = ConnectionChange(
        name=new.name if new.name != now.name else None,
        description=new.description if new.description != _state_of(now)["description"] else None,
        credentials=new.credentials if secrets_of(new.credentials) else None,
    )
    return infisical.change(now.app, now.id, change, deadline=filled.deadline) if change.to_json() else now


def _reaches_the_syncs(filled: ConnectionForm) -> None:
    """Whether a new credential reaches where the syncs write: one of another account breaks every one of them silently."""
    checks, users = filled.checks, used_by(filled.app, there(filled.connection))
    if checks is None or checks.stops or not users.syncs:
        return
    many = counted(len(users.syncs), "sync")
    lost = [sync for sync in users.syncs if sync.ref not in checks.refs]
    row = Check(
        f"Reaches the {filled.app.name} projects of the {many} that use it", "failed" if lost else "passed"
    )
    filled.checks = replace(checks, rows=(*checks.rows[:5], row, *checks.rows[5:]))
    if lost:
        named = ", ".join(f"{sync.name} ({sync.ref})" for sync in lost[:10])
        lead = f"It does not reach the {filled.app.name} project of {counted(len(lost), 'sync')} that use this connection."
        detail = f"They would fail from their next run: {named}."
        filled[filled.app.secret.name].add_error(Message("warning", lead, detail, key="syncs-not-reached"))


def _show(filled: ConnectionForm, status: int) -> Page:
    now, action = there(filled.connection), filled.operation.name
    seen = _signed(now)
    users = Users() if filled.operation is EDIT else used_by(filled.app, now)
    # Infisical knows of syncs that the caller may not see.
    in_use = filled.operation is DELETE and (users.syncs or filled.refused == "in-use")
    return form_page(
        f"connections/change_{'in_use' if in_use else action}.html",
        filled,
        status,
        scope=scope_of(now),
        connection=now,
        users=users,
        status_of=status_of,
        seen=seen,
        outcome_url=url_for(".change_outcome", **filled.places, state=seen),
    )


def _see_changed(
    operation: Operation, connection: Connection, *, before: Mapping[str, Any], late: bool = False
) -> Page:
    now = _state_of(connection)
    words = [row.word for row in DETAILS if now[row.name] != before[row.name]]
    return see_connection(connection, done=Done(operation.name, words, late))


EDIT = Operation(
    name="edit",
    audit_action="change",
    verb="change connections",
    past="changed",
    fields=lambda *_: DETAILS,
    send=_send_change,
    form_address=lambda filled: url_for(".change", **filled.address),
    outcome_address=lambda filled, since: url_for(
        ".change_outcome", **filled.address, since=iso(since), state=_signed(there(filled.connection))
    ),
    show=_show,
    done=lambda filled, now: _see_changed(filled.operation, now, before=_state_of(there(filled.connection))),
)
REPLACE = replace(
    EDIT,
    name="token",
    audit_action="replace",
    fields=lambda app, now: token_fields(app, (now and now.description) or ""),
    secret=True,
    compare=_reaches_the_syncs,
)
DELETE = replace(
    EDIT,
    name="delete",
    audit_action="delete",
    verb="delete connections",
    past="deleted",
    fields=lambda _, now: (confirmation("connection", now.name if now else ""),),
    send=lambda infisical, filled: deleted(
        there(filled.connection), lambda now: infisical.delete(now.app, now.id, deadline=filled.deadline)
    ),
    done=lambda _, gone: see_gone(".list", gone.project_id or ORGANIZATION, gone.name),
)
OPERATIONS = {operation.name: operation for operation in (EDIT, REPLACE, DELETE)}


# ── Their pages ──────────────────────────────────────────────────────────────────────────────────────────────────────


@blueprint.get(f"{_HERE}/<any(edit,token,delete):action>")
def change(app: App, connection_id: UUID, action: str) -> Page:
    connection = services().infisical.connection(app.slug, str(connection_id))
    filled = ConnectionForm(OPERATIONS[action], app, typed=typed_values(request.args), connection=connection)
    return _show(filled, 200)


@blueprint.post(f"{_HERE}/<any(edit,token,delete):action>")
def submit_change(app: App, connection_id: UUID, action: str) -> Page:
    seen = services().unsign(request.form.get("seen", ""), purpose=f"seen.{connection_id}")
    seen = seen or abort(problem("page-too-old"))
    try:
        connection = services().infisical.connection(app.slug, str(connection_id))
    except NotFound:
        if action != "delete":
            raise
        return see_gone(".list", seen["project"], seen["name"], before=True)
    filled = ConnectionForm(OPERATIONS[action], app, request.form, connection=connection)
    now = _state_of(connection)
    if "submit" in request.form and now != seen:
        if filled.operation is EDIT and {**now, **filled.values} == now:
            # It was sent twice, by a double click or Reload.
            return _see_changed(EDIT, connection, before=seen)
        record(filled.operation.audit_action, "changed-meanwhile", connection=connection)
        return _changed_meanwhile(filled, seen)
    return received(filled)


def _changed_meanwhile(filled: ConnectionForm, seen: Mapping[str, Any]) -> Page:
    connection = there(filled.connection)
    now, entered, opened = _state_of(connection), filled.values, dict(seen)
    shown = [row for row in filled.app.fields if row.shown and row.wire]
    for state in (opened, now):
        state |= {row.name: state["credentials"].get(row.wire[-1], "") for row in shown}
    return both_states(
        filled,
        [
            (row, opened[row.name], now[row.name], entered.get(row.name, opened[row.name]))
            for row in (*DETAILS, *shown)
        ],
        scope=scope_of(connection),
        subject=connection,
        editing=filled.operation is EDIT,
        token_changed=seen["hash"] != now["hash"],
        back_url=url_for(".created", app=filled.app.slug, connection_id=connection.id),
        action=url_for(".change", **filled.places),
        seen=_signed(connection),
    )


def both_states(
    filled: RowForm, fields: Iterable[tuple[Field, str, str, str]], *, scope: Scope, **context: Any
) -> Page:
    """Both states side by side, of each field what the page showed, what is there now and what was entered: of a detail
    both can be chosen, a credential has to be entered again."""
    return page(
        "connections/changed.html",
        scope=scope,
        status=409,
        app=filled.app,
        operation=filled.operation,
        form_url=filled.operation.form_address(filled),
        states=[
            {
                "row": row,
                "now": now,
                "entered": entered,
                "theirs": now != opened,
                "mine": entered not in (opened, now),
            }
            for row, opened, now, entered in fields
        ],
        **{"texts": {}, "token_changed": False, **context},
    )


@blueprint.get(f"{_HERE}/outcome")
def change_outcome(app: App, connection_id: UUID) -> Page:
    """No answer to a change: looks for what it would have made, and sends nothing."""
    since, operation = asked_moment(), said(OPERATIONS.get(request.args.get("action", "")))
    before = said(services().unsign(request.args.get("state", ""), purpose=f"seen.{connection_id}"))
    look = look_for(partial(_result, operation, app, str(connection_id), before), since=since)
    if look.state == "found":
        record("outcome-unknown", "found-later", project=before["project"], connection=look.found)
        if look.found is None:
            return see_gone(".list", before["project"], before["name"])
        return _see_changed(operation, look.found, before=before, late=True)
    return waiting_page(
        "connections/changing.html",
        look,
        {state: text.format(past=operation.past) for state, text in WORDS["change"].items()},
        scope=scope_of(look.found) if look.found else None,
        app=app,
        operation=operation,
        name=before["name"],
        what="connection",
        back_url=url_for(".created", app=app.slug, connection_id=str(connection_id)),
        form_url=url_for(".change", app=app.slug, connection_id=str(connection_id), action=operation.name),
    )


def _result(
    operation: Operation, app: App, connection_id: str, before: Mapping[str, Any]
) -> tuple[str, Connection | None]:
    """What a look finds: it is done, nothing was done yet, or somebody else did something."""
    try:
        found = services().infisical.connection(app.slug, connection_id)
    except NotFound:
        return "found" if operation is DELETE else "gone", None
    now, typed = _state_of(found), typed_values(request.args)
    wanted = {row.name: typed.get(row.name, "") for row in DETAILS}
    # By this hand or another: nothing derived from a token is kept that could tell.
    stored = operation is REPLACE and now["hash"] != before["hash"]
    if stored or (operation is EDIT and {**now, **wanted} == now):
        return "found", found
    return "waiting" if now == before else "different", found
