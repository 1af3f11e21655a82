"""Processors, GPUs and surroundings of a Windows (spec/monitoring.md 2.5). Owns no state.

One call of PowerShell asks WMI (classes Win32_ComputerSystem, Win32_Processor and
Win32_VideoController in Microsoft's reference); `hotbay.monitor.hardware.dxgi` lists adapters.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hotbay.monitor.drm import VENDORS
from hotbay.monitor.hardware.facts import Accelerator, Cpu, Environment, System, filled, known
from hotbay.monitor.tools import ToolError, output_of

LIMIT = 5.0
SCRIPT = (
    "$ErrorActionPreference='SilentlyContinue';"
    "ConvertTo-Json -Depth 3 -Compress @{"
    "system=@(Get-CimInstance Win32_ComputerSystem|Select-Object Manufacturer,Model);"
    "processors=@(Get-CimInstance Win32_Processor|Select-Object Name,Manufacturer);"
    "adapters=@(Get-CimInstance Win32_VideoController|"
    "Select-Object Name,AdapterCompatibility,DriverVersion)}"
)
_SOFTWARE = ("microsoft basic display", "remote display", "indirect display")
_MACHINES = {
    "virtual machine": "Hyper-V",
    "vmware": "VMware",
    "virtualbox": "VirtualBox",
    "kvm": "KVM",
    "qemu": "QEMU",
}
_VENDORS = {
    "nvidia": "NVIDIA",
    "amd": "AMD",
    "advanced micro": "AMD",
    "ati ": "AMD",
    "intel": "Intel",
}

Records = Mapping[str, Sequence[Mapping[str, Any]]]


class Adapter(msgspec.Struct, frozen=True):
    """An adapter as DXGI describes it; memory in bytes."""

    name: str
    vendor_id: int
    dedicated: int
    shared: int


def host() -> System:
    """Return edition, version and build."""
    return System(
        "windows",
        None,
        known(f"Windows {platform.release()}"),
        known(platform.version()),
        known(platform.version()),
    )


async def records() -> Records:
    """Ask WMI.

    Raises:
        ToolError: it does not work, or answers something else.
    """
    command = ("powershell", "-NoProfile", "-NonInteractive", "-Command", SCRIPT)
    return parse(await output_of(*command, limit=LIMIT))


def parse(text: str) -> Records:
    """Read what the script prints.

    Raises:
        ToolError: it is something else.
    """
    try:
        return msgspec.json.decode(text, type=dict[str, list[dict[str, Any]]])
    except msgspec.DecodeError as error:
        raise ToolError(f"powershell: {error}") from None


def cpu(found: Records, *, cores: int | None, threads: int | None) -> Cpu:
    """Return the processors; their numbers of cores and threads are known already."""
    processors = found.get("processors", [])
    first: Mapping[str, Any] = processors[0] if processors else {}
    return Cpu(
        known(first.get("Manufacturer")),
        known(first.get("Name")),
        len(processors) or None,
        cores,
        threads,
    )


def environment(found: Records) -> Environment:
    """Say whether this is a virtual machine."""
    for record in found.get("system", []):
        words = f"{record.get('Manufacturer')} {record.get('Model')}".lower()
        for word, name in _MACHINES.items():
            if word in words:
                return Environment("virtual_machine", name)
    return Environment()


def gpus(
    known_already: Sequence[Accelerator], adapters: Sequence[Adapter], found: Records
) -> list[Accelerator]:
    """Return all GPUs, each once: what `nvidia-smi` knows, then DXGI, then WMI.

    Equal vendor and model are the same GPU, as often as the first list has it; drivers are
    filled in from WMI.
    """
    described = [
        Accelerator(
            vendor=VENDORS.get(adapter.vendor_id),
            model=known(adapter.name),
            memory_kind="dedicated" if adapter.dedicated else "shared_system",
            memory=adapter.dedicated or adapter.shared or None,
        )
        for adapter in adapters
        if not _is_software(adapter.name)
    ]
    controllers = [
        Accelerator(
            vendor=vendor_of(f"{record.get('AdapterCompatibility')} {record.get('Name')}"),
            model=known(record.get("Name")),
            driver_version=known(record.get("DriverVersion")),
        )
        for record in found.get("adapters", [])
        if not _is_software(str(record.get("Name")))
    ]
    return _joined(_joined(known_already, described), controllers)


def vendor_of(words: str) -> str | None:
    """Return the vendor that these words name."""
    return next((name for word, name in _VENDORS.items() if word in words.lower()), None)


def _is_software(name: str) -> bool:
    return any(re.search(word, name, re.IGNORECASE) for word in _SOFTWARE)


def _joined(first: Sequence[Accelerator], second: Sequence[Accelerator]) -> list[Accelerator]:
    """Fill the gaps of each with one of the second of its vendor and model; append the others."""
    rest = list(second)
    whole = []
    for each in first:
        twin = next((o for o in rest if (o.vendor, o.model) == (each.vendor, each.model)), None)
        if twin is not None:
            rest.remove(twin)
        whole.append(each if twin is None else filled(each, twin))
    return [*whole, *rest]
