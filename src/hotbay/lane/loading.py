"""The loading text: what a streaming chat shows while its request waits (spec/loading-state.md).

Owns the text of one request, its timing and its events. It runs on one timer; whoever
forwards the request says when it begins and ends, and nothing is written after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Protocol

import msgspec

from hotbay.core.effects import Admitted
from hotbay.lane.errors import render_error
from hotbay.lane.head import Head, decoded
from hotbay.lane.remarks import REMARKS
from hotbay.lane.response import Framing, passed_on_head

TICK = 0.75
"""Seconds between two signs of life."""

PIECE = 5
"""Characters typed at once."""

SPEED = 75
"""Bytes typed in a second."""

REST = (5.0, 9.0)
"""Seconds from one remark to the next, at least and at most."""

_BAR = "━━━━━"
_PATH = "/v1/chat/completions"
_EVENTS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
_DONE = b"data: [DONE]\n\n"
_DICE = Random()  # noqa: S311 - remarks are no secrets


class Timer(Protocol):
    """Something that will happen, such as `asyncio.TimerHandle`."""

    def cancel(self) -> None:
        """Let it not happen."""
        ...


def wants_loading_text(
    admitted: Admitted, forwarded_path: bytes, *, stream: bool, send_loading_state: bool
) -> bool:
    """Tell whether an admitted request is shown the loading text (spec/loading-state.md 1).

    Also a request for a model that is ready is shown it if it has to wait.

    Args:
        admitted: what became of the request.
        forwarded_path: what its target will be asked for, escapes kept.
        stream: the client wants a stream.
        send_loading_state: what the model's configuration says.
    """
    return (
        send_loading_state
        and stream
        and admitted.wait is not None
        and admitted.target != ""
        and decoded(forwarded_path).startswith(_PATH)
    )


def loading_head(request: Head, *, keep_alive: bool, extra: bytes = b"") -> tuple[bytes, Framing]:
    """Return the head of the response and how to frame all of its body, the upstream's too.

    `extra` are header lines of our own.
    """
    return passed_on_head(200, b"OK", _EVENTS, request, keep_alive=keep_alive, extra=extra)


def error_event(status: int, message: str, code: str | None = None) -> bytes:
    """Return the end of a stream that cannot go on: an error as clients look for it there."""
    return b"data: %b\n\n%b" % (render_error(status, message, code=code).body, _DONE)


class LoadingText:
    """The text of one request, from its first wait to the verdict.

    Attributes:
        size: bytes of the body written so far, without framing.
    """

    __slots__ = (
        "_before",
        "_call_later",
        "_chunked",
        "_dice",
        "_left",
        "_model",
        "_now",
        "_remark_due",
        "_remarks",
        "_since",
        "_tick_at",
        "_timer",
        "_typing",
        "_update",
        "_writable",
        "_write",
        "size",
    )

    def __init__(
        self,
        model: str,
        write: Callable[[bytes], None],
        *,
        chunked: bool,
        writable: Callable[[], bool],
        call_later: Callable[[float, Callable[[], None]], Timer],
        now: Callable[[], float],
        created: int,
        dice: Random = _DICE,
    ) -> None:
        """Write nothing yet.

        Args:
            model: the model's ID, never an alias.
            write: takes bytes for the client, at once.
            chunked: the body is framed in chunks (RFC 9112 7.1).
            writable: whether the client keeps up; while not, nothing is typed.
            call_later: sets a timer, as an event loop does.
            now: seconds, monotonic; of the same clock.
            created: seconds since the epoch, for the events.
            dice: shuffles the remarks and times them.
        """
        self.size = 0
        self._model = model
        self._write = write
        self._chunked = chunked
        self._writable = writable
        self._call_later = call_later
        self._now = now
        self._dice = dice
        # OpenAI's own client needs more than the text to put a completion together.
        self._before = (
            b'data: {"id":"chatcmpl-loading","object":"chat.completion.chunk","created":%d,'
            b'"model":%b,"choices":[{"index":0,"delta":{"reasoning_content":'
            % (created, msgspec.json.encode(model))
        )
        self._remarks = _in_turn(REMARKS, dice)
        self._update = ""
        self._typing = ""
        self._remark_due = 0.0
        self._since = self._tick_at = 0.0
        self._timer: Timer | None = None
        self._left = False

    def start(self) -> None:
        """Begin; again if the request has to wait once more after `finish`."""
        self._since = self._tick_at = self._remark_due = self._now()
        self._update = self._typing = ""
        self._say(f"{_BAR}\nllama-swap loading model: {self._model}\n")
        self._wait_for_tick()

    def update(self, text: str) -> None:
        """Show this line at the next tick, instead of an earlier one; empty: nothing any more."""
        self._update = text

    def finish(self) -> None:
        """Stop and say so: the upstream's answer follows. Harmless if it has ended."""
        self._end("Done!")

    def fail(self, status: int, message: str, code: str | None = None) -> None:
        """End the response with an error, also behind `finish`.

        Args:
            status: what the response would have if it had not begun.
            message: for the user.
            code: instead of the code that follows from the status.
        """
        self._end("Failed!")
        self._send(error_event(status, message, code))
        if self._chunked and not self._left:
            self._write(b"0\r\n\r\n")

    def abandon(self) -> None:
        """Write nothing any more, whatever is asked: the client has left. Harmless at any time."""
        self._left = True
        self._stop()

    # -- inside -----------------------------------------------------------------------------

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self, verdict: str) -> None:
        if self._timer is None:
            return
        self._stop()
        seconds = self._now() - self._since
        self._say(f"\n{verdict} ({seconds:.2f}s)\n{_BAR}\n \n")

    def _wait_for_tick(self) -> None:
        now = self._now()
        while self._tick_at <= now:
            self._tick_at += TICK
        self._timer = self._call_later(self._tick_at - now, self._tick)

    def _tick(self) -> None:
        # A loop's timer may fire a little early; the same tick must not come twice.
        self._tick_at += TICK
        if not self._writable():
            self._wait_for_tick()
        elif self._typing:
            self._type()
        elif text := self._next_line():
            self._typing = text
            self._say("\n")
            self._type()
        else:
            self._say(".")
            self._wait_for_tick()

    def _next_line(self) -> str:
        now = self._now()
        line, self._update = self._update, ""
        if not line and now >= self._remark_due:
            line = next(self._remarks)
        if line:
            self._remark_due = now + self._dice.uniform(*REST)
        return line

    def _type(self) -> None:
        """Write the next piece of a line, and set the time for the one after it."""
        if not self._writable():
            self._wait_for_tick()
            return
        piece, self._typing = self._typing[:PIECE], self._typing[PIECE:]
        self._say(piece)
        if self._typing:
            self._timer = self._call_later(len(piece.encode()) / SPEED, self._type)
        else:
            self._say(" ")
            self._wait_for_tick()

    def _say(self, text: str) -> None:
        body = msgspec.json.encode(text)
        self._send(b'%b%b},"finish_reason":null}]}\n\n' % (self._before, body))

    def _send(self, data: bytes) -> None:
        if self._left:
            return
        self.size += len(data)
        self._write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)


def _in_turn(remarks: tuple[str, ...], dice: Random) -> Iterator[str]:
    """Yield remarks in a random order, all of them before any comes again."""
    order = list(remarks)
    dice.shuffle(order)
    while True:
        yield from order
