"""The performance monitor: its thread, rings, settings that change (spec/monitoring.md 1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from tests.monitor.machine import LogLines, until

from hotbay.monitor import host
from hotbay.monitor.background import Background, LoopLog
from hotbay.monitor.gpu.source import Gpus, Source
from hotbay.monitor.performance import PerformanceMonitor
from hotbay.monitor.samples import Gpu, HostSample

OFTEN = 0.05
"""Seconds between samples; the configuration allows no less than 5, the monitor does not mind."""


class TwoCards:
    """A source that has both cards at first, then only one."""

    name = "two cards"

    async def batches(self, every: float) -> AsyncGenerator[Gpus, None]:
        yield Gpu(id=1, mem_used_mb=5, mem_total_mb=20), Gpu(id=0)
        while True:
            yield (Gpu(id=0, temp_c=50),)
            await asyncio.sleep(every)


class Monitored:
    def __init__(self) -> None:
        self.log = LogLines()
        self.background = Background()
        self.background.start()

    def monitor(self, sources: Sequence[Source] = ()) -> PerformanceMonitor:
        log = LoopLog(self.log, asyncio.get_running_loop())
        return PerformanceMonitor(self.background, sources, log)


@pytest.fixture
async def machine() -> AsyncIterator[Monitored]:
    monitored = Monitored()
    yield monitored
    await asyncio.to_thread(monitored.background.close)


async def test_samples_come_at_the_interval_and_in_order(machine: Monitored) -> None:
    monitor = machine.monitor([TwoCards()])
    assert (monitor.enabled, monitor.hosts(), monitor.newest_host()) == (False, [], None)
    before = datetime.now(UTC)
    monitor.configure(OFTEN)
    assert monitor.enabled
    await until(lambda: len(monitor.hosts()) >= 3)
    samples = monitor.hosts()
    times = [sample.timestamp for sample in samples]
    assert times == sorted(times)
    assert times[0] - before >= timedelta(seconds=OFTEN)  # the first comes after one interval
    assert times[2] - before >= timedelta(seconds=3 * OFTEN)
    assert monitor.newest_host() in monitor.hosts()


async def test_what_was_read_together_has_one_time(machine: Monitored) -> None:
    monitor = machine.monitor([TwoCards()])
    monitor.configure(5)
    await until(lambda: len(monitor.gpus()) >= 3)
    card, other, later = monitor.gpus()
    assert (card.id, other.id, later.id) == (1, 0, 0)
    assert card.timestamp == other.timestamp < later.timestamp
    assert (card.mem_util_pct, other.mem_util_pct) == (25, 0)


async def test_the_newest_samples_are_those_of_gpus_that_still_report(machine: Monitored) -> None:
    monitor = machine.monitor([TwoCards()])
    monitor.configure(5)
    await until(
        lambda: [(gpu.id, gpu.temp_c) for gpu in monitor.newest_gpus()] == [(0, 50), (1, 0)]
    )
    monitor.configure(OFTEN)
    await until(lambda: [(gpu.id, gpu.temp_c) for gpu in monitor.newest_gpus()] == [(0, 50)])


async def test_only_what_is_strictly_later_is_asked_for(machine: Monitored) -> None:
    monitor = machine.monitor([TwoCards()])
    monitor.configure(OFTEN)
    await until(lambda: len(monitor.hosts()) >= 3 and len(monitor.gpus()) >= 3)
    monitor.stop()
    hosts, gpus = monitor.hosts(), monitor.gpus()
    assert monitor.hosts(hosts[1].timestamp) == hosts[2:]
    assert monitor.hosts(hosts[-1].timestamp) == []
    assert monitor.gpus(gpus[0].timestamp) == gpus[2:]


@pytest.mark.parametrize(("every", "capacity"), [(5, 720), (7, 514), (7200, 1)])
async def test_the_rings_go_back_an_hour(machine: Monitored, every: float, capacity: int) -> None:
    monitor = machine.monitor()
    monitor.configure(every)
    assert monitor.capacity == capacity


async def test_other_settings_empty_the_rings_and_the_same_do_not(machine: Monitored) -> None:
    monitor = machine.monitor()
    monitor.configure(OFTEN)
    await until(lambda: len(monitor.hosts()) >= 2)
    monitor.configure(OFTEN)
    assert len(monitor.hosts()) >= 2
    monitor.configure(3600)
    assert (monitor.hosts(), monitor.capacity) == ([], 1)
    monitor.configure(None)
    assert not monitor.enabled
    monitor.configure(OFTEN)
    await until(lambda: len(monitor.hosts()) >= 1)


async def test_a_reading_that_fails_is_logged_once_and_skipped(
    machine: Monitored, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, turns = host.read_host, iter([OSError("no /proc"), OSError("no /proc")])

    def read() -> HostSample:
        if error := next(turns, None):
            raise error
        return real()

    monkeypatch.setattr(host, "read_host", read)
    monitor = machine.monitor()
    monitor.configure(OFTEN)
    await until(lambda: len(monitor.hosts()) >= 1)
    await machine.log.has("debug cannot read the host")
    failures = [line for line in machine.log.lines if "cannot read the host" in line]
    assert [line.split()[0] for line in failures] == ["warn", "debug"]


async def test_a_host_that_does_not_answer_delays_no_request(
    machine: Monitored, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    reading, goes_on = threading.Event(), threading.Event()

    def hang() -> HostSample:
        reading.set()
        goes_on.wait(30)
        raise OSError("interrupted")

    monkeypatch.setattr(host, "read_host", hang)
    monitor = machine.monitor()
    monitor.configure(OFTEN)
    await until(reading.is_set)
    assert monitor.hosts() == []  # this loop was free to ask
    goes_on.set()
