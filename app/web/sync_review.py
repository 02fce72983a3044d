"""The review of what a sync will do: what the app holds, the plan that is signed, and what has to be confirmed."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from flask import redirect, request

from ..connectors import Destination
from ..connectors.instance_urls import InstanceUrlError, read_instance_url
from ..connectors.rows import Message
from ..infisical.errors import NameTaken
from .create import hit, not_done, sent, too_many
from .forms import RowForm
from .pending import CLOCKS
from .plan import Plan
from .problems import field_messages
from .render import page
from .services import Page, current_auth, record, services
from .sync_detail import facts_of, see_sync, sign_seen
from .sync_form import SyncForm

PLAN_HOLDS = timedelta(minutes=30)
ROWS = 200
"""Of a plan that are shown, and remembered to say what changed; the counts stay whole."""
STALE = "The review is more than 30 minutes old, or of another form."


def reviewed(filled: SyncForm) -> Page:
    """The review of a form that is in order, or what comes of it once that was confirmed."""
    held = _held(filled)
    if answer := _look(filled, held):
        return answer
    refused = bool(filled.messages("error"))
    if refused and not filled.operation.starts_run:
        return filled.operation.show(filled, 422)
    if filled.sync and not filled.runs and "submit" in request.form:
        return send_once(filled, name_taken=partial(_name_is_taken, filled))
    if filled.names is None:
        # The page says which permission is missing.
        filled.names = filled.read_names()
    plan = filled.plan()
    if refused or "submit" not in request.form:
        return review(filled, plan, 422 if refused else 200)
    if answer := _made_before(filled, held) or _stopped(filled, plan, held):
        return answer
    return send_once(filled, name_taken=partial(_name_is_taken, filled))


def send_once(filled: RowForm, *, name_taken: Callable[[NameTaken], Page]) -> Page:
    """Sends it, unless a button of the same page was pressed before."""
    if wait := hit("create"):
        return too_many(filled, wait)
    pressed = f"{filled.operation.name} {request.form.get('seen', '')}"
    if filled.opened and services().limits.hit("once", identity=pressed):
        # How the first press ended is not known here.
        since = datetime.fromtimestamp(filled.opened.at, services().clock().tzinfo)
        return redirect(filled.operation.outcome_address(filled, since), code=303)
    return sent(filled, name_taken=name_taken, pressed=pressed)


def _stopped(filled: SyncForm, plan: Plan, held: Mapping[str, Any] | None) -> Page | None:
    """Another review where there was none, where something is another since, or where something was not confirmed."""
    posted = "plan" in request.form
    if held is None and filled.guarded:
        return review(filled, plan, 422 if posted else 200, changed=[STALE] if posted else [])
    if held and (changed := _changed(held, _state(filled, plan))):
        record(filled.operation.audit_action, "changed-meanwhile", **filled.about())
        return review(filled, plan, 422, changed=changed)
    confirmed = request.form.get("confirm_removal", "").strip() == plan.removal
    accepted = filled.accepted(finding.key for finding in plan.of("warning"))
    if plan.would or not confirmed or not accepted:
        record(filled.operation.audit_action, "stopped-by-plan", **filled.about())
        return review(filled, plan, 422, unconfirmed=not confirmed)
    return None


def _made_before(filled: SyncForm, held: Mapping[str, Any] | None) -> Page | None:
    """The page of the sync that this very form made, where it is sent again: by a double click, Reload or Back."""
    for there in filled.syncs if held and filled.sync is None else ():
        made_at = there.created_at.timestamp() if there.created_at else 0
        if held and there.settings == filled.settings and made_at >= held["at"] - CLOCKS.total_seconds():
            record(filled.operation.audit_action, "made-before", **filled.about(there))
            return see_sync(there, done="create")
    return None


def _name_is_taken(filled: SyncForm, taken: NameTaken) -> Page:
    filled.syncs = filled.client.all(filled.scope.key)
    if made := _made_before(filled, _held(filled)):
        return made
    ((field, message),) = field_messages(taken, filled.app, filled.rows, filled.operation.nothing_happened)
    filled["name"].data = filled.suggested_name
    return not_done(filled, "name-taken", ((field, message),), error=taken)


# ── What Supabase holds, and the plan ────────────────────────────────────────────────────────────────────────────────


def address_of(filled: SyncForm) -> dict[str, str]:
    """Where the app is asked: at the connection's address, by the name of its field."""
    row, connection = filled.app.address, filled.connection
    there = connection.credentials.get(row.wire[-1]) if row and connection else None
    return {row.name: there or row.default} if row else {}


def why_not_compare(filled: SyncForm) -> str:
    """Why the app cannot be asked what it holds; "" where it can."""
    checks, address = services().checks, next(iter(address_of(filled).values()), "")
    if checks is None:
        return "This server does not ask what is there now."
    if filled.connection is None and filled.connection_is_there:
        return "What is there now is not asked: you may not see where the connection leads."
    with suppress(InstanceUrlError):
        if checks.asks(read_instance_url(address)):
            return ""
    return (
        f"What is there now is not asked: the connection’s address, {address}, is not on this server’s list."
    )


def _look(filled: SyncForm, held: Mapping[str, Any] | None) -> Page | None:
    """Looks at the app with the access token that was entered, or at what was seen in the review before; what is wrong
    with the token stands at its field. The page for somebody who has looked too often."""
    token, rules, checks = filled.values[filled.app.secret.name], filled.app.syncs, services().checks
    if not token:
        seen = held["seen"] if held else None
        if held and seen and seen[0] == filled.settings.ref:
            filled.seen, filled.seen_at = Destination(*seen), datetime.fromisoformat(held["seen_at"])
        return None
    if filled.messages("error"):
        return None
    if wait := hit("check"):
        return too_many(filled, wait)
    if (why := why_not_compare(filled)) or not checks or not rules:
        # Its field is not there.
        filled.general += (Message("error", "It could not be compared.", why),)
        return filled.operation.show(filled, 422)
    asked = {filled.app.secret.name: token, **address_of(filled)}
    found = rules.look(checks, asked, filled.settings.ref, filled.deadline.remaining())
    if isinstance(found, Message):
        filled[filled.app.secret.name].add_error(found)
        return None
    filled.seen, filled.seen_at = found, services().clock()
    filled.project_name.data = found.name
    return None


def digest_of(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _state(filled: SyncForm, plan: Plan) -> dict[str, Any]:
    """What a review showed, to be held against what is there when it is confirmed."""
    return {
        "fields": digest_of([asdict(filled.settings), filled.sync and filled.sync.state]),
        "others": digest_of([asdict(other) for other in filled.others]),
        "rows": [[row.name, row.effect] for row in plan.rows[:ROWS]],
        "names": plan.digest,
    }


def _signed(filled: SyncForm, plan: Plan) -> str:
    auth, now = current_auth(), services().clock()
    seen = filled.seen and [filled.seen.ref, filled.seen.name, filled.seen.names]
    about = {
        "at": (filled.seen_at or now).timestamp(),
        "by": auth.person.subject if auth else None,
        "seen": seen,
        "seen_at": filled.seen_at and filled.seen_at.isoformat(),
    }
    return services().sign(about | _state(filled, plan), purpose=_purpose(filled))


def _purpose(filled: SyncForm) -> str:
    return f"plan.{filled.operation.name}.{filled.sync.id if filled.sync else filled.scope.key}"


def _held(filled: SyncForm) -> dict[str, Any] | None:
    """The review that is confirmed; None where it is none, somebody else's, or too old."""
    held: dict[str, Any] | None = services().unsign(request.form.get("plan", ""), purpose=_purpose(filled))
    auth, now = current_auth(), services().clock().timestamp()
    if held and held["by"] == (auth.person.subject if auth else None):
        return held if now - held["at"] <= PLAN_HOLDS.total_seconds() else None
    return None


def _changed(held: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    before, after = dict(held["rows"]), dict(now["rows"])
    gone = [name for name in before if name not in after]
    come = [name for name, effect in after.items() if before.get(name) != effect]
    words = {
        "This form has other values than the review.": held["fields"] != now["fields"],
        "Another sync to the same project came, went or changed.": held["others"] != now["others"],
        f"New or otherwise: {_listed(come)}.": bool(come),
        f"No longer there: {_listed(gone)}.": bool(gone),
        "Names further down changed.": held["names"] != now["names"] and not come and not gone,
    }
    return [text for text, is_so in words.items() if is_so]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(f"`{name}`" for name in names[:10]) + more


def hidden_of(filled: SyncForm) -> dict[str, str]:
    """What every form of an operation posts besides its fields."""
    if filled.sync is None:
        return {"projects": filled.handed_over}
    seen = sign_seen(filled.sync, state=filled.opened and filled.opened.state)
    return {"projects": filled.handed_over, "seen": seen, filled.operation.name: "1"}


def pages_share(filled: SyncForm) -> dict[str, Any]:
    """What the form and its review both show."""
    running, why_not = services(), why_not_compare(filled)
    return {
        "scope": filled.scope,
        "app": filled.app,
        "form": filled,
        "operation": filled.operation.name,
        "compare_note": why_not,
        "sandbox_token": running.sandbox_info.token if running.sandbox_info else None,
    }


def review(
    filled: SyncForm, plan: Plan, status: int, *, changed: Sequence[str] = (), unconfirmed: bool = False
) -> Page:
    """What the submission would do, by name, and what has to be confirmed."""
    counts, button = plan.counts, filled.operation.button
    write = sum(counts.get(effect, 0) for effect in ("create", "overwrite", "write"))
    parts = [("write", write), ("remove", counts.get("remove", 0))] if filled.runs else []
    said = ", ".join(f"{word} {count}" for word, count in parts if count)
    said += ", remove the rest" if said and plan.removal == "all" else ""
    shown = plan.rows if "all" in request.values else plan.rows[:ROWS]
    removal_error = f"Type {plan.removal}, the number of names that go." if plan.removal else ""
    if plan.removal == "all":
        removal_error = "Tick this first."
    return page(
        "syncs/review.html",
        status=status,
        plan=plan,
        rows=shown,
        more=len(plan.rows) - len(shown),
        changed=changed,
        differences=_differences(filled),
        facts=facts_of(filled.settings, **filled.named),
        hidden={"step": "review", "plan": _signed(filled, plan), **hidden_of(filled), **filled.texts},
        change_url=None,
        button=f"{button}: {said}" if said else button,
        removal_error=removal_error if unconfirmed else "",
        anyway_error=bool(plan.of("warning"))
        and status == 422
        and not changed
        and not filled.use_anyway_ticked,
        **pages_share(filled),
    )


def _differences(filled: SyncForm) -> list[tuple[str, Any, Any]]:
    if filled.sync is None:
        return []
    there = filled.sync
    old = facts_of(there.settings, environment=there.environment or "", connection=there.connection_name)
    new = facts_of(filled.settings, **filled.named)
    pairs = [*zip(old, new, strict=True)]
    pairs.append((("Description", there.settings.description), ("Description", filled.settings.description)))
    return [(label, before, after) for (label, before), (_, after) in pairs if before != after]
