"""A time limit that is moved with every request but costs a timer only now and then.

Owns one timer. Moving the limit later, or lifting it, only writes a number down; the
timer finds that out when it fires and goes on waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls back once when the time last set is up."""

    __slots__ = ("_due", "_expired", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._expired = expired
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Expire that long from now instead of any time set before."""
        self._due = due = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._fire)
        elif self._timer.when() > due:
            self._timer.cancel()
            self._timer = self._loop.call_at(due, self._fire)

    def lift(self) -> None:
        """Do not expire until a time is set again."""
        self._due = None

    def close(self) -> None:
        """Never expire, and let go of whoever would be called."""
        self._due = None
        self._expired = _nothing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._due > self._loop.time():
            self._timer = self._loop.call_at(self._due, self._fire)
            return
        self._due = None
        self._expired()


def _nothing() -> None:
    """Stand for who is called no more."""
