"""The thread that makes rows and captures and writes them, many at a time (design 3).

Owns the queue between the event loop and that thread. It is bounded: what finds no room is
dropped and counted, for recording never delays a request.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from hotbay.activity.captures import Capture
from hotbay.activity.row import Row

BATCH_EVERY = 0.1
"""Seconds between two batches; a row that comes after a rest is written at once."""
TIDY_EVERY = 10.0
"""Seconds between two looks whether there is something to tidy up."""
ROWS = 20_000
"""Rows that may wait to be written."""
BYTES = 64 << 20
"""Memory that they may hold on to."""
AT_A_TIME = 0.001
"""Seconds of making rows after which the event loop gets its turn."""

Made = tuple[Row, Capture | None]
Then = Callable[[int], None]


class Item(NamedTuple):
    """What waits to be written.

    Attributes:
        make: makes row and capture, in the thread.
        then: is told the row's number, on the event loop.
        size: bytes of memory that it holds on to.
    """

    make: Callable[[], Made]
    then: Then | None
    size: int


_Queued = Item | asyncio.Future[None] | None
"""A future is fulfilled when everything before it has been written; None ends the thread."""


class Writer:
    """Takes what is to be written, on the event loop, and writes it in a thread of its own."""

    def __init__(
        self,
        write: Callable[[Sequence[Made]], Sequence[int]],
        tidy: Callable[[], bool],
        warn: Callable[[str], None],
    ) -> None:
        """Begin to write; belongs to the running event loop.

        Args:
            write: keeps rows and captures and returns the rows' numbers; called in the thread.
            tidy: called in the thread now and then; returns whether there is more to do.
            warn: takes a line for the log, on the event loop.
        """
        self._write = write
        self._tidy = tidy
        self._warn = warn
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Queued] = queue.SimpleQueue()
        # Each is changed by one side only, the left one by the loop, the right one by the thread.
        self._bytes_in, self._bytes_out = 0, 0
        self._refused, self._failed = 0, 0
        self._refusing, self._failing = False, False
        self._untidy = False
        self._closed = False
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="activity", daemon=True)
        self._thread.start()

    # -- on the event loop -------------------------------------------------------------------

    @property
    def dropped(self) -> int:
        """Rows that were not written: for want of room, or because that failed."""
        return self._refused + self._failed

    def has_room(self, size: int) -> bool:
        """Whether so many more bytes may wait."""
        return self._bytes_in - self._bytes_out + size <= BYTES

    def put(self, item: Item) -> None:
        """Have something written, or drop it if too much waits already, or nothing is written."""
        if self._closed:
            self._refused += 1
            return
        if self._queue.qsize() >= ROWS or self._bytes_in - self._bytes_out >= BYTES:
            self._refused += 1
            if not self._refusing:
                self._refusing = True
                self._warn("activity: requests come faster than they can be written; rows are lost")
            return
        self._refusing = False
        self._bytes_in += item.size
        self._queue.put(item)

    async def flush(self) -> None:
        """Wait until everything so far has been written, and everybody told who wanted to be."""
        written = self._loop.create_future()
        self._queue.put(written)
        self._hurry.set()
        await written

    async def close(self) -> None:
        """Write what waits, and end the thread."""
        self._closed = True
        self._queue.put(None)
        self._hurry.set()
        await asyncio.to_thread(self._thread.join)

    # -- in the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        tidy_at = time.monotonic()
        batch: list[_Queued] = []
        while None not in batch:
            batch = self._batch(tidy_at)
            if items := [queued for queued in batch if isinstance(queued, Item)]:
                self._handle(items)
            if flushes := [queued for queued in batch if isinstance(queued, asyncio.Future)]:
                self._hurry.clear()
                self._loop.call_soon_threadsafe(_fulfil, flushes)
            if time.monotonic() >= tidy_at:
                more = self._tidy_up()
                tidy_at = time.monotonic() + (0 if more else TIDY_EVERY)

    def _batch(self, until: float) -> list[_Queued]:
        """Wait for what comes next, until a moment of the monotonic clock."""
        self._hurry.wait(BATCH_EVERY)
        batch = []
        with suppress(queue.Empty):
            batch.append(self._queue.get(timeout=max(0.0, until - time.monotonic())))
            while True:
                batch.append(self._queue.get_nowait())
        return batch

    def _handle(self, items: Sequence[Item]) -> None:
        made = []
        thens = []
        since = time.monotonic()
        for item in items:
            try:
                made.append(item.make())
            except Exception as error:  # noqa: BLE001 - an answer that defies reading costs one row
                self._failed += 1
                self._tell(f"activity: a row could not be made: {error!r}")
            else:
                thens.append(item.then)
            if time.monotonic() - since > AT_A_TIME:
                # Python's own turns last 5 ms, for which every stream would have to wait.
                time.sleep(AT_A_TIME / 20)
                since = time.monotonic()
        try:
            numbers = self._write(made)
        except Exception as error:  # noqa: BLE001 - requests go on whatever becomes of the log
            self._failed += len(made)
            if not self._failing:
                self._failing = True
                self._tell(f"activity: rows are lost, as they cannot be written: {error}")
        else:
            self._failing = False
            done = [(then, n) for then, n in zip(thens, numbers, strict=True) if then is not None]
            self._loop.call_soon_threadsafe(self._report, done)
        self._bytes_out += sum(item.size for item in items)

    def _tidy_up(self) -> bool:
        try:
            more = self._tidy()
        except Exception as error:  # noqa: BLE001 - it is tried again in a while
            if not self._untidy:
                self._untidy = True
                self._tell(f"activity: old rows cannot be removed: {error}")
            return False
        self._untidy = False
        return more

    def _tell(self, line: str) -> None:
        self._loop.call_soon_threadsafe(self._warn, line)

    # -- on the event loop again -------------------------------------------------------------

    def _report(self, done: Sequence[tuple[Then, int]]) -> None:
        for then, number in done:
            try:
                then(number)
            except Exception as error:  # noqa: BLE001 - one must not keep the others from theirs
                self._loop.call_exception_handler({"message": "activity", "exception": error})


def _fulfil(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():  # whoever waits may have been cancelled
            future.set_result(None)
