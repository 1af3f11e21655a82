"""Passes the answer of a model server to the client, straight from socket to socket.

Owns what has been told to the client: status, framing, bytes. What an upstream's read
brought is written to the client's transport in the same callback; there is no queue and no
task between them (design 1).
"""

from __future__ import annotations

from typing import Protocol

from hotbay.lane.call import Call, Headers, UpstreamError
from hotbay.lane.head import Head
from hotbay.lane.response import Framing, passed_on_head, switched_head
from hotbay.lane.turn import Connection


class Request(Protocol):
    """Whose answer is passed on."""

    keep_alive: bool

    def relayed(self) -> None:
        """Learn that the answer is complete."""
        ...

    def tunnel_opened(self) -> None:
        """Learn that what the client sends goes to the model server from now on."""
        ...

    def broken(self, error: UpstreamError) -> None:
        """Learn that no answer came, or not the whole of it."""
        ...


class Relay:
    """One answer.

    Attributes:
        call: the request to the model server.
        status: what the client was told; 0: nothing yet.
        size: bytes of the body passed on.
    """

    __slots__ = (
        "_connection",
        "_framing",
        "_head",
        "_joined",
        "_request",
        "call",
        "size",
        "status",
    )

    call: Call

    def __init__(self, request: Request, connection: Connection, head: Head) -> None:
        self.status = 0
        self.size = 0
        self._request = request
        self._connection = connection
        self._head = head
        self._framing = Framing.NONE
        self._joined: list[bytes] = []  # to be written together with what follows at once

    def on_head(self, status: int, reason: bytes, headers: Headers) -> None:
        """Tell the client how the answer begins."""
        self.status = status
        data, self._framing = passed_on_head(
            status, reason, headers, self._head, keep_alive=self._request.keep_alive
        )
        if self._framing is Framing.CLOSE:
            self._request.keep_alive = False
        self._write(data)

    def on_data(self, data: bytes) -> None:
        """Pass on what one read brought."""
        self.size += len(data)
        if self._framing is Framing.CHUNKED:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self._write(data)

    def on_end(self) -> None:
        """Write what is left."""
        if self._framing is Framing.CHUNKED:
            self._joined.append(b"0\r\n\r\n")
        if self._joined:
            self._connection.transport.write(b"".join(self._joined))
        if self.status == 101:
            self.call.abort()  # the other direction: either side ends the tunnel
        self._request.relayed()

    def on_error(self, error: UpstreamError) -> None:
        """Leave it to the request what that means for its client."""
        self._request.broken(error)

    def on_upgrade(self, status: int, reason: bytes, headers: Headers) -> None:
        """Open the tunnel on this side too."""
        self.status = status
        self._framing = Framing.CLOSE
        self._connection.transport.write(switched_head(reason, headers))
        self._request.tunnel_opened()

    def pause_writing(self) -> None:
        """Hold up a client whose tunnel is full."""
        self._connection.pause_reading()

    def resume_writing(self) -> None:
        """Let it go on."""
        self._connection.resume_reading()

    def _write(self, data: bytes) -> None:
        joined = self._joined
        if self.call.more:
            joined.append(data)
            return
        if joined:
            joined.append(data)
            data = b"".join(joined)
            joined.clear()
        self._connection.transport.write(data)
