"""The pages that only read: the list, the projects, the apps, and which project is in hand."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from app.sandbox import sandbox_token
from tests.conftest import FORM, PROJECT, Client, Sandbox
from tests.every import holds_for_every
from tests.infisical.answers import connection, error
from tests.pages import read_page, text_in

OTHER = "41b8281e-0243-4a74-a13c-a6303e52601c"
CONNECTION = "adb321fa-eccb-491a-98b9-d58994355946"
ORGANIZATION = "5a9ae95f-6a76-43ca-8661-0e01154a218e"


def project(number: int) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "name": f"Project {number:03}",
        "slug": f"project-{number}",
        "orgId": ORGANIZATION,
    }


def an_infisical(
    *, projects: list[dict[str, Any]] | None = None, rows: list[dict[str, Any]] | None = None
) -> Callable[[httpx.Request], httpx.Response]:
    """An Infisical with these projects and these connections, the same in every project."""
    known = [project(1)] if projects is None else projects

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/api/v1/projects":
            return httpx.Response(200, json={"projects": known})
        if path.startswith("/api/v1/projects/"):
            return httpx.Response(200, json={"project": {**project(1), "id": path.rpartition("/")[2]}})
        if path == "/api/v1/app-connections":
            return httpx.Response(200, json={"appConnections": rows or []})
        if path.endswith("/options"):
            options = [{"name": f"App {n}", "app": f"app-{n}", "methods": ["x"]} for n in range(40)]
            return httpx.Response(
                200,
                json={
                    "appConnectionOptions": [*options, {"name": "Supabase", "app": "supabase", "methods": []}]
                },
            )
        details = {"identityDetails": {"organization": {"id": ORGANIZATION, "name": "Acme", "slug": "acme"}}}
        return httpx.Response(200, json=details)

    return answer


def test_the_list_has_twenty_rows_a_page(wizard_at: Callable[..., Client]) -> None:
    rows = [connection(id=f"id-{n:03}", name=f"connection-{n:03}") for n in range(45)]
    client = wizard_at(an_infisical(rows=rows))
    first = client.page(f"/connections?project={PROJECT}")
    assert "connection-019" in first.text
    assert "connection-020" not in first.text
    third = client.page(f"/connections?project={PROJECT}&page=3")
    assert "connection-044" in third.text
    beyond = client.page(f"/connections?project={PROJECT}&page=99")
    assert "connection-044" in beyond.text


def test_the_list_is_searched_by_every_word_in_any_case(wizard_at: Callable[..., Client]) -> None:
    rows = [connection(id="1", name="webshop", description="Edge secrets"), connection(id="2", name="other")]
    client = wizard_at(an_infisical(rows=rows))
    page = client.page(f"/connections?project={PROJECT}&q=EDGE+webshop")
    assert "webshop" in page.text
    assert "other" not in page.text
    assert "No connection matches" in client.page(f"/connections?project={PROJECT}&q=nothing").text


def test_a_connection_of_another_app_leads_to_infisicals_dashboard(wizard_at: Callable[..., Client]) -> None:
    rows = [connection(id="1", name="deploy-bot", app="github", method="github-app")]
    page = wizard_at(an_infisical(rows=rows)).page(f"/connections?project={PROJECT}")
    assert "GitHub App" in page.text
    expected = (
        f"https://infisical.test/organizations/{ORGANIZATION}/projects/secret-management/{PROJECT}"
        "/integrations?selectedTab=app-connections"
    )
    assert expected in page.links().values()


def test_the_empty_list_offers_the_one_way_on(wizard_at: Callable[..., Client]) -> None:
    page = wizard_at(an_infisical()).page(f"/connections?project={PROJECT}")
    assert "No connections in" in page.text
    assert f"/connections/new?project={PROJECT}" in page.links().values()


def test_supabase_comes_first_and_the_other_apps_lead_to_the_dashboard(
    wizard_at: Callable[..., Client],
) -> None:
    page = wizard_at(an_infisical()).page(f"/connections/new?project={PROJECT}")
    leading = [href for href in page.links().values() if "/token" in href or "/organizations/" in href]
    assert leading[0] == f"/connections/new/supabase/token?project={PROJECT}"
    assert "App 27" in page.text
    assert "App 28" not in page.text
    assert "App 39" in visitor_sees_all(wizard_at)


def test_start_is_a_link_that_says_what_it_starts(wizard_at: Callable[..., Client]) -> None:
    page = wizard_at(an_infisical()).page(f"/connections/new?project={PROJECT}")
    assert page.links()["Start"] == page.links()["Supabase Connection"]
    (start,) = (link for link in page.all("a") if text_in(link) == "Start")
    assert page.text_of(start.get("aria-describedby", "")) == "Supabase Connection"


def visitor_sees_all(wizard_at: Callable[..., Client]) -> str:
    return wizard_at(an_infisical()).page(f"/connections/new?project={PROJECT}&all=1").text


def test_the_apps_are_searched(wizard_at: Callable[..., Client]) -> None:
    page = wizard_at(an_infisical()).page(f"/connections/new?project={PROJECT}&q=app+39")
    assert "App 39" in page.text
    assert "App 11" not in page.text
    assert "Supabase Connection" not in page.text


def test_the_other_apps_of_the_organization_lead_to_its_own_page(wizard_at: Callable[..., Client]) -> None:
    page = wizard_at(an_infisical()).page("/connections/new?project=organization")
    assert f"https://infisical.test/organizations/{ORGANIZATION}/app-connections" in page.links().values()


def test_without_a_project_the_first_by_name_is_in_hand(wizard_at: Callable[..., Client]) -> None:
    client = wizard_at(an_infisical(projects=[project(3), project(2)]))
    assert client.get("/").location == f"/connections?project={project(2)['id']}"


def test_a_preselected_project_comes_before_the_first_by_name(wizard_at: Callable[..., Client]) -> None:
    client = wizard_at(an_infisical(), INFISICAL_PROJECT_ID=OTHER)
    assert client.get("/").location == f"/connections?project={OTHER}"


def test_the_project_last_opened_comes_before_the_preselected_one(wizard_at: Callable[..., Client]) -> None:
    client = wizard_at(an_infisical(), INFISICAL_PROJECT_ID=OTHER)
    client.page(f"/connections?project={PROJECT}")
    assert client.get("/").location == f"/connections?project={PROJECT}"


def test_a_remembered_project_that_is_gone_is_forgotten(wizard_at: Callable[..., Client]) -> None:
    present = True

    def answer(request: httpx.Request) -> httpx.Response:
        if not present and request.url.path == f"/api/v1/projects/{PROJECT}":
            return httpx.Response(
                404, json={"reqId": "r", "message": "Project with ID 'x' not found", "error": "NotFound"}
            )
        return an_infisical()(request)

    client = wizard_at(answer)
    client.page(f"/connections?project={PROJECT}")
    present = False
    assert client.page(f"/connections?project={PROJECT}", status=404).problem == "not-found"
    assert client.get("/").location == f"/connections?project={project(1)['id']}"


def test_an_identity_in_no_project_is_told_whom_to_ask_and_may_use_the_organization(
    wizard_at: Callable[..., Client],
) -> None:
    page = wizard_at(an_infisical(projects=[])).page("/", status=403)
    assert page.problem == "no-project"
    assert "/connections?project=organization" in page.links().values()


@pytest.mark.parametrize(
    "path", ["/connections", "/connections/new", "/connections/new/supabase/token", FORM]
)
def test_every_page_of_a_project_finds_the_one_in_hand(wizard_at: Callable[..., Client], path: str) -> None:
    answer = wizard_at(an_infisical()).get(f"{path}?q=kept")
    assert answer.status_code == 303
    assert answer.location == f"{path}?q=kept&project={project(1)['id']}"


def test_twenty_projects_are_shown_and_the_search_finds_the_others(wizard_at: Callable[..., Client]) -> None:
    client = wizard_at(an_infisical(projects=[project(number) for number in range(57)]))
    page = client.page("/projects")
    assert "Project 019" in page.text
    assert "Project 020" not in page.text
    assert "57" in page.text
    assert "Project 056" in client.page("/projects?q=project-56").text


def test_the_organization_is_always_offered(wizard_at: Callable[..., Client]) -> None:
    page = wizard_at(an_infisical()).page("/projects?q=nothing-like-it")
    assert "/connections?project=organization" in page.links().values()


def test_the_search_for_a_project_keeps_what_was_typed_in_the_form(wizard_at: Callable[..., Client]) -> None:
    page = wizard_at(an_infisical()).page("/projects?then=form&name=typed&q=project")
    assert page.hidden_fields()["name"] == ["typed"]
    assert f"{FORM}?project={project(1)['id']}&name=typed" in page.links().values()


def test_an_unknown_destination_leads_to_the_list(wizard_at: Callable[..., Client]) -> None:
    page = wizard_at(an_infisical()).page("/projects?then=https://evil.example")
    assert all("evil" not in href for href in page.links().values())


def test_the_token_page_carries_what_was_typed_to_the_form(wizard_at: Callable[..., Client]) -> None:
    page = wizard_at(an_infisical()).page(f"/connections/new/supabase/token?project={PROJECT}&name=typed")
    assert f"{FORM}?project={PROJECT}&name=typed" in page.links().values()


@pytest.mark.parametrize(
    "path", ["/connections/new/acme", "/connections/new/acme/token", f"/connections/acme/{OTHER}"]
)
def test_an_app_that_is_not_connected_here_has_no_page(wizard_at: Callable[..., Client], path: str) -> None:
    assert wizard_at(an_infisical()).page(f"{path}?project={PROJECT}", status=404).problem == "page-not-found"


def test_the_token_page_links_to_supabases_tokens_in_a_new_tab(client: Client) -> None:
    page = client.page("/connections/new/supabase/token")
    links = [
        link for link in page.all("a") if link.get("href") == "https://supabase.com/dashboard/account/tokens"
    ]
    assert links
    assert all(link.get("target") == "_blank" for link in links)


def test_the_sandbox_shows_its_badge_and_its_fates_on_its_help_page(client: Client, sandbox: Sandbox) -> None:
    page = client.page("/sandbox")
    assert "nothing leaves this machine" in page.text
    for digits in ("4567", "0401", "0403", "0404", "0429", "0500", "0504"):
        assert f"0123{digits}" in page.text
    assert sandbox.sent == []


def test_there_is_no_sandbox_page_on_a_real_infisical(wizard_at: Callable[..., Client]) -> None:
    assert wizard_at(an_infisical()).page("/sandbox", status=404).problem == "page-not-found"


def test_every_page_of_the_sandbox_carries_its_badge(client: Client) -> None:
    for url in ("/", "/projects", "/connections/new", "/connections/new/supabase/token", FORM, "/sandbox"):
        assert "nothing leaves this machine" in client.page(url).text
    assert "Do not enter a real token" in client.page(FORM).text


def test_a_real_infisical_is_named_on_every_page(wizard_at: Callable[..., Client]) -> None:
    client = wizard_at(an_infisical())
    page = client.page(f"{FORM}?project={PROJECT}")
    assert "infisical.test" in page.text
    assert "sandbox" not in page.text.lower()


def test_a_connection_that_was_made_and_may_not_be_read_is_told_to_be_there(
    wizard_at: Callable[..., Client],
) -> None:
    denied = error(403, "PermissionDenied", "You are not allowed to read-app-connections on app-connections")
    works = an_infisical()

    def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.startswith("/api/v1/app-connections/"):
            return works(request)
        return (
            httpx.Response(200, json={"appConnection": connection()}) if request.method == "POST" else denied
        )

    client = wizard_at(answer, CONNECT_PREFLIGHT="off")
    address = client.fill_in(f"{FORM}?project={PROJECT}", name="mine", access_token=sandbox_token()).location
    assert "The connection was created." in client.page(address, status=403).text
    for made_up in ("", "?created=1"):
        page = client.page(f"{address.partition('?')[0]}{made_up}", status=403)
        assert "was created" not in page.text


CANNOT_BE_IDS = ("a/b", "..", ".", "a b", "a\0b", "a?b", "a#b", "é", "<i>", "a;b", "%2e", "a" * 65, "a" * 500)


def test_what_cannot_be_a_projects_id_is_never_sent_and_the_page_is_about_the_project(
    wizard_at: Callable[..., Client],
) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url}")
        return an_infisical()(request)

    client = wizard_at(answer)
    form = client.page(f"{FORM}?project={PROJECT}").hidden_fields()
    asked.clear()

    def it_is_a_page(row: tuple[str, str]) -> None:
        path, id_ = row
        response = client.get(
            path, query_string={"project": id_, "name": "x", "since": "2026-11-23T11:42:07Z"}
        )
        page = read_page(response.text)
        assert (response.status_code, page.problem) == (404, "not-found")
        assert page.heading == "There is no such project"
        assert "Choose another project" in page.links()

    pages = ("/connections", "/connections/new", f"{FORM}/token", FORM, f"{FORM}/outcome")
    holds_for_every([(path, id_) for path in pages for id_ in CANNOT_BE_IDS], it_is_a_page)
    for id_ in CANNOT_BE_IDS:
        filled = {**form, "project_id": id_, "name": "mine", "access_token": sandbox_token()}
        response = client.post(FORM, data={**filled, "instance_url": "https://api.supabase.com"})
        assert read_page(response.text).problem == "not-found"
    assert asked == []


def test_what_cannot_be_a_connections_id_is_never_sent(wizard_at: Callable[..., Client]) -> None:
    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"{request.url} was asked")

    client = wizard_at(never)

    def it_is_a_page(id_: str) -> None:
        for rest in ("", "/reminder.ics?expires_on=2027-02-21"):
            assert client.get(f"/connections/supabase/{quote(id_, safe='')}{rest}").status_code == 404

    holds_for_every(("a", "1", "a b", "a?b", "%", "é", "0" * 36, CONNECTION + "0"), it_is_a_page)
