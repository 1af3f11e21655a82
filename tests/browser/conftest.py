"""A browser in front of the real program and real model servers.

Tests are coroutines on the session's event loop, because the browser lives as long as that.
Every test is watched for errors in the browser's console.
"""

from __future__ import annotations

import json
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Page,
    ViewportSize,
    async_playwright,
    expect,
)
from tests.journeys.conftest import free_port
from tests.journeys.program import Program, serving

from hotbay.api.ui import STATIC
from hotbay.llamacpp.demo import configuration, write_models

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = "/usr/bin/chromium"

SIZES: dict[str, ViewportSize] = {
    "wide": {"width": 1400, "height": 900},
    "middle": {"width": 768, "height": 1024},
    "phone": {"width": 390, "height": 844},
}
Theme = Literal["light", "dark"]

MORE = f"""
  broken:
    name: Broken
    cmd: |
      ${{server}} --model /nowhere/model.gguf
  endless:
    name: Endless
    cmd: {sys.executable} {Path(__file__).with_name("busy.py")} ${{PORT}} quiet
    checkEndpoint: /
"""


@dataclass(frozen=True)
class Site:
    """A running hotbay with the models of the demo, one that cannot start, and an endless one."""

    url: str
    program: Program

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        """Make a request as some other client would."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return bytes(response.read())

    def chat(self, model: str, tokens: int = 16) -> bytes:
        """Have a chat answered by a model."""
        message = {"role": "user", "content": "Hello"}
        body = {"model": model, "messages": [message], "max_tokens": tokens, "stream": True}
        return self.ask("POST", "/v1/chat/completions", body)

    @asynccontextmanager
    async def streaming(self, *headers: str) -> AsyncIterator[None]:
        """Have a client of the endless model, which sends these headers too."""
        body = b'{"model": "endless", "stream": true}'
        lines = ["Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
        head = "\r\n".join([*lines, "", ""]).encode()
        address = urlsplit(self.url)
        with socket.create_connection((address.hostname, address.port)) as client:
            client.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" + head + body
            )
            yield


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The demo's configuration, with a model that cannot start and one that never ends."""
    assert (STATIC / "index.html").is_file(), "the web UI is not built; run: make ui"
    # All workers of a parallel run share the models.
    folder = tmp_path_factory.getbasetemp().parent / "models"
    text = configuration(write_models(folder, tell=lambda _line: None))
    return text.replace("\nmodels:\n", f"\nmodels:\n{MORE}", 1)


def with_own_ports(configuration: str) -> str:
    return configuration.replace("startPort: 15800", f"startPort: {free_port()}")


@pytest.fixture(scope="session")
def site(demo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One hotbay for all tests that leave it as they found it."""
    with serving(with_own_ports(demo), tmp_path_factory.mktemp("site")) as (program, url):
        yield Site(url, program)


OwnSite = Callable[..., AbstractAsyncContextManager[Site]]


@pytest.fixture
def own_site(demo: str, tmp_path: Path) -> OwnSite:
    """A hotbay that a test may change, reload or end: `async with own_site(more="…") as site`."""

    @asynccontextmanager
    async def start(more: str = "", *arguments: str) -> AsyncIterator[Site]:
        with serving(with_own_ports(demo) + more, tmp_path, *arguments) as (program, url):
            yield Site(url, program)

    return start


expect.set_options(timeout=20_000)
"""Milliseconds; a busy machine may take that long to start a program or draw a page."""


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


class Visitor:
    """Opens pages of the UI, and collects what goes wrong in them."""

    def __init__(self, browser: Browser, site: Site) -> None:
        self.site = site
        self.expected = False
        """Errors in the console are what the test is about."""
        self.errors: list[str] = []
        self._browser = browser
        self._contexts: list[Any] = []

    async def open(
        self,
        place: str = "#/now",
        *,
        size: str = "wide",
        theme: Theme = "light",
        url: str | None = None,
        **options: Any,
    ) -> Page:
        """Open a page in a browser of its own; `place` is what follows `/ui/`."""
        options = {"viewport": SIZES[size], "has_touch": size == "phone", **options}
        context = await self._browser.new_context(color_scheme=theme, **options)
        self._contexts.append(context)
        context.set_default_timeout(20_000)
        page = await context.new_page()
        page.on("console", self._told)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        await page.goto(f"{url or self.site.url}/ui/{place}")
        return page

    def _told(self, message: ConsoleMessage) -> None:
        # A hotbay of a test's own ends before its pages are closed, which ask it to the last.
        its_end = "ERR_CONNECTION_REFUSED" in message.text and not message.location[
            "url"
        ].startswith(self.site.url)
        if message.type == "error" and not its_end:
            self.errors.append(f"{message.text} {message.location['url']}")

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(browser: Browser, site: Site) -> AsyncIterator[Visitor]:
    """Opens pages; a test in which one has an error fails."""
    visitor = Visitor(browser, site)
    yield visitor
    await visitor.close()
    assert visitor.expected or visitor.errors == []


async def settled(page: Page) -> None:
    """Wait until the page shows what it has to show."""
    await expect(page.locator("main div.loading")).to_have_count(0)


async def violations(page: Page) -> list[str]:
    """Return what axe finds against WCAG 2.2 AA and best practice, one line each."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    results = await page.evaluate(
        """() => axe.run(document, { runOnly: [
            'wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice' ] })"""
    )
    return [
        f"{found['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
        for found in results["violations"]
        for node in found["nodes"]
    ]


async def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than the screen."""
    return int(
        await page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
    )
