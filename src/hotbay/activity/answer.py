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


class Shelf:
    """How many bytes of answers in progress are held for captures."""

    def __init__(self, limit: int = SHELF) -> None:
        self.limit = limit
        self.used = 0


class Answer(msgspec.Struct, eq=False):
    """What has passed of one answer.

    Attributes:
        reader: reads its numbers; is fed everything.
        shelf: counts what all answers hold.
        room: bytes that may be held for its capture, compressed or not; 0: there is none.
        whole: the capture has the body; otherwise it only needs to know that there is one.
        pieces: what is held for its capture; None: there will be none.
        size: bytes of that.
    """

    reader: ResponseReader
    shelf: Shelf
    room: int
    whole: bool
    pieces: list[bytes] | None
    size: int = 0

    def feed(self, data: bytes) -> None:
        """Take a piece."""
        self.reader.feed(data)
        pieces = self.pieces
        if pieces is None or (pieces and not self.whole):
            return
        pieces.append(data)
        size = len(data)
        self.size += size
        self.shelf.used += size
        if self.size > self.room or self.shelf.used > self.shelf.limit:
            self.drop()

    def drop(self) -> None:
        """Do without a capture."""
        self.pieces = None
        self.put_down()

    def put_down(self) -> int:
        """Have it counted by somebody else what is held; return how much that is."""
        self.shelf.used -= self.size
        size, self.size = self.size, 0
        return size

    def body(self) -> bytes | None:
        """Return the body, decompressed, for a capture; None if there can be none.

        In any thread, after the last `feed`.
        """
        if self.pieces is None:
            return None
        if not self.whole or not self.reader.codings:
            return b"".join(self.pieces)
        try:
            return b"".join(decoded(self.pieces, self.reader.codings, self.room))
        except DecodingError:
            return None
