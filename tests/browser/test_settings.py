"""The page Settings: what a browser remembers, and forgets."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from tests.browser.conftest import OwnSite, Visitor, overflow, settled, violations
from tests.browser.playground import acting

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def choose(page: Page, what: str, choice: str) -> None:
    """Choose in a row of choices, as a click on its label does."""
    group = page.get_by_role("group", name=what)
    await group.get_by_text(choice, exact=True).click()
    await expect(group.get_by_role("radio", name=choice)).to_be_checked()


async def test_choices_outlive_the_page_and_reach_other_tabs(visitor: Visitor) -> None:
    page = await visitor.open("#/settings")
    other = await page.context.new_page()
    await other.goto(f"{visitor.site.url}/ui/#/models")
    html, its = page.locator("html"), other.locator("html")
    await choose(page, "Theme", "Dark")
    await expect(html).to_have_css("color-scheme", "dark")
    await expect(its).to_have_css("color-scheme", "dark")
    await choose(page, "Density", "Roomy")
    await choose(page, "Start with", "Activity")
    await page.get_by_role("switch", name="as tags").uncheck(force=True)
    main = page.get_by_role("main")
    await main.get_by_role("textbox", name="Title of this window").fill("Cellar")
    await page.keyboard.press("Enter")
    await page.reload()
    await expect(page).to_have_title("Settings · Cellar")
    await expect(html).to_have_attribute("data-theme", "dark")
    await expect(html).to_have_attribute("data-density", "roomy")
    await expect(page.get_by_role("radio", name="Roomy")).to_be_checked()
    await expect(page.get_by_role("switch", name="as tags")).not_to_be_checked()
    await expect(page.get_by_role("region", name="What this browser")).to_contain_text(
        "5 preferences"
    )
    await page.goto(f"{visitor.site.url}/ui/")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Activity")


async def test_a_theme_that_follows_the_system_does_so_at_once(visitor: Visitor) -> None:
    page = await visitor.open("#/settings", theme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(background)
    await page.emulate_media(color_scheme="dark")
    dark = await page.evaluate(background)
    assert dark != light
    await choose(page, "Theme", "Light")
    assert await page.evaluate(background) == light


async def test_preferences_go_into_a_file_and_come_from_one(
    visitor: Visitor, tmp_path: Path
) -> None:
    page = await visitor.open("#/settings")
    remembered = page.get_by_role("region", name="What this browser")
    await expect(remembered).to_contain_text("No preferences yet")
    await choose(page, "Theme", "Dark")
    await choose(page, "Density", "Roomy")
    await page.reload()
    async with page.expect_download() as download:
        await remembered.get_by_role("button", name="Export").click()
    file = tmp_path / "preferences.json"
    await (await download.value).save_as(file)
    assert saved(file) == {"density": "roomy", "theme": "dark"}
    another = await visitor.open("#/settings", theme="light")
    remembered = another.get_by_role("region", name="What this browser")
    await take(another, file)
    await expect(remembered).to_contain_text("2 preferences taken over.")
    await expect(another.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(another.get_by_role("radio", name="Roomy")).to_be_checked()
    wrong = tmp_path / "wrong.json"
    save(wrong, "[]")
    await take(another, wrong)
    await expect(remembered).to_contain_text("wrong.json is no file that was exported here.")
    assert await violations(another) == []


async def take(page: Page, file: Path) -> None:
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Import").click()
    await (await chooser.value).set_files(file)


def saved(file: Path) -> object:
    return json.loads(file.read_text())


def save(file: Path, text: str) -> None:
    file.write_text(text)


async def test_all_that_is_remembered_can_be_forgotten(visitor: Visitor) -> None:
    page = await visitor.open("#/playground")
    await acting.choose(page, "alpha")
    await acting.ask(page, "Who are you?")
    await acting.finished(page)
    await page.get_by_role("link", name="Settings").click()
    await choose(page, "Theme", "Dark")
    remembered = page.get_by_role("region", name="What this browser")
    await expect(remembered).to_contain_text("1 conversation of the Playground")
    dialog = page.get_by_role("dialog")
    await remembered.get_by_role("button", name="Reset preferences").click()
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await remembered.get_by_role("button", name="Reset preferences").click()
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Reset").click()
    await expect(remembered).to_contain_text("Everything is as it was at first.")
    await expect(page.locator("html")).to_have_attribute("data-theme", "system")
    await expect(page.get_by_role("radio", name="System")).to_be_checked()
    await remembered.get_by_role("button", name="Delete conversations").click()
    await dialog.get_by_role("button", name="Delete").click()
    await expect(remembered).to_contain_text("No conversation of the Playground is kept.")
    await page.reload()
    await expect(remembered).to_contain_text("No conversation of the Playground is kept.")
    await expect(page.locator("html")).to_have_attribute("data-theme", "system")


async def test_a_log_out_leaves_nothing_of_the_configuration(
    own_site: OwnSite, visitor: Visitor
) -> None:
    visitor.expected = True  # refusals are reported in the console
    async with own_site("\napiKeys: [secret]\n") as site:
        page = await visitor.open("#/configuration", url=site.url)
        dialog = page.get_by_role("dialog", name="API key")
        await dialog.get_by_label("Key").fill("secret")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("table", name="Everything else")).to_contain_text("apiKeys")
        assert "secret" not in await page.get_by_role("main").inner_html()
        await page.get_by_role("link", name="Settings").click()
        await expect(page.get_by_role("main")).to_contain_text("A key was entered in this tab.")
        await page.get_by_role("main").get_by_role("button", name="Log out").click()
        await expect(dialog).to_be_visible()
        await page.evaluate("location.hash = '#/configuration'")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Configuration")
        await expect(page.get_by_role("main")).not_to_contain_text("apiKeys")
        assert "secret" not in json.dumps(await page.context.storage_state())


async def test_settings_are_changed_by_keyboard(visitor: Visitor) -> None:
    page = await visitor.open("#/now")
    await settled(page)
    await page.keyboard.press("g")
    await page.keyboard.press("s")
    await expect(page.get_by_role("heading", level=1, name="Settings")).to_be_focused()
    await expect(page.get_by_role("radio", name="System")).to_be_attached()
    for _ in range(10):
        if await page.evaluate("document.activeElement.matches('main input[type=radio]')"):
            break
        await page.keyboard.press("Tab")
    await expect(page.get_by_role("radio", name="System")).to_be_focused()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    letters = page.get_by_role("switch", name="Shortcuts of single letters")
    await letters.focus()
    await page.keyboard.press("Space")
    await expect(letters).not_to_be_checked()
    await page.get_by_role("heading", level=1).focus()
    await page.keyboard.press("g")
    await page.keyboard.press("n")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page).to_have_title(re.compile("^Settings"))


async def test_everything_is_in_reach_on_a_phone(visitor: Visitor) -> None:
    page = await visitor.open("#/settings", size="phone", theme="dark")
    assert await overflow(page) == 0
    await page.get_by_role("group", name="Times").get_by_text("2031").tap()
    await expect(page.get_by_role("radio", name="2031")).to_be_checked()
    await page.get_by_role("main").get_by_text("Show unlisted models").tap()
    await expect(page.get_by_role("switch", name="Show unlisted models")).to_be_checked()
    await page.get_by_role("button", name="Reset preferences").tap()
    await page.get_by_role("dialog").get_by_role("button", name="Reset").tap()
    await expect(page.get_by_role("radio", name="5m ago")).to_be_checked()
    assert await overflow(page) == 0
