"""What the model servers did in the last hour: their states, and the swaps and why.

Owns that history, in memory and bounded. It is told every change as it happens, whether anybody
looks or not; there are few.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

from hotbay.core.effects import StartFailed, StateChanged, SwapStarted
from hotbay.core.states import State

KEPT = 3600.0
"""Seconds for which the past is kept."""
SPANS = 512
"""States of one model that are kept, swaps, and failures; a model that fails at once in a loop
would fill the memory otherwise."""
LOADS = 10
"""Load times of one model that are kept, however old."""


@dataclass(slots=True)
class Span:
    """A model server was in a state. Times are seconds since the epoch.

    Attributes:
        begin: since when.
        end: until when; None: it still is.
        reason: why it came into this state; may be empty.
    """

    state: State
    begin: float
    end: float | None
    reason: str


@dataclass(slots=True)
class Swap:
    """A swap; `seconds` is how long until its model was ready, None if it is not or failed."""

    at: float
    model: str
    evict: tuple[str, ...]
    reason: str
    runner_up: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A model server that did not become ready, and why."""

    at: float
    model: str
    reason: str


class Timeline:
    """The last hour."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        """Begin now, with every model stopped; `wall` tells seconds since the epoch."""
        self._wall = wall
        self.begun = wall()
        self._spans: dict[str, deque[Span]] = {}
        self._loads: dict[str, deque[float]] = {}
        self._failed: dict[str, Failure] = {}
        self._swaps: deque[Swap] = deque(maxlen=SPANS)
        self._failures: deque[Failure] = deque(maxlen=SPANS)

    def changed(self, effect: StateChanged) -> float:
        """Note a change of state; return how many seconds the old state lasted."""
        now = self._wall()
        spans = self._spans.setdefault(effect.model, deque(maxlen=SPANS))
        begin = self.begun
        if spans:
            spans[-1].end, begin = now, spans[-1].begin
        spans.append(Span(effect.new, now, None, effect.reason))
        lasted = max(0.0, now - begin)
        if effect.new is State.READY:
            self._ready(effect.model, now, lasted)
        return lasted

    def _ready(self, model: str, now: float, lasted: float) -> None:
        self._loads.setdefault(model, deque(maxlen=LOADS)).append(lasted)
        self._failed.pop(model, None)
        swap = next((s for s in reversed(self._swaps) if s.model == model), None)
        if swap is not None and swap.seconds is None:
            swap.seconds = max(0.0, now - swap.at)

    def swapped(self, effect: SwapStarted) -> None:
        """Note a swap that begins."""
        self._swaps.append(
            Swap(self._wall(), effect.model, effect.evict, effect.reason, effect.runner_up)
        )

    def failed(self, effect: StartFailed) -> None:
        """Note a start that failed."""
        failure = Failure(self._wall(), effect.model, effect.reason)
        self._failures.append(failure)
        self._failed[effect.model] = failure

    def keep(self, models: Collection[str]) -> None:
        """Forget the models that are not in the configuration any more, once they have stopped."""
        for model in self._spans.keys() - models:
            if self._spans[model][-1].state is State.STOPPED:
                del self._spans[model]
        for remembered in (self._loads, self._failed):
            for model in remembered.keys() - models:
                del remembered[model]

    # -- to be shown ------------------------------------------------------------------------

    def state(self, model: str) -> Span:
        """Return what a model server is now."""
        spans = self._spans.get(model)
        return spans[-1] if spans else Span(State.STOPPED, self.begun, None, "")

    def loads(self, model: str) -> list[float]:
        """Return how long the last starts of a model took, in seconds, oldest first."""
        return list(self._loads.get(model, ()))

    def failure(self, model: str) -> Failure | None:
        """Return why a model did not become ready, until it does."""
        return self._failed.get(model)

    def spans(self, after: float) -> dict[str, list[Span]]:
        """Return by model the states that lasted beyond that time, oldest first."""
        after = self._not_before(after)
        found = {
            model: [span for span in spans if span.end is None or span.end > after]
            for model, spans in sorted(self._spans.items())
        }
        return {model: spans for model, spans in found.items() if spans}

    def swaps(self, after: float) -> list[Swap]:
        """Return the swaps that began after that time."""
        after = self._not_before(after)
        return [swap for swap in self._swaps if swap.at > after]

    def failures(self, after: float) -> list[Failure]:
        """Return the starts that failed after that time."""
        after = self._not_before(after)
        return [failure for failure in self._failures if failure.at > after]

    def _not_before(self, after: float) -> float:
        return max(after, self._wall() - KEPT)
