"""Reads one response for its activity row: numbers, failure and pace (spec/request-pipeline.md 9).

A reader is fed with what passes, which costs a microsecond or so, and finished at the end, when
everything is parsed. It owns what it keeps until then: of an event stream next to nothing, of any
other body at most `LONGEST_BODY` bytes. A longer body, or one that cannot be JSON, is not read,
which leaves its numbers zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import msgspec
from msgspec import UNSET, Raw

from hotbay.activity.encodings import CutShortError, DecodingError, decoded, is_compressed
from hotbay.activity.failures import failure_message, is_success, shortened
from hotbay.activity.row import NO_TOKENS, Tokens
from hotbay.activity.streams import NO_PACE, EventStream, Pace
from hotbay.activity.usage import NOTHING, Totals, put_together, read_usage

LONGEST_BODY = 8 << 20
"""Bytes of a body that are kept to be read, and into which it may decompress."""
PATIENCE = 32
"""Pieces that are read together; those of an event stream once its first token has been seen."""
LONGEST_STREAM = 64 << 20
"""Bytes into which a compressed event stream may decompress."""


class Reading(msgspec.Struct, frozen=True):
    """What a response tells.

    Attributes:
        tokens: its numbers, all zero if it tells none.
        error: why it failed, or could not be read; empty if all went well.
        duration_ms: how long it took: as measured, or longer if the model server says so.
        damaged: it could not be decompressed, so nothing is to be kept of it.
        pace: how fast it came, if it was an event stream that was not compressed.
    """

    tokens: Tokens
    error: str
    duration_ms: int
    damaged: bool = False
    pace: Pace = NO_PACE


class ResponseReader(Protocol):
    """Reads one response."""

    @property
    def codings(self) -> str:
        """What is to be undone of the response, its `Content-Encoding`."""

    @property
    def patience(self) -> int:
        """How many pieces may gather before it is fed with them."""

    def feed(self, data: bytes, at: float) -> None:
        """Take what has passed; `at` is when the last of it did, seconds, monotonic."""

    def finish(self, duration_ms: int) -> Reading:
        """Tell what was read, once, after the last `feed`; in any thread.

        Args:
            duration_ms: how long the request took.
        """


def read_response(
    path: str,
    status: int,
    headers: Sequence[tuple[bytes, bytes]],
    *,
    since: float,
) -> ResponseReader:
    """Return a reader for a response of which the head is known.

    Args:
        path: as forwarded.
        status: of the response.
        headers: of the response, names in lower case.
        since: when the request was forwarded, monotonic.
    """
    kind = codings = b""
    for name, value in headers:
        if name == b"content-type":
            kind = value
        elif name == b"content-encoding":
            codings = value
    coding = codings.decode("latin-1") if codings else ""
    packed = is_compressed(coding)
    if not is_success(status):
        return _FailureReader(coding, not packed, status=status)
    if b"text/event-stream" not in kind.lower():
        return _BodyReader(coding, not packed, may_be_list=path.startswith("/infill"))
    stream = EventStream(since)
    return _PackedStreamReader(coding, stream=stream) if packed else _StreamReader(stream)


class _StreamReader:
    """An event stream that is read as it passes."""

    __slots__ = ("_stream", "codings", "feed")

    def __init__(self, stream: EventStream) -> None:
        self.codings = ""
        self._stream = stream
        self.feed = stream.feed

    @property
    def patience(self) -> int:
        return PATIENCE if self._stream.begun else 1

    def finish(self, duration_ms: int) -> Reading:
        totals = self._stream.finish()
        return _reading(totals, duration_ms, pace=self._stream.pace(totals.tokens))


class _Body(msgspec.Struct, eq=False):
    """Collects a body as far as it may be worth reading.

    Attributes:
        codings: what is to be undone.
        undecided: it is still to be seen whether it can be JSON.
        pieces: what was collected.
        room: bytes that may come; less than none: it is not worth reading.
    """

    patience: ClassVar[int] = PATIENCE

    codings: str
    undecided: bool = False
    pieces: list[bytes] = msgspec.field(default_factory=list)
    room: int = LONGEST_BODY

    def feed(self, data: bytes, at: float) -> None:  # noqa: ARG002 - when does not matter
        if self.room < 0:
            return
        if self.undecided and (begin := data.lstrip()[:1]):
            self.undecided = False
            if begin not in b"{[":
                self.room = -1
                return
        self.pieces.append(data)
        self.room -= len(data)
        if self.room < 0:
            self.pieces.clear()

    def body(self) -> bytes:
        """Return what was collected, decompressed; raises `DecodingError`."""
        if not self.codings:
            return b"".join(self.pieces)
        return b"".join(decoded(self.pieces, self.codings, LONGEST_BODY))


class _FailureReader(_Body, kw_only=True, eq=False):
    """A response that says why a request failed."""

    status: int

    def finish(self, duration_ms: int) -> Reading:
        try:
            error = failure_message(self.status, self.body())
        except DecodingError as damage:
            error = shortened(f"response decode failed: {damage}")
            return Reading(NO_TOKENS, error, duration_ms, damaged=True)
        return Reading(NO_TOKENS, error, duration_ms)


class _BodyReader(_Body, kw_only=True, eq=False):
    """A response in one piece; `may_be_list`: it may be a list of them."""

    may_be_list: bool

    def finish(self, duration_ms: int) -> Reading:
        try:
            body = self.body()
        except DecodingError as damage:
            return _damaged(damage, duration_ms)
        return _reading(_read_list(body) if self.may_be_list else _read_object(body), duration_ms)


class _PackedStreamReader(_Body, kw_only=True, eq=False):
    """A compressed event stream; collected, as decompressing on the event loop costs too much."""

    stream: EventStream

    def finish(self, duration_ms: int) -> Reading:
        try:
            for piece in decoded(self.pieces, self.codings, LONGEST_STREAM):
                self.stream.feed(piece, 0.0)  # has no pace
        except CutShortError:
            pass  # a stream that is cut short counts as far as it came
        except DecodingError as damage:
            return _damaged(damage, duration_ms)
        return _reading(self.stream.finish(), duration_ms)


class _Answer(msgspec.Struct, gc=False):
    usage: Any = UNSET
    timings: Any = UNSET
    metrics: Any = UNSET


_ANSWER = msgspec.json.Decoder(_Answer)
_LIST = msgspec.json.Decoder(list[Raw])


def _members(body: bytes | Raw) -> _Answer:
    """Return the members of an object that count; what is not JSON, or no object, has none."""
    try:
        return _ANSWER.decode(body)
    except (ValueError, RecursionError):
        return _Answer()


def _read_object(body: bytes) -> Totals:
    """Read an answer (spec/request-pipeline.md 9.4)."""
    answer = _members(body)
    if answer.usage is UNSET and answer.timings is UNSET and answer.metrics is UNSET:
        return NOTHING
    return put_together(read_usage(answer.usage), answer.timings, answer.metrics)


def _read_list(body: bytes) -> Totals:
    """Read what llama.cpp's `/infill` answers: in a list, the timings are in its last element."""
    try:
        elements = _LIST.decode(body)
    except (ValueError, RecursionError):
        return _read_object(body)
    timings = _members(elements[-1]).timings if elements else UNSET
    return NOTHING if timings is UNSET else put_together(None, timings)


def _damaged(damage: DecodingError, duration_ms: int) -> Reading:
    error = shortened(f"response decompression failed: {damage}")
    return Reading(NO_TOKENS, error, duration_ms, damaged=True)


def _reading(totals: Totals, duration_ms: int, pace: Pace = NO_PACE) -> Reading:
    return Reading(totals.tokens, "", max(duration_ms, totals.duration_ms), pace=pace)
