"""Stands for NVIDIA's `pynvml`, which cannot be used without a driver: two cards, one of them old.

Only what is asked of the module; with the names of NVIDIA's NVML API reference.
"""

# ruff: noqa: ARG002, N802, N815 - names and arguments are NVIDIA's

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

GIB = 1 << 30


class NVMLError(Exception):
    """An error of the driver."""


class Nvml(ModuleType):
    """A driver with a card that supports everything and one that supports little."""

    NVMLError = NVMLError
    NVML_TEMPERATURE_GPU = 0
    NVML_FI_DEV_MEMORY_TEMP = 82
    NVML_SUCCESS = 0
    nvmlMemory_v2 = 0x2000028

    def __init__(self, *, driver: bool = True, old: bool = False) -> None:
        super().__init__("pynvml")
        self.opened = 0
        self.count = 2
        self._driver = driver
        self._old = old
        self.processes: dict[int, list[tuple[int, int | None]]] = {}
        self.drawing: dict[int, list[tuple[int, int | None]]] = {}

    def nvmlInit(self) -> None:
        if not self._driver:
            raise NVMLError("NVML Shared Library Not Found")
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, handle: int) -> str:
        return ("NVIDIA H100", "Tesla K80")[handle]

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return f"GPU-{handle}"

    def nvmlDeviceGetMemoryInfo(self, handle: int, version: int | None = None) -> Any:
        if version and self._old:
            raise NVMLError("Function Not Found")
        return SimpleNamespace(total=80 * GIB, used=(10 if version else 11) * GIB)

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:
        return 40 + handle

    def nvmlDeviceGetFieldValues(self, handle: int, fields: list[int]) -> Any:
        value = SimpleNamespace(uiVal=77)
        return [SimpleNamespace(nvmlReturn=0 if handle == 0 else 3, value=value) for _ in fields]

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        self._only_new(handle)
        return SimpleNamespace(gpu=93, memory=50)

    def nvmlDeviceGetFanSpeed(self, handle: int) -> int:
        self._only_new(handle)
        return 55

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        self._only_new(handle)
        return 350_250

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> Any:
        running = self.processes.get(handle, [])
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in running]

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: int) -> Any:
        running = self.drawing.get(handle, [])
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in running]

    def _only_new(self, handle: int) -> None:
        if handle:
            raise NVMLError("Not Supported")
