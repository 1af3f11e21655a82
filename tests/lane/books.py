"""A real recorder, and everything that it and its recordings are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from hotbay.activity.activity import Activity
from hotbay.activity.hub import Hub
from hotbay.activity.queries import Filters
from hotbay.activity.recorder import Recorder
from hotbay.activity.recording import About, Recording
from hotbay.activity.row import Row
from hotbay.config.model import Config

Told = tuple[object, ...]
"""The name of a method and its arguments."""


class _Tap:
    """Passes what a recording is told on, and notes it."""

    def __init__(self, recording: Recording, told: list[Told]) -> None:
        self._recording = recording
        self._told = told

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., object] = getattr(self._recording, name)

        def tell(*args: object) -> object:
            self._told.append((name, *args))
            return method(*args)

        return tell


class Books:
    """Stands before a real recorder; `told` has a list for each request that was begun."""

    def __init__(self, config: Config) -> None:
        self.messages = self.events = Hub(lambda *_: b"", lambda _: None, resumable=False)
        self.warnings: list[str] = []
        self.begun: list[About] = []
        self.told: list[list[Told]] = []
        self.activity = Activity(config, self, routes=(), warn=self.warnings.append, environ={})
        self.real = self.activity.recorder

    def queue_changed(self) -> None:
        """Nobody looks at the queue."""

    def recorded(self, row: int) -> None:
        """Nobody waits for a row: they are flushed."""

    def begin(self, about: About) -> Recording:
        self.begun.append(about)
        self.told.append([])
        return cast("Recording", _Tap(self.real.begin(about), self.told[-1]))

    @property
    def recorder(self) -> Recorder:
        """What the lane is given."""
        return cast("Recorder", self)

    def names(self, request: int = 0) -> list[str]:
        """Return what kinds of things were told of a request, in order."""
        return [str(told[0]) for told in self.told[request]]

    def said(self, name: str, request: int = 0) -> list[tuple[object, ...]]:
        """Return the arguments of everything of one kind that was told of a request."""
        return [told[1:] for told in self.told[request] if told[0] == name]

    def end(self, request: int = 0) -> tuple[object, ...]:
        """Return what was told of the end of a request: outcome, status, error."""
        ((outcome, status, *error),) = self.said("ended", request)
        return outcome, status, *(error or [""])

    async def rows(self) -> list[Row]:
        """Return all rows, the oldest first."""
        await self.activity.store.flush()
        found = self.activity.store.all_rows(Filters(), descending=False)
        return [stored.row async for part in found for stored in part]

    def check(self) -> None:
        """See that every request has ended, and was told nothing more."""
        assert not len(self.real.inflight), "a recording has not ended"
        for told in self.told:
            names = [name for name, *_ in told]
            assert names.count("ended") == 1
            assert names[-1] == "ended"
