"""The requests in progress, and the news of them (spec/request-pipeline.md 12).

Owns the list. Changes wait in a bounded queue for a publisher that runs a few times a second; if
more come than it holds, they are dropped and the whole list is published instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from hotbay.activity.headers import shown_headers
from hotbay.activity.moments import moment
from hotbay.activity.recording import Recording, Waiting

QUEUE = 128
"""Changes that may wait to be published."""
EVERY = 0.05
"""Seconds between two rounds of publishing."""
SNAPSHOT_EVERY = 0.5
"""Seconds until a list is published that stands for too many changes; it may be long."""
KIND = "inflight"
"""What these messages and events are called."""


class Audience(Protocol):
    """Who may want to hear of changes; see `hotbay.activity.hub`."""

    wanted: frozenset[str]

    def publish(self, kind: str, data: object) -> None:
        """Tell."""
        ...


class _Change(NamedTuple):
    """What changed of a request, as it was then.

    `removed`: it has ended. `plain`: also to be seen without the details.
    """

    recording: Recording
    removed: bool
    plain: bool
    now: float
    answered: bool
    size: int
    phase: str
    waiting: Waiting | None

    def tells_more_than(self, earlier: _Change) -> bool:
        """Whether a reader should see the earlier one as well: the request in another stage."""
        return self.removed != earlier.removed or self.answered != earlier.answered


class InFlight:
    """Every request that has begun and not ended."""

    def __init__(self, messages: Audience, events: Audience, clock: Callable[[], float]) -> None:
        """Begin empty.

        Args:
            messages: gets the entries as llama-swap's user interface knows them.
            events: gets them with phases and reasons for waiting as well.
            clock: monotonic seconds; the one that recordings use.
        """
        self._messages = messages
        self._events = events
        self._clock = clock
        self._open: dict[int, Recording] = {}
        self._changes: list[_Change] = []
        self._overflown = False
        self._round: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Recording]:
        return iter(self._open.values())

    def get(self, number: int) -> Recording | None:
        """Return a request in progress."""
        return self._open.get(number)

    def add(self, recording: Recording) -> None:
        """Take up a request that begins."""
        self._open[recording.id] = recording
        if self._watched:
            self._note(recording)

    def remove(self, recording: Recording) -> None:
        """Forget a request that has ended."""
        del self._open[recording.id]
        if self._watched:
            self._note(recording, removed=True)

    def waits(self, recording: Recording) -> None:
        """Tell onlookers who want the details that a request waits for something else, or not."""
        if self._watched:
            self._note(recording, plain=False)

    def changed(self, recording: Recording) -> None:
        """Tell onlookers that an answer has begun, or grown."""
        if self._watched:
            self._note(recording)

    def _note(self, recording: Recording, *, removed: bool = False, plain: bool = True) -> None:
        if self._overflown:
            return
        change = _change(recording, self._clock(), removed=removed, plain=plain)
        last = self._changes[-1] if self._changes else None
        if last is not None and last.recording is recording and not change.tells_more_than(last):
            self._changes[-1] = change._replace(plain=plain or last.plain)
        elif len(self._changes) < QUEUE:
            self._changes.append(change)
        else:
            self._changes.clear()
            self._overflown = True
            self._publish_in(SNAPSHOT_EVERY)
            return
        if self._round is None:
            self._publish_in(EVERY)

    def _publish_in(self, seconds: float) -> None:
        if self._round is not None:
            self._round.cancel()
        self._round = asyncio.get_running_loop().call_later(seconds, self.publish)

    @property
    def _watched(self) -> bool:
        return KIND in self._messages.wanted or KIND in self._events.wanted

    def publish(self) -> None:
        """Publish now what waits for it; a reader that comes after this misses nothing."""
        if self._round is not None:
            self._round.cancel()
            self._round = None
        changes, self._changes = self._changes, []
        if self._overflown:
            self._overflown = False
            self._messages.publish(KIND, self.snapshot())
            self._events.publish(KIND, self.snapshot(detailed=True))
        for change in changes:
            self._publish(change)

    def _publish(self, change: _Change) -> None:
        for audience, detailed in ((self._messages, False), (self._events, True)):
            if KIND not in audience.wanted or not (change.plain or detailed):
                continue
            if change.removed:
                audience.publish(KIND, {"operation": "remove", "id": str(change.recording.id)})
            else:
                entry = _entry(change, detailed=detailed)
                audience.publish(KIND, {"operation": "upsert", "request": entry})

    def snapshot(self, *, detailed: bool = False) -> dict[str, Any]:
        """Return the operation that replaces the list of whoever reads it, oldest first."""
        now = self._clock()
        requests = [
            _entry(_change(recording, now, removed=False, plain=True), detailed=detailed)
            for recording in sorted(self._open.values(), key=lambda r: (r.timestamp, r.id))
        ]
        return {"operation": "snapshot", "requests": requests}


def metadata_of(recording: Recording) -> dict[str, str]:
    """Return what is noted beside a request (spec/request-pipeline.md 8.3)."""
    metadata = {}
    if recording.priority is not None:
        metadata["fifo_priority"] = str(recording.priority)
    if recording.about.selector:
        metadata["selector"] = recording.about.selector
    return metadata


def _change(recording: Recording, now: float, *, removed: bool, plain: bool) -> _Change:
    return _Change(
        recording,
        removed,
        plain,
        now,
        recording.status != 0,
        recording.size,
        recording.phase,
        recording.waiting,
    )


def _entry(change: _Change, *, detailed: bool) -> dict[str, Any]:
    recording = change.recording
    about = recording.about
    entry: dict[str, Any] = {
        "id": str(recording.id),
        "timestamp": moment(recording.timestamp),
        "model": about.model,
        "req_path": about.path,
        "method": about.method,
        "req_headers": shown_headers(about.headers),
        "remote_ip": about.remote,
        "resp_headers": shown_headers(recording.response_headers) if change.answered else {},
        "resp_bytes": change.size,
        "elapsed_ms": _milliseconds(change.now - recording.marks[0].at),
    }
    if metadata := metadata_of(recording):
        entry["metadata"] = metadata
    if detailed:
        entry |= _details(change)
    return entry


def _details(change: _Change) -> dict[str, Any]:
    recording = change.recording
    waiting = change.waiting
    return {
        "request_id": recording.about.request_id,
        "stream": recording.about.stream,
        "attempts": recording.attempts,
        "status": recording.status if change.answered else 0,
        "phase": change.phase,
        "phases_ms": phases_ms(recording, change.now),
        "wait": None if waiting is None else waiting._asdict(),
    }


def phases_ms(recording: Recording, now: float) -> dict[str, int]:
    """Return how long a request has spent in each phase until `now`."""
    spent: dict[str, float] = {}
    marks = recording.marks
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        end = now if following is None else following.at
        spent[mark.phase] = spent.get(mark.phase, 0.0) + max(0.0, end - mark.at)
    return {phase: _milliseconds(seconds) for phase, seconds in spent.items()}


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))
