"""AMD and Intel GPUs by what their drivers show in /sys, if no tool of theirs is there.

The files of `amdgpu` are described in the kernel's documentation (gpu/amdgpu/thermal.rst and
driver-misc.rst), those of `i915` and `xe` in ABI/testing/sysfs-driver-intel-{i915,xe}-hwmon and in
the drivers' own notes on idle residency. Owns the counters seen last, as Intel's drivers count
energy and idle time.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path

from hotbay.monitor.drm import Card, cards, int_of, text_of
from hotbay.monitor.gpu.source import Gpus, SourceError, polled, share
from hotbay.monitor.samples import MIB, Gpu

_IDLE = ("tile0/gt0/gtidle/idle_residency_ms", "drm/card*/gt/gt0/rc6_residency_ms")
"""Milliseconds that the engines have been asleep: `xe`, `i915`."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What one card had used when it was looked at; `at` is in seconds, None is unknown."""

    at: float
    energy_uj: int | None
    idle_ms: int | None


class Sysfs:
    """The files of all cards."""

    name = "sysfs"

    def __init__(self, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic) -> None:
        """Read below `root`; `clock` tells seconds."""
        self._root = root
        self._clock = clock
        self._seen: dict[int, Counters] = {}

    def batches(self, every: float) -> AsyncGenerator[Gpus, None]:
        """Yield what the files say."""
        return polled(self._round, every)

    async def _round(self) -> Gpus:
        return self.read()

    def read(self) -> Gpus:
        """Read every card.

        Raises:
            SourceError: there is none that tells anything.
        """
        gpus = [gpu for card in cards(self._root) if (gpu := self._gpu(card))]
        if not gpus:
            raise SourceError("no card's driver tells how it is")
        return gpus

    def _gpu(self, card: Card) -> Gpu | None:
        if card.driver == "amdgpu":
            return _amd(card)
        if card.driver in {"i915", "xe"}:
            return self._intel(card)
        return None

    def _intel(self, card: Card) -> Gpu | None:
        hwmon = _hwmon(card)
        if hwmon is None:  # built into the processor: no sensors, no memory of its own
            return None
        now = Counters(
            self._clock(), _first(hwmon, "energy1_input", "energy2_input"), _idle_ms(card)
        )
        before = self._seen.get(card.index, now)
        self._seen[card.index] = now
        temperatures = _temperatures(hwmon)
        return Gpu(
            id=card.index,
            name=_name(card),
            temp_c=temperatures.get("pkg", temperatures.get("", 0)),
            vram_temp_c=temperatures.get("vram", 0),
            gpu_util_pct=busy_percent(before, now),
            power_draw_w=watts(before, now),
        )


def watts(before: Counters, now: Counters) -> float:
    """Return the mean power between two looks; 0 if unknown or a counter began anew."""
    elapsed = now.at - before.at
    if elapsed <= 0 or before.energy_uj is None or now.energy_uj is None:
        return 0
    return max(0, now.energy_uj - before.energy_uj) / 1e6 / elapsed


def busy_percent(before: Counters, now: Counters) -> float:
    """Return the share of time between two looks in which the engines were awake."""
    elapsed = (now.at - before.at) * 1000
    if elapsed <= 0 or before.idle_ms is None or now.idle_ms is None:
        return 0
    return share(100 - (now.idle_ms - before.idle_ms) / elapsed * 100)


def _amd(card: Card) -> Gpu:
    device, hwmon = card.device, _hwmon(card) or card.device
    temperatures = _temperatures(hwmon)
    fan, fastest = int_of(hwmon / "fan1_input"), int_of(hwmon / "fan1_max")
    return Gpu(
        id=card.index,
        name=_name(card),
        uuid=text_of(device / "unique_id"),
        temp_c=temperatures.get("edge", temperatures.get("junction", temperatures.get("", 0))),
        vram_temp_c=temperatures.get("mem", 0),
        gpu_util_pct=share(int_of(device / "gpu_busy_percent") or 0),
        mem_used_mb=(int_of(device / "mem_info_vram_used") or 0) // MIB,
        mem_total_mb=(int_of(device / "mem_info_vram_total") or 0) // MIB,
        fan_speed_pct=share(fan / fastest * 100) if fan and fastest else 0,
        power_draw_w=(_first(hwmon, "power1_average", "power1_input") or 0) / 1e6,
    )


def _name(card: Card) -> str:
    return text_of(card.device / "product_name") or f"{card.vendor} card{card.index}"


def _hwmon(card: Card) -> Path | None:
    """Return the directory of a card's sensors (kernel documentation, hwmon/sysfs-interface)."""
    return min((card.device / "hwmon").glob("hwmon*"), default=None)


def _temperatures(hwmon: Path) -> dict[str, int]:
    """Return °C by the sensors' labels; a sensor without one is ""."""
    found: dict[str, int] = {}
    for file in sorted(hwmon.glob("temp*_input")):
        value = int_of(file)
        if value is not None:
            label = text_of(file.with_name(file.name.replace("_input", "_label")))
            found.setdefault(label, value // 1000)
    return found


def _idle_ms(card: Card) -> int | None:
    for pattern in _IDLE:
        for file in card.device.glob(pattern):
            return int_of(file)
    return None


def _first(folder: Path, *names: str) -> int | None:
    return next((value for name in names if (value := int_of(folder / name)) is not None), None)
