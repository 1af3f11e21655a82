"""The page of the logs."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from tests.browser.conftest import OwnSite, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_lines_come_as_they_are_written_and_tell_of_which_model(visitor: Visitor) -> None:
    visitor.site.ask("POST", "/api/models/unload/alpha")
    page = await visitor.open("#/logs")
    proxy = page.get_by_role("region", name="Proxy", exact=True)
    upstream = page.get_by_role("region", name="Upstream", exact=True)
    visitor.site.chat("alpha")
    await expect(proxy).to_contain_text("alpha: ready")
    await upstream.get_by_role("combobox", name="Model").select_option("alpha")
    await expect(upstream).to_contain_text("model loaded")
    await expect(proxy).not_to_contain_text("GET /ui/")
    await proxy.get_by_text("Hide requests of this UI").click()
    await expect(proxy).to_contain_text("GET /ui/")


async def test_a_search_marks_lines_or_leaves_only_these(
    visitor: Visitor, own_site: OwnSite
) -> None:
    async with own_site() as site:
        page = await visitor.open("#/logs", url=site.url)
        await page.get_by_text("Proxy", exact=True).first.click()
        proxy = page.get_by_role("region", name="Proxy", exact=True)
        search = proxy.get_by_role("textbox", name="Search Proxy")
        await search.fill("listening on")
        await expect(proxy.get_by_text("1 line", exact=True)).to_be_visible()
        await search.press("Enter")
        await expect(proxy.locator("mark").first).to_have_text("listening on")
        await proxy.get_by_text("Only these").click()
        await expect(proxy.locator(".line")).to_have_count(1)
        await search.fill("listening (")
        await expect(proxy).to_contain_text("Not a pattern")


async def test_a_paused_log_counts_what_it_holds_back(visitor: Visitor, own_site: OwnSite) -> None:
    async with own_site() as site:
        page = await visitor.open("#/logs", url=site.url)
        proxy = page.get_by_role("region", name="Proxy", exact=True)
        await expect(proxy).to_contain_text("listening on")
        await proxy.get_by_role("button", name="Pause").click()
        site.ask("GET", "/health")
        await proxy.get_by_role("button", name="new lines").click()
        await expect(proxy).to_contain_text("GET /health")
