"""The thread that writes rows and captures, many at a time (design 3).

Owns the queue between the event loop and that thread. It is bounded: what finds no room is
dropped and counted, for recording never delays a request.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from hotbay.activity.captures import Capture, packed
from hotbay.activity.inserts import Record, record_of
from hotbay.activity.row import Row

BATCH_EVERY = 0.2
"""Seconds between two batches; a row that comes after a rest is written at once."""
TIDY_EVERY = 10.0
"""Seconds between two looks whether there is something to tidy up."""
TIDY_FIRST = 1.0
"""Seconds before the first of them, unless there is something to write earlier."""
TIDY_PAUSE = 0.1
"""Seconds without a batch before there is more tidying up."""
ROWS = 20_000
"""Rows that may wait to be written."""
BYTES = 64 << 20
"""Memory that they may hold on to."""
TOGETHER = 32
"""Rows that are made at once on the event loop, in half a millisecond or so. One by one, in between
other work, they would take half as long again: each time with cold caches."""
AT_A_TIME = 0.001
"""Seconds of making rows in the thread after which the event loop gets its turn."""

Made = tuple[Row, Record | None, bytes | None]
"""A row, its values if they are wanted at once, and its packed capture."""
Make = Callable[[], tuple[Row, Capture | None]]
Then = Callable[[int], None]


class Item(msgspec.Struct):
    """What waits to be written.

    Attributes:
        made: row and capture, or what makes them; None once that has failed.
        then: is told the row's number, on the event loop.
        size: bytes of memory that it holds on to.
        light: they are made on the event loop.
    """

    made: Made | Make | None
    then: Then | None
    size: int = 0
    light: bool = False


_Queued = list[Item] | asyncio.Future[None] | None
"""A batch; a future to be fulfilled when everything before it has been written; None ends the
thread."""


class Writer:
    """Takes what is to be written, on the event loop, and writes it in a thread of its own."""

    def __init__(
        self,
        write: Callable[[Sequence[Made]], Sequence[int]],
        tidy: Callable[[], bool],
        warn: Callable[[str], None],
        *,
        values: bool,
    ) -> None:
        """Begin to write; belongs to the running event loop.

        Args:
            write: keeps rows and captures and returns the rows' numbers; called in the thread.
            tidy: called in the thread now and then; returns whether there is more to do.
            warn: takes a line for the log, on the event loop.
            values: `write` wants the values of all rows, which are quicker made with the rows.
        """
        self._values = values
        self._write = write
        self._tidy = tidy
        self._warn = warn
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Item] = []
        self._unmade = 0  # how many of the last of them were not looked at yet
        self._turn: asyncio.TimerHandle | None = None
        self._next = self._loop.time()
        self._queue: queue.SimpleQueue[_Queued] = queue.SimpleQueue()
        # Each is changed by one side only, the left one by the loop, the right one by the thread.
        self._rows_in, self._rows_out = 0, 0
        self._bytes_in, self._bytes_out = 0, 0
        self._refused, self._failed = 0, 0
        self._refusing, self._failing = False, False
        self._untidy = False
        self._closed = False
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
        if self._rows_in - self._rows_out >= ROWS or self._bytes_in - self._bytes_out >= BYTES:
            self._refused += 1
            if not self._refusing:
                self._refusing = True
                self._warn("activity: requests come faster than they can be written; rows are lost")
            return
        self._refusing = False
        self._rows_in += 1
        self._bytes_in += item.size
        self._waiting.append(item)
        self._unmade += 1
        if self._unmade >= TOGETHER:
            self._make_light()
        if self._turn is None:
            self._turn = self._loop.call_at(self._next, self._hand_over)

    def _made(self, make: Make) -> Made:
        row, capture = make()
        values = record_of(row) if self._values else None
        return row, values, None if capture is None else packed(capture)

    def _make_light(self) -> None:
        """Make what takes no time."""
        for item in self._waiting[-self._unmade :]:
            if item.light and callable(item.made):
                try:
                    item.made = self._made(item.made)
                except Exception as error:  # noqa: BLE001 - as in `_make`
                    item.made = None
                    self._refused += 1
                    self._warn(_not_made(error))
        self._unmade = 0

    def _hand_over(self) -> None:
        """Give what has gathered to the thread."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
            self._make_light()
            self._queue.put(self._waiting)
            self._waiting = []
            self._next = self._loop.time() + BATCH_EVERY

    async def flush(self) -> None:
        """Wait until everything so far has been written, and everybody told who wanted to be."""
        self._hand_over()
        written = self._loop.create_future()
        self._queue.put(written)
        await written

    async def close(self) -> None:
        """Write what waits, and end the thread."""
        self._closed = True
        self._hand_over()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    # -- in the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        pause, tidy_at = TIDY_FIRST, time.monotonic()
        while True:
            try:
                queued = self._queue.get(timeout=max(pause, tidy_at - time.monotonic()))
            except queue.Empty:
                pass
            else:
                if queued is None:
                    return
                if isinstance(queued, asyncio.Future):
                    self._loop.call_soon_threadsafe(_fulfil, queued)
                else:
                    self._handle(queued)
            pause = TIDY_PAUSE
            if time.monotonic() >= tidy_at:
                more = self._tidy_up()
                tidy_at = time.monotonic() + (0 if more else TIDY_EVERY)

    def _handle(self, items: Sequence[Item]) -> None:
        self._rows_out += len(items)
        made, thens = self._make(items)
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

    def _make(self, items: Sequence[Item]) -> tuple[list[Made], list[Then | None]]:
        """Make what is not made yet."""
        made, thens = [], []
        since = time.monotonic()
        for item in items:
            if callable(item.made):
                try:
                    item.made = self._made(item.made)
                except Exception as error:  # noqa: BLE001 - an answer that defies reading costs one row
                    item.made = None
                    self._failed += 1
                    self._tell(_not_made(error))
                if time.monotonic() - since > AT_A_TIME:
                    # Python's own turns last 5 ms, for which every stream would have to wait.
                    time.sleep(AT_A_TIME / 20)
                    since = time.monotonic()
            if item.made is not None:
                made.append(item.made)
                thens.append(item.then)
        return made, thens

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


def _not_made(error: Exception) -> str:
    return f"activity: a row could not be made: {error!r}"


def _fulfil(future: asyncio.Future[None]) -> None:
    if not future.done():  # whoever waits may have been cancelled
        future.set_result(None)
