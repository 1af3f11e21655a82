"""The screen of `hotbay top`, drawn with rich. Pure: a moment goes in, its picture comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hotbay.cli.client.formats import duration, printable, size, speed
from hotbay.cli.client.present import Frame

MIB = 1 << 20
COLOURS = {"ready": "green", "starting": "yellow", "stopping": "magenta", "stopped": "dim"}


def draw(frame: Frame, *, requests: int = 20) -> RenderableType:
    """Return the screen, with at most so many requests."""
    return Group(*_parts(frame, requests))


def _parts(frame: Frame, requests: int) -> Iterator[RenderableType]:
    yield _title(frame)
    if frame.gpus:
        yield _gpus(frame)
    yield _models(frame)
    if frame.requests:
        yield _requests(frame, requests)


def _title(frame: Frame) -> Text:
    words = [f"hotbay {frame.version} at {frame.url}"]
    if host := frame.host:
        cores = host["cpu_util_per_core"]
        words.append(f"CPU {sum(cores) / len(cores):.0f}% of {len(cores)}" if cores else "CPU -")
        total, used = host["mem_total_mb"] * MIB, host["mem_used_mb"] * MIB
        words.append(f"memory {size(used)} of {size(total)}")
        words.append(f"load {host['load_avg_1']:.2f}")
    return Text(printable(" \N{MIDDLE DOT} ".join(words)), style="bold")


def _table(*columns: str, left: int = 1) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold cyan", title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < left else "right", no_wrap=True)
    return table


def _cells(*texts: object) -> list[Text]:
    """Return cells; a Text of its own for each, as a string could contain markup."""
    return [text if isinstance(text, Text) else Text(printable(text)) for text in texts]


def _gpus(frame: Frame) -> Table:
    table = _table("GPU", "NAME", "BUSY", "MEMORY", "TEMP", "FAN", "POWER", left=2)
    for gpu in frame.gpus:
        used, total = gpu["mem_used_mb"] * MIB, gpu["mem_total_mb"] * MIB
        table.add_row(
            *_cells(
                gpu["id"],
                gpu["name"],
                f"{gpu['gpu_util_pct']:.0f}%",
                f"{size(used)} of {size(total)}",
                f"{gpu['temp_c']}\N{DEGREE SIGN}C" if gpu["temp_c"] else "-",
                f"{gpu['fan_speed_pct']:.0f}%",
                f"{gpu['power_draw_w']:.0f} W",
            )
        )
    return table


def _models(frame: Frame) -> Table:
    table = _table(
        "MODEL",
        "STATE",
        "MEMORY",
        "GPU MEMORY",
        "SERVING",
        "WAITING",
        "OUTPUT/S",
        "UPTIME",
        "LOAD",
        left=2,
    )
    swaps = {swap["target"]: swap for swap in frame.swaps}
    for server in frame.servers:
        gpus = [gpu["memory_bytes"] for gpu in server["gpus"]]
        table.add_row(
            *_cells(
                server["model"],
                _state(server, swaps.get(server["model"])),
                size(server["rss_bytes"]),
                size(sum(gpus) if gpus else None),
                server["in_flight"],
                server["waiting"],
                speed(frame.speeds.get(server["model"])),
                duration(server["uptime"]),
                duration(server["load_time"]),
            )
        )
    return table


def _state(server: Mapping[str, Any], swap: Mapping[str, Any] | None) -> Text:
    state = str(server["state"])
    style = COLOURS.get(state, "")
    if swap is not None and swap["evict"] and swap["phase"] == "evicting":
        return Text(printable(f"{state}, stops {', '.join(swap['evict'])}"), style="yellow")
    if state == "stopped" and server["last_failure"]:
        return Text("failed", style="red")
    return Text(state, style=style)


def _requests(frame: Frame, limit: int) -> Table:
    table = _table("REQUEST", "MODEL", "PHASE", "FROM", "TIME", "SENT", left=4)
    for request in frame.requests[:limit]:
        table.add_row(
            *_cells(
                request["id"],
                request["model"],
                _phase(request),
                request["remote_ip"],
                duration(request["seconds"]),
                size(request["resp_bytes"]),
            )
        )
    if len(frame.requests) > limit:
        table.add_row(*_cells(f"and {len(frame.requests) - limit} more"))
    return table


def _phase(request: Mapping[str, Any]) -> str:
    phase, wait = str(request.get("phase", "")), request.get("wait")
    if not wait:
        return phase
    place = f"{wait['position']}. in the queue, " if wait["position"] else ""
    return f"{phase}: {place}{wait['kind']} {', '.join(wait['models'])}".rstrip()
