"""What is kept of a finished request (spec/activity-store.md 2, spec/request-pipeline.md 8.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

# Structs of msgspec, as one is made in a fraction of the time that a frozen dataclass takes.


class Tokens(msgspec.Struct, frozen=True, gc=False):
    """The numbers that a model server told of itself (spec/request-pipeline.md 9.1).

    All zero: there were none to read. A count of -1, or a speed of -1: others were told, but not
    this one. The speeds are tokens per second.
    """

    cache: int = 0
    draft: int = 0
    draft_accepted: int = 0
    input: int = 0
    output: int = 0
    prompt_per_second: float = 0.0
    tokens_per_second: float = 0.0


NO_TOKENS = Tokens()


class Row(msgspec.Struct, frozen=True):
    """One request, as llama-swap keeps it, and below that what only hotbay knows.

    In the order of the columns, see `hotbay.activity.inserts`.

    What a row written by llama-swap does not tell is empty, or None.

    Attributes:
        timestamp: when the response ended, seconds since the epoch; 0 stands for now.
        model: model ID, or the name that was asked for.
        path: as forwarded.
        content_type: of the response.
        status: what the client was told; 499 if it left before.
        tokens: what the model server told of them.
        duration_ms: from the arrival to the end of the response.
        error: why it failed, empty if it did not.
        metadata: what is noted beside it: `fifo_priority`, `selector`.
        outcome: one of `hotbay.activity.recording.Outcome`.
        requested: the model's name after profile and selector.
        asked_path: as requested; of `/upstream/…` the part after the model's name.
        request_id: its `X-Request-ID`.
        remote: address of the caller.
        session: what the first of the headers in `ui.activity.session_id` says.
        user_agent: its `User-Agent`.
        stream: whether it asked for a stream.
        attempts: how often it was forwarded.
        response_bytes: size of the response's body.
        queue_ms: how long it waited for its turn.
        swap_ms: how long others took to stop for it.
        load_ms: how long its model took to start.
        first_byte_ms: from the arrival to the first byte of the body; None: there was none.
    """

    timestamp: float = 0.0
    model: str = ""
    path: str = ""
    content_type: str = ""
    status: int = 0
    tokens: Tokens = NO_TOKENS
    duration_ms: int = 0
    error: str = ""
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)

    outcome: str = ""
    requested: str = ""
    asked_path: str = ""
    request_id: str = ""
    remote: str = ""
    session: str = ""
    user_agent: str = ""
    stream: bool | None = None
    attempts: int | None = None
    response_bytes: int | None = None
    queue_ms: int | None = None
    swap_ms: int | None = None
    load_ms: int | None = None
    first_byte_ms: int | None = None


class Stored(NamedTuple):
    """A row under its number, which counts up from 1 and is never used again."""

    id: int
    row: Row
