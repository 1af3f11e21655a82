"""The page of the logs."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect
from tests.browser.conftest import OwnSite, Visitor, overflow, violations

pytestmark = pytest.mark.asyncio(loop_scope="session")


def panels(page: Page) -> tuple[Locator, Locator]:
    """Return the panels of hotbay's own log and of the model servers'."""
    return (
        page.get_by_role("region", name="Proxy", exact=True),
        page.get_by_role("region", name="Upstream", exact=True),
    )


async def test_lines_come_as_they_are_written_and_tell_of_which_model(visitor: Visitor) -> None:
    visitor.site.ask("POST", "/api/models/unload/alpha")
    page = await visitor.open("#/logs")
    proxy, upstream = panels(page)
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
        await proxy.get_by_role("button", name=re.compile("new lines?$")).click()
        await expect(proxy).to_contain_text("GET /health")
        await expect(proxy.get_by_role("button", name="Pause")).to_be_visible()


async def test_lines_of_before_say_of_which_model_they_are_as_well(visitor: Visitor) -> None:
    visitor.site.chat("alpha")
    visitor.site.chat("beta")
    page = await visitor.open("#/logs")
    _, upstream = panels(page)
    lines = upstream.locator(".line")
    tag = lines.filter(has_text="model loaded").last.locator(".model")
    await expect(tag).to_have_text("beta")
    await upstream.get_by_role("combobox", name="Model").select_option("alpha")
    await expect(upstream.locator(".model")).to_have_count(0)
    await expect(upstream).to_contain_text("alpha.gguf")
    await expect(upstream).not_to_contain_text("beta.gguf")


async def test_the_level_changes_while_hotbay_runs_and_a_reload_restores_it(
    visitor: Visitor, own_site: OwnSite
) -> None:
    async with own_site() as site:
        page = await visitor.open("#/logs", url=site.url)
        proxy, _ = panels(page)
        level = page.get_by_label("hotbay writes from level")
        await expect(level).to_have_value("info")
        await level.select_option("debug")
        await expect(proxy).to_contain_text("log level changed from info to debug")
        await expect(page.get_by_text("the configuration says info")).to_be_visible()
        other = await visitor.open("#/logs", url=site.url)
        await expect(other.get_by_label("hotbay writes from level")).to_have_value("debug")
        site.ask("POST", "/api/x/reload")
        await expect(level).to_have_value("info")


async def test_a_level_that_could_not_be_changed_stays_and_says_why(
    visitor: Visitor, own_site: OwnSite
) -> None:
    visitor.expected = True  # the browser reports the answer with status 500
    async with own_site() as site:
        page = await visitor.open("#/logs", url=site.url)
        level = page.get_by_label("hotbay writes from level")
        await expect(level).to_have_value("info")
        await page.route("**/api/x/log-level", lambda route: route.fulfill(status=500, body="no"))
        await level.select_option("warn")
        await expect(page.get_by_role("alert")).to_contain_text("could not be changed")
        await expect(level).to_have_value("info")


async def test_what_is_shown_is_downloaded_and_copied_and_the_view_cleared(
    visitor: Visitor, own_site: OwnSite
) -> None:
    async with own_site() as site:
        page = await visitor.open(
            "#/logs", url=site.url, permissions=["clipboard-read", "clipboard-write"]
        )
        proxy, _ = panels(page)
        await proxy.get_by_role("textbox", name="Search Proxy").fill("listening on")
        await proxy.get_by_text("Only these").click()
        await expect(proxy.locator(".line")).to_have_count(1)
        async with page.expect_download() as download:
            await proxy.get_by_role("button", name="Download what is shown").click()
        saved = await (await download.value).path()
        assert site.url in saved.read_text()
        await proxy.get_by_role("button", name="Copy what is shown").click()
        await expect(proxy.get_by_role("button", name="Copied")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == saved.read_text()
        await proxy.get_by_role("button", name="Clear the view").click()
        await expect(proxy).to_contain_text("No line fits")


async def test_how_logs_are_shown_is_remembered(visitor: Visitor) -> None:
    page = await visitor.open("#/logs")
    proxy, upstream = panels(page)
    await proxy.get_by_role("button", name="Larger text").click()
    await proxy.get_by_role("button", name="Wrap lines").click()
    await proxy.get_by_label("Lowest level shown").select_option("WARN")
    bar = page.get_by_role("separator", name="Share of the proxy log")
    await bar.focus()
    await page.keyboard.press("ArrowRight")
    await page.get_by_role("radio", name="Proxy").focus()
    await page.keyboard.press("Space")
    await expect(upstream).to_have_count(0)
    await page.reload()
    await expect(page.get_by_role("radio", name="Proxy")).to_be_checked()
    await expect(proxy.get_by_role("button", name="Wrap lines")).to_have_attribute(
        "aria-pressed", "true"
    )
    await expect(proxy.get_by_label("Lowest level shown")).to_have_value("WARN")
    await expect(proxy.locator(".lines")).to_have_css("font-size", "14px")
    await page.get_by_text("Both", exact=True).click()
    await expect(bar).to_have_attribute("aria-valuenow", "52")


async def test_of_wrapped_lines_the_last_are_shown_and_more_when_wanted(
    visitor: Visitor, own_site: OwnSite
) -> None:
    async with own_site() as site:
        page = await visitor.open("#/logs", url=site.url)
        proxy, _ = panels(page)
        await proxy.get_by_role("button", name="Wrap lines").click()
        for _ in range(1100):
            site.ask("GET", "/health")
        lines = proxy.locator(".line")
        await expect(lines.last).to_contain_text("GET /health")
        await expect(lines).to_have_count(1000)
        await expect(proxy).not_to_contain_text("listening on")
        await proxy.get_by_role("button", name=re.compile("earlier lines?$")).click()
        await expect(lines.first).to_contain_text("listening on")
        search = proxy.get_by_role("textbox", name="Search Proxy")
        await search.fill("listening on")
        await search.press("Enter")
        await expect(proxy.locator("mark")).to_be_in_viewport()
        await proxy.get_by_role("button", name="To the end").click()
        await expect(lines.last).to_be_in_viewport()


async def test_on_a_phone_everything_is_within_reach(visitor: Visitor) -> None:
    page = await visitor.open("#/logs", size="phone")
    proxy, _ = panels(page)
    visitor.site.ask("GET", "/health")
    await expect(proxy).to_contain_text("GET /health")
    assert await overflow(page) == 0
    await proxy.get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Clear the view").click()
    await expect(proxy).to_contain_text("No line fits")
    assert await violations(page) == []
