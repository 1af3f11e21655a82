"""A program under measurement: started, awaited, stopped, and what it and its children use."""

from __future__ import annotations

import random
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

GRACE = 20.0  # seconds from SIGTERM to SIGKILL


class Program:
    """One running program, stopped at the end of a `with` block.

    Args:
        argv: the command.
        log: the file that receives both output streams.
        cpu: the processor that it and its children are bound to; None for any.
        apart: the executable of those children that are not counted (model servers).
    """

    def __init__(
        self, argv: Sequence[str], log: Path, *, cpu: int | None = None, apart: Path | None = None
    ) -> None:
        self._log = log
        self._apart = apart
        bound = [] if cpu is None else ["taskset", "-c", str(cpu)]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*bound, *argv],
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_for_port(self, port: int, *, within: float = 30.0) -> None:
        """Return as soon as the port accepts connections, looking every millisecond.

        Raises:
            RuntimeError: the program ended, or the time is over; with the end of its log.
        """
        deadline = time.monotonic() + within
        while not accepts(port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = self._log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.process.args!r} does not listen on port {port}:\n{tail}")
            time.sleep(0.001)

    def pids(self) -> list[int]:
        """Return the program and its descendants, oldest first, without those kept apart."""
        children: dict[int, list[int]] = {}
        for pid, parent in parents():
            children.setdefault(parent, []).append(pid)
        tree, pending = [], [self.process.pid]
        while pending:
            pid = pending.pop(0)
            if self._apart is None or executable(pid) != self._apart:
                tree.append(pid)
                pending += children.get(pid, [])
        return tree

    def cpu_ns(self) -> int:
        """Return the time that all threads of the tree have run, also those that ended, in ns."""
        return sum(process_ns(pid) for pid in self.pids())

    def resident(self) -> int:
        """Return the resident memory of the tree, in bytes."""
        return sum(resident(pid) for pid in self.pids())


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, below those that clients get."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):  # it has just ended
                continue
            yield int(entry.name), int(stat.rpartition(")")[2].split()[1])


def executable(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/exe").readlink()
    except (FileNotFoundError, ProcessLookupError):
        return None


def process_ns(pid: int) -> int:
    """Return the CPU time of one process by its own clock, clock_getcpuclockid(3), in ns."""
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)  # as the kernel numbers these clocks
    except OSError:  # it has just ended
        return 0


def resident(pid: int) -> int:
    """Return the resident memory of one process, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
