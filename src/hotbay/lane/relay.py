"""Passes the answer of a model server to the client, straight from socket to socket.

Owns what has been told to the client: status, framing, bytes. What an upstream's read
brought is written to the client's transport in the same callback; there is no queue and no
task between them (design 1).
"""

from __future__ import annotations

from typing import Protocol

from hotbay.activity.failures import failure_message
from hotbay.activity.recording import Recording
from hotbay.lane.call import Call, Headers, UpstreamError
from hotbay.lane.head import Head
from hotbay.lane.loading import error_event
from hotbay.lane.response import Framing, passed_on_head, switched_head
from hotbay.lane.turn import Connection


class Request(Protocol):
    """Whose answer is passed on."""

    keep_alive: bool

    def relayed(self, error: str = "") -> None:
        """Learn that the answer is complete; `error` is one that its status does not tell."""
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
        status: of the model server's answer; 0: nothing came yet.
        size: bytes of the body passed on.
    """

    __slots__ = (
        "_connection",
        "_extra",
        "_framing",
        "_head",
        "_joined",
        "_recording",
        "_request",
        "call",
        "size",
        "status",
    )

    call: Call

    def __init__(
        self,
        request: Request,
        connection: Connection,
        head: Head,
        *,
        extra: bytes = b"",
        recording: Recording | None = None,
    ) -> None:
        """Tell the client nothing yet.

        Args:
            request: whose answer it is.
            connection: the client's.
            head: what the client asked.
            extra: header lines to be told besides the model server's.
            recording: takes notes, if anybody wants them.
        """
        self.status = 0
        self.size = 0
        self._request = request
        self._connection = connection
        self._head = head
        self._extra = extra
        self._recording = recording
        self._framing = Framing.NONE
        self._joined: list[bytes] = []  # to be written together with what follows at once

    def on_head(self, status: int, reason: bytes, headers: Headers) -> None:
        """Tell the client how the answer begins."""
        self.status = status
        if self._recording is not None:
            self._recording.answered(status, headers)
        data, self._framing = passed_on_head(
            status,
            reason,
            headers,
            self._head,
            keep_alive=self._request.keep_alive,
            extra=self._extra,
        )
        if self._framing is Framing.CLOSE:
            self._request.keep_alive = False
        self._write(data)

    def on_data(self, data: bytes) -> None:
        """Pass on what one read brought."""
        self.size += len(data)
        if self._recording is not None:
            self._recording.passed(data)
        if self._framing is Framing.CHUNKED:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self._write(data)

    def on_end(self) -> None:
        """Write what is left."""
        self._finish()

    def _finish(self, error: str = "") -> None:
        if self._framing is Framing.CHUNKED:
            self._joined.append(b"0\r\n\r\n")
        if self._joined:
            self._connection.transport.write(b"".join(self._joined))
        if self.status == 101:
            self.call.abort()  # the other direction: either side ends the tunnel
        self._request.relayed(error)

    def on_error(self, error: UpstreamError) -> None:
        """Leave it to the request what that means for its client."""
        self._request.broken(error)

    def on_upgrade(self, status: int, reason: bytes, headers: Headers) -> None:
        """Open the tunnel on this side too."""
        self.status = status
        self._framing = Framing.CLOSE
        if self._recording is not None:
            self._recording.answered(status, headers)
        self._connection.transport.write(switched_head(reason, headers, extra=self._extra))
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


class LateRelay(Relay):
    """An answer whose head the client has got already, with the loading text.

    The model server's own head is lost; an answer that is no stream of events becomes one.
    """

    __slots__ = ("_kept", "_kind", "_stream")

    _KEPT = 64 * 1024
    """Bytes of an answer that is no event stream that are kept for its error message."""

    def __init__(
        self,
        request: Request,
        connection: Connection,
        head: Head,
        framing: Framing,
        *,
        recording: Recording | None = None,
    ) -> None:
        """Go on in the framing of the head that was sent."""
        super().__init__(request, connection, head, recording=recording)
        self._framing = framing
        self._kind = b""
        self._stream = True
        self._kept = bytearray()

    def on_head(self, status: int, reason: bytes, headers: Headers) -> None:  # noqa: ARG002  the client was told another
        """Note what it would have been."""
        self.status = status
        self._kind = dict(headers).get(b"content-type", b"")
        self._stream = 200 <= status < 300 and b"text/event-stream" in self._kind.lower()

    def on_data(self, data: bytes) -> None:
        """Pass events on; keep the rest."""
        if self._stream:
            super().on_data(data)
        elif len(self._kept) < self._KEPT:
            self._kept += data[: self._KEPT - len(self._kept)]

    def on_end(self) -> None:
        """Turn what is no stream into one last event."""
        if self._stream:
            super().on_end()
            return
        status, message = self._verdict()
        event = error_event(status, message)
        self.size += len(event)
        self._write(
            b"%x\r\n%b\r\n" % (len(event), event) if self._framing is Framing.CHUNKED else event
        )
        self._finish(message)

    def on_error(self, error: UpstreamError) -> None:
        """Tell as much of an answer that is no stream as has come."""
        if self.status and not self._stream:
            self.on_end()
        else:
            super().on_error(error)

    def _verdict(self) -> tuple[int, str]:
        if self.status < 300:
            kind = self._kind.decode("latin-1") or "something without a type"
            return 502, f"the model server did not send a stream of events but {kind}"
        return self.status, failure_message(self.status, bytes(self._kept))
