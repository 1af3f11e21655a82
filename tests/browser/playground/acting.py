"""What a user of the Playground does again and again."""

from __future__ import annotations

import re

from playwright.async_api import Locator, Page, expect


def form(page: Page) -> Locator:
    """Return the form of the tab that is shown."""
    return page.locator("main form:visible")


async def choose(page: Page, model: str, label: str = "Model") -> None:
    """Choose a model with the keyboard."""
    await page.get_by_role("button", name=f"{label}:").locator("visible=true").click()
    popup = page.locator(":popover-open")
    await popup.get_by_role("combobox").fill(model)
    await popup.get_by_role("option", name=re.compile(rf"\b{model}\b")).first.wait_for()
    await page.keyboard.press("Enter")
    await expect(popup).to_have_count(0)


async def ask(page: Page, text: str) -> None:
    """Send a question."""
    await page.get_by_role("textbox", name="Question").fill(text)
    await page.keyboard.press("Control+Enter")  # which sends on a touch screen too


def answers(page: Page) -> Locator:
    return page.get_by_role("article")


async def finished(page: Page, count: int = 1) -> None:
    """Wait for the last of so many answers."""
    await expect(answers(page)).to_have_count(count)
    await expect(answers(page).last).to_have_attribute("aria-busy", "false")
