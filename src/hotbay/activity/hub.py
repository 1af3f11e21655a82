"""Passes events on to readers that may be slow, without waiting (spec/events-and-logs.md 9).

A `Hub` owns the numbering, the ring of recent events from which a reader can resume, and its
readers; a `Reader` owns what it has not been given yet. All of it belongs to the event loop's
thread.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

QUEUE = 1024
"""Events that a reader may lag behind."""
QUEUE_BYTES = 4 << 20
"""And how large they may be together."""
RING = 2048
RING_BYTES = 4 << 20
LINGER = 30.0
"""Seconds for which events are kept for a reader that has left and may come back."""


class Event(NamedTuple):
    """Something that happened, ready to be sent.

    Attributes:
        number: counts up from 1.
        kind: what kind of thing.
        data: JSON.
        source: of which of several streams of this kind it is a part.
        weight: what is lost with it, in the unit of that stream.
    """

    number: int
    kind: str
    data: bytes
    source: str
    weight: int


class Reader:
    """One subscription; `kinds` are what it wants to hear of."""

    def __init__(
        self, hub: Hub, kinds: frozenset[str], backlog: Iterable[Event], name: str
    ) -> None:
        self.kinds = kinds
        self.lost: dict[tuple[str, str], int] = {}
        """Weight of what there was no room for, by kind and source."""
        self._hub = hub
        self._name = name
        self._events = deque(backlog)
        self._size = 0
        self._closed = False
        self._changed = asyncio.Event()
        self._warned = float("-inf")

    def offer(self, event: Event) -> None:
        """Take an event, or note that there was no room for it."""
        if self.lost or len(self._events) >= QUEUE or self._size >= QUEUE_BYTES:
            # Nothing is taken again until the reader knows what it has missed.
            key = (event.kind, event.source)
            self.lost[key] = self.lost.get(key, 0) + event.weight
            self._hub.warn_of_loss(self)
            return
        self._events.append(event)
        self._size += len(event.data)
        self._changed.set()

    async def take(self, seconds: float) -> tuple[list[Event], dict[tuple[str, str], int]]:
        """Wait until there is something, at most so long, and return it and what is lost after it.

        Both are empty if nothing came.

        Raises:
            EOFError: the hub has been closed, and everything has been taken.
        """
        if not self._events and not self._closed:
            self._changed.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                return [], {}
        if not self._events and self._closed:
            raise EOFError
        events, self._events, self._size = list(self._events), deque(), 0
        lost, self.lost = self.lost, {}
        return events, lost

    def end(self) -> None:
        """Come to an end after what has been taken."""
        self._closed = True
        self._changed.set()

    def close(self) -> None:
        """Hear no more."""
        self._hub.forget(self)

    def may_warn(self, now: float) -> bool:
        """Whether it is a second since the log was told that this reader lags."""
        if now - self._warned < 1:
            return False
        self._warned = now
        return True

    def __str__(self) -> str:
        return self._name


class Hub:
    """Where events of many kinds are published, and read by many."""

    def __init__(
        self,
        warn: Callable[[str], None],
        encode: Callable[[object], bytes] = msgspec.json.encode,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without readers.

        Args:
            warn: takes a line about a reader that lags, at most one in a second for each.
            encode: makes JSON of what is published.
            clock: seconds, monotonic.
        """
        self.wanted: frozenset[str] = frozenset()
        """The kinds that somebody reads, or will soon want to have read; others are not kept."""
        self.number = 0
        """Of the last event."""
        self._warn = warn
        self._encode = encode
        self._clock = clock
        self._readers: dict[Reader, None] = {}
        self._ring: deque[Event] = deque()
        self._ring_size = 0
        self._since: dict[str, int] = {}  # from which number on a wanted kind is complete
        self._closed = False

    def publish(self, kind: str, data: object, source: str = "", weight: int = 1) -> None:
        """Tell everybody who wants to hear of this kind; never waits."""
        if kind not in self.wanted:
            return
        self.number += 1
        event = Event(self.number, kind, self._encode(data), source, weight)
        self._keep(event)
        for reader in self._readers:
            if kind in reader.kinds:
                reader.offer(event)

    def subscribe(
        self, kinds: frozenset[str], name: str, after: int | None = None
    ) -> Reader | None:
        """Add a reader of these kinds, of all events after that number.

        None: some of those are not known any more.
        """
        backlog: list[Event] = []
        if after is not None:
            first = self._ring[0].number if self._ring else self.number + 1
            begun = max((self._since.get(kind, self.number) for kind in kinds), default=0)
            if not max(begun, first - 1) <= after <= self.number:
                return None
            backlog = [e for e in self._ring if e.number > after and e.kind in kinds]
        reader = Reader(self, kinds, backlog, name)
        self._readers[reader] = None
        for kind in kinds - self.wanted:
            self._since[kind] = self.number
        self.wanted |= kinds
        if self._closed:
            reader.end()
        return reader

    def forget(self, reader: Reader) -> None:
        """Remove a reader; it may have gone already."""
        if self._readers.pop(reader, self) is None:
            asyncio.get_running_loop().call_later(LINGER, self._reconsider)

    def warn_of_loss(self, reader: Reader) -> None:
        """Tell the log that a reader lags, not too often."""
        if reader.may_warn(self._clock()):
            self._warn(f"{reader} does not keep up: events are left out")

    def close(self) -> None:
        """Let every reader come to its end."""
        self._closed = True
        for reader in self._readers:
            reader.end()

    def _keep(self, event: Event) -> None:
        self._ring.append(event)
        self._ring_size += len(event.data)
        while len(self._ring) > RING or self._ring_size > RING_BYTES:
            self._ring_size -= len(self._ring.popleft().data)

    def _reconsider(self) -> None:
        self.wanted = frozenset().union(*(reader.kinds for reader in self._readers))
        if not self._readers:
            self._ring.clear()
            self._ring_size = 0
