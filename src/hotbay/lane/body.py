"""Request bodies on their way to an upstream, and how much memory they take together.

`BodyMemory` owns the count of bytes that all bodies hold (`limits.bodyMemory`). A body
is whole in memory, whole in an anonymous file, or passed on while it arrives; each can
be opened as a `Source`, from which the connection takes pieces as fast as the upstream
accepts them. `BodyBuffer` (buffer.py) makes bodies from what a client sends.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import IO, Protocol

PIECE = 256 * 1024
"""Bytes that are handed on at a time; what asyncio reads at once."""


class BodyRefused(Exception):  # noqa: N818  not an error of ours, the client is told so
    """A request body cannot be taken.

    Attributes:
        status: what to answer: 413 too large, 503 no room now, 500 it could not be stored.
        message: for the client.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class BodyMemory:
    """Accounts for the request bodies in memory over all requests.

    Attributes:
        limit: bytes they may take together.
        used: bytes they take now.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def take(self, size: int) -> None:
        """Book `size` bytes.

        Raises:
            BodyRefused: 503, they would exceed the limit; nothing is booked.
        """
        if self.used + size > self.limit:
            raise BodyRefused(
                503,
                f"request bodies in progress fill limits.bodyMemory ({in_units(self.limit)}),"
                " try again later",
            )
        self.used += size

    def give_back(self, size: int) -> None:
        """Free `size` bytes that were booked."""
        self.used -= size


class Source(Protocol):
    """A body being sent once."""

    def read(self) -> bytes | memoryview | None:
        """Return the next piece, `b""` at the end, None if there is none yet.

        After None the `ready` given to `Body.open` is called once there is more.

        Raises:
            OSError: the stored body cannot be read.
        """

    def close(self) -> None:
        """Read no further; `ready` is not called any more."""


class Body(Protocol):
    """A request body, as the upstream client sees it."""

    @property
    def length(self) -> int | None:
        """Bytes to be sent; None: not known, to be sent in chunks."""

    @property
    def data(self) -> bytes | None:
        """The whole body if it is in memory."""

    @property
    def replayable(self) -> bool:
        """Whether it can be opened again, to send it once more."""

    def open(self, ready: Callable[[], None]) -> Source:
        """Start sending it from its beginning."""

    def release(self) -> None:
        """Free memory or file; the owner calls it once the request has ended, twice is harmless."""


class MemoryBody:
    """A body in memory; without `memory` it is not accounted for."""

    __slots__ = ("_held", "_memory", "data")

    replayable = True

    def __init__(self, data: bytes = b"", memory: BodyMemory | None = None) -> None:
        """Take over `data`, whose size is already booked in `memory`."""
        self.data = data
        self._memory = memory
        self._held = len(data)

    @property
    def length(self) -> int:
        """Bytes to be sent."""
        return len(self.data)

    def replace(self, data: bytes) -> None:
        """Hold `data` instead, as after a filter; books the difference, past the limit too."""
        if self._memory is not None:
            self._memory.used += len(data) - self._held
            self._held = len(data)
        self.data = data

    def open(self, ready: Callable[[], None]) -> Source:  # noqa: ARG002  never has to wait
        """Start sending it."""
        return _MemorySource(self.data)

    def release(self) -> None:
        """Free the memory."""
        if self._memory is not None:
            self._memory.give_back(self._held)
            self._memory = None
        self.data = b""


class FileBody:
    """A body in an anonymous file, read in a thread."""

    data = None
    replayable = True

    def __init__(self, file: IO[bytes], length: int) -> None:
        """Take over `file`, which nobody writes any more."""
        self.length = length
        self._file = file
        self._reading = threading.Lock()
        self._released = False

    def open(self, ready: Callable[[], None]) -> Source:
        """Start reading it from the beginning; needs a running event loop."""
        return _FileSource(self, ready)

    def read_at(self, offset: int) -> bytes:
        """Return a piece; blocks, for use in a thread. Empty once the body was released."""
        with self._reading:
            if self._file.closed:
                return b""
            self._file.seek(offset)
            return self._file.read(PIECE)

    def release(self) -> None:
        """Close the file, in a thread."""
        if not self._released:
            self._released = True
            # Freeing the blocks of a large file takes time, and a read may be under way.
            asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        with self._reading:
            self._file.close()


class StreamBody:
    """A body that is passed on while it arrives; it can be sent only once.

    Holds little more than `PIECE` bytes: `pause` is called when the upstream does not
    keep up, `resume` when it does again (which must not call `feed` before it returns).
    """

    data = None
    replayable = False

    def __init__(
        self, length: int | None, *, pause: Callable[[], None], resume: Callable[[], None]
    ) -> None:
        self.length = length
        self._pause = pause
        self._resume = resume
        self._pieces: list[bytes] = []
        self._size = 0
        self._paused = False
        self._complete = False
        self._ready: Callable[[], None] | None = None

    def feed(self, data: bytes) -> None:
        """Add what the client sent."""
        if not data:
            return
        self._pieces.append(data)
        self._size += len(data)
        if self._ready is not None:
            self._ready()
        if self._size > PIECE and not self._paused:
            self._paused = True
            self._pause()

    def finish(self) -> None:
        """Say that the client has sent everything."""
        self._complete = True
        if self._ready is not None:
            self._ready()

    def open(self, ready: Callable[[], None]) -> Source:
        """Start passing it on."""
        self._ready = ready
        return self

    def read(self) -> bytes | None:
        """Return what has arrived, `b""` at the end, None if nothing has."""
        if not self._pieces:
            return b"" if self._complete else None
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            self._resume()
        return data

    def close(self) -> None:
        """Stop passing it on."""
        self._ready = None

    def release(self) -> None:
        """Drop what is held, and let the client send what it wants."""
        self.close()
        self._pieces.clear()
        if self._paused:
            self._paused = False
            self._resume()


class _MemorySource:
    def __init__(self, data: bytes) -> None:
        self._rest = memoryview(data)

    def read(self) -> memoryview:
        piece, self._rest = self._rest[:PIECE], self._rest[PIECE:]
        return piece

    def close(self) -> None:
        self._rest = memoryview(b"")


class _FileSource:
    """Keeps one piece read ahead, so that disk and upstream work at the same time."""

    def __init__(self, body: FileBody, ready: Callable[[], None]) -> None:
        self._body = body
        self._ready = ready
        self._offset = 0
        self._closed = False
        self._ahead = self._fetch()

    def read(self) -> bytes | None:
        if self._ahead is None:
            return b""
        if not self._ahead.done():
            return None
        piece = self._ahead.result()
        if not piece:
            raise OSError("it is shorter than it was")
        self._offset += len(piece)
        self._ahead = self._fetch()
        return piece

    def close(self) -> None:
        self._closed = True

    def _fetch(self) -> asyncio.Future[bytes] | None:
        """Have the next piece read, None at the end: seen at once, not by another read."""
        if self._offset >= self._body.length:
            return None
        loop = asyncio.get_running_loop()
        fetched = loop.run_in_executor(None, self._body.read_at, self._offset)
        fetched.add_done_callback(self._arrived)
        return fetched

    def _arrived(self, fetched: asyncio.Future[bytes]) -> None:
        if not self._closed:
            self._ready()
        elif not fetched.cancelled():
            fetched.exception()  # nobody will read it


def in_units(size: int) -> str:
    """Write a number of bytes as configuration files do."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} bytes"
