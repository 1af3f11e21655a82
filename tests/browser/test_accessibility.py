"""Every page in both themes and on every size of screen, judged by axe, and used in other ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Page, expect
from tests.browser.conftest import OwnSite, Theme, Visitor, overflow, settled, violations

pytestmark = pytest.mark.asyncio(loop_scope="session")


PAGES = {
    "#/now": "Now",
    "#/models": "Models",
    "#/models/alpha": "Models / alpha",
    "#/models/alpha?tab=details": "Models / alpha",
    "#/models/alpha?tab=logs": "Models / alpha",
    "#/models/alpha?tab=statistics": "Models / alpha",
    "#/models/alpha?tab=use": "Models / alpha",
    "#/models/none": "Models / none",
    "#/logs": "Logs",
    "#/performance": "Performance",
    "#/hardware": "Hardware",
    "#/hardware?tab=text": "Hardware",
    "#/configuration": "Configuration",
    "#/configuration?q=alpha": "Configuration",
    "#/configuration?tab=check": "Configuration",
    "#/configuration?tab=plan&model=beta&running=alpha": "Configuration",
    "#/settings": "Settings",
}


async def visit(page: Page, place: str) -> None:
    """Go to a page as a link would, and wait until it shows what it has to show."""
    await page.evaluate("place => { location.hash = place; }", place)
    title = PAGES[place].rpartition(" / ")[2]
    await expect(page.get_by_role("heading", level=1)).to_contain_text(title)
    await settled(page)


@pytest.mark.parametrize(
    ("size", "theme"),
    [("wide", "light"), ("wide", "dark"), ("middle", "light"), ("phone", "dark")],
)
async def test_no_page_has_a_barrier_or_is_wider_than_the_screen(
    visitor: Visitor, size: str, theme: Theme
) -> None:
    visitor.site.chat("alpha")
    page = await visitor.open("", size=size, theme=theme)
    found = {}
    for place in PAGES:
        await visit(page, place)
        found[place] = await violations(page)
        if by := await overflow(page):
            found[place].append(f"{by} pixels too wide")
    assert {place: problems for place, problems in found.items() if problems} == {}


@pytest.mark.parametrize(("size", "theme"), [("wide", "light"), ("phone", "dark")])
async def test_nothing_that_opens_over_a_page_is_a_barrier(
    visitor: Visitor, size: str, theme: Theme
) -> None:
    page = await visitor.open("#/now", size=size, theme=theme)
    await page.get_by_role("button", name="Keyboard shortcuts").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    if size == "phone":
        await page.get_by_role("button", name="Navigation").tap()
        await expect(dialog).to_be_visible()
        assert await violations(page) == []
        await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    async with visitor.site.streaming():
        await expect(page.get_by_role("rowheader", name="Running")).to_be_visible()
        await page.get_by_role("button", name="More for request").click()
        await expect(page.get_by_role("menuitem").first).to_be_focused()
        assert await violations(page) == []
        await page.keyboard.press("Escape")
        await page.get_by_role("link", name="endless").last.click()
        await page.get_by_role("button", name="Unload", exact=True).click()
        await expect(dialog).to_contain_text("will break off")
        assert await violations(page) == []
        await page.keyboard.press("Escape")


@pytest.mark.parametrize(("size", "theme"), [("wide", "dark"), ("phone", "light")])
async def test_errors_are_no_barriers(
    own_site: OwnSite, visitor: Visitor, tmp_path: Path, size: str, theme: Theme
) -> None:
    visitor.expected = True  # the browser reports failed requests
    async with own_site("", "--watch-config") as site:
        page = await visitor.open("#/models/broken", url=site.url, size=size, theme=theme)
        await page.get_by_role("button", name="Load").click()
        await expect(page.get_by_label("Last lines of the log of broken")).to_be_visible()
        file = tmp_path / "config.yaml"
        file.write_text(file.read_text() + "\nmodels: 5\n")
        await expect(page.get_by_text("The configuration could not be loaded")).to_be_visible()
        assert await violations(page) == []
        site.program.end()
        await expect(page.get_by_text("Connection lost:")).to_be_visible()
        assert await violations(page) == []
        assert await overflow(page) == 0


async def focus(page: Page, name: str, role: Literal["button", "link"] = "button") -> None:
    """Press Tab until something with this name has the focus."""
    target = page.get_by_role("main").get_by_role(role, name=name, exact=True).first
    for _ in range(40):
        if await target.evaluate("element => element === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"no way leads to {name}")


async def test_everything_can_be_done_by_keyboard(own_site: OwnSite, visitor: Visitor) -> None:
    async with own_site() as site:
        page = await visitor.open("#/now", url=site.url)
        await settled(page)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Skip to the content")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("main")).to_be_focused()
        await page.keyboard.press("g")
        await page.keyboard.press("m")
        await page.keyboard.press("/")
        await page.keyboard.type("Embedder")
        await focus(page, "Load")
        await page.keyboard.press("Enter")
        unload = page.get_by_role("main").get_by_role("button", name="Unload", exact=True)
        await expect(unload).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("main")).to_contain_text("stopped")
        await page.keyboard.press("/")
        await focus(page, "Embedder", "link")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_be_focused()
        await page.get_by_role("tab", selected=True).focus()
        await page.keyboard.press("End")
        await expect(page.get_by_role("tab", name="Use it")).to_be_focused()
        await expect(page.get_by_role("tabpanel")).to_contain_text("curl")


async def test_a_phone_is_enough_to_load_cancel_and_unload(
    own_site: OwnSite, visitor: Visitor
) -> None:
    async with own_site() as site:
        page = await visitor.open("#/models", url=site.url, size="phone")
        link = page.get_by_role("link", name="Alpha", exact=True)
        entry = page.get_by_role("main").get_by_role("listitem").filter(has=link)
        await entry.get_by_role("button", name="Load").tap()
        await expect(entry).to_contain_text("ready")
        async with site.streaming():
            await page.get_by_role("button", name="Navigation").tap()
            await page.get_by_role("dialog").get_by_role("link", name="Now").tap()
            await page.get_by_role("button", name="Cancel request").tap()
            await expect(page.get_by_text("No request is in progress")).to_be_visible()
        await page.get_by_role("button", name="Navigation").tap()
        await page.get_by_role("dialog").get_by_role("link", name="endless").tap()
        await page.get_by_role("button", name="Unload").tap()
        await expect(page.get_by_role("main")).to_contain_text("stopped")
        small = await page.evaluate(
            """() => [...document.querySelectorAll('button')]
                .filter(button => button.checkVisibility({ visibilityProperty: true }))
                .filter(button => button.getBoundingClientRect().height < 40)
                .map(button => button.textContent)"""
        )
        assert small == ["Skip to the content"]


LOOKS: dict[str, dict[str, Any]] = {
    "enlarged four times": {"viewport": {"width": 320, "height": 256}, "device_scale_factor": 4},
    "forced colours": {"forced_colors": "active"},
    "less motion": {"reduced_motion": "reduce"},
}


@pytest.mark.parametrize("look", LOOKS)
async def test_no_page_loses_anything_however_it_is_looked_at(visitor: Visitor, look: str) -> None:
    visitor.site.chat("alpha")
    page = await visitor.open("", **LOOKS[look])
    for place in PAGES:
        await visit(page, place)
        assert await overflow(page) == 0
        if look == "less motion":
            assert await page.evaluate("document.getAnimations().length") == 0
        else:
            assert await violations(page) == []
    await visit(page, "#/models")
    button = page.get_by_role("main").get_by_role("button", name="Load").last
    await button.click(trial=True)  # it can be reached and is not covered


async def test_text_may_be_twice_as_large(visitor: Visitor) -> None:
    page = await visitor.open("", size="middle")
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    for place in PAGES:
        await visit(page, place)
        assert await overflow(page) == 0
