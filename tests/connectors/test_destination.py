"""What a project of Supabase is seen to hold with an access token, and why that cannot be told."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import pytest

from app.connectors import APPS, Destination, TokenChecks
from app.connectors.instance_urls import read_instance_url
from app.connectors.rows import Message
from app.connectors.supabase import read_project
from app.connectors.supabase_api import MOST_REACHED, WRITE_SECRETS
from app.core.secret import Secret
from tests.every import holds_for_every

TOKEN = "sbp_0123456789abcdef0123456789abcdef01234567"
REF, STAGING = "qwertyuiopasdfghjklz", "abcdefghijklmnopqrst"
CLOUD = "https://api.supabase.com"
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
assert APPS[0].syncs is not None
RULES = APPS[0].syncs


def project(ref: str, name: str, status: str = "ACTIVE_HEALTHY") -> dict[str, str]:
    return {"id": ref, "name": name, "status": status}


PROJECTS = [project(REF, "shop"), project(STAGING, "shop-staging", "INACTIVE")]
SECRETS = [{"name": name, "value": SHA} for name in ("STRIPE_KEY", "SUPABASE_URL", "ALGOLIA_KEY")]

Asked = list[httpx.Request]


def supabase(
    projects: Any = PROJECTS, secrets: Any = SECRETS, *, status: int = 200, secrets_status: int = 200
) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/secrets"):
            return httpx.Response(secrets_status, json=secrets)
        return httpx.Response(status, json=projects)

    return answer


def looking(
    answer: Callable[[httpx.Request], httpx.Response],
    *,
    ref: str = REF,
    url: str = CLOUD,
    token: str = TOKEN,
    asked: Asked | None = None,
) -> Destination | Message:
    def transport(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        return answer(request)

    checks = TokenChecks(transport=httpx.MockTransport(transport), extra_hosts=["proxy.example.com"])
    values = {"instance_url": url, "access_token": Secret(token)}
    return RULES.look(checks, values, ref, 5.0)


def test_a_project_is_seen_with_its_names_and_nothing_else() -> None:
    asked: Asked = []
    found = looking(supabase(), asked=asked)
    assert found == Destination(REF, "shop", ("ALGOLIA_KEY", "STRIPE_KEY", "SUPABASE_URL"))
    assert SHA not in repr(found)
    assert [(request.method, str(request.url)) for request in asked] == [
        ("GET", f"{CLOUD}/v1/projects"),
        ("GET", f"{CLOUD}/v1/projects/{REF}/secrets"),
    ]
    assert {request.headers["Authorization"] for request in asked} == {f"Bearer {TOKEN}"}


def test_a_project_is_seen_at_the_connection_s_address_where_that_is_on_the_list() -> None:
    asked: Asked = []
    assert isinstance(looking(supabase(), url="https://proxy.example.com/v1", asked=asked), Destination)
    assert {request.url.host for request in asked} == {"proxy.example.com"}


@pytest.mark.parametrize("url", ["http://api.supabase.com", "https://api.supabase.com.evil.example"])
def test_another_address_is_not_asked(url: str) -> None:
    asked: Asked = []
    found = looking(supabase(), url=url, asked=asked)
    assert isinstance(found, Message)
    assert (found.kind, asked) == ("error", [])
    checks = TokenChecks(transport=httpx.MockTransport(supabase()), extra_hosts=["proxy.example.com"])
    assert not checks.asks(read_instance_url(url))
    assert checks.asks(read_instance_url("https://proxy.example.com"))
    assert checks.asks(read_instance_url(CLOUD))


def test_a_paused_project_is_seen_as_that() -> None:
    found = looking(supabase(), ref=STAGING)
    assert isinstance(found, Destination)
    assert (found.name, found.paused) == ("shop-staging", True)


def test_names_that_are_no_names_are_left_out() -> None:
    rows: list[Any] = [
        {"name": "B"},
        {"name": "B"},
        {"name": ["A"]},
        {"name": None},
        {},
        "C",
        {"name": "\ud800"},
    ]
    answer = json.dumps(rows).encode()

    def broken(request: httpx.Request) -> httpx.Response:
        secrets = request.url.path.endswith("/secrets")
        kind = {"Content-Type": "application/json"}
        return httpx.Response(200, content=answer if secrets else json.dumps(PROJECTS), headers=kind)

    found = looking(broken)
    assert isinstance(found, Destination)
    assert found.names == ("B", "�")


class Refusal(NamedTuple):
    what: str
    answer: Callable[[httpx.Request], httpx.Response]
    lead: str
    detail: str
    leads_to_tokens: bool = True
    ref: str = REF


def unreachable(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectTimeout("")


EMPTY = "Empty the field to go on without comparing."
LACKS = {"message": "Forbidden resource", "missing_permissions": ["edge_functions_secrets_read"]}
REFUSALS = [
    Refusal(
        "another account's",
        supabase(),
        f"This token belongs to another account: it reaches shop, shop-staging (paused), and not {'x' * 20}.",
        "",
        leads_to_tokens=False,
        ref="x" * 20,
    ),
    Refusal(
        "one that reaches nothing",
        supabase([]),
        "This token belongs to another account: it reaches no project.",
        "",
        leads_to_tokens=False,
    ),
    Refusal(
        "one that reaches many",
        supabase([project(letter * 20, letter) for letter in "abcdefg"]),
        f"This token belongs to another account: it reaches a, b, c, d, e and others, and not {REF}.",
        "",
        leads_to_tokens=False,
    ),
    Refusal(
        "a reference that is none",
        supabase([project("../../x", "odd")]),
        "This token belongs to another account: it reaches odd, and not ../../x.",
        "",
        leads_to_tokens=False,
        ref="../../x",
    ),
    Refusal("refused", supabase({"message": "Unauthorized"}, status=401), "Token not accepted.", "Supabase does not accept this token."),
    Refusal("may not list", supabase({"message": "Forbidden"}, status=403), "May not list projects.", "no permissions of its own", leads_to_tokens=False),
    Refusal("may not read", supabase(secrets=LACKS, secrets_status=403), "May not read secrets.", "make a new one with that permission"),
    Refusal("may not read, named", supabase(secrets=LACKS, secrets_status=403), "May not read secrets.", WRITE_SECRETS),
    Refusal("too many requests", supabase({}, status=429), "Token not checked.", "Supabase answers no more requests for now.", leads_to_tokens=False),
    Refusal("no answer", unreachable, "Supabase could not be asked: no answer in time.", EMPTY, leads_to_tokens=False),
    Refusal("a fault", supabase({}, status=500), "Supabase could not be asked: answered with status 500.", EMPTY, leads_to_tokens=False),
    Refusal("a fault later", supabase(secrets={}, secrets_status=500), "Supabase could not be asked: answered with status 500.", EMPTY, leads_to_tokens=False),
    Refusal("no list", supabase(secrets={}), "Supabase could not be asked: answered with something else.", EMPTY, leads_to_tokens=False),
    Refusal("paused", supabase(secrets={}, secrets_status=400), "Supabase could not be asked: shop-staging is paused.", EMPTY, leads_to_tokens=False, ref=STAGING),
]  # fmt: skip


def test_why_it_cannot_be_told_stands_at_the_token_s_field() -> None:
    def stands(refusal: Refusal) -> None:
        found = looking(refusal.answer, ref=refusal.ref)
        assert isinstance(found, Message)
        assert (found.kind, found.lead) == ("error", refusal.lead)
        assert refusal.detail in found.detail
        assert bool(found.link) is refusal.leads_to_tokens
        assert "can be created" not in found.detail
        assert TOKEN not in repr(found)

    holds_for_every(REFUSALS, stands)


def test_a_token_that_fits_into_no_header_is_not_sent() -> None:
    asked: Asked = []
    found = looking(supabase(), token=f"{TOKEN}\u2026", asked=asked)
    assert isinstance(found, Message)
    assert (found.lead, asked) == ("Token not accepted.", [])


def test_the_checks_of_a_token_say_which_projects_it_reaches() -> None:
    many = [project(f"{number:020}".translate(str.maketrans("0123456789", "abcdefghij")), "x") for number in range(60)]  # fmt: skip
    checks = TokenChecks(
        transport=httpx.MockTransport(supabase([*PROJECTS, project("no ref", "odd"), *many]))
    )
    result = checks.check(Secret(TOKEN), read_instance_url(CLOUD), deadline_seconds=5, syncs=True)
    assert "Edge Function Secrets" in result.rows[-1].advice
    assert "would fail" not in result.rows[-1].advice
    assert result.reached[:2] == ((REF, "shop", ""), (STAGING, "shop-staging", "paused"))
    assert len(result.reached) == MOST_REACHED == 50
    assert "no ref" not in {ref for ref, _, _ in result.reached}
    assert len(result.refs) == 63


def test_a_project_is_known_by_its_reference_and_by_its_addresses() -> None:
    dashboard = "https://supabase.com/dashboard/project"
    known = [
        REF,
        f" {REF}\n",
        f'"{REF}"',
        f"“{REF}”",
        f"`{dashboard}/{REF}`",
        f"{dashboard}/{REF}",
        f"{dashboard}/{REF}/settings/general",
        f"{dashboard}/{REF}?showConnect=true#top",
        f"supabase.com/dashboard/project/{REF}/functions/secrets",
        f"https://app.supabase.com/project/{REF}",
        f"https://{REF}.supabase.co",
        f"https://{REF}.supabase.co/rest/v1/",
        f"db.{REF}.supabase.co:5432",
    ]
    unknown = [
        "",
        "shop",
        REF[:19],
        f"{REF}a",
        REF.upper(),
        f"{REF}/x",
        "https://supabase.com/dashboard/projects",
        f"https://supabase.com.evil.example/dashboard/project/{REF}",
        f"https://{REF}.supabase.co.evil.example",
        f"https://evil.example/{REF}",
        f"{dashboard}/{REF}a",
    ]
    holds_for_every(known, lambda typed: _reads(typed, REF))
    holds_for_every(unknown, lambda typed: _reads(typed, None))
    assert RULES.project_page.format(ref=REF) == f"{dashboard}/{REF}"


def _reads(typed: str, ref: str | None) -> None:
    assert read_project(typed) == ref
