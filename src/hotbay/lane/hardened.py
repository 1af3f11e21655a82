"""uvicorn's protocol with closed what httptools and uvicorn leave open (design 7.8, 7.9).

Owns the limits on what a client may send and when: size and duration of heads, trailer
fields, pauses in bodies, idle connections, upgrades that hide a request. Whoever derives
from it gets whole heads and pieces of bodies, and decides who answers.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from hotbay.config.settings.sections import Limits
from hotbay.lane.answers import error_answer
from hotbay.lane.deadline import Deadline
from hotbay.lane.head import BadRequest, Head, read_head

KEEP_ALIVE = 75.0
"""Seconds an idle connection stays open; as nginx."""

_LINGER = 2.0
"""Seconds to read on after a refusal; with unread data the kernel would reset the client."""


class HardenedProtocol(HttpToolsProtocol, asyncio.BufferedProtocol, ABC):
    """Reads the requests of one connection.

    All connections of an event loop read into one buffer: what a read brings is handled
    before the next begins. asyncio would otherwise allocate 256 KiB for every read, which
    the C library takes from the kernel and gives back each time.
    """

    # uvicorn's own attributes are in a dictionary, which is four times as large with these as well.
    __slots__ = (
        "_arrived",
        "_body_idle",
        "_buffer",
        "_connections_limit",
        "_deadline",
        "_deaf",
        "_head_limit",
        "_head_timed",
        "_head_timeout",
        "_in_body",
        "_in_head",
        "_invited",
        "_progress",
        "_replay",
        "_stalled",
        "_trailers_size",
        "_tunnel",
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        limits: Limits,
        buffer: memoryview,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._buffer = buffer
        self._head_limit = limits.head
        self._head_timeout = limits.head_timeout
        self._body_idle = limits.body_idle
        self._connections_limit = limits.connections
        self._deadline = Deadline(self.loop, self._expired)
        self._in_head = False
        self._in_body = False
        self._invited = True  # the client knows that its body is wanted
        self._head_timed = True  # the time for the present or next head runs
        self._trailers_size = 0
        self._progress = False  # the present read brought more than a part of a head
        self._stalled = 0  # bytes of earlier reads since the last progress
        self._arrived = 0  # the same with the present read: no head is larger than that
        self._replay: bytes | None = None  # head of a refused upgrade, to be parsed again
        self._tunnel = False  # what still arrives is not HTTP
        self._deaf = False  # what still arrives is dropped

    # -- for whoever derives from this --------------------------------------------------------

    @abstractmethod
    def head_received(self, head: Head, *, upgrade: bool) -> None:
        """A request has begun; with `upgrade` what comes behind its head is not HTTP."""

    @abstractmethod
    def body_received(self, data: bytes) -> None:
        """A piece of its body has come."""

    @abstractmethod
    def request_received(self) -> None:
        """It is complete."""

    @abstractmethod
    def opens_tunnel(self, head: Head) -> bool:
        """Say whether a wish to upgrade is passed on; otherwise the request is an ordinary one."""

    @abstractmethod
    def tunnel_received(self, data: bytes) -> None:
        """Something came behind the head of an upgrade."""

    @abstractmethod
    def is_answerable(self) -> bool:
        """Say whether an error can be answered without breaking into another answer."""

    @abstractmethod
    def drop_turns(self) -> None:
        """Nothing can be answered any more."""

    # -- the transport's side ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Begin, or refuse if there are too many connections."""
        super().connection_made(transport)
        if len(self.connections) > self._connections_limit:
            limit = self._connections_limit
            self.reject(BadRequest(503, f"limits.connections ({limit}) are open, try again later"))
        else:
            self._deadline.set(self._head_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell every turn that its client has gone."""
        self._deaf = True
        self._deadline.close()
        self.drop_turns()
        super().connection_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  always the same
        """Say where to read to."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has been read."""
        self.data_received(self._buffer[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        """Parse what has arrived; `data` is only valid during the call."""
        if self._deaf:
            return
        if self._tunnel:
            self.tunnel_received(bytes(data))
            return
        self._progress = False
        self._arrived = self._stalled + len(data)
        try:
            self._feed(data)
        except BadRequest as error:
            if not self._deaf:  # otherwise it has been answered, and what follows is nothing to us
                self.reject(error)
            return
        if self._progress:
            self._stalled = 0
        else:
            self._stalled = self._arrived
            if self._stalled > self._head_limit:
                self.reject(self._too_large())
                return
        if self._in_body:
            self._time_body()
        elif self._in_head and not self._head_timed:
            self._head_timed = True
            self._deadline.set(self._head_timeout)

    def _time_body(self) -> None:
        """Give the client time for more of its body, unless it is we who let it wait."""
        if self._invited and not self.flow.read_paused:
            self._deadline.set(self._body_idle)
        else:
            self._deadline.lift()

    def _feed(self, data: bytes | memoryview) -> None:
        rest = data
        while True:
            try:
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = memoryview(rest)[upgrade.args[0] :]
                if self._replay is None:
                    self._tunnel = True
                    if rest:
                        self.tunnel_received(bytes(rest))
                    return
                self._parse_again(self._replay)
            except httptools.HttpParserCallbackError as error:
                if error.__context__ is None:
                    raise
                raise error.__context__ from None
            except httptools.HttpParserError as error:
                raise BadRequest(400, f"this is not a valid HTTP/1.1 request: {error}") from None
            else:
                return

    def _parse_again(self, head: bytes) -> None:
        """Parse a head without its wish to upgrade.

        httptools stops behind a head with it, and would take the body for the next request.
        """
        self._replay = None
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn
        self.parser.feed_data(head)

    # -- the parser's side --------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start a head. No scope is made, as most requests do not need one."""
        self.url = b""
        self.headers = []
        self._in_head = True
        self._trailers_size = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer field is counted and dropped."""
        if self._in_head:
            self.headers.append((name.lower(), value))
        else:
            self._trailers_size += len(name) + len(value) + 4
            if self._trailers_size > self._head_limit:
                raise self._too_large()

    def on_headers_complete(self) -> None:
        """Hand a whole head on."""
        self._in_head = self._head_timed = False
        self._progress = True
        if self._deaf or self.transport.is_closing():
            return  # nobody would read the answer
        if self._arrived > self._head_limit and self.head_size() > self._head_limit:
            raise self._too_large()
        parser = self.parser
        head = read_head(
            parser.get_method(),
            self.url,
            self.headers,
            version=parser.get_http_version(),
            keep_alive=parser.should_keep_alive(),
        )
        upgrade = parser.should_upgrade()
        if upgrade:
            if not self.opens_tunnel(head):
                self._replay = _without_upgrade(head)
                return
            head.keep_alive = False
        self._in_body = self._invited = True
        self.head_received(head, upgrade=upgrade)

    def on_body(self, body: bytes) -> None:
        """Hand a piece of a body on."""
        self._progress = self._invited = True
        if not self._deaf:
            self.body_received(body)

    def on_message_complete(self) -> None:
        """Say that the request is complete, unless its head is to be parsed again."""
        self._progress = True
        if not self._in_body:
            return
        self._in_body = False
        if self._deaf:
            self.transport.close()  # all has been read, there is no need to linger
        else:
            self._deadline.lift()
            self.request_received()

    def head_size(self) -> int:
        """Return the bytes of the present head, without the line ends of its first line."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _too_large(self) -> BadRequest:
        limit = self._head_limit
        if len(self.url) > limit:
            return BadRequest(414, f"the target is larger than limits.head ({limit} bytes)")
        return BadRequest(431, f"the head is larger than limits.head ({limit} bytes)")

    # -- ending -------------------------------------------------------------------------------

    def await_request(self) -> None:
        """Wait for the next request, unless it has begun."""
        if not self._in_body and not self._in_head:
            self.url, self.headers = b"", []  # many connections are idle most of the time
            self._deadline.set(KEEP_ALIVE)

    def reject(self, error: BadRequest) -> None:
        """Refuse what cannot be read and close; an answer that has begun is broken off."""
        if not self.is_answerable():
            self.abort()
            return
        answer = error_answer(error.status, error.message, head=None, keep_alive=False)
        self.transport.write(answer.data)
        self.close_gently(all_read=False)

    def close_gently(self, *, all_read: bool) -> None:
        """Close once everything written has been sent and, if possible, read."""
        self._deaf = True
        self.drop_turns()
        self.flow.resume_reading()
        if all_read or not self.transport.can_write_eof():
            self.transport.close()
            self._deadline.set(KEEP_ALIVE)
        else:
            self.transport.write_eof()
            self._deadline.set(_LINGER)

    def abort(self) -> None:
        """Close at once, so that the client sees that its answer is not complete."""
        self._deaf = True
        self.drop_turns()
        self.transport.abort()

    def _expired(self) -> None:
        """Close a connection that was idle or too slow for too long."""
        if self._deaf:
            self.transport.abort()
        elif self._in_body:
            self.reject(BadRequest(408, f"no more of the body came for {self._body_idle:g} s"))
        elif self._in_head:
            self.reject(BadRequest(408, f"the head took longer than {self._head_timeout:g} s"))
        else:
            self.close_gently(all_read=True)


def _without_upgrade(head: Head) -> bytes:
    target = head.path if head.query is None else b"%b?%b" % (head.path, head.query)
    version = b"HTTP/1.1" if head.http11 else b"HTTP/1.0"
    parts = [head.method, b" ", target, b" ", version, b"\r\n"]
    for name, value in head.headers:
        if name != b"upgrade":
            parts += (name, b": ", value, b"\r\n")
    parts.append(b"\r\n")
    return b"".join(parts)
