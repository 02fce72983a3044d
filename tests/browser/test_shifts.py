"""Nothing moves while a page loads: what the script brings has its room before."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from .servers import Port, running_wizard
from .states import OWN_CREDENTIAL

WATCH = """() => {
  window.shifts = [];
  new PerformanceObserver((seen) => window.shifts.push(...seen.getEntries().map(({value}) => value)))
    .observe({type: 'layout-shift', buffered: true});
  return new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
}"""

SHIFTS = """() => new Promise((told) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => told(window.shifts)))))"""


@pytest.mark.parametrize(
    ("path", "environ"),
    [("/sandbox", {}), ("/sign-in", OWN_CREDENTIAL), ("/connections/new/supabase", {})],
)
def test_nothing_shifts_when_the_script_comes_late(
    page: Page, port: Port, tmp_path: Path, served: ExitStack, path: str, environ: dict[str, str]
) -> None:
    served.enter_context(running_wizard(port, tmp_path, environ=environ))
    page.set_viewport_size({"width": 412, "height": 1600})
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/*.js", hold)
    page.goto(path, wait_until="commit")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.evaluate(WATCH)
    assert held
    page.route("**/*.js", lambda route: route.continue_())
    for route in held:
        route.continue_()
    expect(page.locator(":is([data-copy], [data-show]):not([hidden])").first).to_be_visible()
    assert page.evaluate(SHIFTS) == []


def test_without_script_its_buttons_take_no_room(page_without_script: Page) -> None:
    page_without_script.goto("/sandbox")
    assert page_without_script.locator("[data-copy]").first.bounding_box() is None
