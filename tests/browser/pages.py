"""The pages of the wizard as a person finds their way about them: by role, by accessible name, by documented id."""

import re
from typing import ClassVar, Self

from playwright.sync_api import Locator, Page, expect

from app.sandbox import SANDBOX_CLIENT_ID, SANDBOX_CLIENT_SECRET, sandbox_token

NOT_ACCEPTED = sandbox_token("0401")
NEVER_ANSWERED = sandbox_token("0504")


def stop_the_clock(page: Page) -> None:
    """From now on the browser's own time moves only where the test moves it, on this page and those after it."""
    page.clock.install(time=0)
    page.clock.pause_at(1_000)


class OpenedPage:
    """A page that is open; making one waits until its heading is there."""

    heading: ClassVar[str | re.Pattern[str]]

    def __init__(self, page: Page) -> None:
        self.page = page
        expect(page.get_by_role("heading", level=1)).to_have_text(self.heading)

    def link(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("link", name=name)

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name)

    @property
    def current_step(self) -> Locator:
        steps = self.page.get_by_role("list", name="Steps")
        return steps.get_by_role("listitem").and_(self.page.locator("[aria-current=step]"))


class SignInPage(OpenedPage):
    heading = "Sign in to Infisical"

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.client_id = page.get_by_label("Client ID", exact=True)
        self.client_secret = page.get_by_label("Client secret", exact=True)
        self.infisical_token = page.get_by_label("Infisical access token", exact=True)
        self.sign_in = page.get_by_role("button", name="Sign in", exact=True)
        self.with_token = page.get_by_role("button", name="Sign in with this token")
        self.summary = page.locator("#error-summary")

    @classmethod
    def open(cls, page: Page) -> Self:
        page.goto("/sign-in")
        return cls(page)

    def fill_in(
        self, *, client_id: str = SANDBOX_CLIENT_ID, client_secret: str = SANDBOX_CLIENT_SECRET
    ) -> Self:
        """Types a machine identity's credential; without one that of the sandbox's, which may do everything."""
        self.client_id.fill(client_id)
        self.client_secret.fill(client_secret)
        return self


class ListPage(OpenedPage):
    heading = "App Connections"

    @classmethod
    def open(cls, page: Page) -> Self:
        page.goto("/")
        return cls(page)

    @property
    def add(self) -> Locator:
        return self.link("Add Connection")

    def connection(self, name: str) -> Locator:
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("link", name=name, exact=True))

    def search(self, words: str) -> None:
        self.page.get_by_role("searchbox", name="Search connections").fill(words)
        self.button("Search").click()
        expect(self.page).to_have_url(re.compile(r"[?&]q="))


class ChoosePage(OpenedPage):
    heading = "Choose the app to connect"

    @property
    def supabase(self) -> Locator:
        return self.link("Supabase Connection")


class TokenPage(OpenedPage):
    heading = "Create a Supabase access token"

    @property
    def have_token(self) -> Locator:
        return self.link("I have my token")

    @property
    def supabase(self) -> Locator:
        return self.link(re.compile("Open this page in Supabase"))


class ProjectsPage(OpenedPage):
    heading = "Change the project"


class FormPage(OpenedPage):
    heading = "Create a Supabase connection"

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.name = page.get_by_label("Name", exact=True)
        self.description = page.get_by_label("Description (optional)", exact=True)
        self.instance_url = page.get_by_label("Instance URL", exact=True)
        self.access_token = page.get_by_label("Access token", exact=True)
        self.use_anyway = page.get_by_role("checkbox", name="Use it anyway")
        self.submit = page.get_by_role("button", name="Create connection")
        self.change_project = page.get_by_role("button", name="Change the project")
        self.show = page.get_by_role("button", name="Show the access token")
        self.hide = page.get_by_role("button", name="Hide the access token")
        self.summary = page.locator("#error-summary")

    @classmethod
    def open(cls, page: Page) -> Self:
        page.goto("/connections/new/supabase")
        return cls(page)

    def fill_in(self, *, name: str, access_token: str | None = None, description: str = "") -> Self:
        """Types into the fields; without a token a made-up one that the sandbox accepts."""
        self.name.fill(name)
        self.description.fill(description)
        self.access_token.fill(access_token or sandbox_token())
        return self


class CreatedPage(OpenedPage):
    heading = re.compile("is connected$")

    @property
    def connection_id(self) -> str:
        return self.page.locator("#connection-id").inner_text()

    @property
    def connection_name(self) -> Locator:
        return self.page.locator("#connection-name")

    @property
    def sync_secrets(self) -> Locator:
        return self.page.get_by_role("link", name="Sync secrets", exact=True)


class LateCreatedPage(CreatedPage):
    heading = re.compile("was created$")


class CreatedBeforePage(CreatedPage):
    """The page after a form that was sent more than once: whether the first answer or a later one is shown, the browser
    decides."""

    heading = re.compile("is connected$|was created$")


class OutcomePage(OpenedPage):
    heading = "No answer from Infisical yet"

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.announced = page.get_by_role("main").get_by_role("status")
        self.check_now = self.link("Check now")
        self.stop_checking = self.link("Stop checking")
        self.form_again = self.link("Open the form again")


class SyncFormPage(OpenedPage):
    heading = "Sync secrets to Supabase"

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.project = page.get_by_label("Supabase project", exact=True)
        self.review = page.get_by_role("button", name="Review", exact=True)


class SyncReviewPage(OpenedPage):
    heading = "Review what will happen"

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.create = page.get_by_role("button", name=re.compile("^Create sync"))


class SyncPage(OpenedPage):
    """The page of a sync, whatever it is doing."""

    heading = re.compile(".")

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.status = page.locator("#sync-status")
