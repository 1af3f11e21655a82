"""Processes that outlived their warden: how they are recognised, ended and reaped.

Owns no state. Every process of a model server is started with `HOTBAY_RUN=<run>:<model>`, where a
run is `<pid namespace>.<pid of hotbay>.<its start time>`; `.keep` follows for a model with a
cmdStop, whose strays are spared (spec/lifecycle.md 5.4). A warden itself has an empty model. A
process is a left-over exactly if its marker names a hotbay of our namespace, started by our user,
that is not alive any more: a number used anew has another start time, and another namespace may
have the same numbers.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from hotbay.runtime.procfs import (
    SWEEP,
    VARIABLE,
    is_running,
    look_up,
    marker_of,
    processes,
    send_signal,
)

POLL = 0.05
"""Seconds between two looks; the death of a process that is not our child is no event."""
WARDEN_LIMIT = 30.0
"""Seconds that a warden whose hotbay has died may take to stop its model servers."""
LEFTOVER_LIMIT = 10.0
"""Seconds after which a left-over that cannot be killed no longer holds up the start."""
KEEP = ".keep"


class Run(NamedTuple):
    """One life of hotbay, unique on this machine until it is booted again."""

    namespace: int
    pid: int
    start: int

    @classmethod
    def current(cls) -> Run:
        """Name the life of this process."""
        process = look_up(os.getpid())
        if process is None:  # no /proc: left-overs are not recognised
            return cls(0, os.getpid(), 0)
        return cls(Path("/proc/self/ns/pid").stat().st_ino, process.pid, process.start)

    @classmethod
    def of(cls, owner: str) -> Run | None:
        """Read the first part of a marker; None if hotbay has not written it."""
        try:
            namespace, pid, start = map(int, owner.removesuffix(KEEP).split("."))
        except ValueError:
            return None
        return cls(namespace, pid, start)

    def marker(self, model: str, *, keep: bool = False) -> str:
        """Write the value of HOTBAY_RUN for a model's processes."""
        return f"{self.namespace}.{self.pid}.{self.start}{KEEP if keep else ''}:{model}"

    def alive(self) -> bool:
        """Whether that hotbay still runs."""
        return is_running(self.pid, self.start)


class Leftovers(NamedTuple):
    """What dead runs have left: wardens that may still be at work, and model servers."""

    wardens: set[int]
    others: set[int]


def find_leftovers() -> Leftovers:
    """Look through all processes; of a run that this process itself descends from, find nothing."""
    found = Leftovers(set(), set())
    namespace, kin = Run.current().namespace, os.environ.get(VARIABLE)
    for process in processes():
        marker = marker_of(process.pid) if process.alive and _ours(process.pid) else None
        if marker is None or marker == kin:
            continue
        owner, _, model = marker.partition(":")
        run = Run.of(owner)
        if run is None or run.namespace != namespace or run.alive() or owner.endswith(KEEP):
            continue
        (found.others if model else found.wardens).add(process.pid)
    return found


def _ours(pid: int) -> bool:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}").stat().st_uid == os.geteuid()
    return False


async def end_leftovers(warn: Callable[[str], None]) -> None:
    """End what dead runs have left: first their wardens may finish, then the rest goes."""
    wardens = (await asyncio.to_thread(find_leftovers)).wardens
    if wardens:
        warn("an earlier hotbay has died; waiting until its model servers have ended")
        await _wait_for(wardens)
    left = await end(lambda: find_leftovers().others, limit=LEFTOVER_LIMIT)
    if left:
        warn(f"these processes of an earlier hotbay cannot be ended: {sorted(left)}")


async def _wait_for(wardens: set[int]) -> None:
    deadline = time.monotonic() + WARDEN_LIMIT
    while wardens := wardens & (await asyncio.to_thread(find_leftovers)).wardens:
        if time.monotonic() >= deadline:
            for pid in wardens:
                send_signal(pid, signal.SIGKILL)  # its leaders die with it
            return
        await asyncio.sleep(POLL)


async def end(find: Callable[[], set[int]], *, limit: float = float("inf")) -> set[int]:
    """End what `find` finds until that is nothing: SIGTERM, after a pause SIGKILL.

    Returns what is left after `limit` seconds.
    """
    began = time.monotonic()
    told: set[int] = set()
    while left := await asyncio.to_thread(find):
        elapsed = time.monotonic() - began
        if elapsed >= limit:
            return left
        force = elapsed >= SWEEP
        for pid in left if force else left - told:
            with suppress(PermissionError):
                send_signal(pid, signal.SIGKILL if force else signal.SIGTERM)
        told |= left
        await asyncio.sleep(POLL)
    return set()


def reap_adopted(*, besides: int) -> None:
    """Reap dead processes that became our children when a warden ended.

    What hotbay starts itself stays in its session, except a warden: `besides`.
    """
    session = os.getsid(0)
    for process in processes():
        ours = process.parent == os.getpid() and process.session != session
        if ours and not process.alive and process.pid != besides:
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
