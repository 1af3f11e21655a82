"""How one request for a model comes in: its body, and whether it is its turn.

Owns the body until it can be forwarded. A request may be received while an earlier one on its
connection is answered; then it goes on, or is turned away, when its turn has come.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from hotbay.lane.body import Body, BodyRefused
from hotbay.lane.context import LaneContext
from hotbay.lane.head import Head, has_body
from hotbay.lane.intake import Inflow
from hotbay.lane.turn import Connection


class Incoming(ABC):
    """The receiving half of a turn on a connection."""

    __slots__ = (
        "_begun",
        "_body",
        "_connection",
        "_context",
        "_ended",
        "_head",
        "_intake",
        "_refused",
        "_upgrade",
        "_whole",
        "keep_alive",
    )

    def __init__(
        self, connection: Connection, context: LaneContext, head: Head, *, upgrade: bool
    ) -> None:
        """Receive; nothing is asked or answered before `begin`."""
        self.keep_alive = head.keep_alive
        self._connection = connection
        self._context = context
        self._head = head
        self._upgrade = upgrade
        self._begun = False
        self._whole = not has_body(head)
        self._ended = False
        self._intake: Inflow | None = None
        self._body: Body | None = None
        self._refused: BodyRefused | None = None

    def begin(self) -> None:
        """Go on as far as possible."""
        self._begun = True
        if self._refused is not None:
            self.turn_away(self._refused)
        elif self._body is not None:
            self._go(self._body)
        elif not self._whole:
            self._connection.invite()

    def receive(self, data: bytes) -> None:
        """Take a piece of the body; behind an upgrade, pass on what is not HTTP."""
        if self._ended or self._refused is not None:
            return
        if self._upgrade:
            self._tunnel(data)
        elif self._intake is not None:
            self._intake.receive(data)

    def complete(self) -> None:
        """Learn that the body is complete."""
        self._whole = True
        if not self._ended and self._refused is None and self._intake is not None:
            self._intake.complete()

    def _collected(self, body: Body | BodyRefused) -> None:
        """Take a body that is whole, or learn why it was not taken."""
        if isinstance(body, BodyRefused):
            self._refused = body
            if self._begun:
                self.turn_away(body)
        else:
            self._body = body
            if self._begun:
                self._go(body)

    def _release(self) -> None:
        """Give back what is held of the body."""
        if self._intake is not None:
            self._intake.release()
            self._intake = None
        if self._body is not None:
            self._body.release()

    @abstractmethod
    def _go(self, body: Body) -> None:
        """Find out what is asked for, and ask for it."""

    @abstractmethod
    def turn_away(self, refused: BodyRefused) -> None:
        """Tell the client, whose turn it is, that its body is not taken."""

    @abstractmethod
    def _tunnel(self, data: bytes) -> None:
        """Pass on what is not HTTP."""
