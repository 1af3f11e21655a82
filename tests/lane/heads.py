"""Heads of requests for tests, as short as the case allows."""

from __future__ import annotations

from hotbay.lane.head import Head, read_head


def head_of(
    request: str = "GET /",
    *headers: str,
    version: str = "1.1",
    host: str | None = "localhost:8080",
    keep_alive: bool = True,
) -> Head:
    """Return the head of `METHOD TARGET` with headers given as `name: value`."""
    method, target = request.split(" ", 1)
    fields = [tuple(line.split(": ", 1)) for line in headers]
    if host is not None:
        fields.insert(0, ("host", host))
    return read_head(
        method.encode(),
        target.encode(),
        [(name.lower().encode(), value.encode("latin-1")) for name, value in fields],
        version=version,
        keep_alive=keep_alive,
    )
