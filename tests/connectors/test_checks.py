"""What the checks before saving ask, whom they ask, and what they make of each answer."""

import gzip
import json
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from app.config import Settings
from app.connectors import CheckResult, TokenChecks
from app.connectors.instance_urls import read_instance_url
from app.connectors.supabase_api import Check
from app.core.http import LARGEST_ANSWER
from app.core.network import NetworkTransport, certificates
from app.core.secret import Secret
from app.sandbox import SandboxTransport, create_sandbox, prepare_database, sandbox_token
from tests.every import holds_for_every

ALL_PASSED = "All five checks passed"
ALL_SIX_PASSED = "All six checks passed"
FIVE_PASSED = "Five checks passed, one was not made"
ONE_FAILED = "One check failed"
NOT_CHECKED = "Not checked from here; Infisical will check"

TOKEN = "sbp_0123456789abcdef0123456789abcdef01234567"
SCOPED = f"sbp_fc{TOKEN[6:]}"
CLOUD = "https://api.supabase.com"
CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""Made for these tests alone: the key and the certificate of a localhost that nobody trusts."""

NAMES = [
    "Address allowed",
    "Reachable over TLS",
    "Token accepted",
    "May list projects",
    "Projects it reaches",
]

FAILED = {
    "Token accepted": ("Token not accepted", "Token not checked"),
    "May list projects": ("May not list projects",),
}

Answer = Callable[[httpx.Request], httpx.Response]


def asking(
    answer: Answer,
    *,
    token: str = TOKEN,
    url: str = CLOUD,
    seconds: tuple[float, ...] = (0, 0),
    syncs: bool = False,
) -> CheckResult:
    """The result where Supabase answers like this; `seconds` are what the clock shows before and after."""
    shown = iter(seconds)
    checks = TokenChecks(
        transport=httpx.MockTransport(answer),
        extra_hosts=["proxy.example.com"],
        clock=lambda: next(shown),
    )
    return checks.check(Secret(token), read_instance_url(url), deadline_seconds=5, syncs=syncs)


def answered(status: int, body: Any = None, *, token: str = TOKEN) -> CheckResult:
    return asking(lambda _: httpx.Response(status, json=body), token=token)


def projects(*names: Any) -> list[dict[str, Any]]:
    return [{"id": "abcdefghijklmnopqrst", "name": name, "region": "eu-west-1"} for name in names]


def states(result: CheckResult) -> list[str]:
    for row, name in zip(result.rows, NAMES, strict=True):
        # A check that failed is not called by what it did not find.
        assert (row.name == name) == (row.state != "failed")
        assert row.name in (name, *FAILED.get(name, ()))
    return [row.state for row in result.rows]


def row(result: CheckResult, name: str) -> Check:
    return next(row for row in result.rows if row.name == name)


def not_called(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"asked {request.url.host}")


def test_all_five_checks_pass_with_their_results() -> None:
    result = asking(lambda _: httpx.Response(200, json=projects("shop", "blog", "till")), seconds=(7.0, 7.31))
    assert result.title == "All five checks passed"
    assert states(result) == ["passed"] * 5
    assert [row.result for row in result.rows] == [
        "api.supabase.com",
        "answered in 0.3 s",
        "personal access token",
        "Projects (account-wide): Read",
        "3 projects",
    ]
    assert [row.advice for row in result.rows] == [""] * 5
    assert (result.projects, result.more) == (("shop", "blog", "till"), 0)
    assert not result.stops
    assert result.kind_of_stop is None


def test_the_question_is_one_get_with_the_token_in_its_header() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=[])

    asking(answer, url="https://proxy.example.com/supabase/")
    (request,) = asked
    assert (request.method, str(request.url)) == ("GET", "https://proxy.example.com/supabase/v1/projects")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("token", [f"sbp_fc{TOKEN[6:]}", f"sbp_v0_{TOKEN[4:]}", "something-new"])
def test_the_kind_of_token_stands_beside_its_acceptance(token: str) -> None:
    result = asking(lambda _: httpx.Response(200, json=[]), token=token)
    kinds = {"sbp_fc": "scoped token", "sbp_v0": "experimental access token", "someth": "unknown kind"}
    assert row(result, "Token accepted").result == kinds[token[:6]]


def test_a_fast_answer_is_not_said_to_take_no_time() -> None:
    result = asking(lambda _: httpx.Response(200, json=[]), seconds=(7.0, 7.01))
    assert row(result, "Reachable over TLS").result == "answered in under 0.1 s"


def test_one_project_is_counted_as_one() -> None:
    assert row(answered(200, projects("shop")), "Projects it reaches").result == "1 project"


def test_a_token_that_reaches_no_project_passes_and_says_so() -> None:
    result = answered(200, [])
    assert result.title == ALL_PASSED
    assert row(result, "Projects it reaches").result == "0 projects"
    assert "reaches no project" in row(result, "Projects it reaches").advice


def test_of_many_projects_20_are_named_and_the_rest_counted() -> None:
    result = answered(200, projects(*(f"shop-{number}" for number in range(32))))
    assert result.projects == tuple(f"shop-{number}" for number in range(20))
    assert result.more == 12
    assert row(result, "Projects it reaches").result == "32 projects"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("x" * 5000, "x" * 79 + "…"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("two\nlines\u202e and\x00 marks", "two lines and marks"),
        (f"a copy of {TOKEN}", "a copy of …"),
        ("", "abcdefghijklmnopqrst"),
        (None, "abcdefghijklmnopqrst"),
        (7, "abcdefghijklmnopqrst"),
        ({"a": 1}, "abcdefghijklmnopqrst"),
    ],
)
def test_names_of_projects_are_untrusted(name: Any, shown: str) -> None:
    assert answered(200, projects(name)).projects == (shown,)


def test_projects_that_are_not_simply_there_are_marked_and_those_of_one_name_told_apart() -> None:
    def they_are_named(case: tuple[list[dict[str, Any]], tuple[str, ...]]) -> None:
        rows, named = case
        assert answered(200, rows).projects == named

    shop = {"id": "abcdefghijklmnopqrst", "name": "shop"}
    other = {"id": "deprecated", "ref": "bcdefghijklmnopqrstu", "name": " shop "}
    states = {
        "ACTIVE_HEALTHY": "shop",
        "ACTIVE_UNHEALTHY": "shop (unhealthy)",
        "INACTIVE": "shop (paused)",
        "PAUSING": "shop (pausing)",
        "REMOVED": "shop (removed)",
        "GOING_DOWN": "shop (going down)",
        "RESTORE_FAILED": "shop (restore failed)",
        "UNKNOWN": "shop (status unknown)",
        "<B>NEW": "shop (<b>new)",
        "": "shop",
    }
    cases: tuple[tuple[list[dict[str, Any]], tuple[str, ...]], ...]
    cases = (
        *(([{**shop, "status": status}], (named,)) for status, named in states.items()),
        ([{**shop, "status": None}], ("shop",)),
        ([shop, other], ("shop (abcdefghijklmnopqrst)", "shop (bcdefghijklmnopqrstu)")),
        (
            [shop, {**other, "status": "INACTIVE"}, {**shop, "name": "Shop"}],
            ("shop (abcdefghijklmnopqrst)", "shop (bcdefghijklmnopqrstu, paused)", "Shop"),
        ),
    )
    holds_for_every(cases, they_are_named)


def test_a_name_that_a_project_out_of_sight_has_too_is_told_apart() -> None:
    result = answered(200, projects("shop", *(f"shop-{number}" for number in range(30)), "shop"))
    assert result.projects[:2] == ("shop (abcdefghijklmnopqrst)", "shop-0")


def test_6000_projects_are_counted() -> None:
    database = {"host": "db.abcdefghijklmnopqrst.supabase.co", "version": "15.8.1.060" * 40}
    result = answered(200, [{**row, "database": database} for row in projects("shop") * 6000])
    assert row(result, "Projects it reaches").result == "6000 projects"
    assert (len(result.projects), result.more) == (20, 5980)


def supabase_with(
    secrets: httpx.Response | Exception, rows: list[dict[str, Any]], asked: list[str] | None = None
) -> Answer:
    """A Supabase that has these projects, and answers this to the question for the secrets of one."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.method == "GET"
        if asked is not None:
            asked.append(request.url.path)
        if request.url.path == "/v1/projects":
            return httpx.Response(200, json=rows)
        if isinstance(secrets, Exception):
            raise secrets
        return secrets

    return answer


HASH = "b1946ac92492d2347c6235b4d2611184b1946ac92492d2347c6235b4d2611184"
SECRETS = httpx.Response(200, json=[{"name": "STRIPE_KEY", "value": HASH}])


def test_a_token_for_syncs_is_asked_for_the_secrets_of_one_active_project() -> None:
    asked: list[str] = []
    rows = [
        {"id": "pausedpausedpausedpa", "name": "old", "status": "INACTIVE"},
        {"id": "../../secrets?a=bcde", "name": "odd", "status": "ACTIVE_HEALTHY"},
        {"id": "abcdefghijklmnopqrst", "name": "shop", "status": "ACTIVE_HEALTHY"},
        {"id": "bcdefghijklmnopqrstu", "name": "blog", "status": "ACTIVE_HEALTHY"},
    ]
    result = asking(supabase_with(SECRETS, rows, asked), syncs=True)
    assert asked == ["/v1/projects", "/v1/projects/abcdefghijklmnopqrst/secrets"]
    assert result.title == ALL_SIX_PASSED == "All six checks passed"
    assert (result.stops, result.lacks) == (False, "")
    sixth = result.rows[5]
    assert (sixth.name, sixth.state, sixth.result) == ("May read secrets", "passed", "shop")
    assert "cannot be tried without writing" in sixth.advice
    assert HASH not in repr(result)
    assert "STRIPE_KEY" not in repr(result)


def test_a_token_that_may_not_read_secrets_does_not_stop_and_is_told_what_it_lacks() -> None:
    def it_is_told(case: tuple[str, dict[str, Any], str]) -> None:
        token, body, told = case
        world = supabase_with(httpx.Response(403, json=body), projects("shop"))
        result = asking(world, token=token, syncs=True)
        sixth = result.rows[5]
        assert (sixth.name, sixth.state, sixth.result) == ("May not read secrets", "failed", "shop")
        assert told in sixth.advice
        assert "The connection can be created without that, but its syncs would fail." in sixth.advice
        assert (result.title, result.stops, result.kind_of_stop) == (ONE_FAILED, False, None)
        assert result.lacks == "Edge Function Secrets: Read-write"

    missing: dict[str, Any] = {"message": "Forbidden", "missing_permissions": ["edge_functions_secrets_read"]}
    cases: tuple[tuple[str, dict[str, Any], str], ...]
    cases = (
        (SCOPED, missing, "The token lacks Edge Function Secrets: Read-write."),
        (SCOPED, {"message": PRIVILEGES}, "The token lacks Edge Function Secrets: Read-write."),
        (TOKEN, {"message": PRIVILEGES}, "a role that allows this"),
        (TOKEN, {"message": "Organization requires MFA"}, "Turn it on for the account"),
    )
    holds_for_every(cases, it_is_told)


def test_secrets_that_cannot_be_asked_for_are_not_checked_and_nothing_else_changes() -> None:
    def it_is_not_checked(case: tuple[Any, list[dict[str, Any]], str]) -> None:
        secrets, rows, why = case
        result = asking(supabase_with(secrets, rows), syncs=True)
        assert (result.rows[5].state, result.rows[5].result) == ("not checked", why)
        assert states_of_five(result) == ["passed"] * 5
        assert (result.title, result.stops, result.lacks) == (FIVE_PASSED, False, "")

    paused = [{**project, "status": "INACTIVE"} for project in projects("shop")]
    cases: tuple[tuple[Any, list[dict[str, Any]], str], ...]
    cases = (
        (SECRETS, paused, "no active project to ask"),
        (SECRETS, [{"id": "nr-7", "name": "shop"}], "no active project to ask"),
        (httpx.ReadTimeout("slow"), projects("shop"), "no answer in time"),
        (httpx.Response(404, json={"message": "no"}), projects("shop"), "answered with status 404"),
        (httpx.Response(429), projects("shop"), "answered with status 429"),
        (httpx.Response(403, html="<p>Portal"), projects("shop"), "answered with status 403"),
        (httpx.Response(302), projects("shop"), "answered with a redirect"),
        (httpx.Response(200, json={"a": 1}), projects("shop"), "answered with something else"),
    )
    holds_for_every(cases, it_is_not_checked)


def states_of_five(result: CheckResult) -> list[str]:
    return [row.state for row in result.rows[:5]]


def test_secrets_are_not_asked_for_where_there_is_no_project_or_a_check_before_failed() -> None:
    for status, body in ((200, []), (401, {"message": "Unauthorized"}), (403, {"message": "no"}), (500, {})):
        asked: list[str] = []

        def answer(
            request: httpx.Request, status: int = status, body: Any = body, asked: list[str] = asked
        ) -> httpx.Response:
            asked.append(request.url.path)
            return httpx.Response(status, json=body)

        result = asking(answer, syncs=True)
        assert (asked, len(result.rows)) == (["/v1/projects"], 5), status


def test_a_project_without_name_and_id_is_still_counted() -> None:
    assert answered(200, [{}, {"id": 5}]).projects == ("a project without a name",) * 2


def test_a_token_that_is_echoed_in_escapes_is_masked_too() -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in TOKEN)
    body = f'[{{"name": "{escaped}"}}]'
    result = asking(lambda _: httpx.Response(200, text=body, headers={"Content-Type": "application/json"}))
    assert result.projects == ("…",)


def test_a_token_that_supabase_refuses_stops() -> None:
    result = answered(401, {"message": "Unauthorized"})
    assert result.title == "One check failed"
    assert states(result) == ["passed", "passed", "failed", "not checked", "not checked"]
    assert result.stops
    assert result.kind_of_stop == "refused"
    assert row(result, "Token not accepted").result == "personal access token"
    assert "Supabase does not accept this token." in row(result, "Token not accepted").advice
    assert row(result, "Projects it reaches").result == "not checked"


def test_a_missing_permission_stops_and_is_named_in_supabases_words() -> None:
    result = answered(403, {"message": "Forbidden", "missing_permissions": ["projects_read"]})
    assert result.title == ONE_FAILED
    assert states(result) == ["passed", "passed", "passed", "failed", "not checked"]
    assert result.kind_of_stop == "lacks-permission"
    assert row(result, "May not list projects").advice == (
        "The token lacks Projects (account-wide): Read. A token’s access cannot be edited: make a new one with that "
        "permission and enter it above."
    )


def test_several_missing_permissions_are_all_named() -> None:
    result = answered(403, {"missing_permissions": ["projects_read", "something_new", "projects_read"]})
    assert (
        "lacks Projects (account-wide): Read and something_new."
        in row(result, "May not list projects").advice
    )


@pytest.mark.parametrize("told", [None, "projects_read", {"a": 1}, [], [None, 5, [], ""]])
def test_a_permission_that_is_not_told_is_named_from_what_we_know(told: Any) -> None:
    result = answered(403, {"message": "Forbidden", "missing_permissions": told}, token=SCOPED)
    assert result.kind_of_stop == "lacks-permission"
    assert "lacks Projects (account-wide): Read." in row(result, "May not list projects").advice


PRIVILEGES = "Your account does not have the necessary privileges to access this endpoint."
"""Supabase's own sentence (public reports supabase/cli#6392, supabase/supabase#50244)."""


def test_a_403_is_told_by_supabases_sentence_and_by_the_kind_of_the_token() -> None:
    def it_is_told(case: tuple[str, str | None, str]) -> None:
        token, said, told = case
        result = answered(403, {"message": said}, token=token)
        advice = row(result, "May not list projects").advice
        assert told in advice
        assert (result.kind_of_stop == "lacks-permission") == ("lacks Projects" in advice)
        assert ("lacks Projects" in advice) == bool(row(result, "May not list projects").link)
        assert (
            said is None
            or said == "Forbidden resource"
            or advice.endswith(f"Supabase says: “{said.removesuffix('.')}.”")
        )

    holds_for_every(
        (
            (TOKEN, PRIVILEGES, "it may do what the account that made it may"),
            (TOKEN, "Forbidden resource", "has no permissions of its own"),
            (TOKEN, None, "Ask an owner of the organization for a role that allows this"),
            (TOKEN, "Organization requires MFA", "Turn it on for the account that made this token"),
            (SCOPED, "This organization enforces two-factor authentication.", "multi-factor authentication"),
            (TOKEN, "You must sign in with SSO to use this organization", "signs in that way"),
            (SCOPED, "IP address not allowed", "some addresses alone"),
            (TOKEN, "This organization is suspended: overdue invoices", "sees why on Supabase’s dashboard"),
            (SCOPED, PRIVILEGES, "lacks Projects (account-wide): Read"),
            (SCOPED, None, "lacks Projects (account-wide): Read"),
            ("something-new", PRIVILEGES, "or the account that made it has no role that allows it"),
        ),
        it_is_told,
    )


def test_permissions_that_supabase_names_count_before_its_sentence_which_is_quoted() -> None:
    result = answered(403, {"message": "MFA or not", "missing_permissions": ["projects_read"]}, token=SCOPED)
    advice = row(result, "May not list projects").advice
    assert advice.startswith("The token lacks Projects (account-wide): Read.")
    assert advice.endswith("Supabase says: “MFA or not.”")


@pytest.mark.parametrize(
    ("said", "quoted"),
    [
        ("two\nlines\u202e and\x00 marks", "“two lines and marks.”"),
        ("x" * 5000, f"“{'x' * 199}….”"),
        (f"No: {TOKEN}", "“No: ….”"),
        ({"a": 1}, None),
        ("Forbidden.", None),
        (TOKEN, None),
        (f"No: sb_secret_{'a1' * 12}", None),
        (f"{'No ' * 62} sbp_{'b2' * 20}", None),
    ],
)
def test_the_sentence_that_is_quoted_is_untrusted(said: Any, quoted: str | None) -> None:
    advice = row(answered(403, {"message": said}), "May not list projects").advice
    assert quoted in advice if quoted else "Supabase says" not in advice


def test_the_sentence_is_found_by_the_names_that_gateways_give_it() -> None:
    def it_is_found(body: dict[str, Any]) -> None:
        advice = row(answered(403, body), "May not list projects").advice
        assert advice.startswith("Supabase asks for multi-factor authentication.")
        assert advice.endswith("Supabase says: “Organization requires MFA.”")

    said = "Organization requires MFA"
    rows: tuple[dict[str, Any], ...] = (
        {"msg": said},
        {"error": said},
        {"error": "forbidden", "error_description": said},
        {"error": {"message": said}},
        {"message": "", "error": said},
    )
    holds_for_every(rows, it_is_found)


def test_missing_permissions_are_bounded() -> None:
    result = answered(403, {"missing_permissions": [f"{number}{'x' * 500}" for number in range(500)]})
    named = row(result, "May not list projects").advice.partition(". ")[0].replace(" and ", ", ").split(", ")
    assert len(named) == 10
    assert max(map(len, named[1:])) == 80


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 60),
        ({"Retry-After": "42"}, 42),
        ({"Retry-After": "42.2"}, 42),
        ({"Retry-After": "0"}, 1),
        ({"Retry-After": "99999"}, 3600),
        ({"Retry-After": "Wed, 18 Nov 2026 11:07:10 GMT"}, 60),
        ({"Retry-After": "soon"}, 60),
        ({"Retry-After": "-5"}, 60),
        ({"Retry-After": "nan"}, 60),
        ({"Retry-After": "inf"}, 60),
        ({"Retry-After": "9" * 400}, 3600),
        ({"Retry-After": "42", "X-RateLimit-Reset": "7"}, 42),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "7"}, 7),
        ({"X-RateLimit-Reset": "17"}, 17),
    ],
)
def test_too_many_requests_stop_with_the_seconds_to_wait(headers: dict[str, str], seconds: int) -> None:
    result = asking(lambda _: httpx.Response(429, json={"message": "Too Many Requests"}, headers=headers))
    assert states(result) == ["passed", "passed", "failed", "not checked", "not checked"]
    assert result.kind_of_stop == "rate-limited"
    assert result.retry_after == seconds
    assert f"Try again in {seconds} second" in row(result, "Token not checked").advice


@pytest.mark.parametrize("body", [b"", b"<html>slow down</html>", b"{"])
def test_too_many_requests_stop_whatever_is_in_the_answer(body: bytes) -> None:
    assert asking(lambda _: httpx.Response(429, content=body)).kind_of_stop == "rate-limited"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(status, headers={"Location": "https://evil.example/v1/projects"})

    result = asking(answer)
    assert asked == ["api.supabase.com"]
    assert not_checked_after(result, "Reachable over TLS").result == "answered with a redirect"


def not_checked_after(result: CheckResult, name: str) -> Check:
    """The row after that name, where the checks passed up to it and then ended without stopping anything."""
    assert result.title == "Not checked from here; Infisical will check"
    assert not result.stops
    passed = NAMES.index(name) + 1
    assert states(result) == ["passed"] * passed + ["not checked"] * (5 - passed)
    return result.rows[passed]


@pytest.mark.parametrize("status", [400, 404, 407, 418, 500, 502, 503, 504])
def test_any_other_failure_is_not_checked_and_does_not_stop(status: int) -> None:
    result = answered(status, {"message": "Internal server error"})
    assert not_checked_after(result, "Reachable over TLS").result == f"answered with status {status}"


@pytest.mark.parametrize("status", [200, 401, 403, 500])
def test_html_is_not_checked_and_does_not_stop(status: int) -> None:
    result = asking(lambda _: httpx.Response(status, html="<h1>Log in to the network</h1>"))
    not_checked_after(result, "Reachable over TLS")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"{}", b'"shop"', b"[1]", b'[{"name": "a"}, 7]', b"\xff", b"[" * 9000]
)
def test_an_answer_that_makes_no_sense_is_not_checked(body: bytes) -> None:
    result = asking(lambda _: httpx.Response(200, content=body, headers={"Content-Type": "application/json"}))
    assert not_checked_after(result, "Reachable over TLS").result == "answered with something else"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://api.supabase.com", "http, not https"),
        ("https://evil.example", "not on this server’s list"),
        ("https://api.supabase.com.evil.example", "not on this server’s list"),
        ("https://api.supabase.com:8443", "not on this server’s list"),
        ("https://proxy.example.com:444", "not on this server’s list"),
        ("https://127.0.0.1", "not on this server’s list"),
        ("https://api.supabase.com.", "not on this server’s list"),
    ],
)
def test_only_https_and_only_listed_hosts_are_ever_asked(url: str, why: str) -> None:
    result = asking(not_called, url=url)
    assert result.title == NOT_CHECKED
    assert not result.stops
    assert states(result) == ["not checked"] * 5
    assert row(result, "Address allowed").result == why


def test_a_listed_host_may_have_a_port_and_is_known_however_the_setting_spells_it() -> None:
    spelt = {"CONNECT_SUPABASE_HOSTS": " Other.Example.com:443, Proxy.Example.com:8443 "}
    hosts = Settings.load(spelt, None).trusted_hosts
    assert hosts == ("other.example.com", "proxy.example.com:8443")
    network = httpx.MockTransport(lambda _: httpx.Response(200, json=[]))
    checks = TokenChecks(transport=network, extra_hosts=hosts)
    url = read_instance_url("https://proxy.example.com:8443")
    assert checks.check(Secret(TOKEN), url, deadline_seconds=5).title == ALL_PASSED


@pytest.mark.parametrize("token", ["sbp_é", "sbp_\n", "sbp_\x00", "sbp_ 1", "", "x" * 5000, "sbp_\ud800"])
def test_a_token_that_fits_into_no_request_is_refused_without_asking(token: str) -> None:
    result = asking(not_called, token=token)
    assert states(result) == ["passed", "not checked", "failed", "not checked", "not checked"]
    assert result.kind_of_stop == "refused"
    assert "Copy it again" in row(result, "Token not accepted").advice


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (httpx.ConnectTimeout("slow"), "no answer in time"),
        (httpx.ReadTimeout("slow"), "no answer in time"),
        (httpx.PoolTimeout("busy"), "no answer in time"),
        (httpx.ConnectError("no route"), "not reachable"),
        (httpx.RemoteProtocolError("closed"), "not reachable"),
        (httpx.ProxyError("407"), "asks for a password"),
        (socket.gaierror(-2, "unknown"), "name not found"),
        (ConnectionRefusedError(111, "refused"), "connection refused"),
        (ssl.SSLCertVerificationError("untrusted"), "no secure connection"),
    ],
)
def test_what_cannot_be_reached_is_not_checked_and_does_not_stop(error: Exception, why: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(error, OSError):
            raise httpx.ConnectError("no connection") from error
        raise error

    assert not_checked_after(asking(answer), "Address allowed").result == why


@settings(deadline=None)
@given(
    status=st.integers(min_value=200, max_value=599),
    body=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["name", "id", "missing_permissions"]), inner)
        ),
    ),
    header=st.text("0123456789.-eE ,:GMTabc", max_size=40),
)
def test_any_answer_has_a_result(status: int, body: Any, header: str) -> None:
    content = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Retry-After": header, "X-RateLimit-Reset": header}
    result = asking(lambda _: httpx.Response(status, content=content, headers=headers))
    assert len(states(result)) == 5
    assert result.retry_after is None or 1 <= result.retry_after <= 3600
    assert len(result.projects) <= 20
    assert all(len(text) <= 80 and text.isprintable() for text in result.projects)
    assert all(len(shown.advice) < 1000 and shown.advice.isprintable() for shown in result.rows)


def test_a_cookie_that_supabase_sets_does_not_come_back_with_another_token() -> None:
    cookies: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        cookies.append(request.headers.get("Cookie"))
        return httpx.Response(200, json=[], headers={"Set-Cookie": "session=made-up; Path=/"})

    checks = TokenChecks(transport=httpx.MockTransport(answer))
    for _ in range(2):
        checks.check(Secret(TOKEN), read_instance_url(CLOUD), deadline_seconds=5)
    assert cookies == [None, None]


@pytest.mark.parametrize("status", [200, 401, 403, 429, 500])
def test_the_token_stands_in_no_log_and_no_result(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = [{"name": TOKEN}] if status == 200 else {"message": TOKEN, "missing_permissions": [TOKEN]}
    result = answered(status, body)
    assert TOKEN not in caplog.text + repr(result) + repr(result.rows)


def test_an_error_that_quotes_the_token_ends_here(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.LocalProtocolError(f"Illegal header value {request.headers['Authorization']}")

    result = asking(answer)
    assert not result.stops
    assert TOKEN not in caplog.text + repr(result) + "".join(capfd.readouterr())


def test_a_compressed_answer_is_not_unpacked() -> None:
    class Packed(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield gzip.compress(b"[]")

    result = asking(lambda _: httpx.Response(200, stream=Packed(), headers={"Content-Encoding": "gzip"}))
    assert not_checked_after(result, "Address allowed").result == "answer not readable"


# Against real sockets, over TLS.


@pytest.fixture
def supabase() -> Iterator[HTTPServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with HTTPServer(host="localhost", port=0, ssl_context=context) as server:
        yield server


def asking_at(port: int, *, trusting: Path | None = CERTIFICATE, seconds: float = 5) -> CheckResult:
    network = NetworkTransport(certificates(ca_bundle=trusting))
    checks = TokenChecks(transport=network, extra_hosts=[f"localhost:{port}"])
    try:
        url = read_instance_url(f"https://localhost:{port}")
        return checks.check(Secret(TOKEN), url, deadline_seconds=seconds)
    finally:
        checks.close()


@pytest.fixture(autouse=True)
def without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def test_supabase_is_asked_over_a_real_connection(supabase: HTTPServer) -> None:
    supabase.expect_request("/v1/projects", headers={"Authorization": f"Bearer {TOKEN}"}).respond_with_json(
        projects("shop")
    )
    result = asking_at(supabase.port)
    assert result.title == ALL_PASSED
    assert result.projects == ("shop",)
    assert result.rows[0].result == f"localhost:{supabase.port}"


def test_a_certificate_that_is_not_trusted_is_not_checked(supabase: HTTPServer) -> None:
    result = asking_at(supabase.port, trusting=None)
    assert not_checked_after(result, "Address allowed").result == "no secure connection"
    assert supabase.log == []


def test_a_closed_port_is_not_checked() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        result = asking_at(unused.getsockname()[1])
    assert not_checked_after(result, "Address allowed").result == "connection refused"


@pytest.mark.parametrize(("size", "title"), [(LARGEST_ANSWER, ALL_PASSED), (LARGEST_ANSWER + 1, NOT_CHECKED)])
def test_an_answer_may_have_8_mib(size: int, title: str) -> None:
    content = b"[" + b" " * (size - 2) + b"]"
    headers = {"Content-Type": "application/json"}
    assert asking(lambda _: httpx.Response(200, content=content, headers=headers)).title == title


def test_an_answer_without_end_is_not_read_on(supabase: HTTPServer) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b"["
        while sent < 64 * LARGEST_ANSWER:
            sent += 65536
            yield b" " * 65536

    def answer(_: Request) -> Response:
        return Response(endless(), content_type="application/json")

    supabase.expect_request("/v1/projects").respond_with_handler(answer)
    result = asking_at(supabase.port)
    assert not_checked_after(result, "Address allowed").result == "answer not readable"
    assert sent < 64 * LARGEST_ANSWER


@contextmanager
def dripping(answer: bytes, *, every: float, sent: list[bytes]) -> Iterator[int]:
    """The port of a TLS server that sends its answer byte by byte, with so many seconds between them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    over = threading.Event()

    def serve(listening: socket.socket) -> None:
        with listening.accept()[0] as plain, context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(65536)
            for byte in answer:
                if over.wait(every):
                    return
                sent.append(bytes([byte]))
                connection.sendall(sent[-1])

    with socket.create_server(("localhost", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            thread.join()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"


@pytest.mark.parametrize(
    ("answer", "last"),
    [
        pytest.param(HEAD + b"X-Slow: " + b"x" * 60 + b"\r\n\r\n[]", b"\r\n\r\n", id="headers"),
        pytest.param(HEAD.replace(b" 2\r", b" 62\r") + b"\r\n" + b" " * 60 + b"[]", b"[", id="body"),
    ],
)
def test_a_server_that_drips_is_left_at_the_deadline(answer: bytes, last: bytes) -> None:
    sent: list[bytes] = []
    with dripping(answer, every=0.02, sent=sent) as port:
        result = asking_at(port, seconds=0.6)
        assert last not in b"".join(sent)
    assert not_checked_after(result, "Address allowed").result == "no answer in time"


def test_the_same_server_is_waited_for_within_the_deadline() -> None:
    with dripping(HEAD + b"\r\n[]", every=0.001, sent=[]) as port:
        assert asking_at(port).title == ALL_PASSED


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[bytes] = []

    def proxy(listening: socket.socket) -> None:
        with listening.accept()[0] as connection:
            said.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=proxy, args=(listening,), daemon=True)
        thread.start()
        named = f"127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://made-up-user:made-up-password@{named}")
        checks = TokenChecks(transport=NetworkTransport(certificates()))
        result = checks.check(Secret(TOKEN), read_instance_url(CLOUD), deadline_seconds=5)
        thread.join(5)
    assert said[0].startswith(b"CONNECT api.supabase.com:443 HTTP/1.1\r\n")
    assert TOKEN.encode() not in said[0]
    assert not_checked_after(result, "Address allowed").result == f"proxy {named}: refused"


@pytest.mark.parametrize("proxy", ["no-scheme://nowhere", "http://made-up:p@#ss@proxy.example:3128"])
def test_a_proxy_setting_that_is_no_url_is_not_checked(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    checks = TokenChecks(transport=NetworkTransport(certificates()))
    result = checks.check(Secret(TOKEN), read_instance_url(CLOUD), deadline_seconds=5)
    told = not_checked_after(result, "Address allowed").result
    assert told == "proxy in HTTPS_PROXY: address not usable"


# Against the sandbox's Supabase.


@pytest.fixture
def sandbox_checks(tmp_path: Path) -> TokenChecks:
    database = tmp_path / "sandbox.sqlite"
    prepare_database(database)
    return TokenChecks(transport=SandboxTransport(create_sandbox(database), sleep=lambda _: None))


@pytest.mark.parametrize(
    ("digits", "title", "kind_of_stop"),
    [
        ("4567", ALL_SIX_PASSED, None),
        ("0401", ONE_FAILED, "refused"),
        ("0403", ONE_FAILED, "lacks-permission"),
        ("0404", NOT_CHECKED, None),
        ("0429", ONE_FAILED, "rate-limited"),
        ("0500", NOT_CHECKED, None),
        ("0504", NOT_CHECKED, None),
        ("1403", ONE_FAILED, None),
    ],
)
def test_the_sandbox_answers_as_supabase_does(
    sandbox_checks: TokenChecks, digits: str, title: str, kind_of_stop: str | None
) -> None:
    url = read_instance_url(CLOUD)
    result = sandbox_checks.check(Secret(sandbox_token(digits)), url, deadline_seconds=5, syncs=True)
    assert (result.title, result.kind_of_stop) == (title, kind_of_stop)


def test_the_sandboxs_projects_are_named(sandbox_checks: TokenChecks) -> None:
    result = sandbox_checks.check(Secret(sandbox_token()), read_instance_url(CLOUD), deadline_seconds=5)
    assert result.projects == ("webshop-production", "webshop-staging")
