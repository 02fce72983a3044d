"""A secret sync from its form to its page: what is chosen, reviewed, confirmed, sent once, and told."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from werkzeug.test import TestResponse

from app.core.http import Deadline
from app.core.secret import Secret
from app.infisical.syncs import SecretSyncs
from app.sandbox import SANDBOX_CLIENT_ID, SANDBOX_CLIENT_SECRET, sandbox_token
from tests.conftest import Client, Sandbox
from tests.pages import PageUnderTest, read_page
from tests.sandbox.world import PAYMENTS_ID

NEW = f"/syncs/new/supabase?project={PAYMENTS_ID}"
PRODUCTION, STAGING = "webshopproductionabc", "webshopstagingabcdef"
TOKEN = sandbox_token("9876")
"""None that a page of the sandbox offers."""


class Syncs:
    """Somebody without JavaScript in front of the pages of syncs."""

    def __init__(self, client: Client, sandbox: Sandbox) -> None:
        self.client, self.sandbox = client, sandbox
        self.form = client.page(NEW)
        self.connection_id = next(
            option.get("value", "")
            for option in self.form.all("option")
            if len(option.get("value", "")) == 36
        )

    def fields(self, **typed: str) -> dict[str, Any]:
        """What a browser posts of the form, with what was typed."""
        given = {
            "environment": "dev",
            "secret_path": "/",
            "connection_id": self.connection_id,
            "supabase_project": STAGING,
            "key_schema": "{{secretKey}}",
            "auto_sync": "1",
            "name": "dev-to-shop",
            "description": "",
            "access_token": "",
        }
        return {**self.form.hidden_fields("sync-form"), **given, **typed}

    def post(self, url: str = NEW, **fields: Any) -> TestResponse:
        return self.client.post(url, data=fields)

    def review(self, **typed: str) -> PageUnderTest:
        answer = self.post(**self.fields(**typed), review="1")
        assert answer.status_code == 200, answer.text[:3000]
        return read_page(answer.text)

    def confirm(self, page: PageUnderTest, url: str = NEW, **confirmed: str) -> TestResponse:
        return self.post(url, **page.hidden_fields("sync-form"), submit="1", **confirmed)

    def created(self, **typed: str) -> str:
        """The address of a sync that was reviewed and created."""
        removes = {"confirm_removal": "all"} if typed.get("delete_others") else {}
        answer = self.confirm(self.review(**typed), use_anyway="1", **removes)
        assert answer.status_code == 303, read_page(answer.text).text
        address: str = answer.headers["Location"].partition("?")[0]
        return address

    @property
    def sent(self) -> list[httpx.Request]:
        """What was sent that changes or starts something."""
        return [
            one
            for one in self.sandbox.sent
            if "/secret-syncs/" in one.url.path
            and one.method != "GET"
            and "check-destination" not in one.url.path
        ]

    def there(self, ref: str = STAGING) -> set[str]:
        """The names that Supabase holds."""
        url = f"https://api.supabase.com/v1/projects/{ref}/secrets"
        with httpx.Client(transport=self.sandbox.network) as client:
            answer = client.get(url, headers={"Authorization": f"Bearer {TOKEN}"})
        return {secret["name"] for secret in answer.json()}


@pytest.fixture
def syncs(client: Client, sandbox: Sandbox) -> Syncs:
    return Syncs(client, sandbox)


def effects(page: PageUnderTest) -> dict[str, str]:
    """What happens to each name, by the table of the plan."""
    rows = [row for row in page.all("tr") if row.get("data-name")]
    return {row.get("data-name", ""): row.get("data-effect", "") for row in rows}


def findings(page: PageUnderTest) -> set[str]:
    return {
        one.get("data-finding", "")
        for one in page.all("div", "li", "p", "section")
        if one.get("data-finding")
    }


def status(page: PageUnderTest) -> str:
    element = page.by_id("sync-status")
    assert element is not None
    return str(element.get("data-status"))


# ── What and where ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_form_is_filled_in_as_far_as_one_thing_can_be_meant(syncs: Syncs) -> None:
    form = syncs.form
    assert form.field("secret_path") == "/"
    assert form.field("key_schema") == "{{secretKey}}"
    assert form.field("name") == "dev-to-supabase"
    assert form.field("supabase_project") == ""
    assert form.chosen_fields()["auto_sync"] == "1"
    assert "delete_others" not in form.chosen_fields()


def test_only_the_chosen_folder_tells_how_many_names_it_holds(syncs: Syncs) -> None:
    page = read_page(syncs.post(**syncs.fields(), use_secret_path="/edge").text)
    folders = page.text_of("source-list")
    assert page.field("secret_path") == "/edge"
    assert folders.count("names") == 1
    assert page.field("name") == "dev-to-shop"


def test_a_folder_that_is_not_there_is_refused_on_the_form(syncs: Syncs) -> None:
    answer = syncs.post(**syncs.fields(secret_path="/nope"), review="1")
    assert answer.status_code == 422
    assert "no such folder" in read_page(answer.text).error("secret_path")
    assert not syncs.sent


def test_the_address_of_a_project_in_the_dashboard_is_its_reference(syncs: Syncs) -> None:
    typed = f"https://supabase.com/dashboard/project/{STAGING}/settings/general"
    assert syncs.review(supabase_project=typed).field("supabase_project") == STAGING


def test_what_is_no_project_is_refused_at_its_field(syncs: Syncs) -> None:
    answer = syncs.post(**syncs.fields(supabase_project="shop"), review="1")
    assert answer.status_code == 422
    assert "reference of 20 letters" in read_page(answer.text).error("supabase_project")


def test_a_token_in_another_field_is_taken_out_and_asked_nowhere(syncs: Syncs) -> None:
    answer = syncs.post(**syncs.fields(description=f"with {TOKEN}"), review="1")
    assert answer.status_code == 422
    assert TOKEN not in answer.text


# ── The plan ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_review_names_what_would_be_written_and_sends_nothing(syncs: Syncs) -> None:
    page = syncs.review()
    shown = effects(page)
    assert {*shown.values()} == {"write"}
    assert len(shown) == 12
    assert "imported from /shared" in page.text
    assert not syncs.sent


def test_the_review_repeats_every_field_and_leads_back_with_all_of_it(syncs: Syncs) -> None:
    page = syncs.review(auto_sync="0", delete_others="1", description="For the shop")
    fields = page.hidden_fields("sync-form")
    assert fields["connection_id"] == [syncs.connection_id]
    back = next(href for text, href in page.links().items() if text.startswith("Change"))
    for said in (
        "auto_sync=0",
        "delete_others=1",
        "description=For+the+shop",
        f"connection={syncs.connection_id}",
    ):
        assert said in back
    again = syncs.client.page(back)
    assert again.field("description") == "For the shop"
    assert "delete_others" in again.chosen_fields()


def test_a_comparison_tells_new_from_overwritten_and_what_stays(syncs: Syncs) -> None:
    page = syncs.review(access_token=TOKEN)
    shown = effects(page)
    assert shown["STRIPE_KEY"] == "overwrite"
    assert shown["DATABASE_URL"] == "create"
    assert shown["CRON_SECRET"] == "keep"
    assert TOKEN not in page.text
    assert "11:42 UTC" in page.text


def test_a_token_of_another_account_is_said_to_be_one(syncs: Syncs) -> None:
    answer = syncs.post(
        **syncs.fields(access_token=TOKEN, supabase_project="abcdefghijklmnopqrst"), review="1"
    )
    assert answer.status_code == 422
    assert "another account" in read_page(answer.text).error("access_token")


def test_what_supabase_refuses_is_named_and_cannot_be_ticked_away(syncs: Syncs) -> None:
    page = syncs.review(secret_path="/edge")
    assert "reserved-name" in findings(page)
    assert "refused" in effects(page).values()
    answer = syncs.confirm(page, use_anyway="1", confirm_removal="all")
    assert answer.status_code == 422
    assert not syncs.sent


def test_one_click_puts_a_prefix_in_front_of_all_names(syncs: Syncs) -> None:
    page = syncs.review(secret_path="/edge")
    answer = syncs.post(**page.hidden_fields("sync-form"), use_key_schema="SHOP_{{secretKey}}")
    again = read_page(answer.text)
    assert answer.status_code == 200
    assert "reserved-name" not in findings(again)
    assert all(name.startswith("SHOP_") for name in effects(again))


def test_an_empty_folder_with_removing_on_is_stopped(syncs: Syncs) -> None:
    page = syncs.review(environment="staging", delete_others="1")
    assert "empties-destination" in findings(page)
    assert syncs.confirm(page, confirm_removal="all", use_anyway="1").status_code == 422
    assert not syncs.sent


def test_two_hundred_rows_are_shown_and_the_rest_on_demand(syncs: Syncs) -> None:
    page = syncs.review(secret_path="/many")
    assert "too-many" in findings(page)


# ── Confirming ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_removal_is_confirmed_by_its_number_and_by_no_other(syncs: Syncs) -> None:
    page = syncs.review(access_token=TOKEN, delete_others="1")
    gone = {name for name, effect in effects(page).items() if effect == "remove"}
    for typed in ("", "all", str(len(gone) + 1), "0"):
        answer = syncs.confirm(page, confirm_removal=typed, use_anyway="1")
        assert answer.status_code == 422, typed
    assert not syncs.sent
    before = syncs.there()
    answer = syncs.confirm(page, confirm_removal=str(len(gone)), use_anyway="1")
    assert answer.status_code == 303
    syncs.sandbox.clock.passes(60)
    syncs.client.page(answer.headers["Location"])
    assert before - syncs.there() == gone


def test_without_a_look_removal_is_confirmed_for_all(syncs: Syncs) -> None:
    page = syncs.review(delete_others="1")
    assert syncs.confirm(page, use_anyway="1").status_code == 422
    assert syncs.confirm(page, use_anyway="1", confirm_removal="all").status_code == 303


def test_a_submit_without_a_review_sends_nothing(syncs: Syncs) -> None:
    answer = syncs.post(**syncs.fields(), submit="1", use_anyway="1")
    assert read_page(answer.text).by_id("plan") is not None
    assert not syncs.sent


def test_a_review_of_other_values_is_no_confirmation(syncs: Syncs) -> None:
    page = syncs.review()
    fields = {**page.hidden_fields("sync-form"), "delete_others": "1"}
    answer = syncs.post(**fields, submit="1", use_anyway="1", confirm_removal="all")
    assert answer.status_code == 422
    assert not syncs.sent


def test_a_folder_that_changed_since_the_review_is_reviewed_anew(syncs: Syncs) -> None:
    page = syncs.review(secret_path="/edge", key_schema="SHOP_{{secretKey}}")
    fields = {**page.hidden_fields("sync-form"), "secret_path": "/"}
    answer = syncs.post(**fields, submit="1", use_anyway="1")
    assert answer.status_code == 422
    again = read_page(answer.text)
    assert "No longer there" in again.text_of("changed")
    assert not syncs.sent


def test_a_review_holds_for_thirty_minutes_and_for_one_person(syncs: Syncs) -> None:
    page = syncs.review()
    syncs.sandbox.clock.now += timedelta(minutes=31)
    answer = syncs.confirm(page, use_anyway="1")
    assert answer.status_code == 422
    assert "30 minutes" in read_page(answer.text).text_of("changed")
    assert not syncs.sent


def test_a_sync_that_was_confirmed_is_created_as_reviewed_and_shown(syncs: Syncs) -> None:
    answer = syncs.confirm(syncs.review(), use_anyway="1")
    assert answer.status_code == 303
    (request,) = syncs.sent
    body = json.loads(request.content)
    assert body["name"] == "dev-to-shop"
    assert body["syncOptions"]["disableSecretDeletion"] is True
    assert body["destinationConfig"]["projectId"] == STAGING
    page = syncs.client.page(answer.headers["Location"])
    assert status(page) == "pending"
    assert "12 names" in page.heading


def test_a_form_that_is_sent_twice_creates_one_sync(syncs: Syncs) -> None:
    page = syncs.review()
    first, second = (syncs.confirm(page, use_anyway="1") for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"].partition("?")[0] == second.headers["Location"].partition("?")[0]


def test_a_name_that_is_taken_brings_the_form_back_with_a_free_one(syncs: Syncs) -> None:
    syncs.created(name="taken")
    answer = syncs.confirm(syncs.review(name="taken", secret_path="/shared"), use_anyway="1")
    assert answer.status_code == 422
    assert read_page(answer.text).field("name") == "dev-shared-to-webshopstagingabcdef"


# ── The page of a sync ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_status_follows_the_run(syncs: Syncs) -> None:
    address = syncs.created()
    seen = []
    for seconds in (1, 2, 3):
        syncs.sandbox.clock.passes(seconds)
        seen.append(status(syncs.client.page(address)))
    assert seen == ["pending", "running", "succeeded"]


def test_a_failed_run_names_the_culprit_and_offers_the_mend(syncs: Syncs, sandbox: Sandbox) -> None:
    address = syncs.created(secret_path="/edge", key_schema="SHOP_{{secretKey}}")
    grant = sandbox.elsewhere.log_in(client_id=SANDBOX_CLIENT_ID, client_secret=Secret(SANDBOX_CLIENT_SECRET))
    # Somebody takes the prefix away at Infisical itself.
    there = SecretSyncs(sandbox.elsewhere.acting_with(grant.access_token), "supabase")
    options = {"initialSyncBehavior": "overwrite-destination", "disableSecretDeletion": True}
    there.change(address.rpartition("/")[2], {"syncOptions": options}, deadline=Deadline.after(5))
    sandbox.clock.passes(100)
    page = syncs.client.page(address)
    assert status(page) == "failed"
    assert "Supabase refuses SUPABASE_" in page.text
    fields = {**page.hidden_fields("sync-form"), "use_key_schema": "SHOP_{{secretKey}}"}
    review = read_page(syncs.post(f"{address}/edit", **fields).text)
    assert "refused" not in effects(review).values()


# ── Later: run, pause, change, delete ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def made(syncs: Syncs) -> str:
    """The address of a sync that has run, removes nothing and does not run by itself."""
    address = syncs.created(auto_sync="0")
    syncs.sandbox.sent.clear()
    return address


@pytest.fixture
def removing(syncs: Syncs) -> str:
    """The same with removing on."""
    address = syncs.created(auto_sync="0", delete_others="1")
    syncs.sandbox.sent.clear()
    return address


def press(syncs: Syncs, address: str, button: str, page: PageUnderTest | None = None) -> TestResponse:
    """Presses a button on the page of a sync."""
    shown = page or syncs.client.page(address)
    return syncs.post(address, **shown.hidden_fields("actions"), **{button: "1"})


def test_sync_now_is_one_press_where_nothing_is_removed(syncs: Syncs, made: str) -> None:
    answer = press(syncs, made, "run")
    assert answer.status_code == 303
    assert [one.url.path.rpartition("/")[2] for one in syncs.sent] == ["sync-secrets"]
    assert status(syncs.client.page(answer.headers["Location"])) == "pending"


def test_a_button_pressed_twice_queues_once(syncs: Syncs, made: str) -> None:
    page = syncs.client.page(made)
    answers = [press(syncs, made, "run", page) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(syncs.sent) == 1


def test_sync_now_with_removing_on_is_reviewed_first(syncs: Syncs, removing: str) -> None:
    answer = press(syncs, removing, "run")
    assert answer.status_code == 200
    page = read_page(answer.text)
    assert "removes" in findings(page)
    assert not syncs.sent
    assert syncs.confirm(page, removing, use_anyway="1").status_code == 422
    answer = syncs.confirm(page, removing, use_anyway="1", confirm_removal="all")
    assert answer.status_code == 303
    assert len(syncs.sent) == 1


def test_the_review_of_a_run_can_be_compared_with_supabase(syncs: Syncs, removing: str) -> None:
    page = read_page(press(syncs, removing, "run").text)
    fields = {**page.hidden_fields("sync-form"), "access_token": TOKEN, "review": "1"}
    again = read_page(syncs.post(removing, **fields).text)
    assert "remove" in effects(again).values()


def test_pausing_is_one_press_and_resuming_with_removing_on_is_reviewed(syncs: Syncs) -> None:
    address = syncs.created(delete_others="1")
    syncs.sandbox.clock.passes(60)
    syncs.sandbox.sent.clear()
    assert press(syncs, address, "pause").status_code == 303
    (request,) = syncs.sent
    assert json.loads(request.content) == {"isAutoSyncEnabled": False}
    answer = press(syncs, address, "resume")
    assert answer.status_code == 200
    assert "removes" in findings(read_page(answer.text))
    assert len(syncs.sent) == 1


def test_switching_removing_on_asks_before_anything_is_sent(syncs: Syncs) -> None:
    address = syncs.created()
    syncs.sandbox.clock.passes(60)
    syncs.sandbox.sent.clear()
    form = syncs.client.page(f"{address}/edit")
    fields = syncs.fields() | form.hidden_fields("sync-form") | {"auto_sync": "1", "delete_others": "1"}
    answer = syncs.post(f"{address}/edit", **fields, submit="1", use_anyway="1")
    page = read_page(answer.text)
    assert "removes" in findings(page)
    assert not syncs.sent
    answer = syncs.confirm(page, f"{address}/edit", use_anyway="1", confirm_removal="all")
    assert answer.status_code == 303
    (request,) = syncs.sent
    assert [*json.loads(request.content)] == ["syncOptions"]


def test_a_change_that_removes_nothing_is_saved_at_once(syncs: Syncs, made: str) -> None:
    form = syncs.client.page(f"{made}/edit")
    assert form.field("name") == "dev-to-shop"
    fields = syncs.fields(auto_sync="0", description="For the shop") | form.hidden_fields("sync-form")
    answer = syncs.post(f"{made}/edit", **fields, submit="1", use_anyway="1")
    assert answer.status_code == 303
    (request,) = syncs.sent
    assert json.loads(request.content) == {"description": "For the shop"}


def test_what_somebody_else_changed_meanwhile_is_shown_and_not_written_over(syncs: Syncs, made: str) -> None:
    form, other = (syncs.client.page(f"{made}/edit") for _ in range(2))
    fields = syncs.fields(auto_sync="0", description="Theirs") | form.hidden_fields("sync-form")
    syncs.post(f"{made}/edit", **fields, submit="1", use_anyway="1")
    syncs.sandbox.sent.clear()
    fields = syncs.fields(auto_sync="0", name="mine") | other.hidden_fields("sync-form")
    answer = syncs.post(f"{made}/edit", **fields, submit="1", use_anyway="1")
    page = read_page(answer.text)
    assert (answer.status_code, page.problem) == (409, "changed-meanwhile")
    assert "Theirs" in page.text
    assert not syncs.sent


def test_a_run_moves_nothing_that_counts_as_a_change(syncs: Syncs, made: str) -> None:
    form = syncs.client.page(f"{made}/edit")
    press(syncs, made, "run")
    syncs.sandbox.clock.passes(60)
    fields = syncs.fields(auto_sync="0", description="For the shop") | form.hidden_fields("sync-form")
    assert syncs.post(f"{made}/edit", **fields, submit="1", use_anyway="1").status_code == 303


def delete(syncs: Syncs, address: str, **typed: str) -> TestResponse:
    page = syncs.client.page(f"{address}/delete")
    return syncs.post(f"{address}/delete", **page.hidden_fields("sync-form"), **typed, submit="1")


def test_deleting_keeps_what_is_in_supabase_unless_told_otherwise(syncs: Syncs, made: str) -> None:
    press(syncs, made, "run")
    syncs.sandbox.clock.passes(60)
    syncs.client.page(made)
    before = syncs.there()
    answer = delete(syncs, made, confirm_name="dev-to-shop")
    assert answer.status_code == 303
    assert "dev-to-shop was deleted" in syncs.client.page(answer.headers["Location"]).text_of("done")
    assert syncs.there() == before


def test_another_name_deletes_nothing(syncs: Syncs, made: str) -> None:
    answer = delete(syncs, made, confirm_name="dev-to")
    assert answer.status_code == 422
    assert "This is not dev-to-shop" in read_page(answer.text).error("confirm_name")
    assert not syncs.sent


def test_deleting_with_its_secrets_waits_on_the_page_until_it_is_gone(syncs: Syncs, made: str) -> None:
    press(syncs, made, "run")
    syncs.sandbox.clock.passes(60)
    answer = delete(syncs, made, confirm_name="dev-to-shop", remove_secrets="1")
    waiting = answer.headers["Location"]
    assert status(syncs.client.page(waiting)) == "removing"
    syncs.sandbox.clock.passes(10)
    page = syncs.client.page(waiting)
    assert "dev-to-shop was deleted" in page.text_of("done")
    assert "DATABASE_URL" not in syncs.there()


# ── No answer ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_for_no_answer_finds_the_sync_and_sends_nothing(syncs: Syncs) -> None:
    query = f"&environment=dev&secret_path=/&connection={syncs.connection_id}&supabase_project={STAGING}"
    query += f"&supabase_project_name={STAGING}&auto_sync=1&name=dev-to-shop&since=2026-11-23T11:42:00Z"
    address = f"/syncs/new/supabase/outcome?project={PAYMENTS_ID}{query}"
    assert syncs.client.page(address).problem == "outcome-unknown"
    syncs.created()
    sent = len(syncs.sent)
    page = syncs.client.page(address)
    assert status(page) == "pending"
    assert len(syncs.sent) == sent
