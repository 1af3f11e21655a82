"""Reads the token numbers of an event stream as it passes (spec/request-pipeline.md 9.5).

Owns what was found so far, and the times of the first and the last token. On the event loop it
only looks for the few events that can hold numbers, by one search in the bytes; those are set
aside and parsed at the end, or when many have gathered, as with llama.cpp's `timings_per_token`.

A member's name that is spelled with JSON escapes is not found; no server writes it so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw

from hotbay.activity.row import Tokens
from hotbay.activity.usage import NOTHING, Counted, Totals, put_together, read_usage

LONGEST_LINE = 8 << 20
"""Bytes of a line; a longer one is skipped. Events with images are that long."""

_SET_ASIDE = 64
_SET_ASIDE_BYTES = 1 << 20
_LONGEST_DELTA = 64 << 10  # bytes of an event that may be looked at for the first token

# OpenAI sends a usage of null with every event but the last, which tells nothing.
_TELLING = re.compile(rb'"(?:usage"(?!: ?null)|timings"|metrics")')
_DATA = b"data:"
_CLOSING = "message_delta"  # of Anthropic's events the only delta that holds no piece of the answer


class Pace(NamedTuple):
    """How fast a stream came, as seen from here.

    Attributes:
        ttft: seconds from the forwarding to the first token; None: there was none.
        itl: mean seconds between tokens; None: fewer than two, or they came at once.
    """

    ttft: float | None = None
    itl: float | None = None

    @property
    def tokens_per_second(self) -> float | None:
        """The speed after the first token."""
        return None if self.itl is None else 1 / self.itl


NO_PACE = Pace()


class _Numbers(msgspec.Struct, gc=False):
    usage: Any = UNSET
    timings: Any = UNSET
    metrics: Any = UNSET
    response: Raw | msgspec.UnsetType = UNSET
    message: Raw | msgspec.UnsetType = UNSET


class _Nested(msgspec.Struct, gc=False):
    usage: Any = UNSET


class _Delta(msgspec.Struct, gc=False):
    choices: Any = None
    content: Any = None
    type: Any = None


_NUMBERS = msgspec.json.Decoder(_Numbers)
_NESTED = msgspec.json.Decoder(_Nested)
_DELTA = msgspec.json.Decoder(_Delta)


class EventStream:
    """The numbers of one stream; takes its bytes in pieces of any size."""

    __slots__ = (
        "_aside",
        "_aside_size",
        "_at",
        "_counted",
        "_events",
        "_first",
        "_last",
        "_line",
        "_metrics",
        "_since",
        "_skips",
        "_timings",
    )

    def __init__(self, since: float) -> None:
        """Begin with nothing; `since` is when the request was forwarded, monotonic."""
        self._since = since
        self._at = since  # when what is looked at passed
        self._line = bytearray()  # the beginning of one that has not ended
        self._skips = False  # the rest of a line that is too long
        self._aside: list[bytes] = []
        self._aside_size = 0
        self._counted: Counted | None = None
        self._timings: Any = UNSET
        self._metrics: Any = UNSET
        self._first: float | None = None
        self._last = since
        self._events = 0  # from the one with the first token on

    @property
    def begun(self) -> bool:
        """Whether the first token has been found."""
        return self._first is not None

    def feed(self, data: bytes, at: float) -> None:
        """Take what has passed, the last of it at that moment."""
        self._at = at
        end = data.rfind(b"\n") + 1
        if end == 0:
            self._keep(data)
        elif self._skips:
            self._skips = False
            self.feed(data[data.index(b"\n") :], at)
        elif self._line:
            self._line += data[:end]
            lines = bytes(self._line)
            self._line.clear()
            self._keep(data[end:])
            self._see(lines)
        else:
            if end < len(data):
                self._keep(data[end:])
                data = data[:end]
            self._see(data)

    def finish(self) -> Totals:
        """Return what was told of the whole stream, however it ended."""
        if self._line:
            self._see(bytes(self._line))
            self._line.clear()
        self._read_aside()
        if self._counted is None and self._timings is UNSET and self._metrics is UNSET:
            return NOTHING
        return put_together(self._counted, self._timings, self._metrics)

    def pace(self, tokens: Tokens) -> Pace:
        """Return how fast it came.

        Args:
            tokens: what was told; without a number of tokens each event counts as one.
        """
        if self._first is None:
            return NO_PACE
        intervals = (tokens.output if tokens.output > 0 else self._events) - 1
        span = self._last - self._first
        return Pace(self._first - self._since, span / intervals if intervals > 0 < span else None)

    # -- while it passes --------------------------------------------------------------------

    def _keep(self, data: bytes) -> None:
        """Take a piece of a line that goes on."""
        if not self._skips:
            self._line += data
            if len(self._line) > LONGEST_LINE:
                self._line.clear()
                self._skips = True

    def _see(self, lines: bytes) -> None:
        """Take whole lines."""
        if self._first is None:
            self._look_for_first_token(lines)
        else:
            self._last = self._at
            self._events += lines.count(b"\ndata:") + lines.startswith(_DATA)
        if _TELLING.search(lines):
            self._set_aside(lines)

    def _set_aside(self, lines: bytes) -> None:
        self._aside.append(lines)
        self._aside_size += len(lines)
        if len(self._aside) >= _SET_ASIDE or self._aside_size > _SET_ASIDE_BYTES:
            self._read_aside()

    def _look_for_first_token(self, lines: bytes) -> None:
        for payload in _payloads(lines.split(b"\n")):
            if self._first is not None:
                self._events += 1
            elif len(payload) <= _LONGEST_DELTA and _holds_token(payload):
                self._first = self._last = self._at
                self._events = 1

    # -- what was set aside --------------------------------------------------------------------

    def _read_aside(self) -> None:
        lines, self._aside, self._aside_size = self._aside, [], 0
        for some in lines:
            for payload in _payloads(some.split(b"\n")):
                self._read(payload)

    def _read(self, payload: bytes) -> None:
        try:
            told = _NUMBERS.decode(payload)
        except (ValueError, RecursionError):  # no JSON, or no object
            return
        for usage in (told.usage, _usage_of(told.response), _usage_of(told.message)):
            if (counted := read_usage(usage)) is not None:
                self._count(counted)
        if told.timings is not UNSET:
            self._timings = told.timings
        if told.metrics is not UNSET:
            self._metrics = told.metrics

    def _count(self, new: Counted) -> None:
        old = self._counted or Counted()
        self._counted = Counted(
            new.input if new.input > 0 else old.input,
            new.output if new.output > 0 else old.output,
            new.cached if new.cached >= 0 else old.cached,
        )


def _payloads(lines: Iterable[bytes]) -> Iterable[bytes]:
    for line in lines:
        trimmed = line.strip()
        if trimmed.startswith(_DATA) and len(line) <= LONGEST_LINE:
            yield trimmed[len(_DATA) :].strip()


def _usage_of(holder: Raw | msgspec.UnsetType) -> Any:
    if holder is UNSET:
        return UNSET
    try:
        return _NESTED.decode(holder).usage
    except (ValueError, RecursionError):  # no object
        return UNSET


def _holds_token(payload: bytes) -> bool:
    """Whether an event holds a piece of the answer, be it text, thought, a call or sound."""
    try:
        event = _DELTA.decode(payload)
    except (ValueError, RecursionError):
        return False
    if isinstance(event.choices, list):  # OpenAI's chat and completions
        return any(_grows(choice) for choice in event.choices if isinstance(choice, dict))
    if isinstance(event.type, str):  # Anthropic, OpenAI's responses, speech and transcriptions
        return event.type.endswith("delta") and event.type != _CLOSING
    return bool(event.content)  # llama.cpp's own


def _grows(choice: dict[str, Any]) -> bool:
    delta = choice.get("delta")
    if isinstance(delta, dict):
        return any(value for name, value in delta.items() if name != "role")
    return bool(choice.get("text"))
