"""What a sample holds; the names are the members that `GET /api/performance` shows.

Units and meaning are those of spec/monitoring.md 1.3 and 1.4. Owns no state.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

MIB = 1 << 20


class NetworkIo(msgspec.Struct, frozen=True):
    """What has passed an interface since boot, in bytes."""

    name: str
    bytes_recv: int
    bytes_sent: int


class DiskIo(msgspec.Struct, frozen=True):
    """What has been read from and written to a disk since boot, in bytes."""

    name: str
    bytes_read: int
    bytes_written: int


class HostSample(msgspec.Struct, frozen=True, kw_only=True):
    """The machine at one moment; memory in MiB, rounded down; unknown is 0."""

    timestamp: datetime
    cpu_util_per_core: tuple[float, ...]
    mem_total_mb: int
    mem_used_mb: int
    mem_free_mb: int
    swap_total_mb: int
    swap_used_mb: int
    load_avg_1: float
    load_avg_5: float
    load_avg_15: float
    net_io: tuple[NetworkIo, ...]
    disk_io: tuple[DiskIo, ...]


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """What a source says of one GPU.

    Attributes:
        id: index as the source counts.
        name: empty if unknown, as `uuid`.
        uuid: what the source tells the GPU from others by.
        temp_c: in °C, 0 if unknown, as `vram_temp_c`.
        vram_temp_c: temperature of its memory.
        gpu_util_pct: 0 to 100.
        mem_used_mb: in MiB, rounded down, as `mem_total_mb`.
        mem_total_mb: its own memory, or the system's if it has none of its own.
        fan_speed_pct: 0 to 100; 0 if unknown or stopped.
        power_draw_w: in watts.
    """

    id: int
    name: str = ""
    uuid: str = ""
    temp_c: int = 0
    vram_temp_c: int = 0
    gpu_util_pct: float = 0
    mem_used_mb: int = 0
    mem_total_mb: int = 0
    fan_speed_pct: float = 0
    power_draw_w: float = 0


class GpuSample(Gpu, frozen=True, kw_only=True):
    """One GPU at one moment; `mem_util_pct` is used / total * 100, 0 if the total is 0."""

    timestamp: datetime
    mem_util_pct: float


Batch = tuple[GpuSample, ...]
"""The GPUs of one round."""


def batch_of(gpus: Sequence[Gpu], timestamp: datetime) -> Batch:
    """Return what was read together as samples of that moment."""
    return tuple(
        GpuSample(
            timestamp=timestamp,
            mem_util_pct=gpu.mem_used_mb / gpu.mem_total_mb * 100 if gpu.mem_total_mb else 0,
            **msgspec.structs.asdict(gpu),
        )
        for gpu in gpus
    )
