"""One request to an upstream, as both sides of the upstream client see it.

Owns the contract: the asking side implements `Sink` and keeps the `Call` to pause,
resume or abort it; `UpstreamError` says in plain words why no answer, or only part of
one, arrived.
"""

from __future__ import annotations

import asyncio
from typing import Literal, Protocol

from hotbay.lane.body import Body
from hotbay.runtime.endpoint import Endpoint

Headers = list[tuple[bytes, bytes]]
"""Name and value of each header in the order received; names in lower case."""

FailureKind = Literal["connect", "tls", "timeout", "reset", "protocol"]


class UpstreamError(Exception):
    """The upstream gave no answer, or not the whole of it.

    Attributes:
        kind: `connect` no connection came about; `tls` it could not be secured;
            `timeout` the response did not begin in time; `reset` the connection ended
            too early; `protocol` what was exchanged is not HTTP/1.1 or could not be sent.
        message: the cause, for the user; names the address.
        response_started: the sink had been given the head of the response.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        response_started: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.response_started = response_started


class Sink(Protocol):
    """Receives one answer, on the event loop.

    In this order: `on_head`, any number of `on_data`, `on_end`; or, instead of what is
    still due, `on_error`. If the upstream switches protocols, `on_upgrade` comes in
    place of `on_head`, and from then on both directions carry raw bytes. Nothing is
    called before `Client.request` has returned, nor after `Call.abort`.
    """

    def on_head(self, status: int, reason: bytes, headers: Headers) -> None:
        """Take the head of the final response; interim responses are not reported."""

    def on_data(self, data: bytes) -> None:
        """Take what one read brought of the body, without framing; never empty."""

    def on_end(self) -> None:
        """Learn that the response is complete; in a tunnel, that the upstream sends no more."""

    def on_error(self, error: UpstreamError) -> None:
        """Learn that nothing more will come."""

    def on_upgrade(self, status: int, reason: bytes, headers: Headers) -> None:
        """Take the head of a 101; `Call.write` reaches the upstream from now on."""

    def pause_writing(self) -> None:
        """Stop calling `Call.write`: the far end of the tunnel does not keep up."""

    def resume_writing(self) -> None:
        """Go on after `pause_writing`."""


class Carrier(Protocol):
    """What carries a call at the moment: a connection, or the tunnel it became."""

    transport: asyncio.Transport

    def abandon(self) -> None:
        """Close at once; the call has been given up."""


class Channel(Protocol):
    """The sending direction of a tunnel."""

    def write(self, data: bytes) -> None:
        """Send raw bytes."""

    def write_eof(self) -> None:
        """Send no more."""


class Call:
    """One request to an upstream.

    Attributes:
        endpoint: where it goes.
        head: request line and headers with the blank line after them.
        body: what follows; the head gives its length, or says `Transfer-Encoding:
            chunked` if `body.length` is None.
        sink: who receives the answer.
        head_only: the request is HEAD, so that the response ends with its head.
        expect_continue: the head says `Expect: 100-continue`.
        more: inside a method of the sink: another one follows at once, so that what
            they write can be joined.
        carrier: who carries it now; None before, after, and between two attempts.
        channel: where `write` goes, once there is a tunnel.
        connecting: the task that makes a connection for it.
        paused: its response is not to be read.
        ended: the sink has been told the outcome, or wants to hear nothing more.
    """

    __slots__ = (
        "body",
        "carrier",
        "channel",
        "connecting",
        "ended",
        "endpoint",
        "expect_continue",
        "head",
        "head_only",
        "more",
        "paused",
        "sink",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        head: bytes,
        body: Body,
        sink: Sink,
        *,
        head_only: bool = False,
        expect_continue: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self.head = head
        self.body = body
        self.sink = sink
        self.head_only = head_only
        self.expect_continue = expect_continue
        self.more = False
        self.carrier: Carrier | None = None
        self.channel: Channel | None = None
        self.connecting: asyncio.Task[None] | None = None
        self.paused = False
        self.ended = False

    def abort(self) -> None:
        """Give up: close the connection at once, tell the sink nothing more.

        Harmless when the call has ended.
        """
        if self.ended:
            return
        self.ended = True
        if self.connecting is not None:
            self.connecting.cancel()
        if self.carrier is not None:
            self.carrier.abandon()

    def pause(self) -> None:
        """Stop reading the response; what has been read still arrives."""
        self.paused = True
        if self.carrier is not None:
            self.carrier.transport.pause_reading()

    def resume(self) -> None:
        """Read the response again."""
        self.paused = False
        if self.carrier is not None:
            self.carrier.transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send raw bytes through the tunnel; without effect once it has ended."""
        if self.channel is not None and not self.ended:
            self.channel.write(data)

    def write_eof(self) -> None:
        """Tell the far end of the tunnel that no more will be sent."""
        if self.channel is not None and not self.ended:
            self.channel.write_eof()

    def end(self) -> None:
        """Be over; for the client's own use, like what follows."""
        self.carrier = None
        self.ended = True

    def fail(self, error: UpstreamError) -> None:
        """Be over with an error."""
        self.end()
        self.sink.on_error(error)
