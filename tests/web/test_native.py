"""Moving a native integration to a sync: how far it is, what each step sends, and that no name is missing at any moment."""

import json
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.core.http import Deadline
from app.infisical.native import NativeIntegrations
from app.infisical.sync_models import SyncSettings
from app.infisical.syncs import SecretSyncs
from tests.conftest import Client, Clock, Sandbox, new_client, sandbox_in
from tests.pages import PageUnderTest, read_page
from tests.sandbox.world import PAYMENTS_ID, WEBSHOP_ID

from .test_sync_guards import an_admin_of
from .test_syncs import Syncs, findings

LIST = f"/native?project={PAYMENTS_ID}"


class Moves:
    """Somebody without JavaScript who moves native integrations."""

    def __init__(self, client: Client, sandbox: Sandbox) -> None:
        self.client, self.sandbox, self.syncs = client, sandbox, Syncs(client, sandbox)
        page = client.page(LIST)
        cards = [one for one in page.all("section") if one.get("id", "").startswith("native-")]
        self.ids = [one.get("id", "").removeprefix("native-") for one in cards]

    def address(self, at: int) -> str:
        return f"/native/{self.ids[at]}/move?project={PAYMENTS_ID}"

    def page(self, at: int) -> PageUnderTest:
        return self.client.page(self.address(at))

    def press(self, at: int, button: str, page: PageUnderTest | None = None, **typed: str) -> TestResponse:
        shown = page or self.page(at)
        form = shown.by_id("move-form")
        assert form is not None
        data = {**shown.hidden_fields("move-form"), **typed, button: "1"}
        return self.client.post(form.get("action", ""), data=data)

    def step(self, at: int) -> str:
        (main,) = self.page(at).all("main")
        return str(main.get("data-step"))

    def make_sync(self, at: int, **typed: str) -> TestResponse:
        """The sync that the move's page leads to, reviewed and created as it is filled in."""
        href = next(url for text, url in self.page(at).links().items() if text == "Fill in the sync")
        form = self.client.page(href)
        chosen = {
            **form.chosen_fields(),
            **{name: form.field(name) for name in ("secret_path", "key_schema", "name")},
        }
        selected = {
            select.get("name", ""): next(
                (one.get("value", "") for one in select.iter() if one.get("selected") is not None), ""
            )
            for select in form.all("select")
        }
        fields = {**form.hidden_fields("sync-form"), **chosen, **selected, "access_token": ""}
        fields.setdefault("supabase_project", form.field("supabase_project"))
        answer = self.syncs.post(**{**fields, **typed}, review="1")
        page = read_page(answer.text)
        if answer.status_code != 200 or page.by_id("submit") is None:
            return answer
        made = self.syncs.confirm(page, use_anyway="1")
        self.sandbox.clock.passes(20)
        return made


@pytest.fixture
def moves(client: Client, sandbox: Sandbox) -> Moves:
    return Moves(client, sandbox)


OFF, ON = 0, 1
"""The integrations of the sandbox: one that is off and has no project, one that is on and has a prefix."""
LEGACY, LEGACY_NAME = "legacyshopabcdefghij", "Production /reports to legacy-shop"


def names_at_supabase(moves: Moves) -> set[str]:
    """What is there once all that was due by now has run."""
    moves.sandbox.clock.passes(20)
    moves.client.page(LIST)
    return moves.syncs.there(LEGACY)


def test_the_list_tells_each_one_and_how_long_it_is_until_the_end(moves: Moves) -> None:
    page = moves.client.page(LIST)
    assert "5 August 2027, in more than 8 months" in page.text
    assert LEGACY_NAME in page.text
    assert "OLD_ in front" in page.text
    assert "1 native integration of another kind is not shown" in page.text
    assert len(moves.ids) == 2


def test_both_lists_have_a_tab_for_them_only_where_there_are_any(moves: Moves) -> None:
    for address in ("/connections", "/syncs"):
        page = moves.client.page(f"{address}?project={PAYMENTS_ID}")
        assert f"/native?project={PAYMENTS_ID}" in page.links().values(), address
        page = moves.client.page(f"{address}?project={WEBSHOP_ID}")
        assert not [url for url in page.links().values() if url.startswith("/native")], address


def test_one_that_is_on_is_moved_and_no_name_is_missing_at_any_moment(moves: Moves) -> None:
    before = names_at_supabase(moves)
    assert moves.step(ON) == "sync"
    assert moves.make_sync(ON).status_code == 303
    assert before <= names_at_supabase(moves)
    assert moves.step(ON) == "off"
    assert moves.press(ON, "off").status_code == 303
    assert before <= names_at_supabase(moves)
    assert moves.step(ON) == "run"
    assert moves.press(ON, "run").status_code == 303
    assert before <= names_at_supabase(moves)
    assert moves.step(ON) == "remove"
    wrong = moves.press(ON, "remove", confirm_name="Production /reports")
    assert wrong.status_code == 422
    done = moves.press(ON, "remove", confirm_name=LEGACY_NAME)
    assert done.status_code == 303
    assert "was deleted" in moves.client.page(done.headers["Location"]).text_of("done")
    assert before <= names_at_supabase(moves)
    sent = [one for one in moves.sandbox.sent if "/integration" in one.url.path and one.method != "GET"]
    assert [one.method for one in sent] == ["PATCH", "DELETE"]
    assert json.loads(sent[0].content)["secretPath"] == "/reports"
    assert not sent[1].content
    assert "content-type" not in sent[1].headers


def test_the_sync_is_filled_in_from_the_old_one(moves: Moves) -> None:
    href = next(url for text, url in moves.page(ON).links().items() if text == "Fill in the sync")
    form = moves.client.page(href)
    assert form.field("secret_path") == "/reports"
    assert form.field("supabase_project") == LEGACY
    assert form.field("key_schema") == "OLD_{{secretKey}}"
    assert "delete_others" not in form.chosen_fields()
    assert form.chosen_fields()["auto_sync"] == "1"


def test_a_sync_with_other_names_waits_until_the_old_one_is_off(moves: Moves) -> None:
    before = names_at_supabase(moves)
    refused = moves.make_sync(ON, key_schema="NEW_{{secretKey}}")
    page = read_page(refused.text)
    assert "fights" in findings(page)
    assert "Switch it off" in page.text
    first = moves.client.page(moves.address(ON) + "&first=off")
    assert moves.press(ON, "off", first).status_code == 303
    assert moves.step(ON) == "sync"
    assert moves.make_sync(ON, key_schema="NEW_{{secretKey}}").status_code == 303
    assert before <= names_at_supabase(moves)


@pytest.mark.parametrize("steps", [["off"], ["off", "run"]])
def test_going_back_pauses_the_sync_and_switches_the_old_one_on_with_every_name_there(
    moves: Moves, steps: list[str]
) -> None:
    before = names_at_supabase(moves)
    moves.make_sync(ON)
    names_at_supabase(moves)
    for step in steps:
        moves.press(ON, step)
        assert before <= names_at_supabase(moves)
    moves.sandbox.sent.clear()
    assert moves.press(ON, "on").status_code == 303
    sent = [one for one in moves.sandbox.sent if one.method == "PATCH"]
    assert ["secret-syncs" in one.url.path for one in sent] == [True, False]
    assert before <= names_at_supabase(moves)
    assert moves.step(ON) == "off"


def test_one_without_a_project_that_is_off_is_moved_once_the_project_is_chosen(moves: Moves) -> None:
    assert moves.step(OFF) == "sync"
    assert moves.make_sync(OFF, supabase_project="webshopstagingabcdef", auto_sync="1").status_code == 303
    moves.sandbox.clock.passes(20)
    assert moves.step(OFF) == "remove"


def test_a_sync_that_does_not_run_by_itself_leads_back_to_the_move_it_was_made_for(moves: Moves) -> None:
    made = moves.make_sync(OFF, supabase_project="webshopstagingabcdef")
    page = moves.client.page(made.location)
    assert "not-run" in [one.get("data-status") for one in page.all("div")]
    assert moves.ids[OFF] in page.links()["Back to the move"]


def test_what_was_off_before_is_switched_on_only_once_that_is_confirmed(moves: Moves) -> None:
    moves.make_sync(OFF, supabase_project="webshopstagingabcdef", auto_sync="1")
    moves.sandbox.clock.passes(20)
    moves.sandbox.sent.clear()
    assert moves.press(OFF, "on").status_code == 422
    assert not [one for one in moves.sandbox.sent if one.method == "PATCH"]
    assert moves.press(OFF, "on", confirm_removal="all").status_code == 303


def test_somebody_else_comes_back_to_the_step_where_it_was_left(moves: Moves, sandbox: Sandbox) -> None:
    moves.make_sync(ON)
    moves.press(ON, "off")
    another = new_client(sandbox.app)
    with another:
        (main,) = another.page(moves.address(ON)).all("main")
    assert main.get("data-step") == "run"


def test_what_somebody_changed_meanwhile_is_told_and_nothing_is_sent(moves: Moves) -> None:
    moves.make_sync(ON)
    page = moves.page(ON)
    moves.press(ON, "off")
    moves.sandbox.sent.clear()
    answer = moves.press(ON, "off", page)
    assert answer.status_code == 409
    assert not [one for one in moves.sandbox.sent if one.method == "PATCH"]


def test_no_step_is_taken_out_of_its_order(moves: Moves) -> None:
    assert moves.press(ON, "remove", confirm_name=LEGACY_NAME).status_code == 409
    assert moves.press(ON, "on").status_code == 409
    assert moves.press(ON, "run").status_code == 409
    moves.make_sync(ON)
    assert moves.press(ON, "remove", confirm_name=LEGACY_NAME).status_code == 409
    sent = [one for one in moves.sandbox.sent if "/integration" in one.url.path and one.method != "GET"]
    assert not sent


def test_each_step_is_in_the_audit_log(tmp_path: Path, clock: Clock) -> None:
    sandbox = sandbox_in(tmp_path, clock, CONNECT_AUDIT_LOG=str(tmp_path / "audit.jsonl"))
    moves = Moves(new_client(sandbox.app), sandbox)
    moves.make_sync(ON)
    moves.press(ON, "off")
    moves.press(ON, "on")
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    told = [(line["action"], line["result"]) for line in lines if "native" in line["action"]]
    assert told == [("native-off", "ok"), ("native-on", "ok")]
    assert {line["integration_id"] for line in lines if "native" in line["action"]} == {moves.ids[ON]}


def test_no_answer_to_a_step_leads_to_a_page_that_looks_until_it_is_there(moves: Moves) -> None:
    moves.make_sync(ON)
    before = moves.page(ON)
    (seen,) = before.hidden_fields("move-form")["seen"]

    def look(action: str, state: str) -> TestResponse:
        address = f"/native/{moves.ids[ON]}/outcome?project={PAYMENTS_ID}&action={action}"
        return moves.client.get(f"{address}&since=2026-11-23T11:42:07Z&state={state}")

    moves.sandbox.sent.clear()
    assert "Not switched off yet" in read_page(look("off", seen).text).text
    assert not changes_sent(moves)
    moves.press(ON, "off", before)
    found = look("off", seen)
    assert (found.status_code, "/move?" in found.location) == (303, True)
    (off,) = moves.page(ON).hidden_fields("move-form")["seen"]
    moves.client.page(moves.address(ON))
    moves.press(ON, "run")
    moves.sandbox.clock.passes(60)
    moves.press(ON, "remove", confirm_name=LEGACY_NAME)
    gone = look("remove", off)
    assert gone.status_code == 303
    assert LEGACY_NAME in moves.client.page(gone.location).text_of("done")


# ── What must not be taken for a move, or be lost by one ─────────────────────────────────────────────────────────────


def another_sync(
    moves: Moves, name: str, *, at: tuple[str, str] = ("prod", "/reports"), **settings: Any
) -> str:
    """A sync that somebody makes at Infisical itself."""
    told = {"ref": LEGACY, "project_name": "shop", "key_schema": "OLD_{{secretKey}}", **settings}
    made = SecretSyncs(an_admin_of(moves.sandbox), "supabase").create(
        SyncSettings(
            name=name, environment=at[0], path=at[1], connection_id=moves.syncs.connection_id, **told
        ),
        project_id=PAYMENTS_ID,
        deadline=Deadline.after(5),
    )
    moves.sandbox.clock.passes(20)
    return made.id


def changes_sent(moves: Moves) -> list[str]:
    return [
        one.method for one in moves.sandbox.sent if "/integration" in one.url.path and one.method != "GET"
    ]


def test_a_sync_with_other_names_is_not_taken_for_one_that_names_no_project(moves: Moves) -> None:
    another_sync(
        moves, "unrelated", at=("dev", "/shared"), ref="webshopproductionabc", key_schema="X_{{secretKey}}"
    )
    assert moves.step(OFF) == "sync"


def test_the_sync_that_writes_the_same_names_takes_the_place_whatever_it_is_called(moves: Moves) -> None:
    another_sync(moves, "aaa-other", key_schema="NEW_{{secretKey}}", runs_by_itself=False)
    another_sync(moves, "zzz-right")
    assert "zzz-right" in moves.page(ON).text
    assert "aaa-other" not in moves.page(ON).text


def test_a_sync_that_removes_and_writes_other_names_takes_no_place(moves: Moves) -> None:
    another_sync(moves, "wipe", key_schema="", deletes=True, runs_by_itself=False)
    assert moves.step(ON) == "sync"


def test_a_sync_that_is_being_deleted_takes_no_place(moves: Moves) -> None:
    sync_id = another_sync(moves, "going")
    assert moves.step(ON) == "off"
    client = SecretSyncs(an_admin_of(moves.sandbox), "supabase")
    client.delete(sync_id, remove_secrets=True, deadline=Deadline.after(5))
    assert moves.step(ON) == "sync"


def test_with_other_names_the_old_one_is_removed_only_once_that_is_ticked(moves: Moves) -> None:
    moves.press(ON, "off", moves.client.page(moves.address(ON) + "&first=off"))
    moves.make_sync(ON, key_schema="NEW_{{secretKey}}", auto_sync="1")
    moves.sandbox.clock.passes(20)
    assert moves.step(ON) == "remove"
    assert moves.press(ON, "remove", confirm_name=LEGACY_NAME).status_code == 422
    assert moves.press(ON, "remove", confirm_name=LEGACY_NAME, use_anyway="1").status_code == 303


def test_switched_off_first_it_can_be_switched_on_again_and_the_sync_runs_by_itself_as_before(
    moves: Moves,
) -> None:
    answer = moves.press(ON, "off", moves.client.page(moves.address(ON) + "&first=off"))
    page = moves.client.page(answer.headers["Location"])
    href = next(url for text, url in page.links().items() if text == "Fill in the sync")
    assert "auto_sync=1" in href
    assert moves.press(ON, "on", page, confirm_removal="all").status_code == 303


def test_going_back_is_asked_first_where_others_write_to_the_same_project(moves: Moves) -> None:
    moves.make_sync(ON)
    moves.press(ON, "off")
    another_sync(moves, "web", at=("prod", "/"), key_schema="")
    moves.sandbox.sent.clear()
    assert moves.press(ON, "on").status_code == 422
    assert not changes_sent(moves)
    assert moves.press(ON, "on", confirm_removal="all").status_code == 303


def test_another_one_that_writes_to_the_same_project_is_named_before_the_switch_off(moves: Moves) -> None:
    moves.make_sync(ON)
    natives = NativeIntegrations(an_admin_of(moves.sandbox))
    (there,) = (one for one in natives.all(PAYMENTS_ID) if one.id == moves.ids[OFF])
    natives.switch(there.model_copy(update={"ref": LEGACY}), on=True, deadline=Deadline.after(5))
    page = moves.page(ON)
    assert f"Development /shared to {LEGACY} is on too" in page.text_of("use_anyway-help")
    assert moves.press(ON, "off", page).status_code == 422
    assert moves.press(ON, "off", page, use_anyway="1").status_code == 303


def test_what_else_changed_is_told_in_the_words_of_the_page(moves: Moves) -> None:
    moves.make_sync(ON)
    services = moves.sandbox.app.extensions["infisical_connect"]
    signed = services.sign(["off", ["environment_slug", "ref"]], purpose=f"moved.{moves.ids[ON]}")
    page = moves.client.page(f"{moves.address(ON)}&done={signed}")
    assert page.text_of("done").endswith("not as it was: the environment, the project.")


def test_a_step_is_held_to_the_sync_that_its_page_showed(moves: Moves) -> None:
    moves.make_sync(ON)
    moves.press(ON, "off")
    moves.press(ON, "run")
    moves.sandbox.clock.passes(20)
    page = moves.page(ON)
    client = SecretSyncs(an_admin_of(moves.sandbox), "supabase")
    (sync,) = [one for one in client.all(PAYMENTS_ID) if one.ref == LEGACY]
    client.change(sync.id, {"isAutoSyncEnabled": False}, deadline=Deadline.after(5))
    moves.sandbox.sent.clear()
    assert moves.press(ON, "remove", page, confirm_name=LEGACY_NAME).status_code == 409
    assert not changes_sent(moves)


def test_nothing_is_switched_off_while_the_sync_runs(moves: Moves) -> None:
    moves.make_sync(ON)
    client = SecretSyncs(an_admin_of(moves.sandbox), "supabase")
    (sync,) = [one for one in client.all(PAYMENTS_ID) if one.ref == LEGACY]
    client.run(sync.id, deadline=Deadline.after(5))
    moves.sandbox.sent.clear()
    assert moves.press(ON, "off").status_code == 409
    assert not changes_sent(moves)


def test_a_post_to_another_project_tells_nothing_of_a_deletion(moves: Moves) -> None:
    page = moves.page(ON)
    address = f"/native/{moves.ids[ON]}/move?project={WEBSHOP_ID}"
    answer = moves.client.post(
        address, data={**page.hidden_fields("move-form"), "confirm_name": "any words", "remove": "1"}
    )
    assert (answer.status_code, read_page(answer.text).problem) == (404, "not-found")
