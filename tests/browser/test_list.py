"""The list is a table for screen readers, also where its rows are stacks on a phone."""

import pytest
from playwright.sync_api import Page

from .pages import ListPage

HEADS = ["Name", "App", "Method", "Token", "Created"]


@pytest.mark.parametrize("width", [1280, 390])
def test_the_list_is_a_table_whose_cells_have_heads(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    shown = ListPage.open(page)
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    told = [
        (node["role"]["value"], node.get("name", {}).get("value")) for node in tree if not node["ignored"]
    ]
    assert ("table", "Connections") in told
    assert [name for role, name in told if role == "columnheader"] == HEADS
    rows = shown.page.locator("tbody tr").count()
    assert rows > 1
    assert [role for role, _ in told].count("row") == rows + 1
    assert [role for role, _ in told].count("cell") == len(HEADS) * rows
