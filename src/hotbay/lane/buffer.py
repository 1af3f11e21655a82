"""Collects the body of one request until it is whole.

Owns what has arrived of it: in memory what must be read before forwarding, on disk
whatever else is larger than a mebibyte (design 7.7). The file has no name, so nothing
is left behind however hotbay ends.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from typing import IO, NamedTuple

from hotbay.lane.body import Body, BodyMemory, BodyRefused, FileBody, MemoryBody, in_units

SPOOL_ABOVE = 1024 * 1024
"""Bytes of a body that stay in memory before a file is used, and that it is written in."""


class SizeLimit(NamedTuple):
    """The largest body allowed: the setting's name, for the message, and bytes."""

    name: str
    size: int

    @property
    def complaint(self) -> str:
        """What the client of a larger body is told."""
        return f"the request body is larger than {self.name} ({in_units(self.size)})"


class BodyBuffer:
    """One body being received.

    While a piece is written to disk, reading from the client is paused; what arrives
    nevertheless is kept and written next.
    """

    def __init__(
        self,
        memory: BodyMemory,
        *,
        limit: SizeLimit,
        spool: bool,
        pause: Callable[[], None],
        resume: Callable[[], None],
    ) -> None:
        """Start empty.

        Args:
            memory: where to book what is held.
            limit: what the body may not exceed.
            spool: use a file above `SPOOL_ABOVE` bytes.
            pause: stops reading from the client.
            resume: goes on reading from the client.
        """
        self._memory = memory
        self._limit = limit
        self._spool = spool
        self._pause = pause
        self._resume = resume
        self._parts: list[bytes] = []
        self._held = 0
        self._length = 0
        self._file: IO[bytes] | None = None
        self._writing = False
        self._released = False
        self._failure: BodyRefused | None = None
        self._done: Callable[[Body | BodyRefused], None] | None = None

    def expect(self, length: int) -> None:
        """Judge by its declared length a body of which nothing has arrived yet.

        Raises:
            BodyRefused: 413.
        """
        if length > self._limit.size:
            raise BodyRefused(413, self._limit.complaint)

    def feed(self, data: bytes) -> None:
        """Add what has arrived.

        Raises:
            BodyRefused: 413, 503, or 500 if the disk refused an earlier piece. The buffer
                has freed everything and takes no more.
        """
        try:
            if self._failure is not None:
                raise self._failure
            self.expect(self._length + len(data))
            self._memory.take(len(data))
        except BodyRefused:
            self.release()
            raise
        self._length += len(data)
        self._held += len(data)
        self._parts.append(data)
        if self._spool and self._held > SPOOL_ABOVE and not self._writing:
            self._pause()
            self._write()

    def finish(self, done: Callable[[Body | BodyRefused], None]) -> None:
        """Say that the body is whole; `done` gets it, at once if no file was needed."""
        self._done = done
        if not self._writing:
            self._hand_over()

    def release(self) -> None:
        """Free everything, because the request ended before `done` was called."""
        self._released = True
        self._parts.clear()
        self._forget_parts(self._held)
        if not self._writing:
            self._close()

    def _hand_over(self) -> None:
        assert self._done is not None  # noqa: S101  for the type checker, finish() has set it
        if self._failure is not None:
            self.release()
            self._done(self._failure)
        elif self._file is None:
            body = MemoryBody(b"".join(self._parts), self._memory)
            self._parts.clear()
            self._held = 0
            self._done(body)
        elif self._parts:
            self._pause()
            self._write()
        else:
            file, self._file = self._file, None
            self._done(FileBody(file, self._length))

    def _write(self) -> None:
        parts, self._parts = self._parts, []
        self._writing = True
        writing = asyncio.get_running_loop().run_in_executor(None, self._append, parts)
        writing.add_done_callback(lambda written: self._written(written, sum(map(len, parts))))

    def _append(self, parts: list[bytes]) -> None:
        """Write to the file, in a thread."""
        if self._file is None:
            # The body that is made of it closes the file.
            self._file = tempfile.TemporaryFile(prefix="hotbay-", buffering=0)  # noqa: SIM115
        for part in parts:
            self._write_all(self._file, part)

    @staticmethod
    def _write_all(file: IO[bytes], part: bytes) -> None:
        rest = memoryview(part)
        while rest:
            rest = rest[file.write(rest) :]

    def _written(self, written: asyncio.Future[None], size: int) -> None:
        self._writing = False
        if error := written.exception():
            self._failure = BodyRefused(500, f"could not store the request body: {error}")
        if self._released:
            self._close()
            return
        self._forget_parts(size)
        wanted = 0 if self._done is not None else SPOOL_ABOVE
        if self._failure is None and self._held > wanted:
            self._write()
            return
        self._resume()
        if self._done is not None:
            self._hand_over()

    def _forget_parts(self, size: int) -> None:
        self._memory.give_back(size)
        self._held -= size

    def _close(self) -> None:
        if self._file is not None:
            # Freeing the blocks of a large file takes time.
            asyncio.get_running_loop().run_in_executor(None, self._file.close)
            self._file = None
