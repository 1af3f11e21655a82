"""GPUs of all vendors by the daemon of LACT (spec/monitoring.md 1.5).

It speaks JSON, one line each way, over a Unix socket. Owns no state: each round is a connection.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from hotbay.monitor.gpu.source import Gpus, SourceError, number, polled, share, whole
from hotbay.monitor.samples import MIB, Gpu

CONNECT_LIMIT = 2.0
EXCHANGE_LIMIT = 5.0
"""Seconds for a connection, and for all that is said over it."""
LONGEST_ANSWER = 1 << 20
FULL_SPEED = 255
"""The pulse width at which a fan turns as fast as it can."""


class Device(msgspec.Struct, frozen=True):
    """A device as `list_devices` names it."""

    id: str
    name: str | None = None


def socket_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the daemon listens; it may not exist."""
    named = environ.get("LACT_DAEMON_SOCKET_PATH", "")
    system = Path("/run/lactd.sock")
    if named and Path(named).exists():
        return Path(named)
    return system if system.exists() else Path(f"/run/user/{os.getuid()}/lactd.sock")


def gpu_of(index: int, device: Device, stats: Mapping[str, Any]) -> Gpu | None:
    """Read the statistics of one device; any member may be missing or null.

    None: it has no memory of its own, so it is no GPU that models run on.
    """
    vram, fan, power, temps = (_part(stats, part) for part in ("vram", "fan", "power", "temps"))
    total = number(vram.get("total"))
    if total <= 0:
        return None
    average = number(power.get("average"))
    others = [_current(temps, name) for name in temps]
    vram_temp = _current(temps, "mem") or _current(temps, "VRAM")
    return Gpu(
        id=index,
        name=device.name or "",
        uuid=device.id,
        temp_c=whole(
            _current(temps, "edge") or _current(temps, "junction") or next(filter(None, others), 0)
        ),
        vram_temp_c=whole(max(0.0, vram_temp)),
        gpu_util_pct=share(stats.get("busy_percent")),
        mem_used_mb=int(number(vram.get("used"))) // MIB,
        mem_total_mb=int(total) // MIB,
        fan_speed_pct=share(number(fan.get("pwm_current")) / FULL_SPEED * 100),
        power_draw_w=average if average > 0 else number(power.get("current")),
    )


def _part(stats: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = stats.get(name)
    return part if isinstance(part, dict) else {}


def _current(temps: Mapping[str, Any], name: str) -> float:
    return number(_part(temps, name).get("current"))


class Lact:
    """The daemon, asked anew for each round."""

    name = "LACT"

    def batches(self, every: float) -> AsyncGenerator[Gpus, None]:
        """Yield what it says of every device that has memory."""
        return polled(self._round, every)

    async def _round(self) -> Gpus:
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                reader, writer = await asyncio.open_unix_connection(
                    socket_path(), limit=LONGEST_ANSWER
                )
        except TimeoutError:
            raise SourceError("no connection to the daemon") from None
        except OSError as error:
            raise SourceError(f"{socket_path()}: {error.strerror or error}") from None
        try:
            async with asyncio.timeout(EXCHANGE_LIMIT):
                return await _ask_all(reader, writer)
        except TimeoutError:
            raise SourceError(f"no answer within {EXCHANGE_LIMIT:g} seconds") from None
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _ask_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Gpus:
    try:
        answer = await _ask(reader, writer, {"command": "list_devices"})
        devices = msgspec.convert(answer, Sequence[Device])
    except msgspec.ValidationError as error:
        raise SourceError(f"list_devices: {error}") from None
    if not devices:
        raise SourceError("it knows no devices")
    gpus = []
    for index, device in enumerate(devices):
        asked = {"command": "device_stats", "args": {"id": device.id}}
        try:
            stats = await _ask(reader, writer, asked)
        except _DeviceError:
            continue
        if gpu := gpu_of(index, device, stats if isinstance(stats, dict) else {}):
            gpus.append(gpu)
    return gpus


class _DeviceError(SourceError):
    """The daemon has answered that it cannot answer."""


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: dict[str, Any]
) -> Any:
    writer.write(msgspec.json.encode(request) + b"\n")
    try:
        line = await reader.readline()
        answer = msgspec.json.decode(line, type=dict[str, Any])
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise SourceError(f"{request['command']}: {error}") from None
    if answer.get("status") != "ok":
        raise _DeviceError(f"{request['command']}: {answer.get('data')}")
    return answer.get("data")
