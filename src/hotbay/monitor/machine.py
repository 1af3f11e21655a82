"""The whole monitor: its thread, and what is asked of it.

Owns the thread, the performance monitor, the snapshot of the hardware and the meter of model
servers. Called by the event loop that serves requests; nothing here makes that wait.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Mapping, Sequence
from typing import Any

from hotbay.monitor.background import Background, Log, LoopLog
from hotbay.monitor.gpu.source import Source
from hotbay.monitor.performance import PerformanceMonitor
from hotbay.monitor.servers import ServerMeter, Usage

USAGE_LIMIT = 5.0
"""Seconds that whoever asks for the memory of model servers waits."""


class MachineMonitor:
    """Knows the machine: what it is made of, how it is, and what model servers take of it."""

    def __init__(self, log: Log, version: str, sources: Sequence[Source]) -> None:
        """Prepare; nothing runs yet. Belongs to the running event loop.

        Args:
            log: hears of sources and failures, always on this loop.
            version: of hotbay, for the snapshot.
            sources: of GPU samples, in the order in which they are tried.
        """
        self._log = LoopLog(log, asyncio.get_running_loop())
        self._version = version
        self._background = Background()
        self._meter = ServerMeter()
        self._hardware: concurrent.futures.Future[dict[str, Any] | None] | None = None
        self.performance = PerformanceMonitor(self._background, sources, self._log)

    def start(self, every: float | None) -> None:
        """Take the snapshot of the hardware, and samples every so many seconds if not None."""
        self._background.start()
        self._hardware = self._background.run(self._detect())
        self.performance.configure(every)

    def close(self) -> None:
        """End everything; waits a moment for the thread."""
        self._background.close()

    async def hardware(self) -> dict[str, Any] | None:
        """Return the snapshot, once it has been taken; None if that failed."""
        if self._hardware is None:
            return None
        # A client that leaves must not end the detection for others.
        return await asyncio.shield(asyncio.wrap_future(self._hardware))

    async def usage(self, pids: Mapping[str, int]) -> dict[str, Usage]:
        """Return what the model servers with these processes use; one that has gone is left out.

        Empty if the thread does not answer, as a driver hangs.
        """
        work = self._background.run(self._meter.measure(pids))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(work), USAGE_LIMIT)
        except TimeoutError:
            return {}

    async def _detect(self) -> dict[str, Any] | None:
        from hotbay.monitor.hardware.detection import detect  # noqa: PLC0415 - loaded in the thread

        try:
            return await detect(self._version, self._log)
        except Exception as error:  # noqa: BLE001 - hotbay serves models, whatever the machine is made of
            self._log.warn(f"hardware detection failed: {str(error) or repr(error)}")
            return None
