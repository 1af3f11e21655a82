"""The activity log: every finished request as a row, and captures of the newest.

`Store` owns one database with the thread that writes it and the captures that belong to its rows.
Reading is done in other threads, never on the
event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hotbay.activity.captures import Captures
from hotbay.activity.database import Database
from hotbay.activity.inserts import insert
from hotbay.activity.row import Row
from hotbay.activity.writer import Item, Made, Then, Writer


class Store:
    """One activity log."""

    def __init__(self, path: Path | None, *, captures: int, warn: Callable[[str], None]) -> None:
        """Open the log; belongs to the running event loop.

        Args:
            path: SQLite file; None: the log is in memory.
            captures: bytes that captures may take.
            warn: takes a line for hotbay's own log.

        Raises:
            StoreError: the log cannot be opened.
        """
        self.captures = Captures(captures)
        self._database = Database(path)
        self._writer = Writer(self._write, self._tidy, warn)

    # -- writing, on the event loop ------------------------------------------------------------

    @property
    def dropped(self) -> int:
        """Rows that were not written: for want of room, or because that failed."""
        return self._writer.dropped

    def has_room(self, size: int) -> bool:
        """Whether so many more bytes may wait; else leave the bodies out of what is added."""
        return self._writer.has_room(size)

    def add(self, row: Row, then: Then | None = None) -> None:
        """Write a row; `then` is told its number once it is there."""
        self.add_later(lambda: (row, None), then)

    def add_later(
        self, make: Callable[[], Made], then: Then | None = None, *, size: int = 0
    ) -> None:
        """Make a row and a capture in the writing thread, and write them.

        Args:
            make: returns the row, and the capture or None. It runs in another thread, so it
                may take time, and may only use what nobody changes any more.
            then: is told the row's number on the event loop once row and capture are there.
                It is not called if the row was dropped.
            size: bytes of memory that `make` holds on to.
        """
        self._writer.put(Item(make, then, size))

    async def flush(self) -> None:
        """Wait until everything so far has been written, and everybody told."""
        await self._writer.flush()

    async def close(self) -> None:
        """Write what waits, and close the log."""
        await self._writer.close()
        self._database.close()

    # -- in the writing thread -----------------------------------------------------------------

    def _write(self, made: Sequence[Made]) -> Sequence[int]:
        with self._database.writing() as connection:
            numbers = insert(connection, [row for row, _ in made])
        for number, (_, capture) in zip(numbers, made, strict=True):
            if capture is not None and self.captures.limit:
                self.captures.keep(number, capture)
        return numbers

    def _tidy(self) -> None:
        pass
