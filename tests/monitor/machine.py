"""A machine made for a test: programs in PATH, and what the monitor writes to the log."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from hotbay.monitor.gpu.source import Gpus, Source

LIMIT = 30.0
"""Seconds after which something that was waited for will not come any more."""

NVIDIA = """\
0, NVIDIA GeForce RTX 4070, GPU-11111111-2222-3333-4444-555555555555, 51, 37, 3071, 12282, 30, 88.41
1, Tesla P40, GPU-66666666-7777-8888-9999-000000000000, 44, 0, 5, 24576, [N/A], 9.75
"""
ROCM = """\
device,Device Name,Device ID,GUID,Temperature (Sensor edge) (C),Temperature (Sensor memory) (C),\
Fan speed (level),Fan speed (%),Average Graphics Package Power (W),GPU use (%),\
VRAM Total Memory (B),VRAM Total Used Memory (B),Card Series,Card Vendor,GFX Version
card0,AMD Radeon RX 7800 XT,0x747e,41207,47.0,62.0,64,25,41.0,12,17163091968,6865236787,\
Radeon RX 7800 XT,Advanced Micro Devices,gfx1101
"""


def program(folder: Path, name: str, script: str) -> Path:
    """Make a shell script that stands for a tool."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def printing(text: str, after: str = "") -> str:
    """Return a script that prints a text, and then does what else it is told."""
    return f"cat <<'END'\n{text}END\n{after}\n"


FOREVER = "exec sleep 1000"
"""The end of a script that goes on until it is killed."""


class LogLines:
    """A log that remembers; wait for lines with `has`."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._grown = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def debug(self, message: str) -> None:
        self._add(f"debug {message}")

    def info(self, message: str) -> None:
        self._add(f"info {message}")

    def warn(self, message: str) -> None:
        self._add(f"warn {message}")

    async def has(self, text: str) -> None:
        """Return once a line contains the text."""
        async with asyncio.timeout(LIMIT):
            while not any(text in line for line in self.lines):
                self._grown.clear()
                await self._grown.wait()

    def _add(self, line: str) -> None:
        self.lines.append(line)
        self._loop.call_soon_threadsafe(self._grown.set)


async def first(source: Source, every: float = 5.0) -> Gpus:
    """Return the first round of a source."""
    batches = source.batches(every)
    try:
        async with asyncio.timeout(LIMIT):
            return await anext(batches)
    finally:
        await batches.aclose()


@asynccontextmanager
async def lact(path: Path, answer: Callable[[bytes], bytes]) -> AsyncIterator[None]:
    """Listen as LACT's daemon does: a line for each line."""
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(answer(line) + b"\n")
        writer.close()
        await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.create_task(talk(reader, writer)))

    async with await asyncio.start_unix_server(connected, path):
        yield
        await asyncio.gather(*talks)


async def until(condition: Callable[[], Awaitable[bool] | bool]) -> None:
    """Return once this holds; looked at in between, as nobody tells of a new sample."""
    async with asyncio.timeout(LIMIT):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0.01)
