"""Who is in: every admitted request, and how many of each model hold a place or are served.

Owns the tickets and the two counts. Where a ticket waits is the queue's and the
swaps' business.
"""

from __future__ import annotations

from hotbay.core.queue import Ticket


class Places:
    """Counts by model have no entry where they are zero.

    Attributes:
        reserved: admitted requests, waiting or served; `concurrency_limit` bounds them.
        in_flight: granted requests.
    """

    def __init__(self) -> None:
        self.reserved: dict[str, int] = {}
        self.in_flight: dict[str, int] = {}
        self._tickets: dict[int, Ticket] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def get(self, request: int) -> Ticket | None:
        """Return the ticket of an admitted request."""
        return self._tickets.get(request)

    def admit(self, ticket: Ticket) -> None:
        """Give a request a place."""
        self._tickets[ticket.request] = ticket
        self.reserved[ticket.model] = self.reserved.get(ticket.model, 0) + 1

    def release(self, ticket: Ticket) -> None:
        """Take its place back from a request that is not granted."""
        del self._tickets[ticket.request]
        _less(self.reserved, ticket.model)

    def grant(self, ticket: Ticket, generation: int, now: float) -> None:
        """Count a request as served."""
        ticket.granted, ticket.generation, ticket.granted_at = True, generation, now
        self.in_flight[ticket.model] = self.in_flight.get(ticket.model, 0) + 1

    def ungrant(self, ticket: Ticket) -> None:
        """Count it as served no longer; it keeps its place."""
        ticket.granted = False
        _less(self.in_flight, ticket.model)


def _less(counts: dict[str, int], model: str) -> None:
    left = counts[model] - 1
    if left:
        counts[model] = left
    else:
        del counts[model]
