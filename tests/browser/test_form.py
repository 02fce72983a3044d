"""The form in a browser: what happens when it is refused, when the token is shown, when the project is changed."""

import re

from playwright.sync_api import Page, expect

from app.sandbox import sandbox_token

from .conftest import with_and_without_script
from .pages import NOT_ACCEPTED, CreatedPage, FormPage, ProjectsPage


def test_a_refused_form_puts_the_summary_in_focus(any_page: Page) -> None:
    form = FormPage.open(any_page)
    form.submit.click()
    expect(any_page).to_have_title(re.compile("^Error: "))
    expect(form.summary).to_be_focused()


@with_and_without_script
def test_each_link_of_the_summary_leads_to_its_field(any_page: Page) -> None:
    form = FormPage.open(any_page)
    form.name.fill("???")
    form.instance_url.fill("ftp://")
    form.submit.click()
    links = form.summary.get_by_role("link")
    fields = (form.name, form.instance_url, form.access_token)
    expect(links).to_have_count(len(fields))
    for link, field in zip(links.all(), fields, strict=True):
        link.click()
        expect(field).to_be_focused()
        expect(field).to_have_attribute("aria-invalid", "true")


def test_a_refused_form_keeps_everything_but_the_token_and_says_why(
    page_without_script: Page, new_name: str
) -> None:
    form = FormPage.open(page_without_script)
    form.fill_in(name=new_name, description="For the shop", access_token=NOT_ACCEPTED).submit.click()
    expect(form.summary).to_be_visible()
    expect(form.name).to_have_value(new_name)
    expect(form.description).to_have_value("For the shop")
    expect(form.access_token).to_have_value("")
    expect(form.access_token).to_have_accessible_description(re.compile("never sent back to a page"))
    assert NOT_ACCEPTED not in page_without_script.content()


def test_a_reload_after_a_refusal_keeps_everything_but_the_token(page: Page, new_name: str) -> None:
    form = FormPage.open(page)
    form.fill_in(name=new_name, description="For the shop", access_token=NOT_ACCEPTED).submit.click()
    expect(form.summary).to_be_visible()
    form.access_token.fill("")
    page.reload()
    form = FormPage(page)
    expect(form.name).to_have_value(new_name)
    expect(form.description).to_have_value("For the shop")
    expect(form.access_token).to_have_value("")


def test_a_reload_after_a_refusal_keeps_what_was_typed_since(page: Page, new_name: str) -> None:
    form = FormPage.open(page)
    form.submit.click()
    expect(form.summary).to_be_visible()
    form.name.fill(new_name)
    page.reload()
    expect(FormPage(page).name).to_have_value(new_name)


def test_a_name_in_the_wrong_shape_comes_back_in_the_right_one(page_without_script: Page) -> None:
    form = FormPage.open(page_without_script)
    form.fill_in(name="My Connection").submit.click()
    expect(form.summary).to_be_visible()
    expect(form.name).to_have_value("my-connection")


@with_and_without_script
def test_a_warning_is_lifted_by_use_it_anyway(any_page: Page, new_name: str) -> None:
    form = FormPage.open(any_page)
    form.instance_url.fill("https://your-domain.com")
    form.fill_in(name=new_name).submit.click()
    expect(form.summary).to_contain_text("your-domain.com")
    form.use_anyway.check()
    form.access_token.fill(sandbox_token())
    form.submit.click()
    # The sandbox reaches no host but Supabase Cloud, so now it is Infisical that refuses.
    expect(form.summary).to_contain_text("no Supabase Management API")


@with_and_without_script
def test_the_offered_instance_url_is_filled_in_and_the_rest_is_kept(any_page: Page, new_name: str) -> None:
    form = FormPage.open(any_page)
    form.instance_url.fill("https://your-domain.com")
    form.fill_in(name=new_name).submit.click()
    expect(form.summary).to_be_visible()
    form.button("Use https://api.supabase.com").click()
    expect(form.instance_url).to_have_value("https://api.supabase.com")
    expect(form.name).to_have_value(new_name)
    expect(form.summary).to_have_count(0)
    form.access_token.fill(sandbox_token())
    form.submit.click()
    expect(CreatedPage(any_page).connection_name).to_have_text(new_name)


def test_the_access_token_can_be_shown_and_hidden(page: Page) -> None:
    form = FormPage.open(page)
    form.access_token.fill(sandbox_token())
    expect(form.access_token).to_have_attribute("type", "password")
    form.show.click()
    expect(form.access_token).to_have_attribute("type", "text")
    expect(form.access_token).to_have_value(sandbox_token())
    form.hide.click()
    expect(form.access_token).to_have_attribute("type", "password")


def test_a_shown_access_token_is_hidden_again_when_it_is_sent(page: Page, new_name: str) -> None:
    form = FormPage.open(page)
    form.fill_in(name=new_name)
    form.show.click()
    form.submit.click()
    CreatedPage(page)
    page.evaluate("void setTimeout(() => history.back())")
    expect(FormPage(page).access_token).to_have_attribute("type", "password")


def test_without_script_there_is_no_show_button(page_without_script: Page) -> None:
    expect(FormPage.open(page_without_script).show).to_have_count(0)


@with_and_without_script
def test_changing_the_project_keeps_what_was_typed(any_page: Page, new_name: str) -> None:
    form = FormPage.open(any_page)
    form.instance_url.fill("https://your-domain.com")
    form.fill_in(name=new_name, description="For the shop")
    form.change_project.click()
    ProjectsPage(any_page).link("Webshop").click()
    form = FormPage(any_page)
    expect(any_page.get_by_role("banner")).to_contain_text("Webshop")
    expect(form.name).to_have_value(new_name)
    expect(form.description).to_have_value("For the shop")
    expect(form.instance_url).to_have_value("https://your-domain.com")
    expect(form.access_token).to_have_value("")


def test_the_access_token_never_stands_in_an_address(page: Page, new_name: str) -> None:
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    form = FormPage.open(page)
    form.fill_in(name=new_name)
    form.change_project.click()
    ProjectsPage(page).link("Webshop").click()
    FormPage(page).fill_in(name=new_name).submit.click()
    CreatedPage(page)
    assert addresses
    assert not [address for address in addresses if "sbp_" in address]
