"""What the form does with JavaScript: the token stays in its field, fields answer when they are left, names take shape."""

import json
import re
from urllib.parse import parse_qs, unquote_plus, urlsplit

import pytest
from playwright.sync_api import Dialog, Locator, Page, Request, Route, expect

from app.sandbox import sandbox_token

from .pages import NOT_ACCEPTED, CreatedPage, FormPage, ListPage, OutcomePage, ProjectsPage
from .servers import Wizard

LACKS_PERMISSION = sandbox_token("0403")
LIMITED = sandbox_token("0429")
SECRET_KEY_OF_A_PROJECT = "sb_secret_made-up-0123456789"

# Every place in the document that holds text, but for the live values of fields.
WRITTEN_DOWN = """() => document.documentElement.outerHTML + JSON.stringify([history.state, {...localStorage},
  {...sessionStorage}, document.cookie, location.href])"""


@pytest.fixture
def form(page: Page) -> FormPage:
    return FormPage.open(page)


def check(form: FormPage) -> Locator:
    """Presses "Check this token"; the panel with what came of it."""
    form.button("Check this token").click()
    return form.page.get_by_role("region", name=re.compile("check|Not checked"))


def announced(page: Page) -> Locator:
    return page.locator("body > [role=status]")


# ── Refused in place ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_access_token_stays_in_its_field_after_a_refusal_and_nowhere_else(
    form: FormPage, new_name: str
) -> None:
    page = form.page
    form.fill_in(name=new_name, description="For the shop", access_token=NOT_ACCEPTED).submit.click()
    expect(form.summary).to_be_focused()
    expect(page).to_have_title(re.compile("^Error: "))
    expect(form.access_token).to_have_value(NOT_ACCEPTED)
    expect(form.name).to_have_value(new_name)
    expect(form.description).to_have_value("For the shop")
    assert NOT_ACCEPTED not in page.evaluate(WRITTEN_DOWN)
    assert "never sent back" not in form.access_token.evaluate(
        "field => field.getAttribute('aria-describedby').split(' ')"
        ".map((id) => document.getElementById(id).textContent).join()"
    )


def test_a_refusal_is_no_new_page_in_the_history(form: FormPage) -> None:
    before = form.page.evaluate("history.length")
    form.submit.click()
    expect(form.summary).to_be_focused()
    assert form.page.evaluate("history.length") == before


def test_a_refused_form_can_be_mended_and_sent_without_typing_the_token_again(
    form: FormPage, new_name: str
) -> None:
    form.fill_in(name="???").submit.click()
    expect(form.summary).to_be_focused()
    form.name.fill(new_name)
    form.submit.click()
    expect(CreatedPage(form.page).connection_name).to_have_text(new_name)


def test_use_it_anyway_covers_what_the_page_in_place_warned_of(form: FormPage, new_name: str) -> None:
    form.fill_in(name=new_name, access_token="a-new-shape-of-token").submit.click()
    form.use_anyway.check()
    form.submit.click()
    expect(form.summary).to_contain_text("Supabase does not accept this access token.")


def test_the_offered_url_is_put_in_and_the_token_stays(form: FormPage, new_name: str) -> None:
    form.instance_url.fill("https://your-domain.com")
    form.fill_in(name=new_name).submit.click()
    expect(form.summary).to_be_focused()
    form.button("Use https://api.supabase.com").click()
    expect(form.summary).to_have_count(0)
    expect(form.instance_url).to_be_focused()
    expect(form.instance_url).to_have_value("https://api.supabase.com")
    expect(form.access_token).to_have_value(sandbox_token())


def test_a_token_without_a_permission_is_told_so(form: FormPage, new_name: str) -> None:
    form.fill_in(name=new_name, access_token=LACKS_PERMISSION).submit.click()
    expect(form.summary).to_contain_text("The access token lacks a permission.")
    expect(form.button("Check this token")).to_be_hidden()


def test_a_rate_limit_stops_the_submission_with_the_seconds(form: FormPage, new_name: str) -> None:
    form.fill_in(name=new_name, access_token=LIMITED).submit.click()
    expect(form.summary).to_contain_text(re.compile(r"Supabase asks to wait \d+ second"))
    expect(form.page.locator("#checks")).to_contain_text("too many requests")


def test_a_problem_takes_the_place_of_the_form(form: FormPage) -> None:
    page = form.page
    context = page.context
    context.clear_cookies()
    form.fill_in(name="lost-its-cookie").submit.click()
    expect(page.locator("main[data-problem=page-too-old]")).to_be_focused()
    expect(page.get_by_role("heading", level=1)).to_have_text("This page was open too long")
    assert sandbox_token() not in page.evaluate(WRITTEN_DOWN)


@pytest.fixture(autouse=True)
def _problems_are_expected(request: pytest.FixtureRequest) -> None:
    if "problem" in request.node.name:
        request.getfixturevalue("page")
        request.getfixturevalue("watches")[-1].expect({400})


def test_copying_works_on_a_page_put_in_place(form: FormPage) -> None:
    form.submit.click()
    expect(form.summary).to_be_focused()
    form.page.context.grant_permissions(["clipboard-write", "clipboard-read"])
    form.button("Copy the made-up token").click()
    expect(form.button("Copied the made-up token")).to_be_visible()


def test_a_double_click_sends_one_create(page: Page, wizard: Wizard) -> None:
    FormPage.open(page).fill_in(name="impatient").submit.dblclick()
    expect(CreatedPage(page).connection_name).to_have_text("impatient")
    assert wizard.backend.creates == 1


def test_what_is_typed_while_the_token_is_checked_is_kept(form: FormPage) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "check=1" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.fallback()

    form.page.route(re.compile("/connections/new/supabase"), hold)
    form.access_token.fill(sandbox_token())
    form.button("Check this token").click()
    form.description.press_sequentially("For the shop")
    expect(form.button(re.compile("Checking the token"))).to_be_visible()
    held[0].continue_()
    expect(form.page.locator("#checks")).to_be_visible()
    expect(form.description).to_be_focused()
    expect(form.description).to_have_value("For the shop")
    expect(announced(form.page)).to_have_text("All six checks passed")


# ── Checks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_check_this_token_shows_what_it_reaches_and_keeps_it(form: FormPage) -> None:
    form.access_token.fill(sandbox_token())
    checks = check(form)
    expect(checks).to_be_focused()
    expect(checks.get_by_role("heading")).to_have_text("All six checks passed")
    rows = checks.get_by_role("list").first.locator("> li")
    expect(rows).to_have_count(6)
    expect(rows.first).to_contain_text("Passed: Address allowed")
    expect(rows.nth(4).get_by_role("listitem")).to_contain_text(["webshop-production", "webshop-staging"])
    expect(form.access_token).to_have_value(sandbox_token())
    expect(form.button("Check again")).to_be_visible()


def test_a_failed_check_says_what_to_do_and_those_after_it_are_not_run(form: FormPage) -> None:
    form.access_token.fill(LACKS_PERMISSION)
    checks = check(form)
    expect(checks.get_by_role("heading")).to_have_text("One check failed")
    expect(checks).to_contain_text("Failed: May not list projects")
    expect(checks).to_contain_text("The token lacks Projects (account-wide): Read.")
    expect(checks).to_contain_text("Not checked: Projects it reaches")
    expect(checks.get_by_role("link", name="make a new one")).to_have_attribute(
        "href", "https://supabase.com/dashboard/account/tokens"
    )


def test_checks_do_not_stay_beside_another_token(form: FormPage) -> None:
    form.access_token.fill(sandbox_token())
    checks = check(form)
    expect(checks).to_be_visible()
    form.access_token.fill(NOT_ACCEPTED)
    expect(checks).to_have_count(0)
    expect(form.button("Check this token")).to_be_visible()


# ── While it is filled in ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_name_is_suggested_from_the_project(form: FormPage) -> None:
    expect(form.name).to_have_value("payments-supabase")


def test_a_name_that_came_with_the_address_is_left_alone(page: Page) -> None:
    page.goto("/connections/new/supabase?name=mine")
    expect(FormPage(page).name).to_have_value("mine")


def test_a_suggested_name_goes_with_its_project(form: FormPage) -> None:
    form.change_project.click()
    ProjectsPage(form.page).link("Webshop").click()
    expect(FormPage(form.page).name).to_have_value("webshop-supabase")


def test_a_name_takes_its_shape_while_it_is_typed(form: FormPage) -> None:
    for typed, becomes in (
        ("My Connection", "my-connection"),
        ("a - b", "a-b"),
        ("already-right-2", "already-right-2"),
        ("Käse & Straße_7", "kase-strasse-7"),
        ("Łódź–ðđɗɓħıłƙŋøɔŧəɛƴ—æœþ Ǿ", "lodz-dddbhilknooteey-aeoeth-o"),
        ("-leading", "leading"),
    ):
        form.name.fill("")
        form.name.press_sequentially(typed)
        expect(form.name).to_have_value(becomes)


def test_a_space_becomes_a_hyphen_at_once_and_one_at_the_end_goes_on_leaving(form: FormPage) -> None:
    form.name.fill("")
    form.name.press_sequentially("shop ")
    expect(form.name).to_have_value("shop-")
    form.name.press("Tab")
    expect(form.name).to_have_value("shop")


def test_the_caret_stays_where_it_is_typed(form: FormPage) -> None:
    form.name.fill("ab-cd")
    form.name.press("Home")
    form.name.press("ArrowRight")
    form.name.press_sequentially("X Y")
    expect(form.name).to_have_value("ax-yb-cd")
    assert form.name.evaluate("field => field.selectionStart") == len("ax-y")


def test_a_token_pasted_as_the_name_takes_no_shape_that_the_server_would_not_know(form: FormPage) -> None:
    form.name.fill(NOT_ACCEPTED)
    form.name.press("Tab")
    expect(form.page.locator("#name-error")).to_contain_text("had a personal access token in it")
    form.submit.click()
    expect(form.summary).to_be_focused()
    expect(form.name).to_have_value("")
    assert NOT_ACCEPTED[4:] not in form.page.evaluate(WRITTEN_DOWN)


def test_a_field_says_what_is_wrong_when_it_is_left(form: FormPage) -> None:
    form.access_token.fill(SECRET_KEY_OF_A_PROJECT)
    form.access_token.press("Tab")
    expect(form.page.locator("#access_token-error")).to_contain_text("secret API key")
    expect(form.access_token).to_have_attribute("aria-invalid", "true")
    expect(form.access_token).to_have_value(SECRET_KEY_OF_A_PROJECT)
    expect(form.show).to_be_focused()
    expect(form.button("Check this token")).to_be_hidden()
    assert SECRET_KEY_OF_A_PROJECT not in form.page.evaluate(WRITTEN_DOWN)


def test_a_field_that_was_mended_says_no_more(form: FormPage) -> None:
    form.access_token.fill(SECRET_KEY_OF_A_PROJECT)
    form.access_token.press("Tab")
    error = form.page.locator("#access_token-error")
    expect(error).to_be_visible()
    form.access_token.fill(sandbox_token())
    form.access_token.press("Tab")
    expect(error).to_have_count(0)
    expect(form.access_token).not_to_have_attribute("aria-invalid", "true")
    expect(form.button("Check this token")).to_be_visible()


def test_what_was_taken_off_a_token_is_told_when_its_field_is_left(form: FormPage) -> None:
    form.access_token.fill(f'Bearer "{sandbox_token()}"')
    form.access_token.press("Tab")
    expect(form.page.get_by_text("“Bearer” and quotes were taken off the access token.")).to_be_visible()


def test_only_the_access_token_s_own_question_carries_it(form: FormPage) -> None:
    asked: list[Request] = []
    form.page.on("request", lambda request: asked.append(request) if request.method == "POST" else None)
    form.access_token.fill(sandbox_token())
    form.instance_url.fill("https://abcdefghijklmnopqrst.supabase.co")
    form.instance_url.press("Tab")
    expect(form.page.locator("#instance_url-error")).to_contain_text("one project")
    carried = {
        body["validate"][0]: "access_token" in body
        for body in (parse_qs(request.post_data or "") for request in asked)
    }
    assert carried == {"access_token": True, "instance_url": False}


def test_a_field_that_was_not_changed_or_is_empty_asks_nothing(form: FormPage) -> None:
    asked: list[Request] = []
    form.page.on("request", lambda request: asked.append(request) if request.method == "POST" else None)
    for field in (form.name, form.description, form.instance_url, form.access_token):
        field.focus()
    form.description.fill("a")
    form.description.fill("")
    form.name.focus()
    form.page.evaluate("fetch('/healthz').then((answer) => answer.text())")
    assert asked == []


# ── Leaving ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def asked_to_stay(page: Page) -> list[str]:
    """The dialogs that asked about leaving; each is answered with "Leave"."""
    dialogs: list[str] = []

    def leave(dialog: Dialog) -> None:
        dialogs.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    return dialogs


def test_leaving_asks_first_once_a_token_is_typed(form: FormPage, asked_to_stay: list[str]) -> None:
    form.access_token.press_sequentially("sbp_")
    form.link("Cancel").click()
    ListPage(form.page)
    assert asked_to_stay == ["beforeunload"]


def test_leaving_does_not_ask_without_a_token(form: FormPage, asked_to_stay: list[str]) -> None:
    form.name.press_sequentially("mine")
    form.access_token.press_sequentially("sbp_")
    form.access_token.fill("")
    form.link("Cancel").click()
    ListPage(form.page)
    assert asked_to_stay == []


def test_creating_and_changing_the_project_do_not_ask(
    form: FormPage, asked_to_stay: list[str], new_name: str
) -> None:
    form.fill_in(name=new_name)
    form.change_project.click()
    ProjectsPage(form.page).link("Webshop").click()
    form = FormPage(form.page)
    expect(form.access_token).to_have_value("")
    form.fill_in(name=new_name).submit.click()
    CreatedPage(form.page)
    assert asked_to_stay == []


def test_changing_the_project_sends_no_token(form: FormPage, new_name: str) -> None:
    sent: list[str] = []
    form.page.on("request", lambda request: sent.append(request.post_data or ""))
    form.fill_in(name=new_name).change_project.click()
    ProjectsPage(form.page)
    assert any("change_project" in body for body in sent)
    assert not any("sbp_" in body for body in sent if "change_project" in body)


def test_what_is_kept_for_going_back_is_what_was_typed_and_when_the_form_was_served(
    form: FormPage, new_name: str
) -> None:
    page = form.page
    form.fill_in(name=new_name, description="For the shop")
    # A page that is not there any more cannot be asked: this one notes it on its way out.
    page.evaluate(
        "addEventListener('pagehide', () => sessionStorage.setItem('kept', JSON.stringify(history.state)))"
    )
    form.submit.click()
    CreatedPage(page)
    kept = json.loads(page.evaluate("sessionStorage.getItem('kept')"))
    assert {name for name, text in kept.items() if text} == {"served", "name", "description", "instance_url"}


# ── A broken connection ────────────────────────────────────────────────────────────────────────────────────────────


def break_the_create(page: Page) -> None:
    page.route(
        re.compile(r"/connections/new/supabase\?"),
        lambda route: route.abort("aborted") if route.request.method == "POST" else route.fallback(),
    )


def test_a_broken_connection_leads_to_the_outcome_page_that_knows_what_was_sent(
    page: Page, wizard: Wizard
) -> None:
    form = FormPage.open(page)
    form.fill_in(name="mine", description="For the shop")
    form.page.get_by_label("When does the token expire? (optional)").fill("2027-02-21")
    form.page.get_by_label("Add it to the description").check()
    break_the_create(page)
    form.submit.click()
    OutcomePage(page)
    query = parse_qs(urlsplit(page.url).query)
    assert {name: query[name] for name in ("name", "description", "instance_url", "expires_on")} == {
        "name": ["mine"],
        "description": ["For the shop"],
        "instance_url": ["https://api.supabase.com"],
        "expires_on": ["2027-02-21"],
    }
    # By the server's clock, which stands still in this test, and what has passed in the browser since.
    assert query["since"][0].startswith("2026-11-23T11:42:")
    assert query["project"][0]
    assert "sbp_" not in page.url


@pytest.mark.parametrize(
    "secret",
    [
        NOT_ACCEPTED,
        *(
            pytest.param(secret, marks=pytest.mark.full)
            for secret in (
                SECRET_KEY_OF_A_PROJECT,
                "eyJtYWRlLXVw.eyJtYWRlLXVw.bWFkZS11cA",
                "postgres://u:made-up@db.example/x",
            )
        ),
    ],
)
def test_a_secret_pasted_one_field_off_does_not_go_into_that_pages_address(
    form: FormPage, secret: str
) -> None:
    form.fill_in(name="mine", description=f"The key is {secret}")
    break_the_create(form.page)
    form.submit.click()
    OutcomePage(form.page)
    assert parse_qs(urlsplit(form.page.url).query)["name"] == ["mine"]
    assert secret not in unquote_plus(form.page.url)
    form.page.go_back()
    FormPage(form.page)
    assert secret not in form.page.evaluate(WRITTEN_DOWN)


def test_the_outcome_page_finds_what_a_broken_connection_left_behind(page: Page, wizard: Wizard) -> None:
    form = FormPage.open(page)
    form.fill_in(name="mine", description="For the shop")
    form.instance_url.fill("https://api.supabase.com/v1/")
    form.page.get_by_label("When does the token expire? (optional)").fill("2027-02-21")
    form.page.get_by_label("Add it to the description").check()

    def cut_the_answer(route: Route) -> None:
        if "submit=" in (route.request.post_data or ""):
            route.fetch(max_redirects=0)
            route.abort("aborted")
        else:
            route.fallback()

    page.route(re.compile(r"/connections/new/supabase\?"), cut_the_answer)
    form.submit.click()
    expect(page.locator("#connection-name")).to_have_text("mine")
    expect(page.locator("#connection-description")).to_have_text("For the shop. Token expires 21 Feb 2027.")
    assert wizard.backend.creates == 1


def test_a_check_that_could_not_be_asked_says_so_and_can_be_asked_again(form: FormPage) -> None:
    form.access_token.fill(sandbox_token())
    form.description.focus()
    break_the_create(form.page)
    form.button("Check this token").click()
    told = form.page.get_by_text("This page’s server could not be reached.")
    expect(told.first).to_be_visible()
    form.page.unroute_all()
    expect(check(form)).to_be_focused()
