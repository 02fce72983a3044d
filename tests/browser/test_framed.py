"""The pages in a frame of a portal, in a real browser: they work there, and signing in takes the whole window."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect
from werkzeug.wrappers import Response

from tests.nginx import write_certificate

from .pages import ProjectsPage, SignInPage
from .servers import Port, open_port, running_wizard


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[tuple[Port, Port, Port]]:
    """A wizard over https, a portal that it names, and one that it does not: three origins of one site."""
    write_certificate(tmp_path)
    certificate = (str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem"))
    with ExitStack() as running:
        wizard, portal, stranger = (
            running.enter_context(open_port(certificate=certificate)) for _ in range(3)
        )
        framing = f"<!doctype html><title>Portal</title><iframe src='{wizard.url}/projects'></iframe>"
        portal.app = stranger.app = Response(framing, mimetype="text/html")
        settings = {"CONNECT_ACCESS": "sign-in", "CONNECT_FRAME_ANCESTORS": portal.url}
        running.enter_context(running_wizard(wizard, tmp_path, environ=settings))
        yield wizard, portal, stranger


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(ignore_https_errors=True) as context:
        yield context.new_page()


def framed_at(portal: Port, page: Page) -> FrameLocator:
    page.goto(portal.url)
    return page.frame_locator("iframe")


def test_who_signs_in_from_a_frame_uses_the_wizard_in_it(ports: tuple[Port, Port, Port], page: Page) -> None:
    wizard, portal, stranger = ports
    framed_at(portal, page).get_by_role("link", name="Sign in", exact=True).click()
    SignInPage(page).fill_in().sign_in.click()
    ProjectsPage(page)
    assert page.url == f"{wizard.url}/projects"
    frame = framed_at(portal, page)
    expect(frame.get_by_role("heading", level=1)).to_have_text(ProjectsPage.heading)
    frame.get_by_role("button", name="Sign out").click()
    expect(frame.get_by_text("You are signed out.")).to_be_visible()
    framed_at(stranger, page)
    assert page.frames[1].url.startswith("chrome-error:")
