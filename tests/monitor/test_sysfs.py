"""AMD and Intel GPUs by what their drivers show in /sys."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.monitor.cards import card, write
from tests.monitor.machine import first

from hotbay.monitor.drm import accessible, cards
from hotbay.monitor.gpu.source import SourceError
from hotbay.monitor.gpu.sysfs import Counters, Sysfs, busy_percent, watts
from hotbay.monitor.samples import Gpu

AMD = {
    "product_name": "Radeon RX 7900 XTX",
    "unique_id": "a1b2c3",
    "gpu_busy_percent": 37,
    "mem_info_vram_total": 25753026560,
    "mem_info_vram_used": 1073741824,
    "hwmon/hwmon3/temp1_input": 51000,
    "hwmon/hwmon3/temp1_label": "edge",
    "hwmon/hwmon3/temp2_input": 60000,
    "hwmon/hwmon3/temp2_label": "junction",
    "hwmon/hwmon3/temp3_input": 58999,
    "hwmon/hwmon3/temp3_label": "mem",
    "hwmon/hwmon3/fan1_input": 1000,
    "hwmon/hwmon3/fan1_max": 4000,
    "hwmon/hwmon3/power1_average": 88500000,
}


async def test_the_files_of_amdgpu_are_a_gpu(tmp_path: Path) -> None:
    card(tmp_path, 1, "0x1002", "amdgpu", AMD)
    assert list(await first(Sysfs(tmp_path))) == [
        Gpu(
            id=1,
            name="Radeon RX 7900 XTX",
            uuid="a1b2c3",
            temp_c=51,
            vram_temp_c=58,
            gpu_util_pct=37,
            mem_used_mb=1024,
            mem_total_mb=24560,
            fan_speed_pct=25,
            power_draw_w=88.5,
        )
    ]


def test_files_that_are_missing_are_unknown(tmp_path: Path) -> None:
    card(tmp_path, 0, "0x1002", "amdgpu", {"gpu_busy_percent": "broken"})
    assert list(Sysfs(tmp_path).read()) == [Gpu(id=0, name="AMD card0")]


def test_power_is_read_where_there_is_no_average(tmp_path: Path) -> None:
    card(tmp_path, 0, "0x1002", "amdgpu", {"hwmon/hwmon0/power1_input": 12500000})
    assert Sysfs(tmp_path).read()[0].power_draw_w == 12.5


@pytest.mark.parametrize(
    ("driver", "idle"),
    [("xe", "tile0/gt0/gtidle/idle_residency_ms"), ("i915", "drm/card0/gt/gt0/rc6_residency_ms")],
)
def test_intel_counts_energy_and_idle_time(tmp_path: Path, driver: str, idle: str) -> None:
    files = {
        "hwmon/hwmon1/energy1_input": 1_000_000,
        "hwmon/hwmon1/temp2_input": 45000,
        "hwmon/hwmon1/temp2_label": "pkg",
        "hwmon/hwmon1/temp3_input": 52000,
        "hwmon/hwmon1/temp3_label": "vram",
        idle: 10_000,
    }
    device = card(tmp_path, 0, "0x8086", driver, files)
    seconds = iter([100.0, 104.0])
    source = Sysfs(tmp_path, lambda: next(seconds))
    unknown = Gpu(id=0, name="Intel card0", temp_c=45, vram_temp_c=52)
    assert list(source.read()) == [unknown]
    write(device, {"hwmon/hwmon1/energy1_input": 81_000_000, idle: 11_000})
    (gpu,) = source.read()
    assert (gpu.power_draw_w, gpu.gpu_util_pct) == (20, 75)


def test_counters_that_begin_anew_or_are_missing_say_nothing() -> None:
    before = Counters(10, 500, 500)
    assert watts(before, Counters(11, 400, None)) == 0
    assert watts(before, Counters(10, 900, 500)) == 0
    assert watts(before, Counters(11, None, None)) == 0
    assert busy_percent(before, Counters(11, None, None)) == 0
    assert busy_percent(before, Counters(11, None, 400)) == 100
    assert busy_percent(before, Counters(11, None, 9000)) == 0


def test_a_machine_without_such_cards_does_not_use_it(tmp_path: Path) -> None:
    card(tmp_path, 0, "0x10de", "nouveau", {})
    card(tmp_path, 1, "0x8086", "i915", {})  # in the processor
    card(tmp_path, 2, "0x1234", "bochs", {})
    with pytest.raises(SourceError, match="no card's driver tells how it is"):
        Sysfs(tmp_path).read()


def test_cards_are_found_by_number_with_address_driver_and_render_node(tmp_path: Path) -> None:
    card(tmp_path, 10, "0x8086", "xe", {}, bus="0000:03:00.0")
    card(tmp_path, 2, "0x10de", "nvidia", {}, bus="0000:65:00.0")
    (tmp_path / "dev/dri/renderD138").unlink()
    found = [(each.index, each.vendor, each.address, each.driver) for each in cards(tmp_path)]
    assert found == [(2, "NVIDIA", "0000:65:00.0", "nvidia"), (10, "Intel", "0000:03:00.0", "xe")]
    assert [accessible(each.render, tmp_path) for each in cards(tmp_path)] == [True, False]
