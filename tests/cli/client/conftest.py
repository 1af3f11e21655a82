"""What the tests of these commands share: a running hotbay, and a command run against it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.api.conftest import Served
from tests.api.conftest import serve as serve  # noqa: PLC0414 - a fixture, shared
from tests.cli.conftest import Run

Ask = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def ask(run: Run, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run a command against a server: `await ask(served, "ps")`; returns code, output, errors."""

    async def ask(served: Served, *words: str) -> tuple[int, str, str]:
        monkeypatch.setenv("HOTBAY_URL", f"http://127.0.0.1:{served.port}")
        return await asyncio.to_thread(run, *words)

    return ask
