"""One request on a client's connection and the answer to it: a turn, and what it may use.

Owns the contract. Requests on a connection are answered one after another, in the order
received (RFC 9112 9.3.2); a turn is told when it has come to it, and says when it is over.
"""

from __future__ import annotations

import asyncio
from typing import Protocol


class Turn(Protocol):
    """A request that is being received, waits behind another, or is answered.

    Attributes:
        keep_alive: the connection goes on after the answer.
    """

    keep_alive: bool

    @property
    def answering(self) -> bool:
        """Whether a part of the answer has been written."""
        ...

    def begin(self) -> None:
        """Answer from now on: all earlier requests are answered."""
        ...

    def receive(self, data: bytes) -> None:
        """Take a piece of the body; behind an upgrade, what else the client sends."""
        ...

    def complete(self) -> None:
        """Learn that the body is complete."""
        ...

    def leave(self) -> None:
        """Learn that nothing can be written any more; may come at any time, and again."""
        ...

    def end_stream(self) -> None:
        """End an answer that would go on for as long as the client listens."""
        ...

    def pause(self) -> None:
        """Write no more for now: the client does not keep up."""
        ...

    def resume(self) -> None:
        """Go on after `pause`."""
        ...


class Connection(Protocol):
    """A client's connection, as a turn sees it.

    Attributes:
        transport: where the answer is written.
        peer: address of the client's end, without port.
    """

    transport: asyncio.Transport
    peer: str

    @property
    def writable(self) -> bool:
        """Whether the client keeps up."""
        ...

    def answered(self, turn: Turn) -> None:
        """Learn that the answer is written completely."""
        ...

    def abort(self) -> None:
        """Close at once, so that the client sees that its answer is not complete."""
        ...

    def invite(self) -> None:
        """Ask the client for its body, if it waits for that (RFC 9110 10.1.1)."""
        ...

    def pause_reading(self) -> None:
        """Stop reading from the client."""
        ...

    def resume_reading(self) -> None:
        """Go on reading from the client."""
        ...
