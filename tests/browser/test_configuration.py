"""The page Configuration: what is in force and whence, reloads, the check, and a first model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect
from tests.browser.conftest import Site, Visitor, overflow, violations
from tests.journeys.conftest import command, free_port
from tests.journeys.program import serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONFIGURATION = f"""macros:
  serve: {json.dumps(command())}
  folder: ${{env.ITS_FOLDER}}
startPort: {free_port()}
globalTTL: 600
logLevle: debug
models:
  "org/large":
    cmd: |
      ${{serve}}
      --api-key s3cret-of-command --folder ${{folder}}
    ttl: 1800
    aliases: [large]
    env: [HF_TOKEN=s3cret-of-model, DEVICES=0]
  small:
    cmd: ${{serve}}
  beside:
    cmd: ${{serve}}
groups:
  both: {{swap: true, members: ["org/large", small]}}
  always: {{swap: false, exclusive: false, persistent: true, members: [beside]}}
"""


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Site]:
    """A hotbay with this configuration, which notices its changes."""
    env = {"ITS_FOLDER": "/srv/models"}
    with serving(CONFIGURATION, tmp_path, "--watch-config", env=env) as (program, url):
        yield Site(url, program)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


async def unfolded(page: Page, model: str) -> Locator:
    """Unfold a model and return the table of its settings."""
    await page.locator("summary").filter(has_text=model).click()
    table = page.get_by_role("table", name=f"Settings of {model}")
    await expect(table).to_be_visible()
    return table


def save(file: Path, text: str) -> None:
    """Save the configuration, as somebody does in an editor."""
    file.write_text(text)


def line(text: str) -> int:
    """Return the line of the configuration that has a text."""
    return CONFIGURATION[: CONFIGURATION.index(text)].count("\n") + 1


async def test_each_value_tells_where_it_comes_from(watched: Site, visitor: Visitor) -> None:
    page = await visitor.open("#/configuration", url=watched.url)
    table = await unfolded(page, "org/large")

    async def origin(setting: str) -> str:
        row = table.get_by_role("row").filter(
            has=page.get_by_role("rowheader", name=setting, exact=True)
        )
        return await row.get_by_role("cell").last.inner_text()

    told = await origin("cmd")
    assert told.startswith(f"config.yaml:{line('    cmd: |')}")
    assert f"${{serve}}:{line('serve:')}" in told
    assert f"${{folder}}:{line('folder:')}" in told
    assert "${env.ITS_FOLDER}" in told
    assert "${PORT}" in told
    assert await origin("ttl") == f"config.yaml:{line('ttl: 1800')}"
    await expect(table).to_contain_text("--folder /srv/models")
    await expect(page.get_by_text("Group both")).to_contain_text("Group both")
    await expect(page.get_by_role("listitem").filter(has_text="Group both")).to_contain_text(
        "one runs at a time, other groups make room; with small"
    )
    # Of what is not written, some is taken from the setting for all models, the rest is default.
    table = await unfolded(page, "small")
    assert await origin("ttl") == f"globalTTL, config.yaml:{line('globalTTL')}"
    await expect(table.get_by_role("rowheader", name="proxy")).to_have_count(0)
    await page.get_by_role("switch", name="Show defaults").check(force=True)
    assert await origin("proxy") == "default"


async def test_no_secret_reaches_the_page(watched: Site, visitor: Visitor) -> None:
    page = await visitor.open("#/configuration", url=watched.url)
    table = await unfolded(page, "org/large")
    await expect(table).to_contain_text("--api-key '[REDACTED]'")
    await expect(table).to_contain_text("HF_TOKEN=[REDACTED]")
    await expect(table).to_contain_text("DEVICES=0")
    assert "s3cret" not in await page.content()


async def test_a_search_leaves_the_settings_that_fit(watched: Site, visitor: Visitor) -> None:
    page = await visitor.open("#/configuration", url=watched.url)
    models = page.get_by_role("region", name="Models", exact=True)
    await expect(models).to_contain_text("3 models")
    await page.keyboard.press("/")
    await page.keyboard.type("ttl 1800")
    await expect(models).to_contain_text("1 of 3")
    row = page.get_by_role("table", name="Settings of org/large").get_by_role("row").last
    await expect(row).to_contain_text("1800")
    await expect(page).to_have_url(re.compile(r"q=ttl\+1800"))
    await page.reload()  # the search is part of the address
    await expect(models).to_contain_text("1 of 3")
    await page.get_by_role("button", name="Clear").click()
    await expect(models).to_contain_text("3 models")
    await expect(row).to_have_count(0)
    search = page.get_by_role("textbox", name="Search settings")
    await search.fill("groups always swap")
    await expect(models).to_contain_text("No model has such a setting")
    await expect(page.get_by_role("table", name="Everything else")).to_contain_text("false")


async def test_a_refused_reload_is_explained_until_a_good_one(
    watched: Site, visitor: Visitor, file: Path
) -> None:
    page = await visitor.open("#/configuration", url=watched.url)
    load = page.get_by_role("region", name="Last load")
    await expect(load).to_contain_text("in force")
    await expect(load).to_contain_text("did you mean 'logLevel'?")
    save(file, CONFIGURATION.replace("ttl: 1800", "ttl: -7").replace("globalTTL", "globalTTT"))
    await expect(load).to_contain_text("refused")
    await expect(load).to_contain_text("is still in force")
    mistake = load.get_by_role("listitem").filter(has_text="models.org/large.ttl")
    await expect(mistake).to_contain_text(f"config.yaml:{line('ttl: 1800')}:10")
    await expect(mistake).to_contain_text("ttl: -7")
    await expect(load).to_contain_text("did you mean 'globalTTL'?")
    # What is shown below is what is in force.
    await expect(await unfolded(page, "org/large")).to_contain_text("1800")
    assert await violations(page) == []
    await page.get_by_role("tab", name="What if").click()
    bar = page.get_by_role("region", name="Refused configuration")
    await expect(bar).to_contain_text("models.org/large.ttl:")
    await bar.get_by_role("link").click()
    await expect(mistake).to_be_visible()
    added = "  new: {cmd: '${serve}'}\ngroups:"
    save(file, CONFIGURATION.replace("groups:", added).replace("logLevle", "logLevel"))
    await expect(load).to_contain_text("Reloaded: new added.")
    await expect(load).to_contain_text("Nothing is wrong with it")
    await expect(bar).to_have_count(0)
    await expect(mistake).to_have_count(0)


async def test_a_text_is_checked_at_its_lines(watched: Site, visitor: Visitor) -> None:
    page = await visitor.open("#/configuration?tab=check", url=watched.url)
    text = page.get_by_role("textbox", name="Configuration to check")
    result = page.get_by_role("region", name="Result")
    await text.fill("models:\n  small:\n    cmd: x ${PORT}\n    comand: x\n    ttl: -7\n")
    await expect(result).to_contain_text("it would be refused")
    mistake = result.get_by_role("listitem").filter(has_text="models.small.ttl")
    await expect(mistake).to_contain_text("must be at least -1, found -7")
    await expect(page.locator(".gutter .error")).to_have_text("5")
    await expect(page.locator(".gutter .warning")).to_have_text("4")
    assert await violations(page) == []
    await mistake.get_by_role("button", name="line 5").click()
    await expect(text).to_be_focused()
    await page.keyboard.press("Shift+End")
    selected = "getSelection().toString()"
    assert await page.evaluate(selected) == "-7"
    await page.keyboard.type("7")
    await expect(result.get_by_text("It can be loaded.")).to_be_visible()
    await expect(page.locator(".gutter .error")).to_have_count(0)
    await expect(result).to_contain_text("Gone: beside, org/large")
    # It is kept while something else is looked at, and not over a reload of the page.
    await page.get_by_role("tab", name="In force").click()
    await page.get_by_role("tab", name="Check a text").click()
    await expect(text).to_have_value(re.compile("ttl: 7"))
    await page.reload()
    await expect(text).to_have_value("")
    assert json.loads(watched.ask("GET", "/api/x/config"))["ok"] is True


async def test_a_file_can_be_checked(watched: Site, visitor: Visitor, tmp_path: Path) -> None:
    page = await visitor.open("#/configuration?tab=check", url=watched.url)
    other = tmp_path / "other.yaml"
    other.write_text(CONFIGURATION.replace("ttl: 1800", "ttl: 1801"))
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Open a file").click()
    await (await chooser.value).set_files(other)
    result = page.get_by_role("region", name="Result")
    await expect(result.get_by_text("It can be loaded.")).to_be_visible()
    await expect(result).to_contain_text("1 warning")
    await page.get_by_role("button", name="Clear").click()
    await expect(result).to_contain_text("Nothing is stored")


async def test_what_a_request_would_stop_can_be_tried(watched: Site, visitor: Visitor) -> None:
    page = await visitor.open("#/configuration?tab=plan", url=watched.url)
    then = page.get_by_role("region", name="Then")
    together = page.get_by_role("region", name="May all of these run together?")
    await page.get_by_role("combobox", name="A request comes for").select_option("small")
    await expect(then).to_contain_text("It stops nothing.")
    await page.get_by_role("checkbox", name="those that run now").uncheck()
    await page.get_by_role("checkbox", name="beside").check()
    await expect(together).to_contain_text("yes")
    await page.get_by_role("checkbox", name="org/large").check()
    await expect(then).to_contain_text("It stops org/large.")
    await expect(together).to_contain_text("no")
    row = together.get_by_role("row").filter(has=page.get_by_role("rowheader", name="org/large"))
    await expect(row.get_by_role("cell")).to_have_text("small")
    await page.reload()  # what is supposed is part of the address
    await expect(then).to_contain_text("It stops org/large.")


async def test_the_page_goes_on_from_no_model_to_the_first(
    visitor: Visitor, tmp_path: Path, file: Path
) -> None:
    empty = f"startPort: {free_port()}\n"
    with serving(empty, tmp_path, "--watch-config") as (_, url):
        page = await visitor.open("", url=url)
        first = page.get_by_role("region", name="Your first model")
        await expect(first).to_contain_text(str(file))
        await expect(first).to_contain_text("hotbay watches it")
        await expect(first).to_contain_text(f"Port {empty[11:].strip()} is free")
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await first.get_by_role("button", name="Copy").click()
        example = await page.evaluate("navigator.clipboard.readText()")
        assert await violations(page) == []
        # Somebody who forgets something is told, and gets there in the end.
        save(file, empty + example.replace("models:", "models: {"))
        await expect(page.get_by_role("region", name="Refused configuration")).to_be_visible()
        save(file, empty + re.sub(r"cmd: \|[^$]*(.*)\n.*", f"cmd: {command()}", example))
        await expect(page.get_by_text("No model was in use in the last hour")).to_be_visible()
        await expect(page.get_by_role("navigation")).to_contain_text("my-model")
        assert await violations(page) == []
        await page.get_by_role("main").get_by_role("link", name="Models").click()
        await page.get_by_role("button", name="Load", exact=True).click()
        await expect(page.get_by_role("main")).to_contain_text("ready")


async def test_without_watching_a_first_model_comes_by_a_button(
    visitor: Visitor, tmp_path: Path, file: Path
) -> None:
    visitor.expected = True  # the refusal is reported in the console
    with serving(f"startPort: {free_port()}\n", tmp_path) as (_, url):
        page = await visitor.open("#/configuration", url=url)
        first = page.get_by_role("region", name="Your first model")
        save(file, "models: 5\n")
        await first.get_by_role("button", name="Reload").click()
        await expect(page.get_by_role("region", name="Last load")).to_contain_text("1 mistake")
        save(file, f"models: {{one: {{cmd: {json.dumps(command())}}}}}\n")
        await first.get_by_role("button", name="Reload").click()
        await expect(first).to_have_count(0)
        # The only model is unfolded.
        await expect(page.get_by_role("table", name="Settings of one")).to_contain_text("cmd")


async def test_all_of_it_is_in_reach_on_a_phone(watched: Site, visitor: Visitor) -> None:
    page = await visitor.open("#/configuration", url=watched.url, size="phone")
    await page.locator("summary").filter(has_text="org/large").tap()
    table = page.get_by_role("table", name="Settings of org/large")
    await expect(table).to_contain_text("--folder /srv/models")
    assert await overflow(page) == 0
    beyond = """() => [...document.querySelectorAll('main *')]
        .filter(element => element.checkVisibility() && element.closest('pre') === null)
        .filter(element => element.getBoundingClientRect().right > innerWidth + 1)
        .map(element => element.outerHTML.slice(0, 80))"""
    assert await page.evaluate(beyond) == []
    await page.get_by_role("tab", name="Check a text").tap()
    text = page.get_by_role("textbox", name="Configuration to check")
    await text.fill("models: {a: {ttl: -7}}")
    mistake = page.get_by_role("button", name="line 1").first
    await mistake.tap()
    await expect(text).to_be_focused()
    await page.get_by_role("tab", name="What if").tap()
    await page.get_by_role("checkbox", name="those that run now").tap()
    await page.get_by_role("checkbox", name="small").tap()
    together = page.get_by_role("region", name="May all of these run together?")
    await expect(together.get_by_role("row")).to_have_count(3)
    assert await overflow(page) == 0
    assert await page.evaluate(beyond) == []
