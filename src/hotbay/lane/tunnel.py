"""A connection that has switched protocols: raw bytes both ways (RFC 9110 7.8).

Owns what is left of such a connection. Either side can stop sending while the other
goes on; the connection is closed when both have stopped.
"""

from __future__ import annotations

import asyncio

from hotbay.lane.call import Call, UpstreamError


class Tunnel(asyncio.Protocol):
    """Takes over a connection's transport after a 101."""

    def __init__(self, call: Call, transport: asyncio.Transport, name: str) -> None:
        """Carry `call` from now on; `name` stands for the far end in messages."""
        self.transport = transport
        self._call = call
        self._name = name
        self._received_eof = False
        self._sent_eof = False
        call.carrier = call.channel = self
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Pass on what the far end sent."""
        if not self._call.ended:
            self._call.sink.on_data(data)

    def eof_received(self) -> bool:
        """Keep the other direction open, which TLS cannot (asyncio closes it)."""
        self._received_eof = True
        if not self._call.ended:
            self._call.sink.on_end()
        return not self._sent_eof and self.transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the call, with an error unless both sides had stopped sending."""
        call = self._call
        if call.ended:
            return
        if exc is None and self._received_eof:
            call.end()
        else:
            cause = f"the upgraded connection to {self._name} broke"
            call.fail(UpstreamError("reset", cause, response_started=True))

    def pause_writing(self) -> None:
        """Hold up the client."""
        if not self._call.ended:
            self._call.sink.pause_writing()

    def resume_writing(self) -> None:
        """Let the client go on."""
        if not self._call.ended:
            self._call.sink.resume_writing()

    def abandon(self) -> None:
        """Close at once."""
        self.transport.abort()

    def write(self, data: bytes) -> None:
        """Send to the far end, unless `write_eof` came before."""
        if not self._sent_eof:
            self.transport.write(data)

    def write_eof(self) -> None:
        """Send no more; close if the far end has stopped too, or if TLS leaves no choice."""
        self._sent_eof = True
        if self._received_eof or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.transport.write_eof()
