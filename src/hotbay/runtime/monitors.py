"""Byte streams with a bounded history and live readers (spec/events-and-logs.md 1 and 9).

A `Monitor` owns its history and its readers; a `Subscription` owns what one reader has not taken
yet; a `Shared` owns which part of a common history is whose. All of it belongs to the event loop's
thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

HISTORY = 102_400
"""Bytes that a monitor remembers."""
QUEUE = 1024
"""Pieces that a reader may lag behind."""
QUEUE_BYTES = 4 << 20
"""And bytes: a piece may be as large as a pipe."""


def dropped_text(size: int) -> bytes:
    """Write the line that stands for bytes a reader was too slow for."""
    return f"\n\N{EM DASH} {size} bytes dropped \N{EM DASH}\n".encode()


class Subscription(AsyncIterator[bytes]):
    """One reader of a monitor; iterate over it for the pieces."""

    def __init__(self, monitor: Monitor, first: bytes, limit: int) -> None:
        self._monitor = monitor
        self._limit = limit
        self._pieces = deque([first] if first else [])
        self._size = len(first)
        self._dropped = 0
        self._closed = False
        self._changed = asyncio.Event()

    def offer(self, piece: bytes) -> None:
        """Take a piece for the reader, or note that there was no room for it."""
        if len(self._pieces) >= self._limit or self._size >= QUEUE_BYTES:
            self._dropped += len(piece)
            return
        if self._dropped:
            self._append(self._take_dropped())
        self._append(piece)
        self._changed.set()

    def _append(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)

    def _take_dropped(self) -> bytes:
        size, self._dropped = self._dropped, 0
        return dropped_text(size)

    async def __anext__(self) -> bytes:
        while True:
            if self._pieces:
                piece = self._pieces.popleft()
                self._size -= len(piece)
                return piece
            if self._dropped:
                return self._take_dropped()
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()

    def close(self) -> None:
        """Hear no more; what has been taken can still be read, then the iteration ends."""
        self._monitor.forget(self)
        self._closed = True
        self._changed.set()


class Monitor:
    """One byte stream."""

    def __init__(self, *onward: Callable[[bytes], None]) -> None:
        """Begin empty; every piece is also passed `onward`."""
        self._onward = onward
        self._history = bytearray()
        self._readers: dict[Subscription, None] = {}
        self.written = 0
        """Bytes so far, forgotten ones included."""

    def write(self, piece: bytes) -> None:
        """Add a piece; never waits for a reader."""
        self.written += len(piece)
        self._history += piece
        if len(self._history) > HISTORY:
            del self._history[:-HISTORY]
        for reader in self._readers:
            reader.offer(piece)
        for write in self._onward:
            write(piece)

    def history(self, size: int = HISTORY) -> bytes:
        """Return the last bytes, at most `size`."""
        return bytes(self._history[-size:]) if size > 0 else b""

    def lines(self) -> bytes:
        """Return the history without the rest of a line whose beginning has been forgotten."""
        history = bytes(self._history)
        return history if self.written == len(history) else history[history.find(b"\n") + 1 :]

    def subscribe(self, limit: int = QUEUE, *, history: bool = True) -> Subscription:
        """Add a reader: it gets the history, if asked for, and from there on every piece."""
        reader = Subscription(self, self.history() if history else b"", limit)
        self._readers[reader] = None
        return reader

    def forget(self, reader: Subscription) -> None:
        """Remove a reader; it may have gone already."""
        self._readers.pop(reader, None)

    def close(self) -> None:
        """End the streams of all readers."""
        for reader in list(self._readers):
            reader.close()


class Shared(Monitor):
    """The byte streams of several sources as one."""

    def __init__(self, *onward: Callable[[bytes], None]) -> None:
        """Begin empty; every piece is also passed `onward`."""
        super().__init__(*onward)
        self._runs: deque[tuple[str, int]] = deque()
        """Whose the bytes of the history are, oldest first: source and number of bytes."""
        self._known = 0
        """The sum of them."""

    def write_of(self, source: str, piece: bytes) -> None:
        """Add a piece that is from `source`."""
        size = len(piece)
        self._known += size
        if self._runs and self._runs[-1][0] == source:
            size += self._runs.pop()[1]
        self._runs.append((source, size))
        while self._known - self._runs[0][1] >= HISTORY:
            self._known -= self._runs.popleft()[1]
        self.write(piece)

    def runs(self) -> list[tuple[str, bytes]]:
        """Return the history, as `lines` does, cut where another source goes on."""
        history = self.lines()
        end, runs = len(history), list[tuple[str, bytes]]()
        for source, size in reversed(self._runs):
            begin = max(0, end - size)
            if begin < end:
                runs.append((source, history[begin:end]))
            end = begin
        return runs[::-1]
