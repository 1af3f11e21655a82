"""`hotbay cancel`: a request in progress ended."""

from __future__ import annotations

from urllib.parse import quote

from hotbay.cli.client.connection import Server
from hotbay.cli.client.formats import json_text


def cancel(server: Server, number: str, *, as_json: bool) -> int:
    """End everything that is done for a request, by its number in `hotbay top`."""
    answer = server.post(f"/api/inflight/{quote(number, safe='')}/cancel")
    print(json_text(answer) if as_json else f"request {number} is being cancelled")
    return 0
