"""What becomes of a connection later: its details edited, its token replaced, the connection deleted, or no answer."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from app.core.http import Deadline
from app.core.secret import Secret
from app.infisical.models import ConnectionChange
from app.sandbox import SANDBOX_CLIENT_ID, SANDBOX_CLIENT_SECRET, sandbox_token
from tests.conftest import PROJECT, Client, Clock, Sandbox
from tests.every import holds_for_every
from tests.infisical.answers import connection, error
from tests.pages import PageUnderTest, read_page
from tests.sandbox.world import PAYMENTS_ID

CONNECTION = "adb321fa-eccb-491a-98b9-d58994355946"
AT = f"/connections/supabase/{CONNECTION}"


def made(client: Client, **fields: str) -> str:
    """The address of a connection that was just created here."""
    answer = client.fill_in(**{"name": "mine", "access_token": sandbox_token(), **fields})
    assert answer.status_code == 303, read_page(answer.text).summary
    return answer.location.partition("?")[0]


def send(client: Client, address: str, page: PageUnderTest | None = None, /, **fields: str) -> Any:
    """Opens a form that changes a connection, or takes one that was opened before, and submits it."""
    page = page or client.page(address)
    standing = {
        name: page.field(name)
        for name in ("name", "description", "instance_url")
        if page.by_id(name) is not None
    }
    return client.post(
        address, data={**page.hidden_fields("connection-form"), **standing, "submit": "1", **fields}
    )


def changes(sandbox: Sandbox) -> list[tuple[str, Any]]:
    """What was sent to change something: the method, and the body."""
    return [
        (request.method, json.loads(request.content) if request.content else None)
        for request in sandbox.sent
        if request.method in ("PATCH", "DELETE")
    ]


def replaced(client: Client, at: str) -> None:
    assert send(client, f"{at}/token", access_token=sandbox_token("8910")).status_code == 303


def somebody_else_describes(sandbox: Sandbox, at: str, description: str) -> None:
    grant = sandbox.elsewhere.log_in(client_id=SANDBOX_CLIENT_ID, client_secret=Secret(SANDBOX_CLIENT_SECRET))
    change = ConnectionChange(description=description)
    theirs = sandbox.elsewhere.acting_with(grant.access_token)
    theirs.change("supabase", at.rpartition("/")[2], change, deadline=Deadline.after(5))


# ── Details ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_what_is_another_is_sent_and_the_page_says_what_changed(
    client: Client, sandbox: Sandbox
) -> None:
    at = made(client, description="Jobs")

    def it_is_sent(case: tuple[dict[str, str], Any]) -> None:
        typed, body = case
        sandbox.sent.clear()
        answer = send(client, f"{at}/edit", **typed)
        assert answer.status_code == 303
        assert changes(sandbox) == ([("PATCH", body)] if body else [])
        assert client.page(answer.location).by_id("done") is not None

    holds_for_every(
        (
            ({"name": "other"}, {"name": "other"}),
            ({"description": "Jobs and webhooks"}, {"description": "Jobs and webhooks"}),
            ({"description": ""}, {"description": None}),
            ({"name": "mine", "description": "Both"}, {"name": "mine", "description": "Both"}),
            ({}, None),
        ),
        it_is_sent,
    )


def test_a_description_that_nobody_touched_is_not_sent_whatever_its_white_space(
    client: Client, sandbox: Sandbox
) -> None:
    at = made(client)

    def it_is_not_sent(case: tuple[str, str]) -> None:
        there, posted = case
        somebody_else_describes(sandbox, at, there)
        form = client.page(f"{at}/edit")
        sandbox.sent.clear()
        answer = send(client, f"{at}/edit", form, description=posted)
        assert (answer.status_code, changes(sandbox)) == (303, [])

    holds_for_every((("a\r\nb", "a\r\nb"), (" spaced ", " spaced "), ("a\nb", "a\r\nb")), it_is_not_sent)


def test_what_a_program_leaves_out_stays_as_it_is(client: Client, sandbox: Sandbox) -> None:
    proxy = "https://supabase-proxy.example.com"
    at = made(client, description="Jobs", instance_url=proxy, use_anyway="1")
    for action, typed in (("edit", {"name": "other"}), ("token", {"access_token": sandbox_token("8910")})):
        form = client.page(f"{at}/{action}").hidden_fields("connection-form")
        sandbox.sent.clear()
        client.post(f"{at}/{action}", data={**form, **typed, "use_anyway": "1", "submit": "1"})
        ((_, body),) = changes(sandbox)
        assert "description" not in body
        assert body.get("credentials", {}).get("instanceUrl", proxy) == proxy
        assert client.page(at).text_of("connection-instance-url") == proxy


def test_an_edit_is_refused_at_its_field_with_what_was_typed_kept(client: Client, sandbox: Sandbox) -> None:
    at = made(client)
    sandbox.sent.clear()
    page = read_page(send(client, f"{at}/edit", name="My Connection", description="x" * 256).text)
    assert (page.field("name"), page.field("description")) == ("my-connection", "x" * 256)
    assert "255 characters or fewer" in page.error("description")
    assert changes(sandbox) == []


def test_a_name_that_is_taken_is_told_with_one_that_is_free(client: Client) -> None:
    at = made(client)
    answer = send(client, f"{at}/edit", name="payments-reports")
    page = read_page(answer.text)
    assert (answer.status_code, page.field("name")) == (422, "payments-reports-2")
    assert "exists here" in page.error("name")


# ── The token ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_is_replaced_whole_with_its_date_in_one_call(client: Client, sandbox: Sandbox) -> None:
    at = made(client, description="Jobs.", expires_on="2026-12-01", expires_in_description="1")
    sandbox.sent.clear()
    new = sandbox_token("8910")
    answer = send(
        client, f"{at}/token", access_token=new, expires_on="2027-02-21", expires_in_description="1"
    )
    assert changes(sandbox) == [
        (
            "PATCH",
            {
                "description": "Jobs. Token expires 21 Feb 2027.",
                "credentials": {
                    "accessKey": new,
                    "accessToken": new,
                    "instanceUrl": "https://api.supabase.com",
                },
            },
        )
    ]
    assert "Now delete the old token" in client.page(answer.location).text_of("done")


def test_in_the_sandbox_the_form_for_a_new_token_says_which_to_use(client: Client) -> None:
    at = made(client)
    assert client.page(f"{at}/token").text_of("sandbox-token") == sandbox_token()
    for other in ("edit", "delete"):
        assert client.page(f"{at}/{other}").by_id("sandbox-token") is None


def test_the_old_date_goes_even_where_no_new_one_is_known(client: Client, sandbox: Sandbox) -> None:
    at = made(client, expires_on="2026-12-01", expires_in_description="1")
    sandbox.sent.clear()
    send(client, f"{at}/token", access_token=sandbox_token("8910"))
    ((_, body),) = changes(sandbox)
    assert body["description"] is None


def test_a_date_that_no_longer_fits_the_description_is_told_at_its_field(
    client: Client, sandbox: Sandbox
) -> None:
    at = made(client, description="x" * 250)
    sandbox.sent.clear()
    fields = {"access_token": sandbox_token(), "expires_on": "2027-02-21", "expires_in_description": "1"}
    page = read_page(send(client, f"{at}/token", **fields).text)
    assert "with the token’s expiry" in page.error("expires_on")
    assert changes(sandbox) == []


def test_a_date_that_is_ticked_away_must_fit_as_well(client: Client, sandbox: Sandbox) -> None:
    at = made(client, description="x" * 250)
    sandbox.sent.clear()
    fields = {"access_token": sandbox_token(), "expires_on": "2028-12-21", "expires_in_description": "1"}
    page = read_page(send(client, f"{at}/token", **fields, use_anyway="1").text)
    assert "with the token’s expiry" in page.error("expires_on")
    assert changes(sandbox) == []


def test_what_infisical_refuses_that_no_field_of_the_form_holds_is_told_of_the_form(
    wizard_at: Callable[..., Client],
) -> None:
    issue = {"path": ["description"], "message": "Too long"}
    refusal = httpx.Response(
        422, json={"reqId": "r", "statusCode": 422, "error": "ValidationFailure", "message": [issue]}
    )
    client = wizard_at(Played(syncs=False, changed=refusal))
    answer = send(client, f"{AT}/token", access_token=sandbox_token())
    assert answer.status_code == 422
    assert "Too long" in str(read_page(answer.text).summary)


@pytest.mark.parametrize(
    ("digits", "words"), [("0401", "does not accept"), ("0403", "lacks"), ("0429", "asks to wait")]
)
def test_a_new_token_goes_through_the_checks_of_the_first(
    client: Client, sandbox: Sandbox, digits: str, words: str
) -> None:
    at = made(client)
    sandbox.sent.clear()
    answer = send(client, f"{at}/token", access_token=sandbox_token(digits))
    assert answer.status_code == 422
    assert words in read_page(answer.text).text
    assert "Nothing was changed." in read_page(answer.text).text
    assert changes(sandbox) == []


def test_a_token_that_does_not_reach_where_the_syncs_write_has_to_be_ticked(
    wizard_at: Callable[..., Client],
) -> None:
    sent: list[httpx.Request] = []
    client = wizard_at(Played(sent, reaches=["another"]))
    fields = {"access_token": sandbox_token()}
    answer = send(client, f"{AT}/token", **fields)
    page = read_page(answer.text)
    assert answer.status_code == 422
    assert "to-shop (shopproductionabcdef)" in page.error("access_token")
    assert "Reaches the Supabase projects of the 1 sync" in page.text_of("checks")
    assert not any(request.method == "PATCH" for request in sent)

    assert send(client, f"{AT}/token", page, use_anyway="1", **fields).status_code == 303
    assert [request.method for request in sent].count("PATCH") == 1


def test_a_token_that_reaches_them_is_taken(wizard_at: Callable[..., Client]) -> None:
    client = wizard_at(Played(reaches=["shopproductionabcdef"]))
    assert send(client, f"{AT}/token", access_token=sandbox_token()).status_code == 303


# ── Deleting ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_connection_is_deleted_once_its_name_is_typed(client: Client, sandbox: Sandbox) -> None:
    at = made(client)
    sandbox.sent.clear()
    answer = send(client, f"{at}/delete", confirm_name="another")
    assert (answer.status_code, changes(sandbox)) == (422, [])
    assert "This is not mine." in read_page(answer.text).error("confirm_name")

    answer = send(client, f"{at}/delete", confirm_name=" mine ")
    assert (answer.status_code, changes(sandbox)) == (303, [("DELETE", None)])
    assert "mine" in client.page(answer.location).text_of("done")
    client.page(at, status=404)


def test_one_that_is_in_use_says_by_what_and_has_no_button_that_must_fail(client: Client) -> None:
    at = client.page(f"/connections?project={PAYMENTS_ID}").links()["payments-reports"]
    page = client.page(f"{at}/delete")
    assert page.problem == "in-use"
    assert "reports-to-webshop" in page.text_of("used-by")
    assert page.by_id("submit") is None


def test_one_that_is_in_use_leads_to_its_syncs_where_they_are_of_one_project(
    wizard_at: Callable[..., Client],
) -> None:
    played = Played()
    links = wizard_at(played).page(f"{AT}/delete").links()
    assert links["Go to this sync"] == f"/syncs?project={PROJECT}&q=mine"
    assert links["to-shop"] == "/syncs/supabase/5c11d7a2-0000-4000-8000-000000000001"
    played.there = [connection(id=CONNECTION, name="mine", projectId=None)]

    def two_projects(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/projects":
            rows = [{"id": id_, "name": id_, "slug": id_, "orgId": "an-organization"} for id_ in ("a", "b")]
            return httpx.Response(200, json={"projects": rows})
        answer = played(request)
        if "secret-syncs" in request.url.path:
            (sync,) = json.loads(answer.read())["secretSyncs"]
            sync["projectId"] = request.url.params["projectId"]
            return httpx.Response(200, json={"secretSyncs": [sync]})
        return answer

    page = wizard_at(two_projects).page(f"{AT}/delete")
    assert "Used by 2 syncs" in page.text_of("used-by")
    assert not any(href.startswith("/syncs?") for href in page.links().values())
    assert page.links()["Back to the connection"] == AT


def test_none_is_said_to_use_it_only_where_all_projects_told(wizard_at: Callable[..., Client]) -> None:
    played = Played(there=[connection(id=CONNECTION, name="mine", projectId=None)])
    others = [f"11d7a2c4-0000-4000-8000-{number:012d}" for number in range(25)]

    def some_tell(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/projects":
            rows = [{"id": id_, "name": id_, "slug": id_, "orgId": "an-organization"} for id_ in others]
            return httpx.Response(200, json={"projects": rows})
        if "secret-syncs" in request.url.path:
            return httpx.Response(200, json={"secretSyncs": []})
        return played(request)

    client = wizard_at(some_tell)
    assert "No sync that can be seen uses it" in client.page(f"{AT}/delete").text
    assert "Nothing stops running" not in client.page(f"{AT}/delete").text
    assert "no syncs" not in client.page(f"{AT}/token").text
    assert "20 of 25 projects" in client.page(AT).text_of("used-by")


def test_one_that_syncs_use_which_nobody_may_see_ends_on_the_same_page(
    wizard_at: Callable[..., Client],
) -> None:
    refusal = "Cannot delete App Connection with existing connections. Remove all existing connections and try again."
    client = wizard_at(Played(syncs=False, changed=error(400, "BadRequest", refusal)))
    page = read_page(send(client, f"{AT}/delete", confirm_name="mine").text)
    assert (page.problem, page.text_of("request-id")) == ("in-use", "req-made-up")


def test_one_that_is_gone_already_is_fine(client: Client, sandbox: Sandbox) -> None:
    at = made(client)
    form = client.page(f"{at}/delete")
    send(client, f"{at}/delete", confirm_name="mine")
    answer = send(client, f"{at}/delete", form, confirm_name="mine")
    assert answer.status_code == 303
    assert client.page(answer.location).text_of("done") == "mine was deleted already."


# ── Two people at once ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_somebody_else_changed_meanwhile_is_shown_and_nothing_is_sent(
    client: Client, sandbox: Sandbox
) -> None:
    at = made(client, description="Jobs")

    def it_is_shown(action: str) -> None:
        form = client.page(f"{at}/{action}")
        somebody_else_describes(sandbox, at, f"Theirs, before {action}")
        sandbox.sent.clear()
        typed = {"edit": {"name": "renamed"}, "token": {"access_token": sandbox_token()}, "delete": {}}
        answer = send(client, f"{at}/{action}", form, **typed[action])
        page = read_page(answer.text)
        assert (answer.status_code, page.problem, changes(sandbox)) == (409, "changed-meanwhile", [])
        assert f"Theirs, before {action}" in page.text

    holds_for_every(("token", "delete", "edit"), it_is_shown)


def test_both_states_can_be_chosen_from_field_by_field(client: Client, sandbox: Sandbox) -> None:
    at = made(client, description="Jobs")
    form = client.page(f"{at}/edit")
    somebody_else_describes(sandbox, at, "Theirs")
    page = read_page(send(client, f"{at}/edit", form, name="renamed").text)
    assert sorted(page.values("name")) == ["mine", "renamed"]
    chosen = {**page.hidden_fields(), "name": "renamed", "description": "Theirs", "submit": "1"}
    assert client.post(f"{at}/edit", data=chosen).status_code == 303
    assert client.page(at).text_of("connection-name") == "renamed"


def test_what_only_one_of_the_two_changed_stays_as_chosen(client: Client, sandbox: Sandbox) -> None:
    at = made(client, description="Jobs")

    def it_stays(case: tuple[Callable[[], object], dict[str, str], dict[str, str]]) -> None:
        theirs, mine, sent = case
        form = client.page(f"{at}/edit")
        theirs()
        page = read_page(send(client, f"{at}/edit", form, **mine).text)
        assert page.problem == "changed-meanwhile"
        sandbox.sent.clear()
        answer = client.post(f"{at}/edit", data={**page.chosen_fields(), "submit": "1"})
        assert (answer.status_code, changes(sandbox)) == (303, [("PATCH", sent)] if sent else [])

    holds_for_every(
        (
            (lambda: replaced(client, at), {"name": "renamed"}, {"name": "renamed"}),
            (lambda: replaced(client, at), {"description": "Mine"}, {"description": "Mine"}),
            (lambda: somebody_else_describes(sandbox, at, "Theirs"), {"description": "Mine too"}, {}),
        ),
        it_stays,
    )


def test_what_was_seen_stands_beside_what_is_there_where_nothing_can_be_chosen(
    client: Client, sandbox: Sandbox
) -> None:
    at = made(client, description="Jobs")

    def both_are_shown(action: str) -> None:
        form = client.page(f"{at}/{action}")
        replaced(client, at)
        somebody_else_describes(sandbox, at, f"Theirs, before {action}")
        before = form.hidden_fields("connection-form")
        answer = client.post(f"{at}/{action}", data={**before, "submit": "1"})
        page = read_page(answer.text)
        assert (answer.status_code, page.problem) == (409, "changed-meanwhile")
        assert "Jobs" in page.text
        somebody_else_describes(sandbox, at, "Jobs")

    holds_for_every(("token", "delete"), both_are_shown)


def test_an_edit_that_is_sent_twice_is_no_change_by_somebody_else(client: Client, sandbox: Sandbox) -> None:
    at = made(client)
    form = client.page(f"{at}/edit")
    send(client, f"{at}/edit", form, name="renamed")
    sandbox.sent.clear()
    assert send(client, f"{at}/edit", form, name="renamed").status_code == 303
    assert changes(sandbox) == []


def test_what_a_page_showed_cannot_be_made_up(client: Client) -> None:
    at = made(client)
    for seen in ("", "made-up"):
        assert read_page(send(client, f"{at}/edit", seen=seen, name="renamed").text).problem == "page-too-old"


# ── No answer ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_answer_leads_to_a_page_that_looks_and_sends_nothing(
    wizard_at: Callable[..., Client], clock: Clock
) -> None:
    def it_looks(case: tuple[str, dict[str, str], dict[str, Any] | None, str]) -> None:
        action, typed, later, told = case
        sent: list[httpx.Request] = []
        there = [connection(id=CONNECTION, name="mine", projectId=PROJECT)]
        client = wizard_at(Played(sent, there=there, changed=None, syncs=False))
        answer = send(client, f"{AT}/{action}", **typed)
        assert answer.status_code == 303
        waiting = client.page(answer.location)
        assert waiting.problem == "outcome-unknown"
        assert "yet." in waiting.text
        there[:] = [] if later is None else [{**there[0], **later}]
        answer = client.get(answer.location)
        assert told in (client.page(answer.location) if answer.location else read_page(answer.text)).text
        assert [request.method for request in sent if request.method in ("PATCH", "DELETE")] == [
            "DELETE" if action == "delete" else "PATCH"
        ]

    token = {"access_token": sandbox_token()}
    holds_for_every(
        (
            ("edit", {"name": "renamed"}, {"name": "renamed"}, "The name was changed"),
            ("edit", {"name": "renamed"}, {"name": "theirs"}, "by somebody else"),
            ("edit", {"name": "renamed"}, None, "no longer there"),
            ("token", token, {"credentialsHash": "another"}, "by this hand or another"),
            ("token", token, {"description": "Theirs"}, "by somebody else"),
            ("delete", {"confirm_name": "mine"}, None, "mine"),
        ),
        it_looks,
    )


def test_the_page_for_no_answer_leads_to_itself_whatever_the_description(
    wizard_at: Callable[..., Client],
) -> None:
    def it_does(description: str) -> None:
        there = [connection(id=CONNECTION, name="mine", projectId=PROJECT, description=description)]
        client = wizard_at(Played(there=there, changed=None, syncs=False))
        waiting = client.page(send(client, f"{AT}/edit", name="renamed").location)
        for link in ("Check now", "Stop checking"):
            page = client.page(waiting.links()[link])
            assert page.problem == "outcome-unknown"
            assert "Looked: not changed yet." in page.text

    holds_for_every(("", "Jobs", "".join(map(chr, range(0x4E00, 0x4E00 + 255)))), it_does)


def test_a_failure_that_may_have_written_is_not_called_nothing(wizard_at: Callable[..., Client]) -> None:
    client = wizard_at(Played(syncs=False, changed=error(500, "InternalServerError", "Something went wrong")))
    page = read_page(send(client, f"{AT}/edit", name="renamed").text)
    assert "It is not certain whether mine was changed." in page.text
    assert "Look whether it was changed" in page.links()


def test_a_right_that_is_missing_is_named(wizard_at: Callable[..., Client]) -> None:
    for action, typed in (("edit", {"name": "renamed"}), ("delete", {"confirm_name": "mine"})):
        denied = error(
            403, "PermissionDenied", f"You are not allowed to {action}-app-connections on app-connections"
        )
        client = wizard_at(Played(syncs=False, changed=denied))
        page = read_page(send(client, f"{AT}/{action}", **typed).text)
        assert page.problem == "permission-denied"
        assert f"{action}-app-connections" in page.text
        assert "kept nowhere" not in page.text


def test_each_change_is_in_the_audit_log(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    at = made(client)
    send(client, f"{at}/edit", name="renamed")
    send(client, f"{at}/token", access_token=sandbox_token("8910"))
    send(client, f"{at}/delete", confirm_name="renamed")
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    told = [(line["action"], line["result"]) for line in lines]
    assert told == [("create", "ok"), ("change", "ok"), ("replace", "ok"), ("delete", "ok")]
    assert "sbp_" not in str(lines)


@dataclass
class Played:
    """An Infisical with one connection, which one sync uses, and a Supabase whose token reaches these projects. None in
    `changed` is no answer to a change."""

    sent: list[httpx.Request] = field(default_factory=list)
    there: list[dict[str, Any]] = field(
        default_factory=lambda: [connection(id=CONNECTION, name="mine", projectId=PROJECT)]
    )
    reaches: Sequence[str] = ()
    syncs: bool = True
    changed: httpx.Response | str | None = "ok"

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if request.url.host == "api.supabase.com":
            rows = [{"id": ref, "name": ref} for ref in self.reaches]
            return httpx.Response(200, json=rows if request.url.path == "/v1/projects" else [])
        if request.method in ("PATCH", "DELETE"):
            return self.to_a_change(request)
        if "secret-syncs" in request.url.path:
            return self.to_a_list_of_syncs()
        if request.url.path.startswith("/api/v1/projects"):
            project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
            return httpx.Response(200, json={"project": project})
        if request.url.path == "/api/v1/app-connections":
            return httpx.Response(200, json={"appConnections": self.there})
        gone = error(404, "NotFound", f"Could not find App Connection with ID {CONNECTION}")
        return httpx.Response(200, json={"appConnection": self.there[0]}) if self.there else gone

    def to_a_change(self, request: httpx.Request) -> httpx.Response:
        if self.changed is None:
            raise httpx.ReadTimeout("no answer", request=request)
        if isinstance(self.changed, str):
            return httpx.Response(200, json={"appConnection": self.there[0]})
        return self.changed

    def to_a_list_of_syncs(self) -> httpx.Response:
        if not self.syncs:
            return error(403, "PermissionDenied", "You are not allowed to read on secret-syncs")
        sync = {
            "id": "5c11d7a2-0000-4000-8000-000000000001",
            "name": "to-shop",
            "projectId": PROJECT,
            "connectionId": CONNECTION,
            "destinationConfig": {"projectId": "shopproductionabcdef", "projectName": "shop"},
        }
        return httpx.Response(200, json={"secretSyncs": [sync]})
