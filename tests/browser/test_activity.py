"""The page of what clients have asked: live, filtered, in detail, and taken away as a file."""

from __future__ import annotations

import csv
import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Locator, Page, expect
from tests.browser.conftest import (
    OwnSite,
    Site,
    Visitor,
    overflow,
    settled,
    violations,
    with_own_ports,
)
from tests.journeys.program import serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASKED = "Who are you?"
ROWS = 6


def post(site: Site, path: str, session: str, **body: object) -> None:
    """Make a request as a client with a session would, however it may end."""
    headers = {"Content-Type": "application/json", "X-Session-ID": session}
    request = urllib.request.Request(site.url + path, json.dumps(body).encode(), headers)
    try:
        urllib.request.urlopen(request, timeout=60).read()
    except urllib.error.HTTPError as error:
        error.read()


def chat(site: Site, model: str, *, stream: bool = True, session: str = "letters") -> None:
    """Ask a model who it is."""
    messages = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": ASKED}]
    body = {"model": model, "messages": messages, "max_tokens": 12, "stream": stream}
    post(site, "/v1/chat/completions", session, **body)


def leave(site: Site) -> None:
    """Be a client that leaves in the middle of an answer."""
    body = b'{"model": "endless", "stream": true}'
    address = urlsplit(site.url)
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(head + body)
        client.recv(1)


@pytest.fixture(scope="module")
def past(demo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hotbay that has answered six requests; the tests add none."""
    with serving(with_own_ports(demo), tmp_path_factory.mktemp("past")) as (program, url):
        site = Site(url, program)
        chat(site, "alpha")
        chat(site, "alpha", stream=False, session="review")
        post(site, "/v1/embeddings", "search", model="embed", input=["Bays are calm."])
        chat(site, "nosuch")
        chat(site, "broken")
        leave(site)
        yield site


def rows(page: Page) -> Locator:
    """Return the links of the finished requests, by their numbers."""
    return page.locator("[data-row]")


def row(page: Page, number: int) -> Locator:
    """Return the line of a finished request."""
    return page.get_by_role("row").filter(has=page.locator(f'[data-row="{number}"]'))


async def numbers(page: Page) -> list[int]:
    """Return which requests are shown, in their order."""
    return [int(text) for text in await rows(page).all_text_contents()]


async def shown(page: Page, count: int = ROWS) -> None:
    """Wait until so many requests are shown."""
    await expect(rows(page)).to_have_count(count)


async def test_rows_appear_as_requests_end(visitor: Visitor, own_site: OwnSite) -> None:
    async with own_site() as site:
        page = await visitor.open("#/activity", url=site.url)
        await expect(page.get_by_text("No request has been made yet")).to_be_visible()
        await expect(page.get_by_label("A first request")).to_contain_text("curl")
        chat(site, "alpha")
        await shown(page, 1)
        await expect(row(page, 1)).to_contain_text("alpha")
        await expect(page.get_by_role("region", name="Statistics")).to_contain_text("Requests 1")
        chat(site, "beta")
        await shown(page, 2)
        assert await numbers(page) == [2, 1]


async def test_rows_wait_while_one_is_read(visitor: Visitor, own_site: OwnSite) -> None:
    async with own_site() as site:
        chat(site, "alpha")
        page = await visitor.open("#/activity", url=site.url)
        await rows(page).click()
        await expect(page.get_by_role("region", name="Request 1", exact=True)).to_be_visible()
        chat(site, "alpha")
        chat(site, "alpha")
        await page.get_by_role("button", name="2 new requests").click()
        await shown(page, 3)


async def test_filters_are_in_the_address_and_survive_reload_and_back(
    visitor: Visitor, past: Site
) -> None:
    page = await visitor.open("#/activity", url=past.url)
    await shown(page)
    await page.get_by_role("button", name="Filters").click()
    await page.get_by_role("checkbox", name="failed").check()
    await shown(page, 1)
    await page.get_by_role("checkbox", name="refused").check()
    await shown(page, 2)
    await page.get_by_role("combobox", name=re.compile("^Model")).select_option("broken")
    await shown(page, 1)
    for part in ("outcome=failed", "outcome=refused", "model=broken"):
        assert part in page.url
    await page.reload()
    await shown(page, 1)
    chips = page.get_by_role("list", name="Filters that hold")
    await expect(chips).to_contain_text("Model: broken")
    await row(page, 5).get_by_role("link", name="broken").click()
    await expect(page.get_by_role("heading", name="broken", level=1)).to_be_visible()
    await page.go_back()
    await shown(page, 1)
    await chips.get_by_role("button", name="Model: broken").click()
    await shown(page, 2)
    await chips.get_by_role("button", name="Outcome: failed").click()
    await shown(page, 1)
    assert await numbers(page) == [4]
    await chips.get_by_role("button", name="Clear all").click()
    await shown(page)


async def test_a_text_a_session_and_a_status_are_found(visitor: Visitor, past: Site) -> None:
    page = await visitor.open("#/activity?session=search", url=past.url)
    await shown(page, 1)
    await page.evaluate("location.hash = '#/activity?status=4xx&status=5xx'")
    await shown(page, 2)
    await page.evaluate("location.hash = '#/activity'")
    await shown(page)
    await page.get_by_role("textbox", name="Search requests").fill("no router")
    await shown(page, 1)
    await page.get_by_role("textbox", name="Search requests").fill("not to be found")
    await page.get_by_role("button", name="Clear all filters").click()
    await shown(page)


async def test_an_impossible_range_is_told_where_it_was_entered(
    visitor: Visitor, past: Site
) -> None:
    visitor.expected = True  # the browser reports the answer with status 400
    page = await visitor.open("#/activity?min=5", url=past.url)
    await shown(page, 2)
    await page.get_by_role("button", name="Filters").click()
    last = page.get_by_label("ID to")
    await last.fill("2")
    await last.press("Enter")
    await expect(page.get_by_text("The first ID is above the last one.")).to_be_visible()
    await expect(last).to_have_attribute("aria-invalid", "true")


async def test_totals_speeds_models_and_charts_sum_up_what_has_ended(
    visitor: Visitor, past: Site
) -> None:
    page = await visitor.open("#/activity", url=past.url)
    await shown(page)
    statistics = page.get_by_role("region", name="Statistics")
    for total in ("Requests 6", "Failed 2", "Cancelled 1"):
        await expect(statistics).to_contain_text(total)
    await statistics.get_by_text("Speeds", exact=True).click()
    await expect(statistics.get_by_role("img", name="Token generation: p50")).to_be_visible()
    await statistics.get_by_text("Over time", exact=True).click()
    for chart in ("Tokens by hour", "Waiting by hour", "Requests by hour"):
        await expect(statistics.get_by_role("slider", name=chart)).to_be_visible()
    requests = statistics.get_by_role("figure", name="Requests by hour")
    await expect(requests).to_contain_text("failed 2")
    await requests.get_by_role("slider").focus()
    await page.keyboard.press("Home")
    await expect(requests).to_contain_text("failed 0")
    await statistics.get_by_text("By model", exact=True).click()
    await expect(statistics.get_by_role("row", name="alpha")).to_contain_text("2")
    await page.reload()
    await expect(statistics.get_by_role("radio", name="By model")).to_be_checked()
    await page.evaluate("location.hash = '#/activity?model=alpha'")
    await expect(statistics).to_contain_text("Requests 2")
    assert await violations(page) == []


async def test_a_row_opens_with_request_answer_and_headers(visitor: Visitor, past: Site) -> None:
    page = await visitor.open(
        "#/activity", url=past.url, permissions=["clipboard-read", "clipboard-write"]
    )
    await row(page, 1).get_by_role("link", name="View").click()
    details = page.get_by_role("region", name="Request 1", exact=True)
    await expect(details).to_contain_text(ASKED)
    await expect(details).to_contain_text("until its model was loaded")
    await expect(details.get_by_role("link", name="letters")).to_be_visible()
    await details.get_by_text("Raw", exact=True).click()
    await expect(details.get_by_label("Body of the request")).to_contain_text('"max_tokens": 12')
    await details.get_by_role("button", name="Copy as curl").click()
    await expect(details.get_by_role("button", name="Copied")).to_be_visible()
    command = await page.evaluate("navigator.clipboard.readText()")
    assert command.startswith(f"curl '{past.url}/v1/chat/completions'")
    assert ASKED in command
    await details.get_by_role("tab", name="Response").click()
    # What came as a stream of pieces reads as one text, and also as it came.
    await expect(details.get_by_text("I am alpha")).to_be_visible()
    await expect(details).to_contain_text("It ended because of: ")
    await details.get_by_text("Raw", exact=True).click()
    await expect(details.get_by_label("Body of the response")).to_contain_text("data: {")
    await details.get_by_role("tab", name="Headers").click()
    await expect(details).to_contain_text("X-Session-Id")
    await expect(details).to_contain_text("text/event-stream")
    assert "row=1" in page.url
    assert await violations(page) == []
    # The next one has the same part open, and needs no stream to be put together.
    await details.get_by_role("button", name="Previous request").click()
    details = page.get_by_role("region", name="Request 2", exact=True)
    await details.get_by_role("tab", name="Response").click()
    await expect(details.get_by_text("I am alpha")).to_be_visible()
    await expect(details).to_contain_text("It ended because of: ")


async def test_what_failed_and_who_left_say_so(visitor: Visitor, past: Site) -> None:
    page = await visitor.open("#/activity?row=5", url=past.url)
    failed = page.get_by_role("region", name="Request 5", exact=True)
    await expect(failed).to_contain_text("500 failed")
    await expect(failed).to_contain_text("no such file or directory")
    await expect(failed).to_contain_text(re.compile(r"Error of\s*hotbay"))
    await expect(row(page, 5)).to_contain_text("500 failed")
    await expect(row(page, 4)).to_contain_text("404 refused")
    await page.evaluate("location.hash = '#/activity?row=6'")
    left = page.get_by_role("region", name="Request 6", exact=True)
    await expect(left).to_contain_text("cancelled")
    await expect(left).to_contain_text("by client")
    await page.evaluate("location.hash = '#/activity?row=99'")
    visitor.expected = True  # the browser reports the answer with status 404
    await expect(page.get_by_text("Nothing is known of this request")).to_be_visible()


async def test_a_capture_that_is_not_kept_says_why(visitor: Visitor, own_site: OwnSite) -> None:
    async with own_site("\ncaptureBuffer: 0\n") as site:
        chat(site, "alpha")
        page = await visitor.open("#/activity?row=1", url=site.url)
        await expect(page.get_by_text("captureBuffer: 0")).to_be_visible()


async def saved(page: Page, shape: str, scope: str) -> Path:
    """Export as this, and return the file."""
    await page.get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog", name="Export")
    await dialog.get_by_text(shape, exact=True).click()
    await dialog.get_by_text(re.compile(rf"^\s*{scope}")).click()
    async with page.expect_download() as download:
        await dialog.get_by_role("button", name="Download").click()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    return await (await download.value).path()


@pytest.mark.parametrize("scope", ["This page", "All that are found"])
async def test_what_is_found_is_exported_in_every_form(
    visitor: Visitor, past: Site, scope: str
) -> None:
    page = await visitor.open("#/activity?model=alpha", url=past.url)
    await shown(page, 2)
    text = (await saved(page, "CSV", scope)).read_text()
    lines = [
        {name.lower(): value for name, value in r.items()}
        for r in csv.DictReader(text.splitlines())
    ]
    assert [(line["id"], line["model"]) for line in lines] == [("2", "alpha"), ("1", "alpha")]
    entries: list[dict[str, Any]] = json.loads((await saved(page, "JSON", scope)).read_text())
    assert [entry["id"] for entry in entries] == [2, 1]
    assert entries[0]["session"] == "review"
    text = (await saved(page, "JSON lines", scope)).read_text()
    assert [json.loads(line) for line in text.splitlines()] == entries
    text = (await saved(page, "Markdown", scope)).read_text()
    assert text.startswith("| Summary |")
    assert text.count("| alpha |") == 2


async def test_a_request_in_progress_is_cancelled_and_leaves_its_row(
    visitor: Visitor, own_site: OwnSite
) -> None:
    async with own_site() as site:
        page = await visitor.open("#/activity", url=site.url)
        running = page.get_by_role("region", name="Requests in progress")
        await expect(running).to_contain_text("No request is in progress")
        async with site.streaming():
            await expect(running).to_contain_text("POST /v1/chat/completions")
            await expect(running.get_by_role("link", name="endless")).to_be_visible()
            await running.get_by_role("button", name=re.compile("^Cancel request")).click()
            await expect(running).to_contain_text("No request is in progress")
        await expect(row(page, 1)).to_contain_text("cancelled")
        await running.get_by_role("button", name="Hide the requests in progress").click()
        await rows(page).click()
        details = page.get_by_role("region", name="Request 1", exact=True)
        await expect(details).to_contain_text("by operator")
        await page.reload()
        await settled(page)
        await expect(
            page.get_by_role("button", name="Show the requests in progress")
        ).to_be_visible()
        await page.goto("about:blank")  # its questions are answered before hotbay ends


async def test_columns_their_order_and_the_page_size_are_remembered(
    visitor: Visitor, past: Site
) -> None:
    page = await visitor.open("#/activity", url=past.url)
    await shown(page)
    heads = page.get_by_role("table", name="Finished requests").get_by_role("columnheader")
    await page.get_by_role("button", name="Columns").click()
    dialog = page.get_by_role("dialog", name="Columns")
    await dialog.get_by_role("checkbox", name="Path").check()
    await dialog.get_by_role("checkbox", name="Cached").uncheck()
    await dialog.get_by_role("button", name="Move Model up").click()
    await dialog.get_by_role("checkbox", name="Status").focus()
    await page.keyboard.press("Alt+ArrowUp")
    await dialog.get_by_role("button", name="Done").click()
    wanted = ["ID", "Model", "Time", "Status", "Path"]
    await expect(heads.nth(4)).to_have_text("Path")
    await page.get_by_label("Rows").select_option("10")
    await page.reload()
    await shown(page)
    assert [text.strip() for text in await heads.all_text_contents()][:5] == wanted
    await expect(heads.filter(has_text="Cached")).to_have_count(0)
    await expect(page.get_by_label("Rows")).to_have_value("10")


async def test_a_column_is_dragged_to_its_place(visitor: Visitor, past: Site) -> None:
    page = await visitor.open("#/activity", url=past.url)
    await shown(page)
    await page.get_by_role("button", name="Columns").click()
    dialog = page.get_by_role("dialog", name="Columns")
    lines = dialog.get_by_role("listitem")
    model = lines.filter(has=page.get_by_role("checkbox", name="Model", exact=True))
    handle = model.locator(".handle")
    await handle.hover()
    await page.mouse.down()
    box = await lines.first.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 10, box["y"] + 4, steps=8)
    await page.mouse.up()
    await expect(lines.first).to_contain_text("Model")
    await expect(lines.nth(1)).to_contain_text("ID")


async def test_rows_are_sorted_as_the_address_says(visitor: Visitor, past: Site) -> None:
    page = await visitor.open("#/activity", url=past.url)
    await shown(page)
    assert await numbers(page) == [6, 5, 4, 3, 2, 1]
    await page.get_by_role("button", name="ID", exact=True).click()
    await expect(rows(page).first).to_have_text("1")
    assert "sort=id&order=asc" in page.url
    await page.get_by_role("button", name="Model", exact=True).click()
    head = page.get_by_role("columnheader", name="Model")
    await expect(head).to_have_attribute("aria-sort", "ascending")
    assert "sort=model&order=asc" in page.url
    await page.reload()
    await expect(head).to_have_attribute("aria-sort", "ascending")


async def test_everything_is_reached_by_keyboard(visitor: Visitor, past: Site) -> None:
    page = await visitor.open("#/activity", url=past.url)
    await shown(page)
    await page.keyboard.press("/")
    await expect(page.get_by_role("textbox", name="Search requests")).to_be_focused()
    await page.keyboard.type("alpha")
    await shown(page, 2)
    await page.keyboard.press("Escape")
    await shown(page)
    await page.get_by_role("button", name="Export").focus()
    await page.keyboard.press("j")
    await expect(rows(page).first).to_be_focused()
    await page.keyboard.press("j")
    await expect(rows(page).nth(1)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Request 5")).to_be_focused()
    await page.keyboard.press("k")
    await expect(page.get_by_role("heading", name="Request 6")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(rows(page).first).to_be_focused()


async def test_on_a_phone_requests_are_cards_and_details_fill_the_screen(
    visitor: Visitor, past: Site
) -> None:
    page = await visitor.open("#/activity", url=past.url, size="phone")
    await shown(page)
    await settled(page)
    assert await overflow(page) == 0
    card = page.locator('[data-row="5"]')
    await expect(card).to_contain_text("500 failed")
    await expect(card).to_contain_text("no such file")
    assert await violations(page) == []
    await card.click()
    dialog = page.get_by_role("dialog", name="Request 5")
    await expect(dialog).to_contain_text(ASKED)
    box = await dialog.bounding_box()
    assert box is not None
    assert box["width"] == 390
    assert await overflow(page) == 0
    await dialog.get_by_role("button", name="Close").click()
    await expect(dialog).to_have_count(0)
    await page.get_by_role("button", name="Filters").click()
    await page.get_by_label("Sort by").select_option("model")
    assert "sort=model" in page.url
