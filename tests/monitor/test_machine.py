"""The whole monitor, as the application uses it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Mapping

import pytest
from tests.monitor.machine import LogLines

from hotbay.monitor import machine as module
from hotbay.monitor.machine import MachineMonitor
from hotbay.monitor.servers import ServerMeter, Usage


@pytest.fixture
async def monitor() -> AsyncIterator[MachineMonitor]:
    monitor = MachineMonitor(LogLines(), "1.2.3", ())
    yield monitor
    await asyncio.to_thread(monitor.close)


async def test_before_the_start_nothing_is_known(monitor: MachineMonitor) -> None:
    assert await monitor.hardware() is None
    assert not monitor.performance.enabled


async def test_whoever_asks_gets_the_same_snapshot(monitor: MachineMonitor) -> None:
    monitor.start(None)
    first, second = await asyncio.gather(monitor.hardware(), monitor.hardware())
    assert first is second is not None
    assert first["capture"]["detector"]["version"] == "1.2.3"


async def test_who_asks_no_longer_takes_the_snapshot_from_nobody(monitor: MachineMonitor) -> None:
    monitor.start(None)
    asking = asyncio.create_task(monitor.hardware())
    await asyncio.sleep(0)
    asking.cancel()
    assert await monitor.hardware() is not None


async def test_the_memory_of_processes_is_told(monitor: MachineMonitor) -> None:
    monitor.start(None)
    assert (await monitor.usage({"me": os.getpid()}))["me"].resident > 1_000_000


async def test_a_driver_that_hangs_does_not_keep_whoever_asks(
    monitor: MachineMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()

    async def hang(_meter: ServerMeter, _pids: Mapping[str, int]) -> dict[str, Usage]:
        goes_on.wait(30)
        return {}

    monkeypatch.setattr(ServerMeter, "measure", hang)
    monkeypatch.setattr(module, "USAGE_LIMIT", 0.05)
    monitor.start(None)
    assert await monitor.usage({"me": os.getpid()}) == {}
    goes_on.set()
