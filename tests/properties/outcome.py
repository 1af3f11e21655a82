"""The normal form of one step: what the machine and its naive double are compared in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hotbay.core.effects import (
    Closed,
    Effect,
    Grant,
    Refusal,
    Refused,
    Spawn,
    StartFailed,
    Stop,
    SwapStarted,
    Unloaded,
)


@dataclass
class Outcome:
    """What matters of a step, in the order in which it matters."""

    refused: list[tuple[int, Refusal]] = field(default_factory=list)
    granted: list[tuple[int, str, int]] = field(default_factory=list)
    swapped: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    spawned: list[tuple[str, int]] = field(default_factory=list)
    stopped: list[tuple[str, int, float]] = field(default_factory=list)
    failed: list[tuple[str, int]] = field(default_factory=list)
    unloaded: list[int] = field(default_factory=list)
    closed: bool = False

    def sort(self) -> None:
        """Refusals, stops and the ends of unloads of one step have no order among them."""
        for unordered in (self.refused, self.stopped, self.unloaded):
            unordered.sort(key=str)


def outcome_of(effects: Iterable[Effect]) -> Outcome:
    """Bring a step's effects into the normal form that both machines are compared in."""
    outcome = Outcome()
    for effect in effects:
        match effect:
            case Refused(request, refusal):
                outcome.refused.append((request, refusal))
            case Grant(request, model, generation):
                outcome.granted.append((request, model, generation))
            case SwapStarted(model, evict):
                outcome.swapped.append((model, evict))
            case Spawn(model, generation):
                outcome.spawned.append((model, generation))
            case Stop(model, generation, grace):
                outcome.stopped.append((model, generation, grace))
            case StartFailed(model, generation):
                outcome.failed.append((model, generation))
            case Unloaded(token):
                outcome.unloaded.append(token)
            case Closed():
                outcome.closed = True
            case _:
                pass
    outcome.sort()
    return outcome
