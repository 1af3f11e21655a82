"""The speeds of all rows in order, so that their distribution is known at once.

`Speeds` owns sorted copies of two columns: made when somebody first asks, then kept up to date
with the rows that came since, and let go when nobody asks any more. Large ones are put into the
database then, to be taken up again. Used by one thread at a time: whoever holds `lock`, which is
taken before the database is asked for a connection.
"""

from __future__ import annotations

import math
import sqlite3
import threading
import time
from array import array
from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass, field

from hotbay.activity.histogram import Histogram, histogram_of

KEPT = 4
"""Models, or all of them together, of which copies are kept."""
KEPT_FOR = 600.0
"""Seconds for which a copy is kept that nobody looks at."""
ROWS_ONE_BY_ONE = 5_000
"""For more rows than these it is quicker to have the database sort them all."""
LARGE = 20_000
"""Values of which it is quicker to read a copy than to sort them again."""
COLUMNS = ("prompt_per_second", "tokens_per_second")


@dataclass(slots=True)
class _Copy:
    """The speeds of rows up to a number; a pair of sorted arrays as in `COLUMNS`."""

    upto: int = 0
    columns: tuple[array[float], ...] = field(
        default_factory=lambda: tuple(array("d") for _ in COLUMNS)
    )
    looked_at: float = 0.0


class Speeds:
    """Copies by model; the empty name stands for all models."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.lock = threading.Lock()
        self._clock = clock
        self._copies: dict[str, _Copy] = {}

    def histograms(
        self, connection: sqlite3.Connection, model: str = ""
    ) -> tuple[Histogram | None, ...]:
        """Return the distribution of prompt and of generation speeds, where they are known."""
        copy = self._copies.pop(model, None) or _saved(connection, model)
        _refresh(copy, connection, model)
        copy.looked_at = self._clock()
        self._copies[model] = copy  # the last one is the last to go
        for name in list(self._copies)[:-KEPT]:  # cannot be saved, as this only reads
            del self._copies[name]
        return tuple(histogram_of(column) for column in copy.columns)

    def subtract_doomed(self, connection: sqlite3.Connection) -> None:
        """Take out what is about to be removed (`hotbay.activity.retention`)."""
        connection.execute("DELETE FROM hotbay_speeds")
        if not self._copies:
            return
        doomed = connection.execute(
            f"SELECT id, model_id, {', '.join(COLUMNS)} FROM activity"
            " WHERE id IN (SELECT id FROM temp.doomed)"
        ).fetchall()
        for number, row_model, *speeds in doomed:
            for model, copy in self._copies.items():
                if model in ("", row_model) and number <= copy.upto:
                    for column, speed in zip(copy.columns, speeds, strict=True):
                        if 0 < speed < math.inf:
                            del column[bisect_left(column, speed)]

    def forget(self) -> None:
        """Let go of every copy."""
        self._copies.clear()

    def save_unused(self, connection: sqlite3.Connection, unused_for: float = KEPT_FOR) -> None:
        """Let go of the copies that nobody has looked at for so long."""
        for model, copy in list(self._copies.items()):
            if self._clock() - copy.looked_at >= unused_for:
                _save(connection, model, copy)
                del self._copies[model]


def _saved(connection: sqlite3.Connection, model: str) -> _Copy:
    """Return the copy that has been saved, or one to begin with."""
    copy = _Copy()
    found = connection.execute(
        f"SELECT upto, {', '.join(COLUMNS)} FROM hotbay_speeds WHERE model_id = ?", (model,)
    ).fetchone()
    if found is not None:
        copy.upto, *columns = found
        for column, content in zip(copy.columns, columns, strict=True):
            column.frombytes(content)
    return copy


def _save(connection: sqlite3.Connection, model: str, copy: _Copy) -> None:
    if max(map(len, copy.columns)) >= LARGE:
        connection.execute(
            f"INSERT OR REPLACE INTO hotbay_speeds (model_id, upto, {', '.join(COLUMNS)})"
            " VALUES (?, ?, ?, ?)",
            (model, copy.upto, *copy.columns),
        )


def _refresh(copy: _Copy, connection: sqlite3.Connection, model: str) -> None:
    """Take in the rows that came since, or all if those are many."""
    (last,) = connection.execute("SELECT ifnull(max(id), 0) FROM activity").fetchone()
    few = last - copy.upto <= ROWS_ONE_BY_ONE
    for name, column in zip(COLUMNS, copy.columns, strict=True):
        found = connection.execute(
            f"SELECT {name} FROM activity WHERE id > ? AND {name} > 0 AND {name} < 9e999"
            + (" AND model_id = ?" if model else "")
            + ("" if few else " ORDER BY 1"),
            (copy.upto if few else 0, *([model] if model else [])),
        )
        if few:
            for (speed,) in found:
                insort(column, speed)
        else:
            column[:] = array("d", (speed for (speed,) in found))
    copy.upto = last
