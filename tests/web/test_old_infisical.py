"""An Infisical that is too old, or at another address: what it lacks is named, before a token is made, and nothing is
created."""

from collections.abc import Callable

import httpx
import pytest

from app.sandbox import sandbox_token
from tests.conftest import FORM, PROJECT, Client, Clock
from tests.every import holds_for_every
from tests.pages import read_page

TOO_OLD = "This Infisical is too old"
PAGES = ("/connections/new", f"{FORM}/token", FORM)

Answer = Callable[[httpx.Request], httpx.Response]


def without(*routes: str, options: tuple[str, ...] = ("supabase", "github")) -> tuple[Answer, list[str]]:
    """An Infisical that has no route whose path ends so and offers these apps, and what it was asked."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        asked.append(f"{request.method} {path}")
        if any(f"{request.method} {path}".endswith(route) for route in routes):
            message = f"Route {request.method}:{request.url.raw_path.decode()} not found"
            told = {"message": message, "error": "Not Found", "statusCode": 404}
            return httpx.Response(404, json=told)
        if path.endswith("/options"):
            offered = [{"name": slug.title(), "app": slug, "methods": ["x"]} for slug in options]
            return httpx.Response(200, json={"appConnectionOptions": offered})
        if "connection-name" in path:
            missing = "Could not find App Connection with name mine in project scope."
            return httpx.Response(404, json={"reqId": "r", "message": missing, "error": "NotFound"})
        project = {"id": PROJECT, "name": "Payments", "slug": "payments", "orgId": "an-organization"}
        return httpx.Response(200, json={"project": project, "projects": [project], "appConnections": []})

    return answer, asked


def test_an_infisical_without_supabase_says_so_before_a_token_is_made(
    wizard_at: Callable[..., Client],
) -> None:
    client = wizard_at(without(options=("github",))[0])
    choose = client.page(f"/connections/new?project={PROJECT}")
    assert "infisical.test has no Supabase connections" in choose.text
    assert not [href for href in choose.links().values() if "/supabase" in href]
    assert "Github (opens in a new tab)" in choose.links()

    def it_says_so(path: str) -> None:
        for project in (PROJECT, "organization"):
            page = client.page(f"{path}?project={project}", status=502)
            assert (page.problem, page.heading) == ("too-old", TOO_OLD)
            assert "infisical.test has no Supabase connections" in page.text
            assert "Update Infisical" in page.text

    holds_for_every((f"{FORM}/token", FORM), it_says_so)


def test_an_infisical_that_offers_it_is_asked_once(wizard_at: Callable[..., Client]) -> None:
    answer, asked = without()
    client = wizard_at(answer)
    for _ in range(2):
        for path in (f"{FORM}/token", FORM):
            client.page(f"{path}?project={PROJECT}")
    assert len([path for path in asked if path.endswith("/options")]) == 1


def test_an_infisical_that_does_not_tell_what_it_offers_is_no_hindrance(
    wizard_at: Callable[..., Client],
) -> None:
    works, _ = without()

    def answer(request: httpx.Request) -> httpx.Response:
        told = {"reqId": "r", "message": "Something went wrong", "error": "InternalServerError"}
        return httpx.Response(500, json=told) if request.url.path.endswith("/options") else works(request)

    client = wizard_at(answer)
    for path in (f"{FORM}/token", FORM):
        client.page(f"{path}?project={PROJECT}")


@pytest.mark.parametrize(
    ("missing", "path"),
    [
        (f"GET /api/v1/projects/{PROJECT}", f"/connections?project={PROJECT}"),
        ("GET /api/v1/projects", "/projects"),
        ("GET /api/v1/app-connections", f"/connections?project={PROJECT}"),
        ("GET /api/v1/app-connections/options", f"/connections/new?project={PROJECT}"),
        ("GET /api/v1/app-connections/options", f"{FORM}/token?project={PROJECT}"),
        ("GET /api/v1/app-connections/options", f"{FORM}?project={PROJECT}"),
    ],
)
def test_an_infisical_that_is_too_old_is_told_as_that_with_what_it_lacks(
    wizard_at: Callable[..., Client], missing: str, path: str
) -> None:
    page = wizard_at(without(missing)[0]).page(path, status=502)
    assert (page.problem, page.heading) == ("too-old", TOO_OLD)
    assert f"infisical.test has no {missing}, which this wizard needs." in page.text


def test_where_connections_cannot_be_created_nothing_is(wizard_at: Callable[..., Client]) -> None:
    client = wizard_at(without("POST /api/v1/app-connections/supabase")[0], CONNECT_PREFLIGHT="off")
    answer = client.fill_in(f"{FORM}?project={PROJECT}", name="mine", access_token=sandbox_token())
    page = read_page(answer.text)
    assert (page.problem, page.heading) == ("too-old", TOO_OLD)
    assert "Nothing was created." in page.text
    assert page.links()["Back to the form"].startswith(f"{FORM}?")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_address_that_leads_on_to_https_is_told_with_the_one_to_set(
    wizard_at: Callable[..., Client], status: int
) -> None:
    def it_is_told(row: tuple[str, str]) -> None:
        location, address = row
        client = wizard_at(
            lambda _: httpx.Response(status, headers={"Location": location}),
            INFISICAL_HOST="http://infisical.test:8080",
        )
        page = client.page(f"/connections?project={PROJECT}", status=502)
        assert page.problem == "not-infisical"
        assert f"Set INFISICAL_HOST={address} and restart this server." in page.text

    rows = (
        ("https://infisical.test/api/v1/projects", "https://infisical.test"),
        ("https://INFISICAL.test:443/", "https://infisical.test"),
        ("https://infisical.test:8443/login?next=/a", "https://infisical.test:8443"),
        ("https://made-up:secret@infisical.test/", "https://infisical.test"),
    )
    holds_for_every(rows, it_is_told)


def test_an_address_that_leads_elsewhere_is_told_with_the_host_and_no_advice_to_set_it(
    wizard_at: Callable[..., Client],
) -> None:
    def it_is_named(row: tuple[str, str]) -> None:
        location, told = row
        client = wizard_at(lambda _: httpx.Response(302, headers={"Location": location}))
        page = client.page(f"/connections?project={PROJECT}", status=502)
        assert page.problem == "not-infisical"
        assert told in page.text
        assert "Set INFISICAL_HOST=" not in page.text
        assert "secret" not in page.text

    rows = (
        ("https://login.example.com/?next=secret", "It redirects to login.example.com."),
        ("http://infisical.test/", "It redirects to infisical.test."),
        ("https://infisical.test.evil.example/", "It redirects to infisical.test.evil.example."),
        ("/login", "It redirects elsewhere."),
        ("https://[secret", "It redirects elsewhere."),
        ("https://infisical.test:secret/", "It redirects to infisical.test."),
        ("", "It redirects elsewhere."),
    )
    holds_for_every(rows, it_is_named)


WRONG_ADDRESS = (
    "You are not allowed to access this resource from the current IP address",
    "Your IP address is not allowed",
    "IP 203.0.113.7 is not in the allowlist",
    "Access denied: 203.0.113.7 is not among the trusted IPs",
    "The client IP is not whitelisted for this identity",
    "Access token cannot be used from this address",
    "Request blocked by the organization's allow list",
    "IPv6 addresses are not trusted",
)
OTHERS = (
    "You are not allowed to access this resource",
    "You are not allowed to read on ip-allowlist",
    "Your e-mail address is not verified",
    "The email domain is not in the allowlist of this organization",
    "You are not allowed to list the members of this project",
    "Zip archives are not permitted",
    "Your description is not permitted",
)


def refused(message: str, *, status: int) -> Answer:
    body = {"reqId": "r", "statusCode": status, "message": message, "error": "ForbiddenError"}
    return lambda _: httpx.Response(status, json=body)


def test_an_address_that_is_not_trusted_is_told_in_whatever_words(
    wizard_at: Callable[..., Client], clock: Clock
) -> None:
    def it_is_told(row: tuple[str, int]) -> None:
        message, status = row
        page = wizard_at(refused(message, status=status)).page(f"/connections?project={PROJECT}", status=503)
        assert page.problem == "login-refused"
        assert "Add this server’s address to the trusted addresses of the machine identity." in page.text

    holds_for_every([(message, status) for message in WRONG_ADDRESS for status in (401, 403)], it_is_told)


def test_other_refusals_are_not_about_the_address(wizard_at: Callable[..., Client]) -> None:
    def it_is_another(message: str) -> None:
        page = wizard_at(refused(message, status=403)).page(f"/connections?project={PROJECT}", status=403)
        assert page.problem == "permission-denied"

    holds_for_every(OTHERS, it_is_another)
