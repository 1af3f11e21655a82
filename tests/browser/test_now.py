"""The page that tells what is loaded, what comes next and why."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from playwright.async_api import expect
from tests.browser.conftest import Site, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

OwnSite = Callable[..., AbstractAsyncContextManager[Site]]

STREAM = """async ([model, tokens]) => { const answer = await fetch('../v1/chat/completions', {
    method: 'POST', headers: {'Content-Type': 'application/json', 'X-Session-ID': 'agent ' + model},
    body: JSON.stringify({model, stream: true, max_tokens: tokens, ignore_eos: true,
        messages: [{role: 'user', content: 'Hello'}]})}); window[model] = answer }"""
"""Asks for an answer and reads nothing of it after its head, so that it goes on."""


async def test_who_waits_for_what_is_told(own_site: OwnSite, visitor: Visitor) -> None:
    visitor.expected = True  # the browser reports the answer that breaks off
    async with own_site() as site:
        page = await visitor.open("#/now", url=site.url)
        lanes = page.get_by_role("region", name="Models over time")
        await expect(lanes).to_contain_text("No model was in use")
        await page.evaluate(STREAM, ["alpha", 4000])
        await expect(lanes.get_by_role("link", name="alpha")).to_contain_text("busy")
        await page.evaluate("([m, t]) => { (" + STREAM + ")([m, t]); }", ["beta", 10])
        requests = page.get_by_role("region", name="Requests in progress")
        why = "alpha still serves 1 request, and has to make room"
        await expect(requests).to_contain_text("Queued (1)")
        await expect(requests).to_contain_text(f"Number 1 in the queue: {why}")
        await expect(lanes).to_contain_text(why)
        await expect(lanes.get_by_role("link", name="alpha")).to_contain_text("draining")
        await expect(lanes.locator(".draining").first).to_be_visible()
        row = requests.get_by_role("row").filter(has_text="agent beta")
        await row.get_by_role("button", name="More for request").click()
        await page.get_by_role("menuitem", name="Unload alpha, which is in the way").click()
        await page.get_by_role("dialog").get_by_role("button", name="Unload").click()
        changes = page.get_by_role("region", name="Changes")
        await expect(changes).to_contain_text("unloaded")
        await expect(lanes.get_by_role("link", name="beta")).to_contain_text("ready")
        # It is known of the past as well that alpha went on while somebody waited.
        await page.reload()
        await expect(lanes.locator(".draining").first).to_be_visible()


async def test_clients_may_give_many_requests_the_same_name(
    own_site: OwnSite, visitor: Visitor
) -> None:
    async with own_site() as site:
        page = await visitor.open("#/now", url=site.url)
        async with site.streaming("X-Request-ID: same"), site.streaming("X-Request-ID: same"):
            requests = page.get_by_role("region", name="Requests in progress")
            await expect(requests).to_contain_text("Running (2)")
        await expect(requests).to_contain_text("No request is in progress")
        await page.reload()
        lanes = page.get_by_role("region", name="Models over time")
        await expect(lanes.get_by_role("link", name="endless")).to_contain_text("ready")


async def test_the_past_is_there_for_who_comes_later(visitor: Visitor) -> None:
    visitor.site.chat("beta")
    page = await visitor.open("#/now")
    lanes = page.get_by_role("region", name="Models over time")
    await expect(lanes.get_by_role("link", name="beta")).to_be_visible()
    await lanes.locator(".segment.ready").last.click()
    await expect(lanes.get_by_role("status")).to_contain_text("Began")
    # The last request was answered before anybody looked.
    shape = lanes.locator(".lane").filter(has_text="beta").locator("path")
    await expect(shape.last).to_have_attribute("d", re.compile("V75"))
    await page.keyboard.press(".")
    await expect(lanes).to_contain_text("paused at")
    await page.keyboard.press(".")
    await expect(lanes).not_to_contain_text("paused at")


async def test_a_swap_tells_its_reason(visitor: Visitor) -> None:
    visitor.site.chat("alpha")
    visitor.site.chat("beta")
    page = await visitor.open("#/now")
    lanes = page.get_by_role("region", name="Models over time")
    swap = lanes.get_by_role("button", name=re.compile("[Ss]wap")).last
    await swap.press("Enter")
    told = lanes.get_by_role("status")
    await expect(told).to_contain_text("beta was requested, and alpha had to stop")
    await expect(told).to_contain_text("Reason: group 'chat' runs one member at a time")
    await told.get_by_role("button", name="Close").click()
    await expect(told).to_have_count(0)
