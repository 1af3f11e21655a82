"""The body of an answer as it passes, as far as row and capture need it.

An `Answer` owns the pieces that its capture may be made of; a `Shelf` how much all of them hold at
a time, so that many large answers at once do not fill the memory.
"""

from __future__ import annotations

from hotbay.activity.encodings import DecodingError, decoded
from hotbay.activity.reading import ResponseReader

SHELF = 64 << 20
"""Bytes of answers in progress that may be held for captures."""


class Shelf:
    """How many bytes of answers in progress are held for captures."""

    def __init__(self, limit: int = SHELF) -> None:
        self.limit = limit
        self.used = 0


class Answer:
    """What has passed of one answer.

    Attributes:
        reader: reads its numbers.
        size: bytes that are held for its capture.
    """

    __slots__ = ("_pieces", "_room", "_shelf", "_whole", "reader", "size")

    def __init__(self, reader: ResponseReader, *, room: int, whole: bool, shelf: Shelf) -> None:
        """Begin to collect.

        Args:
            reader: is fed everything.
            room: bytes that may be held for its capture, compressed or not; 0: there is none.
            whole: the capture has the body; otherwise it only needs to know that there is one.
            shelf: counts what all answers hold.
        """
        self.reader = reader
        self.size = 0
        self._room = room
        self._whole = whole
        self._shelf = shelf
        self._pieces: list[bytes] | None = [] if room else None

    def feed(self, data: bytes) -> None:
        """Take a piece."""
        self.reader.feed(data)
        pieces = self._pieces
        if pieces is None or (pieces and not self._whole):
            return
        pieces.append(data)
        self.size += len(data)
        self._shelf.used += len(data)
        if self.size > self._room or self._shelf.used > self._shelf.limit:
            self.drop()

    def drop(self) -> None:
        """Do without a capture."""
        self._pieces = None
        self.put_down()

    def put_down(self) -> int:
        """Have it counted by somebody else what is held; return how much that is."""
        self._shelf.used -= self.size
        size, self.size = self.size, 0
        return size

    def body(self) -> bytes | None:
        """Return the body, decompressed, for a capture; None if there can be none.

        In any thread, after the last `feed`.
        """
        if self._pieces is None:
            return None
        if not self._whole or not self.reader.codings:
            return b"".join(self._pieces)
        try:
            return b"".join(decoded(self._pieces, self.reader.codings, self._room))
        except DecodingError:
            return None
