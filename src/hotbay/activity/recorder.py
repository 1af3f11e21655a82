"""The door through which the lane tells of its requests.

Owns the numbers of the in-flight list and hands every finished request on.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from hotbay.activity import moments
from hotbay.activity.answer import Answer
from hotbay.activity.bookkeeper import Bookkeeper
from hotbay.activity.inflight import Audience, InFlight
from hotbay.activity.recording import About, Mark, Recording


class Recorder:
    """Follows requests from their arrival to their end."""

    def __init__(
        self,
        inflight: InFlight,
        *,
        events: Audience,
        queue_changed: Callable[[], None],
        bookkeeper: Bookkeeper,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Begin without requests.

        Args:
            inflight: the list of requests in progress, on the same clock.
            events: is told of grants.
            queue_changed: called when somebody begins or ceases to wait.
            bookkeeper: makes of each request what is kept.
            clock: seconds, monotonic.
            wall: seconds since the epoch.
        """
        self.inflight = inflight
        self._events = events
        self._queue_changed = queue_changed
        self.bookkeeper = bookkeeper
        self.clock = clock
        self._wall = wall
        self._numbers = itertools.count(1)
        self.expected: dict[str, Callable[[Recording], None]] = {}
        """By request ID, who inside the program wants to follow a request from its arrival on."""

    # -- for the lane ---------------------------------------------------------------------

    def begin(self, about: About) -> Recording:
        """Take up a request."""
        now = self.clock()
        recording = Recording(
            next(self._numbers),
            about,
            self,
            self._wall(),
            now,
            about.path,
            about.headers,
            [Mark("queued", now)],
        )
        tracer = self.bookkeeper.tracer
        if tracer is not None:
            recording.trace = tracer.begin(about.headers)
        self.inflight.add(recording)
        if self.expected and (tell := self.expected.pop(about.request_id, None)):
            tell(recording)
        return recording

    # -- for whoever looks on ---------------------------------------------------------------

    def cancel(self, number: int) -> bool:
        """End everything that is done for a request in progress; return whether there is one."""
        recording = self.inflight.get(number)
        if recording is None:
            return False
        recording.about.cancel()
        return True

    def model_starts(self, model: str) -> None:
        """Learn that a model's own start has begun: whoever waited for its swap waits for that."""
        for recording in list(self.inflight):
            waiting = recording.waiting
            if waiting is not None and waiting.position == 0 and recording.about.model == model:
                recording.waits("starting", (model,), 0)

    # -- for recordings ---------------------------------------------------------------------

    def waits(self, recording: Recording) -> None:
        """Learn that a request waits, or why from now on."""
        self.inflight.waits(recording)
        self._queue_changed()

    def granted(self, recording: Recording, *, waited: bool) -> None:
        """Learn that a request is forwarded."""
        if waited:
            self._queue_changed()
        if not self._events.wanted:
            return
        self.inflight.waits(recording)
        if "grant" in self._events.wanted:
            data = {
                "at": moments.now(),
                "id": str(recording.id),
                "model": recording.about.model,
                "attempt": recording.attempts,
                "waited_ms": round((recording.marks[-1].at - recording.marks[0].at) * 1000),
            }
            self._events.publish("grant", data)

    def begins(self, recording: Recording) -> Answer | None:
        """Return what collects the body of an answer, None if nobody wants it."""
        if not recording.about.recorded:
            return None
        return self.bookkeeper.open(recording)

    def ended(self, recording: Recording) -> None:
        """Learn that a request has ended."""
        self.inflight.remove(recording)
        self.bookkeeper.close(recording)
        if recording.waiting is not None:
            self._queue_changed()
