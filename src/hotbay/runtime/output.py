"""The output pipe of one program: read at once, always, whoever listens.

Owns the descriptor. What a program writes never waits for a reader (spec/lifecycle.md 12).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

CHUNK = 65536
DRAIN_LIMIT = 16
"""Chunks that `drain` takes at most; more than a pipe holds, so more is written meanwhile."""


class Output:
    """Passes on what comes out of a pipe until its end."""

    def __init__(self, descriptor: int, deliver: Callable[[bytes], None]) -> None:
        """Take over `descriptor`, the reading end of a pipe."""
        self._descriptor = descriptor
        self._deliver = deliver
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def _read(self) -> bool:
        try:
            data = os.read(self._descriptor, CHUNK)
        except BlockingIOError:
            return False
        if data:
            self._deliver(data)
        else:
            self.close()
        return bool(data)

    @property
    def open(self) -> bool:
        """Whether more may come."""
        return self._descriptor >= 0

    def drain(self) -> None:
        """Pass on now what has been written so far."""
        for _ in range(DRAIN_LIMIT):
            if not self.open or not self._read():
                return

    def close_after(self, seconds: float) -> None:
        """Close the pipe by force later, whoever may still hold the other end."""
        if self.open:
            self._timer = self._loop.call_later(seconds, self.close)

    def close(self) -> None:
        """Stop reading; the writers get SIGPIPE or an error."""
        if self._timer is not None:
            self._timer.cancel()
        if self.open:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
