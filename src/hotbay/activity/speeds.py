"""The speeds of all rows in order, so that their distribution is known at once.

`Speeds` owns sorted copies of two columns: made when somebody first asks, then kept up to date
with the rows that came since, and let go when nobody asks any more. Used by one thread at a time:
whoever holds `lock`, which is taken before the database is asked for a connection.
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
        copy = self._copies.pop(model, None) or _Copy()
        _refresh(copy, connection, model)
        copy.looked_at = self._clock()
        self._copies[model] = copy  # the last one is the last to go
        for name in list(self._copies)[:-KEPT]:
            del self._copies[name]
        return tuple(histogram_of(column) for column in copy.columns)

    def subtract_doomed(self, connection: sqlite3.Connection) -> None:
        """Take out what is about to be removed (`hotbay.activity.retention`)."""
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

    def forget_unused(self) -> None:
        """Let go of the copies that nobody has looked at for long."""
        oldest = self._clock() - KEPT_FOR
        self._copies = {m: copy for m, copy in self._copies.items() if copy.looked_at >= oldest}


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
