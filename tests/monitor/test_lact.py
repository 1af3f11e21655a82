"""GPUs by the daemon of LACT (spec/monitoring.md 1.5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.monitor.machine import first, lact

from hotbay.monitor.gpu.lact import Device, Lact, gpu_of, socket_path
from hotbay.monitor.gpu.source import SourceError
from hotbay.monitor.samples import Gpu

DEVICE = {"id": "1002:747E-1DA2-E471-0000:03:00.0", "name": "Radeon RX 7800 XT"}
STATS = {
    "fan": {"pwm_current": 51, "speed_current": 900},
    "vram": {"total": 17163091968, "used": 6865236787},
    "power": {"average": None, "current": 41.5, "cap_current": 263.0},
    "temps": {
        "edge": {"current": 47.0},
        "junction": {"current": 55.0},
        "mem": {"current": 62.0},
    },
    "busy_percent": 12,
}
SEEN = Gpu(
    id=0,
    name="Radeon RX 7800 XT",
    uuid="1002:747E-1DA2-E471-0000:03:00.0",
    temp_c=47,
    vram_temp_c=62,
    gpu_util_pct=12,
    mem_used_mb=6547,
    mem_total_mb=16368,
    fan_speed_pct=20,
    power_draw_w=41.5,
)


def seen(**changed: Any) -> Gpu:
    """Return what the statistics say with these parts in the place of others."""
    found = gpu_of(0, Device(DEVICE["id"], DEVICE["name"]), {**STATS, **changed})
    assert found is not None
    return found


def test_statistics_are_a_gpu() -> None:
    assert seen() == SEEN


@pytest.mark.parametrize(
    ("temps", "temperature", "of_memory"),
    [
        ({"edge": {"current": 40}, "junction": {"current": 50}}, 40, 0),
        ({"edge": {"current": None}, "junction": {"current": 50}}, 50, 0),
        ({"GPU": {"current": 61.9}, "VRAM": {"current": 70}}, 61, 70),
        ({"mem": {"current": -5}, "edge": None}, -5, 0),
        ({}, 0, 0),
        (None, 0, 0),
    ],
)
def test_the_temperature_is_that_of_the_best_sensor(
    temps: object, temperature: int, of_memory: int
) -> None:
    gpu = seen(temps=temps)
    assert (gpu.temp_c, gpu.vram_temp_c) == (temperature, of_memory)


@pytest.mark.parametrize(
    ("power", "watts"),
    [
        ({"average": 88.5, "current": 90}, 88.5),
        ({"average": 0, "current": 90}, 90),
        ({"current": None}, 0),
        (None, 0),
    ],
)
def test_the_average_power_comes_first(power: object, watts: float) -> None:
    assert seen(power=power).power_draw_w == watts


@pytest.mark.parametrize("vram", [None, {}, {"total": 0}, {"total": None, "used": 5}])
def test_a_device_without_memory_is_left_out(vram: object) -> None:
    assert gpu_of(0, Device("x"), {**STATS, "vram": vram}) is None


def test_missing_parts_are_unknown() -> None:
    gpu = gpu_of(2, Device("x"), {"vram": {"total": 1 << 30}})
    assert gpu == Gpu(id=2, uuid="x", mem_total_mb=1024)


def daemon(
    path: Path, answer: Callable[[dict[str, Any]], dict[str, Any]]
) -> AbstractAsyncContextManager[None]:
    return lact(path, lambda line: json.dumps(answer(json.loads(line))).encode())


def ok(data: object) -> dict[str, Any]:
    return {"status": "ok", "data": data}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "lactd.sock"
    monkeypatch.setenv("LACT_DAEMON_SOCKET_PATH", str(path))
    return path


async def test_every_device_is_asked_over_the_socket(path: Path) -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request["command"] == "list_devices":
            return ok([{"id": "broken"}, {"id": "iGPU", "name": None}, DEVICE])
        if request["args"]["id"] == "broken":
            return {"status": "error", "data": "no such device"}
        return ok({"vram": None} if request["args"]["id"] == "iGPU" else STATS)

    async with daemon(path, answer):
        (gpu,) = await first(Lact())
    assert (gpu.id, gpu.uuid, gpu.mem_used_mb) == (2, DEVICE["id"], 6547)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"status": "error", "data": "busy"}, "list_devices: busy"),
        ({"status": "ok", "data": []}, "it knows no devices"),
        ({"status": "ok", "data": {"id": 3}}, "list_devices: Expected `array`"),
        ({"status": "ok"}, "list_devices: Expected `array`"),
    ],
)
async def test_without_a_list_of_devices_it_is_not_used(
    path: Path, answer: dict[str, Any], reason: str
) -> None:
    async with daemon(path, lambda _: answer):
        with pytest.raises(SourceError, match=reason):
            await first(Lact())


@pytest.mark.parametrize("said", [b"", b"\xff nonsense", b"[]"])
async def test_nonsense_is_an_error(path: Path, said: bytes) -> None:
    async with lact(path, lambda _: said):
        with pytest.raises(SourceError, match="list_devices: "):
            await first(Lact())


async def test_without_a_daemon_it_is_not_used(path: Path) -> None:
    async with lact(path, bytes):
        pass
    with pytest.raises(SourceError, match=r"lactd\.sock: (Connection refused|No such file)"):
        await first(Lact())


def test_a_named_socket_counts_only_if_it_exists(path: Path) -> None:
    path.touch()
    assert socket_path() == path
    path.unlink()
    assert socket_path() != path
