"""Scripted upstreams on real sockets, and a sink that remembers what it was told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from hotbay.config.model import Timeouts
from hotbay.lane.body import Body, MemoryBody
from hotbay.lane.call import Call, Headers, UpstreamError
from hotbay.lane.pool import Client
from hotbay.runtime.endpoint import Endpoint

PATIENCE = 10
"""Seconds after which a test that waits for an event has failed."""

GET = b"GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UPGRADE = b"GET /ws HTTP/1.1\r\nhost: h\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def post(body: bytes | int, *headers: bytes) -> bytes:
    """Return the head of a POST with a body, or with one of so many bytes."""
    length = body if isinstance(body, int) else len(body)
    lines = [b"POST /v1/x HTTP/1.1", b"host: h", *headers, b"content-length: %d" % length]
    return b"\r\n".join([*lines, b"", b""])


class Peer:
    """The upstream's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self) -> tuple[bytes, bytes]:
        """Return head and body of a request."""
        head = await self.head()
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:-2])
        if fields.get(b"transfer-encoding") == b"chunked":
            return head, await self._chunks()
        return head, await self.reader.readexactly(int(fields.get(b"content-length", 0)))

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return body

    async def send(self, *pieces: bytes) -> None:
        """Send pieces so that each is read on its own."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await turns()

    async def answer(self, *pieces: bytes) -> tuple[bytes, bytes]:
        """Read a request, send an answer, return the request."""
        request = await self.request()
        await self.send(*pieces)
        return request

    async def gone(self) -> None:
        """Wait until the other side has closed, however it did."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """End the connection with RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[object]]


class Upstream:
    """A server whose connections follow a script; each is closed where its script ends."""

    def __init__(self, port: int, scheme: str) -> None:
        self.port = port
        self.scheme = scheme
        self.connections = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def endpoint(self, generation: int = 1, authority: str = "", **timeouts: float) -> Endpoint:
        return endpoint(
            self.port,
            self.scheme,
            host="127.0.0.1",
            generation=generation,
            authority=authority,
            **timeouts,
        )


def endpoint(
    port: int,
    scheme: str = "http",
    *,
    host: str = "127.0.0.1",
    generation: int = 1,
    authority: str = "",
    **timeouts: float,
) -> Endpoint:
    limits: dict[str, Any] = dict.fromkeys(Timeouts.model_fields, 0.0) | timeouts
    return Endpoint(
        model="m",
        generation=generation,
        scheme=scheme,
        host=host,
        port=port,
        base_path="",
        authority=authority or f"{host}:{port}",
        # Fractions of a second, which no configuration has, keep the tests fast.
        timeouts=Timeouts.model_construct(None, **limits),
    )


@contextlib.asynccontextmanager
async def upstream(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """Serve: the first connection follows the first script, the last is used for all others.

    An error in a script, such as a failed assertion, is raised when the server ends.
    """
    tasks: list[asyncio.Task[None]] = []

    async def follow(peer: Peer, script: Script) -> None:
        try:
            await script(peer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client ended it
        finally:
            peer.writer.close()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.connections += 1
        script = scripts[min(served.connections, len(scripts)) - 1]
        tasks.append(asyncio.create_task(follow(Peer(reader, writer), script)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, backlog=512)
    served = Upstream(server.sockets[0].getsockname()[1], "https" if tls else "http")
    try:
        yield served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await turns()
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


@contextlib.asynccontextmanager
async def client(environ: Mapping[str, str] | None = None) -> AsyncIterator[Client]:
    """Provide a client with an environment of its own."""
    made = Client(environ or {})
    try:
        yield made
    finally:
        made.close()
        await turns()


async def turns() -> None:
    """Let the event loop deliver what is in the sockets already."""
    for _ in range(4):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition is true; it is looked at in every turn of the event loop."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  what is awaited has no event to wait for
            await asyncio.sleep(0)


async def stalled(progress: Callable[[], int]) -> None:
    """Wait until something stands still although the event loop goes on."""
    seen, rounds = progress(), 0
    while rounds < 10:
        await turns()
        rounds = rounds + 1 if progress() == seen else 0
        seen = progress()


class Recorder:
    """A sink that remembers; `Recorder.over` is set by the end, an error or an upgrade."""

    def __init__(self) -> None:
        self.status = 0
        self.reason = b""
        self.headers: Headers = []
        self.pieces: list[bytes] = []
        self.more: list[bool] = []
        self.ended = False
        self.error: UpstreamError | None = None
        self.upgraded = False
        self.blocked = False
        self.call: Call | None = None
        self.on_piece: Callable[[], None] = lambda: None
        self._changed = asyncio.Event()

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def on_head(self, status: int, reason: bytes, headers: Headers) -> None:
        assert not self.status
        self.status, self.reason, self.headers = status, reason, headers
        self._note()

    def on_data(self, data: bytes) -> None:
        assert self.status
        assert data
        self.pieces.append(data)
        self._note()
        self.on_piece()

    def on_end(self) -> None:
        assert not self.ended
        self.ended = True
        self._note()

    def on_error(self, error: UpstreamError) -> None:
        assert not self.ended or self.upgraded
        self.error = error
        self._note()

    def on_upgrade(self, status: int, reason: bytes, headers: Headers) -> None:
        self.on_head(status, reason, headers)
        self.upgraded = True

    def pause_writing(self) -> None:
        self.blocked = True
        self._note()

    def resume_writing(self) -> None:
        self.blocked = False
        self._note()

    def _note(self) -> None:
        if self.call is not None:
            self.more.append(self.call.more)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that was told makes the condition true."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def over(self) -> Recorder:
        """Wait for the outcome."""
        await self.until(lambda: self.ended or self.error is not None)
        return self

    async def failed(self) -> UpstreamError:
        """Wait for the outcome, which must be an error."""
        await self.over()
        assert self.error is not None
        return self.error


def ask(
    asking: Client, where: Endpoint, head: bytes = GET, body: Body | None = None, **options: bool
) -> Recorder:
    """Send a request and return its recorder."""
    recorder = Recorder()
    recorder.call = asking.request(where, head, body or MemoryBody(), recorder, **options)
    assert not recorder.status
    assert recorder.error is None
    return recorder
