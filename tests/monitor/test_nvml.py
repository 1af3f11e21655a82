"""NVIDIA GPUs by their own library."""

from __future__ import annotations

import sys

import pytest
from tests.monitor.machine import first
from tests.monitor.nvml import Nvml as Driver

from hotbay.monitor.gpu.nvml import Nvml
from hotbay.monitor.gpu.source import SourceError
from hotbay.monitor.samples import Gpu


async def test_what_a_card_does_not_support_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver()
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    assert list(await first(Nvml())) == [
        Gpu(
            id=0,
            name="NVIDIA H100",
            uuid="GPU-0",
            temp_c=40,
            vram_temp_c=77,
            gpu_util_pct=93,
            mem_used_mb=10240,
            mem_total_mb=81920,
            fan_speed_pct=55,
            power_draw_w=350.25,
        ),
        Gpu(
            id=1,
            name="Tesla K80",
            uuid="GPU-1",
            temp_c=41,
            mem_used_mb=10240,
            mem_total_mb=81920,
        ),
    ]
    assert driver.opened == 0


async def test_an_old_driver_counts_what_it_reserves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Driver(old=True))
    assert {gpu.mem_used_mb for gpu in await first(Nvml())} == {11264}


async def test_without_driver_it_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Driver(driver=False))
    with pytest.raises(SourceError, match="Shared Library Not Found"):
        await first(Nvml())


async def test_without_the_extra_it_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(SourceError, match="nvidia-ml-py is not installed"):
        await first(Nvml())


async def test_without_cards_it_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver()
    driver.count = 0
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    with pytest.raises(SourceError, match="it knows no GPUs"):
        await first(Nvml())
    assert driver.opened == 0
