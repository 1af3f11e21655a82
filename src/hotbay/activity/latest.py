"""The rows of a log in memory that nobody has looked for yet.

Most rows of a busy server are removed again before anybody looks, so a log in memory only puts
them into the database when somebody does. `Latest` owns them until then, and their numbers.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from hotbay.activity.row import Row


class Latest:
    """The newest rows, for any thread; `keep` is how many there may be, 0 means any number."""

    def __init__(self, keep: int) -> None:
        self._lock = threading.Lock()
        self._next = 1
        self._rows: deque[Row] = deque(maxlen=keep or None)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._rows)

    def keep(self, rows: int) -> None:
        """Keep so many from now on."""
        with self._lock:
            self._rows = deque(self._rows, rows or None)

    def add(self, rows: Sequence[Row]) -> range:
        """Add rows, and return the numbers they got."""
        with self._lock:
            first, self._next = self._next, self._next + len(rows)
            self._rows.extend(rows)
            return range(first, self._next)

    def take(self) -> tuple[int, list[Row]]:
        """Hand over all there are; return the number of the first as well."""
        with self._lock:
            rows = list(self._rows)
            self._rows.clear()
            return self._next - len(rows), rows
