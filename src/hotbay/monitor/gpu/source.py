"""What a source of GPU samples is, and reading the numbers that tools print. Owns no state."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Protocol

from hotbay.monitor.samples import Gpu

Gpus = Sequence[Gpu]
"""What a source says in one round."""


class SourceError(Exception):
    """A source does not work here, or not any more; the text says why."""


class Source(Protocol):
    """Somebody who can be asked for the state of GPUs."""

    @property
    def name(self) -> str:
        """What the log calls it."""
        ...

    def batches(self, every: float) -> AsyncGenerator[Gpus, None]:
        """Yield a round about every so many seconds, the first at once, never an empty one.

        Raises:
            SourceError, OSError: it does not work, or stops working.
        """
        ...


async def polled(read: Callable[[], Awaitable[Gpus]], every: float) -> AsyncGenerator[Gpus, None]:
    """Yield what `read` returns, again and again; an empty round is left out."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        if gpus := await read():
            yield gpus
        due = max(due + every, loop.time())
        await asyncio.sleep(due - loop.time())


def number(text: object) -> float:
    """Read a number as tools print it; 0 for `N/A`, `[Not Supported]` and the like."""
    if not isinstance(text, str | int | float):
        return 0.0
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0


def whole(text: object) -> int:
    """Read a number without its fraction."""
    return int(number(text))


def share(text: object) -> float:
    """Read a percentage and keep it between 0 and 100."""
    return min(100.0, max(0.0, number(text)))
