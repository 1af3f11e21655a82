"""What goes into the machine. Facts only: each says what has happened, never what to do.

A process event carries the generation that its `Spawn` effect named, so that a
late report of an old process cannot be taken for news of its successor.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from hotbay.core.rules import Rules


class Mode(enum.Enum):
    """How a request takes part in scheduling (design 7.2)."""

    NORMAL = "normal"
    """Queues, swaps, counts."""
    ONLY_IF_READY = "only_if_ready"
    """Never starts or swaps anything: served by a ready server, otherwise refused."""
    UNTRACKED = "untracked"
    """As ONLY_IF_READY, and neither counted nor keeping the model loaded."""
    WEBSOCKET = "websocket"
    """UNTRACKED if the model ignores websockets, otherwise NORMAL."""


# -- requests -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request asks for a model.

    Attributes:
        request: new, and unique for the machine's life.
        target: a model's ID, or a selector's if `selector` says so.
        mode: how it takes part.
        selector: one of the selector's targets is to be chosen.
        deadline: when it is of no use any more (absolute); a request that cannot be granted by
            then, as far as measured times tell, is refused at once. None: never.
    """

    request: int
    target: str
    mode: Mode = Mode.NORMAL
    selector: bool = False
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """The client of a request that waits has gone; without effect on one that is granted."""

    request: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A granted request has ended, however it ended. One for each grant, unless it is `Broken`."""

    request: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A granted request lost its connection before anything of the answer was passed on.

    If that is because its model server has died, the request waits again, once, where it
    was; otherwise it is refused (design 7.6). Takes the place of `Finished`.
    """

    request: int


# -- model servers --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpawnFailed:
    """The program could not be started; no process of this generation exists."""

    model: str
    generation: int
    reason: str


@dataclass(frozen=True, slots=True)
class Spawned:
    """The program runs."""

    model: str
    generation: int


@dataclass(frozen=True, slots=True)
class ProbeOk:
    """The model server answered its check with 200."""

    model: str
    generation: int


@dataclass(frozen=True, slots=True)
class Exited:
    """The leader of the process group has ended by whatever cause; others of it may live on.

    `reason` is for people, such as `exit status 1: out of GPU memory`.
    """

    model: str
    generation: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """No process of this generation is alive any more. Comes after `Exited`, never before."""

    model: str
    generation: int


# -- time and operators -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The timer that a `SetTimer` effect named is due."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class UnloadAsked:
    """An operator asks to stop model servers; answered by one `Unloaded` with the same token.

    `models` None means all. `grace` None means each model's own unload timeout.
    """

    token: int
    models: frozenset[str] | None = None
    grace: float | None = None


@dataclass(frozen=True, slots=True)
class RulesChanged:
    """New rules bind from the next decision; changed and removed models drain (design 7.5)."""

    rules: Rules


@dataclass(frozen=True, slots=True)
class Drain:
    """Shutdown, first part: refuse arrivals, work the queue off, close at `deadline` (absolute)."""

    deadline: float


@dataclass(frozen=True, slots=True)
class Close:
    """Shutdown, second part: refuse whoever waits and stop every model server.

    `grace` None means each model's own unload timeout, but not past a deadline given by `Drain`.
    """

    grace: float | None = None


@dataclass(frozen=True, slots=True)
class Timer:
    """Name of a timer: what it is for, which model's, and for which generation (0: none)."""

    kind: Literal["start", "ttl", "drain", "broken", "deadline"]
    model: str = ""
    generation: int = 0


Event = (
    Arrived
    | Left
    | Finished
    | Broken
    | SpawnFailed
    | Spawned
    | ProbeOk
    | Exited
    | Gone
    | TimerFired
    | UnloadAsked
    | RulesChanged
    | Drain
    | Close
)
