"""The two forms of events on the wire (WHATWG HTML 9.2; spec/events-and-logs.md 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that proxies do not close the stream."""
COMMENT = b": still here\n\n"

_encode = msgspec.json.encode


def message(_number: int, kind: str, data: object) -> bytes:
    """Return an event as llama-swap's user interface reads it: JSON in a string in JSON."""
    return b"event:message\ndata:%b\n\n" % _encode({"type": kind, "data": _encode(data).decode()})


def event(run: str, number: int, kind: str, data: object) -> bytes:
    """Return a typed event with an id, from which a client can resume."""
    return b"id: %b-%d\nevent: %b\ndata: %b\n\n" % (
        run.encode(),
        number,
        kind.encode(),
        _encode(data),
    )


def number_in(run: str, headers: Mapping[str, Any]) -> int | None:
    """Return which event a client that comes back had last; None if it was none of this run."""
    before, _, number = str(headers.get("last-event-id", "")).rpartition("-")
    if before != run or not (number.isascii() and number.isdigit()) or len(number) > 18:
        return None
    return int(number)
