"""Reading hotbay's own events (docs/reference/events.md), which are server-sent events. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any


def read_events(pieces: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """Yield name and content of each event, as soon as its last byte has come."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n\n")
        for block in whole:
            fields = dict(
                line.split(": ", 1) for line in block.decode().split("\n") if ": " in line
            )
            if "data" in fields:
                yield fields.get("event", "message"), json.loads(fields["data"])
