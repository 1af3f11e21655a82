"""The activity log: every finished request as a row, and captures of the newest.

`Store` owns one database, the thread that writes it, and the captures that belong to its rows.
Rows are looked for in other threads, never on the event loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

from hotbay.activity import hours
from hotbay.activity.captures import Capture, Captures
from hotbay.activity.database import Database, StoreError
from hotbay.activity.histogram import Histogram
from hotbay.activity.inserts import insert, record_of
from hotbay.activity.latest import Latest
from hotbay.activity.queries import Filters, Page, Query, find_page, find_row, find_some
from hotbay.activity.retention import doom, remove_doomed
from hotbay.activity.row import Row, Stored
from hotbay.activity.settings import Settings
from hotbay.activity.speeds import Speeds
from hotbay.activity.writer import Item, Made, Make, Then, Writer

READERS = 2
"""Queries that run at the same time."""
ROWS_AT_A_TIME = 1_000
"""Rows that are read at once where all are wanted."""

T = TypeVar("T")


class Statistics(NamedTuple):
    """Sums over rows, and how their speeds are distributed, None where none is known."""

    totals: hours.Totals
    prompt: Histogram | None
    generation: Histogram | None


class Store:
    """One activity log."""

    def __init__(
        self, settings: Settings, warn: Callable[[str], None], database: Database | None = None
    ) -> None:
        """Open the log; belongs to the running event loop.

        Args:
            settings: how it is to be kept.
            warn: takes a line for the proxy log.
            database: that of `settings.path`, if it has been opened already.

        Raises:
            StoreError: the log cannot be opened.
        """
        self.settings = settings
        self.captures = Captures(settings.captures)
        self._database = database or Database(settings.path)
        self._latest = None if self._database.persistent else Latest(settings.keep.rows)
        self._speeds = Speeds()
        self._closed = False
        self._warn = warn
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="activity-reader")
        self._writer = Writer(self._write, self._tidy, warn, values=self._latest is None)

    def configure(self, settings: Settings) -> None:
        """Take up other settings; the path must be the same."""
        self.settings = settings
        self.captures.limit = settings.captures
        if self._latest is not None:
            self._latest.keep(settings.keep.rows)

    async def close(self) -> None:
        """Write what waits, let those who read finish, and close the log."""
        self._closed = True
        await self._writer.close()
        await asyncio.to_thread(self._readers.shutdown)
        try:
            await asyncio.to_thread(self._save)
        except sqlite3.Error as error:
            self._warn(f"activity: what makes statistics quick is not kept: {error}")
        self._database.close()

    # -- writing, on the event loop ------------------------------------------------------------

    @property
    def dropped(self) -> int:
        """Rows that were not written: for want of room, or because that failed."""
        return self._writer.dropped

    def has_room(self, size: int) -> bool:
        """Whether so many more bytes may wait; else leave the bodies out of what is added."""
        return self._writer.has_room(size)

    def add(self, row: Row, then: Then | None = None) -> None:
        """Write a row; `then` is told its number on the event loop once it is there."""
        self._writer.put(Item((row, None, None), then))

    def add_later(
        self, make: Make, then: Then | None = None, *, size: int = 0, light: bool = False
    ) -> None:
        """Make a row and a capture, and write them.

        Args:
            make: returns the row, and the capture or None. It may only use what nobody changes
                any more.
            then: is told the row's number on the event loop once row and capture are there;
                never, if the row was dropped.
            size: bytes of memory that `make` holds on to.
            light: `make` takes microseconds. Then it is called on the event loop, otherwise in
                the thread that writes.
        """
        self._writer.put(Item(make, then, size, light))

    async def flush(self) -> None:
        """Wait until everything so far has been written, and everybody told."""
        await self._writer.flush()

    # -- reading, on the event loop ------------------------------------------------------------
    # Each raises StoreError if the database cannot be read.

    async def page(self, query: Query) -> Page:
        """Return a page of rows."""
        return await self._read(partial(find_page, query=query))

    async def row(self, number: int) -> Stored | None:
        """Return one row, None if it is not or no longer there."""
        return await self._read(partial(find_row, number=number))

    async def all_rows(
        self, filters: Filters, *, descending: bool = True
    ) -> AsyncIterator[list[Stored]]:
        """Yield all rows by number, some at a time; what is added meanwhile may be missing."""
        while True:
            find = partial(find_some, filters=filters, limit=ROWS_AT_A_TIME, descending=descending)
            rows = await self._read(find)
            if rows:
                yield rows
            if len(rows) < ROWS_AT_A_TIME:
                return
            last = rows[-1].id
            if descending:
                filters = replace(filters, max_id=last - 1)
            else:
                filters = replace(filters, min_id=last + 1)

    async def statistics(self, model: str = "") -> Statistics:
        """Return the statistics of all rows, or of those of one model."""
        return await self._in_thread(partial(self._statistics, model))

    async def sums_by(
        self, key: hours.Key, models: Sequence[str], first_hour: int, last_hour: int
    ) -> dict[Any, hours.Sums]:
        """Return sums for each model or hour; see `hotbay.activity.hours.sums_by`."""
        return await self._read(
            partial(hours.sums_by, key=key, models=models, hours=(first_hour, last_hour))
        )

    async def capture(self, number: int) -> Capture | None:
        """Return the capture of a row, None if there is none."""
        return await self._in_thread(partial(self.captures.get, number))

    async def _read(self, find: Callable[[sqlite3.Connection], T]) -> T:
        def find_in_thread() -> T:
            self._settle()
            with self._database.reading() as connection:
                return find(connection)

        return await self._in_thread(find_in_thread)

    async def _in_thread(self, function: Callable[[], T]) -> T:
        if self._closed:
            raise StoreError("the activity log has been closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, function)
        except sqlite3.Error as error:
            raise StoreError(f"the activity log cannot be read: {error}") from error

    # -- in other threads ----------------------------------------------------------------------

    def _statistics(self, model: str) -> Statistics:
        self._settle()
        with self._speeds.lock, self._database.reading() as connection:
            return Statistics(
                hours.totals(connection, model), *self._speeds.histograms(connection, model)
            )

    def _write(self, made: Sequence[Made]) -> Sequence[int]:
        if self._latest is None:
            records = [values or record_of(row) for row, values, _ in made]
            with self._database.writing() as connection:
                numbers = insert(connection, records)
        else:
            numbers = self._latest.add([row for row, _, _ in made])
        for number, (_, _, capture) in zip(numbers, made, strict=True):
            if capture is not None and self.captures.limit:
                self.captures.keep(number, capture)
        return numbers

    def _settle(self) -> None:
        """Put into the database what is not there yet, if the log is in memory."""
        if self._latest:
            with self._removing() as connection:
                first, rows = self._latest.take()
                insert(connection, [record_of(row) for row in rows], first)
                while self._remove_old(connection):
                    pass

    def _tidy(self) -> bool:
        """Do some of what keeps the log quick and small; return whether there is more to do."""
        with self._database.writing() as connection:
            more = hours.sum_up(connection)
        with self._removing() as connection:
            more |= self._remove_old(connection)
            self._speeds.save_unused(connection)
        return more

    def _save(self) -> None:
        if self._database.persistent:
            with self._speeds.lock, self._database.writing() as connection:
                self._speeds.save_unused(connection, unused_for=0)

    @contextmanager
    def _removing(self) -> Iterator[sqlite3.Connection]:
        """Begin to write, while nobody looks at the speeds of rows that may go."""
        with self._speeds.lock:
            try:
                with self._database.writing() as connection:
                    yield connection
            except BaseException:
                self._speeds.forget()  # which may be without those of rows that have stayed
                raise

    def _remove_old(self, connection: sqlite3.Connection) -> bool:
        """Remove some of the rows that are too old; return whether there were any."""
        if not doom(connection, self.settings.keep, time.time()):
            return False
        hours.subtract_doomed(connection)
        self._speeds.subtract_doomed(connection)
        remove_doomed(connection)
        return True
