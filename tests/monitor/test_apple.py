"""Apple's GPUs by `mactop` and `ioreg` (spec/monitoring.md 1.5)."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from tests.monitor.machine import FOREVER, first, printing, program

from hotbay.monitor.gpu.ioreg import Ioreg, parse
from hotbay.monitor.gpu.mactop import Mactop, parse_line
from hotbay.monitor.gpu.source import SourceError
from hotbay.monitor.samples import MIB, Gpu

MACTOP = (
    '{"soc_metrics":{"gpu_power":7.25,"gpu_freq_mhz":1296,"gpu_temp":48.6},'
    '"memory":{"total":34359738368,"used":20401094656},"gpu_usage":41.5,'
    '"system_info":{"name":"Apple M3 Pro","gpu_core_count":18},'
    '"fans":[{"rpm":2317,"min_rpm":1350,"max_rpm":5777}],'
    '"temperatures":[{"group":"Memory","avg_celsius":39.4}]}\n'
)
IOREG = """\
+-o AGXAcceleratorG15X  <class AGXAcceleratorG15X, id 0x1000, registered>
  {
    "model" = "Apple M3 Pro"
    "gpu-core-count" = 18
    "PerformanceStatistics" = {"In use system memory (driver)"=0,"Alloc system memory"=9663676416,\
"Device Utilization %"=23,"In use system memory"=4294967296}
  }
"""


def test_a_line_of_mactop_is_a_gpu() -> None:
    assert parse_line(MACTOP) == Gpu(
        id=0,
        name="Apple M3 Pro (18-core GPU)",
        temp_c=49,
        vram_temp_c=39,
        gpu_util_pct=41.5,
        mem_used_mb=19456,
        mem_total_mb=32768,
        fan_speed_pct=(2317 - 1350) / (5777 - 1350) * 100,
        power_draw_w=7.25,
    )


def test_fans_are_averaged_and_those_without_a_range_left_out() -> None:
    text = (
        '{"fans":[{"rpm":1000,"min_rpm":2000,"max_rpm":4000},'
        '{"rpm":3000,"min_rpm":2000,"max_rpm":4000},{"rpm":9,"min_rpm":0,"max_rpm":0}],'
        '"temperatures":[{"group":"CPU","avg_celsius":90},{"group":"MEMORY","avg_celsius":40},'
        '{"group":"memory","avg_celsius":43}]}'
    )
    gpu = parse_line(text)
    assert gpu is not None
    assert (gpu.fan_speed_pct, gpu.vram_temp_c, gpu.name) == (25, 42, "Apple GPU")


@pytest.mark.parametrize("text", ["", "mactop 2.0", "[]", '{"gpu_usage": "x"}', '{"gpu_us'])
def test_a_line_that_does_not_parse_is_ignored(text: str) -> None:
    assert parse_line(text) is None


def test_the_listing_of_ioreg_is_a_gpu() -> None:
    assert parse(IOREG, 36 << 30) == Gpu(
        id=0,
        name="Apple M3 Pro (18-core GPU)",
        gpu_util_pct=23,
        mem_used_mb=4096,
        mem_total_mb=36864,
    )


def test_ioreg_without_model_is_still_a_gpu() -> None:
    gpu = parse('"PerformanceStatistics" = {"Device Utilization %"=5}', MIB)
    assert gpu == Gpu(id=0, name="Apple GPU", gpu_util_pct=5, mem_total_mb=1)


@pytest.mark.parametrize("text", ["", '"model" = "x"', '"In use system memory (driver)"=5'])
def test_ioreg_without_utilisation_and_memory_is_none(text: str) -> None:
    assert parse(text, MIB) is None


async def test_the_memory_is_that_of_ioreg_if_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    lines = f"mactop 2\n{MACTOP}"
    script = f'echo "$*" > {asked}\n{printing(lines, FOREVER)}'
    program(tmp_path, "mactop", script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (gpu,) = await first(Mactop(), every=5)
    assert (gpu.mem_used_mb, gpu.power_draw_w) == (19456, 7.25)
    program(tmp_path, "ioreg", printing(IOREG))
    (gpu,) = await first(Mactop(), every=0.1)
    total = psutil.virtual_memory().total // MIB
    assert (gpu.mem_used_mb, gpu.mem_total_mb, gpu.power_draw_w) == (4096, total, 7.25)
    assert asked.read_text().split() == ["--headless", "--format", "json", "--interval", "1000"]


async def test_ioreg_is_used_only_if_it_lists_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    program(tmp_path, "ioreg", printing(IOREG))
    assert (await first(Ioreg()))[0].gpu_util_pct == 23
    program(tmp_path, "ioreg", "true")
    with pytest.raises(SourceError, match="it lists no GPU"):
        await first(Ioreg())
