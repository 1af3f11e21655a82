"""The planner `lru`: at most so many models loaded, and the least recently used makes room.

Use it with `routing.router.use: lru`. It keeps pinned models loaded, and prefers stopping a
model that serves nobody to one whose requests would have to end first.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from hotbay.core.planners.planner import Plan, View


class LruSettings(BaseModel):
    """What `routing.router.settings.planner` may say."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    max_loaded: Annotated[int, Field(ge=1, description="Models that may be loaded at once.")]
    pinned: Annotated[
        tuple[str, ...], Field(description="IDs of models that are never stopped for others.")
    ] = ()


class LruPlanner:
    """Keeps at most `maxLoaded` models loaded."""

    Settings = LruSettings

    def __init__(self, settings: LruSettings, models: Collection[str]) -> None:
        """Plan for these models.

        Raises:
            ValueError: a pinned model does not exist, or nothing could ever make room.
        """
        unknown = [name for name in settings.pinned if name not in models]
        if unknown:
            raise ValueError(f"pinned: unknown model {unknown[0]!r}")
        pinned = frozenset(settings.pinned)
        if len(pinned) >= settings.max_loaded and len(models) > len(pinned):
            raise ValueError(
                f"{len(pinned)} models are pinned and maxLoaded is {settings.max_loaded}: "
                "the other models could never be loaded"
            )
        self._settings = settings
        self._pinned = pinned

    def decide(self, target: str, view: View) -> Plan:
        """Stop as many of the least recently used as are too many beside the target."""
        others = [model for model in view.running if model != target]
        surplus = len(others) + 1 - self._settings.max_loaded
        if surplus <= 0:
            return Plan((), f"lru: {len(others) + 1} of {self._settings.max_loaded} loaded")
        by_use = sorted(
            (model for model in others if model not in self._pinned),
            key=lambda model: self._use(model, view),
        )
        chosen = by_use[:surplus]
        spared = f"{by_use[surplus]!r} was next" if surplus < len(by_use) else ""
        return Plan(
            tuple(model for model in view.running if model in chosen),
            f"lru: at most {self._settings.max_loaded} loaded, least recently used first",
            runner_up=spared,
        )

    @staticmethod
    def _use(model: str, view: View) -> tuple[bool, float]:
        """Order of making room: idle before busy, long unused before lately used."""
        seen = view.models.get(model)
        return (False, 0.0) if seen is None else (seen.in_flight > 0, seen.last_used)
