"""Model servers that start and end when a test says so, and requests that remember."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hotbay.config import Sources, load
from hotbay.config.model import Config
from hotbay.core.effects import Admitted, Effect, Grant, Position, Refused
from hotbay.core.events import Mode
from hotbay.runtime.console import Console
from hotbay.runtime.engine import Engine
from hotbay.runtime.logs import LogBook
from hotbay.runtime.processes import ProcessKey, ProcessSpec

LIMIT = 30.0
"""Seconds after which something that was waited for will not come any more."""


class ScriptedProcesses:
    """An implementation of `Processes` without programs: the test tells what becomes of them."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, ProcessKey, float]] = []
        self.specs: dict[ProcessKey, ProcessSpec] = {}
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Nothing to get ready."""

    async def close(self) -> None:
        """Nothing to end."""

    def spawn(self, key: ProcessKey, spec: ProcessSpec) -> None:
        self.specs[key] = spec
        self._note("spawn", key, 0.0)

    def stop(self, key: ProcessKey, grace: float) -> None:
        self._note("stop", key, grace)

    def _note(self, what: str, key: ProcessKey, grace: float) -> None:
        self.orders.append((what, key, grace))
        self._changed.set()

    def told(self, what: str) -> list[ProcessKey]:
        """Return whom an order of this kind was given for, in order."""
        return [key for order, key, _ in self.orders if order == what]

    async def until(self, what: str, model: str) -> None:
        """Wait until an order of this kind has been given for a program of a model."""
        async with asyncio.timeout(LIMIT):
            while not any(key[0] == model for key in self.told(what)):
                self._changed.clear()
                await self._changed.wait()


class Visitor:
    """A `Caller` that remembers what it was told."""

    def __init__(self, engine: Engine, target: str, mode: Mode = Mode.NORMAL) -> None:
        self.told: list[Admitted | Position | Refused | Grant] = []
        self._ended = asyncio.Event()
        self.request = engine.new_request()
        self._engine = engine
        engine.arrive(self.request, target, mode, self)

    def admitted(self, effect: Admitted) -> None:
        self.told.append(effect)

    def moved(self, effect: Position) -> None:
        self.told.append(effect)

    def refused(self, effect: Refused) -> None:
        self.told.append(effect)
        self._ended.set()

    def granted(self, effect: Grant) -> None:
        self.told.append(effect)
        self._ended.set()

    @property
    def waits(self) -> bool:
        return isinstance(self.told[-1], Admitted | Position)

    @property
    def served(self) -> bool:
        return isinstance(self.told[-1], Grant)

    @property
    def refusal(self) -> Refused:
        last = self.told[-1]
        assert isinstance(last, Refused), self.told
        return last

    async def ended(self) -> None:
        """Wait for a grant or a refusal."""
        async with asyncio.timeout(LIMIT):
            await self._ended.wait()

    def finish(self) -> None:
        self._engine.finished(self.request)

    def leave(self) -> None:
        self._engine.left(self.request)


class World:
    """An engine among scripted model servers."""

    def __init__(
        self,
        folder: Path,
        content: Mapping[str, Any],
        watch: Callable[[Effect], None] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        config = self.configured(content)
        self.logs = LogBook(config, Console(None))
        self.news: list[Effect] = []
        self.processes = ScriptedProcesses()
        self.engine = Engine(config, self.logs, watch or self.news.append, environ or {})
        self.engine.attach(self.processes)

    def configured(self, content: Mapping[str, Any]) -> Config:
        """Load a configuration; a model without cmd is ready once it runs."""
        plain = {"cmd": "serve it", "proxy": "http://127.0.0.1:1", "checkEndpoint": "none"}
        models = {name: plain | dict(given) for name, given in content["models"].items()}
        file = self._folder / "config.yaml"
        file.write_text(json.dumps({**content, "models": models}))  # JSON is YAML
        return load(Sources(file, None)).config

    def visit(self, target: str, mode: Mode = Mode.NORMAL) -> Visitor:
        return Visitor(self.engine, target, mode)

    def newest(self, model: str) -> ProcessKey:
        """Return which program of a model was started last."""
        return max(key for key in self.processes.specs if key[0] == model)

    def runs(self, model: str) -> None:
        self.engine.spawned(self.newest(model), 4711)

    def ends(self, model: str, status: str = "exit status 0") -> None:
        key = self.newest(model)
        self.engine.exited(key, status)
        self.engine.gone(key)

    def ready(self, model: str) -> None:
        """Have a model loaded, with nobody using it."""
        visitor = self.visit(model)
        self.runs(model)
        assert visitor.served
        visitor.finish()

    @property
    def log(self) -> str:
        return self.logs.proxy_monitor.history().decode()
