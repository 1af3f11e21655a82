"""What the tests of real processes share: a listener that remembers, and eyes on /proc."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import psutil

from hotbay.runtime.processes import ProcessKey, ProcessSpec

PROGRAM = Path(__file__).with_name("program.py")
PATIENCE = 30.0
"""Seconds after which a test gives up waiting; no test passes by waiting this long."""


def argv_of(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", str(PROGRAM), *words)


def spec(
    *words: str,
    stop: tuple[str, ...] = (),
    grace: float = 10.0,
    env: Mapping[str, str] = os.environ,
) -> ProcessSpec:
    """A model server that does as `program.py` says."""
    return ProcessSpec(argv_of(*words), env, stop, grace)


class Recorder:
    """A listener that writes everything down and lets tests wait for it."""

    def __init__(self) -> None:
        self.events: list[tuple[str, ProcessKey, object]] = []
        self.times: list[float] = []
        self.text: defaultdict[ProcessKey, bytearray] = defaultdict(bytearray)
        self.text_at_exit: dict[ProcessKey, bytes] = {}
        self._changed = asyncio.Event()

    def spawned(self, key: ProcessKey, pid: int) -> None:
        self._note("spawned", key, pid)

    def spawn_failed(self, key: ProcessKey, reason: str) -> None:
        self._note("spawn_failed", key, reason)

    def exited(self, key: ProcessKey, status: str) -> None:
        self.text_at_exit[key] = bytes(self.text[key])
        self._note("exited", key, status)

    def gone(self, key: ProcessKey) -> None:
        self._note("gone", key, None)

    def output(self, key: ProcessKey, data: bytes) -> None:
        self.text[key] += data
        self._changed.set()

    def _note(self, what: str, key: ProcessKey, value: object) -> None:
        self.events.append((what, key, value))
        self.times.append(time.monotonic())
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def event(self, what: str, key: ProcessKey) -> object:
        """Wait for an event; return its value."""
        ends = {what, "spawn_failed"}
        await self.until(lambda: any(kind in ends for kind in self.kinds(key)))
        assert what in self.kinds(key), self.events
        return next(event[2] for event in self.events if event[:2] == (what, key))

    async def written(self, key: ProcessKey, text: bytes) -> None:
        await self.until(lambda: text in self.text[key])

    def kinds(self, key: ProcessKey) -> list[str]:
        return [event[0] for event in self.events if event[1] == key]

    def seconds(self, first: str, second: str, key: ProcessKey) -> float:
        """How long it took from one event to the other."""
        found = {
            what: at for (what, of, _), at in zip(self.events, self.times, strict=True) if of == key
        }
        return found[second] - found[first]


def marked(part: str) -> set[int]:
    """The living processes whose HOTBAY_RUN contains `part`."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and part in process.environ().get("HOTBAY_RUN", ""):
                found.add(process.pid)
    return found


def outlast(pids: Iterable[int], seconds: float) -> set[int]:
    """Wait until these processes have ended, at most so long; return those that have not."""
    deadline = time.monotonic() + seconds
    left = set()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                left.add(pid)
            os.close(descriptor)
    return left


@contextlib.contextmanager
def nothing_left(part: str) -> Iterator[None]:
    """Fail if a test leaves a process behind, but do not let it stay."""
    yield
    left = marked(part)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert left == set()
