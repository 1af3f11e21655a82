"""Apple's GPUs by `mactop`, which knows temperatures and power (spec/monitoring.md 1.5).

It prints a line of JSON for each round. Its memory values describe the whole machine, so those of
`ioreg` take their place where that works. Owns no state.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable

import msgspec

from hotbay.monitor.gpu import ioreg
from hotbay.monitor.gpu.source import Gpus, SourceError, share
from hotbay.monitor.samples import MIB, Gpu
from hotbay.monitor.tools import ToolError, output_lines


class Soc(msgspec.Struct):
    """The chip: watts and °C."""

    gpu_power: float = 0
    gpu_temp: float = 0


class Memory(msgspec.Struct):
    """The machine's memory, in bytes."""

    total: int = 0
    used: int = 0


class System(msgspec.Struct):
    """Name of the chip."""

    name: str = ""
    gpu_core_count: int = 0


class Fan(msgspec.Struct):
    """A fan; all three are turns per minute."""

    rpm: float = 0
    min_rpm: float = 0
    max_rpm: float = 0


class Temperature(msgspec.Struct):
    """The sensors of one kind."""

    group: str = ""
    avg_celsius: float = 0


class Line(msgspec.Struct):
    """What we need of a line."""

    soc_metrics: Soc = msgspec.field(default_factory=Soc)
    memory: Memory = msgspec.field(default_factory=Memory)
    gpu_usage: float = 0
    system_info: System = msgspec.field(default_factory=System)
    fans: list[Fan] | None = None
    temperatures: list[Temperature] | None = None


def parse_line(text: str) -> Gpu | None:
    """Read one line; None if it is something else."""
    try:
        line = msgspec.json.decode(text, type=Line)
    except msgspec.DecodeError:
        return None
    warm = [t.avg_celsius for t in line.temperatures or () if t.group.lower() == "memory"]
    return Gpu(
        id=0,
        name=ioreg.apple_name(line.system_info.name, line.system_info.gpu_core_count),
        temp_c=round(line.soc_metrics.gpu_temp),
        vram_temp_c=round(sum(warm) / len(warm)) if warm else 0,
        gpu_util_pct=share(line.gpu_usage),
        mem_used_mb=line.memory.used // MIB,
        mem_total_mb=line.memory.total // MIB,
        fan_speed_pct=_speed(line.fans or ()),
        power_draw_w=line.soc_metrics.gpu_power,
    )


def _speed(fans: Iterable[Fan]) -> float:
    speeds = [
        max(0.0, (fan.rpm - fan.min_rpm) / (fan.max_rpm - fan.min_rpm) * 100)
        for fan in fans
        if fan.max_rpm > fan.min_rpm
    ]
    return share(sum(speeds) / len(speeds)) if speeds else 0


class Mactop:
    """The program, which runs as long as samples are wanted."""

    name = "mactop"

    async def batches(self, every: float) -> AsyncGenerator[Gpus, None]:
        """Yield what it prints."""
        interval = str(max(1000, int(every * 1000)))
        command = ("mactop", "--headless", "--format", "json", "--interval", interval)
        try:
            async with output_lines(*command) as lines:
                while True:
                    gpu = parse_line(await lines.read() or "")
                    if gpu is not None:
                        yield (await _with_own_memory(gpu),)
        except ToolError as error:
            raise SourceError(str(error)) from None


async def _with_own_memory(gpu: Gpu) -> Gpu:
    try:
        better = await ioreg.ask()
    except ToolError:
        return gpu
    if better is None:
        return gpu
    return msgspec.structs.replace(
        gpu, mem_used_mb=better.mem_used_mb, mem_total_mb=better.mem_total_mb
    )
