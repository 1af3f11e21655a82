"""Measures by how much the event loop is late, which delays every request alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

INTERVAL = 0.5
"""Seconds between two looks."""


class LoopLag:
    """Looks at the clock twice a second, and tells by how many seconds it was called too late."""

    def __init__(self, observe: Callable[[float], None], interval: float = INTERVAL) -> None:
        """Begin at once, on the running event loop; `observe` is told each lag."""
        self._observe = observe
        self._interval = interval
        self._loop = asyncio.get_running_loop()
        self._handle = self._loop.call_later(interval, self._look, self._loop.time() + interval)

    def stop(self) -> None:
        """Look no more."""
        self._handle.cancel()

    def _look(self, due: float) -> None:
        now = self._loop.time()
        self._observe(max(0.0, now - due))
        self._handle = self._loop.call_at(now + self._interval, self._look, now + self._interval)
