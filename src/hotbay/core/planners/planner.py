"""What a planner is: a pure function of the target and an immutable view of the models.

Owns the interface only. A planner is asked once per distinct waiting model at each
decision round, so it must be quick, deterministic, and free of side effects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class View:
    """What a planner may look at.

    Attributes:
        running: IDs, ascending, of every model whose server is not stopped, and
            the targets of swaps under way other than the model that is decided.
    """

    running: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A planner's answer.

    Attributes:
        evict: models to stop, a subset of the view's `running` without the
            target, in its order.
        reason: one line for people: which rule or set decided.
        set: name of the set that decided, where the planner has sets.
        cost: what the eviction costs, where the planner counts costs.
    """

    evict: tuple[str, ...]
    reason: str = ""
    set: str | None = None
    cost: int | None = None


class Planner(Protocol):
    """Names whom a request for a model would evict (design 7.11)."""

    def decide(self, target: str, view: View) -> Plan:
        """Return the models of `view.running` that have to stop before `target` may run."""
        ...
