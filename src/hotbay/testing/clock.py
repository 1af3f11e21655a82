"""Virtual time: an agenda of actions, carried out in the order of their times.

Owns the present moment and what is due when. Time moves only when the agenda is
worked on, so an hour passes at once and every run with the same actions is the same.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

Action = Callable[[], object]


class Appointment:
    """An action on the agenda; `cancel` takes it off."""

    __slots__ = ("action", "at")

    def __init__(self, at: float, action: Action) -> None:
        self.at = at
        self.action: Action | None = action

    def cancel(self) -> None:
        """Take the action off the agenda; harmless if it was carried out already."""
        self.action = None


class Clock:
    """Virtual time in seconds. Actions of the same time are carried out as they were added."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self._agenda: list[tuple[float, int, Appointment]] = []
        self._order = itertools.count()

    def at(self, when: float, action: Action) -> Appointment:
        """Put an action on the agenda; a time that has passed means as soon as possible."""
        appointment = Appointment(max(when, self.now), action)
        heapq.heappush(self._agenda, (appointment.at, next(self._order), appointment))
        return appointment

    def after(self, delay: float, action: Action) -> Appointment:
        """Put an action on the agenda, `delay` seconds from now."""
        return self.at(self.now + delay, action)

    def next_due(self) -> float | None:
        """Return the time of the next action, or None if the agenda is empty."""
        while self._agenda and self._agenda[0][2].action is None:
            heapq.heappop(self._agenda)
        return self._agenda[0][0] if self._agenda else None

    def step(self) -> bool:
        """Go to the next action and carry it out. Returns False if there was none."""
        due = self.next_due()
        if due is None:
            return False
        action = heapq.heappop(self._agenda)[2].action
        assert action is not None  # noqa: S101 - next_due has dropped what was cancelled
        self.now = due
        action()
        return True

    def run_until(self, when: float) -> None:
        """Carry out everything that is due up to `when`, and go there."""
        while (due := self.next_due()) is not None and due <= when:
            self.step()
        self.now = max(self.now, when)
