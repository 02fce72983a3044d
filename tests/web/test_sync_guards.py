"""Whoever would start a run that removes something without having seen it, or on what somebody else changed, is stopped."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.core.http import Deadline
from app.core.secret import Secret
from app.infisical.client import Infisical
from app.infisical.models import NewConnection
from app.infisical.sync_models import SyncSettings
from app.infisical.syncs import SecretSyncs
from app.sandbox import SANDBOX_CLIENT_ID, SANDBOX_CLIENT_SECRET
from tests.conftest import Client, Clock, Sandbox, new_client, sandbox_in
from tests.pages import read_page
from tests.sandbox.world import PAYMENTS_ID, WEBSHOP_ID, identity_named

from .test_syncs import PRODUCTION, STAGING, TOKEN, Syncs, effects, findings, press

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.bWFkZS11cC1zaWduYXR1cmU"


def an_admin_of(sandbox: Sandbox) -> Infisical:
    """Somebody at Infisical itself, beside the wizard."""
    secret = Secret(SANDBOX_CLIENT_SECRET)
    grant = sandbox.elsewhere.log_in(client_id=SANDBOX_CLIENT_ID, client_secret=secret)
    return sandbox.elsewhere.acting_with(grant.access_token)


@pytest.fixture
def syncs(client: Client, sandbox: Sandbox) -> Syncs:
    return Syncs(client, sandbox)


@pytest.fixture
def removing(syncs: Syncs) -> str:
    """The address of a sync with removing on, which does not run by itself."""
    address = syncs.created(auto_sync="0", delete_others="1")
    syncs.sandbox.sent.clear()
    return address


ALL = {"submit": "1", "confirm_removal": "all", "use_anyway": "1"}


def test_a_run_that_removes_needs_a_review_of_itself_whatever_is_posted(syncs: Syncs, removing: str) -> None:
    page = syncs.client.page(removing)
    plans = {
        "none": {**page.hidden_fields("actions"), "run": "1"},
        "made up": {**page.hidden_fields("actions"), "run": "1", "plan": "made-up"},
        "of resuming": {
            **read_page(press(syncs, removing, "resume").text).hidden_fields("sync-form"),
            "run": "1",
        },
    }
    plans["of resuming"].pop("resume")
    for what, fields in plans.items():
        answer = syncs.post(removing, **fields, **ALL)
        assert read_page(answer.text).by_id("plan") is not None, what
    assert not syncs.sent


def test_a_review_of_a_run_holds_for_thirty_minutes_from_the_look_at_supabase(
    syncs: Syncs, removing: str
) -> None:
    page = read_page(press(syncs, removing, "run").text)
    compared = {**page.hidden_fields("sync-form"), "access_token": TOKEN, "review": "1"}
    page = read_page(syncs.post(removing, **compared).text)
    gone = str([*effects(page).values()].count("remove"))
    for _ in range(2):
        syncs.sandbox.clock.now += timedelta(minutes=20)
        answer = syncs.confirm(page, removing, use_anyway="1", confirm_removal="999")
        page = read_page(answer.text)
    assert syncs.confirm(page, removing, use_anyway="1", confirm_removal=gone).status_code == 422
    assert not syncs.sent


def test_sync_now_does_not_run_what_somebody_changed_since_the_page(syncs: Syncs, sandbox: Sandbox) -> None:
    address = syncs.created(auto_sync="0")
    page = syncs.client.page(address)
    elsewhere = {"destinationConfig": {"projectId": PRODUCTION, "projectName": "production"}}
    theirs = SecretSyncs(an_admin_of(sandbox), "supabase")
    theirs.change(address.rpartition("/")[2], elsewhere, deadline=Deadline.after(5))
    sandbox.sent.clear()
    answer = press(syncs, address, "run", page)
    shown = read_page(answer.text)
    assert (answer.status_code, shown.problem) == (409, "changed-meanwhile")
    assert PRODUCTION in shown.text
    assert not syncs.sent


def test_a_wrong_paste_on_the_review_of_a_run_is_named_and_asked_nowhere(syncs: Syncs, removing: str) -> None:
    page = read_page(press(syncs, removing, "run").text)
    syncs.sandbox.sent.clear()
    answer = syncs.post(removing, **page.hidden_fields("sync-form"), access_token=JWT, review="1")
    shown = read_page(answer.text)
    assert answer.status_code == 422
    assert shown.error("access_token")
    assert shown.by_id("plan") is not None
    assert not [request for request in syncs.sandbox.sent if request.url.host == "api.supabase.com"]


def test_a_page_of_a_sync_takes_its_own_three_buttons_and_one_at_a_time(syncs: Syncs, removing: str) -> None:
    page = syncs.client.page(removing)
    for pressed in ({"delete": "1"}, {"change": "1"}, {"run": "1", "pause": "1"}, {}):
        assert syncs.post(removing, **page.hidden_fields("actions"), **pressed).status_code == 400
    assert not syncs.sent


def test_a_sync_of_a_project_that_cannot_be_seen_stops_removing(tmp_path: Path, clock: Clock) -> None:
    sandbox = sandbox_in(tmp_path, clock, CONNECT_ACCESS="sign-in")
    admin, token = an_admin_of(sandbox), Secret(TOKEN)
    credentials: dict[str, str | Secret] = {"instanceUrl": "https://api.supabase.com", "accessKey": token}
    new = NewConnection(
        app="supabase", method="access-token", name="theirs", project_id=WEBSHOP_ID, credentials=credentials
    )
    connection = admin.create(new, deadline=Deadline.after(5))
    settings = SyncSettings(
        name="theirs",
        environment="dev",
        path="/",
        connection_id=connection.id,
        ref=STAGING,
        project_name="shop",
        deletes=True,
    )
    SecretSyncs(admin, "supabase").create(settings, project_id=WEBSHOP_ID, deadline=Deadline.after(5))
    client = new_client(sandbox.app)
    with client:
        somebody = identity_named("project-only-admin")
        client.sign_in(client_id=somebody.client_id, client_secret=somebody.client_secret)
        syncs = Syncs(client, sandbox)
        assert "fights" in findings(syncs.review())
        page = syncs.review(delete_others="1")
        assert "A sync in another project could lose names" in page.text
        assert syncs.confirm(page, confirm_removal="all", use_anyway="1").status_code == 422


def test_a_second_press_leads_to_where_it_is_looked_how_the_first_one_ended(
    syncs: Syncs, sandbox: Sandbox
) -> None:
    address = syncs.created()
    sandbox.clock.passes(60)
    page = syncs.client.page(address)
    first, second = (press(syncs, address, "pause", page) for _ in range(2))
    assert "/outcome" not in first.headers["Location"]
    assert "/outcome?" in second.headers["Location"]
    assert f"project={PAYMENTS_ID}" in second.headers["Location"]
    assert "Auto-sync is paused" in syncs.client.page(second.headers["Location"]).text_of("done")


def test_what_infisical_refused_is_sent_again_by_a_second_press(syncs: Syncs, sandbox: Sandbox) -> None:
    address = syncs.created()
    sandbox.clock.passes(3)
    sandbox.sent.clear()
    form = syncs.client.page(f"{address}/delete")
    fields = {**form.hidden_fields("sync-form"), "remove_secrets": "1", "confirm_name": "dev-to-shop"}
    busy = syncs.post(f"{address}/delete", **fields, submit="1")
    assert read_page(busy.text).problem == "sync-busy"
    sandbox.clock.passes(20)
    again = syncs.post(f"{address}/delete", **fields, submit="1")
    assert (again.status_code, "/outcome" in again.location) == (303, False)
    assert [one.method for one in syncs.sent] == ["DELETE", "DELETE"]


def test_a_change_without_an_answer_that_emptied_a_field_is_found(syncs: Syncs, sandbox: Sandbox) -> None:
    address = syncs.created(auto_sync="0", description="For the shop")
    page = syncs.client.page(f"{address}/edit")
    fields = syncs.fields(auto_sync="0") | page.hidden_fields("sync-form")
    first, second = (syncs.post(f"{address}/edit", **fields, submit="1", use_anyway="1") for _ in range(2))
    assert "/outcome" not in first.headers["Location"]
    (seen,) = fields["seen"]
    outcome = f"{address}/outcome?action=change&since=2026-11-23T11:42:07Z&state={seen}&name=dev-to-shop"
    assert syncs.client.page(outcome).by_id("sync-status") is not None
    assert second.status_code == 303


def test_a_secret_in_the_hidden_fields_does_not_come_back(syncs: Syncs) -> None:
    for name in ("projects", "suggested", "plan", "seen"):
        answer = syncs.post(**syncs.fields(**{name: TOKEN}), review="1")
        assert TOKEN not in answer.text, name


def test_a_connection_that_is_none_leads_to_the_form_and_not_to_a_fault(syncs: Syncs) -> None:
    page = syncs.client.page(f"/syncs/new/supabase?project={WEBSHOP_ID}&connection=zzz")
    assert page.by_id("sync-form") is not None


def test_a_look_at_the_folder_keeps_what_the_page_showed_so_that_nobody_is_written_over(
    syncs: Syncs, sandbox: Sandbox
) -> None:
    address = syncs.created(auto_sync="0")
    form = syncs.client.page(f"{address}/edit")
    theirs = SecretSyncs(an_admin_of(sandbox), "supabase")
    theirs.change(address.rpartition("/")[2], {"description": "Theirs"}, deadline=Deadline.after(5))
    fields = syncs.fields(auto_sync="0", name="mine") | form.hidden_fields("sync-form")
    for pressed in ({"look": "1"}, {"review": "1"}):
        again = read_page(syncs.post(f"{address}/edit", **fields, **pressed).text)
        sent = {**fields, **again.hidden_fields("sync-form")}
        answer = syncs.post(f"{address}/edit", **sent, submit="1", use_anyway="1")
        assert (answer.status_code, read_page(answer.text).problem) == (409, "changed-meanwhile"), pressed


def test_a_deletion_removes_no_name_that_its_page_did_not_show(syncs: Syncs, sandbox: Sandbox) -> None:
    address = syncs.created(auto_sync="0")
    page = syncs.client.page(f"{address}/delete")
    fields = {**page.hidden_fields("sync-form"), "confirm_name": "dev-to-shop", "remove_secrets": "1"}
    admin = an_admin_of(sandbox)
    admin.call(
        "POST",
        "/api/v4/secrets/COME_SINCE",
        json=lambda: {"projectId": PAYMENTS_ID, "environment": "dev", "secretPath": "/"},
    )
    sandbox.sent.clear()
    answer = syncs.post(f"{address}/delete", **fields, submit="1")
    assert answer.status_code == 422
    assert "other names by now" in read_page(answer.text).error("remove_secrets")
    assert not syncs.sent


def test_a_paused_sync_is_changed_without_a_plan_for_no_run_is_started(syncs: Syncs, removing: str) -> None:
    page = syncs.client.page(f"{removing}/edit")
    fields = syncs.fields(auto_sync="0", delete_others="1", name="renamed") | page.hidden_fields("sync-form")
    assert syncs.post(f"{removing}/edit", **fields, submit="1").status_code == 303
