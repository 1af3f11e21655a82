"""Intel GPUs by `xpu-smi`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.monitor.machine import first, program

from hotbay.monitor.gpu.source import SourceError
from hotbay.monitor.gpu.xpu_smi import Device, XpuSmi, parse_devices, parse_dump
from hotbay.monitor.samples import Gpu

DUMP = """\
Timestamp, DeviceId, GPU Utilization (%), GPU Power (W), GPU Core Temperature (Celsius Degree), \
GPU Memory Temperature (Celsius Degree), GPU Memory Used (MiB)
06:14:46.000,    0, 12.50, 44.61, 45.00, 50.00, 2048.25
06:14:46.000,    1, N/A, 14.61,  , N/A, 24
"""
ARC = Device(
    device_id=0, device_name="Intel Arc A770", uuid="u0", memory_physical_size_byte="16225243136"
)
FLEX = Device(device_id=1, device_name="Intel Flex 170", uuid="u1")


def test_a_dump_tells_of_every_device() -> None:
    assert list(parse_dump(DUMP, {0: ARC, 1: FLEX})) == [
        Gpu(
            id=0,
            name="Intel Arc A770",
            uuid="u0",
            temp_c=45,
            vram_temp_c=50,
            gpu_util_pct=12.5,
            mem_used_mb=2048,
            mem_total_mb=15473,
            power_draw_w=44.61,
        ),
        Gpu(id=1, name="Intel Flex 170", uuid="u1", mem_used_mb=24, power_draw_w=14.61),
    ]


@pytest.mark.parametrize("text", ["", "Error: no devices", DUMP.splitlines()[1], "a, b\nc, d"])
def test_what_is_no_dump_tells_nothing(text: str) -> None:
    assert list(parse_dump(text, {0: ARC})) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"device_list": []}', "it knows no devices"),
        ('{"error": "Level Zero Initialization Error"}', "unexpected list of devices"),
        ("[]", "unexpected list of devices"),
        ("nonsense", "unexpected list of devices"),
    ],
)
def test_without_devices_it_is_not_used(text: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        parse_devices(text)


async def test_devices_are_asked_for_once_and_dumped_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    script = f"""echo "$*" >> {asked}
case "$*" in
  "discovery -j") echo '{{"device_list": [{{"device_id": 0, "device_name": "Intel Arc A770",
      "uuid": "u0", "pci_bdf_address": "0000:4d:00.0", "vendor_name": "Intel"}}]}}' ;;
  "discovery -d 0 -j") echo '{{"device_id": 0, "device_name": "Intel Arc A770", "uuid": "u0",
      "memory_physical_size_byte": "16225243136"}}' ;;
  *) cat <<'END'
{DUMP}END
esac
"""
    program(tmp_path, "xpu-smi", script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (gpu,) = await first(XpuSmi())
    assert (gpu.name, gpu.mem_used_mb, gpu.mem_total_mb) == ("Intel Arc A770", 2048, 15473)
    assert asked.read_text().splitlines() == [
        "discovery -j",
        "discovery -d 0 -j",
        "dump -d -1 -m 0,1,3,4,18 -n 1",
    ]
