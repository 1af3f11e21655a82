"""Requests whose connection broke, until it is known whether their model server has died.

Owns them for the moment between the two pieces of news, which come by different ways
(design 7.6). They count as served meanwhile.
"""

from __future__ import annotations

from hotbay.core.effects import CancelTimer, Effect, SetTimer
from hotbay.core.events import Timer
from hotbay.core.queue import Ticket

NEWS_OF_AN_EXIT = 0.25
"""Seconds after a connection broke within which its model server's exit becomes known."""


class Suspects:
    """By model, in the order in which their connections broke."""

    def __init__(self) -> None:
        self._tickets: dict[str, list[Ticket]] = {}

    def __contains__(self, ticket: Ticket) -> bool:
        return ticket in self._tickets.get(ticket.model, ())

    def add(self, ticket: Ticket, now: float, out: list[Effect]) -> None:
        """Let a request wait for news; the first of a model sets the time for all."""
        tickets = self._tickets.setdefault(ticket.model, [])
        if not tickets:
            timer = Timer("broken", ticket.model, ticket.generation)
            out.append(SetTimer(timer, now + NEWS_OF_AN_EXIT))
        tickets.append(ticket)

    def remove(self, ticket: Ticket) -> None:
        """Let a request wait no longer: its client has left."""
        self._tickets[ticket.model].remove(ticket)

    def take(self, model: str, out: list[Effect]) -> list[Ticket]:
        """Hand out all of a model."""
        tickets = self._tickets.pop(model, [])
        if tickets:
            out.append(CancelTimer(Timer("broken", model, tickets[0].generation)))
        return tickets
