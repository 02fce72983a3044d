"""Takes the pictures that the README shows, of a wizard on the sandbox: `python -m tests.browser.pictures`."""

# ruff: noqa: T201  # it is a command, and talks to whoever runs make

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from app.sandbox import sandbox_token
from tests.programs import find

from .pages import CreatedPage
from .png import with_a_palette
from .servers import open_port
from .stage import Stage, State, shown_in

FOLDER = Path(__file__).parents[2] / "docs"
WIDTH = 1280
DESCRIPTION = "Syncs the shop’s secrets. Ask the platform team."


def form(stage: Stage) -> None:
    """Half filled in, with the focus on the access token."""
    filled = stage.form().fill_in(
        name="webshop-supabase", description=DESCRIPTION, access_token=sandbox_token()
    )
    filled.access_token.focus()


def created(stage: Stage) -> None:
    filled = stage.form().fill_in(name="webshop-supabase", description=DESCRIPTION)
    stage.page.locator("#expires_on").fill("2027-02-21")
    filled.submit.click()
    CreatedPage(stage.page)


PICTURES = {"form.png": form, "created.png": created}


def take(way: Callable[[Stage], None], browser: Browser, file: Path) -> None:
    page = browser.new_page(viewport={"width": WIDTH, "height": 800}, color_scheme="light")
    with (
        tempfile.TemporaryDirectory() as folder,
        open_port() as port,
        shown_in(State(way), page, port, Path(folder)) as stage,
    ):
        # Where the mouse was left must not show.
        stage.page.mouse.move(0, 0)
        taken = stage.page.screenshot(full_page=True, animations="disabled", caret="hide")
        file.write_bytes(with_a_palette(taken))
    page.close()


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
        for name, way in PICTURES.items():
            file = FOLDER / name
            take(way, browser, file)
            print(f"{file.relative_to(FOLDER.parent)}  {file.stat().st_size // 1000} kB")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
