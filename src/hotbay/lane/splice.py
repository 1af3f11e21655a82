"""Bodies of which a few bytes are replaced while they are sent.

Nothing is copied or read into memory beforehand: a `SplicedBody` passes the pieces of
the body under it on, and exchanges what lies in the places to be replaced. It can be
sent as often as the body under it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hotbay.lane.body import Body, Source


class Splice(NamedTuple):
    """A replacement: `data` instead of the bytes from `start` to before `end`."""

    start: int
    end: int
    data: bytes


class Splicer:
    """Replaces places in a text that comes in pieces."""

    __slots__ = ("_begin", "_cut", "_next", "_splices")

    def __init__(self, splices: Sequence[Splice]) -> None:
        """Make these replacements, which are in order and do not overlap."""
        self._splices = splices
        self._next = 0
        self._begin = 0
        self._cut = 0

    def feed(self, piece: bytes | memoryview) -> bytes | memoryview:
        """Return what takes the place of the next piece, maybe nothing."""
        begin = self._begin
        end = self._begin = begin + len(piece)
        kept: list[bytes | memoryview] = []
        at = max(begin, self._cut)
        while self._next < len(self._splices) and self._splices[self._next].start <= end:
            splice = self._splices[self._next]
            kept += (piece[at - begin : splice.start - begin], splice.data)
            at = splice.end
            self._next += 1
        self._cut = at
        if at < end:
            kept.append(piece[at - begin :])
        return kept[0] if len(kept) == 1 else b"".join(kept)


def spliced(data: bytes, splices: Sequence[Splice]) -> bytes:
    """Return `data` with all replacements made; see `Splicer`."""
    return bytes(Splicer(splices).feed(data))


class SplicedBody:
    """A body with replacements."""

    data = None

    def __init__(self, body: Body, splices: Sequence[Splice]) -> None:
        """Take over `body`; the splices are in order and do not overlap."""
        self._body = body
        self._splices = splices
        self._growth = sum(len(splice.data) - splice.end + splice.start for splice in splices)

    @property
    def length(self) -> int | None:
        """Bytes to be sent; None: not known."""
        length = self._body.length
        return None if length is None else length + self._growth

    @property
    def replayable(self) -> bool:
        """Whether it can be opened again."""
        return self._body.replayable

    def open(self, ready: Callable[[], None]) -> Source:
        """Start sending it."""
        return _SplicedSource(self._body.open(ready), Splicer(self._splices))

    def release(self) -> None:
        """Free the body under it."""
        self._body.release()


class _SplicedSource:
    def __init__(self, source: Source, splicer: Splicer) -> None:
        self._source = source
        self._splicer = splicer

    def read(self) -> bytes | memoryview | None:
        while piece := self._source.read():
            # An empty one would mean the end.
            if passed := self._splicer.feed(piece):
                return passed
        return piece

    def close(self) -> None:
        self._source.close()
