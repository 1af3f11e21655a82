"""Who makes requests of the engine, and what it is told."""

from __future__ import annotations

from typing import Protocol

from hotbay.core.effects import Admitted, Grant, Position, Refused


class Caller(Protocol):
    """Who made a request: told what becomes of it, perhaps before `Engine.arrive` returns."""

    def admitted(self, effect: Admitted) -> None:
        """The request has a place."""
        ...

    def moved(self, effect: Position) -> None:
        """The request's place in the queue has changed."""
        ...

    def refused(self, effect: Refused) -> None:
        """The request ends here; nothing more will be told."""
        ...

    def granted(self, effect: Grant) -> None:
        """Forward now; call `Engine.finished` once when that has ended, or `Engine.broken`."""
        ...
