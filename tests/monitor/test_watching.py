"""Which source of GPU samples is used, and what happens when it fails (spec/monitoring.md 1.5)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.monitor.machine import LIMIT, NVIDIA, LogLines, printing, program

from hotbay.monitor.gpu.nvidia_smi import NvidiaSmi
from hotbay.monitor.gpu.source import Gpus, Source, SourceError, polled
from hotbay.monitor.gpu.watching import sources, watch_gpus
from hotbay.monitor.samples import Gpu

SOON = 0.01
"""Seconds of the first pause."""


class Scripted:
    """A source that does in turn what it is told: rounds, or an error."""

    def __init__(self, name: str, *turns: Gpus | Exception) -> None:
        self.name = name
        self.asked = 0
        self._turns = list(turns)

    async def batches(self, _every: float) -> AsyncGenerator[Gpus, None]:
        self.asked += 1
        while True:
            turn = self._turns.pop(0) if self._turns else SourceError(f"{self.name} is silent")
            if isinstance(turn, Exception):
                raise turn
            yield turn


class Watched:
    """What was recorded."""

    def __init__(self) -> None:
        self.log = LogLines()
        self.batches: asyncio.Queue[Gpus] = asyncio.Queue()

    async def next(self) -> Gpus:
        async with asyncio.timeout(LIMIT):
            return await self.batches.get()


@asynccontextmanager
async def watching(*candidates: Source) -> AsyncIterator[Watched]:
    watched = Watched()
    watch = watch_gpus(candidates, 5, watched.batches.put_nowait, watched.log, SOON)
    task = asyncio.create_task(watch)
    try:
        yield watched
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


A, B, C = ((Gpu(id=number),) for number in range(3))


async def test_the_first_source_that_works_is_used() -> None:
    broken, works = Scripted("broken", SourceError("no driver")), Scripted("works", A, B)
    unused = Scripted("unused", C)
    async with watching(broken, works, unused) as watched:
        assert [await watched.next(), await watched.next()] == [A, B]
        assert watched.log.lines[:2] == [
            "debug broken is not used for GPU monitoring: no driver",
            "info using works for GPU monitoring",
        ]
        assert unused.asked == 0


async def test_a_source_that_fails_is_used_again_after_a_pause() -> None:
    source = Scripted("lab", A, SourceError("driver reset"), B, OSError("gone"), C)
    async with watching(source) as watched:
        assert [await watched.next() for _ in range(3)] == [A, B, C]
        warnings = [line for line in watched.log.lines if line.startswith("warn")]
        again = "does not deliver GPU samples any more"
        assert warnings[:2] == [
            f"warn lab {again}: driver reset; GPUs are looked for again in 0.01s",
            f"warn lab {again}: gone; GPUs are looked for again in 0.02s",
        ]


async def test_when_a_source_stays_away_the_next_takes_over() -> None:
    first, second = Scripted("first", A), Scripted("second", B)
    async with watching(first, second) as watched:
        assert [await watched.next(), await watched.next()] == [A, B]
        await watched.log.has("info using second for GPU monitoring")


async def test_without_any_source_that_is_said_once_and_looked_for_again() -> None:
    late = Scripted("late", SourceError("not yet"), SourceError("not yet"), ValueError("odd"), A)
    async with watching(late) as watched:
        assert await watched.next() == A
        said = [line for line in watched.log.lines if "not available" in line]
        assert said == ["info GPU monitoring not available: none of these works: late"]
        assert "debug late is not used for GPU monitoring: odd" in watched.log.lines


async def test_a_tool_that_dies_and_comes_back_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    program(tmp_path, "nvidia-smi", printing(NVIDIA + NVIDIA, "kill -9 $$"))
    async with watching(NvidiaSmi()) as watched:
        assert len(await watched.next()) == 2
        await watched.log.has("nvidia-smi: the program has ended; GPUs are looked for again")
        assert len(await watched.next()) == 2
        assert watched.log.lines.count("info using nvidia-smi for GPU monitoring") == 2


async def test_a_tool_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotbay.monitor.gpu.watching.FIRST_LIMIT", 0.2)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    program(tmp_path, "nvidia-smi", "exec sleep 1000")
    async with watching(NvidiaSmi(), Scripted("next", A)) as watched:
        assert await watched.next() == A
        assert watched.log.lines[0].endswith("nothing came for 0.2 seconds")


async def test_an_empty_round_is_not_recorded() -> None:
    rounds: list[Gpus] = [(), A, (), B]

    async def read() -> Gpus:
        return rounds.pop(0)

    batches = polled(read, 0)
    async with asyncio.timeout(LIMIT):
        assert [await anext(batches), await anext(batches)] == [A, B]
    await batches.aclose()


@pytest.mark.parametrize(
    ("platform", "names"),
    [
        ("linux", ["LACT", "NVML", "nvidia-smi", "rocm-smi", "xpu-smi", "sysfs"]),
        ("freebsd14", ["LACT", "NVML", "nvidia-smi", "rocm-smi", "xpu-smi", "sysfs"]),
        ("darwin", ["mactop", "ioreg"]),
        ("win32", ["NVML", "nvidia-smi", "D3DKMT"]),
    ],
)
def test_each_system_has_its_sources(platform: str, names: list[str]) -> None:
    assert [source.name for source in sources(platform)] == names
