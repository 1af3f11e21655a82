"""One connection to an upstream, and the calls that travel over it one after another.

Owns socket and parser: sends the request as fast as the upstream takes it, reads the
response into the call's sink, and hands itself back to its `Owner` when it can be used
again. Everything runs in callbacks of the event loop; there is no task per request.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol, cast

from hotbay.lane.body import PIECE, Source
from hotbay.lane.call import Call, FailureKind, UpstreamError
from hotbay.lane.reader import ResponseReader
from hotbay.lane.tunnel import Tunnel
from hotbay.runtime.endpoint import Endpoint

_ONE_WRITE = 64 * 1024
"""A body up to this size goes out together with the head."""


_READ_BUFFER = memoryview(bytearray(PIECE))
"""Where all connections read to: asyncio would map 256 KiB from the kernel for every read."""


class Owner(Protocol):
    """Who made a connection and decides about its use."""

    def released(self, connection: Connection) -> None:
        """Take back a connection that can carry another call."""

    def lost(self, connection: Connection) -> None:
        """Learn that a connection that carried no call has ended."""

    def resend(self, call: Call) -> None:
        """Send a call again, on a fresh connection."""


class Connection(asyncio.BufferedProtocol):
    """An established connection.

    Attributes:
        transport: plain or TLS.
        name: address of the far end, for messages.
        reused: it has carried a call before the present one; kept by the owner.
        closed: it cannot carry another call.
        expires: loop time after which it is not to be used again; kept by the owner.
    """

    __slots__ = (
        "_blocked",
        "_call",
        "_endpoint",
        "_loop",
        "_owner",
        "_reader",
        "_received",
        "_responding",
        "_sent",
        "_source",
        "_timer",
        "closed",
        "expires",
        "name",
        "reused",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, owner: Owner, endpoint: Endpoint, name: str) -> None:
        self.name = name
        self.reused = False
        self.closed = False
        self.expires = 0.0
        self._owner = owner
        self._endpoint = endpoint
        self._loop = asyncio.get_running_loop()
        self._reader = ResponseReader()
        self._call: Call | None = None
        self._source: Source | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._blocked = False
        self._sent = False
        self._received = False
        self._responding = False

    @property
    def hint(self) -> int | None:
        """Seconds for which the upstream promised to keep it; None without a promise."""
        return self._reader.hint

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast("asyncio.Transport", transport)

    # Sending

    def start(self, call: Call) -> None:
        """Send a call; no other may be under way."""
        self._reader.begin(head_only=call.head_only)
        self._sent = self._received = self._responding = False
        self._call = call
        call.carrier = self
        if call.paused:
            self.transport.pause_reading()
        data = call.body.data
        if call.expect_continue and (patience := self._endpoint.timeouts.expect_continue):
            self.transport.write(call.head)
            self._timer = self._loop.call_later(patience, self._send_body)
        elif data is not None and len(data) <= _ONE_WRITE:
            self.transport.write(call.head + data)
            self._request_sent()
        else:
            self.transport.write(call.head)
            self._send_body()

    def _send_body(self) -> None:
        self._stop_timer()
        if self._call is not None and self._source is None and not self._sent:
            self._source = self._call.body.open(self._pump)
            self._pump()

    def _pump(self) -> None:
        """Send what the body has, until the upstream does not keep up."""
        source, call = self._source, self._call
        if source is None or call is None:
            return
        chunked = call.body.length is None
        while not self._blocked and not self.transport.is_closing():
            try:
                piece = source.read()
            except OSError as error:
                self._fail("protocol", f"the stored request body cannot be read: {error}")
                return
            if piece is None:
                return
            if chunked:
                self.transport.write(b"".join((b"%x\r\n" % len(piece), piece, b"\r\n")))
            if not piece:
                self._close_source()
                self._request_sent()
                return
            if not chunked:
                self.transport.write(piece)

    def _request_sent(self) -> None:
        self._sent = True
        patience = self._endpoint.timeouts.response_header
        if patience and not self._responding:
            self._timer = self._loop.call_later(patience, self._no_response)

    def pause_writing(self) -> None:
        """Learn that the upstream does not keep up."""
        self._blocked = True

    def resume_writing(self) -> None:
        """Go on sending."""
        self._blocked = False
        self._pump()

    # Receiving

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  always the same
        """Say where to read to; one buffer for all, as a read is handled before the next begins."""
        return _READ_BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has been read."""
        self.data_received(_READ_BUFFER[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        """Parse what one read brought and tell the sink."""
        call = self._call
        if call is None:  # nobody asked for anything
            self._close()
            return
        self._received = True
        reader = self._reader
        reader.feed(data)
        if reader.continued:
            reader.continued = False
            self._send_body()
        if reader.upgraded is not None:
            self._switch(call, reader)
        else:
            self._deliver(call, reader)

    def _deliver(self, call: Call, reader: ResponseReader) -> None:
        """Tell the sink what has been read, which may abort the call at any point."""
        parts = reader.parts
        if reader.head is not None and not call.ended:
            head, reader.head = reader.head, None
            self._responding = True
            self._stop_timer()
            call.more = reader.complete or bool(parts)
            call.sink.on_head(*head)
        if parts and not call.ended:
            data = parts[0] if len(parts) == 1 else b"".join(parts)
            parts.clear()
            call.more = reader.complete
            call.sink.on_data(data)
        if call.ended:
            return
        if reader.complete:
            self._finish(call)
        elif reader.error:
            self._fail("protocol", f"{self.name} sent no valid response: {reader.error}")

    def _switch(self, call: Call, reader: ResponseReader) -> None:
        """Become a tunnel after a 101."""
        head, rest = reader.head, reader.upgraded
        if head is None or b"\nupgrade:" not in call.head.lower():
            self._fail("protocol", f"{self.name} switched protocols without being asked")
            return
        self._let_go()
        Tunnel(call, self.transport, self.name)
        call.sink.on_upgrade(*head)
        if rest and not call.ended:
            call.sink.on_data(rest)

    # Ending

    def _finish(self, call: Call) -> None:
        sent = self._sent and not self.transport.get_write_buffer_size()
        self._let_go()
        call.end()
        if self._reader.reusable and sent and not self.closed:
            if call.paused:
                self.transport.resume_reading()
            self._owner.released(self)
        else:
            self._close()
        call.more = False
        call.sink.on_end()

    def _fail(self, kind: FailureKind, cause: str) -> None:
        call = self._call
        if call is not None:
            self.abandon()
            call.fail(UpstreamError(kind, cause, response_started=self._responding))

    def _no_response(self) -> None:
        patience = self._endpoint.timeouts.response_header
        self._fail("timeout", f"{self.name} sent no response headers within {patience:g} s")

    def abandon(self) -> None:
        """Close at once, whatever is under way."""
        self._let_go()
        self._close()

    def eof_received(self) -> None:
        """Treat the end of what the upstream sends as the end of the connection.

        Aborted, because a close would first wait until a request body that nobody
        reads any more is flushed.
        """
        self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the call as the cause demands."""
        self.closed = True
        if exc is not None:
            self._drain()
        call = self._call
        if call is None:
            self._owner.lost(self)
        elif self._responding and self._reader.until_close and exc is None:
            self._finish(call)
        elif self.reused and not self._received and call.body.replayable:
            # It was closed while idle, as every server does in time; the request did
            # not get through (RFC 9112 9.3.1), design 7.6.
            self._let_go()
            self._owner.resend(call)
        else:
            self._fail("reset", self._describe_loss(exc))

    def _drain(self) -> None:
        """Read the answer of an upstream that refused a body and closed before its end.

        The error of our write comes first, but the answer may lie in the socket.
        """
        socket = self.transport.get_extra_info("socket")
        if socket is None or self.transport.get_extra_info("sslcontext") is not None:
            return
        with contextlib.suppress(OSError), socket.dup() as rest:
            while self._call is not None and (data := rest.recv(PIECE)):
                self.data_received(data)

    def _describe_loss(self, exc: Exception | None) -> str:
        if exc is None:
            event = f"{self.name} closed the connection"
        elif isinstance(exc, ConnectionError):
            event = f"{self.name} reset the connection"
        else:
            event = f"the connection to {self.name} broke ({exc})"
        when = "in the middle of" if self._responding else "before"
        return f"{event} {when} the response"

    def _let_go(self) -> None:
        """Forget the call."""
        self._stop_timer()
        self._close_source()
        if self._call is not None:
            self._call.carrier = None
            self._call = None

    def _close(self) -> None:
        self.closed = True
        self.transport.abort()

    def close(self) -> None:
        """Close an idle connection."""
        self._close()

    def _close_source(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
