"""Says in one line, to the client that waits, where it is in the queue and why it waits.

Owns the wording of the updates in the loading text, for one reader who wants to know how
long; what operators read is worded by `hotbay.core.explain`.
"""

from __future__ import annotations

from collections.abc import Callable

from hotbay.core.effects import Wait


def waiting_words(
    position: int,
    wait: Wait,
    *,
    in_flight: Callable[[str], int],
    load_time: float | None,
) -> str:
    """Return the line for a waiting request, empty if there is nothing to say.

    Args:
        position: 1-based place in the queue, 0 outside it.
        wait: why the request waits.
        in_flight: tells how many requests a model serves now.
        load_time: seconds that this model's last start took, None if it never ran.
    """
    place = f"Queue position: #{position}" if position else ""
    return ". ".join(part for part in (place, _reason(wait, in_flight, load_time)) if part)


def _reason(wait: Wait, in_flight: Callable[[str], int], load_time: float | None) -> str:
    names = " and ".join(wait.models)
    match wait.kind:
        case "starting":
            return "" if load_time is None else f"Usually loads in about {_seconds(load_time)}"
        case "evicting":
            return f"Waiting for {names} to stop"
        case "busy":
            each = (f"{model} to finish {_requests(in_flight(model))}" for model in wait.models)
            return f"Waiting for {' and '.join(each)}"
        case "swap":
            return f"Waiting for {names} to load first"
        case "stopping":
            return "Waiting for the model's old server to stop"
        case "unloading":
            return f"Waiting for {names} to be unloaded"
        case "draining":
            return f"Waiting for {names} to finish under the old configuration"
        case "crashed":
            return "Its model server died, trying once more"
        case "patience":
            return f"Waiting for an older request for {names}"


def _requests(count: int) -> str:
    if count == 0:  # they have ended in this moment
        return "its requests"
    return f"{count} request{'' if count == 1 else 's'}"


def _seconds(duration: float) -> str:
    return f"{max(1, round(duration))}s"
