"""How much has to come before the UI can be used, and what it costs while much happens.

The budgets are those of spec/web-ui.md 20.16. Time is that which the thread of the page has
computed, so that it is the same on a machine that does other things as well.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect
from tests.browser.conftest import Site, Visitor, settled
from tests.journeys.conftest import free_port
from tests.journeys.program import serving

from hotbay.api.ui import STATIC

pytestmark = pytest.mark.asyncio(loop_scope="session")

REQUESTS = 12
KILOBYTE = 1000
IN_FLIGHT = 20
SHARE = 0.2  # of one core
WINDOW = 3000  # milliseconds


def manifest() -> dict[str, dict[str, object]]:
    """Return what Vite built, by source."""
    loaded = json.loads((STATIC / ".vite" / "manifest.json").read_text())
    assert isinstance(loaded, dict)
    return loaded


def needed(*sources: str) -> set[Path]:
    """Return the files that have to come for these sources, what they import included."""
    entries, found, todo = manifest(), set[str](), list(sources)
    while todo:
        source = todo.pop()
        if source not in found:
            found.add(source)
            imports = entries[source].get("imports", [])
            assert isinstance(imports, list)
            todo += imports
    return {STATIC / str(entries[source]["file"]) for source in found}


def compressed(files: set[Path]) -> int:
    return sum(file.with_name(file.name + ".gz").stat().st_size for file in files)


async def test_the_first_page_is_small() -> None:
    files = needed("index.html", "src/pages/Now/Now.svelte", "style.css")
    assert compressed(files) <= 80 * KILOBYTE


async def test_the_whole_application_is_small() -> None:
    assets = {file for file in (STATIC / "assets").iterdir() if file.suffix in {".js", ".css"}}
    # A quarter less than llama-swap's; most of it is loaded only on the pages that need it.
    assert compressed(assets) <= 335 * KILOBYTE


async def test_few_requests_are_made_before_the_first_page_can_be_used(visitor: Visitor) -> None:
    page = await visitor.open("about-to-be-measured", size="wide")
    # What is asked again, because a busy machine draws late, counts once.
    asked: set[str] = set()
    page.context.on("request", lambda request: asked.add(request.url.partition("?")[0]))
    await page.goto(f"{visitor.site.url}/ui/")
    await expect(page.get_by_text("Models over time")).to_be_visible()
    await expect(page.locator("main div.loading")).to_have_count(0)
    assert len(asked) <= REQUESTS, asked


async def test_code_of_other_pages_comes_when_they_are_visited(visitor: Visitor) -> None:
    page = await visitor.open("#/now")
    await expect(page.get_by_text("Models over time")).to_be_visible()
    files = await page.evaluate(
        "performance.getEntriesByType('resource').map(({name}) => name.split('/').at(-1))"
    )
    assert [file for file in files if file.startswith(("Performance", "Playground"))] == []


# -- while much happens ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hotbay with twenty answers under way, and a log that grows by a hundred lines a second."""
    server = Path(__file__).with_name("busy.py")
    configuration = f"""
startPort: {free_port()}
models:
  busy:
    cmd: {sys.executable} {server} ${{PORT}}
    checkEndpoint: /
    concurrencyLimit: {IN_FLIGHT}
"""
    body = b'{"model": "busy", "stream": true}'
    head = (
        f"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    request = b"POST /v1/chat/completions HTTP/1.1\r\n" + head.encode() + body
    with ExitStack() as stack:
        started = stack.enter_context(serving(configuration, tmp_path_factory.mktemp("busy")))
        program, url = started
        address = urlsplit(url)
        for _ in range(IN_FLIGHT):
            client = socket.create_connection((address.hostname, address.port))
            stack.enter_context(client)
            client.sendall(request)
        yield Site(url, program)


async def share(page: Page) -> float:
    """Return which share of a core the page takes for a while."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})

    async def spent() -> float:
        metrics = (await session.send("Performance.getMetrics"))["metrics"]
        return float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))

    before, begin = await spent(), time.monotonic()
    await page.wait_for_timeout(WINDOW)  # this is what is measured, not something waited for
    return (await spent() - before) / (time.monotonic() - begin)


@pytest.mark.parametrize("place", ["#/now", "#/logs", "#/models/busy"])
async def test_a_busy_server_leaves_the_browser_at_rest(
    visitor: Visitor, busy: Site, place: str
) -> None:
    page = await visitor.open(place, url=busy.url)
    if place == "#/logs":
        await expect(page.get_by_role("region", name="Upstream", exact=True)).to_contain_text(
            "tokens per"
        )
    else:
        await expect(page.get_by_text(f"{IN_FLIGHT} requests", exact=True)).to_be_visible()
    assert await share(page) <= SHARE


MOVED = """window => new Promise(resolve => {
    const moved = []
    new PerformanceObserver(list => {
        for (const { value, sources } of list.getEntries())
            moved.push([value, ...sources.map(({ node }) => node?.textContent)])
    }).observe({ type: 'layout-shift' })
    setTimeout(() => resolve(moved), window)
})"""
"""Tells what has moved from now on, and how much of the page that was."""


@pytest.mark.parametrize("place", ["#/now", "#/activity", "#/logs", "#/performance"])
async def test_nothing_moves_while_answers_and_logs_stream_in(
    visitor: Visitor, busy: Site, place: str
) -> None:
    page = await visitor.open(place, url=busy.url)
    match place:
        case "#/logs":
            lines = page.get_by_role("region", name="Lines of Upstream")
            await expect(lines).to_contain_text("tokens per")
        case "#/performance":
            await expect(page.locator("canvas").first).to_be_visible()
        case _:
            await expect(page.get_by_text(f"{IN_FLIGHT} requests", exact=True)).to_be_visible()
            await settled(page)
    moved = await page.evaluate(MOVED, WINDOW)
    # A figure that gets a digit more is no shift that anybody sees; 0.1 is a bad one.
    assert sum(value for value, *_ in moved) < 0.005, moved
