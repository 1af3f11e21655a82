"""The pages that tell what the machine does and what it is made of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect
from tests.browser.conftest import Site, Visitor, overflow, violations

pytestmark = pytest.mark.asyncio(loop_scope="session")

OwnSite = Callable[..., AbstractAsyncContextManager[Site]]

CARD = "NVIDIA GeForce RTX 5090"


def samples(cards: int, count: int = 60) -> dict[str, Any]:
    """Return what a server with GPUs answers: cards that are measured one after another."""
    now = datetime.now(UTC)
    moments = [now - timedelta(seconds=5 * number) for number in reversed(range(count))]
    system = [
        {
            "timestamp": moment.isoformat(),
            "cpu_util_per_core": [10, 30, 50, 90],
            "mem_total_mb": 65536,
            "mem_used_mb": 16384,
            "swap_total_mb": 0,
            "swap_used_mb": 0,
            "load_avg_1": 1.5,
            "load_avg_5": 1.25,
            "load_avg_15": 1,
            "net_io": [{"name": "eth0", "bytes_recv": 10**6 * place, "bytes_sent": 0}],
            "disk_io": [],
        }
        for place, moment in enumerate(moments)
    ]
    gpus = [
        {
            "timestamp": (moment + timedelta(milliseconds=300 * card)).isoformat(),
            "id": card,
            "name": CARD,
            "uuid": f"GPU-{card}",
            "temp_c": 60,
            "vram_temp_c": 0,
            "gpu_util_pct": 40 + 20 * card,
            "mem_util_pct": 50,
            "mem_used_mb": 8192 * (card + 1),
            "mem_total_mb": 32768,
            "fan_speed_pct": 0,
            "power_draw_w": 200,
        }
        for moment in moments
        for card in range(cards)
    ]
    return {"enabled": True, "sys_stats": system, "gpu_stats": gpus}


async def answer(page: Page, path: str, body: object, status: int = 200) -> None:
    """Have a route answered as some other machine would."""
    text = json.dumps(body)

    async def fulfil(route: Any) -> None:
        await route.fulfill(status=status, body=text, content_type="application/json")

    await page.route(f"**{path}*", fulfil)


def cells(page: Page, name: str) -> Locator:
    """Return the cells of a line of the table."""
    return (
        page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name)).locator("td")
    )


async def test_the_machine_is_drawn_as_it_is_sampled(visitor: Visitor) -> None:
    page = await visitor.open("#/performance")
    processor = page.get_by_role("slider", name="Processor")
    await expect(processor.locator("canvas")).to_be_visible()
    # Samples follow one another by themselves.
    latest = await processor.get_attribute("aria-valuetext") or ""
    await expect(processor).not_to_have_attribute("aria-valuetext", latest, timeout=15_000)
    await page.get_by_text("5 min", exact=True).click()
    await page.reload()
    await expect(page.get_by_role("radio", name="5 min", exact=True)).to_be_checked()
    assert "minutes=5" in page.url
    await page.get_by_text("Single cores").click()
    await expect(processor).to_have_attribute("aria-valuetext", re.compile("Core 0 .*, Core 1"))
    await page.keyboard.press(".")
    await expect(page.get_by_text("paused at")).to_be_visible()


async def test_two_equal_cards_are_told_apart_by_pointer_keyboard_and_table(
    visitor: Visitor,
) -> None:
    page = await visitor.open("#/models")
    await answer(page, "/api/performance", samples(cards=2))
    await page.evaluate("location.hash = '#/performance'")
    use = page.get_by_role("slider", name="Use")
    await use.focus()
    await page.keyboard.press("Home")
    told = f"0: {CARD} 40 %, 1: {CARD} –"
    both = f"0: {CARD} 40 %, 1: {CARD} 60 %"
    await expect(use).to_have_attribute("aria-valuetext", re.compile(re.escape(told)))
    await page.keyboard.press("ArrowRight")
    await expect(use).to_have_attribute("aria-valuetext", re.compile(re.escape(both)))
    await page.get_by_role("slider", name="Video memory").hover()
    await expect(page.get_by_role("figure", name="Video memory")).to_contain_text("16.0 GiB")
    await page.get_by_text("Table", exact=True).click()
    await expect(cells(page, f"1: {CARD}").first).to_have_text("60 %")
    await expect(cells(page, "Busiest core").first).to_have_text("90 %")
    await expect(cells(page, "eth0 in").first).to_have_text("1.6 Mbit/s")
    assert await violations(page) == []


async def test_the_memory_of_the_cards_is_part_of_the_summary(visitor: Visitor) -> None:
    page = await visitor.open("#/models")
    await answer(page, "/api/performance", samples(cards=2))
    await page.evaluate("location.hash = '#/now'")
    await expect(page.get_by_text("24.0 GiB of 64.0 GiB")).to_be_visible()
    assert await violations(page) == []


async def test_a_machine_that_is_not_watched_says_how_it_would_be(
    own_site: OwnSite, visitor: Visitor, tmp_path: Path
) -> None:
    visitor.expected = True  # the browser reports the answers with status 503
    setting = "\nperformance: {disabled: true}\n"
    async with own_site(setting) as site:
        page = await visitor.open("#/performance", url=site.url)
        await expect(page.get_by_text("The machine is not watched")).to_be_visible()
        await expect(page.get_by_text("performance: {disabled: true}")).to_be_visible()
        assert await violations(page) == []
        file = tmp_path / "config.yaml"
        file.write_text(file.read_text().replace(setting, "\n"))
        site.ask("POST", "/api/x/reload")
        await expect(page.get_by_role("slider", name="Processor")).to_be_visible()


async def test_a_machine_without_gpus_says_what_one_would_show(visitor: Visitor) -> None:
    page = await visitor.open("#/models", size="phone")
    await answer(page, "/api/performance", samples(cards=0))
    await page.evaluate("location.hash = '#/performance'")
    await expect(page.get_by_role("slider", name="Processor")).to_be_visible()
    await expect(page.get_by_text("No GPU is seen")).to_be_visible()
    assert await overflow(page) == 0
    assert await violations(page) == []


async def test_samples_that_cannot_be_fetched_are_missed_aloud_and_come_again(
    visitor: Visitor,
) -> None:
    visitor.expected = True  # the browser reports the answer with status 500
    page = await visitor.open("#/models")
    await answer(page, "/api/performance", {"error": {"message": "out of order"}}, status=500)
    await page.evaluate("location.hash = '#/performance'")
    await expect(page.get_by_text("No samples could be fetched: out of order")).to_be_visible()
    await page.unroute_all()
    await expect(page.get_by_role("slider", name="Processor")).to_be_visible()


async def test_eight_cards_fit_on_a_phone(visitor: Visitor) -> None:
    page = await visitor.open("#/models", size="phone")
    await answer(page, "/api/performance", samples(cards=8))
    await page.evaluate("location.hash = '#/performance'")
    memory = page.get_by_role("figure", name="Video memory")
    await expect(memory).to_contain_text(f"7: {CARD} 64.0 GiB")
    assert await overflow(page) == 0


async def test_the_parts_of_the_machine_are_shown_and_copied(visitor: Visitor) -> None:
    page = await visitor.open("#/hardware", permissions=["clipboard-read", "clipboard-write"])
    system = page.get_by_role("region", name="System")
    await expect(system).to_contain_text("Kernel")
    await page.get_by_role("tab", name="Text").click()
    text = page.get_by_label("Hardware as text")
    await expect(text).to_contain_text("Logical threads")
    await page.get_by_role("button", name="Copy as text").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == await text.text_content()


async def test_hardware_that_could_not_be_detected_is_no_dead_end(visitor: Visitor) -> None:
    visitor.expected = True  # the browser reports the answer with status 503
    page = await visitor.open("#/models")
    refusal = {"src": "llama-swap", "error": {"message": "hardware detection unavailable"}}
    await answer(page, "/api/hardware", refusal, status=503)
    await page.evaluate("location.hash = '#/hardware'")
    notice = page.get_by_role("status").filter(has_text="could not be detected")
    await expect(notice).to_contain_text("Models run nevertheless")
    await page.unroute_all()
    await notice.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("region", name="Processor")).to_contain_text("Logical threads")


async def test_each_accelerator_leads_to_its_charts_and_none_says_what_is_missing(
    visitor: Visitor,
) -> None:
    page = await visitor.open("#/models", size="phone")
    card = {
        "kind": "gpu",
        "vendor": "NVIDIA",
        "model": CARD,
        "architecture": None,
        "memory": {"kind": "dedicated", "capacity_bytes": 32 << 30},
        "driver": {"name": "nvidia", "version": "580.95"},
        "power_limit_watts": 575,
    }
    machine: dict[str, Any] = {
        "captured_at": datetime.now(UTC).isoformat(),
        "environment": {"kind": "container", "name": "Docker", "version": None},
        "accelerators": [card | {"index": 0}, card | {"index": 1}],
    }
    await answer(page, "/api/hardware", machine)
    await page.evaluate("location.hash = '#/hardware'")
    second = page.get_by_role("region", name=f"1: {CARD}")
    await expect(second).to_contain_text("32.0 GiB, dedicated")
    await expect(second).to_contain_text(re.compile(r"Architecture\s*Not detected"))
    await expect(page.get_by_text("hotbay runs in a container")).to_be_visible()
    assert await overflow(page) == 0
    assert await violations(page) == []
    await second.get_by_role("link", name="Live").click()
    await expect(page.get_by_role("heading", name="Performance", level=1)).to_be_visible()
    await page.unroute_all()
    await answer(page, "/api/hardware", machine | {"accelerators": []})
    await page.evaluate("location.hash = '#/hardware'")
    await expect(page.get_by_text("No GPU or other accelerator was found")).to_be_visible()
