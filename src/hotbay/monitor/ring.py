"""A bounded history that one thread writes and others read. Owns its entries."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Ring(Generic[T]):
    """Remembers the newest entries; the oldest makes room (spec/monitoring.md 1.2)."""

    def __init__(self, capacity: int) -> None:
        """Begin empty; a capacity below 1 counts as 1."""
        self._entries: deque[T] = deque(maxlen=max(1, capacity))
        # list() of a deque fails if another thread appends meanwhile.
        self._lock = threading.Lock()

    @property
    def capacity(self) -> int:
        """How many entries are remembered."""
        return self._entries.maxlen or 1

    def add(self, entry: T) -> None:
        """Remember an entry."""
        with self._lock:
            self._entries.append(entry)

    def entries(self) -> list[T]:
        """Return a copy, oldest first."""
        with self._lock:
            return list(self._entries)

    def newest(self) -> T | None:
        """Return the last entry, None if there is none."""
        with self._lock:
            return self._entries[-1] if self._entries else None
