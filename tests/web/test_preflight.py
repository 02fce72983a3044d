"""What is asked before the create: Supabase about the token, Infisical about the name, both at the same time."""

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.sandbox import sandbox_token
from tests.conftest import FORM, PROJECT, Client, Sandbox
from tests.infisical.answers import connection, error
from tests.pages import PageUnderTest, read_page

TOKEN = "sbp_0123456789abcdef0123456789abcdef01234567"
REFERENCE = "abcdefghijklmnopqrst"


class World:
    """An Infisical and a Supabase that a test writes, and what they were asked. `secrets` answers the question for those
    of a project."""

    def __init__(
        self,
        supabase: httpx.Response | Exception,
        *,
        named: httpx.Response | None = None,
        secrets: httpx.Response | None = None,
    ) -> None:
        self.supabase = supabase
        self.secrets = secrets or httpx.Response(200, json=[])
        self.named = named or error(
            404, "NotFound", "Could not find App Connection with name x in project scope."
        )
        self.asked: list[tuple[str, str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.method, request.url.host, request.url.path))
        if request.url.host == "api.supabase.com":
            if isinstance(self.supabase, Exception):
                raise self.supabase
            if request.url.path.endswith("/secrets"):
                return self.secrets
            return self.supabase
        if "connection-name" in request.url.path:
            return self.named
        if request.method == "POST" or request.url.path.startswith("/api/v1/app-connections/"):
            return httpx.Response(200, json={"appConnection": connection()})
        project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
        return httpx.Response(200, json={"project": project})

    @property
    def creates(self) -> int:
        return sum(method == "POST" for method, _, _ in self.asked)

    @property
    def supabase_was_asked(self) -> bool:
        return any(host == "api.supabase.com" for _, host, _ in self.asked)


def projects(count: int) -> httpx.Response:
    rows = [{"id": REFERENCE, "name": f"project-{n}", "organization_id": "o"} for n in range(count)]
    return httpx.Response(200, json=rows)


Wizard = Callable[..., Client]


def submitted(client: Client, **fields: str) -> Any:
    return client.fill_in(f"{FORM}?project={PROJECT}", **{"name": "mine", "access_token": TOKEN, **fields})


def test_a_good_token_goes_on_to_the_create_and_the_page_tells_what_it_reaches(wizard_at: Wizard) -> None:
    world = World(projects(3))
    client = wizard_at(world)
    answer = submitted(client)
    assert answer.status_code == 303
    assert "The token works and reaches 3 Supabase projects." in client.page(answer.location).text
    assert world.creates == 1


@pytest.mark.parametrize(
    ("supabase", "told"),
    [
        (
            httpx.Response(401, json={"message": "Unauthorized"}),
            "Supabase does not accept this access token.",
        ),
        (
            httpx.Response(403, json={"message": "Forbidden", "missing_permissions": ["projects_read"]}),
            "The access token lacks a permission.",
        ),
    ],
)
def test_a_token_that_supabase_refuses_never_reaches_infisical(
    wizard_at: Wizard, supabase: httpx.Response, told: str
) -> None:
    world = World(supabase)
    answer = submitted(wizard_at(world))
    assert answer.status_code == 422
    assert told in read_page(answer.text).error("access_token")
    assert world.creates == 0


def test_a_rate_limit_stops_the_submission_and_tells_the_seconds(wizard_at: Wizard) -> None:
    world = World(httpx.Response(429, json={"message": "slow down"}, headers={"Retry-After": "42"}))
    answer = submitted(wizard_at(world))
    page = read_page(answer.text)
    assert answer.status_code == 422
    assert "Supabase asks to wait 42 seconds." in page.text
    assert world.creates == 0


@pytest.mark.parametrize(
    "supabase",
    [
        httpx.ConnectError("x"),
        httpx.ReadTimeout("x"),
        httpx.Response(500),
        httpx.Response(200, html="<p>Portal"),
    ],
    ids=["unreachable", "silent", "broken", "portal"],
)
def test_what_cannot_be_checked_from_here_does_not_stop_the_submission(
    wizard_at: Wizard, supabase: httpx.Response | Exception
) -> None:
    world = World(supabase)
    assert submitted(wizard_at(world)).status_code == 303
    assert world.creates == 1


def test_a_taken_name_is_told_before_the_create_is_asked(wizard_at: Wizard) -> None:
    world = World(projects(1), named=httpx.Response(200, json={"appConnection": connection(name="mine")}))
    answer = submitted(wizard_at(world))
    assert answer.status_code == 422
    assert "A connection with this name exists here." in read_page(answer.text).error("name")
    assert world.creates == 0


def test_both_are_asked_at_the_same_time(wizard_at: Wizard) -> None:
    world = World(projects(1))
    meeting = threading.Barrier(2, timeout=10)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/projects" or "connection-name" in request.url.path:
            # Neither is answered until the other is asked; one after the other, both would fail.
            meeting.wait()
        return world(request)

    assert submitted(wizard_at(answer)).status_code == 303


def test_a_name_that_cannot_be_looked_up_is_left_to_the_create(wizard_at: Wizard) -> None:
    denied = error(403, "PermissionDenied", "You are not allowed to read-app-connections on app-connections")
    world = World(projects(1), named=denied)
    assert submitted(wizard_at(world)).status_code == 303


def test_only_hosts_on_the_list_are_asked(wizard_at: Wizard) -> None:
    world = World(projects(1))
    client = wizard_at(world)
    assert submitted(client, instance_url="https://proxy.example.com", use_anyway="1").status_code == 303
    assert {host for _, host, _ in world.asked} == {"infisical.test"}


def test_a_host_that_the_operator_lists_needs_no_tick(wizard_at: Wizard) -> None:
    client = wizard_at(World(projects(1)), CONNECT_SUPABASE_HOSTS="proxy.example.com, other.example.com")
    assert submitted(client, instance_url="https://proxy.example.com").status_code == 303
    assert submitted(client, instance_url="http://proxy.example.com").status_code == 422


def test_it_can_be_switched_off(wizard_at: Wizard) -> None:
    world = World(httpx.Response(401, json={"message": "Unauthorized"}))
    assert submitted(wizard_at(world, CONNECT_PREFLIGHT="off")).status_code == 303
    assert not world.supabase_was_asked


def test_where_it_is_off_a_create_counts_as_a_check_too_for_infisicals_refusal_tells_of_the_token(
    wizard_at: Wizard,
) -> None:
    world = World(projects(1))
    client = wizard_at(world, CONNECT_PREFLIGHT="off")
    answers = [submitted(client).status_code for _ in range(11)]
    assert answers == [303] * 10 + [429]
    assert world.creates == 10


def checked(client: Client, **fields: str) -> PageUnderTest:
    answer = submitted(client, check="1", **fields)
    return read_page(answer.text)


def test_check_this_token_shows_the_checks_and_creates_nothing(wizard_at: Wizard) -> None:
    world = World(projects(32))
    page = checked(wizard_at(world), name="")
    assert "All six checks passed" in page.text
    for name in (
        "Address allowed",
        "Reachable over TLS",
        "Token accepted",
        "May list projects",
        "32 projects",
        "May read secrets",
        "cannot be tried without writing",
    ):
        assert name in page.text
    assert "project-19" in page.text
    assert "project-20" not in page.text
    assert "and 12 more" in page.text
    assert world.creates == 0
    assert TOKEN not in page.text


def test_check_this_token_tells_the_missing_permission(wizard_at: Wizard) -> None:
    world = World(httpx.Response(403, json={"message": "no", "missing_permissions": ["projects_read"]}))
    page = checked(wizard_at(world))
    assert "One check failed" in page.text
    assert "Projects (account-wide): Read" in page.text
    assert "not checked" in page.text


NO_SECRETS = httpx.Response(
    403, json={"message": "Forbidden", "missing_permissions": ["edge_functions_secrets_read"]}
)


def test_a_token_that_may_not_read_secrets_is_connected_and_never_called_ready_to_use(
    wizard_at: Wizard,
) -> None:
    world = World(projects(3), secrets=NO_SECRETS)
    client = wizard_at(world)
    assert "Edge Function Secrets: Read-write" in checked(client).text_of("checks")
    answer = submitted(client)
    assert (answer.status_code, world.creates) == (303, 1)
    page = client.page(answer.location)
    assert "ready to use" not in page.text
    assert "The token works and reaches 3 Supabase projects." in page.text
    assert "Secret syncs would fail with this token." in page.text
    assert "A sync needs Edge Function Secrets: Read-write" in page.text


def test_a_token_that_is_for_connecting_only_is_not_asked_for_secrets(wizard_at: Wizard) -> None:
    world = World(projects(3), secrets=NO_SECRETS)
    client = wizard_at(world)
    assert "All five checks passed" in checked(client, purpose="connect-only").text
    page = client.page(submitted(client, purpose="connect-only").location)
    assert "ready to use" in page.text
    assert not any(path.endswith("/secrets") for _, _, path in world.asked)


def test_the_purpose_is_chosen_with_the_token_and_goes_on_to_the_form(client: Client) -> None:
    address = "/connections/new/supabase/token"
    links = client.page(f"{address}?name=typed").links()
    assert "purpose" not in links["I have my token"]
    chosen = client.page(links["I have my token: Connect only"])
    assert chosen.hidden_fields()["purpose"] == ["connect-only"]
    assert chosen.field("name") == "typed"
    again = client.page(next(href for text, href in chosen.links().items() if "Get a token" in text))
    assert [radio.get("value") for radio in again.all("input") if radio.get("checked") is not None] == [
        "connect-only"
    ]
    for query in ("?purpose=made-up", ""):
        page = client.page(f"{address}{query}")
        (radio,) = (radio for radio in page.all("input") if radio.get("checked") is not None)
        assert radio.get("value") == "connect-and-sync"


def test_infisicals_403_is_told_by_the_kind_of_the_token_that_was_typed(wizard_at: Wizard) -> None:
    world = World(projects(1))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            message = "Failed to validate credentials: Request failed with status code 403"
            return error(400, "BadRequest", message)
        return world(request)

    client = wizard_at(answer, CONNECT_PREFLIGHT="off")
    by_role = read_page(submitted(client).text).error("access_token")
    scoped = read_page(submitted(client, access_token=f"sbp_fc{TOKEN[6:]}").text).error("access_token")
    assert "has no permissions of its own" in by_role
    assert "It needs “Projects (account-wide): Read”" not in by_role
    assert "It needs “Projects (account-wide): Read”" in scoped


def test_a_role_that_may_not_list_projects_is_told_with_supabases_sentence(wizard_at: Wizard) -> None:
    said = "Your account does not have the necessary privileges to access this endpoint."
    world = World(httpx.Response(403, json={"message": said}))
    told = read_page(submitted(wizard_at(world)).text).error("access_token")
    assert told.startswith("Error: Supabase does not let the account of this access token in.")
    assert f"Supabase says: “{said}”" in told
    assert world.creates == 0


def test_check_this_token_names_a_wrong_paste_without_asking_anybody(wizard_at: Wizard) -> None:
    world = World(projects(1))
    page = checked(wizard_at(world), access_token="sb_secret_made-up")
    assert "access token" in page.error("access_token")
    assert not world.supabase_was_asked


def test_a_host_that_is_not_listed_is_told_as_not_checked(wizard_at: Wizard) -> None:
    page = checked(wizard_at(World(projects(1))), instance_url="https://proxy.example.com")
    assert "Not checked from here; Infisical will check" in page.text


def test_the_sandbox_answers_the_checks_too(client: Client, sandbox: Sandbox) -> None:
    page = checked_in_sandbox(client, sandbox_token())
    assert "All six checks passed" in page.text
    assert "One check failed" in checked_in_sandbox(client, sandbox_token("0403")).text
    assert sandbox.creates == []


def checked_in_sandbox(client: Client, token: str) -> PageUnderTest:
    return read_page(client.fill_in(access_token=token, check="1").text)


def test_a_taken_name_comes_with_a_free_one_in_the_field(client: Client, sandbox: Sandbox) -> None:
    for name in ("mine", "mine-2"):
        client.fill_in(name=name, access_token=sandbox_token())
    sandbox.clock.passes(60)
    page = read_page(client.fill_in(name="mine", access_token=sandbox_token()).text)
    assert page.field("name") == "mine-3"
    assert "mine-3 is free" in page.error("name")
    answer = client.submit(page, access_token=sandbox_token())
    assert answer.status_code == 303


def test_a_taken_name_and_a_refused_token_are_told_together(wizard_at: Wizard) -> None:
    taken = httpx.Response(200, json={"appConnection": connection(name="mine")})
    world = World(httpx.Response(401, json={"message": "Unauthorized"}), named=taken)
    page = read_page(submitted(wizard_at(world)).text)
    assert [href for href, _ in page.summary] == ["#name", "#access_token"]


def test_a_refused_submission_shows_the_checks_and_the_permission_that_supabase_named(
    wizard_at: Wizard,
) -> None:
    world = World(httpx.Response(403, json={"message": "no", "missing_permissions": ["made_up_permission"]}))
    page = read_page(submitted(wizard_at(world)).text)
    assert "One check failed" in page.text_of("checks")
    assert "made_up_permission" in page.error("access_token")


def test_what_was_not_checked_from_here_is_told_when_infisical_refuses(wizard_at: Wizard) -> None:
    world = World(projects(1))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return error(400, "BadRequest", "Unable to validate connection - verify credentials")
        return world(request)

    page = read_page(submitted(wizard_at(answer), instance_url="https://p.example.com", use_anyway="1").text)
    assert "Not checked from here; Infisical will check" in page.text
