"""Apple's GPUs by `ioreg`, which every macOS has (spec/monitoring.md 1.5). Owns no state."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator

from hotbay.monitor.gpu.source import Gpus, SourceError, polled, share
from hotbay.monitor.samples import MIB, Gpu
from hotbay.monitor.tools import ToolError, output_of

COMMAND = ("ioreg", "-r", "-c", "IOGPU", "-d", "1", "-f")
LIMIT = 5.0
"""Seconds after which it is killed."""

_MODEL = re.compile(r'"model" = <?"([^"]*)"')
_CORES = re.compile(r'"gpu-core-count" = (\d+)')
_BUSY = re.compile(r'"Device Utilization %"=(\d+)')
_USED = re.compile(r'"In use system memory"=(\d+)')


def parse(text: str, system_memory: int) -> Gpu | None:
    """Read its listing; the memory is the system's, in bytes. None: there is no GPU in it."""
    busy, used = _BUSY.search(text), _USED.search(text)
    if busy is None and used is None:
        return None
    model, cores = _MODEL.search(text), _CORES.search(text)
    return Gpu(
        id=0,
        name=apple_name(model[1] if model else "", int(cores[1]) if cores else 0),
        gpu_util_pct=share(busy[1]) if busy else 0,
        mem_used_mb=int(used[1]) // MIB if used else 0,
        mem_total_mb=system_memory // MIB,
    )


def apple_name(chip: str, cores: int) -> str:
    """Return how the GPU of a chip is called."""
    return f"{chip} ({cores}-core GPU)" if chip else "Apple GPU"


async def ask() -> Gpu | None:
    """Run it once; None: there is no GPU.

    Raises:
        ToolError: it does not work.
    """
    import psutil  # noqa: PLC0415 - loaded in the monitor's thread, not at start

    text = await output_of(*COMMAND, limit=LIMIT)
    return parse(text, psutil.virtual_memory().total)


class Ioreg:
    """The program; each round is a run."""

    name = "ioreg"

    def batches(self, every: float) -> AsyncGenerator[Gpus, None]:
        """Yield what it lists."""
        return polled(self._round, max(1.0, every))

    async def _round(self) -> Gpus:
        try:
            gpu = await ask()
        except ToolError as error:
            raise SourceError(str(error)) from None
        if gpu is None:
            raise SourceError("ioreg: it lists no GPU")
        return (gpu,)
