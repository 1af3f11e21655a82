"""Counts what requests and model servers do, by model, for Prometheus.

Owns the counts since the start. Labels are bounded: a name that no model has counts under the
empty name, a path that no route has under `other`. May be told from any thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator

from hotbay.activity.row import Tokens
from hotbay.activity.start_causes import kind_of_cause
from hotbay.activity.streams import NO_PACE, Pace
from hotbay.activity.tallies import INTERVALS, Distribution, Tally
from hotbay.core.effects import Effect, StartFailed, StateChanged, SwapStarted
from hotbay.core.states import State

OTHER = "other"
"""Stands for a route that is none, and for reasons beyond those that were counted first."""

_NO_TOKENS = Tokens()
_REASONS = 16  # of swaps to one model that are told apart, as planners may say what they like
_LONGEST_REASON = 100


class Counters:
    """The counts since the start."""

    def __init__(
        self,
        models: Collection[str],
        routes: Collection[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with nothing counted, and every model stopped.

        Args:
            models: names that are counted by themselves: local models, and those of peers.
            routes: paths that are.
            clock: seconds, monotonic.
        """
        self.begun = clock()
        self.clock = clock
        self.loop_lag = Distribution(INTERVALS)
        """By how many seconds the event loop was late."""
        self._routes = frozenset(routes)
        self._lock = threading.Lock()
        self._unknown = Tally()
        self._tallies: dict[str, Tally] = {}
        self.configure(models)

    def configure(self, models: Collection[str]) -> None:
        """Count these models from now on; what was counted of others is forgotten."""
        with self._lock:
            known = self._tallies
            self._tallies = {model: known.get(model) or self._begin() for model in models}

    def request(
        self,
        model: str,
        route: str,
        outcome: str,
        *,
        duration: float,
        queue_wait: float | None = None,
        tokens: Tokens = _NO_TOKENS,
        pace: Pace = NO_PACE,
    ) -> None:
        """Count a request that has ended.

        Args:
            model: ID of a model, or what was asked for.
            route: the path that was asked for.
            outcome: one of `hotbay.activity.recording.Outcome`.
            duration: seconds from its arrival to its end.
            queue_wait: seconds until it was granted; None if it never was.
            tokens: what its answer told.
            pace: how fast its answer came.
        """
        if route not in self._routes:
            route = OTHER
        with self._lock:
            tally = self._tallies.get(model, self._unknown)
            key = (route, outcome)
            tally.requests[key] += 1
            if outcome == "done":
                tally.durations.observe(duration)
            if queue_wait is not None:
                tally.waits.observe(queue_wait)
            # A server may tell nonsense, and -1 stands for what it does not tell.
            if tokens.input > 0:
                tally.input_tokens += tokens.input
            if tokens.output > 0:
                tally.output_tokens += tokens.output
            if tokens.cache > 0:
                tally.cached_tokens += tokens.cache
            if pace.ttft is not None:
                tally.first_tokens.observe(pace.ttft)
            if pace.itl is not None:
                tally.intervals.observe(pace.itl)
            told = tokens.tokens_per_second
            speed = told if told > 0 else pace.tokens_per_second
            if speed is not None:
                tally.speeds.observe(speed)

    def news(self, effect: Effect) -> None:
        """Count what the machine decided, and what became of model servers."""
        with self._lock:
            match effect:
                case StateChanged(model, new=state):
                    self._state_changed(model, state)
                case SwapStarted(model, evict, reason):
                    self._count_swap(model, reason)
                    for evicted in evict:
                        self._tally(evicted).evictions += 1
                case StartFailed(model, reason=reason):
                    self._tally(model).failed_starts[kind_of_cause(reason)] += 1
                case _:
                    pass

    def lagged(self, seconds: float) -> None:
        """Count by how much the event loop was late once."""
        with self._lock:
            self.loop_lag.observe(seconds)

    def tallies(self) -> Iterator[tuple[str, Tally]]:
        """Return what is counted, by model, in the order of the configuration."""
        with self._lock:
            known = list(self._tallies.items())
        yield from known
        yield "", self._unknown

    # -- inside, with the lock held -----------------------------------------------------------

    def _begin(self) -> Tally:
        tally = Tally()
        tally.since = self.begun
        return tally

    def _tally(self, model: str) -> Tally:
        return self._tallies.get(model, self._unknown)

    def _state_changed(self, model: str, state: State) -> None:
        tally = self._tally(model)
        now = self.clock()
        if state is State.READY:
            tally.loads.observe(now - tally.since)
        tally.state = state
        tally.since = now

    def _count_swap(self, model: str, reason: str) -> None:
        swaps = self._tally(model).swaps
        reason = reason[:_LONGEST_REASON] or OTHER
        swaps[reason if reason in swaps or len(swaps) < _REASONS else OTHER] += 1
