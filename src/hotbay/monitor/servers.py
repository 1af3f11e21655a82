"""How much memory model servers use: of the machine, and of each GPU.

Owns what was asked last about GPUs, as `nvidia-smi` may take a second to answer. Runs in the
monitor's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from hotbay.monitor.gpu.processes import GpuProcess, gpu_processes
from hotbay.monitor.gpu.source import SourceError

FRESH = 2.0
"""Seconds for which an answer about GPUs is used again."""
PAUSE = 60.0
"""Seconds until somebody who could not tell is asked again."""


@dataclass(frozen=True, slots=True)
class GpuUse:
    """Memory of one GPU that a model server uses, in bytes."""

    uuid: str
    name: str
    memory: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a model server uses, its program with all that came from it.

    Attributes:
        pid: its process.
        started: when that was, in seconds since the epoch.
        resident: memory in bytes; what processes share is counted for each of them.
        gpus: by GPU; empty also if nobody can tell.
    """

    pid: int
    started: float
    resident: int
    gpus: tuple[GpuUse, ...]


class ServerMeter:
    """Measures on demand."""

    def __init__(self) -> None:
        self._gpus: list[GpuProcess] = []
        self._ask_again = 0.0
        self._asking = asyncio.Lock()

    async def measure(self, pids: Mapping[str, int]) -> dict[str, Usage]:
        """Return what the model servers with these processes use; one that has gone is left out."""
        if not pids:
            return {}
        gpus = await self._gpu_processes()
        families = family_of(pids.values())
        usages = {}
        for model, pid in pids.items():
            usage = _usage(pid, families.get(pid, []), gpus)
            if usage is not None:
                usages[model] = usage
        return usages

    async def _gpu_processes(self) -> list[GpuProcess]:
        loop = asyncio.get_running_loop()
        async with self._asking:
            if loop.time() >= self._ask_again:
                pause = FRESH
                try:
                    self._gpus = await gpu_processes()
                except SourceError:
                    self._gpus, pause = [], PAUSE
                self._ask_again = loop.time() + pause
        return self._gpus


def family_of(pids: Iterable[int]) -> dict[int, list[int]]:
    """Return for each process itself and all that descend from it."""
    import psutil  # noqa: PLC0415 - loaded in the monitor's thread, not at start

    children: dict[int, list[int]] = {}
    for process in psutil.process_iter(["ppid"]):
        children.setdefault(process.info["ppid"], []).append(process.pid)

    def descend(pid: int) -> Iterator[int]:
        yield pid
        for child in children.get(pid, ()):
            yield from descend(child)

    return {pid: list(descend(pid)) for pid in pids}


def _usage(pid: int, family: Iterable[int], gpus: Iterable[GpuProcess]) -> Usage | None:
    import psutil  # noqa: PLC0415 - loaded in the monitor's thread, not at start

    try:
        started = psutil.Process(pid).create_time()
    except psutil.Error:
        return None
    resident, members = 0, set(family)
    for member in members:
        with suppress(psutil.Error):  # it has ended, or belongs to somebody else
            resident += psutil.Process(member).memory_info().rss
    uses: dict[str, GpuUse] = {}
    for process in gpus:
        if process.pid in members:
            before = uses[process.uuid].memory if process.uuid in uses else 0
            uses[process.uuid] = GpuUse(process.uuid, process.name, before + process.memory)
    return Usage(pid, started, resident, tuple(uses[uuid] for uuid in sorted(uses)))
