"""Loads the models of `hooks.on_startup.preload`, one after the other (spec/cli.md 6).

A model counts as loaded when it became ready; what it answers on `/` is not asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from hotbay.core.effects import Admitted, Grant, Position, Refused
from hotbay.core.events import Mode
from hotbay.runtime.engine import Engine
from hotbay.runtime.logs import ProxyLog


class _Preloading:
    """A request that ends as soon as it is granted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def admitted(self, effect: Admitted) -> None:
        """Wait on."""

    def moved(self, effect: Position) -> None:
        """Wait on."""

    def refused(self, effect: Refused) -> None:
        """Remember why."""
        if not self.outcome.done():
            self.outcome.set_result(effect.detail or effect.refusal.value)

    def granted(self, effect: Grant) -> None:
        """Give the model back at once."""
        self._engine.finished(effect.request)
        if not self.outcome.done():
            self.outcome.set_result("")


async def preload(engine: Engine, models: Iterable[str], log: ProxyLog) -> None:
    """Load each model in turn; one that fails is logged and the next is tried."""
    for model in models:
        log.info(f"preloading model: {model}")
        request, caller = engine.new_request(), _Preloading(engine)
        engine.arrive(request, model, Mode.NORMAL, caller)
        try:
            failure = await caller.outcome
        finally:
            engine.left(request)
        if failure:
            log.error(f"failed to preload model {model}: {failure}")
