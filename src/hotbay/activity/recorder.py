"""The door through which the lane tells of its requests.

Owns the numbers of the in-flight list and hands every finished request on.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from hotbay.activity.inflight import InFlight
from hotbay.activity.recording import About, Recording


class Recorder:
    """Follows requests from their arrival to their end."""

    def __init__(
        self,
        inflight: InFlight,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Begin without requests.

        Args:
            inflight: the list of requests in progress, on the same clock.
            clock: seconds, monotonic.
            wall: seconds since the epoch.
        """
        self.inflight = inflight
        self.clock = clock
        self._wall = wall
        self._numbers = itertools.count(1)

    # -- for the lane ---------------------------------------------------------------------

    def begin(self, about: About) -> Recording:
        """Take up a request."""
        recording = Recording(next(self._numbers), about, self, self._wall(), self.clock())
        self.inflight.add(recording)
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
            if recording.about.model == model and recording.phase == "swapping":
                recording.model_starts()

    # -- for recordings ---------------------------------------------------------------------

    def changed(self, recording: Recording) -> None:
        """Learn that a request has entered another phase."""
        self.inflight.changed(recording)

    def grew(self, recording: Recording) -> None:
        """Learn that more of an answer was passed on."""
        self.inflight.grew(recording)

    def ended(self, recording: Recording) -> None:
        """Learn that a request has ended."""
        self.inflight.remove(recording)
