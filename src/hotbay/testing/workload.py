"""Workloads as data: which clients ask for which models, and how long those load and run.

Owns the vocabulary only; `hotbay.testing.simulation` plays it. All times are in seconds of
virtual time.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

MINUTES_10 = 600.0


@dataclass(frozen=True, slots=True)
class Span:
    """A time that is drawn evenly between two others; of one value if both are the same."""

    low: float
    high: float

    def draw(self, rng: random.Random) -> float:
        """Return a time of this span; a span of one value leaves `rng` as it is."""
        return self.low if self.low == self.high else rng.uniform(self.low, self.high)

    def __str__(self) -> str:
        low, high = f"{self.low:.12g}", f"{self.high:.12g}"
        return low if low == high else f"{low}..{high}"


NO_TIME = Span(0, 0)


@dataclass(frozen=True, slots=True)
class ModelTimes:
    """How long things take with one model.

    Attributes:
        load: from the start of its server until that is ready. A model whose check is `none`
            is ready once it is started.
        stop: from the stop signal until the server has gone.
        run: of one request.
    """

    load: float = 5.0
    stop: float = 0.5
    run: Span = Span(2, 2)


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """Clients that wait for an answer, think, and ask again, until `at + duration`.

    A client that was refused thinks for at least a second. The first request is at `at`.
    """

    model: str
    clients: int = 1
    think: Span = NO_TIME
    at: float = 0.0
    duration: float = MINUTES_10


@dataclass(frozen=True, slots=True)
class OpenLoop:
    """Requests that come whether or not others were answered: a Poisson process.

    `rate` is in requests a second, from `at` until `at + duration`.
    """

    model: str
    rate: float
    at: float = 0.0
    duration: float = MINUTES_10


@dataclass(frozen=True, slots=True)
class Burst:
    """So many requests at one time."""

    model: str
    count: int = 1
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request of a history: when it came, and how long it runs once granted."""

    at: float
    model: str
    run: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """Requests as they once came."""

    arrivals: tuple[Arrival, ...]


Clients = ClosedLoop | OpenLoop | Burst | Recorded


@dataclass(frozen=True, slots=True)
class Workload:
    """Everything that a simulation does to a configuration.

    Attributes:
        clients: who asks; each has its own random numbers, drawn from seed and place.
        models: times by model ID; a model that is not there has the times of `ModelTimes()`.
    """

    clients: tuple[Clients, ...]
    models: Mapping[str, ModelTimes] = field(default_factory=lambda: MappingProxyType({}))

    def times(self, model: str) -> ModelTimes:
        """Return how long things take with a model."""
        return self.models.get(model, USUAL)


USUAL = ModelTimes()
