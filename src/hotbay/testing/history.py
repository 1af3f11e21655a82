"""Reads the history of requests from an activity store (spec/activity-store.md 2), to replay it.

Owns the way from rows to arrivals. The file is opened for reading only.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hotbay.testing.workload import Arrival

NEWEST = 100_000
"""Rows that are read at most, the newest."""

_ROWS = "SELECT ts_created, model_id, duration_ms FROM activity ORDER BY id DESC LIMIT ?"


class HistoryError(Exception):
    """The file cannot be read, or is no activity store."""


@dataclass(frozen=True, slots=True)
class History:
    """Requests as they were recorded, in the order of arrival; the first arrives at 0.

    `left_out` is how many older rows the store has.
    """

    arrivals: tuple[Arrival, ...]
    left_out: int = 0


def read_history(file: Path, newest: int = NEWEST) -> History:
    """Return the newest requests of an activity store.

    A row has the second of its end and its duration: it is taken to have arrived that much
    earlier, and to run for all of its duration. Both are approximations, for that duration
    includes the time that the request once waited.

    Raises:
        HistoryError: the file is missing, cannot be read, or is no activity store.
    """
    if not file.is_file():
        raise HistoryError(f"{file}: there is no such file")
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as store:
            rows = store.execute(_ROWS, (newest,)).fetchall()
            (total,) = store.execute("SELECT count(*) FROM activity").fetchone()
    except sqlite3.Error as error:
        raise HistoryError(f"{file}: cannot be read as an activity store: {error}") from error
    found = [_arrival(file, *row) for row in reversed(rows)]
    found.sort(key=lambda arrival: arrival.at)
    first = found[0].at if found else 0.0
    return History(tuple(Arrival(a.at - first, a.model, a.run) for a in found), total - len(found))


def _arrival(file: Path, ended: object, model: object, milliseconds: object) -> Arrival:
    """Return a row as an arrival in Unix time; SQLite holds any type in any column."""
    if not isinstance(ended, int) or not isinstance(milliseconds, int):
        raise HistoryError(f"{file}: a row has the time {ended!r} and duration {milliseconds!r}")
    run = max(0, milliseconds) / 1000
    return Arrival(ended - run, str(model), run)
