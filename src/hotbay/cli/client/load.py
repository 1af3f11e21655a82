"""`hotbay load`: a model made ready, without a request for it."""

from __future__ import annotations

from urllib.parse import quote

from hotbay.cli.client.connection import Server
from hotbay.cli.client.formats import duration, json_text


def load(server: Server, model: str, *, as_json: bool) -> int:
    """Load a model and say that it is ready; waits as long as a request for it would."""
    answer = server.post(f"/api/x/load/{quote(model, safe='')}", patience=None)
    if as_json:
        print(json_text(answer))
    else:
        print(f"{answer['model']} is ready; its last start took {duration(answer['load_time'])}")
    return 0
