"""What a Mac and a Windows are made of (spec/monitoring.md 2.4 and 2.5)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.monitor.machine import printing, program

from hotbay.monitor.hardware import macos, windows
from hotbay.monitor.hardware.dxgi import Description, adapter_of, adapters
from hotbay.monitor.hardware.facts import Accelerator, Environment
from hotbay.monitor.hardware.windows import Adapter
from hotbay.monitor.tools import ToolError

GIB = 1 << 30
MAC: dict[str, Any] = {
    "SPHardwareDataType": [{"chip_type": "Apple M3 Pro"}],
    "SPDisplaysDataType": [
        {
            "_name": "Apple M3 Pro",
            "spdisplays_vendor": "sppci_vendor_Apple",
            "spdisplays_mtlgpufamilysupport": "spdisplays_metal3",
            "spdisplays_metal": "spdisplays_supported",
        }
    ],
}


# -- macOS ------------------------------------------------------------------------------------


async def test_a_mac_with_a_chip_of_apple(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "system_profiler", printing(json.dumps(MAC) + "\n"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    profiled = await macos.profile()
    cpu = macos.cpu(profiled, cores=12, threads=12)
    assert (cpu.vendor, cpu.model, cpu.sockets) == ("Apple", "Apple M3 Pro", 1)
    assert macos.gpus(profiled, 36 * GIB) == [
        Accelerator(
            vendor="Apple",
            model="Apple M3 Pro",
            architecture="Apple M3",
            memory_kind="unified",
            memory=36 * GIB,
            driver="Metal",
        )
    ]


def test_a_mac_with_cards_of_others() -> None:
    found = macos.gpus(
        {
            "SPDisplaysDataType": [
                {
                    "sppci_model": "AMD Radeon Pro 5500M",
                    "spdisplays_vendor": "AMD (0x1002)",
                    "spdisplays_vram": "8 GB",
                },
                {
                    "sppci_model": "Intel UHD Graphics 630",
                    "spdisplays_vendor": "Intel",
                    "spdisplays_vram_shared": "spdisplays_yes",
                    "spdisplays_vram": "1536 MB",
                    "spdisplays_metal": "spdisplays_supported",
                },
            ]
        },
        16 * GIB,
    )
    assert found == [
        Accelerator(
            vendor="AMD", model="AMD Radeon Pro 5500M", memory_kind="dedicated", memory=8 * GIB
        ),
        Accelerator(
            vendor="Intel",
            model="Intel UHD Graphics 630",
            memory_kind="shared_system",
            memory=1536 << 20,
            driver="Metal",
        ),
    ]


@pytest.mark.parametrize(
    ("text", "size"),
    [("24 GB", 24 * GIB), ("512", 512 << 20), ("1.5 gb", 3 * GIB // 2), ("?", None)],
)
def test_sizes_without_a_unit_are_megabytes(text: str, size: int | None) -> None:
    assert macos.size_of({"spdisplays_vram": text}) == size


@pytest.mark.parametrize(
    ("said", "kind"), [("1", "virtual_machine"), ("0", "native"), ("?", "unknown")]
)
async def test_a_mac_knows_whether_it_is_virtual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, kind: str
) -> None:
    program(tmp_path, "sysctl", f"echo '{said}'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert await macos.environment() == Environment(kind)


async def test_a_profiler_that_says_something_else_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "system_profiler", "echo nonsense")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(ToolError, match="system_profiler"):
        await macos.profile()


# -- Windows -------------------------------------------------------------------------------------

RECORDS = windows.parse(
    json.dumps(
        {
            "system": [{"Manufacturer": "ASUS", "Model": "System Product Name"}],
            "processors": [{"Name": "AMD Ryzen 9 5900X", "Manufacturer": "AuthenticAMD"}] * 2,
            "adapters": [
                {
                    "Name": "NVIDIA GeForce RTX 4070",
                    "AdapterCompatibility": "NVIDIA",
                    "DriverVersion": "32.0.15.6094",
                },
                {
                    "Name": "AMD Radeon(TM) Graphics",
                    "AdapterCompatibility": "Advanced Micro Devices, Inc.",
                    "DriverVersion": "31.0.1",
                },
                {"Name": "Microsoft Remote Display Adapter", "DriverVersion": "10"},
                {"Name": "Intel(R) Arc(TM) A380", "AdapterCompatibility": None},
            ],
        }
    )
)


def test_a_gpu_that_several_name_is_one() -> None:
    listed = Accelerator(
        identity="0000:01:00.0",
        vendor="NVIDIA",
        model="NVIDIA GeForce RTX 4070",
        driver="NVIDIA",
        driver_version="560.94",
    )
    described = [
        Adapter("NVIDIA GeForce RTX 4070", 0x10DE, 12 * GIB, 16 * GIB),
        Adapter("AMD Radeon(TM) Graphics", 0x1002, 0, 16 * GIB),
        Adapter("Microsoft Basic Display Adapter", 0x1414, 0, 1),
    ]
    assert windows.gpus([listed], described, RECORDS) == [
        Accelerator(
            identity="0000:01:00.0",
            vendor="NVIDIA",
            model="NVIDIA GeForce RTX 4070",
            memory_kind="dedicated",
            memory=12 * GIB,
            driver="NVIDIA",
            driver_version="560.94",
        ),
        Accelerator(
            vendor="AMD",
            model="AMD Radeon(TM) Graphics",
            memory_kind="shared_system",
            memory=16 * GIB,
            driver_version="31.0.1",
        ),
        Accelerator(vendor="Intel", model="Intel(R) Arc(TM) A380"),
    ]


def test_two_equal_cards_stay_two() -> None:
    card = Adapter("Intel(R) Arc(TM) A380", 0x8086, 6 * GIB, 0)
    found = windows.gpus((), [card, card], {"adapters": [{"Name": card.name}]})
    assert [(gpu.model, gpu.memory) for gpu in found] == [(card.name, 6 * GIB)] * 2


def test_processors_are_counted_by_their_records() -> None:
    cpu = windows.cpu(RECORDS, cores=24, threads=48)
    assert (cpu.vendor, cpu.model, cpu.sockets) == ("AuthenticAMD", "AMD Ryzen 9 5900X", 2)
    assert windows.cpu({}, cores=1, threads=1).sockets is None


@pytest.mark.parametrize(
    ("maker", "model", "wanted"),
    [
        ("Microsoft Corporation", "Virtual Machine", Environment("virtual_machine", "Hyper-V")),
        ("VMware, Inc.", "VMware7,1", Environment("virtual_machine", "VMware")),
        ("innotek GmbH", "VirtualBox", Environment("virtual_machine", "VirtualBox")),
        ("QEMU", "Standard PC", Environment("virtual_machine", "QEMU")),
        ("ASUS", "System Product Name", Environment()),
    ],
)
def test_machines_are_known_by_maker_and_model(maker: str, model: str, wanted: Environment) -> None:
    record = {"Manufacturer": maker, "Model": model}
    assert windows.environment({"system": [record]}) == wanted


def test_what_wmi_should_not_say_is_an_error() -> None:
    with pytest.raises(ToolError, match="powershell"):
        windows.parse("Get-CimInstance : Access denied")


def test_the_description_of_an_adapter_is_read() -> None:
    buffer = bytearray("Intel(R) Arc(TM) A380\0".encode("utf-16-le").ljust(256, b"\0"))
    buffer += (0x8086).to_bytes(4, "little") + bytes(12)
    buffer += b"".join(size.to_bytes(8, "little") for size in (6 * GIB, 1, 8 * GIB)) + bytes(16)
    description = Description.from_buffer(buffer)
    assert adapter_of(description) == Adapter("Intel(R) Arc(TM) A380", 0x8086, 6 * GIB, 8 * GIB)


def test_elsewhere_than_on_windows_there_are_no_such_adapters() -> None:
    assert adapters() == []
