"""The load test of the Playground: hotbay makes the requests, and the browser shows what comes."""

from __future__ import annotations

import csv
import json
import re

import pytest
from playwright.async_api import Download, Page, expect
from tests.browser.conftest import OwnSite, Visitor
from tests.browser.playground.acting import choose, form

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def begun(
    stage: Visitor, *models: str, url: str | None = None, size: str = "wide", **numbers: int
) -> Page:
    """Open the tab and start a test with these models; numbers by what begins their labels."""
    page = await stage.open("#/playground?tab=load-test", size=size, url=url)
    await choose(page, models[0])
    for number, model in enumerate(models[1:], 2):
        await form(page).get_by_role("button", name="Another model").click()
        await choose(page, model, f"Model {number}")
    for label, value in numbers.items():
        field = form(page).get_by_label(re.compile(label.replace("_", " "), re.IGNORECASE))
        await field.fill(str(value))
    await start(page)
    return page


async def start(page: Page) -> None:
    await form(page).get_by_role("button", name="Start the test").click()


async def on_the_server(page: Page, url: str, count: int) -> None:
    """See on another page how many requests the server has under way."""
    other = await page.context.new_page()
    await other.goto(f"{url}/ui/#/now")
    words = "Nothing waits or runs" if count == 0 else f"{count} request{'s' * (count > 1)}"
    await expect(other.get_by_text(words, exact=True)).to_be_visible()
    await other.close()


async def text_of(download: Download) -> str:
    return (await download.path()).read_text()


async def test_figures_and_a_line_for_each_request_are_the_result(stage: Visitor) -> None:
    page = await begun(stage, "alpha", "beta", requests=6, at_once=2, max_tokens=8)
    result = page.get_by_role("region", name="Result")
    latency = result.get_by_role("row", name=re.compile("^Latency"))
    await expect(latency.get_by_role("cell")).to_have_count(6)
    await expect(latency).to_contain_text("ms")
    for figure in ("First token", "Queue", "Loading", "Generation"):
        await expect(result.get_by_role("row", name=re.compile(f"^{figure}"))).to_be_visible()
    await expect(result.get_by_text("requests/s")).to_be_visible()
    lines = page.get_by_role("region", name="Requests over time").get_by_role("row")
    await expect(lines).to_have_count(1 + 6)
    for model in ("alpha", "beta"):
        await expect(lines.get_by_role("cell", name=model)).to_have_count(3)
    await expect(page.locator("#announcements")).to_have_text("Load test: done")


async def test_a_test_is_compared_with_the_one_before(stage: Visitor) -> None:
    page = await begun(stage, "alpha", requests=2)
    await expect(page.get_by_role("region", name="Result")).to_be_visible()
    await expect(page.get_by_text("the change since the test before")).to_have_count(0)
    await start(page)
    result = page.get_by_role("region", name="Result")
    await expect(result.get_by_text("the change since the test before")).to_be_visible()
    await expect(result.get_by_text(re.compile(r"^\([+−±]\d+%\)$")).first).to_be_visible()


async def test_the_result_can_be_taken_along(stage: Visitor) -> None:
    page = await begun(stage, "alpha", requests=3)
    await expect(page.get_by_role("region", name="Result")).to_be_visible()
    async with page.expect_download() as downloading:
        await page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader((await text_of(await downloading.value)).splitlines()))
    assert [row["model"] for row in rows] == ["alpha"] * 3
    assert all(float(row["first_token"]) > 0 for row in rows)
    async with page.expect_download() as downloading:
        await page.get_by_role("button", name="JSON").click()
    told = json.loads(await text_of(await downloading.value))
    assert (told["result"]["requests"], len(told["requests"])) == (3, 3)


async def test_failures_are_told_and_counted(stage: Visitor) -> None:
    page = await begun(stage, "studio", "broken", requests=4, at_once=4)
    await expect(page.get_by_role("region", name="Result")).to_be_visible()
    notice = page.get_by_text("2 requests failed").locator("..")
    await expect(notice.get_by_role("listitem")).to_have_count(1)
    await expect(notice.get_by_role("listitem")).to_contain_text(re.compile("2 × .*broken"))
    lines = page.get_by_role("region", name="Requests over time")
    await expect(lines.locator("svg .failed")).to_have_count(2)


async def test_more_run_at_once_than_a_browser_has_connections(
    visitor: Visitor, own_site: OwnSite
) -> None:
    # The endless model takes ten at once; a browser opens six connections to a server.
    async with own_site() as site:
        page = await begun(visitor, "endless", url=site.url, requests=20, at_once=9)
        progress = form(page).get_by_text("9 under way, 9 answering")
        await expect(progress).to_be_visible()
        await on_the_server(page, site.url, 9)
        await form(page).get_by_role("button", name="Stop").click()
        await expect(form(page).get_by_role("button", name="Start the test")).to_be_visible()
        await page.goto("about:blank")


async def test_what_ended_before_a_stop_is_kept(stage: Visitor) -> None:
    page = await begun(stage, "studio", "endless", requests=3, at_once=2)
    lines = page.get_by_role("region", name="Requests over time").get_by_role("row")
    await expect(lines).to_have_count(1 + 2)
    await expect(page.get_by_role("region", name="So far")).to_be_visible()
    await page.keyboard.press("Escape")
    stopped = page.get_by_role("region", name="Until it was stopped")
    await expect(stopped.get_by_role("row", name=re.compile("^Latency"))).to_contain_text("ms")
    await expect(lines).to_have_count(1 + 2)


async def test_a_test_ends_when_its_time_is_up(stage: Visitor) -> None:
    page = await begun(stage, "endless", requests=5, at_once=2, time_limit=1)
    await expect(page.get_by_role("region", name="Result")).to_be_visible()
    notice = page.get_by_text("The time was up").locator("..")
    await expect(notice).to_contain_text("2 requests under way were broken off, 3 not begun")


async def test_a_test_goes_on_while_another_page_is_shown(stage: Visitor) -> None:
    page = await begun(stage, "endless", requests=1)
    await expect(form(page).get_by_text("1 answering")).to_be_visible()
    await page.evaluate("location.hash = '#/models'")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Models")
    row = page.get_by_role("main").get_by_role("link", name="endless")
    await expect(row.first).to_be_visible()
    await page.evaluate("location.hash = '#/playground?tab=load-test'")
    await expect(form(page).get_by_text("1 answering")).to_be_visible()
    await form(page).get_by_role("button", name="Stop").click()
    await expect(form(page).get_by_role("button", name="Start the test")).to_be_visible()


async def test_closing_the_tab_ends_the_test(visitor: Visitor, own_site: OwnSite) -> None:
    async with own_site() as site:
        page = await begun(visitor, "endless", url=site.url, requests=50, at_once=3)
        await expect(form(page).get_by_text("3 answering")).to_be_visible()
        other = await page.context.new_page()
        await other.goto(f"{site.url}/ui/#/now")
        requests = other.get_by_text("3 requests", exact=True)
        await expect(requests).to_be_visible()
        await page.close()
        await expect(requests).to_have_count(0)
        await other.close()


async def test_a_refused_test_says_why(stage: Visitor) -> None:
    stage.expected = True  # the browser reports the status
    page = await stage.open("#/playground?tab=load-test")
    await page.route(
        "**/api/x/loadtest",
        lambda route: route.fulfill(
            status=503,
            content_type="application/json",
            body='{"error": {"message": "limits.subscribers allows 8 open streams"}}',
        ),
    )
    await choose(page, "alpha")
    await start(page)
    await expect(form(page).get_by_text("limits.subscribers allows 8 open streams")).to_be_visible()
