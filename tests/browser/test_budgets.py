"""How much has to come before the UI can be used (design 5)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.browser.conftest import Visitor

from hotbay.api.ui import STATIC

pytestmark = pytest.mark.asyncio(loop_scope="session")

REQUESTS = 12
KILOBYTE = 1000


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
    assert compressed(assets) <= 300 * KILOBYTE


async def test_few_requests_are_made_before_the_first_page_can_be_used(visitor: Visitor) -> None:
    page = await visitor.open("about-to-be-measured", size="wide")
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{visitor.site.url}/ui/")
    await expect(page.get_by_text("Models over time")).to_be_visible()
    await expect(page.locator("main .loading")).to_have_count(0)
    assert len(asked) <= REQUESTS, asked
