"""The two ways in which the body of a request for a model comes in.

It is collected where it has to be read before its model is known; `Intake` owns it with the
name finder until it is whole. Otherwise it is passed on while it arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hotbay.lane.body import Body, BodyMemory, BodyRefused, StreamBody
from hotbay.lane.buffer import BodyBuffer, SizeLimit
from hotbay.lane.context import LaneContext
from hotbay.lane.gate import body_limit
from hotbay.lane.head import Head
from hotbay.lane.model_name import Found, name_finder
from hotbay.lane.turn import Connection

_COPIED = 1 << 20
"""Bytes of a body that is passed on of which a copy is kept, for its capture."""


class Inflow(Protocol):
    """What takes in one body."""

    def receive(self, data: bytes) -> None:
        """Take a piece."""
        ...

    def complete(self) -> None:
        """Learn that there is no more."""
        ...

    def release(self) -> None:
        """Drop what it holds; a body that was handed over it holds no more."""
        ...


class Intake:
    """Collects one body, and looks at it while it arrives."""

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


class StreamIntake:
    """Has one body passed on while it arrives.

    Attributes:
        body: what is passed on.
    """

    __slots__ = ("_copy", "_limit", "_received", "_refuse", "body")

    def __init__(
        self,
        connection: Connection,
        context: LaneContext,
        head: Head,
        refuse: Callable[[BodyRefused], None],
        *,
        copied: bool,
    ) -> None:
        """Begin.

        Args:
            connection: the client's.
            context: has the limits.
            head: of the request.
            refuse: called if the body turns out too large.
            copied: keep a copy if it is small and there is room.
        """
        chunked = b"transfer-encoding" in head.fields
        self.body = StreamBody(
            None if chunked else int(head.fields[b"content-length"]),
            pause=connection.pause_reading,
            resume=connection.resume_reading,
        )
        self._limit = SizeLimit("limits.body", context.gate.body)
        self._received = 0
        self._refuse = refuse
        self._copy = _Copy(context.memory) if copied else None

    def receive(self, data: bytes) -> None:
        """Pass a piece on."""
        self._received += len(data)
        if self._received > self._limit.size:
            self._refuse(BodyRefused(413, self._limit.complaint))
            return
        if self._copy is not None:
            self._copy.add(data)
        self.body.feed(data)

    def complete(self) -> None:
        """Let whoever sends it know that there is no more."""
        self.body.finish()

    def copy(self) -> bytes | None:
        """Return the copy of a whole body, None if there is none; once."""
        return None if self._copy is None else self._copy.take()

    def release(self) -> None:
        """Drop the copy; the body is another's to release."""
        if self._copy is not None:
            self._copy.drop()


class _Copy:
    """The pieces of a body that has gone on, as long as they are few and there is room."""

    __slots__ = ("_memory", "_pieces", "_size")

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self._pieces: list[bytes] | None = []
        self._size = 0

    def add(self, data: bytes) -> None:
        if self._pieces is None:
            return
        if self._size + len(data) > _COPIED:
            self.drop()
            return
        try:
            self._memory.take(len(data))
        except BodyRefused:  # bodies that are needed come first
            self.drop()
        else:
            self._size += len(data)
            self._pieces.append(data)

    def take(self) -> bytes | None:
        data = None if self._pieces is None else b"".join(self._pieces)
        self.drop()
        return data

    def drop(self) -> None:
        self._pieces = None
        self._memory.give_back(self._size)
        self._size = 0
