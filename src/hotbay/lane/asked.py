"""What the recorder is told of a request on its arrival."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hotbay.activity.recording import About
from hotbay.lane.head import Head


@dataclass(slots=True)
class Asked:
    """What a request asks for, as far as that is known when notes of it begin.

    Attributes:
        model: ID of the model, or the name if nobody has it.
        path: as requested; of `/upstream/…` the part after the model's name.
        recorded: it makes an activity row.
        requested: the name after profile and selector.
        selector: ID of the selector that chose the model, or empty.
        stream: a streamed answer is wanted.
    """

    model: str
    path: str
    recorded: bool
    requested: str
    selector: str = ""
    stream: bool = False


def about_request(
    asked: Asked, head: Head, remote: str, request_id: str, cancel: Callable[[], None]
) -> About:
    """Return all that the recorder wants to know at first."""
    return About(
        asked.model,
        asked.requested,
        asked.selector,
        head.method.decode("ascii"),
        asked.path,
        head.headers,
        remote,
        asked.recorded,
        asked.stream,
        request_id,
        cancel,
    )
