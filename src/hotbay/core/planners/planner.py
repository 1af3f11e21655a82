"""What a planner is: a pure function of the target and an immutable view of the models.

Owns the interface only. A planner is asked once per distinct waiting model at each
decision round, so it must be quick, deterministic, and free of side effects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from hotbay.core.states import State


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model as a planner may look at it. Times are seconds of the machine's clock.

    Attributes:
        state: of its server.
        in_flight: requests being served.
        last_used: when it became ready or its last request ended; 0 if it never ran.
        load_time: how long its last start took until it was ready, None if it never ran.
        labels: `models.<id>.labels` of the configuration.
    """

    state: State
    in_flight: int = 0
    last_used: float = 0.0
    load_time: float | None = None
    labels: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class View:
    """What a planner may look at.

    Attributes:
        running: IDs, ascending, of every model whose server is not stopped, and
            the targets of swaps under way other than the model that is decided.
        models: every model of the configuration by ID; empty for planners that
            decide by `running` alone.
    """

    running: tuple[str, ...]
    models: Mapping[str, ModelView] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Plan:
    """A planner's answer.

    Attributes:
        evict: models to stop, a subset of the view's `running` without the
            target, in its order.
        reason: one line for people: which rule or set decided.
        set: name of the set that decided, where the planner has sets.
        cost: what the eviction costs, where the planner counts costs.
        runner_up: what would have been the second choice, for people; empty if there was none.
    """

    evict: tuple[str, ...]
    reason: str = ""
    set: str | None = None
    cost: int | None = None
    runner_up: str = ""


class Planner(Protocol):
    """Names whom a request for a model would evict (design 7.11)."""

    def decide(self, target: str, view: View) -> Plan:
        """Return the models of `view.running` that have to stop before `target` may run."""
        ...
