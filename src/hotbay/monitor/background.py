"""A thread with an event loop of its own, for all that could block (design 2, `monitor`).

Owns the thread and its tasks. Requests are served by another loop, which never waits for
anything here.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

END_LIMIT = 1.5
"""Seconds that the tasks may take to end."""
CLOSE_LIMIT = 2.0
"""Seconds that the thread may; with a driver that hangs it is left to the end of the process."""


class Log(Protocol):
    """Where the monitor says what an operator may want to know."""

    def debug(self, message: str) -> None:
        """Log what helps to find an error."""
        ...

    def info(self, message: str) -> None:
        """Log what happens."""
        ...

    def warn(self, message: str) -> None:
        """Log what somebody should look at."""
        ...


class LoopLog:
    """Passes lines from any thread to a log that belongs to an event loop."""

    def __init__(self, log: Log, loop: asyncio.AbstractEventLoop) -> None:
        self._log = log
        self._loop = loop

    def debug(self, message: str) -> None:
        """Log what helps to find an error."""
        self._pass(self._log.debug, message)

    def info(self, message: str) -> None:
        """Log what happens."""
        self._pass(self._log.info, message)

    def warn(self, message: str) -> None:
        """Log what somebody should look at."""
        self._pass(self._log.warn, message)

    def _pass(self, write: Callable[[str], None], message: str) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it the log
            self._loop.call_soon_threadsafe(write, message)


class Background:
    """Runs coroutines in a thread of its own."""

    def __init__(self) -> None:
        """Prepare the thread."""
        self._loop = asyncio.new_event_loop()
        # Only these are cancelled in the end: what they have begun ends with them, or is about to
        # clean up after them, which a second cancellation would interrupt.
        self._begun: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._run, name="hotbay-monitor", daemon=True)

    def start(self) -> None:
        """Start the thread, which does nothing yet."""
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Begin this in the thread; cancelling the future ends it."""
        return asyncio.run_coroutine_threadsafe(self._tracked(work), self._loop)

    def close(self) -> None:
        """Cancel what still runs and end the thread; waits at most `CLOSE_LIMIT` seconds."""
        if self._thread.ident is None:  # never started
            self._loop.close()
        elif self._thread.is_alive():
            with suppress(RuntimeError):  # it has ended meanwhile
                self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CLOSE_LIMIT)

    async def _tracked(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - tells the type checker where coroutines run
        self._begun.add(task)
        try:
            return await work
        finally:
            self._begun.discard(task)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            for task in self._begun:
                task.cancel()
            if tasks := asyncio.all_tasks(self._loop):
                self._loop.run_until_complete(asyncio.wait(tasks, timeout=END_LIMIT))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()
