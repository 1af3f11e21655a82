"""Loads models that no request asks for: those of `hooks.on_startup.preload` (spec/cli.md 6).

Operators load others. A model counts as loaded when it became ready; what it answers on `/` is not
asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from hotbay.core.effects import Admitted, Grant, Position, Refused
from hotbay.core.events import Mode
from hotbay.runtime.engine import Engine
from hotbay.runtime.logs import ProxyLog


class _Loading:
    """A request that ends as soon as it is granted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.outcome: asyncio.Future[Refused | None] = asyncio.get_running_loop().create_future()

    def admitted(self, effect: Admitted) -> None:
        """Wait on."""

    def moved(self, effect: Position) -> None:
        """Wait on."""

    def refused(self, effect: Refused) -> None:
        """Remember why."""
        if not self.outcome.done():
            self.outcome.set_result(effect)

    def granted(self, effect: Grant) -> None:
        """Give the model back at once."""
        self._engine.finished(effect.request)
        if not self.outcome.done():
            self.outcome.set_result(None)


async def load(engine: Engine, model: str) -> Refused | None:
    """Load a model, as a request for it would; return why that was refused, None once it is ready.

    Cancelled, it asks no longer: a load for nobody else is not begun.
    """
    request, caller = engine.new_request(), _Loading(engine)
    engine.arrive(request, model, Mode.NORMAL, caller)
    try:
        return await caller.outcome
    finally:
        engine.left(request)


async def preload(engine: Engine, models: Iterable[str], log: ProxyLog) -> None:
    """Load each model in turn; one that fails is logged and the next is tried."""
    for model in models:
        log.info(f"preloading model: {model}")
        if refused := await load(engine, model):
            reason = refused.detail or refused.refusal.value
            log.error(f"failed to preload model {model}: {reason}")
