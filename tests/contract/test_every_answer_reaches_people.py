"""Every recorded answer to a call that the wizard makes has its field or its page, its words and its request id."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import httpx

from app.connectors.supabase import SUPABASE
from app.infisical import errors
from app.infisical.errors import InfisicalError
from app.web.fields import form_fields, sync_fields
from app.web.problems import PROBLEMS, field_messages, problem_words, result_of
from tests.conftest import FORM, PROJECT, Client, Sandbox
from tests.every import holds_for_every
from tests.pages import PageUnderTest, read_page

from .recorded import Exchange, exchanges
from .test_recorded_syncs_are_read import RECORDED, answered

ROWS = (*form_fields(SUPABASE), *sync_fields(SUPABASE))

CREATE = "/api/v1/app-connections/supabase"
TOKEN = "sbp_0123456789abcdef0123456789abcdef01234567"

# One long answer was not kept: its body is a note in its place.
CREATES = [
    exchange
    for exchange in exchanges()
    if (exchange.method, exchange.path) == ("POST", CREATE) and not isinstance(exchange.body, str)
]
READS = [
    exchange
    for exchange in exchanges()
    if exchange.method == "GET" and re.match(r"/api/v1/(projects|app-connections|identities)", exchange.path)
]
LOGINS = [exchange for exchange in exchanges() if exchange.path.endswith("/universal-auth/login")]


def where_it_is_told(exchange: Exchange) -> str:
    """The field's id, or `page SLUG`, where a person meets a refused create: the table of the contract in words."""
    if exchange.status is None:
        return "page outcome-unknown"
    if exchange.status == 422:
        return "summary" if not known_path(exchange) else known_path(exchange)
    if exchange.status == 429:
        return "page rate-limited"
    if exchange.status >= 500:
        return "page server-failed"
    told_apart_by_error = {
        "TokenError": "page login-refused",
        "UnauthorizedError": "page login-refused",
        "ProjectMembershipNotFound": "page not-a-member",
        "PermissionDenied": "page permission-denied",
        "NotFound": "page not-found",
        "Not Found": "page too-old",
    }
    return told_apart_by_error.get(exchange.error) or where_a_sentence_is_told(str(exchange.message))


def known_path(exchange: Exchange) -> str:
    fields = {
        ("name",): "name",
        ("description",): "description",
        ("credentials", "accessKey"): "access_token",
        ("credentials", "instanceUrl"): "instance_url",
    }
    return next(
        (fields[tuple(issue["path"])] for issue in exchange.message if tuple(issue["path"]) in fields), ""
    )


def where_a_sentence_is_told(message: str) -> str:
    for pattern, where in (
        ("already exists$", "name"),
        ("status code 401$", "access_token"),
        ("status code 403$", "access_token"),
        ("status code 404$", "instance_url"),
        ("status code 5..$", "page supabase-failed"),
        ("^Failed to validate credentials", "instance_url"),
        ("^Unable to validate connection", "instance_url"),
    ):
        if re.search(pattern, message):
            return where
    return "summary"


def creating(recorded: list[Exchange]) -> Callable[[httpx.Request], httpx.Response]:
    """An Infisical that answers a create as the one exchange in `recorded`, which may be another one each time."""

    def answer(request: httpx.Request) -> httpx.Response:
        if (request.method, request.url.path) == ("POST", CREATE):
            return recorded[0].answer()
        if "connection-name" in request.url.path:
            message = "Could not find App Connection with name x"
            return httpx.Response(404, json={"message": message, "error": "NotFound", "reqId": "r"})
        project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
        return httpx.Response(200, json={"project": project})

    return answer


def test_every_recorded_answer_to_a_create_reaches_its_field_or_page(
    wizard_at: Callable[..., Client],
) -> None:
    recorded = CREATES[:1]

    # One wizard takes 30 creates in a minute and no more.
    @cache
    def opened(_: int) -> tuple[Client, PageUnderTest]:
        client = wizard_at(creating(recorded))
        return client, client.page(f"{FORM}?project={PROJECT}")

    def it_is_told(exchange: Exchange) -> None:
        recorded[0] = exchange
        client, form = opened(CREATES.index(exchange) // 25)
        response = client.submit(form, name="my-connection", access_token=TOKEN)
        if exchange.status == 200:
            id_ = exchange.body["appConnection"]["id"]
            assert response.location.startswith(f"/connections/supabase/{id_}?created=")
            return
        where = where_it_is_told(exchange)
        if where == "page outcome-unknown":
            assert response.location.startswith("/connections/new/supabase/outcome?")
            return
        page = read_page(response.text)
        if where.startswith("page "):
            assert page.problem == where.removeprefix("page ")
        else:
            assert response.status_code == 422
            assert any(href == (None if where == "summary" else f"#{where}") for href, _ in page.summary)
            assert where == "summary" or page.error(where)
        if exchange.body.get("reqId"):
            assert page.text_of("request-id") == exchange.body["reqId"]

    holds_for_every(CREATES, it_is_told)


def test_every_recorded_refusal_of_a_read_is_a_page_with_its_request_id(
    wizard_at: Callable[..., Client],
) -> None:
    recorded = READS[:1]
    client = wizard_at(lambda _: recorded[0].answer())

    def it_is_a_page(exchange: Exchange) -> None:
        recorded[0] = exchange
        response = client.get(f"/connections?project={PROJECT}")
        page = read_page(response.text)
        assert response.status_code >= 400
        assert page.problem
        assert "created" not in page.text.lower()
        if exchange.body.get("reqId"):
            assert page.text_of("request-id") == exchange.body["reqId"]

    holds_for_every((read for read in READS if read.status and read.status >= 400), it_is_a_page)


def test_every_recorded_refusal_of_a_login_is_a_page_for_the_operator_and_readyz_says_the_same(
    wizard_at: Callable[..., Client],
) -> None:
    def both_say_it(exchange: Exchange) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            is_status = request.url.path == "/api/status"
            return httpx.Response(200, json={"message": "Ok"}) if is_status else exchange.answer()

        # Each has a wizard of its own, for a refused log-in is not tried again.
        client = wizard_at(
            answer,
            INFISICAL_TOKEN="",
            INFISICAL_UNIVERSAL_AUTH_CLIENT_ID="made-up",
            INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET="made-up",
        )
        page = read_page(client.get(f"/connections?project={PROJECT}").text)
        expected = {500: "server-failed"}.get(exchange.status or 0, "login-refused")
        if exchange.error == "Not Found":
            expected = (
                "too-old" if str(exchange.message).startswith("Route GET:/api/v1/") else "not-infisical"
            )
        assert page.problem == expected
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json is not None
        assert ready.json["requestId"] == exchange.body.get("reqId")

    holds_for_every((login for login in LOGINS if login.status != 200), both_say_it)


def every_kind_of_error() -> list[type[InfisicalError]]:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, InfisicalError)
    ]
    return [kind for kind in kinds if kind is not InfisicalError]


def test_every_kind_of_error_has_a_page(sandbox: Sandbox) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "Unreachable": ("Its name could not be resolved.",),
        "InvalidFields": ((errors.Issue(path=("name",), message="Required"),),),
    }
    extras: dict[str, dict[str, Any]] = {
        "RateLimited": {"retry_after": 5},
        "LoginRefused": {"refusal": errors.Refusal.LOCKED},
        "TooOld": {"missing": "Supabase connections"},
        "PermissionDenied": {"action": "create", "subject": "app-connections"},
    }

    def it_has_a_page(kind: type[InfisicalError]) -> None:
        error = kind(*arguments.get(kind.__name__, ("A sentence.",)), **extras.get(kind.__name__, {}))
        assert problem_words(error, host="infisical.test", own_rights=False).title
        assert result_of(error) in PROBLEMS or field_messages(error, SUPABASE, ROWS, "Nothing was created.")

    with sandbox.app.test_request_context():
        holds_for_every(every_kind_of_error(), it_has_a_page)


def test_every_refusal_of_a_login_tells_how_it_is_mended(sandbox: Sandbox) -> None:
    asked_anew = {errors.Refusal.TOKEN, errors.Refusal.APPLICATION, errors.Refusal.EXCHANGE}

    def it_tells_how(refusal: errors.Refusal) -> None:
        error = errors.LoginRefused("A sentence.", refusal=refusal)
        page = problem_words(error, host="infisical.test", own_rights=False)
        assert page.slug == "login-refused"
        assert page.steps
        assert any("Restart the server" in step for step in page.steps) is (refusal not in asked_anew)

    with sandbox.app.test_request_context():
        holds_for_every(errors.Refusal, it_tells_how)


REFUSALS = [errors.Refused("A sentence.", reason=reason) for _, reason in errors.REASONS]


def test_every_reason_of_a_refusal_has_its_field_or_its_page() -> None:
    for error in REFUSALS:
        assert result_of(error) in PROBLEMS or field_messages(
            error, SUPABASE, ROWS, "Nothing was created."
        ), error.reason


def test_a_field_message_never_names_a_field_that_the_form_lacks() -> None:
    connections = {"name", "description", "instance_url", "access_token", None}
    fields = connections | {"secret_path", "supabase_project", "connection_id"}
    for error in (errors.NameTaken("A sentence."), *REFUSALS):
        assert {field for field, _ in field_messages(error, SUPABASE, ROWS, "Nothing was created.")} <= fields


def test_every_recorded_refusal_about_a_sync_has_its_field_or_its_page() -> None:
    def it_has(case: str) -> None:
        told = answered(case)
        assert isinstance(told, InfisicalError)
        messages = field_messages(told, SUPABASE, ROWS, "Nothing was created.")
        assert result_of(told) in PROBLEMS or messages
        # What is wrong with the body stands at a field, save for what no form asks.
        own = (
            "projectId",
            "syncOptions",
            "destinationConfig",
            "initialSyncBehavior",
            "syncId",
            "removeSecrets",
        )
        if isinstance(told, errors.InvalidFields) and not any(row.path[-1] in own for row in told.issues):
            assert all(field for field, _ in messages)

    holds_for_every((case for case, row in RECORDED.items() if row["response"]["status"] >= 400), it_has)


def test_a_refusal_about_a_sync_stands_at_its_field() -> None:
    told = {
        errors.Refused("A sentence.", reason="folder-missing"): "secret_path",
        errors.Refused("A sentence.", reason="destination-taken"): "supabase_project",
        errors.Refused("A sentence.", reason="connection-elsewhere"): "connection_id",
        errors.NameTaken("A sentence.", thing="sync"): "name",
    }
    for error, field in told.items():
        ((at, message),) = field_messages(error, SUPABASE, ROWS, "Nothing was created.")
        assert at == field
        assert "{" not in f"{message.lead}{message.detail}"


def test_a_taken_name_says_of_what_it_is() -> None:
    leads = [
        field_messages(errors.NameTaken("", thing=thing), SUPABASE, ROWS, "")[0][1].lead
        for thing in ("connection", "sync")
    ]
    assert leads == ["A connection with this name exists here.", "A sync with this name exists here."]


def test_a_permission_is_called_as_infisicals_own_pages_call_it(sandbox: Sandbox) -> None:
    def it_is_called(row: tuple[str, str, str]) -> None:
        action, subject, called = row
        error = errors.PermissionDenied("A sentence.", action=action, subject=subject)
        page = problem_words(error, host="infisical.test")
        assert f"{called} ({action})" in page.ask
        assert page.ask_lede

    rows = (
        ("create-app-connections", "app-connections", "“Create” on “App Connections”"),
        ("connect-app-connections", "app-connections", "“Connect” on “App Connections”"),
        ("connect", "app-connections", "“Connect” on “App Connections”"),
        ("create", "secret-syncs", "“Create” on “Secret Syncs”"),
        ("edit", "secret-syncs", "“Modify” on “Secret Syncs”"),
        ("delete", "secret-syncs", "“Remove” on “Secret Syncs”"),
        ("sync-secrets", "secret-syncs", "“Trigger Syncs” on “Secret Syncs”"),
        ("remove-secrets", "secret-syncs", "“Remove Secrets from Destination” on “Secret Syncs”"),
        ("describeSecret", "secrets", "“Describe Secret” on “Secrets”"),
        ("read", "secret-folders", "“Read” on “Secret Folders”"),
    )
    with sandbox.app.test_request_context():
        holds_for_every(rows, it_is_called)


def test_the_permission_that_people_miss_is_told_apart_from_those_that_they_have(sandbox: Sandbox) -> None:
    with sandbox.app.test_request_context():
        error = errors.PermissionDenied("", action="connect-app-connections", subject="app-connections")
        own, servers = (
            problem_words(error, host="infisical.test", own_rights=mine) for mine in (True, False)
        )

    assert own.slug == servers.slug == "permission-denied"
    assert own.title.startswith("You may not use the connections of")
    assert servers.title.startswith("This server may not use")
    assert (
        own.lede
        == servers.lede
        == ("“Connect” is a permission of its own: “Read” and “Create” do not include it.")
    )
    assert servers.ask.startswith(
        "The machine identity of Infisical Connect needs “Connect” on “App Connections”"
    )


def test_what_is_not_there_is_called_by_its_name(sandbox: Sandbox) -> None:
    with sandbox.app.test_request_context():
        for missing in ("project", "connection", "sync", "folder"):
            error = errors.NotFound("A sentence.", missing=missing)
            assert problem_words(error, host="infisical.test").title == f"There is no such {missing}"
