"""Processes as Linux shows them: who lives, who belongs to which model server; prctl(2).

Owns no state. Used by the warden as well as by hotbay, so it imports nothing but a little of the
standard library. Elsewhere than on Linux there is no /proc to look into: only the process group of
a leader can be asked for and signalled.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

LINUX = sys.platform == "linux" and os.access("/proc/self/stat", os.R_OK)
"""Whether there is a /proc; without it Linux is treated as any other system."""
VARIABLE = "HOTBAY_RUN"
"""Environment variable that every process of a model server inherits: `<run>:<model>`."""
SWEEP = 1.5
"""Seconds between SIGTERM and SIGKILL for what outlives a leader (spec/lifecycle.md 5.4)."""
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


class Process:
    """What /proc/PID/stat says (proc(5)); `start` is in clock ticks since boot."""

    def __init__(self, pid: int, stat: bytes) -> None:
        # The name in parentheses may itself contain blanks and parentheses.
        fields = stat[stat.rindex(b")") + 2 :].split(maxsplit=20)
        self.pid = pid
        self.alive = fields[0] not in b"ZX"  # a zombie holds nothing any more but its number
        self.parent, self.group, self.session = map(int, fields[1:4])
        self.start = int(fields[19])


def look_up(pid: int) -> Process | None:
    """Read one process, or None if there is none of that number."""
    stat = _read(f"/proc/{pid}/stat")
    return Process(pid, stat) if stat else None


def processes() -> Iterator[Process]:
    """Walk through all processes that this one can see."""
    if not LINUX:
        return
    with os.scandir("/proc") as entries:
        numbers = [int(entry.name) for entry in entries if entry.name.isdigit()]
    for number in numbers:
        if process := look_up(number):
            yield process


def marker_of(pid: int) -> str | None:
    """Read the value of HOTBAY_RUN that the process was started with."""
    prefix = f"{VARIABLE}=".encode()
    for entry in _read(f"/proc/{pid}/environ").split(b"\0"):
        if entry.startswith(prefix):
            return os.fsdecode(entry[len(prefix) :])
    return None


def is_running(pid: int, start: int) -> bool:
    """Whether the process of that number is still the one that was started then."""
    process = look_up(pid)
    return process is not None and process.alive and process.start == start


def survivors(leader: int, start: int, marker: str | None) -> set[int]:
    """Find the living processes of a model server: its group, and with a marker also its strays.

    Returns numbers fit for `os.kill`; where /proc is missing, minus the group's number.
    """
    if not LINUX:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, 0)
            return {-leader}
        return set()
    return {
        process.pid
        for process in processes()
        if process.alive
        and (
            process.group == leader
            or (
                marker is not None
                and process.start >= start
                and (process.session == leader or marker_of(process.pid) == marker)
            )
        )
    }


def marked(marker: str) -> set[int]:
    """Find the living processes that were started with this marker."""
    return {each.pid for each in processes() if each.alive and marker_of(each.pid) == marker}


def send_signal(pid: int, number: int) -> None:
    """Signal a process, or a group by its negative number, that may have gone meanwhile.

    Raises:
        PermissionError: it has changed its user.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        if number == signal.SIGTERM:
            os.kill(pid, signal.SIGCONT)  # a stopped process could not act on it


def exit_code(pid: int, *, reap: bool) -> int | None:
    """Tell how a child has ended: its exit status or minus its signal; None while it runs."""
    if reap:
        ended, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if ended else None
    result = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if result is None:
        return None
    return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process (prctl(2) in the manual); only Linux has them."""
    if LINUX:
        import ctypes  # noqa: PLC0415  # costs memory, and only Linux needs it

        if ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(value), 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


def _read(path: str) -> bytes:
    """Read a file of /proc; empty if the process has gone or belongs to somebody else."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        parts = []
        while part := os.read(descriptor, 65536):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
