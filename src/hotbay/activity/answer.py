"""The body of an answer as it passes, as far as row and capture need it.

An `Answer` owns the pieces that its capture may be made of; a `Shelf` how much all of them hold at
a time, so that many large answers at once do not fill the memory.
"""

from __future__ import annotations

import msgspec

from hotbay.activity.encodings import DecodingError, decoded
from hotbay.activity.reading import ResponseReader

SHELF = 64 << 20
"""Bytes of answers in progress that may be held for captures."""
LARGE = 16 << 10
"""Bytes of a piece that is read at once."""


class Shelf:
    """How many bytes of answers in progress are held for captures."""

    def __init__(self, limit: int = SHELF) -> None:
        self.limit = limit
        self.used = 0


class Answer(msgspec.Struct, eq=False):
    """What has passed of one answer.

    Attributes:
        reader: reads its numbers.
        shelf: counts what all answers hold.
        room: bytes that may be held for its capture, compressed or not; 0: it gets none.
        due: at how many pieces the reader is fed again.
        pieces: what is held: all, if there is to be a capture, otherwise what is still to be read.
        read: how many of them the reader has been fed with.
        at: when the last one passed, seconds, monotonic.
        size: bytes held for its capture.
    """

    reader: ResponseReader
    shelf: Shelf
    room: int
    due: int
    pieces: list[bytes] = msgspec.field(default_factory=list)
    read: int = 0
    at: float = 0.0
    size: int = 0

    def feed(self, data: bytes, at: float) -> None:
        """Take a piece that passes now."""
        self.at = at
        pieces = self.pieces
        pieces.append(data)
        size = len(data)
        if self.room:
            self.size += size
            self.shelf.used += size
            if self.size > self.room or self.shelf.used > self.shelf.limit:
                self.drop()
        if len(pieces) >= self.due or size > LARGE:
            self.catch_up()

    def catch_up(self) -> None:
        """Feed the reader with what it has not seen; once more after the last piece."""
        pieces = self.pieces
        if len(pieces) == 1 and not self.read:
            self.reader.feed(pieces[0], self.at)
        elif unread := pieces[self.read :]:
            self.reader.feed(b"".join(unread), self.at)
        if self.room:
            self.read = len(pieces)
        else:
            self.read = 0
            pieces.clear()
        self.due = self.read + self.reader.patience

    def drop(self) -> None:
        """Do without a capture."""
        self.room = 0
        self.put_down()
        self.catch_up()

    def put_down(self) -> int:
        """Have it counted by somebody else what is held; return how much that is."""
        self.shelf.used -= self.size
        size, self.size = self.size, 0
        return size

    def body(self) -> bytes | None:
        """Return the body, decompressed, for a capture; None if there can be none.

        In any thread, after the last `feed`.
        """
        if not self.room:
            return None
        if not self.reader.codings:
            return b"".join(self.pieces)
        try:
            return b"".join(decoded(self.pieces, self.reader.codings, self.room))
        except DecodingError:
            return None
