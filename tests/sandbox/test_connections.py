"""What the sandbox keeps: who wins a name, late rows, several processes on one file, and never a token."""

import logging
import multiprocessing
import sqlite3
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from urllib.parse import quote

import httpx
import pytest

from app.sandbox import SANDBOX_HOST, SandboxTransport, create_sandbox, prepare_database, sandbox_token
from tests.every import holds_for_every
from tests.sandbox.running import RunningSandbox, new_connection
from tests.sandbox.world import PAYMENTS_ID, WEBSHOP_ID, identity_named

CONNECTIONS = "/api/v1/app-connections"
SUPABASE = f"{CONNECTIONS}/supabase"
TAKEN = 'An App Connection with the name "{}" already exists'


def names(answer: httpx.Response) -> list[str]:
    return [row["name"] for row in answer.raise_for_status().json()["appConnections"]]


def test_it_begins_with_one_empty_project_and_one_that_is_in_use(sandbox: RunningSandbox) -> None:
    with sandbox.admin() as client:
        projects = client.get("/api/v1/projects").json()["projects"]
        payments = client.get(CONNECTIONS, params={"projectId": PAYMENTS_ID})
        webshop = client.get(CONNECTIONS, params={"projectId": WEBSHOP_ID})
        other_type = client.get("/api/v1/projects", params={"type": "pki"})

    assert [project["name"] for project in projects] == ["Payments", "Webshop"]
    assert all(len(project["environments"]) == 3 for project in projects)
    assert names(payments) == ["payments-github", "payments-reports"]
    assert names(webshop) == []
    assert other_type.json() == {"projects": []}


def test_preparing_twice_keeps_what_is_there_and_brings_back_nothing(sandbox: RunningSandbox) -> None:
    with sandbox.admin() as client:
        client.post(SUPABASE, json=new_connection("kept")).raise_for_status()
        rows = client.get(SUPABASE, params={"projectId": PAYMENTS_ID}).json()["appConnections"]
        old = next(row["id"] for row in rows if row["name"] == "payments-reports")
        client.patch(f"{SUPABASE}/{old}", json={"name": "renamed"}).raise_for_status()

        prepare_database(sandbox.database)

        assert names(client.get(SUPABASE, params={"projectId": PAYMENTS_ID})) == ["kept", "renamed"]


def test_a_file_of_another_version_is_not_used(sandbox: RunningSandbox) -> None:
    with closing(sqlite3.connect(sandbox.database)) as connection:
        connection.execute("PRAGMA user_version = 2")

    with pytest.raises(
        OSError, match="cannot be used for the sandbox's data: it is of another version, delete it"
    ):
        prepare_database(sandbox.database)


def test_lists_are_sorted_by_name_and_tell_the_project(sandbox: RunningSandbox) -> None:
    with sandbox.admin() as client:
        for name in ("zebra", "1a2b"):
            client.post(SUPABASE, json=new_connection(name)).raise_for_status()
        client.post(SUPABASE, json=new_connection("everywhere", project_id=None)).raise_for_status()
        everything = client.get(CONNECTIONS)

    assert names(everything) == ["1a2b", "everywhere", "payments-github", "payments-reports", "zebra"]
    by_name = {row["name"]: row for row in everything.json()["appConnections"]}
    assert by_name["everywhere"]["project"] is None
    assert by_name["zebra"]["project"]["slug"] == "payments-demo"
    assert by_name["payments-github"]["app"] == "github"


def test_of_two_threads_with_one_name_one_wins(sandbox: RunningSandbox) -> None:
    together = Barrier(2, timeout=30)
    token = sandbox.log_in()

    def create(_: int) -> httpx.Response:
        with sandbox.client(token) as client:
            together.wait()
            return client.post(SUPABASE, json=new_connection("race"))

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(create, range(2)), key=lambda answer: answer.status_code)

    assert [answer.status_code for answer in answers] == [200, 400]
    assert answers[1].json()["message"] == TAKEN.format("race")


def _create_in_another_process(database: Path, name: str) -> int:
    sandbox = RunningSandbox(database)
    with sandbox.admin() as client:
        return client.post(SUPABASE, json=new_connection(name)).status_code


@pytest.mark.full
def test_two_processes_share_one_file(tmp_path: Path) -> None:
    database = tmp_path / "shared.sqlite"
    prepare_database(database)
    wanted = ["shared", "shared", "one", "two", "three", "four"]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        statuses = list(pool.map(_create_in_another_process, [database] * len(wanted), wanted))

    assert sorted(statuses) == [200, 200, 200, 200, 200, 400]
    with RunningSandbox(database).admin() as client:
        listed = names(client.get(SUPABASE, params={"projectId": PAYMENTS_ID}))
    assert listed == ["four", "one", "payments-reports", "shared", "three", "two"]


def test_a_late_connection_whose_name_was_taken_meanwhile_is_dropped(sandbox: RunningSandbox) -> None:
    by_name = f"{SUPABASE}/connection-name/late"
    with sandbox.admin() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(SUPABASE, json=new_connection("late", digits="0504"))
        taken = client.post(SUPABASE, json=new_connection("late", description="the quick one"))
        sandbox.clock.advance(91)
        found = client.get(by_name, params={"projectId": PAYMENTS_ID})
        client.delete(f"{SUPABASE}/{found.json()['appConnection']['id']}").raise_for_status()
        after_deletion = client.get(by_name, params={"projectId": PAYMENTS_ID})

    assert taken.status_code == 200
    assert found.json()["appConnection"]["description"] == "the quick one"
    assert after_deletion.status_code == 404


def test_of_two_late_connections_of_one_name_the_first_to_appear_stays(sandbox: RunningSandbox) -> None:
    with sandbox.admin() as client:
        for digits in ("0429", "0504"):
            with pytest.raises(httpx.RemoteProtocolError):
                client.post(SUPABASE, json=new_connection("late", digits=digits, description=digits))
        sandbox.clock.advance(241)
        rows = client.get(SUPABASE, params={"projectId": PAYMENTS_ID}).json()["appConnections"]

    assert [row["description"] for row in rows if row["name"] == "late"] == ["0504"]


def test_a_late_connection_takes_its_name_once_it_is_there(sandbox: RunningSandbox) -> None:
    with sandbox.admin() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(SUPABASE, json=new_connection("late", digits="0504"))
        sandbox.clock.advance(90)
        again = client.post(SUPABASE, json=new_connection("late"))

    assert again.json()["message"] == TAKEN.format("late")


def test_what_the_real_database_would_not_hold_never_appears_late_either(sandbox: RunningSandbox) -> None:
    with sandbox.admin() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(SUPABASE, json=new_connection("late", digits="0504", description="d" * 256))
        sandbox.clock.advance(91)
        found = client.get(f"{SUPABASE}/connection-name/late", params={"projectId": PAYMENTS_ID})

    assert found.status_code == 404


def test_no_file_of_the_sandbox_and_no_log_line_holds_the_token(
    sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answers = []
    with sandbox.admin() as client:
        for digits in ("4567", "0401", "0500", "0504", "9a7c"):
            try:
                answers.append(
                    client.post(SUPABASE, json=new_connection(f"kept-{digits}", digits=digits)).text
                )
            except httpx.RemoteProtocolError:
                sandbox.clock.advance(91)
        answers.append(client.get(SUPABASE).text)
    assert "kept-4567" in answers[-1]
    assert "kept-0504" in answers[-1]

    # The part that every made-up token begins with, so that a shortened token would be found as well.
    written = [path.read_bytes() for path in sandbox.database.parent.iterdir()]
    assert written
    assert not any(sandbox_token()[4:24].encode() in content for content in written)
    assert not any(b'"9a7c"' in content for content in written)
    assert sandbox_token()[4:24] not in "".join(answers) + caplog.text


def test_new_credentials_reset_an_instance_url_that_is_left_out(sandbox: RunningSandbox) -> None:
    with sandbox.admin() as client:
        made = client.post(SUPABASE, json=new_connection()).json()["appConnection"]
        sandbox.clock.advance(5)
        patch = {"credentials": {"accessKey": sandbox_token("7890")}}
        changed = client.patch(f"{SUPABASE}/{made['id']}", json=patch).json()["appConnection"]

    assert changed["credentials"] == {}
    assert changed["credentialsHash"] != made["credentialsHash"]
    assert changed["createdAt"] == made["createdAt"]
    assert changed["updatedAt"] > made["updatedAt"]


def test_a_change_that_never_answers_changes_nothing(sandbox: RunningSandbox) -> None:
    with sandbox.admin() as client:
        made = client.post(SUPABASE, json=new_connection()).json()["appConnection"]
        patch = {"name": "other", "credentials": {"accessKey": sandbox_token("0504")}}
        with pytest.raises(httpx.RemoteProtocolError):
            client.patch(f"{SUPABASE}/{made['id']}", json=patch)

        assert client.get(f"{SUPABASE}/{made['id']}").json()["appConnection"] == made


def test_a_change_is_validated_like_a_create(sandbox: RunningSandbox) -> None:
    with sandbox.admin() as client:
        made = client.post(SUPABASE, json=new_connection()).json()["appConnection"]
        bodies: tuple[object, ...] = ([], {"credentials": None}, {"name": None})
        answers = [client.patch(f"{SUPABASE}/{made['id']}", json=body) for body in bodies]

    assert [answer.status_code for answer in answers] == [422, 422, 422]
    assert all(answer.json()["message"] for answer in answers)


def test_an_empty_body_that_calls_itself_json_is_a_500_on_delete(sandbox: RunningSandbox) -> None:
    with sandbox.admin() as client:
        made = client.post(SUPABASE, json=new_connection()).json()["appConnection"]
        headers = {"Content-Type": "application/json"}

        assert client.delete(f"{SUPABASE}/{made['id']}", headers=headers).status_code == 500
        assert client.delete(f"{SUPABASE}/{made['id']}").json() == {"appConnection": made}
        assert client.get(f"{SUPABASE}/{made['id']}").status_code == 404


def test_a_github_connection_is_not_one_of_supabase(sandbox: RunningSandbox) -> None:
    with sandbox.admin() as client:
        rows = client.get(CONNECTIONS, params={"projectId": PAYMENTS_ID}).json()["appConnections"]
        github = next(row["id"] for row in rows if row["app"] == "github")
        answer = client.get(f"{SUPABASE}/{github}")

    assert answer.json()["message"] == f'App Connection with ID {github} is not for App "supabase"'


def test_any_text_can_be_looked_up_as_a_name(sandbox: RunningSandbox) -> None:
    def it_is_looked_up(name: str) -> None:
        answer = client.get(f"{SUPABASE}/connection-name/{quote(name, safe='')}")
        expected = f"Could not find App Connection with name {name} in organization scope."
        assert answer.json()["message"] == expected

    with sandbox.admin() as client:
        holds_for_every(("a/b", "日本", "%2e", "a b", "\u202e"), it_is_looked_up)


def test_a_description_counts_as_it_does_in_javascript_and_in_postgres(sandbox: RunningSandbox) -> None:
    expected = {"d" * 255: 200, "🚀" * 128: 200, "🚀" * 129: 422, "\0": 500, "é" * 256: 500}
    with sandbox.admin() as client:
        answered = {
            description: client.post(
                SUPABASE, json=new_connection(f"number-{number}", description=description)
            ).status_code
            for number, description in enumerate(expected)
        }

    assert answered == expected


def test_a_body_that_cannot_be_read_is_a_bare_500(sandbox: RunningSandbox) -> None:
    def it_is_bare(content: bytes) -> None:
        answer = client.post(SUPABASE, content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["message"]) == (500, "Something went wrong")

    with sandbox.admin() as client:
        for content in (b"\xff", b"[" * 100_000, b" " * (1024 * 1024 + 1)):
            it_is_bare(content)


def test_a_long_name_that_is_no_slug_has_two_issues(sandbox: RunningSandbox) -> None:
    with sandbox.admin() as client:
        issues = client.post(SUPABASE, json=new_connection("Ä" * 65)).json()["message"]

    assert [issue["code"] for issue in issues] == ["too_big", "custom"]


def test_what_is_no_url_is_refused_as_one(sandbox: RunningSandbox) -> None:
    def it_is_refused(url: str) -> None:
        body = new_connection()
        body["credentials"]["instanceUrl"] = url
        issues = client.post(SUPABASE, json=body).json()["message"]
        assert [issue["message"] for issue in issues] == ["Invalid url"]

    urls = ("http://", "https://a b", "https://[::1", "http://x:99999", "https://x:0", "/v1")
    with sandbox.admin() as client:
        holds_for_every(urls, it_is_refused)


def test_a_broken_file_is_a_500_with_a_request_id(sandbox: RunningSandbox) -> None:
    sandbox.database.unlink()
    sandbox.database.mkdir()
    with sandbox.client() as client:
        answer = client.get("/api/status")

    assert answer.status_code == 500
    assert answer.json()["error"] == "InternalServerError"


def test_a_token_of_another_sandbox_is_no_token(sandbox: RunningSandbox, tmp_path: Path) -> None:
    elsewhere = RunningSandbox(tmp_path / "another.sqlite")
    with sandbox.client(elsewhere.log_in()) as client:
        answer = client.get("/api/v1/projects")

    assert (answer.status_code, answer.json()["message"]) == (403, "invalid signature")


def test_a_renewed_token_never_outlives_the_maximum(sandbox: RunningSandbox) -> None:
    token = sandbox.log_in("short-ttl")
    with sandbox.client() as client:
        sandbox.clock.advance(4)
        first = client.post("/api/v1/auth/token/renew", json={"accessToken": token}).json()
        sandbox.clock.advance(4)
        second = client.post("/api/v1/auth/token/renew", json={"accessToken": first["accessToken"]}).json()
    sandbox.clock.advance(1)
    with sandbox.client(second["accessToken"]) as client:
        good = client.get("/api/v1/projects")
        sandbox.clock.advance(1)
        spent = client.get("/api/v1/projects")

    assert (first["expiresIn"], second["expiresIn"]) == (5, 2)
    assert (good.status_code, spent.status_code) == (200, 403)


def fail_to_log_in(sandbox: RunningSandbox) -> None:
    credential = {"clientId": identity_named("lockout").client_id, "clientSecret": "a made-up wrong secret"}
    with sandbox.client() as client:
        assert client.post("/api/v1/auth/universal-auth/login", json=credential).status_code == 401


def test_failures_30_seconds_apart_lock_nothing(sandbox: RunningSandbox) -> None:
    for _ in range(4):
        fail_to_log_in(sandbox)
        sandbox.clock.advance(30)

    assert sandbox.log_in("lockout")


def test_a_failure_keeps_those_before_it_in_mind_for_another_30_seconds(sandbox: RunningSandbox) -> None:
    for _ in range(3):
        sandbox.clock.advance(29)
        fail_to_log_in(sandbox)

    with pytest.raises(httpx.HTTPStatusError, match="401"):
        sandbox.log_in("lockout")


def test_a_right_secret_forgets_the_wrong_ones_before_it(sandbox: RunningSandbox) -> None:
    for _ in range(2):
        fail_to_log_in(sandbox)
        fail_to_log_in(sandbox)
        assert sandbox.log_in("lockout")


def test_a_lock_lasts_300_seconds_and_holds_for_one_identity_alone(sandbox: RunningSandbox) -> None:
    for _ in range(3):
        fail_to_log_in(sandbox)
    sandbox.clock.advance(299)
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        sandbox.log_in("lockout")
    assert sandbox.log_in("wizard-admin")
    sandbox.clock.advance(1)

    assert sandbox.log_in("lockout")


def test_a_token_is_about_as_long_as_a_real_one(sandbox: RunningSandbox) -> None:
    assert 850 < len(sandbox.log_in()) < 1050


def test_without_a_clock_of_its_own_the_sandbox_tells_the_time_in_utc(sandbox: RunningSandbox) -> None:
    app = create_sandbox(sandbox.database)
    with httpx.Client(transport=SandboxTransport(app), base_url=SANDBOX_HOST) as client:
        known = datetime.fromisoformat(client.get("/api/status").json()["date"])

    assert known.tzinfo == UTC
    assert known > datetime(2026, 1, 1, tzinfo=UTC)
