"""The audit log tells who did what: one line for each sign-in, refusal, connection created and outcome unknown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.infisical.errors import NotAMember, ServerFailed
from app.infisical.sync_models import SecretSync
from app.web.problems import result_of
from app.web.services import record
from tests.conftest import FORM, PROJECT, Client, Clock, Sandbox, new_client, sandbox_in
from tests.infisical.answers import connection, error, grant
from tests.sandbox.world import IDENTITIES, PAYMENTS_ID

from .test_detail import sync

Lines = Callable[[], list[dict[str, Any]]]
NO_SUCH = error(404, "NotFound", "Could not find App Connection with name x in project scope.")


@pytest.fixture
def lines(tmp_path: Path) -> Lines:
    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]

    return read


@pytest.fixture
def recorded(tmp_path: Path, clock: Clock) -> Sandbox:
    log = str(tmp_path / "audit.jsonl")
    return sandbox_in(tmp_path, clock, CONNECT_ACCESS="sign-in", CONNECT_AUDIT_LOG=log)


@pytest.fixture
def somebody(recorded: Sandbox) -> Client:
    client = new_client(recorded.app)
    client.sign_in()
    return client


@pytest.fixture
def alone_at(wizard_at: Callable[..., Client], tmp_path: Path) -> Callable[..., Client]:
    """The wizard without sign-in, on an Infisical that the test writes."""
    return lambda answer: wizard_at(
        answer, CONNECT_AUDIT_LOG=str(tmp_path / "audit.jsonl"), CONNECT_PREFLIGHT="off"
    )


def test_a_sign_in_is_told_with_who_how_and_where_from(somebody: Client, lines: Lines) -> None:
    (line,) = lines()
    assert line.pop("request_id")
    assert line == {
        "at": "2026-11-23T11:42:07.000Z",
        "action": "sign-in",
        "result": "ok",
        "subject": "identity:5a4db0c5-0000-4000-8000-000000000001",
        "name": "wizard-admin",
        "way_in": "sign-in",
        "address": "127.0.0.1",
    }


def test_a_refused_sign_in_is_told_with_infisicals_request_id(recorded: Sandbox, lines: Lines) -> None:
    new_client(recorded.app).sign_in(client_secret="made-up-and-wrong")
    (line,) = lines()
    assert (line["action"], line["result"]) == ("sign-in", "refused")
    assert line["subject"] == "client-id:5a4db0c5-0000-4000-8000-000000000001"
    assert line["infisical_request_id"].startswith("req-")


def test_a_created_connection_is_told_with_its_project_its_id_and_its_name(
    somebody: Client, lines: Lines, good_token: str
) -> None:
    answer = somebody.fill_in(f"{FORM}?project=organization", name="mine", access_token=good_token)
    line = lines()[-1]
    assert (line["action"], line["result"], line["project"]) == ("create", "ok", "organization")
    assert line["connection_name"] == "mine"
    assert line["connection_id"] in answer.location
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert line["name"] == "wizard-admin"


def test_what_is_done_to_a_sync_is_told_with_its_project_its_id_and_its_name(
    somebody: Client, lines: Lines
) -> None:
    there = SecretSync.model_validate(sync(name="to-shop"))
    with somebody:
        somebody.get("/projects")
        record("sync-create", "name-taken", project=PROJECT, sync=there.settings)
        record("sync-run", "ok", sync=there)
    new, ran = lines()[-2:]
    assert (new["action"], new["project"], new["sync_name"]) == ("sync-create", PROJECT, "to-shop")
    assert "sync_id" not in new
    assert (ran["action"], ran["project"]) == ("sync-run", PROJECT)
    assert (ran["sync_id"], ran["sync_name"]) == (there.id, "to-shop")


def test_a_name_that_is_taken_is_told(somebody: Client, lines: Lines, clock: Clock, good_token: str) -> None:
    for _ in range(2):
        somebody.fill_in(f"{FORM}?project=organization", name="twice", access_token=good_token)
        clock.passes(5)
    assert [line["result"] for line in lines()] == ["ok", "ok", "name-taken"]


def test_a_token_that_supabase_refuses_is_told(somebody: Client, lines: Lines, good_token: str) -> None:
    somebody.fill_in(name="mine", access_token=f"{good_token[:-4]}0401")
    assert lines()[-1]["result"] == "stopped-by-checks"


def an_infisical(answered: Callable[[], httpx.Response]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return answered()
        if "connection-name" in request.url.path:
            return NO_SUCH
        project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
        return httpx.Response(200, json={"projects": [project], "project": project})

    return answer


def test_an_outcome_that_is_unknown_is_told(
    alone_at: Callable[..., Client], lines: Lines, good_token: str
) -> None:
    def silence() -> httpx.Response:
        raise httpx.ReadTimeout("x")

    alone_at(an_infisical(silence)).fill_in(name="mine", access_token=good_token)
    (line,) = lines()
    assert (line["action"], line["result"], line["connection_name"]) == (
        "outcome-unknown",
        "no-answer",
        "mine",
    )
    assert line["way_in"] == "this-machine"


def test_a_create_that_a_fault_of_ours_ends_is_told_as_one_whose_outcome_is_unknown(
    alone_at: Callable[..., Client], lines: Lines, good_token: str
) -> None:
    def broken() -> httpx.Response:
        raise MemoryError

    answer = alone_at(an_infisical(broken)).fill_in(name="mine", access_token=good_token)
    assert answer.status_code == 500
    (line,) = lines()
    assert (line["action"], line["result"], line["connection_name"]) == ("outcome-unknown", "fault", "mine")


@pytest.mark.parametrize(
    ("answered", "result"),
    [
        (
            error(403, "PermissionDenied", "You are not allowed to create on app-connections"),
            "permission-denied",
        ),
        (error(500, "InternalServerError", "Something went wrong"), "server-failed"),
        (
            error(400, "BadRequest", "Failed to validate credentials: Request failed with status code 401"),
            "token-refused",
        ),
    ],
)
def test_a_refused_create_is_told_by_its_kind(
    alone_at: Callable[..., Client], lines: Lines, good_token: str, answered: httpx.Response, result: str
) -> None:
    alone_at(an_infisical(lambda: answered)).fill_in(name="mine", access_token=good_token)
    (line,) = lines()
    assert (line["action"], line["result"]) == ("create", result)
    assert line["infisical_request_id"]


def test_a_connection_that_was_found_later_is_told(alone_at: Callable[..., Client], lines: Lines) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "connection-name" in request.url.path:
            return httpx.Response(200, json={"appConnection": connection(name="mine")})
        project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
        return httpx.Response(200, json={"project": project})

    alone_at(answer).get(f"{FORM}/outcome?project={PROJECT}&name=mine&since=2026-11-23T10:23:20Z")
    # Whoever opens that address need not be who sent it, so it is no create.
    assert [(line["action"], line["result"]) for line in lines()] == [("outcome-unknown", "found-later")]


def test_a_connection_that_infisical_does_not_show_is_told(
    alone_at: Callable[..., Client], lines: Lines
) -> None:
    denied = error(403, "PermissionDenied", "You are not allowed to read-app-connections on app-connections")
    path = "/connections/supabase/adb321fa-eccb-491a-98b9-d58994355946"
    assert alone_at(lambda _: denied).get(path).status_code == 403
    assert [(line["action"], line["result"]) for line in lines()] == [("refusal", "permission-denied")]


def test_a_sign_in_that_no_cookie_can_hold_is_told_once(
    wizard_at: Callable[..., Client], tmp_path: Path, lines: Lines
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return (
            grant("x" * 5000)
            if request.url.path.endswith("/login")
            else httpx.Response(200, json={"message": "ok"})
        )

    log = str(tmp_path / "audit.jsonl")
    client = wizard_at(answer, INFISICAL_TOKEN="", CONNECT_AUDIT_LOG=log)
    assert client.sign_in().status_code == 502
    assert [line["result"] for line in lines()] == ["too-long"]


def test_a_post_that_is_refused_at_the_door_is_told(somebody: Client, lines: Lines) -> None:
    somebody.post(FORM, data={"name": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
    line = lines()[-1]
    assert (line["action"], line["result"]) == ("refusal", "from-elsewhere")


def test_a_sign_out_is_told_with_what_became_of_the_token(somebody: Client, lines: Lines) -> None:
    somebody.post(
        "/sign-out", data={"csrf_token": somebody.page("/projects").hidden_fields()["csrf_token"][0]}
    )
    line = lines()[-1]
    assert (line["action"], line["result"], line["name"]) == ("sign-out", "revoked", "wizard-admin")


def test_a_spent_limit_is_told(recorded: Sandbox, lines: Lines) -> None:
    stranger = new_client(recorded.app)
    for _ in range(3):
        stranger.sign_in(client_secret="made-up-and-wrong")
    assert [line["result"] for line in lines()] == ["refused", "refused", "too-many"]


def test_a_sign_in_that_is_none_of_ours_is_told_and_one_that_is_over_is_not(
    somebody: Client, recorded: Sandbox, lines: Lines
) -> None:
    good = somebody.get_cookie("connect-sign-in")
    assert good is not None
    forger = new_client(recorded.app)
    forger.set_cookie("connect-sign-in", good.value[:-4])
    assert forger.get("/projects").status_code == 303
    assert [(line["action"], line["result"]) for line in lines()[1:]] == [("refusal", "unknown-sign-in")]
    somebody.post("/sign-out", data=somebody.page("/projects").hidden_fields())
    somebody.get("/projects")
    assert lines()[-1]["action"] == "sign-out"


def test_a_foreign_host_is_told(recorded: Sandbox, lines: Lines) -> None:
    new_client(recorded.app).get("/projects", headers={"Host": "evil.example"})
    (line,) = lines()
    assert (line["action"], line["result"], line["address"]) == ("refusal", "other-host", "127.0.0.1")


def test_a_page_that_infisical_refuses_a_person_is_told(recorded: Sandbox, lines: Lines) -> None:
    client = new_client(recorded.app)
    low = next(identity for identity in IDENTITIES if identity.name == "wizard-lowpriv")
    client.sign_in(client_id=low.client_id, client_secret=low.client_secret)
    assert client.get(f"/connections?project={PAYMENTS_ID}").status_code == 403
    line = lines()[-1]
    assert (line["action"], line["result"], line["project"]) == ("refusal", "permission-denied", PAYMENTS_ID)
    assert line["infisical_request_id"]


def test_an_error_is_called_by_its_name_word_by_word() -> None:
    assert result_of(NotAMember("No access")) == "not-a-member"
    assert result_of(ServerFailed("Broken")) == "server-failed"


def test_a_check_too_many_is_told(somebody: Client, lines: Lines, good_token: str) -> None:
    form = somebody.page(FORM)
    for _ in range(11):
        somebody.submit(form, name="kept", access_token=good_token, check="1")
    assert [line["result"] for line in lines()] == ["ok", "too-many-checks"]


def test_no_line_holds_a_secret(somebody: Client, tmp_path: Path, good_token: str) -> None:
    somebody.fill_in(name="mine", access_token=good_token)
    somebody.fill_in(name=good_token, description=good_token, access_token=good_token)
    text = (tmp_path / "audit.jsonl").read_text()
    assert good_token not in text
    assert "made-up-client-secret" not in text


# ── How often ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_is_checked_ten_times_a_minute_at_most(
    client: Client, sandbox: Sandbox, good_token: str
) -> None:
    form = client.page(FORM)
    for _ in range(10):
        assert client.submit(form, name="kept", access_token=good_token, check="1").status_code == 200
    before = len(sandbox.sent)
    answer = client.submit(form, name="kept", access_token=good_token, check="1")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert "before the next try" in answer.text
    assert not [request for request in sandbox.sent[before:] if "supabase" in request.url.host]


def test_thirty_connections_a_minute_are_enough(client: Client, sandbox: Sandbox, good_token: str) -> None:
    form = client.page(f"{FORM}?project=organization")
    for number in range(30):
        assert client.submit(form, name=f"bulk-{number}", access_token=good_token).status_code == 303
    answer = client.submit(form, name="one-more", access_token=good_token)
    assert answer.status_code == 429
    assert 'value="one-more"' in answer.text
    assert len(sandbox.creates) == 30


def test_asking_supabase_by_the_button_that_creates_counts_as_a_check_where_nothing_is_created(
    client: Client, sandbox: Sandbox, clock: Clock, good_token: str
) -> None:
    form = client.page(f"{FORM}?project=organization")
    client.submit(form, name="taken", access_token=good_token)
    clock.passes(60)
    other = client.page(f"{FORM}?project=organization")
    told = [
        client.submit(other, name="taken", description=str(number), access_token=good_token).status_code
        for number in range(11)
    ]
    assert told == [422] * 10 + [429]


def test_a_token_in_the_hidden_project_stands_in_no_address_and_no_line(
    somebody: Client, tmp_path: Path, good_token: str
) -> None:
    form = somebody.page(FORM)
    for button in ("submit", "change_project", "check"):
        data = {**form.hidden_fields("connection-form"), "project_id": good_token, "name": "x", button: "1"}
        answer = somebody.post(FORM, data=data)
        assert good_token not in answer.headers.get("Location", "")
        assert good_token not in answer.text
    assert good_token not in (tmp_path / "audit.jsonl").read_text()
