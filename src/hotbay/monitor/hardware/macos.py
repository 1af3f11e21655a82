"""Chip, GPUs and surroundings of a Mac (spec/monitoring.md 2.4). Owns no state."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from hotbay.monitor.hardware.facts import Accelerator, Cpu, Environment, System, known
from hotbay.monitor.tools import ToolError, output_of

PROFILER = ("system_profiler", "-json", "SPHardwareDataType", "SPDisplaysDataType")
LIMIT = 8.0
_VENDORS = {"apple": "Apple", "amd": "AMD", "ati": "AMD", "intel": "Intel", "nvidia": "NVIDIA"}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(KB|MB|GB|TB)?", re.IGNORECASE)
_UNITS = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


def host() -> System:
    """Return the version of macOS and of its kernel."""
    return System("macos", None, "macOS", known(platform.mac_ver()[0]), platform.release())


async def profile() -> Mapping[str, Any]:
    """Ask `system_profiler`.

    Raises:
        ToolError: it does not work, or answers something else.
    """
    text = await output_of(*PROFILER, limit=LIMIT)
    try:
        return msgspec.json.decode(text, type=dict[str, list[dict[str, Any]]])
    except msgspec.DecodeError as error:
        raise ToolError(f"system_profiler: {error}") from None


def cpu(profiled: Mapping[str, Any], *, cores: int | None, threads: int | None) -> Cpu:
    """Return the chip; its numbers of cores and threads are known already."""
    records = profiled.get("SPHardwareDataType", [])
    chips = [known(r.get("chip_type")) or known(r.get("cpu_type")) for r in records]
    model = next(filter(None, chips), None)
    vendor = "Apple" if model and model.startswith("Apple ") else None
    return Cpu(vendor, model, max(1, len(records)), cores, threads)


def gpus(profiled: Mapping[str, Any], memory: int) -> list[Accelerator]:
    """Return the display adapters; `memory` is the machine's, in bytes."""
    return [_gpu(record, memory) for record in profiled.get("SPDisplaysDataType", [])]


def _gpu(record: Mapping[str, Any], memory: int) -> Accelerator:
    model = next(
        filter(None, (known(record.get(k)) for k in ("sppci_model", "chipset_model", "_name"))),
        None,
    )
    vendor = vendor_of(f"{record.get('spdisplays_vendor', '')} {model or ''}")
    metal = any("metal" in key and value for key, value in record.items())
    found = Accelerator(vendor=vendor, model=model, driver="Metal" if metal else None)
    if vendor == "Apple":
        family = re.search(r"\bM\d+\b", model or "")
        architecture = f"Apple {family[0]}" if family else None
        return replace(found, architecture=architecture, memory_kind="unified", memory=memory)
    shared = record.get("spdisplays_vram_shared") == "spdisplays_yes"
    kind = "shared_system" if shared else "dedicated"
    return replace(found, memory_kind=kind, memory=size_of(record))


def vendor_of(text: str) -> str | None:
    """Return the vendor that these words name, as in `sppci_vendor_Apple`."""
    words = re.findall(r"[a-z]+", text.lower())
    return next((name for word, name in _VENDORS.items() if word in words), None)


def size_of(record: Mapping[str, Any]) -> int | None:
    """Return the bytes that `spdisplays_vram` names, as `24 GB`; without a unit they are MB."""
    match = _SIZE.fullmatch(str(record.get("spdisplays_vram", "")).strip())
    size = int(float(match[1]) * _UNITS[(match[2] or "MB").upper()]) if match else 0
    return size or None


async def environment() -> Environment:
    """Say whether this is a virtual machine."""
    said = (await output_of("sysctl", "-n", "kern.hv_vmm_present", limit=2.0)).strip()
    return Environment({"1": "virtual_machine", "0": "native"}.get(said, "unknown"))
