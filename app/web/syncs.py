"""A new secret sync: what and where, the review of what it will do, and its submission; and how any sync is reviewed."""

from datetime import datetime
from functools import partial

from flask import request

from ..connectors.rows import App
from ..core.templating import iso, url_for
from ..core.text import counted
from ..infisical.sync_models import SecretSync
from .forms import Operation
from .hooks import blueprint
from .lists import in_a_project
from .pending import CLOCKS, WORDS, asked_moment, look_for, said, waiting_page
from .plan import result_names
from .redirects import asked_project, sync_values
from .render import page, see_other
from .scopes import Scope, scope_in_hand
from .services import Page, record
from .sync_detail import see_sync
from .sync_form import SyncForm
from .sync_review import hidden_of, pages_share, review, reviewed

SAMPLE, MOST_REFUSED = 3, 10


@blueprint.get("/syncs/new/<connected_app:app>")
@in_a_project
def sync_form(scope: Scope, app: App) -> Page:
    if scope.project_id is None:
        return see_other(".projects", then="sync", app=app.slug, **sync_values(request.args))
    handed_over = request.args.get("projects", "")
    return show(SyncForm(CREATE, app, scope, typed=sync_values(request.args), handed_over=handed_over), 200)


@blueprint.post("/syncs/new/<connected_app:app>")
def submit_sync(app: App) -> Page:
    key = asked_project()
    if key is None:
        return see_other(".sync_form", app=app.slug)
    handed_over = request.form.get("projects", "")
    return received(SyncForm(CREATE, app, scope_in_hand(key), request.form, handed_over=handed_over))


def received(filled: SyncForm) -> Page:
    """The answer to a form that was posted, by the button that was pressed."""
    posted, row_names = request.form, [row.name for row in filled.rows]
    used = [name for name in row_names if f"use_{name}" in posted]
    for name in used:
        filled[name].process_formdata([posted[f"use_{name}"]])
    if filled["name"].value and posted.get("suggested") == filled["name"].value:
        filled["name"].data = ""
    filled.load()
    # From the review such a button leads to another review.
    if "look" in posted or (used and posted.get("step") != "review"):
        return show(filled, 200)
    return reviewed(filled) if filled.check() else show(filled, 422)


# ── The pages ────────────────────────────────────────────────────────────────────────────────────────────────────────


def show(filled: SyncForm, status: int) -> Page:
    """The form as it stands. What cannot be read for it has a page of its own."""
    if filled.refused == "destination-taken":
        return review(filled, filled.plan(no_doubles=True), status)
    if not filled.environments:
        filled.load()
    names, rules = filled.names or (), filled.app.syncs
    results = [*result_names(filled.settings, (name.name for name in names)).items()]
    refused = [result for _, result in results if rules and result.startswith(rules.reserved)]
    note = [f"{name} is {state}." for _, name, state in filled.projects if state]
    if filled.projects:
        note.insert(0, f"The connection’s token reached {counted(len(filled.projects), 'project')}.")
    filled["environment"].choices = [(one.slug, one.name) for one in filled.environments]
    filled["connection_id"].choices = [(one.id, one.name) for one in filled.connections]
    return page(
        "syncs/form.html",
        status=status,
        sample=results[:SAMPLE],
        sample_more=max(len(results) - SAMPLE, 0),
        refused_names=refused[:MOST_REFUSED],
        refused_more=max(len(refused) - MOST_REFUSED, 0),
        projects=[
            (ref, f"{name} – {ref}{f' ({state})' if state else ''}") for ref, name, state in filled.projects
        ],
        project_note=" ".join(note),
        hidden={"suggested": filled.suggested_name, **hidden_of(filled)},
        change_url=None if filled.sync else url_for(".projects", then="sync", **filled.address),
        **pages_share(filled),
    )


# ── Creating, as a row ───────────────────────────────────────────────────────────────────────────────────────────────

CREATE = Operation(
    name="create",
    audit_action="sync-create",
    verb="create secret syncs",
    past="created",
    button="Create sync",
    list_name="Secret Syncs",
    list_page=".syncs",
    send=lambda _, filled: filled.client.create(
        filled.settings, project_id=filled.scope.key, deadline=filled.deadline
    ),
    form_address=lambda filled: url_for(".sync_form", **filled.address),
    outcome_address=lambda filled, since: url_for(".sync_created", **filled.address, since=iso(since)),
    show=show,
    done=lambda filled, made: see_sync(made, done="create", names=len(filled.names or ())),
)


@blueprint.get("/syncs/new/<connected_app:app>/outcome")
def sync_created(app: App) -> Page:
    """No answer to a create: looks for the sync, and sends nothing."""
    since, key, name = asked_moment(), said(asked_project()), request.args.get("name", "")
    said(name.strip())
    filled = SyncForm(CREATE, app, scope_in_hand(key), typed=sync_values(request.args))
    look = look_for(partial(_state_of, filled, since), since=since)
    if look.state == "found":
        record("outcome-unknown", "found-later", **filled.about(look.found))
        return see_sync(look.found, done="create", at=since)
    return waiting_page(
        "syncs/pending.html",
        look,
        WORDS["sync"],
        scope=filled.scope,
        app=app,
        name=name,
        found_url=look.found and url_for(".sync", app=app.slug, sync_id=look.found.id),
        form_url=url_for(".sync_form", **filled.address),
    )


def _state_of(filled: SyncForm, since: datetime) -> tuple[str, SecretSync | None]:
    """What a look finds: nothing yet, the sync that was sent, or another of its name."""
    found = filled.client.named(filled["name"].value, project_id=filled.scope.key)
    if found is None:
        return "waiting", None
    if found.created_at and since - found.created_at > CLOCKS:
        return "older", found
    return "found" if found.settings == filled.settings else "different", found
