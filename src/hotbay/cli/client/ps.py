"""`hotbay ps`: the model servers that run, and what they use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotbay.cli.client.connection import Server
from hotbay.cli.client.formats import duration, json_text, size, table

HEADINGS = ("MODEL", "STATE", "PID", "UPTIME", "MEMORY", "GPU MEMORY", "SERVING", "WAITING", "LOAD")


def ps(server: Server, *, as_json: bool) -> int:
    """Print a line for each model server that is not stopped or is waited for."""
    answer = server.get("/api/x/servers")
    if as_json:
        print(json_text(answer))
        return 0
    shown = [s for s in answer["servers"] if s["state"] != "stopped" or s["waiting"]]
    if not shown:
        print("no model is loaded")
        return 0
    print("\n".join(table([HEADINGS, *map(row, shown)], left=2)))
    return 0


def row(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of a model server."""
    gpus = [gpu["memory_bytes"] for gpu in found["gpus"]]
    return (
        found["model"],
        found["state"],
        str(found["pid"] or "-"),
        duration(found["uptime"]),
        size(found["rss_bytes"]),
        size(sum(gpus) if gpus else None),
        str(found["in_flight"]),
        str(found["waiting"]),
        duration(found["load_time"]),
    )
