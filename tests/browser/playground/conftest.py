"""A hotbay with the demo's models and one that can do everything, and a visitor of it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from tests.browser.conftest import Site, Visitor, with_own_ports
from tests.journeys.program import serving

STUDIO = f"""
  studio:
    cmd: {sys.executable} {Path(__file__).with_name("studio.py")} ${{PORT}}
    sendLoadingState: true
    filters: {{stripParams: top_k, setParams: {{temperature: 0.5}}}}
    capabilities: {{in: [text, image, audio], out: [text, image, audio], reranker: true}}
"""


@pytest.fixture(scope="session")
def studio(demo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    text = demo.replace("\nmodels:\n", f"\nmodels:\n{STUDIO}", 1)
    text = text.replace("members: [embed, rerank]", "members: [embed, rerank, studio]")
    with serving(with_own_ports(text), tmp_path_factory.mktemp("studio")) as (program, url):
        yield Site(url, program)


@pytest_asyncio.fixture(loop_scope="session")
async def stage(browser: Browser, studio: Site) -> AsyncIterator[Visitor]:
    """Opens pages; a test in which one has an error fails, unless it says that it expects them."""
    visitor = Visitor(browser, studio)
    yield visitor
    await visitor.close()
    assert visitor.expected or visitor.errors == []
