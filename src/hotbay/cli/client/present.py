"""What `hotbay top` shows: the present, as several routes tell it.

Owns what was told last. One thread may take events while another reads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from hotbay.cli.client.connection import Server, ServerError

EVENTS = "/api/x/events?types=queue,inflight,activity"
ROWS = 100
"""Rows of the activity log that are looked through for speeds."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One moment.

    Attributes:
        url: of the server.
        version: of the server.
        servers: as `/api/x/servers` tells.
        host: the newest sample, None if there is none.
        gpus: the newest samples, by ID.
        swaps: under way, as `/api/x/queue` tells.
        requests: in progress, as `/api/x/events` tells, with `seconds` since they came.
        speeds: tokens per second of the last answer, by model.
    """

    url: str
    version: str
    servers: Sequence[Mapping[str, Any]]
    host: Mapping[str, Any] | None = None
    gpus: Sequence[Mapping[str, Any]] = ()
    swaps: Sequence[Mapping[str, Any]] = ()
    requests: Sequence[Mapping[str, Any]] = ()
    speeds: Mapping[str, float] = field(default_factory=dict)


class Present:
    """Puts together what is asked for and what is told."""

    def __init__(self, server: Server, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin knowing nothing; `clock` tells seconds."""
        self._server = server
        self._clock = clock
        self._lock = threading.Lock()
        self._swaps: Sequence[Mapping[str, Any]] = ()
        self._requests: dict[str, tuple[float, Mapping[str, Any]]] = {}
        self._row, self._newest_row = 0, 1
        self._speeds: dict[str, float] = {}
        self._host: Mapping[str, Any] | None = None
        self._gpus: dict[int, Mapping[str, Any]] = {}
        self._version = ""

    def take(self, name: str, content: Mapping[str, Any]) -> None:
        """Take an event."""
        with self._lock:
            match name:
                case "snapshot":
                    self._swaps = content["queue"]["swaps"]
                    self._requests.clear()
                    for entry in content["inflight"]:
                        self._arrived(entry)
                case "queue":
                    self._swaps = content["swaps"]
                case "inflight" if content["operation"] == "upsert":
                    self._arrived(content["request"])
                case "inflight" if content["operation"] == "remove":
                    self._requests.pop(content["id"], None)
                case "inflight":
                    self._requests.clear()
                    for entry in content["requests"]:
                        self._arrived(entry)
                case "activity":
                    self._newest_row = max(self._newest_row, content["id"])

    def _arrived(self, entry: Mapping[str, Any]) -> None:
        self._requests[entry["id"]] = (self._clock() - entry["elapsed_ms"] / 1000, entry)

    def frame(self) -> Frame:
        """Ask for what is not told, and return all of it.

        Raises:
            ServerError: there is no answer.
        """
        servers = self._server.get("/api/x/servers")["servers"]
        self._version = self._version or self._server.get("/api/version")["version"]
        self._look_at_samples()
        self._look_at_speeds()
        with self._lock:
            now = self._clock()
            requests = [{**entry, "seconds": now - at} for at, entry in self._requests.values()]
            return Frame(
                self._server.url,
                self._version,
                servers,
                self._host,
                [self._gpus[number] for number in sorted(self._gpus)],
                self._swaps,
                requests,
                dict(self._speeds),
            )

    def _look_at_samples(self) -> None:
        """Take the newest samples; the first time, those of the whole hour come."""
        newest = [s["timestamp"] for s in (self._host, *self._gpus.values()) if s]
        query = f"?after={quote(min(newest))}" if self._host and newest else ""
        try:
            samples = self._server.get(f"/api/performance{query}")
        except ServerError as error:
            if error.status != 503:
                raise
            self._host, self._gpus = None, {}
            return
        for host in samples["sys_stats"]:
            self._host = host
        if fresh := samples["gpu_stats"]:
            # Those of the last round: a GPU that reports no more is not shown.
            self._gpus = {g["id"]: g for g in fresh if g["timestamp"] == fresh[-1]["timestamp"]}

    def _look_at_speeds(self) -> None:
        if self._row >= self._newest_row:
            return
        query = f"?limit={ROWS}&min_id={self._row + 1}"
        for row in reversed(self._server.get(f"/api/metrics/activity{query}")["data"]):
            self._row = max(self._row, row["id"])
            if (speed := row["tokens"]["tokens_per_second"]) > 0:
                self._speeds[row["model"]] = speed
        self._newest_row = max(self._row, 1)
