"""`hotbay unload`: model servers stopped."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from hotbay.cli.client.connection import Server
from hotbay.cli.client.formats import json_text


def unload(server: Server, models: Sequence[str], *, as_json: bool) -> int:
    """Stop the servers of these models, of all if none is named; return when they are gone."""
    if not models:
        server.post("/api/models/unload", patience=None)
    for model in models:
        server.post(f"/api/models/unload/{quote(model, safe='')}", patience=None)
    if as_json:
        print(json_text({"unloaded": list(models) or None}))
    else:
        print(f"unloaded: {', '.join(models) or 'all models'}")
    return 0
