"""Collects the body of a request that has to be read before its model is known.

Owns body and name finder until the body is whole.
"""

from __future__ import annotations

from collections.abc import Callable

from hotbay.lane.body import Body, BodyRefused
from hotbay.lane.buffer import BodyBuffer
from hotbay.lane.context import LaneContext
from hotbay.lane.gate import body_limit
from hotbay.lane.head import Head
from hotbay.lane.model_name import Found, name_finder
from hotbay.lane.turn import Connection


class Intake:
    """One body, looked at while it arrives."""

    __slots__ = ("_buffer", "_finder", "_whole")

    def __init__(
        self,
        connection: Connection,
        context: LaneContext,
        head: Head,
        whole: Callable[[Body | BodyRefused], None],
    ) -> None:
        """Begin; `whole` is called once all is there, or could not be taken."""
        content_type = head.fields.get(b"content-type", b"")
        method = b"GET" if head.method == b"HEAD" else head.method
        self._finder = name_finder(method, content_type, head.query or b"")
        self._buffer = BodyBuffer(
            context.memory,
            limit=body_limit(head, context.gate),
            spool=not self._finder.in_memory,
            pause=connection.pause_reading,
            resume=connection.resume_reading,
        )
        self._whole = whole

    def receive(self, data: bytes) -> None:
        """Take a piece."""
        self._finder.feed(data)
        try:
            self._buffer.feed(data)
        except BodyRefused as refused:
            self._whole(refused)

    def complete(self) -> None:
        """Have the body made of its pieces."""
        self._buffer.finish(self._whole)

    def find(self, body: Body) -> Found:
        """Return the model that the whole request names."""
        return self._finder.find(body)

    def release(self) -> None:
        """Drop a body that is not whole yet."""
        self._buffer.release()
