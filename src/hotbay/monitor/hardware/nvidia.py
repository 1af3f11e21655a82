"""NVIDIA's GPUs as `nvidia-smi` lists them (spec/monitoring.md 2.3). Owns no state."""

from __future__ import annotations

import csv
import re
from dataclasses import replace

from hotbay.monitor.hardware.facts import Accelerator, known, positive
from hotbay.monitor.samples import MIB
from hotbay.monitor.tools import ToolError, output_of

FIELDS = "index,name,uuid,pci.bus_id,memory.total,driver_version,power.limit"
LIMIT = 3.0
"""Seconds for each of up to three calls."""

_GENERATIONS = {
    "Fermi": "2.0 2.1",
    "Kepler": "3.0 3.2 3.5 3.7",
    "Maxwell": "5.0 5.2 5.3",
    "Pascal": "6.0 6.1 6.2",
    "Volta": "7.0 7.2",
    "Turing": "7.5",
    "Ampere": "8.0 8.6 8.7",
    "Ada Lovelace": "8.9",
    "Hopper": "9.0",
    "Blackwell": "10.0 10.3 11.0 12.0 12.1",
}
ARCHITECTURES = {
    capability: name for name, those in _GENERATIONS.items() for capability in those.split()
}
"""Architecture by compute capability, from NVIDIA's table of CUDA GPUs."""

_BUS = re.compile(r"(?:([0-9a-f]+):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])")


async def nvidia_gpus() -> list[Accelerator]:
    """Ask the program.

    Raises:
        ToolError, ValueError: it does not work, or answers something else.
    """
    gpus = parse(await _query(FIELDS))
    families = await _families(sorted(gpus))
    return [replace(gpu, architecture=families.get(index)) for index, gpu in sorted(gpus.items())]


def parse(text: str) -> dict[int, Accelerator]:
    """Read the list, by the program's indices.

    Raises:
        ValueError: a line has not seven columns, or no number in the first.
    """
    gpus = {}
    for row in csv.reader(text.splitlines(), strict=True):
        if not row:
            continue
        index, name, uuid, bus, memory, version, power = (field.strip() for field in row)
        size = positive(memory)
        gpus[int(index)] = Accelerator(
            identity=bus_identity(bus) or known(uuid) or "",
            vendor="NVIDIA",
            model=known(name),
            memory_kind="dedicated" if size else "unknown",
            memory=int(size * MIB) if size else None,
            driver="NVIDIA",
            driver_version=known(version),
            power_limit=positive(power),
        )
    return gpus


def bus_identity(bus: str) -> str:
    """Return a PCI address in the kernel's spelling, as `0000:01:00.0`; "" if it is none."""
    match = _BUS.fullmatch(bus.strip().lower())
    return f"{int(match[1] or '0', 16):04x}:{match[2]}" if match else ""


def parse_pairs(text: str) -> dict[int, str]:
    """Read lines of an index and a word.

    Raises:
        ValueError: one is something else.
    """
    rows = [line.split(",") for line in text.splitlines() if line.strip()]
    return {int(index): word.strip() for index, word in rows}


async def _families(indices: list[int]) -> dict[int, str]:
    """Return the architecture of each GPU for which the program tells it in one way or other."""
    try:
        named = parse_pairs(await _query("index,architecture"))
    except (ToolError, ValueError):  # many versions do not know that column
        named = {}
    found = {index: name for index, word in named.items() if (name := known(word))}
    if all(index in found for index in indices):
        return found
    try:
        capabilities = parse_pairs(await _query("index,compute_cap"))
    except (ToolError, ValueError):
        capabilities = {}
    by_table = {i: ARCHITECTURES[c] for i, c in capabilities.items() if c in ARCHITECTURES}
    return by_table | found


async def _query(fields: str) -> str:
    return await output_of(
        "nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits", limit=LIMIT
    )
