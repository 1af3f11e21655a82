"""Statistics of what has happened in a world, from its ledger alone.

Owns the arithmetic: who waited how long, what was started, who stopped whom.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from hotbay.core.effects import StartFailed, SwapStarted
from hotbay.testing.ledger import Ledger
from hotbay.testing.records import Request


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long requests waited from their arrival to their grant, in seconds."""

    p50: float
    p90: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class ModelReport:
    """What became of the requests for one model, or for all of them.

    Attributes:
        requests: that arrived.
        served: that were granted.
        refused: that were refused, by the reason (`hotbay.core.effects.Refusal`).
        cold_starts: model servers that were started.
        failed_starts: those of them that did not become ready.
        waiting: of the requests that were served; None if there are none.
    """

    requests: int
    served: int
    refused: Mapping[str, int]
    cold_starts: int
    failed_starts: int
    waiting: Waiting | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two models that stopped each other: how often the first the second, and the other way."""

    models: tuple[str, str]
    stops: tuple[int, int]

    @property
    def total(self) -> int:
        """How often one of them stopped the other."""
        return sum(self.stops)


@dataclass(frozen=True, slots=True)
class Report:
    """What a run came to.

    Attributes:
        seconds: virtual time until nothing was left to happen.
        swaps: decisions that stopped at least one model for another.
        total: over all models.
        models: by model, in the order of names; models that nobody asked for are left out.
        conflicts: the busiest first.
    """

    seconds: float
    swaps: int
    total: ModelReport
    models: Mapping[str, ModelReport]
    conflicts: tuple[Conflict, ...]


def report(ledger: Ledger) -> Report:
    """Return the statistics of everything that a ledger has booked."""
    effects = [effect for moment in ledger.history for effect in moment.effects]
    swaps = [e for e in effects if isinstance(e, SwapStarted) and e.evict]
    starts = Counter(model for model, _ in ledger.processes)
    failed = Counter(e.model for e in effects if isinstance(e, StartFailed))
    by_model: dict[str, list[Request]] = {model: [] for model in starts}
    for request in ledger.requests.values():
        by_model.setdefault(request.target, []).append(request)
    return Report(
        seconds=ledger.now,
        swaps=len(swaps),
        total=_model_report(ledger.requests.values(), starts.total(), failed.total()),
        models={
            model: _model_report(requests, starts[model], failed[model])
            for model, requests in sorted(by_model.items())
        },
        conflicts=_conflicts(swaps),
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return a percentile of values in ascending order, interpolated between two neighbours.

    The rank is `percent / 100 x (n - 1)`, as in the statistics of the activity
    (spec/activity-store.md 5).

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("no values, so no percentiles")
    rank = percent / 100 * (len(ordered) - 1)
    low, high = ordered[math.floor(rank)], ordered[math.ceil(rank)]
    return low + (high - low) * (rank - math.floor(rank))


def _model_report(requests: Collection[Request], starts: int, failed: int) -> ModelReport:
    waits = sorted(r.granted - r.arrived for r in requests if r.granted is not None)
    refused = Counter(r.refusal.value for r in requests if r.refusal is not None)
    return ModelReport(
        requests=len(requests),
        served=len(waits),
        refused=dict(sorted(refused.items())),
        cold_starts=starts,
        failed_starts=failed,
        waiting=_waiting(waits) if waits else None,
    )


def _waiting(waits: Sequence[float]) -> Waiting:
    p50, p90, p99 = (percentile(waits, percent) for percent in (50, 90, 99))
    return Waiting(p50, p90, p99, waits[-1])


def _conflicts(swaps: Iterable[SwapStarted]) -> tuple[Conflict, ...]:
    stops = Counter((swap.model, evicted) for swap in swaps for evicted in swap.evict)
    pairs = {(min(pair), max(pair)) for pair in stops}
    found = [Conflict((a, b), (stops[a, b], stops[b, a])) for a, b in pairs]
    return tuple(sorted(found, key=lambda conflict: (-conflict.total, conflict.models)))
