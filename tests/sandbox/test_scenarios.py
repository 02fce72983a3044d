"""A token's last four digits choose what happens to it, at Infisical's create and at Supabase's own address."""

import re

import httpx
import pytest

from app.sandbox import SCENARIOS, sandbox_token
from app.sandbox.supabase import scenario_of
from tests.every import holds_for_every
from tests.sandbox.running import RunningSandbox, new_connection
from tests.sandbox.world import PAYMENTS_ID

CREATE = "/api/v1/app-connections/supabase"
PROJECTS = "https://api.supabase.com/v1/projects"


def test_the_table_of_scenarios_is_the_documented_one() -> None:
    documented = ["4567", "1403", "0401", "0403", "0404", "0429", "0500", "0504"]
    assert [scenario.digits for scenario in SCENARIOS] == documented
    assert all(scenario.sentence.endswith(".") for scenario in SCENARIOS)


def test_a_made_up_token_has_the_shape_of_a_real_one() -> None:
    assert re.fullmatch(r"sbp_[0-9a-f]{40}", sandbox_token())
    assert sandbox_token("0401").endswith("0401")


def test_a_token_of_another_shape_is_not_accepted() -> None:
    tokens = ("", "sbp_", "sbp_ok", sandbox_token().upper(), sandbox_token() + "0", "eyJ.a.b")
    scenarios = {token: scenario_of(token) for token in tokens}

    assert {token for token, scenario in scenarios.items() if scenario.status == 401} == {*tokens}


def test_supabase_itself_answers_by_the_end_of_the_token(sandbox: RunningSandbox) -> None:
    def it_answers(row: tuple[str, int, str]) -> None:
        digits, status, message = row
        with sandbox.client(sandbox_token(digits)) as client:
            answer = client.get(PROJECTS)
        assert (answer.status_code, answer.json()["message"]) == (status, message)
        assert ("missing_permissions" in answer.json()) == (status == 403)
        assert answer.headers.get("X-RateLimit-Reset") == ("60" if status == 429 else None)

    rows = (
        ("0401", 401, "Unauthorized"),
        ("0403", 403, "Your access token does not have the permissions that this endpoint needs"),
        ("0404", 404, "Cannot GET /v1/projects"),
        ("0429", 429, "ThrottlerException: Too Many Requests"),
        ("0500", 500, "Internal server error"),
    )
    holds_for_every(rows, it_answers)


def test_supabase_itself_never_answers_a_token_that_hangs(sandbox: RunningSandbox) -> None:
    with sandbox.client(sandbox_token("0504")) as client, pytest.raises(httpx.ReadTimeout):
        client.get(PROJECTS, timeout=10)

    assert sandbox.waited == [10]


@pytest.mark.parametrize("host", ["api.supabase.com", "supabase-proxy.example.com"])
def test_supabase_lists_made_up_projects_for_a_good_token(sandbox: RunningSandbox, host: str) -> None:
    with sandbox.client(sandbox_token()) as client:
        projects = client.get(f"https://{host}/v1/projects").json()

    assert [project["name"] for project in projects] == ["webshop-production", "webshop-staging"]
    assert all(re.fullmatch("[a-z]{20}", project["id"]) for project in projects)
    assert len({project["id"] for project in projects}) == 2
    assert projects[0].keys() == {
        "id", "organization_id", "name", "region", "created_at", "status", "database"
    }  # fmt: skip


def test_supabase_lists_the_secrets_of_a_project_with_the_hashes_of_their_values(
    sandbox: RunningSandbox,
) -> None:
    def it_answers(row: tuple[str, int]) -> None:
        digits, status = row
        with sandbox.client(sandbox_token(digits)) as client:
            answer = client.get(f"{PROJECTS}/webshopproductionabc/secrets")
        assert answer.status_code == status
        if status == 200:
            assert all(re.fullmatch("[0-9a-f]{64}", secret["value"]) for secret in answer.json())
        else:
            assert answer.json()["message"]

    holds_for_every((("4567", 200), ("1403", 403), ("0401", 401)), it_answers)


def test_supabase_wants_a_bearer_token(sandbox: RunningSandbox) -> None:
    with sandbox.client() as client:
        answers = [client.get(PROJECTS)] + [
            client.get(PROJECTS, headers={"Authorization": other})
            for other in ("Basic bWFkZTp1cA==", "Bearer")
        ]

    assert [answer.status_code for answer in answers] == [401, 401, 401]


def test_each_host_answers_its_own_routes_only(sandbox: RunningSandbox) -> None:
    with sandbox.client() as client:
        at_infisical = client.get("/v1/projects?a=1")
        at_supabase = client.get("https://api.supabase.com/api/status")

    assert at_infisical.status_code == at_supabase.status_code == 404
    assert at_infisical.json()["message"] == "Route GET:/v1/projects?a=1 not found"
    assert at_supabase.json() == {"message": "Cannot GET /api/status"}


def test_infisical_reports_what_supabase_answered_and_stores_nothing(sandbox: RunningSandbox) -> None:
    def it_is_refused(status: int) -> None:
        sandbox.waited.clear()
        answer = client.post(CREATE, json=new_connection("refused", digits=f"0{status}"))
        looked_up = client.get(f"{CREATE}/connection-name/refused", params={"projectId": PAYMENTS_ID})
        expected = f"Failed to validate credentials: Request failed with status code {status}"
        assert (answer.status_code, answer.json()["message"]) == (400, expected)
        assert looked_up.status_code == 404
        assert sandbox.waited == ([3] if status == 500 else [])

    with sandbox.admin() as client:
        holds_for_every((401, 403, 404, 500), it_is_refused)


@pytest.mark.parametrize(("digits", "seconds"), [("0429", 240), ("0504", 90)])
def test_a_connection_appears_long_after_the_socket_has_closed(
    sandbox: RunningSandbox, digits: str, seconds: int
) -> None:
    by_name = f"{CREATE}/connection-name/late"
    with sandbox.admin() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(CREATE, json=new_connection("late", digits=digits))
        begun = sandbox.clock.now
        sandbox.clock.advance(seconds - 1)
        early = client.get(by_name, params={"projectId": PAYMENTS_ID})
        listed_early = client.get(CREATE, params={"projectId": PAYMENTS_ID})
        sandbox.clock.advance(1)
        there = client.get(by_name, params={"projectId": PAYMENTS_ID})

    assert early.status_code == 404
    assert "late" not in {row["name"] for row in listed_early.json()["appConnections"]}
    assert there.status_code == 200
    assert (sandbox.clock.now - begun).total_seconds() == seconds
    expected = sandbox.clock.now.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert there.json()["appConnection"]["createdAt"] == expected


def test_the_instance_url_decides_whom_infisical_asks(sandbox: RunningSandbox) -> None:
    def it_decides(row: tuple[str, str | None]) -> None:
        instance_url, message = row
        body = new_connection(f"number-{rows.index(row)}")
        body["credentials"]["instanceUrl"] = instance_url
        answer = client.post(CREATE, json=body)
        assert answer.json().get("message") == message
        if message is None:
            assert answer.json()["appConnection"]["credentials"] == {"instanceUrl": instance_url}

    rows = (
        ("https://supabase-proxy.example.com", None),
        ("https://supabase-proxy.example.com/", None),
        ("http://api.supabase.com", None),
        ("https://API.SUPABASE.COM:443", None),
        (
            "https://api.supabase.com/v1",
            "Failed to validate credentials: Request failed with status code 404",
        ),
        (
            "https://api.supabase.com?a=1",
            "Failed to validate credentials: Request failed with status code 404",
        ),
        ("http://127.0.0.1:9", "Failed to validate credentials: connect ECONNREFUSED 127.0.0.1:9"),
        ("https://127.0.0.1", "Failed to validate credentials: connect ECONNREFUSED 127.0.0.1:443"),
        ("ftp://api.supabase.com", "Failed to validate credentials: Unsupported protocol ftp:"),
        ("api.supabase.com:443", "Failed to validate credentials: Unsupported protocol api.supabase.com:"),
        ("https://api.supabase.com.evil.example", "Unable to validate connection - verify credentials"),
        ("https://api.supabase.com:8443", "Unable to validate connection - verify credentials"),
        ("http://user:pw@127.0.0.1:9", "Unable to validate connection - verify credentials"),
    )
    with sandbox.admin() as client:
        holds_for_every(rows, it_decides)


def test_an_instance_url_that_is_left_out_means_supabase_cloud(sandbox: RunningSandbox) -> None:
    body = new_connection()
    del body["credentials"]["instanceUrl"]
    with sandbox.admin() as client:
        answer = client.post(CREATE, json=body)

    assert answer.status_code == 200
    assert answer.json()["appConnection"]["credentials"] == {}


def test_a_line_break_inside_a_token_is_dropped(sandbox: RunningSandbox) -> None:
    body = new_connection()
    body["credentials"]["accessKey"] = sandbox_token()[:20] + "\n" + sandbox_token()[20:]
    with sandbox.admin() as client:
        assert client.post(CREATE, json=body).status_code == 200
