"""Which processes use memory of GPUs: by NVIDIA's library or by `nvidia-smi`. Owns no state.

Both see only processes of their own process namespace: in a container without the host's, none.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from types import ModuleType
from typing import NamedTuple

from hotbay.monitor.gpu.nvml import library
from hotbay.monitor.gpu.source import SourceError, whole
from hotbay.monitor.samples import MIB
from hotbay.monitor.tools import ToolError, output_of

LIMIT = 3.0
"""Seconds after which `nvidia-smi` is killed."""


class GpuProcess(NamedTuple):
    """A process and what it uses of one GPU; `memory` is in bytes."""

    pid: int
    uuid: str
    name: str
    memory: int


async def gpu_processes() -> list[GpuProcess]:
    """Return every process on every GPU.

    Raises:
        SourceError: nobody can tell.
    """
    try:
        with library() as nvml:
            return read(nvml)
    except SourceError:
        return await _by_program()


def read(nvml: ModuleType) -> list[GpuProcess]:
    """Ask the library, about programs that compute and those that draw.

    Raises:
        SourceError: the driver does not answer.
    """
    found: dict[tuple[int, str], GpuProcess] = {}
    try:
        for index in range(nvml.nvmlDeviceGetCount()):
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid, name = nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle)
            for process in (
                *nvml.nvmlDeviceGetComputeRunningProcesses(handle),
                *nvml.nvmlDeviceGetGraphicsRunningProcesses(handle),
            ):
                if process.usedGpuMemory:  # Windows does not tell
                    # The same in both lists, if it is in both.
                    one = GpuProcess(process.pid, str(uuid), str(name), process.usedGpuMemory)
                    found[one.pid, one.uuid] = one
    except nvml.NVMLError as error:
        raise SourceError(str(error)) from None
    return list(found.values())


async def _by_program() -> list[GpuProcess]:
    query = "--query-compute-apps=pid,gpu_uuid,gpu_name,used_gpu_memory"
    try:
        text = await output_of("nvidia-smi", query, "--format=csv,noheader,nounits", limit=LIMIT)
    except ToolError as error:
        raise SourceError(str(error)) from None
    return list(parse(text.splitlines()))


def parse(lines: Iterable[str]) -> Iterable[GpuProcess]:
    """Read what the program prints; a process whose memory is not told is left out."""
    for row in csv.reader(lines):
        fields = [field.strip() for field in row]
        if len(fields) == 4 and (memory := whole(fields[3])):
            yield GpuProcess(whole(fields[0]), fields[1], fields[2], memory * MIB)
