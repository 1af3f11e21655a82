"""AMD's GPUs as `rocm-smi` lists them (spec/monitoring.md 2.3). Owns no state."""

from __future__ import annotations

import csv
from collections.abc import Mapping

from hotbay.monitor.hardware.facts import Accelerator, known, positive
from hotbay.monitor.hardware.nvidia import bus_identity
from hotbay.monitor.tools import ToolError, output_of

ARGUMENTS = ("-i", "--showmeminfo", "vram", "--showproductname")
MORE = ("--showdriverversion", "--showmaxpower")
"""What some versions do not know."""
LIMIT = 4.0
"""Seconds for each of up to two calls."""


async def rocm_gpus() -> list[Accelerator]:
    """Ask the program.

    Raises:
        ToolError: it does not work.
    """
    try:
        text = await output_of("rocm-smi", *ARGUMENTS, *MORE, "--showbus", "--csv", limit=LIMIT)
    except ToolError:
        text = await output_of("rocm-smi", *ARGUMENTS, "--showbus", "--csv", limit=LIMIT)
    return parse(text)


def parse(text: str) -> list[Accelerator]:
    """Read the table; columns are found by their names, whatever their case."""
    header: list[str] = []
    gpus = []
    for row in csv.reader(text.splitlines()):
        if row[:1] == ["device"]:
            header = [name.strip().lower() for name in row]
        elif header and len(row) == len(header) and row[0].startswith("card"):
            gpus.append(_accelerator(dict(zip(header, row, strict=True))))
    return gpus


def _accelerator(row: Mapping[str, str]) -> Accelerator:
    def first(*columns: str) -> str | None:
        return next((text for name in columns if (text := known(row.get(name)))), None)

    bus = first("pci bus", "pci bus id", "bus") or ""
    size = positive(row.get("vram total memory (b)"))
    return Accelerator(
        identity=bus_identity(bus) or first("guid", "unique id") or "",
        vendor="AMD",
        model=first("card series", "device name", "card model"),
        architecture=first("gfx version"),
        memory_kind="dedicated" if size else "unknown",
        memory=int(size) if size else None,
        driver="amdgpu",
        driver_version=first("driver version"),
        power_limit=positive(row.get("max graphics package power (w)"))
        or positive(row.get("maximum graphics package power (w)")),
    )
