"""GPUs of Windows by the kernel's graphics interface (spec/monitoring.md 1.5), experimental.

Owns what its structures mean, and the counters seen last; `hotbay.monitor.gpu.gdi32` makes the
calls. The layouts are those of d3dkmthk.h in Microsoft's Windows SDK for 64-bit programs.
"""

from __future__ import annotations

import re
import struct
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from hotbay.monitor.gpu.source import Gpus, SourceError, polled, share
from hotbay.monitor.samples import MIB, Gpu

STATISTICS_SIZE = 0x328
"""Bytes of D3DKMT_QUERYSTATISTICS: type, LUID, process, 776 bytes of result, number of element."""
_RESULT = 24
_ELEMENT = 800
_ADAPTER, _SEGMENT, _NODE = 0, 3, 5
_NODE_INFORMATION = 272
"""Bytes of D3DKMT_QUERYSTATISTICS_PROCESS_NODE_INFORMATION; the system's follows the global one."""

PERFORMANCE, CAPABILITIES = 62, 63
"""KMTQAITYPE_ADAPTERPERFDATA and KMTQAITYPE_ADAPTERPERFDATA_CAPS."""
PERFORMANCE_SIZE, CAPABILITIES_SIZE = 64, 40

_LUID = re.compile(r"luid_0x([0-9a-f]+)_0x([0-9a-f]+)", re.IGNORECASE)


class Luid(NamedTuple):
    """What Windows calls an adapter until the next boot."""

    high: int
    low: int


@dataclass(frozen=True, slots=True)
class Adapter:
    """An open adapter."""

    handle: int
    luid: Luid


class Kernel(Protocol):
    """The calls that are made."""

    def adapters(self) -> list[Adapter]:
        """Open the adapters, at most 16."""
        ...

    def statistics(self, query: bytearray) -> bool:
        """Have a D3DKMT_QUERYSTATISTICS filled in; False if that is refused."""
        ...

    def adapter_info(self, adapter: Adapter, kind: int, size: int) -> bytes:
        """Return a structure of D3DKMTQueryAdapterInfo, all 0 if it is refused."""
        ...

    def engine_counters(self) -> list[tuple[str, float]] | None:
        """Return name and percent of each instance of the counter `GPU Engine`; None: none work."""
        ...


class Running(NamedTuple):
    """How long a node has worked, in units of 100 ns: for all, and for the system alone."""

    total: int
    system: int


class Memory(NamedTuple):
    """Bytes."""

    used: int
    total: int


def query(kind: int, luid: Luid, element: int = 0) -> bytearray:
    """Return a D3DKMT_QUERYSTATISTICS as it is before the call."""
    buffer = bytearray(STATISTICS_SIZE)
    struct.pack_into("<iIi", buffer, 0, kind, luid.low, luid.high)
    struct.pack_into("<I", buffer, _ELEMENT, element)
    return buffer


def memory_of(segments: Iterable[bytearray]) -> Memory:
    """Add up segments; what is committed counts as used if nothing is resident."""
    limits, committed, resident = 0, 0, 0
    for segment in segments:
        limit, promised, present = struct.unpack_from("<QQQ", segment, _RESULT)
        limits, committed, resident = limits + limit, committed + promised, resident + present
    return Memory(resident or committed, limits)


def running_of(node: bytearray) -> Running:
    """Read the running times of a node."""
    (total,) = struct.unpack_from("<q", node, _RESULT)
    (system,) = struct.unpack_from("<q", node, _RESULT + _NODE_INFORMATION)
    return Running(total, system)


def busiest(before: Mapping[int, Running], now: Mapping[int, Running], elapsed: float) -> float:
    """Return the busy share of the busiest node between two looks, in percent.

    Args:
        before: running times by node; one that went backwards since is left out.
        now: the same, `elapsed` seconds later.
        elapsed: seconds.
    """
    shares = [0.0]
    for node, (total, system) in now.items():
        if node not in before:
            continue
        worked, own = total - before[node].total, system - before[node].system
        whole = own or elapsed * 1e7
        if worked >= 0 and own >= 0 and whole > 0:
            shares.append(worked / whole * 100)
    return share(max(shares))


def luid_of(instance: str) -> Luid | None:
    """Read the adapter in the name of an instance of the performance counter."""
    match = _LUID.search(instance)
    return Luid(int(match[1], 16), int(match[2], 16)) if match else None


def utilisation(counters: Iterable[tuple[str, float]]) -> dict[Luid, float]:
    """Add up the instances of each adapter; percent, at most 100."""
    sums: dict[Luid, float] = {}
    for instance, value in counters:
        luid = luid_of(instance)
        if luid is not None:
            sums[luid] = sums.get(luid, 0.0) + value
    return {luid: share(total) for luid, total in sums.items()}


def sensors(performance: bytes, capabilities: bytes) -> tuple[int, float, float]:
    """Return °C, watts and fan speed in percent."""
    rpm, power, temperature = struct.unpack_from("<III", performance, 48)
    (fastest,) = struct.unpack_from("<I", capabilities, 24)
    return temperature // 10, power / 10, share(rpm / fastest * 100) if rpm and fastest else 0


class Reader:
    """Reads all adapters, and remembers how long their nodes had worked."""

    def __init__(self, kernel: Kernel, clock: Callable[[], float] = time.monotonic) -> None:
        """Open the adapters; `clock` tells seconds."""
        self._kernel = kernel
        self._clock = clock
        self._adapters = kernel.adapters()
        self._looked: dict[Luid, tuple[float, dict[int, Running]]] = {}

    def read(self) -> Gpus:
        """Read every adapter.

        Raises:
            SourceError: there is none with memory.
        """
        counters = self._kernel.engine_counters()
        busy = None if counters is None else utilisation(counters)
        gpus = []
        for index, adapter in enumerate(self._adapters):
            by_nodes = self._busiest(adapter)
            if gpu := self._gpu(
                index, adapter, by_nodes if busy is None else busy.get(adapter.luid, 0)
            ):
                gpus.append(gpu)
        if not gpus:
            raise SourceError("no adapter tells how it is")
        return gpus

    def _gpu(self, index: int, adapter: Adapter, busy: float) -> Gpu | None:
        memory = memory_of(self._elements(adapter, _SEGMENT, 0))
        if not memory.total:
            return None
        temperature, power, fan = sensors(
            self._kernel.adapter_info(adapter, PERFORMANCE, PERFORMANCE_SIZE),
            self._kernel.adapter_info(adapter, CAPABILITIES, CAPABILITIES_SIZE),
        )
        return Gpu(
            id=index,
            name=f"GPU {index}",
            temp_c=temperature,
            gpu_util_pct=busy,
            mem_used_mb=memory.used // MIB,
            mem_total_mb=memory.total // MIB,
            fan_speed_pct=fan,
            power_draw_w=power,
        )

    def _busiest(self, adapter: Adapter) -> float:
        at = self._clock()
        nodes = enumerate(self._elements(adapter, _NODE, 4))
        now = {number: running_of(node) for number, node in nodes}
        before_at, before = self._looked.get(adapter.luid, (at, now))
        self._looked[adapter.luid] = at, now
        return busiest(before, now, at - before_at)

    def _elements(self, adapter: Adapter, kind: int, counted_at: int) -> Iterator[bytearray]:
        """Yield the statistics of all segments or nodes of an adapter."""
        overview = query(_ADAPTER, adapter.luid)
        if not self._kernel.statistics(overview):
            return
        (count,) = struct.unpack_from("<I", overview, _RESULT + counted_at)
        for element in range(count):
            buffer = query(kind, adapter.luid, element)
            if self._kernel.statistics(buffer):
                yield buffer


class D3dkmt:
    """The kernel of Windows."""

    name = "D3DKMT"

    async def batches(self, every: float) -> AsyncGenerator[Gpus, None]:
        """Yield what it says of all adapters."""
        from hotbay.monitor.gpu.gdi32 import open_kernel  # noqa: PLC0415 - only Windows has it

        opened: AbstractContextManager[Kernel] = open_kernel()
        with opened as kernel:
            reader = Reader(kernel)

            async def round_() -> Gpus:
                return reader.read()

            async for gpus in polled(round_, every):
                yield gpus
