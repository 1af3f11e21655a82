"""Removes old rows (spec/activity-store.md 1 and 3).

Which rows go is written into a temporary table `doomed` first, so that whoever keeps sums of rows
can take those out in the same transaction.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

ROWS_AT_A_TIME = 5_000
DAY = 86_400


class Retention(NamedTuple):
    """How long rows are kept; 0 means for ever.

    Attributes:
        rows: the newest so many.
        days: of the last so many times 24 hours.
    """

    rows: int
    days: int


def doom(connection: sqlite3.Connection, keep: Retention, now: float) -> bool:
    """Note which rows are to go, some at a time; return whether there are any."""
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS doomed (id INTEGER PRIMARY KEY)")
    connection.execute("DELETE FROM temp.doomed")
    found = 0
    if keep.rows:
        found += connection.execute(
            "INSERT INTO temp.doomed SELECT id FROM activity"
            " WHERE id <= (SELECT max(id) FROM activity) - ? ORDER BY id LIMIT ?",
            (keep.rows, ROWS_AT_A_TIME),
        ).rowcount
    if keep.days:
        found += connection.execute(
            "INSERT OR IGNORE INTO temp.doomed SELECT id FROM activity"
            " WHERE ts_created < ? ORDER BY ts_created LIMIT ?",
            (max(0, int(now) - keep.days * DAY), ROWS_AT_A_TIME),
        ).rowcount
    return found > 0


def remove_doomed(connection: sqlite3.Connection) -> None:
    """Remove the rows that have been noted."""
    for table in ("hotbay_activity", "activity"):
        connection.execute(f"DELETE FROM {table} WHERE id IN (SELECT id FROM temp.doomed)")
