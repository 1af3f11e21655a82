"""A real lane server on a real socket, with an engine and an application that follow a script."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

from tests.lane.books import Books
from tests.lane.engine import Engine
from tests.lane.upstreams import PATIENCE, Peer, turns

from hotbay.config.load import load
from hotbay.config.sources import Sources
from hotbay.lane.body import BodyMemory
from hotbay.lane.context import Lane, LaneContext
from hotbay.lane.directory import Directory
from hotbay.lane.gate import GateRules
from hotbay.lane.pool import Client
from hotbay.lane.server import LaneServer
from hotbay.runtime.profiles import ActiveProfile

MODELS = """
models:
  m1: {cmd: serve, proxy: "http://127.0.0.1:9", aliases: [alias-1]}
  gone: {cmd: serve, proxy: "http://127.0.0.1:9"}
"""


# -- the application -----------------------------------------------------------------------

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BIG = 20_000_000
SERVED = {
    ("GET", "/big"),
    ("GET", "/health"),
    ("HEAD", "/health"),
    ("POST", "/echo"),
    ("GET", "/stream"),
}


class App:
    """Answers as the path says: `/big` at length, `/stream` until it is ended."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.scopes: list[Scope] = []
        self.streams_ended = 0
        self.changed = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.paths.append(scope["path"])
        self.scopes.append(scope)
        if (scope["method"], scope["path"]) not in SERVED:
            await self._send(send, 404, b"not found")
        elif scope["path"] == "/health":
            await self._send(send, 200, b"OK")
        elif scope["path"] == "/big":
            await self._send(send, 200, b"x" * BIG)
        elif scope["path"] == "/echo":
            body, more = b"", True
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    return
                body += message["body"]
                more = message["more_body"]
            await self._send(send, 200, body)
        else:
            await self._stream(receive, send)

    async def _stream(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        self.streams_ended += 1
        self.changed.set()

    async def _send(self, send: Send, status: int, body: bytes) -> None:
        headers = [(b"content-length", b"%d" % len(body)), (b"x-by", b"app")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def serves(method: str, path: str) -> bool:
    return (method, path) in SERVED


# -- the server ----------------------------------------------------------------------------


class Served:
    """A running server and what belongs to it."""

    def __init__(self, lane: Lane, server: LaneServer, engine: Engine, app: App, port: int) -> None:
        self.lane = lane
        self.server = server
        self.engine = engine
        self.app = app
        self.port = port
        self.lines: list[str] = []
        self.notes: list[str] = []
        self.profile: ActiveProfile
        self.failures: list[str] = []
        self.books: Books  # with `recording` only

    @contextlib.asynccontextmanager
    async def visit(self, **options: Any) -> AsyncIterator[Visitor]:
        """Connect, and close the connection at the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, **options)
        visitor = Visitor(reader, writer)
        try:
            yield visitor
        finally:
            visitor.leave()
            await turns()


@contextlib.asynccontextmanager
async def serving(
    folder: Path,
    upstream_port: int = 9,
    *,
    settings: str = "",
    models: str = MODELS,
    recording: bool = False,
    **options: Any,
) -> AsyncIterator[Served]:
    """Run a server with these models and more settings in YAML; see what it leaves at the end."""
    file = folder / "config.yaml"
    file.write_text(models + settings)
    config = load(Sources(file, None), environ={}).config
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    engine = Engine(upstream_port, options.pop("base_path", ""))
    client = Client({})
    lines: list[str] = []
    notes: list[str] = []
    profile = ActiveProfile(config.profiles, lines.append)
    memory = BodyMemory(config.limits.body_memory)
    books = Books(config) if recording else None
    lane = Lane(
        LaneContext(
            config=config,
            directory=Directory(config),
            profile=profile,
            gate=GateRules(
                keys=tuple(key.encode() for key in config.api_keys),
                loopback=True,
                allowed_hosts=frozenset(config.access.allowed_hosts),
                allowed_origins=frozenset(config.access.allowed_origins),
                body=config.limits.body,
                json_body=config.limits.json_body,
                serves=serves,
            ),
            engine=engine,
            client=client,
            memory=memory,
            recorder=None if books is None else books.recorder,
            access=lines.append,
            debug=notes.append,
            warn=notes.append,
            clock=asyncio.get_running_loop().time,
        )
    )
    app = App()
    server = LaneServer(app, lane, [listener], **options)
    served = Served(lane, server, engine, app, port)
    served.lines, served.notes = lines, notes
    served.profile = profile
    if books is not None:
        served.books = books
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, problem: served.failures.append(repr(problem)))
    try:
        await server.start()
        yield served
    finally:
        await server.stop(0)
        client.close()
        await turns()
        if books is not None:
            await books.activity.close()
        loop.set_exception_handler(None)
    assert memory.used == 0, "a request kept its body"
    assert not engine.callers, "a request kept its place"
    assert not engine.served, "a request was served and did not end"
    assert engine.wrongs == []
    assert served.failures == []
    if books is not None:
        books.check()


# -- a client ------------------------------------------------------------------------------


class Response:
    """One response as it came."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:200]!r}>"


class Truncated(Exception):  # noqa: N818  a finding, not a failure of the test
    """The connection ended in the middle of a response."""


class Visitor:
    """A client that sends bytes as it likes and reads responses as the RFC says."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Send pieces so that the server reads each on its own."""
        for piece in pieces:
            self.writer.write(piece)
            with contextlib.suppress(ConnectionError):
                await self.writer.drain()
            await turns()

    async def ask(self, request: bytes, *, head: bool = False) -> Response:
        """Send a request and return its response."""
        await self.send(request)
        return await self.response(head=head)

    async def response(self, *, head: bool = False) -> Response:
        """Return the next response; `head` if it answers a HEAD.

        Raises:
            EOFError: there is none, the connection has ended.
            Truncated: it is not complete.
        """
        async with asyncio.timeout(PATIENCE):
            return await self._response(head=head)

    async def _response(self, *, head: bool) -> Response:
        try:
            data = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            if getattr(error, "partial", b""):
                raise Truncated from error
            raise EOFError from error
        line, *lines = data.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        status = int(line.split(" ")[1])
        headers = [(name, value) for name, _, value in (item.partition(": ") for item in lines)]
        response = Response(status, headers, b"")
        if head or status < 200 or status in {204, 304}:
            return response
        try:
            response.body = await self._body(response)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Truncated from error
        return response

    async def _body(self, response: Response) -> bytes:
        length = response.header("content-length")
        if length is not None:
            return await self.reader.readexactly(int(length))
        if response.header("transfer-encoding") != "chunked":
            return await self.reader.read()
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size + 2)
            assert body.endswith(b"\r\n")
            body = body[:-2]
        assert await self.reader.readexactly(2) == b"\r\n"
        return body

    async def closed(self) -> bytes:
        """Wait until the server has closed, and return what came before."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    def leave(self) -> None:
        """Close at once."""
        self.writer.transport.abort()


def post(body: bytes, *headers: str, path: str = "/v1/chat/completions") -> bytes:
    """Return a request with a body of declared length."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", *headers]
    if not any(line.lower().startswith("content-type") for line in headers):
        lines.append("Content-Type: application/json")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def get(path: str, *headers: str, method: str = "GET") -> bytes:
    """Return a request without a body."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


CHAT = post(b'{"model":"m1","messages":[]}')
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def pieces_of(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    """Cut bytes at these places."""
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        yield data[start:end]


class Asked:
    """A model server that remembers what it was asked, and answers always the same."""

    def __init__(self, *answer: bytes) -> None:
        self.requests: list[tuple[bytes, bytes]] = []
        self._answer = answer or (OK,)

    async def __call__(self, peer: Peer) -> None:
        while True:
            self.requests.append(await peer.request())
            await peer.send(*self._answer)

    @property
    def bodies(self) -> list[bytes]:
        return [body for _, body in self.requests]

    @property
    def targets(self) -> list[str]:
        return [head.split(b" ")[1].decode() for head, _ in self.requests]

    def fields(self, request: int = -1) -> dict[str, str]:
        """Return the headers of a request; one that occurs twice fails the test."""
        lines = self.requests[request][0].decode("latin-1").split("\r\n")[1:-2]
        pairs = [line.lower().partition(": ")[::2] for line in lines]
        assert len(dict(pairs)) == len(pairs)
        return {name: line.partition(": ")[2] for (name, _), line in zip(pairs, lines, strict=True)}


def message(response: Response) -> str:
    """Return the message of an error of hotbay's own."""
    assert response.header("content-type") == "application/json"
    envelope = json.loads(response.body)
    assert envelope["src"] == "llama-swap"
    return str(envelope["error"]["message"])


def code(response: Response) -> str:
    """Return the code of an error of hotbay's own."""
    return str(json.loads(response.body)["error"]["code"])
