"""Passes events on to readers that may be slow, without waiting (spec/events-and-logs.md 9).

A `Hub` owns the numbering, the recent events from which a reader can resume, and its readers; a
`Reader` owns what it has not been given yet. All of it belongs to the event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

QUEUE = 1024
"""Events that a reader may lag behind, and that are kept for one that comes back."""
QUEUE_BYTES = 4 << 20
"""And how large they may be together."""
LINGER = 30.0
"""Seconds for which events are kept for a reader that has left and may come back."""

Frame = Callable[[int, str, object], bytes]
"""Makes bytes for readers from number, kind and data of an event."""


class Event(NamedTuple):
    """Something that happened, ready to be sent.

    Attributes:
        number: counts up from 1.
        kind: what kind of thing.
        data: as framed.
        source: of which of several streams of this kind it is a part.
        weight: what is lost without it, in the unit of that stream.
    """

    number: int
    kind: str
    data: bytes
    source: str
    weight: int


class Lost(NamedTuple):
    """Events that a reader was too slow for; `weight` is the sum of theirs."""

    kind: str
    source: str
    weight: int


class Taken(NamedTuple):
    """What a reader is given at once: events, and what is lost after them."""

    events: list[Event]
    lost: list[Lost]


class _Bounded:
    """Events in order, bounded in number and size."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.events = deque(events)
        self.size = sum(len(event.data) for event in self.events)

    @property
    def full(self) -> bool:
        return len(self.events) >= QUEUE or self.size >= QUEUE_BYTES

    def append(self, event: Event) -> None:
        self.events.append(event)
        self.size += len(event.data)

    def drop_first(self) -> None:
        self.size -= len(self.events.popleft().data)

    def take(self) -> list[Event]:
        events = list(self.events)
        self.events.clear()
        self.size = 0
        return events


class Reader:
    """One subscription; `kinds` are what it wants to hear of."""

    def __init__(
        self, hub: Hub, kinds: frozenset[str], backlog: Iterable[Event], name: str
    ) -> None:
        self.kinds = kinds
        self._hub = hub
        self._name = name
        self._queue = _Bounded(backlog)
        self._lost: dict[tuple[str, str], int] = {}
        self._warned = float("-inf")
        self._closed = False
        self._changed = asyncio.Event()

    def offer(self, event: Event) -> None:
        """Take an event, or note that there was no room for it."""
        # Nothing is taken after a gap until the reader has learned of the gap.
        if self._lost or self._queue.full:
            key = (event.kind, event.source)
            self._lost[key] = self._lost.get(key, 0) + event.weight
            self._warn()
        else:
            self._queue.append(event)
            self._changed.set()

    def _warn(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._warned < 1:
            return
        self._warned = loop.time()
        # Not now: the line is an event itself, and must not overtake this one.
        loop.call_soon(self._hub.warn, f"{self._name} does not keep up, events are left out")

    async def take(self, seconds: float) -> Taken:
        """Wait until there is something, at most so long, and take all there is.

        Raises:
            EOFError: the hub is closed, and everything has been taken.
        """
        if not self._queue.events and not self._closed:
            self._changed.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                return Taken([], [])
        if not self._queue.events and self._closed:
            raise EOFError
        lost, self._lost = self._lost, {}
        return Taken(
            self._queue.take(), [Lost(kind, source, n) for (kind, source), n in lost.items()]
        )

    def end(self) -> None:
        """Come to an end after what has been taken."""
        self._closed = True
        self._changed.set()

    def close(self) -> None:
        """Hear no more."""
        self._hub.forget(self)


class Hub:
    """Where events of many kinds are published, and read by many."""

    def __init__(self, frame: Frame, warn: Callable[[str], None], *, resumable: bool) -> None:
        """Begin without readers.

        Args:
            frame: makes bytes of events; called once for each, however many read it.
            warn: takes a line about a reader that lags, at most one in a second for each.
            resumable: recent events are kept for readers that come back.
        """
        self.wanted: frozenset[str] = frozenset()
        """The kinds that somebody reads, or may come back to; others cost nothing."""
        self.number = 0
        """Of the last event."""
        self.warn = warn
        self._frame = frame
        self._resumable = resumable
        self._recent = _Bounded()
        self._readers: dict[Reader, None] = {}
        self._complete: dict[str, int] = {}  # the number after which none of a kind is missing
        self._closed = False

    def publish(self, kind: str, data: object, *, source: str = "", weight: int = 1) -> None:
        """Tell everybody who wants to hear of this kind; never waits."""
        if kind not in self.wanted:
            return
        self.number += 1
        event = Event(self.number, kind, self._frame(self.number, kind, data), source, weight)
        if self._resumable:
            if self._recent.full:
                self._recent.drop_first()
            self._recent.append(event)
        for reader in self._readers:
            if kind in reader.kinds:
                reader.offer(event)

    def subscribe(self, kinds: Collection[str], name: str) -> Reader:
        """Add a reader of these kinds, of whatever is published from now on."""
        return self._add(frozenset(kinds), name, ())

    def resume(self, kinds: Collection[str], name: str, after: int) -> Reader | None:
        """Add a reader of all events after that number; None if some are not known any more."""
        wanted = frozenset(kinds)
        recent = self._recent.events
        oldest = recent[0].number - 1 if recent else self.number
        complete = [self._complete.get(kind, self.number) for kind in wanted]
        if not max([oldest, *complete]) <= after <= self.number:
            return None
        return self._add(wanted, name, (e for e in recent if e.number > after and e.kind in wanted))

    def _add(self, kinds: frozenset[str], name: str, backlog: Iterable[Event]) -> Reader:
        reader = Reader(self, kinds, backlog, name)
        self._readers[reader] = None
        for kind in kinds - self.wanted:
            self._complete[kind] = self.number
        self.wanted |= kinds
        if self._closed:
            reader.end()
        return reader

    def forget(self, reader: Reader) -> None:
        """Remove a reader; it may have gone already."""
        if reader not in self._readers:
            return
        del self._readers[reader]
        if self._resumable and not self._closed:
            asyncio.get_running_loop().call_later(LINGER, self._reconsider)
        else:
            self._reconsider()

    def close(self) -> None:
        """Let every reader come to its end."""
        self._closed = True
        for reader in self._readers:
            reader.end()

    def _reconsider(self) -> None:
        self.wanted = frozenset().union(*(reader.kinds for reader in self._readers))
        if not self._readers:
            self._recent.take()
