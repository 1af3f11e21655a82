"""What the ledger's books consist of: requests, processes, and the steps they come from."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from hotbay.core.effects import Effect, Refusal, Wait
from hotbay.core.events import Event, Mode


class ContractError(AssertionError):
    """The machine, or whoever feeds it, did what the contract of events and effects excludes."""


class Fate(enum.Enum):
    """Where a request stands; it is in exactly one place (S1 of spec/scheduler.md 11)."""

    ARRIVED = "arrived"
    """Within the step of its arrival only."""
    QUEUED = "queued"
    WAITING = "waiting"
    """For the swap to its own model."""
    GRANTED = "granted"
    BROKEN = "broken"
    """Granted, but its connection broke: it waits for news of its model server."""
    FINISHED = "finished"
    REFUSED = "refused"
    LEFT = "left"


class Phase(enum.Enum):
    """What is alive of one generation of a model server."""

    ORDERED = "ordered"
    RUNNING = "running"
    EXITED = "exited"
    """The leader has ended; others of its process group may live."""
    GONE = "gone"


@dataclass(slots=True)
class Request:
    """One request and what became of it; times in seconds, None until it happened.

    Attributes:
        number: how many requests had arrived when it did, itself included.
        target: what it asked for.
        selector: that is a selector.
        mode: how it takes part; for a websocket, once it is admitted, what that comes to.
        model: what it was admitted for; empty for a peer's model.
        priority: its model's priority when it arrived.
        position: last announced place in the queue, 0 outside of it.
        wait: last announced reason why it waits.
        generation: the generation of the model server that it was granted.
    """

    id: int
    number: int
    target: str
    mode: Mode
    arrived: float
    selector: bool = False
    priority: int = 0
    fate: Fate = Fate.ARRIVED
    model: str = ""
    position: int = 0
    wait: Wait | None = None
    refusal: Refusal | None = None
    generation: int = 0
    granted: float | None = None
    ended: float | None = None

    @property
    def waits(self) -> bool:
        """Admitted, and neither granted nor ended."""
        return self.fate in (Fate.QUEUED, Fate.WAITING)

    @property
    def counts(self) -> bool:
        """Granted, not finished, and of a kind that keeps its model loaded."""
        served = self.fate in (Fate.GRANTED, Fate.BROKEN)
        return served and self.mode is not Mode.UNTRACKED and bool(self.model)

    @property
    def holds_a_place(self) -> bool:
        """Counts against its model's concurrency limit."""
        return self.waits or self.counts


@dataclass(slots=True)
class Process:
    """One generation of a model server.

    Attributes:
        check: whether its readiness is probed.
        ready: whether it has passed its check, or was spawned and needs none.
        stop_by: when SIGKILL is due, once a stop was ordered.
    """

    model: str
    generation: int
    check: bool
    phase: Phase = Phase.ORDERED
    ready: bool = False
    stop_by: float | None = None

    @property
    def alive(self) -> bool:
        """Some process of it exists, or is about to."""
        return self.phase is not Phase.GONE


@dataclass(frozen=True, slots=True)
class Moment:
    """One step of the machine: what went in, and everything that came out."""

    now: float
    event: Event
    effects: tuple[Effect, ...]
