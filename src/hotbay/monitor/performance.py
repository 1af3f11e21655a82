"""The performance monitor: samples of host and GPUs, again and again (spec/monitoring.md 1).

Owns the rings and the two tasks that fill them. Follows the configuration in force: a change
empties the rings, as llama-swap does, and switching on and off works at any time.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hotbay.monitor.background import Background, Log
from hotbay.monitor.gpu.source import Source
from hotbay.monitor.gpu.watching import watch_gpus
from hotbay.monitor.ring import Ring
from hotbay.monitor.samples import Batch, Gpu, GpuSample, HostSample, batch_of

REMEMBERED = 3600.0
"""Seconds that the rings go back."""
FRESH = 3
"""Intervals after which the newest sample of a GPU that reports no more is not shown as current."""


class PerformanceMonitor:
    """Samples at an interval while it is enabled."""

    def __init__(self, background: Background, sources: Sequence[Source], log: Log) -> None:
        """Begin switched off.

        Args:
            background: where the sampling runs.
            sources: of GPU samples; the first that works is used.
            log: may be written to from that thread.
        """
        self._background = background
        self._sources = sources
        self._log = log
        self._every: float | None = None
        self._hosts: Ring[HostSample] = Ring(1)
        self._batches: Ring[Batch] = Ring(1)
        self._work: concurrent.futures.Future[None] | None = None

    @property
    def enabled(self) -> bool:
        """Whether samples are taken."""
        return self._every is not None

    @property
    def capacity(self) -> int:
        """How many samples of the host are remembered."""
        return self._hosts.capacity

    def configure(self, every: float | None) -> None:
        """Take samples every so many seconds, None: not at all; if that is new, start anew."""
        if every == self._every:
            return
        self.stop()
        self._every = every
        capacity = 1 if every is None else int(REMEMBERED / every)
        self._hosts, self._batches = Ring(capacity), Ring(capacity)
        if every is not None:
            self._work = self._background.run(self._sample(every, self._hosts, self._batches))

    def stop(self) -> None:
        """Take no more samples; those that were taken can still be read."""
        if self._work is not None:
            self._work.cancel()
            self._work = None

    def hosts(self, after: datetime | None = None) -> list[HostSample]:
        """Return the samples of the host, oldest first; with `after` only strictly later ones."""
        return [s for s in self._hosts.entries() if after is None or s.timestamp > after]

    def gpus(self, after: datetime | None = None) -> list[GpuSample]:
        """Return the samples of all GPUs, oldest first; with `after` only strictly later ones."""
        return [
            sample
            for batch in self._batches.entries()
            for sample in batch
            if after is None or sample.timestamp > after
        ]

    def newest_host(self) -> HostSample | None:
        """Return the newest sample of the host, None before the first."""
        return self._hosts.newest()

    def newest_gpus(self) -> list[GpuSample]:
        """Return the newest sample of every GPU that still reports, by ID."""
        if self._every is None:
            return []
        horizon = datetime.now(UTC) - timedelta(seconds=FRESH * self._every)
        newest = {sample.id: sample for sample in self.gpus(horizon)}
        return [newest[number] for number in sorted(newest)]

    # -- in the thread -----------------------------------------------------------------

    async def _sample(self, every: float, hosts: Ring[HostSample], batches: Ring[Batch]) -> None:
        def record(gpus: Sequence[Gpu]) -> None:
            batches.add(batch_of(gpus, datetime.now(UTC)))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sample_host(every, hosts))
            tasks.create_task(watch_gpus(self._sources, every, record, self._log))

    async def _sample_host(self, every: float, hosts: Ring[HostSample]) -> None:
        from hotbay.monitor import host  # noqa: PLC0415 - psutil is loaded in this thread, not at start

        loop = asyncio.get_running_loop()
        host.begin_readings()
        due, failing = loop.time(), False
        while True:
            due = max(due + every, loop.time())
            await asyncio.sleep(due - loop.time())
            try:
                hosts.add(host.read_host())
                failing = False
            except Exception as error:  # noqa: BLE001 - a reading that fails is skipped, whatever it is
                (self._log.debug if failing else self._log.warn)(f"cannot read the host: {error!r}")
                failing = True
