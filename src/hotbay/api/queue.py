"""The queue as JSON has it, for whoever asks and for events."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hotbay.core.effects import Wait
from hotbay.core.explain import QueueView


def queue_as_plain(view: QueueView) -> dict[str, Any]:
    """Return the queue as JSON has it; events say the same."""
    return {
        "swaps": [asdict(swap) for swap in view.swaps],
        "waiting": [
            {
                "request": waiter.request,
                "model": waiter.model,
                "age": round(waiter.age, 3),
                "position": waiter.position,
                "wait": wait_as_plain(waiter.wait),
                "patience": None if waiter.patience is None else round(waiter.patience, 3),
                "text": waiter.text,
            }
            for waiter in view.waiting
        ],
    }


def wait_as_plain(wait: Wait | None) -> dict[str, Any] | None:
    """Return why somebody waits."""
    return None if wait is None else {"kind": wait.kind, "models": list(wait.models)}
