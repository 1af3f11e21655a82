"""NVIDIA GPUs by their own library, if `nvidia-ml-py` is there (extra `nvidia`).

The functions are those of NVIDIA's NVML API reference. Calls block for a millisecond or so; they
are made in the monitor's thread. Owns the library's initialisation while samples are wanted.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TypeVar

from hotbay.monitor.gpu.source import Gpus, SourceError, polled
from hotbay.monitor.samples import MIB, Gpu

T = TypeVar("T")


@contextmanager
def library() -> Iterator[ModuleType]:
    """Provide `pynvml`, initialised.

    Raises:
        SourceError: the package or the driver is missing.
    """
    try:
        import pynvml  # noqa: PLC0415 - an extra, and large
    except ImportError:
        raise SourceError("nvidia-ml-py is not installed") from None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise SourceError(str(error)) from None
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def read(nvml: ModuleType) -> Gpus:
    """Read all GPUs; what one does not support is unknown.

    Raises:
        SourceError: the driver does not answer, or there are none.
    """
    try:
        gpus = [_gpu(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError as error:
        raise SourceError(str(error)) from None
    if not gpus:
        raise SourceError("it knows no GPUs")
    return gpus


def _gpu(nvml: ModuleType, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)

    def ask(question: Callable[[], T], unknown: T) -> T:
        try:
            return question()
        except nvml.NVMLError:
            return unknown

    used, total = ask(lambda: _memory(nvml, handle), (0, 0))
    return Gpu(
        id=index,
        name=ask(lambda: str(nvml.nvmlDeviceGetName(handle)), ""),
        uuid=ask(lambda: str(nvml.nvmlDeviceGetUUID(handle)), ""),
        temp_c=ask(lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU), 0),
        vram_temp_c=ask(lambda: _memory_temperature(nvml, handle), 0),
        gpu_util_pct=ask(lambda: float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu), 0.0),
        mem_used_mb=used // MIB,
        mem_total_mb=total // MIB,
        fan_speed_pct=ask(lambda: float(nvml.nvmlDeviceGetFanSpeed(handle)), 0.0),
        power_draw_w=ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000, 0.0),
    )


def _memory(nvml: ModuleType, handle: object) -> tuple[int, int]:
    """Return used and total bytes; as in nvidia-smi, what the driver reserves is not used."""
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
    except nvml.NVMLError:  # a driver before 510
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return memory.used, memory.total


def _memory_temperature(nvml: ModuleType, handle: object) -> int:
    (value,) = nvml.nvmlDeviceGetFieldValues(handle, [nvml.NVML_FI_DEV_MEMORY_TEMP])
    return int(value.value.uiVal) if value.nvmlReturn == nvml.NVML_SUCCESS else 0


class Nvml:
    """The library, in this process."""

    name = "NVML"

    async def batches(self, every: float) -> AsyncGenerator[Gpus, None]:
        """Yield what it says of all GPUs."""
        with library() as nvml:

            async def round_() -> Gpus:
                return read(nvml)

            async for gpus in polled(round_, every):
                yield gpus
