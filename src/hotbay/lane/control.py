"""A request to the application, as one turn among those of the lane.

Owns the bridge to uvicorn's request cycle, which runs the application in a task of
its own and knows nothing of requests that wait behind others.
"""

from __future__ import annotations

from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hotbay.lane.body import in_units
from hotbay.lane.head import BadRequest


class ControlTurn:
    """Runs the application once it is the request's turn."""

    def __init__(
        self,
        cycle: RequestResponseCycle,
        *,
        start: Callable[[], None],
        feed: Callable[[bytes], None],
        finish: Callable[[], None],
        limit: int,
    ) -> None:
        """Wrap a cycle that has not been started.

        Args:
            cycle: uvicorn's.
            start: runs the application.
            feed: gives the cycle a piece of the body.
            finish: says that the body is complete.
            limit: bytes that the body may have, `limits.body`.
        """
        self._cycle = cycle
        self._start = start
        self._feed = feed
        self._finish = finish
        self._limit = limit
        self._received = 0

    @property
    def keep_alive(self) -> bool:
        """The connection goes on after the answer."""
        return self._cycle.keep_alive

    @keep_alive.setter
    def keep_alive(self, value: bool) -> None:
        self._cycle.keep_alive = value

    @property
    def answering(self) -> bool:
        """Whether a part of the answer has been written."""
        return self._cycle.response_started

    def begin(self) -> None:
        """Run the application."""
        self._start()

    def receive(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._received += len(data)
        if self._received > self._limit:
            raise BadRequest(
                413, f"the request body is larger than limits.body ({in_units(self._limit)})"
            )
        self._feed(data)

    def complete(self) -> None:
        """Learn that the body is complete."""
        self._finish()

    def leave(self) -> None:
        """Tell the application that the client has gone."""
        self._cycle.disconnected = True
        self._cycle.message_event.set()

    def end_stream(self) -> None:
        """End an answer that has begun and goes on; a definite one is written at once."""
        if self._cycle.response_started and not self._cycle.response_complete:
            self.leave()
            self._cycle.transport.close()

    def pause(self) -> None:
        """Uvicorn's flow control does that."""

    def resume(self) -> None:
        """Uvicorn's flow control does that."""
