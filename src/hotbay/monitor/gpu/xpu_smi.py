"""Intel GPUs by `xpu-smi`, Intel's XPU System Management Interface.

`discovery` tells once what there is, `dump` is then run for each round. Its columns are those of
the metric numbers in Intel's user guide of xpu-smi. Owns no state.
"""

from __future__ import annotations

import csv
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec

from hotbay.monitor.gpu.source import Gpus, SourceError, number, polled, share, whole
from hotbay.monitor.samples import MIB, Gpu
from hotbay.monitor.tools import ToolError, output_of

METRICS = "0,1,3,4,18"
"""Utilisation, power, temperature of the core and of the memory, used memory."""
LIMIT = 5.0
"""Seconds after which it is killed."""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device as `discovery -j` describes it; the size is told only of a single device."""

    device_id: int
    device_name: str = ""
    uuid: str = ""
    memory_physical_size_byte: str | int = 0


def parse_devices(text: str) -> list[Device]:
    """Read the list of devices.

    Raises:
        SourceError: it is no such list, or empty.
    """
    try:
        found: Mapping[str, Any] = msgspec.json.decode(text)
        devices = msgspec.convert(found["device_list"], list[Device])
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise SourceError(f"xpu-smi: unexpected list of devices: {error!r}") from None
    if not devices:
        raise SourceError("xpu-smi: it knows no devices")
    return devices


def parse_device(text: str) -> Device:
    """Read what is told of one device.

    Raises:
        SourceError: it is something else.
    """
    try:
        return msgspec.json.decode(text, type=Device)
    except msgspec.DecodeError as error:
        raise SourceError(f"xpu-smi: unexpected device: {error}") from None


def parse_dump(text: str, devices: Mapping[int, Device]) -> Gpus:
    """Read a dump: a header, then a line for each device, whose fields may be `N/A`."""
    rows = [[field.strip() for field in row] for row in csv.reader(text.splitlines())]
    header = next((row for row in rows if "DeviceId" in row), [])
    gpus = []
    for row in rows:
        values = dict(zip(header, row, strict=False))
        device = devices.get(whole(values.get("DeviceId")))
        if row is header or len(row) != len(header) or device is None:
            continue
        gpus.append(
            Gpu(
                id=device.device_id,
                name=device.device_name,
                uuid=device.uuid,
                temp_c=whole(values.get("GPU Core Temperature (Celsius Degree)")),
                vram_temp_c=whole(values.get("GPU Memory Temperature (Celsius Degree)")),
                gpu_util_pct=share(values.get("GPU Utilization (%)")),
                mem_used_mb=whole(values.get("GPU Memory Used (MiB)")),
                mem_total_mb=whole(device.memory_physical_size_byte) // MIB,
                power_draw_w=number(values.get("GPU Power (W)")),
            )
        )
    return gpus


class XpuSmi:
    """The program; each round is a run."""

    name = "xpu-smi"

    async def batches(self, every: float) -> AsyncGenerator[Gpus, None]:
        """Yield what it dumps of the devices that were there at the beginning."""
        listed = parse_devices(await _run("discovery", "-j"))
        devices = {}
        for device in listed:
            number_ = str(device.device_id)
            devices[device.device_id] = parse_device(await _run("discovery", "-d", number_, "-j"))

        async def read() -> Gpus:
            return parse_dump(await _run("dump", "-d", "-1", "-m", METRICS, "-n", "1"), devices)

        async for gpus in polled(read, max(1.0, every)):
            yield gpus


async def _run(*arguments: str) -> str:
    try:
        return await output_of("xpu-smi", *arguments, limit=LIMIT)
    except ToolError as error:
        raise SourceError(str(error)) from None
