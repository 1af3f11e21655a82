"""AMD GPUs by `rocm-smi`, run for each round (spec/monitoring.md 1.5). Owns no state."""

from __future__ import annotations

import csv
from collections.abc import AsyncGenerator, Mapping

from hotbay.monitor.gpu.source import Gpus, SourceError, number, polled, share, whole
from hotbay.monitor.samples import MIB, Gpu
from hotbay.monitor.tools import ToolError, output_of

ARGUMENTS = ("-i", "-P", "-t", "-f", "-u", "--showmemuse", "--showmeminfo", "vram")
LIMIT = 5.0
"""Seconds after which it is killed."""


def parse(text: str) -> Gpus:
    """Read its table; columns are found by their exact names, as set and order differ."""
    header: list[str] = []
    gpus = []
    for fields in csv.reader(text.splitlines()):
        if fields[:1] == ["device"]:
            header = fields
        elif header and len(fields) == len(header):
            row = dict(zip(header, map(str.strip, fields), strict=True))
            if gpu := _gpu(row):
                gpus.append(gpu)
    return gpus


def _gpu(row: Mapping[str, str]) -> Gpu | None:
    device = row["device"]
    index = device.removeprefix("card")
    if not (index.isascii() and index.isdigit()) or index == device:
        return None
    return Gpu(
        id=int(index),
        name=_name(row),
        uuid=row.get("GUID", ""),
        temp_c=whole(row.get("Temperature (Sensor edge) (C)")),
        vram_temp_c=whole(row.get("Temperature (Sensor memory) (C)")),
        gpu_util_pct=share(row.get("GPU use (%)")),
        mem_used_mb=whole(row.get("VRAM Total Used Memory (B)")) // MIB,
        mem_total_mb=whole(row.get("VRAM Total Memory (B)")) // MIB,
        fan_speed_pct=share(row.get("Fan speed (%)")),
        power_draw_w=number(row.get("Average Graphics Package Power (W)"))
        or number(row.get("Current Socket Graphics Package Power (W)")),
    )


def _name(row: Mapping[str, str]) -> str:
    for column in ("Card Series", "Device Name"):
        if row.get(column, "") not in {"", "N/A"}:
            return f"{row[column]} {row['device']} ({row.get('GFX Version', '')})"
    return row["device"]


class RocmSmi:
    """The program; each round is a run."""

    name = "rocm-smi"

    def batches(self, every: float) -> AsyncGenerator[Gpus, None]:
        """Yield what it prints."""
        return polled(self._round, max(1.0, every))

    async def _round(self) -> Gpus:
        try:
            text = await output_of(
                "rocm-smi", *ARGUMENTS, "--showproductname", "--csv", limit=LIMIT
            )
        except ToolError as error:
            raise SourceError(str(error)) from None
        if not (gpus := parse(text)):
            raise SourceError("rocm-smi: it knows no cards")
        return gpus
