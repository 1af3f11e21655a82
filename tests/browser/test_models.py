"""Loading, unloading and failing models, as somebody sees it who clicks."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from urllib.error import HTTPError

import pytest
from playwright.async_api import Locator, Page, expect
from tests.browser.conftest import Site, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

OwnSite = Callable[..., AbstractAsyncContextManager[Site]]


def line(page: Page, name: str) -> Locator:
    """Return the line of a model on the page of all models."""
    link = page.get_by_role("link", name=name, exact=True)
    return page.get_by_role("main").get_by_role("listitem").filter(has=link)


async def test_a_model_is_loaded_and_unloaded_and_another_says_whom_it_stops(
    own_site: OwnSite, visitor: Visitor
) -> None:
    async with own_site() as site:
        page = await visitor.open("#/models", url=site.url)
        alpha, beta = line(page, "Alpha"), line(page, "Beta")
        await alpha.get_by_role("button", name="Load").click()
        await expect(alpha).to_contain_text("ready")
        stopping = beta.get_by_role("button", name="Load, stops alpha")
        await expect(stopping).to_have_accessible_description(
            "group 'chat' runs one member at a time"
        )
        await stopping.click()
        await expect(beta).to_contain_text("ready")
        await expect(alpha).to_contain_text("stopped")
        await beta.get_by_role("button", name="Unload").click()
        await expect(beta).to_contain_text("stopped")
        await expect(page.get_by_role("button", name="Unload all")).to_be_disabled()


async def test_a_model_that_does_not_start_says_why_in_its_place(
    own_site: OwnSite, visitor: Visitor
) -> None:
    visitor.expected = True  # the browser reports the answer with status 500
    async with own_site() as site:
        page = await visitor.open("#/models", url=site.url)
        broken = line(page, "Broken")
        await broken.get_by_role("button", name="Load").click()
        await expect(broken).to_contain_text("failed")
        await expect(broken).to_contain_text("did not start")
        log = broken.get_by_label("Last lines of the log of broken")
        await expect(log).to_contain_text("no such file or directory: '/nowhere/model.gguf'")
        # It stays until a start succeeds, whoever looks.
        await broken.get_by_role("button", name="Try again").click()
        await expect(log).to_contain_text(re.compile("(no such file.*){2}", re.DOTALL))
        await page.reload()
        await expect(log).to_be_visible()
        await page.get_by_text("Failed", exact=True).click()
        await expect(line(page, "Alpha")).to_have_count(0)
        await broken.get_by_role("link", name="Show the command").click()
        await expect(page.get_by_label("Command", exact=True)).to_contain_text(
            "--model /nowhere/model.gguf"
        )


async def test_a_busy_model_is_unloaded_only_after_a_question(
    own_site: OwnSite, visitor: Visitor
) -> None:
    visitor.expected = True  # the browser reports the answer that breaks off
    async with own_site() as site:
        page = await visitor.open("#/models/alpha", url=site.url)
        await expect(page.get_by_role("heading", level=2, name="Alpha")).to_be_visible()
        # A request that lasts: the page itself streams, and reads nothing more after the head.
        await page.evaluate(
            """async () => { window.chat = await fetch('../v1/chat/completions', {
                method: 'POST', headers: {'Content-Type': 'application/json'},
                body: JSON.stringify({model: 'alpha', stream: true, max_tokens: 4000,
                    ignore_eos: true, messages: [{role: 'user', content: 'Hello'}]})}) }"""
        )
        busy = page.get_by_role("region", name="Requests in progress")
        await expect(busy).to_contain_text("POST /v1/chat/completions")
        await page.get_by_role("button", name="Unload", exact=True).click()
        question = page.get_by_role("dialog", name="Unload alpha?")
        await expect(question).to_contain_text("1 request for it will break off")
        await question.get_by_role("button", name="Cancel").click()
        await expect(question).to_have_count(0)
        await busy.get_by_role("button", name=re.compile("^Cancel request")).click()
        await expect(busy).to_have_count(0)


async def test_what_a_model_uses_and_when_it_goes_is_told(visitor: Visitor) -> None:
    visitor.site.chat("beta")
    page = await visitor.open("#/models")
    beta = line(page, "Beta")
    await expect(beta).to_contain_text(re.compile(r"\d MiB"))
    await expect(beta).to_contain_text(re.compile(r"unloads in \d+ s"))  # its ttl is a minute
    await beta.get_by_role("link", name="Beta").click()
    await page.get_by_role("tab", name="Details").click()
    details = page.get_by_role("tabpanel", name="Details")
    await expect(details).to_contain_text(re.compile(r"Process\s*\d+, up"))
    await expect(details).to_contain_text(re.compile(r"Loads\s*(once|\d+ times)"))


LATER = """
peers:
  attic:
    proxy: http://127.0.0.1:9
    models: [rose]
"""


async def test_whether_a_peer_answers_is_told_from_real_requests(
    own_site: OwnSite, visitor: Visitor
) -> None:
    async with own_site(LATER) as site:
        page = await visitor.open("#/models", url=site.url)
        rose = line(page, "attic/rose")
        await expect(rose).to_contain_text("not asked yet")
        with pytest.raises(HTTPError):
            site.chat("attic/rose")
        await expect(rose).to_contain_text("did not answer")
        await expect(rose).to_contain_text("connection refused")


async def test_the_time_that_is_left_counts_down_and_moves_nothing(visitor: Visitor) -> None:
    visitor.site.chat("beta")
    page = await visitor.open("#/models")
    left = line(page, "Beta").get_by_text(re.compile(r"unloads in \d+ s"))
    await expect(left).to_be_visible()
    await page.evaluate(
        """() => { window.moved = 0; new PerformanceObserver(list => {
            for (const { value } of list.getEntries()) window.moved += value
        }).observe({ type: 'layout-shift' }) }"""
    )
    seconds = re.compile(r"\d+")

    async def shown() -> int:
        found = seconds.search(await left.inner_text())
        assert found is not None
        return int(found[0])

    first = await shown()
    await expect(left).not_to_have_text(f"unloads in {first} s")
    assert await shown() < first
    # Somebody uses it, and leaves.
    visitor.site.chat("beta", tokens=400)
    await expect(left).to_be_visible()
    assert await page.evaluate("window.moved") == 0


async def test_models_can_be_in_the_order_of_their_use(own_site: OwnSite, visitor: Visitor) -> None:
    async with own_site() as site:
        page = await visitor.open("#/models", url=site.url)
        site.chat("beta")
        site.chat("alpha")
        await page.get_by_label("Sort").select_option("last used")
        names = page.get_by_role("main").get_by_role("listitem").get_by_role("link")
        await expect(line(page, "Beta")).to_contain_text("used")
        await expect(names.first).to_have_text("Alpha")
        await expect(names.nth(2)).to_have_text("Beta")


async def test_the_speeds_of_a_model_are_summed_up(visitor: Visitor) -> None:
    visitor.site.chat("alpha", tokens=32)
    page = await visitor.open("#/models/alpha")
    await page.get_by_role("tab", name="Statistics").click()
    panel = page.get_by_role("tabpanel", name="Statistics")
    await expect(panel.get_by_role("figure", name="Token generation")).to_contain_text("t/s")
    before = int((await panel.locator("dd").first.text_content() or "").replace(",", ""))
    visitor.site.chat("alpha")
    await expect(panel.locator("dd").first).to_have_text(f"{before + 1:,}")


async def test_a_search_is_part_of_the_address(visitor: Visitor) -> None:
    page = await visitor.open("#/models")
    await page.get_by_role("textbox", name="Search models").fill("vectors")
    await expect(line(page, "Embedder")).to_be_visible()
    await expect(line(page, "Alpha")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_role("textbox", name="Search models")).to_have_value("vectors")
    await expect(line(page, "Alpha")).to_have_count(0)
