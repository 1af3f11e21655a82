"""The rows of a log in memory that nobody has looked for yet.

Most rows of a busy server are removed again before anybody looks, so a log in memory only puts
them into the database when somebody does. `Latest` owns them until then, and their numbers.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from hotbay.activity.inserts import Record


class Latest:
    """The newest rows, for any thread; `keep` is how many there may be, 0 means any number."""

    def __init__(self, keep: int) -> None:
        self._lock = threading.Lock()
        self._next = 1
        self._records: deque[Record] = deque(maxlen=keep or None)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._records)

    def keep(self, rows: int) -> None:
        """Keep so many from now on."""
        with self._lock:
            self._records = deque(self._records, rows or None)

    def add(self, records: Sequence[Record]) -> range:
        """Add rows, and return the numbers they got."""
        with self._lock:
            first, self._next = self._next, self._next + len(records)
            self._records.extend(records)
            return range(first, self._next)

    def take(self) -> tuple[int, list[Record]]:
        """Hand over all there are; return the number of the first as well."""
        with self._lock:
            records = list(self._records)
            self._records.clear()
            return self._next - len(records), records
