"""The notation of spec/scheduler.md 12 for tests: a driven machine, and policies made of groups.

Each step is also checked against every promise of the machine (`Invariants`). A *pushy*
model evicts the meek and is evicted by nobody; *rivals* evict each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from tests.properties.driver import Driver

from hotbay.core.effects import Effect, Spawn, SwapStarted
from hotbay.core.events import Exited, Finished, Gone, Left, ProbeOk, Spawned, SpawnFailed
from hotbay.core.rules import DEFAULT_GROUP, Group, GroupRules, ModelRules, Rules
from hotbay.testing import Phase, Request

E = TypeVar("E", bound=Effect)


class Story(Driver):
    """The notation of the examples: `ok`, `fail`, `end`, and what has become of it."""

    def ok(self, model: str) -> None:
        """Let the swap to a model succeed: what has to stop stops, then it gets ready."""
        for evicted in (*self.ledger.swaps[model], model):
            self.gone_for_good(evicted)
        present = self.ledger.present(model)
        assert present is not None
        if not present.ready:
            self.send(Spawned(model, present.generation))
            self.send(ProbeOk(model, present.generation))

    def gone_for_good(self, model: str) -> None:
        """Let a model server that is being stopped come to its end."""
        process = self.ledger.present(model)
        if process is None or not process.alive or process.stop_by is None:
            return
        if process.phase is Phase.ORDERED:
            self.send(Spawned(model, process.generation))
        if process.phase is Phase.RUNNING:
            self.send(Exited(model, process.generation))
        self.send(Gone(model, process.generation))

    def fail(self, model: str) -> None:
        present = self.ledger.present(model)
        assert present is not None
        self.send(SpawnFailed(model, present.generation, "no such file"))

    def end(self, model: str) -> None:
        """Let the oldest request that the model serves finish."""
        served = [request for request in self.granted() if request.model == model]
        self.send(Finished(served[0].id))

    def ready(self, *models: str) -> None:
        for model in models:
            self.request(model)
            self.ok(model)
            self.end(model)

    def leave(self, request: Request) -> None:
        self.send(Left(request.id))

    def effects(self, kind: type[E]) -> list[E]:
        steps = self.ledger.history
        return [effect for step in steps for effect in step.effects if isinstance(effect, kind)]

    def starts(self) -> list[str]:
        return [effect.model for effect in self.effects(Spawn)]

    def evictions(self, model: str) -> list[tuple[str, ...]]:
        return [effect.evict for effect in self.effects(SwapStarted) if effect.model == model]

    def queued(self) -> list[str]:
        return [request.model for request in self.ledger.queue()]


def models(names: Iterable[str], **settings: Any) -> dict[str, ModelRules]:
    return {name: ModelRules(name, **settings) for name in names}


def together(names: str, **settings: Any) -> Story:
    """No model evicts another."""
    group = Group("g", swap=False, exclusive=False, members=tuple(names))
    return Story(Rules(models(names, **settings), GroupRules((group,))))


def pushy(names: str, over: str, **settings: Any) -> Story:
    """`names` evict `over`, and nobody evicts `names`."""
    return Story(
        Rules(
            models(names + over, **settings),
            GroupRules(
                (
                    Group("pushy", swap=False, members=tuple(names)),
                    Group("meek", swap=False, exclusive=False, members=tuple(over)),
                )
            ),
        )
    )


def rivals(names: str, max_wait: float = 0.0, **priorities: int) -> Story:
    """Each evicts all others."""
    return Story(
        Rules(
            {name: ModelRules(name, priority=priorities.get(name, 0)) for name in names},
            GroupRules((Group(DEFAULT_GROUP, members=tuple(names)),)),
            max_wait=max_wait,
        )
    )
