"""Model servers on Windows: the interface of `hotbay.runtime.processes.Wardens` without a warden.

Owns the programs and their stop sequence. A job object ends them when hotbay ends, in whatever way
(spec/lifecycle.md 5.6). Windows has no process groups to sweep: `taskkill /t` reaches the children
of a living program, so a program counts as gone once its leader has ended.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ctypes import wintypes

from hotbay.runtime.processes import (
    CLOSE_LIMIT,
    PIPE_LIMIT,
    ProcessKey,
    ProcessListener,
    ProcessSpec,
    status_text,
)

Confine = Callable[[], None]
"""Sees to it that what this process starts ends with it; raises OSError if that is refused."""
Kill = Callable[[int, bool], Awaitable[None]]
"""Asks a process and its children to end, or forces them to."""

LAST_WORDS = 0.1
"""Seconds after the exit of a program in which its last output may still arrive."""

# No console window, and no Ctrl-C that is meant for hotbay.
_FLAGS = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(
    subprocess, "CREATE_NEW_PROCESS_GROUP", 0
)
_KILL_ON_JOB_CLOSE = 0x2000
_EXTENDED_LIMITS = 9
_log = logging.getLogger(__name__)


class _BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION of the Windows API (winnt.h)."""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class _ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION of the Windows API (winnt.h)."""

    _fields_ = (
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", ctypes.c_ulonglong * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


def confine_to_job() -> None:
    """Put this process, and so all it starts, into a job that ends with its last handle: ours.

    Raises:
        OSError: Windows refuses, or this is another system.
    """
    if sys.platform == "win32":
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = wintypes.HANDLE
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        job = wintypes.HANDLE(kernel.CreateJobObjectW(None, None))
        limits = _ExtendedLimits()
        limits.BasicLimitInformation.LimitFlags = _KILL_ON_JOB_CLOSE
        size = wintypes.DWORD(ctypes.sizeof(limits))
        own = wintypes.HANDLE(kernel.GetCurrentProcess())
        if (
            job
            and kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), size)
            and kernel.AssignProcessToJobObject(job, own)
        ):
            return
        raise ctypes.WinError(ctypes.get_last_error())
    raise OSError("there are no job objects on this system")


async def taskkill(pid: int, force: bool) -> None:  # noqa: FBT001  # a `Kill`
    """End a process and its children with the command of that name."""
    await _run(("taskkill", *(["/f"] if force else []), "/t", "/pid", str(pid)), None)


async def _run(argv: Sequence[str], env: Mapping[str, str] | None) -> int:
    """Run a command, its output discarded; return its exit status. Cancelled, it is killed."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        creationflags=_FLAGS,
    )
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()


class _Program(asyncio.SubprocessProtocol):
    """One program that is not gone."""

    def __init__(self, owner: Jobs, key: ProcessKey, spec: ProcessSpec) -> None:
        self.key = key
        self.spec = spec
        self.pid = 0
        self.deadline: float | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.stopping: asyncio.Task[None] | None = None
        self._owner = owner
        self._ended = asyncio.Event()
        self._silent = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002  # there is only one
        self._owner.listener.output(self.key, data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002  # either way
        self._silent.set()

    def process_exited(self) -> None:
        self._ended.set()

    async def live(self) -> None:
        """Start the program and tell of its life until it is gone."""
        loop, listener = asyncio.get_running_loop(), self._owner.listener
        try:
            transport, _ = await loop.subprocess_exec(
                lambda: self,
                *self.spec.argv,
                env=self.spec.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                creationflags=_FLAGS,
            )
        except (OSError, ValueError) as error:
            self._owner.forget(self)
            listener.spawn_failed(self.key, getattr(error, "strerror", None) or str(error))
            return
        try:
            self.pid = transport.get_pid()
            listener.spawned(self.key, self.pid)
            self._owner.begin_stop(self)
            await self._ended.wait()
            await self._last_words(LAST_WORDS)
            listener.exited(self.key, status_text(transport.get_returncode() or 0))
            self._owner.forget(self)
            listener.gone(self.key)
            await self._last_words(PIPE_LIMIT)
        finally:
            transport.close()

    async def _last_words(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._silent.wait()
        except TimeoutError:
            return


class Jobs:
    """Starts and ends programs."""

    def __init__(
        self,
        listener: ProcessListener,
        warn: Callable[[str], None] = _log.warning,
        *,
        confine: Confine = confine_to_job,
        kill: Kill = taskkill,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            listener: hears what becomes of programs.
            warn: hears what an operator should know, such as a cmdStop that failed.
            confine: makes the programs end with this process.
            kill: ends a program.
        """
        self.listener = listener
        self._warn = warn
        self._confine = confine
        self._kill = kill
        self._loop = asyncio.get_running_loop()
        self._programs: dict[ProcessKey, _Program] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Make sure that programs end with hotbay; that it is refused is no reason not to serve."""
        try:
            self._confine()
        except OSError as error:
            self._warn(f"model servers will outlive a hotbay that is killed: {error}")

    def _task(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)  # noqa: S101  # tells the type checker
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def spawn(self, key: ProcessKey, spec: ProcessSpec) -> None:
        """Start a program; answered by `spawned` or `spawn_failed`.

        Raises:
            ValueError: a program of that key is not gone yet.
        """
        if key in self._programs:
            raise ValueError(f"{key} is not gone yet")
        program = self._programs[key] = _Program(self, key, spec)
        self._task(program.live())

    def stop(self, key: ProcessKey, grace: float) -> None:
        """Ask the program to end, with force after `grace` seconds; the earlier end counts."""
        program = self._programs.get(key)
        deadline = self._loop.time() + grace
        if program is None or (program.deadline is not None and program.deadline <= deadline):
            return
        program.deadline = deadline
        self.begin_stop(program)

    def begin_stop(self, program: _Program) -> None:
        """Carry out a stop that was asked for, once the program runs."""
        if program.deadline is None or not program.pid:
            return
        if program.timer is not None:
            program.timer.cancel()
        program.timer = self._loop.call_at(program.deadline, self._force, program)
        if program.stopping is None:
            program.stopping = self._task(self._ask_to_end(program))

    async def _ask_to_end(self, program: _Program) -> None:
        if program.spec.stop_argv:
            argv = [word.replace("${PID}", str(program.pid)) for word in program.spec.stop_argv]
            try:
                code = await _run(argv, program.spec.env)
                failure = f"exit status {code}" if code else ""
            except (OSError, ValueError) as error:
                failure = str(error)
            if not failure or program.key not in self._programs:
                return
            self._warn(f"{program.key[0]}: cmdStop {argv[0]!r} failed ({failure})")
        await self._end(program, force=False)

    def _force(self, program: _Program) -> None:
        if program.stopping is not None:
            program.stopping.cancel()
        self._task(self._end(program, force=True))

    async def _end(self, program: _Program, *, force: bool) -> None:
        try:
            await self._kill(program.pid, force)
        except OSError as error:
            self._warn(f"{program.key[0]}: cannot end process {program.pid}: {error}")

    def forget(self, program: _Program) -> None:
        """Take note that a program is gone."""
        if program.timer is not None:
            program.timer.cancel()
        del self._programs[program.key]
        self._changed.set()

    async def close(self) -> None:
        """Kill every program and wait until nothing is left."""
        for key, program in list(self._programs.items()):
            program.deadline = None  # what has been tried before is tried again
            self.stop(key, 0.0)
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                while self._programs:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            self._warn(f"cannot be killed: {', '.join(key[0] for key in self._programs)}")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
