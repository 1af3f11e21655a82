"""What is wished for in the settings of the chat, and what becomes of it."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Locator, Page, expect
from tests.browser.conftest import Visitor
from tests.browser.playground.acting import ask, choose, finished

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def settings(page: Page) -> Locator:
    await page.get_by_role("button", name="Settings", exact=True).click()
    return page.get_by_role("dialog")


async def test_what_is_not_wished_for_is_not_sent(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "studio")
    bodies: list[dict[str, object]] = []
    page.on(
        "request",
        lambda request: (
            request.url.endswith("/v1/chat/completions")
            and bodies.append(json.loads(request.post_data or ""))
        ),
    )
    await ask(page, "One")
    await finished(page)
    dialog = await settings(page)
    await dialog.get_by_label("Top p").fill("0.9")
    await dialog.get_by_label("System prompt").fill("Be brief")
    await dialog.get_by_label("More members").fill('{"n_probs": 2}')
    await dialog.get_by_role("button", name="Done").click()
    await ask(page, "Two")
    await finished(page, 2)
    first, second = bodies
    assert first.keys() == {"model", "messages", "stream", "stream_options"}
    assert (second["top_p"], second["n_probs"]) == (0.9, 2)
    assert second["messages"] == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "One"},
        {"role": "user", "content": "Two"},
    ]


async def test_what_the_configuration_overrides_is_told(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    await choose(page, "studio")
    dialog = await settings(page)
    words = "hotbay sets temperature to 0.5, removes top_k for studio"
    await expect(dialog.get_by_text(words)).to_be_visible()
    await page.keyboard.press("Escape")
    await choose(page, "alpha")
    await settings(page)
    await expect(dialog.get_by_text("Whatever is wished for")).to_have_count(0)


async def test_settings_are_kept_under_a_name(stage: Visitor) -> None:
    page = await stage.open("#/playground")
    dialog = await settings(page)
    await dialog.get_by_label("Seed").fill("7")
    await dialog.get_by_label("Name of a preset").fill("always the same")
    await dialog.get_by_role("button", name="Save").click()
    await dialog.get_by_role("button", name="Reset", exact=True).click()
    await expect(dialog.get_by_label("Seed")).to_have_value("")
    await page.reload()
    await settings(page)
    await dialog.get_by_role("combobox", name="Preset").select_option("always the same")
    await expect(dialog.get_by_label("Seed")).to_have_value("7")
    await dialog.get_by_role("button", name="Delete the preset").click()
    await expect(dialog.get_by_role("combobox", name="Preset")).to_have_count(0)
