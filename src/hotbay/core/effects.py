"""What comes out of the machine: orders for the shell and news for whoever looks on, as data.

The shell carries effects out in order. An effect that makes something happen at
once (a spawn that fails, say) yields an event through the shell's FIFO, never by
recursion into the machine.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from hotbay.core.events import Timer
from hotbay.core.states import State as State  # noqa: PLC0414 - part of what effects say


class Refusal(enum.Enum):
    """Why a request is refused; the lane turns each into a status and an error body."""

    UNKNOWN_MODEL = "unknown model"
    CONCURRENCY = "concurrency limit"
    QUEUE_FULL = "queue full"
    NOT_READY = "not ready"
    """ONLY_IF_READY or UNTRACKED, and the model is not ready."""
    START_FAILED = "start failed"
    UNLOADED = "model unloaded"
    REMOVED = "model removed"
    """A reload took the model out of the configuration."""
    SHUTTING_DOWN = "shutting down"
    PLANNER_FAILED = "planner failed"
    NO_TARGET = "no target"
    """The selector has nothing to choose from."""
    TOO_SLOW = "too slow"
    """It could not be granted before its deadline."""
    BROKEN = "broken"
    """Its connection broke, and not because its model server died; or it died a second time."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a request waits, for people and for the queue view.

    `kind` says what it waits for, `models` which models that concerns:

    - `starting`: its model's own start;
    - `evicting`: the end of model servers that are being stopped for it;
    - `busy`: models to be evicted still serve requests;
    - `swap`: a swap under way that excludes its own;
    - `stopping`: its own model's server is being stopped first;
    - `unloading`: an unload that concerns its model or one it would evict;
    - `draining`: a reload that changed its model or one it would evict;
    - `crashed`: its model server has died while it was served, and it is to be served again;
    - `patience`: an older request has waited too long and goes first (design 7.3).
    """

    kind: Literal[
        "starting",
        "evicting",
        "busy",
        "swap",
        "stopping",
        "unloading",
        "draining",
        "crashed",
        "patience",
    ]
    models: tuple[str, ...] = ()


# -- to one request -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Admitted:
    """The request has a place; exactly one of `Grant` and `Refused` follows, unless it leaves.

    Attributes:
        target: ID of the model chosen for it, empty if that is a peer's.
        position: 1-based place in the queue, 0 if it is not in the queue (it
            waits for a swap to its own model, or is granted in the same step).
        wait: why it waits, or None if its `Grant` follows in the same step.
        choice: the selector's target as configured; empty if it did not ask a selector.
    """

    request: int
    target: str
    position: int = 0
    wait: Wait | None = None
    choice: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The request ends here: at admission (no `Admitted` before it) or while it waited.

    `model` is the one that it waited for, empty at admission. `retry_after` says when it is
    likely to be admitted, in seconds from now; 0 if nothing is known.
    """

    request: int
    refusal: Refusal
    detail: str = ""
    model: str = ""
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Position:
    """The place of a waiting request has changed, or the reason it waits; 0: out of the queue."""

    request: int
    position: int
    wait: Wait


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to forward to this generation of the model's server.

    Answered by one `Finished` or `Broken`. `model` is empty for a peer's model. `attempt` is
    2 for a request whose model server died while it was served.
    """

    request: int
    model: str
    generation: int
    attempt: int = 1


# -- to the processes ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start the program; answered by `Spawned` or `SpawnFailed`, later `Exited` and `Gone`."""

    model: str
    generation: int


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask the server until it answers 200 (design 7.4), then send `ProbeOk`; ends with `Exited`."""

    model: str
    generation: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Run the stop sequence: `cmdStop` or SIGTERM, SIGKILL after `grace` seconds, then the sweep.

    May be sent again with a shorter grace; the earlier end counts. Answered by `Exited` and `Gone`.
    """

    model: str
    generation: int
    grace: float


# -- to the clock ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Send `TimerFired(timer)` at `at` (absolute seconds); replaces an earlier one of that name."""

    timer: Timer
    at: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Forget the timer of that name, if there is one."""

    timer: Timer


# -- to whoever looks on -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A model server changed its state; `reason` says why, for people."""

    model: str
    generation: int
    old: State
    new: State
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SwapStarted:
    """A swap begins: `evict` are stopped, then `model` is started. The words are the planner's."""

    model: str
    evict: tuple[str, ...]
    reason: str = ""
    runner_up: str = ""


@dataclass(frozen=True, slots=True)
class StartFailed:
    """A model server did not become ready; whoever waited for it is refused with this reason."""

    model: str
    generation: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unloaded:
    """Every model server of the `UnloadAsked` with this token is gone."""

    token: int


@dataclass(frozen=True, slots=True)
class Closed:
    """Shutdown is complete: nobody waits and no model server runs."""


Effect = (
    Admitted
    | Refused
    | Position
    | Grant
    | Spawn
    | Probe
    | Stop
    | SetTimer
    | CancelTimer
    | StateChanged
    | SwapStarted
    | StartFailed
    | Unloaded
    | Closed
)
