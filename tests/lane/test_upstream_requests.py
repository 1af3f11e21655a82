"""How one upstream connection sends requests, small, large, stored and streamed."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest

from hotbay.lane.body import BodyMemory, FileBody, MemoryBody, StreamBody

from .upstreams import OK, Peer, ask, client, post, stalled, turns, until, upstream

MEBIBYTE = 1024 * 1024
LARGE = bytes(range(256)) * (16 * 1024)
STREAMED = b"POST /v1/x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"


class Client:
    """The client's end of a streamed body: whether reading from it is paused."""

    def __init__(self, length: int | None = None) -> None:
        self.paused = False
        self.changes = 0
        self.body = StreamBody(length, pause=self._pause, resume=self._resume)
        self._resumed = asyncio.Event()

    def _pause(self) -> None:
        assert not self.paused
        self.paused = True
        self._resumed.clear()

    def _resume(self) -> None:
        assert self.paused
        self.paused = False
        self.changes += 1
        self._resumed.set()

    async def feed(self, data: bytes) -> None:
        """Feed as soon as that is wanted."""
        if self.paused:
            await self._resumed.wait()
        self.body.feed(data)


def stored(data: bytes) -> FileBody:
    file = tempfile.TemporaryFile()  # noqa: SIM115  the body closes it
    file.write(data)
    return FileBody(file, len(data))


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 262144, 1 << 20, 5_000_001])
@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_request_arrives_as_given(size: int, kind: str) -> None:
    data = (LARGE + LARGE)[:size]
    heads, bodies = [], []

    async def script(peer: Peer) -> None:
        for _ in range(2):
            head, body = await peer.request()
            heads.append(head)
            bodies.append(body)
            await peer.send(OK)

    async with upstream(script) as server, client() as asking:
        for _ in range(2):
            body = MemoryBody(data) if kind == "memory" else stored(data)
            recorder = await ask(asking, server.endpoint(), post(data), body).over()
            assert recorder.body == b"ok"
            body.release()
        assert heads == [post(data)] * 2
        assert bodies == [data] * 2
        assert server.connections == 1


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_slow_upstream_gets_a_large_body_piece_by_piece(kind: str) -> None:
    data = LARGE * 4
    begin = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await begin.wait()
        assert await peer.reader.readexactly(len(data)) == data
        await peer.send(OK)

    async with upstream(script) as server, client() as asking:
        body = MemoryBody(data) if kind == "memory" else stored(data)
        recorder = ask(asking, server.endpoint(), post(data), body)
        call = recorder.call
        assert call is not None
        await until(lambda: call.carrier is not None)
        assert call.carrier is not None
        transport = call.carrier.transport
        await stalled(transport.get_write_buffer_size)
        assert transport.get_write_buffer_size() <= MEBIBYTE
        begin.set()
        assert (await recorder.over()).body == b"ok"
        body.release()


async def test_a_streamed_body_of_known_length_is_passed_on_as_it_arrives() -> None:
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def script(peer: Peer) -> None:
        assert await peer.head() == post(6)
        arrived.put_nowait(await peer.reader.readexactly(3))
        arrived.put_nowait(await peer.reader.readexactly(3))
        await peer.send(OK)

    sender = Client(6)
    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint(), post(6), sender.body)
        await sender.feed(b"abc")
        assert await arrived.get() == b"abc"
        await sender.feed(b"")
        await sender.feed(b"def")
        sender.body.finish()
        assert await arrived.get() == b"def"
        assert (await recorder.over()).body == b"ok"


async def test_a_streamed_body_of_unknown_length_is_sent_in_chunks() -> None:
    bodies = []

    async def script(peer: Peer) -> None:
        bodies.append(await peer.answer(OK))

    sender = Client()
    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint(), STREAMED, sender.body)
        for piece in (b"abc", LARGE, b"d"):
            await sender.feed(piece)
            await turns()
        sender.body.finish()
        assert (await recorder.over()).body == b"ok"
    assert bodies == [(STREAMED, b"abc" + LARGE + b"d")]


async def test_a_streamed_body_that_is_complete_before_the_connection_is_sent_whole() -> None:
    bodies = []

    async def script(peer: Peer) -> None:
        bodies.append(await peer.answer(OK))

    sender = Client()
    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint(), STREAMED, sender.body)
        sender.body.feed(b"abc")
        sender.body.finish()
        await recorder.over()
    assert bodies == [(STREAMED, b"abc")]


async def test_a_slow_upstream_pauses_the_client_of_a_streamed_body() -> None:
    size = 64 * MEBIBYTE
    begin = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await begin.wait()
        await peer.reader.readexactly(size)
        await peer.send(OK)

    fed = 0

    async def feed() -> None:
        nonlocal fed
        while fed < size:
            await sender.feed(bytes(65536))
            fed += 65536
            await asyncio.sleep(0)
        sender.body.finish()

    sender = Client(size)
    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint(), post(size), sender.body)
        feeding = asyncio.create_task(feed())
        await stalled(lambda: fed)
        assert sender.paused
        assert fed < size
        begin.set()
        await feeding
        assert (await recorder.over()).body == b"ok"
        assert sender.changes > 1


async def test_a_streamed_body_never_travels_over_a_connection_that_may_be_stale() -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(OK)
        await peer.gone()

    async with upstream(script) as server, client() as asking:
        await ask(asking, server.endpoint()).over()
        sender = Client(2)
        recorder = ask(asking, server.endpoint(), post(2), sender.body)
        sender.body.feed(b"ab")
        sender.body.finish()
        assert (await recorder.over()).body == b"ok"
        assert server.connections == 2


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_response_may_begin_and_end_before_the_request_body_is_sent(kind: str) -> None:
    closed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        async with asyncio.timeout(5):
            await peer.gone()
        closed.set()

    data = LARGE * 4
    async with upstream(script) as server, client() as asking:
        body = MemoryBody(data) if kind == "memory" else stored(data)
        got = await ask(asking, server.endpoint(), post(data), body).over()
        body.release()
        assert (got.status, got.body, got.ended) == (413, b"no", True)
        await closed.wait()  # it cannot carry another request
        await ask(asking, server.endpoint()).over()
        assert server.connections == 2


async def test_a_response_may_stream_while_the_request_body_is_still_sent() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            letter = await peer.reader.readexactly(1)
            await peer.send(b"1\r\n%b\r\n" % letter.upper())
        await peer.send(b"0\r\n\r\n")
        await peer.answer(OK)

    sender = Client(3)
    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint(), post(3), sender.body)
        for number, letter in enumerate(b"abc"):
            await recorder.until(lambda n=number: bool(recorder.status) and len(recorder.body) == n)
            sender.body.feed(bytes([letter]))
        sender.body.finish()
        assert (await recorder.over()).body == b"ABC"
        await ask(asking, server.endpoint()).over()
        assert server.connections == 1


@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_the_refusal_of_a_body_is_read_although_the_upstream_stops_reading(
    ending: str,
) -> None:
    """Servers answer 413 and close; our writes then fail before the answer is looked at."""

    async def script(peer: Peer) -> None:
        await peer.head()
        peer.writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        if ending == "reset":
            peer.reset()

    data = LARGE * 4
    async with upstream(script) as server, client() as asking:
        for _ in range(20):
            got = await ask(asking, server.endpoint(), post(data), MemoryBody(data)).over()
            assert (got.status, got.body, got.error) == (413, b"no", None)


async def test_an_expected_100_releases_the_body() -> None:
    bodies = []

    async def script(peer: Peer) -> None:
        head = await peer.head()
        await turns()
        assert not peer.reader._buffer  # nothing has come yet
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        bodies.append((head, await peer.reader.readexactly(3)))
        await peer.send(OK)
        bodies.append(await peer.answer(OK))

    head = post(b"abc", b"expect: 100-continue")
    async with upstream(script) as server, client() as asking:
        where = server.endpoint(expect_continue=3600)
        recorder = ask(asking, where, head, MemoryBody(b"abc"), expect_continue=True)
        assert (await recorder.over()).body == b"ok"
        await ask(asking, where, post(b"de"), MemoryBody(b"de")).over()
        assert server.connections == 1
    assert bodies == [(head, b"abc"), (post(b"de"), b"de")]


@pytest.mark.parametrize("patience", [0, 0.001])
async def test_a_body_is_sent_without_100_when_patience_ends(patience: float) -> None:
    head = post(b"abc", b"expect: 100-continue")

    async def script(peer: Peer) -> None:
        assert await peer.request() == (head, b"abc")
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n", OK)
        assert await peer.request() == (post(b"de"), b"de")
        await peer.send(OK)

    async with upstream(script) as server, client() as asking:
        where = server.endpoint(expect_continue=patience)
        recorder = ask(asking, where, head, MemoryBody(b"abc"), expect_continue=True)
        assert (await recorder.over()).body == b"ok"
        await ask(asking, where, post(b"de"), MemoryBody(b"de")).over()
        assert server.connections == 1


async def test_a_final_answer_instead_of_100_saves_the_body() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
        assert await peer.reader.read() == b""

    head = post(b"abc", b"expect: 100-continue")
    async with upstream(script) as server, client() as asking:
        where = server.endpoint(expect_continue=3600)
        recorder = ask(asking, where, head, MemoryBody(b"abc"), expect_continue=True)
        assert (await recorder.over()).status == 417
        await turns()


async def test_a_stored_body_that_cannot_be_read_fails_the_call(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.gone()

    write_only = (tmp_path / "body").open("wb")
    async with upstream(script) as server, client() as asking:
        body = FileBody(write_only, 3)
        error = await ask(asking, server.endpoint(), post(3), body).failed()
        assert error.kind == "protocol"
        assert error.message.startswith("the stored request body cannot be read: ")
        body.release()
        await until(lambda: write_only.closed)


async def test_releasing_a_stored_body_while_it_is_sent_is_safe() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.gone()

    async with upstream(script) as server, client() as asking:
        body = stored(LARGE * 4)
        recorder = ask(asking, server.endpoint(), post(len(LARGE) * 4), body)
        call = recorder.call
        assert call is not None
        await until(lambda: call.carrier is not None)
        call.abort()
        body.release()
        body.release()
        await until(lambda: body._file.closed)
        assert recorder.error is None


async def test_accounted_memory_is_given_back_once() -> None:
    memory = BodyMemory(10)
    memory.take(3)
    body = MemoryBody(b"abc", memory)
    body.replace(b"abcdefghijkl")
    assert memory.used == 12
    assert body.length == 12
    body.release()
    body.release()
    assert memory.used == 0
