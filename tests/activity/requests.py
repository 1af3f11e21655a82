"""What the tests say of a request that arrives."""

from __future__ import annotations

from typing import Any

from hotbay.activity.recording import About


def about(**changes: Any) -> About:
    """Return a request for `lily`, different in these respects."""
    values: dict[str, Any] = {
        "model": "lily",
        "requested": "lily",
        "selector": "",
        "method": "POST",
        "path": "/v1/completions",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"application/json"),
            (b"authorization", b"Bearer secret"),
            (b"x-tag", b"one"),
            (b"x-tag", b"two"),
        ],
        "remote": "192.0.2.7",
        "recorded": False,
        "stream": False,
        "request_id": "r-1",
        "cancel": lambda: None,
        **changes,
    }
    return About(**values)
