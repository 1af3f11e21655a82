"""`hotbay activity`: the last requests, their tokens and how long they took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from hotbay.cli.client.connection import Server
from hotbay.cli.client.formats import count, duration, json_text, speed, table

HEADINGS = (
    "ID",
    "TIME",
    "MODEL",
    "PATH",
    "STATUS",
    "CACHED",
    "PROMPT",
    "OUTPUT",
    "PROMPT/S",
    "OUTPUT/S",
    "DURATION",
)


def activity(server: Server, models: Sequence[str], limit: int, *, as_json: bool) -> int:
    """Print the newest rows of the activity log, the newest last.

    Args:
        server: whose.
        models: IDs of the models asked about; none means all.
        limit: how many rows.
        as_json: print the answer as it is, the newest first.
    """
    query = urlencode([("limit", limit), *(("model", model) for model in models)])
    answer = server.get(f"/api/metrics/activity?{query}")
    if as_json:
        print(json_text(answer))
    elif not answer["data"]:
        print("no request has ended yet")
    else:
        print("\n".join(table([HEADINGS, *map(row, reversed(answer["data"]))], left=4)))
    return 0


def row(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of a request."""
    tokens = found["tokens"]
    when = datetime.fromisoformat(found["timestamp"]).astimezone()
    return (
        str(found["id"]),
        f"{when:%Y-%m-%d %H:%M:%S}",
        found["model"],
        found["req_path"],
        str(found["resp_status_code"]),
        count(tokens["cache_tokens"]),
        count(tokens["input_tokens"]),
        count(tokens["output_tokens"]),
        speed(tokens["prompt_per_second"]),
        speed(tokens["tokens_per_second"]),
        duration(found["duration_ms"] / 1000),
    )
