"""Reading the host: processors, memory, load, network and disks (spec/monitoring.md 1.3).

Blocks for a moment, as the system is asked; belongs in the thread of the monitor. Owns nothing:
psutil remembers, for each thread, what the processors had done at the last reading.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

import psutil

from hotbay.monitor.samples import MIB, DiskIo, HostSample, NetworkIo

VIRTUAL_DISKS = ("loop", "ram", "zram", "dm-", "md", "sr", "fd")
"""Disks of Linux whose bytes are also those of another disk, or never touch one."""


def begin_readings() -> None:
    """Take the state from which the first sample's busy shares are counted."""
    psutil.cpu_percent(percpu=True)


def read_host() -> HostSample:
    """Return a sample; busy shares count since this thread's last reading.

    Raises:
        OSError, psutil.Error: the system does not tell.
    """
    memory = psutil.virtual_memory()
    swap_total, swap_used = _swap()
    load = os.getloadavg() if hasattr(os, "getloadavg") else (0.0, 0.0, 0.0)
    return HostSample(
        timestamp=datetime.now(UTC),
        cpu_util_per_core=tuple(psutil.cpu_percent(percpu=True)),
        mem_total_mb=memory.total // MIB,
        mem_used_mb=memory.used // MIB,
        mem_free_mb=memory.free // MIB,
        swap_total_mb=swap_total // MIB,
        swap_used_mb=swap_used // MIB,
        load_avg_1=load[0],
        load_avg_5=load[1],
        load_avg_15=load[2],
        net_io=_network(),
        disk_io=_disks(),
    )


def _swap() -> tuple[int, int]:
    if sys.platform == "win32":  # what it calls swap includes the memory
        return 0, 0
    swap = psutil.swap_memory()
    return swap.total, swap.used


def _network() -> tuple[NetworkIo, ...]:
    loopback = {"lo"} if sys.platform == "linux" else set()
    return tuple(
        NetworkIo(name, counters.bytes_recv, counters.bytes_sent)
        for name, counters in psutil.net_io_counters(pernic=True).items()
        if name not in loopback
    )


def _disks() -> tuple[DiskIo, ...]:
    return tuple(
        DiskIo(name, counters.read_bytes, counters.write_bytes)
        for name, counters in (psutil.disk_io_counters(perdisk=True) or {}).items()
        if sys.platform != "linux" or is_disk(name)
    )


def is_disk(name: str, block: str = "/sys/block") -> bool:
    """Whether this block device of Linux is a whole disk of its own, no partition and no view."""
    return not name.startswith(VIRTUAL_DISKS) and os.path.exists(f"{block}/{name}")  # noqa: PTH110 - one name of many, each interval
