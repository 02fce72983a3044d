"""Takes the pictures that the README shows, of a wizard on the sandbox: `python -m tests.browser.pictures`."""

# ruff: noqa: T201  # it is a command, and talks to whoever runs make

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, expect, sync_playwright

from app.sandbox import sandbox_token
from tests.programs import find

from .pages import CreatedPage, FormPage, TokenPage
from .png import with_a_palette
from .states import SERVICE_ROLE_KEY, SEVERAL_INFISICALS, Stage, State, shown_in, sign_in_page

FOLDER = Path(__file__).parents[2] / "docs"
WIDTH = 1280
DESCRIPTION = "Syncs the shop’s secrets. Ask the platform team."


def form(stage: Stage) -> None:
    """Half filled in, with the focus on the access token."""
    filled = stage.form().fill_in(
        name="webshop-supabase", description=DESCRIPTION, access_token=sandbox_token()
    )
    filled.access_token.focus()


def guidance(stage: Stage) -> None:
    stage.go("/connections/new/supabase/token")
    TokenPage(stage.page)


def refused(stage: Stage) -> None:
    filled = stage.form().fill_in(name="My Connection", access_token=SERVICE_ROLE_KEY)
    filled.instance_url.fill("https://your-domain.com")
    filled.submit.click()
    expect(FormPage(stage.page).summary).to_be_focused()


def created(stage: Stage) -> None:
    filled = stage.form().fill_in(name="webshop-supabase", description=DESCRIPTION)
    stage.page.locator("#expires_on").fill("2027-02-21")
    filled.submit.click()
    CreatedPage(stage.page)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a page from its top; `height` in pixels, where the page is longer than a README should be.

    `environ` are the settings of the wizard that shows it.
    """

    way: Callable[[Stage], None]
    theme: Literal["light", "dark"] = "light"
    height: int | None = None
    environ: Mapping[str, str] = field(default_factory=dict)


PICTURES = {
    "form.png": Picture(form),
    "form-dark.png": Picture(form, theme="dark"),
    "sign-in.png": Picture(sign_in_page, environ=SEVERAL_INFISICALS),
    "guidance.png": Picture(guidance, height=1200),
    "refused.png": Picture(refused),
    "created.png": Picture(created),
}


def take(picture: Picture, browser: Browser, file: Path) -> None:
    size = {"width": WIDTH, "height": picture.height or 800}
    with (
        tempfile.TemporaryDirectory() as folder,
        shown_in(
            State(picture.way, picture.environ),
            browser,
            Path(folder),
            viewport=size,
            color_scheme=picture.theme,
        ) as stage,
    ):
        # Where the mouse was left must not show.
        stage.page.mouse.move(0, 0)
        taken = stage.page.screenshot(full_page=picture.height is None, animations="disabled", caret="hide")
        file.write_bytes(with_a_palette(taken))


def main() -> int:
    chromium = find("chromium")
    if chromium is None:
        print(
            "Pictures are taken with Chromium, and none was found. Get it with: python -m tests.programs ensure"
        )
        return 1
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for name, picture in PICTURES.items():
            file = FOLDER / name
            take(picture, browser, file)
            print(f"{file.relative_to(FOLDER.parent)}  {file.stat().st_size // 1000} kB")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
