"""An engine that follows a script, and keeps an account of what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from tests.lane.upstreams import PATIENCE

from hotbay.config.model import Timeouts
from hotbay.core.effects import Admitted, Grant, Position, Refusal, Refused, Wait
from hotbay.core.events import Mode
from hotbay.runtime.caller import Caller
from hotbay.runtime.endpoint import Endpoint

Kind = Literal["starting", "evicting", "busy", "crashed"]


class Engine:
    """Grants at once, unless told to hold or to refuse; remembers what it is told.

    Every selector chooses `alias-1`, if `choices` does not name another target and its model,
    empty for a peer's. A lost connection is refused unless `crashed` says that the model server
    died. What must not be told is noted in `wrongs`.
    """

    def __init__(self, port: int, base_path: str = "") -> None:
        self.port = port
        self.base_path = base_path
        self.holding = False
        self.refusing: tuple[Refusal, str] | None = None
        self.choices: dict[str, tuple[str, str]] = {}
        self.callers: dict[int, Caller] = {}
        self.targets: list[str] = []
        self.departed: list[int] = []
        self.ended: list[int] = []
        self.lost: list[int] = []
        self.served: set[int] = set()
        self.wrongs: list[str] = []
        self.crashed = False
        self.load_times: dict[str, float] = {}
        self.deadlines: list[float | None] = []
        self.modes: list[Mode] = []
        self.timeouts: dict[str, float] = {}
        self.changed = asyncio.Event()
        self._count = 0

    # -- as requests know it -----------------------------------------------------------------

    def new_request(self) -> int:
        self._count += 1
        return self._count

    def arrive(
        self,
        request: int,
        target: str,
        mode: Mode,
        caller: Caller,
        *,
        selector: bool = False,
        deadline: float | None = None,
    ) -> None:
        choice, model = self.choices.get(target, ("alias-1", "m1")) if selector else ("", target)
        self.targets.append(model)
        self.modes.append(mode)
        self.deadlines.append(deadline)
        self.callers[request] = caller
        if self.refusing is not None:
            self.refuse(request, *self.refusing, model="")
            return
        wait = Wait("starting", (model,)) if self.holding else None
        caller.admitted(Admitted(request, model, 0, wait, choice))
        if not self.holding and request in self.callers:
            self.grant(request)
        self.changed.set()

    def left(self, request: int) -> None:
        if request in self.served:
            self.wrongs.append(f"{request} left, but it was granted")
        if self.callers.pop(request, None) is not None:
            self.departed.append(request)
        self.changed.set()

    def finished(self, request: int) -> None:
        self._serve_no_longer(request, "finished")
        self.ended.append(request)
        self.changed.set()

    def broken(self, request: int, caller: Caller) -> None:
        self._serve_no_longer(request, "broken")
        self.lost.append(request)
        self.callers[request] = caller
        if not self.crashed:
            self.refuse(request, Refusal.BROKEN)
        self.changed.set()

    def _serve_no_longer(self, request: int, why: str) -> None:
        if request not in self.served:
            self.wrongs.append(f"{request} {why}, but it was not granted")
        self.served.discard(request)

    def endpoint(self, model: str) -> Endpoint:
        if model == "gone":
            raise KeyError(model)
        timeouts: Any = Timeouts.model_construct(None, **{**dict(Timeouts()), **self.timeouts})
        address = f"127.0.0.1:{self.port}"
        return Endpoint(model, 1, "http", "127.0.0.1", self.port, self.base_path, address, timeouts)

    def in_flight(self, model: str) -> int:
        return self.targets.count(model)

    def load_time(self, model: str) -> float | None:
        return self.load_times.get(model)

    # -- the script --------------------------------------------------------------------------

    def grant(self, request: int, attempt: int = 1) -> None:
        self.served.add(request)
        self.callers.pop(request).granted(Grant(request, self.targets[request - 1], 1, attempt))

    def refuse(
        self, request: int, refusal: Refusal, detail: str = "", model: str | None = None
    ) -> None:
        told = self.targets[request - 1] if model is None else model
        self.callers.pop(request).refused(Refused(request, refusal, detail, told))

    def move(self, request: int, position: int, kind: Kind = "busy", *models: str) -> None:
        self.callers[request].moved(Position(request, position, Wait(kind, models)))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something it is told makes the condition true."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def asked(self, count: int = 1) -> None:
        """Wait until so many requests wait here."""
        await self.until(lambda: len(self.callers) == count)
