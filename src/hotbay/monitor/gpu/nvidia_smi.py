"""NVIDIA GPUs by `nvidia-smi`, which goes on printing rounds (spec/monitoring.md 1.5).

The columns are those of `nvidia-smi --help-query-gpu`. Owns the rounds that are not complete yet.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from hotbay.monitor.gpu.source import Gpus, SourceError, number, share, whole
from hotbay.monitor.samples import Gpu
from hotbay.monitor.tools import ToolError, output_lines

FIELDS = (
    "index,name,uuid,temperature.gpu,utilization.gpu,memory.used,memory.total,fan.speed,power.draw"
)
GAP = 1.0
"""Seconds without a line after which a round is complete; two rounds are further apart."""


def parse_line(line: str) -> Gpu | None:
    """Read what is printed for one GPU; None if the line is something else."""
    fields = [field.strip() for field in line.split(",")]
    if len(fields) < FIELDS.count(",") + 1:
        return None
    return Gpu(
        id=whole(fields[0]),
        name=fields[1],
        uuid=fields[2],
        temp_c=whole(fields[3]),
        gpu_util_pct=share(fields[4]),
        mem_used_mb=whole(fields[5]),
        mem_total_mb=whole(fields[6]),
        fan_speed_pct=share(fields[7]),
        power_draw_w=number(fields[8]),
    )


class Rounds:
    """Puts together what belongs together: until an index repeats, it is one round."""

    def __init__(self) -> None:
        self._gpus: dict[int, Gpu] = {}

    @property
    def begun(self) -> bool:
        """Whether there is something of a round."""
        return bool(self._gpus)

    def add(self, gpu: Gpu) -> Gpus:
        """Take one GPU; return the round before, if this one begins the next, otherwise ()."""
        complete = self.end() if gpu.id in self._gpus else ()
        self._gpus[gpu.id] = gpu
        return complete

    def end(self) -> Gpus:
        """Return the round as it is, and begin the next."""
        gpus, self._gpus = tuple(self._gpus.values()), {}
        return gpus


class NvidiaSmi:
    """The program, which runs as long as samples are wanted."""

    name = "nvidia-smi"

    async def batches(self, every: float) -> AsyncGenerator[Gpus, None]:
        """Yield the rounds that it prints."""
        rounds = Rounds()
        interval = str(max(1, int(every)))
        try:
            async with output_lines(
                "nvidia-smi",
                f"--query-gpu={FIELDS}",
                "--format=csv,noheader,nounits",
                "--loop",
                interval,
            ) as lines:
                while True:
                    line = await lines.read(GAP if rounds.begun else None)
                    complete: Gpus = ()
                    if line is None:
                        complete = rounds.end()
                    elif gpu := parse_line(line):
                        complete = rounds.add(gpu)
                    if complete:
                        yield complete
        except ToolError as error:
            raise SourceError(str(error)) from None
