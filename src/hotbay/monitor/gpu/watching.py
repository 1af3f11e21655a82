"""Which source is used, and what happens when it fails (spec/monitoring.md 1.5).

The first that works is used. One that stops working is tried again after a pause that grows; then
the others have their turn too, so that nothing depends on the order in which drivers and daemons
come up. Owns the order of sources for each system.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing

from hotbay.monitor.background import Log
from hotbay.monitor.gpu.source import Gpus, Source

FIRST_LIMIT = 15.0
"""Seconds within which a source delivers its first round, or it counts as one that never will."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
"""Seconds between two attempts; each pause is twice the one before."""
STEADY = 60.0
"""Seconds after which a source that fails is again thought well of."""


def sources(platform: str = sys.platform) -> tuple[Source, ...]:
    """Return the sources of this system in the order in which they are tried."""
    # Each is imported only where it can work.
    from hotbay.monitor.gpu.nvidia_smi import NvidiaSmi  # noqa: PLC0415 - see above

    if platform == "win32":
        from hotbay.monitor.gpu.d3dkmt import D3dkmt  # noqa: PLC0415 - see above
        from hotbay.monitor.gpu.nvml import Nvml  # noqa: PLC0415 - see above

        return Nvml(), NvidiaSmi(), D3dkmt()
    if platform == "darwin":
        from hotbay.monitor.gpu.ioreg import Ioreg  # noqa: PLC0415 - see above
        from hotbay.monitor.gpu.mactop import Mactop  # noqa: PLC0415 - see above

        return Mactop(), Ioreg()
    from hotbay.monitor.gpu.lact import Lact  # noqa: PLC0415 - see above
    from hotbay.monitor.gpu.nvml import Nvml  # noqa: PLC0415 - see above
    from hotbay.monitor.gpu.rocm_smi import RocmSmi  # noqa: PLC0415 - see above
    from hotbay.monitor.gpu.sysfs import Sysfs  # noqa: PLC0415 - see above
    from hotbay.monitor.gpu.xpu_smi import XpuSmi  # noqa: PLC0415 - see above

    return Lact(), Nvml(), NvidiaSmi(), RocmSmi(), XpuSmi(), Sysfs()


async def watch_gpus(
    candidates: Sequence[Source],
    every: float,
    record: Callable[[Gpus], None],
    log: Log,
    first_pause: float = FIRST_PAUSE,
) -> None:
    """Record what the first source that works says, until cancelled."""
    watch = _Watch(every, record, log)
    loop = asyncio.get_running_loop()
    pause, told = first_pause, False
    while True:
        began = loop.time()
        for source in candidates:
            if failure := await watch.use(source):
                if loop.time() - began >= STEADY:
                    pause = first_pause
                log.warn(f"{failure}; GPUs are looked for again in {pause:g}s")
                break
        else:
            if not told:
                names = ", ".join(source.name for source in candidates)
                log.info(f"GPU monitoring not available: none of these works: {names}")
            told = True
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


class _Watch:
    """One source at a time."""

    def __init__(self, every: float, record: Callable[[Gpus], None], log: Log) -> None:
        self._every = every
        self._record = record
        self._log = log

    async def use(self, source: Source) -> str:
        """Record what a source delivers until it fails; return why, "" if it never delivered."""
        delivered = False
        limit = FIRST_LIMIT
        try:
            async with aclosing(source.batches(self._every)) as batches:
                while True:
                    async with asyncio.timeout(limit):
                        gpus = await anext(batches)
                    if not delivered:
                        self._log.info(f"using {source.name} for GPU monitoring")
                        delivered, limit = True, max(FIRST_LIMIT, 3 * self._every)
                    self._record(gpus)
        except StopAsyncIteration:
            reason = "it has ended"
        except TimeoutError:
            reason = f"nothing came for {limit:g} seconds"
        except Exception as error:  # noqa: BLE001 - whatever a tool or driver does, the next one is tried
            reason = str(error) or repr(error)
        if delivered:
            return f"{source.name} does not deliver GPU samples any more: {reason}"
        self._log.debug(f"{source.name} is not used for GPU monitoring: {reason}")
        return ""
