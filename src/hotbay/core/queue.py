"""The waiting requests: in order of service, in order of age, and with what they were told.

Owns tickets' places in the queue and the positions announced to them.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator

from hotbay.core.effects import Effect, Position, Wait


class Ticket:
    """One admitted request that is not finished.

    `serial` counts arrivals: it is the order of age, and breaks ties of priority.
    """

    __slots__ = (
        "arrived",
        "attempt",
        "generation",
        "granted",
        "granted_at",
        "model",
        "order",
        "request",
        "serial",
        "told",
    )

    def __init__(self, request: int, model: str, serial: int, priority: int, now: float) -> None:
        self.request = request
        self.model = model
        self.serial = serial
        self.order = (-priority, serial)
        self.arrived = now
        self.granted = False
        self.generation = 0
        """Of the model server that it was granted to."""
        self.granted_at = 0.0
        self.attempt = 1
        self.told: tuple[int, Wait] | None = None
        """Position and reason as announced last."""

    @property
    def told_position(self) -> int:
        """The announced position, 0 outside the queue."""
        return self.told[0] if self.told is not None else 0


def _order(ticket: Ticket) -> tuple[int, int]:
    return ticket.order


def _serial(ticket: Ticket) -> int:
    return ticket.serial


class Queue:
    """Waiting tickets by descending priority, ties by arrival (spec/scheduler.md 7)."""

    def __init__(self) -> None:
        self._by_order: list[Ticket] = []
        self._by_age: list[Ticket] = []
        self._per_model: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_order)

    def __iter__(self) -> Iterator[Ticket]:
        return iter(self._by_order)

    def __contains__(self, ticket: Ticket) -> bool:
        place = bisect_left(self._by_age, ticket.serial, key=_serial)
        return place < len(self._by_age) and self._by_age[place] is ticket

    def waiting_for(self, model: str) -> int:
        """Return how many tickets of this model wait here."""
        return self._per_model[model]

    def add(self, ticket: Ticket, wait: Wait | None = None) -> None:
        """Put a ticket at its place; with a reason given, its announcement is up to the caller."""
        if wait is not None:
            ticket.told = (bisect_left(self._by_order, ticket.order, key=_order) + 1, wait)
        insort(self._by_order, ticket, key=_order)
        insort(self._by_age, ticket, key=_serial)
        self._per_model[ticket.model] += 1

    def remove(self, ticket: Ticket) -> None:
        """Take a ticket out."""
        del self._by_order[bisect_left(self._by_order, ticket.order, key=_order)]
        del self._by_age[bisect_left(self._by_age, ticket.serial, key=_serial)]
        self._per_model[ticket.model] -= 1
        ticket.told = None

    def oldest(self) -> Ticket | None:
        """Return the ticket that has waited longest."""
        return self._by_age[0] if self._by_age else None

    def take(self, models: frozenset[str]) -> list[Ticket]:
        """Take out every ticket of these models, in order of age."""
        taken = [ticket for ticket in self._by_age if ticket.model in models]
        for ticket in taken:
            self.remove(ticket)
        return taken

    def announce_behind(self, ticket: Ticket, out: list[Effect]) -> None:
        """Tell those whom a newly added ticket has pushed back by one."""
        for other in self._by_order[ticket.told_position :]:
            if other.told is not None:
                other.told = (other.told[0] + 1, other.told[1])
                out.append(Position(other.request, *other.told))

    def announce(self, waits: dict[str, Wait], out: list[Effect]) -> None:
        """Tell every ticket whose position or reason differs from what it was told last."""
        for position, ticket in enumerate(self._by_order, 1):
            news = (position, waits[ticket.model])
            if news != ticket.told:
                ticket.told = news
                out.append(Position(ticket.request, *news))
