"""Model servers as the rest of hotbay sees them: start one, stop it, hear what becomes of it.

Owns the connection to the warden (design 7.1), the warden's process, and the reading of every
program's output. A warden that ends takes its leaders with it; what is left is ended here, and the
next spawn starts a new warden.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hotbay.runtime.channel import Channel
from hotbay.runtime.leftovers import Run, end, end_leftovers, reap_adopted
from hotbay.runtime.output import Output
from hotbay.runtime.procfs import (
    LINUX,
    PR_SET_CHILD_SUBREAPER,
    VARIABLE,
    is_running,
    marked,
    prctl,
    survivors,
)

_log = logging.getLogger(__name__)

ProcessKey = tuple[str, int]
"""A model and the generation of its model server."""

PIPE_LIMIT = 10.0
"""Seconds from the leader's exit until its output pipe is closed (spec/lifecycle.md 5.4)."""
CLOSE_LIMIT = 5.0
"""Seconds that killed programs may take to disappear when everything is closed."""

_ROOT = Path(__file__).parents[2]
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from hotbay.runtime.warden import main; main(int(sys.argv[2]))"
)


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """How to start a program and how to end it.

    Attributes:
        argv: the program and its arguments, at least one word.
        env: its whole environment; HOTBAY_RUN is added.
        stop_argv: the cmdStop as arguments, `${PID}` still inside; empty for SIGTERM.
        grace: seconds until force if hotbay dies without having said more.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    stop_argv: tuple[str, ...] = ()
    grace: float = 10.0


class ProcessListener(Protocol):
    """Hears what becomes of programs; called on the event loop, never from within a call."""

    def spawned(self, key: ProcessKey, pid: int) -> None:
        """The program runs."""
        ...

    def spawn_failed(self, key: ProcessKey, reason: str) -> None:
        """The program could not be started, and nothing of it exists."""
        ...

    def exited(self, key: ProcessKey, status: str) -> None:
        """The program has ended; all it wrote until then has been passed on."""
        ...

    def gone(self, key: ProcessKey) -> None:
        """Nothing of the program is alive any more, but what its cmdStop spares. After `exited`."""
        ...

    def output(self, key: ProcessKey, data: bytes) -> None:
        """The program, or a process that inherited its output, has written something."""
        ...


class Processes(Protocol):
    """Starts and ends programs: `Wardens`, or on Windows `hotbay.runtime.windows.Jobs`."""

    async def start(self) -> None:
        """Get ready to spawn."""
        ...

    async def close(self) -> None:
        """End every program and return when none is left."""
        ...

    def spawn(self, key: ProcessKey, spec: ProcessSpec) -> None:
        """Start a program."""
        ...

    def stop(self, key: ProcessKey, grace: float) -> None:
        """Run the stop sequence."""
        ...


def status_text(code: int) -> str:
    """Say how a program has ended; `code` is its exit status or minus the signal."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal has no name
        return f"killed by signal {-code}"


class _Warden:
    """One running warden and the line to it."""

    def __init__(self, run: Run) -> None:
        ours, theirs = socket.socketpair()
        descriptor = theirs.fileno()
        with theirs:
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", _BOOT, str(_ROOT), str(descriptor)],
                    pass_fds=[descriptor],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=None if sys.__stderr__ else subprocess.DEVNULL,
                    env={**os.environ, VARIABLE: run.marker("")},
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                raise
        self.channel = Channel(ours)


@dataclass(slots=True)
class _Program:
    """What is known of a program that is not gone."""

    marker: str
    keep: bool
    warden: _Warden | None = None
    pid: int = 0
    start: int = 0
    exited: bool = False
    output: Output | None = None


class Wardens:
    """Starts and ends programs through a warden, and replaces one that ends.

    Belongs to the event loop it was made in, which must be the main thread's: a parent-death signal
    tells of the death of the thread that forked.
    """

    def __init__(
        self, listener: ProcessListener, warn: Callable[[str], None] = _log.warning
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            listener: hears what becomes of programs.
            warn: hears what an operator should know, such as a cmdStop that failed.
        """
        self._listener = listener
        self._warn = warn
        self._run = Run.current()
        self._loop = asyncio.get_running_loop()
        self._programs: dict[ProcessKey, _Program] = {}
        self._outputs: set[Output] = set()
        self._warden: _Warden | None = None
        self._held: list[tuple[ProcessKey, dict[str, Any]]] | None = None
        self._recovery: asyncio.Task[None] | None = None
        self._burials: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Start the warden and begin to end what an earlier hotbay left; spawns wait for that.

        Raises:
            OSError: no process can be started.
        """
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._warden = self._open()
        self._held = []
        self._recovery = self._loop.create_task(end_leftovers(self._warn))
        self._recovery.add_done_callback(self._release)

    def _release(self, recovery: asyncio.Task[None]) -> None:
        if not recovery.cancelled() and (error := recovery.exception()):
            self._warn(f"cannot end what an earlier hotbay left: {error!r}")
        held, self._held = self._held or [], None
        for key, order in held:
            self._send(key, order)

    # -- orders ----------------------------------------------------------------------

    def spawn(self, key: ProcessKey, spec: ProcessSpec) -> None:
        """Start a program; answered by `spawned` or `spawn_failed`.

        Raises:
            ValueError: a program of that key is not gone yet.
        """
        if key in self._programs:
            raise ValueError(f"{key} is not gone yet")
        keep = bool(spec.stop_argv)
        program = _Program(self._run.marker(key[0], keep=keep), keep)
        self._programs[key] = program
        order = {
            "do": "spawn",
            "argv": spec.argv,
            "env": dict(spec.env),
            "stop_argv": spec.stop_argv,
            "grace": spec.grace,
            "marker": program.marker,
        }
        self._send(key, order)

    def stop(self, key: ProcessKey, grace: float) -> None:
        """Run the stop sequence, with force after `grace` seconds; the earlier of two ends counts.

        A program that is gone already is no error: the two pieces of news may cross.
        """
        self._send(key, {"do": "stop", "grace": grace})

    def _send(self, key: ProcessKey, order: dict[str, Any]) -> None:
        program = self._programs.get(key)
        if program is None:
            return
        if self._held is not None:
            self._held.append((key, order))
            return
        if order["do"] == "spawn":
            try:
                self._warden = self._warden or self._open()
            except OSError as error:
                self._loop.call_soon(self._failed, key, f"no warden: {error.strerror}")
                return
            program.warden = self._warden
        if self._warden is not None and program.warden is self._warden:
            channel = self._warden.channel
            channel.send({"key": key} | order)
            if channel.pending:
                self._loop.add_writer(channel.sock, self._flush, channel)

    def _flush(self, channel: Channel) -> None:
        channel.flush()
        if not channel.pending:
            self._loop.remove_writer(channel.sock)

    async def close(self) -> None:
        """Kill every program, wait until nothing is left, and end the warden."""
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.wait([self._recovery])
        for key in self._programs:
            self.stop(key, 0.0)
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                while self._programs:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            self._warn(f"cannot be killed: {', '.join(key[0] for key in self._programs)}")
        for output in self._outputs:
            output.close()
        if self._warden is not None:
            warden, self._warden = self._warden, None
            self._hang_up(warden.channel)
            await asyncio.to_thread(warden.process.wait)
        if self._burials:
            await asyncio.wait(self._burials)

    # -- news ------------------------------------------------------------------------------

    def _open(self) -> _Warden:
        warden = _Warden(self._run)
        self._loop.add_reader(warden.channel.sock, self._read, warden)
        return warden

    def _hang_up(self, channel: Channel) -> None:
        self._loop.remove_reader(channel.sock)
        self._loop.remove_writer(channel.sock)
        channel.close()

    def _read(self, warden: _Warden) -> None:
        for message, descriptor in warden.channel.receive():
            # One by one, so that a listener that raises cannot hold up the news behind.
            self._loop.call_soon(self._take, message, descriptor)
        if warden.channel.ended:
            self._hang_up(warden.channel)
            if self._warden is warden:
                self._warden = None
            burial = self._loop.create_task(self._bury(warden))
            self._burials.add(burial)
            burial.add_done_callback(self._burials.discard)

    def _take(self, message: dict[str, Any], descriptor: int | None) -> None:
        if message["is"] == "warning":
            self._warn(message["text"])
            return
        model, generation = message["key"]
        key = (model, generation)
        if message["is"] == "spawned" and descriptor is not None:
            self._spawned(key, message["pid"], message["start"], descriptor)
        elif message["is"] == "failed":
            self._failed(key, message["reason"])
        elif message["is"] == "exited":
            self._exited(key, status_text(message["code"]))
        elif message["is"] == "gone":
            self._gone(key)

    def _spawned(self, key: ProcessKey, pid: int, start: int, descriptor: int) -> None:
        program = self._programs[key]
        program.pid, program.start = pid, start
        program.output = Output(descriptor, lambda data: self._listener.output(key, data))
        self._outputs = {output for output in self._outputs if output.open} | {program.output}
        self._listener.spawned(key, pid)

    def _failed(self, key: ProcessKey, reason: str) -> None:
        del self._programs[key]
        self._changed.set()
        self._listener.spawn_failed(key, reason)

    def _exited(self, key: ProcessKey, status: str) -> None:
        program = self._programs[key]
        program.exited = True
        if program.output is not None:
            program.output.drain()
            program.output.close_after(PIPE_LIMIT)
        self._listener.exited(key, status)

    def _gone(self, key: ProcessKey) -> None:
        program = self._programs.pop(key)
        if program.output is not None:
            program.output.drain()
        self._changed.set()
        self._listener.gone(key)

    # -- after the end of a warden --------------------------------------------------------

    async def _bury(self, warden: _Warden) -> None:
        """End what a warden leaves: its leaders die with it, its children have become ours."""
        warden.process.kill()
        status = status_text(await asyncio.to_thread(warden.process.wait))
        self._warn(f"the warden has ended unexpectedly ({status}), and its models with it")
        orphans = [key for key, program in self._programs.items() if program.warden is warden]
        await asyncio.gather(*map(self._end_orphan, orphans))
        reap_adopted(besides=self._warden.process.pid if self._warden else 0)

    async def _end_orphan(self, key: ProcessKey) -> None:
        program = self._programs[key]
        pid, start, marker = program.pid, program.start, program.marker
        if not pid:  # perhaps forked, but we have not heard of it
            if not program.keep:
                await end(lambda: marked(marker))
            self._failed(key, "its warden has ended")
            return
        if not program.exited:
            await end(lambda: {pid} if is_running(pid, start) else set())
            self._exited(key, "ended with its warden")
        if not program.keep or not LINUX:
            await end(lambda: survivors(pid, start, marker))
        self._gone(key)
