"""What surrounds the pages: addresses, keyboard, phone, connection, key, configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress

import pytest
from playwright.async_api import Route, expect
from playwright.async_api import TimeoutError as TooLate
from tests.browser.conftest import Site, Visitor, settled, violations

pytestmark = pytest.mark.asyncio(loop_scope="session")

OwnSite = Callable[..., AbstractAsyncContextManager[Site]]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("", "Now"),
        ("#/", "Now"),
        ("#/no-such-page", "Now"),
        ("#/models", "Models"),
        ("models", "Models"),
        ("models/alpha", "Models / alpha"),
        ("#/models/alpha", "Models / alpha"),
        ("models/llama-3.2%20x", "Models / llama-3.2 x"),
    ],
)
async def test_every_form_of_an_address_leads_to_its_page(
    visitor: Visitor, place: str, words: str
) -> None:
    page = await visitor.open(place)
    parts = words.split(" / ")
    for part in parts:
        await expect(page.get_by_role("heading", level=1)).to_contain_text(part)
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(parts[-1])


async def test_upstream_without_a_model_leads_to_the_models(visitor: Visitor) -> None:
    page = await visitor.open("")
    await page.goto(f"{visitor.site.url}/upstream")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Models")


async def test_keys_lead_from_page_to_page(visitor: Visitor) -> None:
    page = await visitor.open("#/now")
    await settled(page)
    await page.keyboard.press("g")
    await page.keyboard.press("m")
    title = page.get_by_role("heading", level=1, name="Models")
    await expect(title).to_be_focused()
    search = page.get_by_role("textbox", name="Search models")
    await expect(search).to_be_visible()
    await page.keyboard.press("/")
    await expect(search).to_be_focused()
    await page.keyboard.type("gn?")
    await expect(search).to_have_value("gn?")
    await page.keyboard.press("Escape")
    await expect(search).to_have_value("")
    await title.focus()
    await page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(dialog).to_contain_text("Go to Logs")
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)


async def test_what_the_user_wishes_is_remembered(visitor: Visitor) -> None:
    page = await visitor.open("#/models")
    await settled(page)
    title = page.get_by_role("textbox", name="Title of this window")
    await title.fill("  Cellar \n GPU ")
    await title.press("Enter")
    await page.get_by_role("button", name="Theme: system").click()
    await page.get_by_label("Sort").select_option("by name")
    await page.get_by_role("button", name="Navigation").click()
    await page.reload()
    await expect(page).to_have_title(re.compile("Models · Cellar GPU"))
    await expect(page.locator("html")).to_have_attribute("data-theme", "light")
    await expect(page.get_by_label("Sort")).to_have_value("name")
    await expect(page.get_by_role("link", name="Now")).to_have_accessible_name("Now")
    await expect(title).to_have_count(0)


async def test_on_a_phone_the_navigation_closes_after_a_choice(visitor: Visitor) -> None:
    page = await visitor.open("#/now", size="phone")
    await page.get_by_role("button", name="Navigation").tap()
    drawer = page.get_by_role("dialog", name="Navigation")
    await drawer.get_by_role("link", name="Logs").tap()
    await expect(drawer).to_have_count(0)
    await expect(page.get_by_role("heading", level=1, name="Logs")).to_be_visible()


async def test_a_lost_connection_is_told_and_repaired(own_site: OwnSite, visitor: Visitor) -> None:
    visitor.expected = True  # the browser reports each failed attempt
    async with own_site() as site:
        page = await visitor.open("#/models", url=site.url)
        await settled(page)
        port = site.url.rpartition(":")[2]
        site.program.end()
        bar = page.get_by_text("Connection lost:")
        await expect(bar).to_be_visible()
        await expect(page).to_have_title(re.compile("^🔴"))
        await expect(page.get_by_role("link", name="Alpha", exact=True)).to_be_visible()
        unload = page.get_by_role("button", name="Unload all")
        await expect(unload).to_be_disabled()
        await expect(unload).to_have_accessible_description("There is no connection to the server")
    async with own_site("", "--listen", f"127.0.0.1:{port}"):
        with suppress(TooLate):  # unless the page comes back by itself before that
            await page.get_by_role("button", name="Try now").click(timeout=5_000)
        await expect(bar).to_have_count(0)
        await expect(page).to_have_title("Models · hotbay")


async def test_after_an_update_the_page_offers_to_reload(
    own_site: OwnSite, visitor: Visitor
) -> None:
    visitor.expected = True  # the browser reports each failed attempt
    async with own_site() as site:
        page = await visitor.open("#/models", url=site.url)
        await settled(page)
        port = site.url.rpartition(":")[2]
        site.program.end()
        await expect(page.get_by_text("Connection lost:")).to_be_visible()

    async def newer(route: Route) -> None:
        answer = await route.fetch()
        script = re.compile(r"assets/index-[\w-]+\.js")
        await route.fulfill(body=script.sub("assets/index-newer.js", await answer.text()))

    bar = page.get_by_role("region", name="Update")
    async with own_site("", "--listen", f"127.0.0.1:{port}"):
        await page.get_by_role("button", name="Try now").click()
        await expect(page.get_by_text("Connection lost:")).to_have_count(0)
        await expect(bar).to_have_count(0)  # it is the same build
    await expect(page.get_by_text("Connection lost:")).to_be_visible()
    await page.route("**/ui/", newer)
    async with own_site("", "--listen", f"127.0.0.1:{port}"):
        await page.get_by_role("button", name="Try now").click()
        await expect(bar).to_contain_text("hotbay was updated")
        assert await violations(page) == []
        await page.unroute("**/ui/")
        await bar.get_by_role("button", name="Reload").click()
        await expect(bar).to_have_count(0)
        await expect(page.get_by_role("link", name="Alpha", exact=True)).to_be_visible()


async def test_a_key_is_asked_for_and_kept_until_the_log_out(
    own_site: OwnSite, visitor: Visitor
) -> None:
    visitor.expected = True  # refusals are reported in the console
    async with own_site("\napiKeys: [secret]\n") as site:
        page = await visitor.open("#/models", url=site.url)
        dialog = page.get_by_role("dialog", name="API key")
        alpha = page.get_by_role("link", name="Alpha", exact=True)
        key = dialog.get_by_label("Key")
        await expect(key).to_be_focused()
        await expect(alpha).to_have_count(0)
        await key.fill("wrong")
        await key.press("Enter")
        await expect(dialog.get_by_role("alert")).to_contain_text("does not know this key")
        assert await violations(page) == []
        await key.fill("secret")
        await dialog.get_by_role("button", name="Log in").click()
        await expect(dialog).to_have_count(0)
        await expect(alpha).to_be_visible()
        await page.reload()
        await expect(alpha).to_be_visible()
        # Nothing of it outlives the tabs.
        assert "secret" not in json.dumps(await page.context.storage_state())
        # Another tab needs no key while this one is open, and is logged out with it.
        other = await page.context.new_page()
        await other.goto(f"{site.url}/ui/#/models/alpha?tab=details")
        await expect(other.get_by_label("Command", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Log out").click()
        for tab in (page, other):
            await expect(tab.get_by_role("dialog", name="API key")).to_be_visible()
            await expect(tab.get_by_role("main")).not_to_contain_text("Alpha")
            await tab.reload()
            await expect(tab.get_by_role("dialog", name="API key")).to_be_visible()


async def test_a_key_that_was_taken_back_is_told(own_site: OwnSite, visitor: Visitor) -> None:
    visitor.expected = True  # refusals are reported in the console
    async with own_site("\napiKeys: [secret]\n") as site:
        page = await visitor.open("#/models", url=site.url)
        await page.evaluate("sessionStorage.setItem('hotbay.key', 'old')")
        await page.reload()
        dialog = page.get_by_role("dialog", name="API key")
        await expect(dialog.get_by_role("alert")).to_contain_text("does not know the key")


async def test_a_refused_configuration_is_told_on_every_page(
    own_site: OwnSite, visitor: Visitor, tmp_path: object
) -> None:
    async with own_site("", "--watch-config") as site:
        page = await visitor.open("#/logs", url=site.url)
        file = tmp_path / "config.yaml"  # type: ignore[operator] # pytest's path
        text = file.read_text()
        file.write_text(text + "\nmodels: 5\n")
        bar = page.get_by_text("The configuration could not be loaded")
        await expect(bar).to_be_visible()
        await page.get_by_role("link", name="Now").click()
        await expect(bar).to_be_visible()
        file.write_text(text)
        await expect(bar).to_have_count(0)


PLACES = [
    "#/now",
    "#/models",
    "#/logs",
    *(f"#/models/{model}?tab=logs" for model in ("alpha", "beta", "embed", "rerank", "endless")),
]


async def test_twenty_tabs_work_at_once(own_site: OwnSite, visitor: Visitor) -> None:
    # One stream of events for all, and another for a moment; a browser has six connections.
    async with own_site("\nlimits: {subscribers: 2}\n") as site:
        pages = [await visitor.open(PLACES[0], url=site.url)]
        for number in range(1, 20):
            page = await pages[0].context.new_page()
            await page.goto(f"{site.url}/ui/{PLACES[number % len(PLACES)]}")
            pages.append(page)
        for page in pages:
            await settled(page)
        await pages[1].bring_to_front()
        beta = pages[1].get_by_role("main").get_by_role("listitem").filter(has_text="Beta")
        await beta.get_by_role("button", name="Load").click()
        for page in pages:
            entry = page.get_by_role("navigation").get_by_role("link", name="ready beta")
            await expect(entry).to_be_visible()
        for page, place in zip(pages, PLACES * 3, strict=False):
            if "beta?tab=logs" in place:
                log = page.get_by_role("region", name="Log of beta", exact=True)
                await expect(log).to_contain_text("model loaded")
