"""Every page in both themes and on every size of screen, judged by axe."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from tests.browser.conftest import SIZES, Theme, Visitor, overflow, settled, violations

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES = {
    "#/now": "Now",
    "#/models": "Models",
    "#/models/alpha": "Models / alpha",
    "#/models/alpha?tab=logs": "Models / alpha",
    "#/models/alpha?tab=use": "Models / alpha",
    "#/models/none": "Models / none",
    "#/logs": "Logs",
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_no_page_has_a_barrier_or_is_wider_than_the_screen(
    visitor: Visitor, size: str, theme: Theme
) -> None:
    visitor.site.chat("alpha")
    page = await visitor.open("", size=size, theme=theme)
    found = {}
    for place, title in PAGES.items():
        await page.evaluate("place => { location.hash = place; }", place)
        words = title.split(" / ")
        await expect(page.get_by_role("heading", level=1)).to_contain_text(words[-1])
        await settled(page)
        found[place] = await violations(page)
        if by := await overflow(page):
            found[place].append(f"{by} pixels too wide")
    assert {place: problems for place, problems in found.items() if problems} == {}
