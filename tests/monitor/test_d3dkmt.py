"""GPUs of Windows: what the kernel's structures mean (spec/monitoring.md 1.5)."""

from __future__ import annotations

import struct

import pytest
from tests.monitor.machine import first

from hotbay.monitor.gpu.d3dkmt import (
    CAPABILITIES,
    PERFORMANCE,
    Adapter,
    D3dkmt,
    Luid,
    Memory,
    Reader,
    Running,
    busiest,
    luid_of,
    memory_of,
    sensors,
    utilisation,
)
from hotbay.monitor.gpu.source import SourceError

GIB = 1 << 30
CARD = Luid(0, 0xABCD)


def segment(limit: int, committed: int, resident: int) -> bytearray:
    buffer = bytearray(0x328)
    struct.pack_into("<QQQ", buffer, 24, limit, committed, resident)
    return buffer


class Windows:
    """A kernel with adapters that have two segments and two nodes, at the level of its bytes."""

    def __init__(self, *adapters: Adapter, counters: list[tuple[str, float]] | None) -> None:
        self._adapters = list(adapters)
        self.counters = counters
        self.running = {0: Running(0, 0), 1: Running(0, 0)}

    def adapters(self) -> list[Adapter]:
        return self._adapters

    def statistics(self, query: bytearray) -> bool:
        kind, low, high = struct.unpack_from("<iIi", query)
        (element,) = struct.unpack_from("<I", query, 800)
        if Luid(high, low) != CARD:
            return False
        if kind == 0:
            struct.pack_into("<II", query, 24, 2, 2)
        elif kind == 3:
            limit, resident = ((8 * GIB, 2 * GIB), (4 * GIB, GIB))[element]
            struct.pack_into("<QQQ", query, 24, limit, 7 * GIB, resident)
        else:
            struct.pack_into("<q", query, 24, self.running[element].total)
            struct.pack_into("<q", query, 24 + 272, self.running[element].system)
        return True

    def adapter_info(self, _adapter: Adapter, kind: int, size: int) -> bytes:
        buffer = bytearray(size)
        if kind == PERFORMANCE:
            struct.pack_into("<III", buffer, 48, 1200, 855, 615)
        elif kind == CAPABILITIES:
            struct.pack_into("<I", buffer, 24, 4800)
        return bytes(buffer)

    def engine_counters(self) -> list[tuple[str, float]] | None:
        return self.counters


def test_memory_is_the_sum_of_the_segments() -> None:
    assert memory_of([segment(8, 3, 2), segment(4, 1, 1)]) == Memory(used=3, total=12)


def test_what_is_committed_counts_if_nothing_is_resident() -> None:
    assert memory_of([segment(8, 3, 0), segment(4, 1, 0)]) == Memory(used=4, total=12)


def test_an_instance_names_its_adapter() -> None:
    name = "pid_4321_luid_0x00000000_0x0000ABCD_phys_0_eng_3_engtype_3D"
    assert luid_of(name) == CARD
    assert luid_of("_Total") is None


def test_the_utilisation_of_an_adapter_is_that_of_all_its_engines() -> None:
    other = "pid_1_luid_0x00000001_0x0000ABCD_phys_0_eng_0_engtype_3D"
    counters = [
        ("pid_1_luid_0x00000000_0x0000abcd_phys_0_eng_0_engtype_3D", 30.0),
        ("pid_2_luid_0x00000000_0x0000ABCD_phys_0_eng_1_engtype_Copy", 12.5),
        (other, 80.0),
        (other, 80.0),
        ("nonsense", 5.0),
    ]
    assert utilisation(counters) == {CARD: 42.5, Luid(1, 0xABCD): 100}


@pytest.mark.parametrize(
    ("now", "percent"),
    [
        ({0: Running(150, 200)}, 50),
        ({0: Running(150, 200), 1: Running(90, 100)}, 90),
        ({0: Running(100 + 5_000_000, 100)}, 25),
        ({0: Running(50, 200), 1: Running(9, 50)}, 9 / 50 * 100),
        ({0: Running(900, 200)}, 100),
        ({7: Running(900, 200)}, 0),
        ({}, 0),
    ],
)
def test_the_busiest_node_counts(now: dict[int, Running], percent: float) -> None:
    before = {0: Running(100, 100), 1: Running(0, 0)}
    assert busiest(before, now, 2.0) == percent


def test_sensors_are_in_tenths() -> None:
    performance = struct.pack("<48xIII4x", 1200, 855, 615)
    assert sensors(performance, struct.pack("<24xI12x", 4800)) == (61, 85.5, 25)
    assert sensors(performance, bytes(40)) == (61, 85.5, 0)
    assert sensors(bytes(64), struct.pack("<24xI12x", 4800)) == (0, 0, 0)


def test_an_adapter_is_a_gpu() -> None:
    counters = [("pid_1_luid_0x0_0xabcd_phys_0_eng_0_engtype_3D", 30.0)]
    kernel = Windows(Adapter(1, Luid(0, 1)), Adapter(2, CARD), counters=counters)
    (gpu,) = Reader(kernel).read()
    assert (gpu.id, gpu.name, gpu.uuid) == (1, "GPU 1", "")
    assert (gpu.mem_used_mb, gpu.mem_total_mb) == (3 * 1024, 12 * 1024)
    assert (gpu.temp_c, gpu.power_draw_w, gpu.fan_speed_pct) == (61, 85.5, 25)
    assert gpu.gpu_util_pct == 30


def test_without_performance_counters_running_times_are_compared() -> None:
    kernel = Windows(Adapter(1, CARD), counters=None)
    seconds = iter([1.0, 2.0])
    reader = Reader(kernel, lambda: next(seconds))
    assert reader.read()[0].gpu_util_pct == 0
    kernel.running = {0: Running(2_500_000, 0), 1: Running(7_500_000, 0)}
    assert reader.read()[0].gpu_util_pct == 75


def test_without_adapters_it_is_not_used() -> None:
    with pytest.raises(SourceError, match="no adapter tells how it is"):
        Reader(Windows(counters=[])).read()


async def test_elsewhere_than_on_windows_it_is_not_used() -> None:
    with pytest.raises(SourceError, match="only a 64-bit Windows has it"):
        await first(D3dkmt())
