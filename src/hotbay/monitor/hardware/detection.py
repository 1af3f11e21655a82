"""The order in which the machine is asked what it is made of (spec/monitoring.md 2.2).

Owns the time limits. Only the memory must be found; every other probe may fail in silence, as
tools and drivers come and go.
"""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from hotbay.monitor.background import Log
from hotbay.monitor.hardware import cards, dxgi, linux, macos, nvidia, rocm, windows
from hotbay.monitor.hardware.facts import Cpu, Environment, Facts, System, known, snapshot
from hotbay.monitor.hardware.rules import validate

T = TypeVar("T")

LIMIT = 10.0
"""Seconds for all of it."""
PROBE_LIMIT = 9.0
"""Seconds for one probe; those that start programs run at the same time."""


async def detect(version: str, log: Log) -> dict[str, Any]:
    """Return the snapshot; hotbay is of that version.

    Raises:
        TimeoutError: it took longer than `LIMIT`.
        InvalidSnapshotError: what was found breaks the rules of the format.
        OSError: the memory cannot be told.
    """
    async with asyncio.timeout(LIMIT):
        probes = _Probes(log)
        facts = await _FAMILIES.get(sys.platform, _other)(probes)
    found = snapshot(facts, version=version, at=datetime.now(UTC))
    validate(found)
    return found


class _Probes:
    """Asks, and says in the log what did not answer."""

    def __init__(self, log: Log) -> None:
        import psutil  # noqa: PLC0415 - loaded in the monitor's thread, not at start

        self._log = log
        self.memory = psutil.virtual_memory().total
        self.cores = psutil.cpu_count(logical=False)
        self.threads = psutil.cpu_count()

    async def ask(self, probe: Callable[[], Awaitable[T]]) -> T | None:
        """Return what a probe finds, None if it fails."""
        try:
            async with asyncio.timeout(PROBE_LIMIT):
                return await probe()
        except Exception as error:  # noqa: BLE001 - whatever a tool says or a driver does, others go on
            self._log.debug(f"hardware detection: {str(error) or repr(error)}")
            return None


async def _linux(probes: _Probes) -> Facts:
    surroundings, *found = await asyncio.gather(
        probes.ask(linux.environment),
        probes.ask(nvidia.nvidia_gpus),
        probes.ask(rocm.rocm_gpus),
        probes.ask(_at_once(cards.compute_nodes)),
        probes.ask(_at_once(cards.graphics_cards)),
    )
    return Facts(
        machine=platform.machine(),
        system=linux.host(),
        cpu=linux.cpu(cores=probes.cores, threads=probes.threads),
        memory=linux.memory(probes.memory),
        environment=surroundings or Environment(),
        accelerators=[gpu for gpus in found for gpu in gpus or ()],
    )


async def _macos(probes: _Probes) -> Facts:
    surroundings, profiled = await asyncio.gather(
        probes.ask(macos.environment), probes.ask(macos.profile)
    )
    return Facts(
        machine=platform.machine(),
        system=macos.host(),
        cpu=macos.cpu(profiled or {}, cores=probes.cores, threads=probes.threads),
        memory=probes.memory,
        environment=surroundings or Environment(),
        accelerators=macos.gpus(profiled or {}, probes.memory),
    )


async def _windows(probes: _Probes) -> Facts:
    listed, adapters, asked = await asyncio.gather(
        probes.ask(nvidia.nvidia_gpus),
        probes.ask(_at_once(dxgi.adapters)),
        probes.ask(windows.records),
    )
    found = asked or {}
    return Facts(
        machine=platform.machine(),
        system=windows.host(),
        cpu=windows.cpu(found, cores=probes.cores, threads=probes.threads),
        memory=probes.memory,
        environment=windows.environment(found),
        accelerators=windows.gpus(listed or (), adapters or (), found),
    )


async def _other(probes: _Probes) -> Facts:
    system = platform.system()
    freebsd = system == "FreeBSD"
    return Facts(
        machine=platform.machine(),
        system=System(
            "freebsd" if freebsd else "other",
            None if freebsd else system or sys.platform,
            known(system),
            known(platform.release()),
            known(platform.release()),
        ),
        cpu=Cpu(cores=probes.cores, threads=probes.threads),
        memory=probes.memory,
        environment=Environment(),
        accelerators=(),
    )


def _at_once(read: Callable[[], T]) -> Callable[[], Awaitable[T]]:
    """Make a probe of what is only reading."""

    async def probe() -> T:
        return read()

    return probe


_FAMILIES: Mapping[str, Callable[[_Probes], Awaitable[Facts]]] = {
    "linux": _linux,
    "darwin": _macos,
    "win32": _windows,
}
