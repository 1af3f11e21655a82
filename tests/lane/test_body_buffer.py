"""Request bodies being received: what is kept where, what is refused, what is freed."""

from __future__ import annotations

import asyncio
import errno
import tempfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotbay.lane.body import Body, BodyMemory, BodyRefused, FileBody, MemoryBody, Source, in_units
from hotbay.lane.buffer import SPOOL_ABOVE, BodyBuffer, SizeLimit

LIMIT = SizeLimit("limits.body", 64 << 20)
PIECE = bytes(range(256)) * 1024


class Reception:
    """A client that sends while it is not paused, and what became of its body."""

    def __init__(self, memory: BodyMemory, *, spool: bool = True, limit: SizeLimit = LIMIT) -> None:
        self.paused = False
        self.pauses = 0
        self._resumed = asyncio.Event()
        self._outcome: asyncio.Future[Body | BodyRefused] = (
            asyncio.get_running_loop().create_future()
        )
        self.buffer = BodyBuffer(
            memory, limit=limit, spool=spool, pause=self._pause, resume=self._resume
        )

    def _pause(self) -> None:
        assert not self.paused
        self.paused = True
        self.pauses += 1
        self._resumed.clear()

    def _resume(self) -> None:
        assert self.paused
        self.paused = False
        self._resumed.set()

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            while self.paused:
                await self._resumed.wait()
            self.buffer.feed(piece)

    async def outcome(self) -> Body | BodyRefused:
        self.buffer.finish(self._outcome.set_result)
        async with asyncio.timeout(10):
            return await self._outcome


async def content(body: Body) -> bytes:
    """Return what a connection would send."""
    if body.data is not None:
        return body.data
    more = asyncio.Event()
    source: Source = body.open(more.set)
    data = b""
    while (piece := source.read()) != b"":
        if piece is None:
            more.clear()
            await more.wait()
        else:
            data += piece
    return data


async def closed(body: Body) -> None:
    """Wait until the file of a released body is closed."""
    assert isinstance(body, FileBody)
    while not body._file.closed:
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)


@pytest.mark.parametrize("spool", [True, False])
@pytest.mark.parametrize("pieces", [[], [b"a"], [b"a", b"", b"bc"], [bytes(SPOOL_ABOVE)]])
async def test_a_small_body_is_kept_in_memory(pieces: list[bytes], spool: bool) -> None:
    memory = BodyMemory(10 << 20)
    reception = Reception(memory, spool=spool)
    await reception.send(*pieces)
    handed: list[Body | BodyRefused] = []
    reception.buffer.finish(handed.append)
    (body,) = handed  # at once
    assert isinstance(body, MemoryBody)
    assert body.data == b"".join(pieces)
    assert memory.used == len(body.data)
    body.release()
    assert memory.used == 0


async def test_a_large_body_that_must_be_parsed_stays_in_memory() -> None:
    memory = BodyMemory(100 << 20)
    reception = Reception(memory, spool=False)
    await reception.send(*[PIECE] * 20)
    body = await reception.outcome()
    assert isinstance(body, MemoryBody)
    assert (body.data, memory.used) == (PIECE * 20, len(PIECE) * 20)
    body.release()
    assert (reception.pauses, memory.used) == (0, 0)


async def test_one_piece_is_not_copied() -> None:
    reception = Reception(BodyMemory(100 << 20), spool=False)
    await reception.send(PIECE)
    body = await reception.outcome()
    assert isinstance(body, MemoryBody)
    assert body.data is PIECE


async def test_any_other_large_body_goes_to_disk_while_the_client_waits() -> None:
    memory = BodyMemory(2 << 20)
    reception = Reception(memory)
    for _ in range(60):
        await reception.send(PIECE)
        assert memory.used <= SPOOL_ABOVE + len(PIECE)
    body = await reception.outcome()
    assert isinstance(body, FileBody)
    assert (body.length, body.replayable, memory.used) == (60 * len(PIECE), True, 0)
    assert reception.pauses > 1
    assert await content(body) == await content(body) == PIECE * 60
    body.release()
    await closed(body)
    assert memory.used == 0


async def test_what_arrives_while_the_disk_is_busy_is_kept_in_order() -> None:
    memory = BodyMemory(100 << 20)
    reception = Reception(memory)
    pieces = [bytes([n]) * 300_000 for n in range(20)]
    for piece in pieces:
        reception.buffer.feed(piece)  # although reading is paused
    body = await reception.outcome()
    assert isinstance(body, FileBody)
    assert await content(body) == b"".join(pieces)
    assert memory.used == 0
    body.release()
    await closed(body)


async def test_a_body_over_its_limit_is_refused() -> None:
    memory = BodyMemory(100 << 20)
    reception = Reception(memory, limit=SizeLimit("limits.jsonBody", 2048), spool=False)
    reception.buffer.expect(2048)
    with pytest.raises(BodyRefused):
        reception.buffer.expect(2049)
    with pytest.raises(BodyRefused) as refused:
        await reception.send(bytes(2048), b"x")
    assert refused.value.status == 413
    assert refused.value.message == "the request body is larger than limits.jsonBody (2 KiB)"
    reception.buffer.release()
    assert memory.used == 0


async def test_bodies_share_a_limit_of_memory() -> None:
    memory = BodyMemory(1 << 20)
    first, second = Reception(memory, spool=False), Reception(memory, spool=False)
    await first.send(bytes(700_000))
    with pytest.raises(BodyRefused) as refused:
        await second.send(bytes(300_000), bytes(100_000))
    assert refused.value.status == 503
    assert "limits.bodyMemory (1 MiB)" in refused.value.message
    assert memory.used == 700_000
    body = await first.outcome()
    assert isinstance(body, MemoryBody)
    body.release()
    third = Reception(memory, spool=False)
    await third.send(bytes(1 << 20))
    third.buffer.release()
    third.buffer.release()
    assert memory.used == 0


async def test_a_client_that_leaves_while_the_disk_is_busy_frees_everything() -> None:
    memory = BodyMemory(100 << 20)
    reception = Reception(memory)
    await reception.send(*[PIECE] * 5)
    assert reception.paused
    reception.buffer.release()
    assert memory.used == 0
    while reception.buffer._writing:
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    assert memory.used == 0
    assert reception.buffer._file is None


async def test_a_client_that_leaves_between_two_pieces_frees_everything() -> None:
    memory = BodyMemory(100 << 20)
    reception = Reception(memory)
    await reception.send(*[PIECE] * 6, b"x")
    reception.buffer.release()
    assert memory.used == 0
    assert reception.buffer._file is None


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("more", [b"", b"x"])
async def test_a_full_disk_is_said_to_the_client(more: bytes) -> None:
    memory = BodyMemory(100 << 20)
    reception = Reception(memory)
    await reception.send(*[PIECE] * 5)
    try:
        await reception.send(*[more] * bool(more))
        refused = await reception.outcome()
    except BodyRefused as error:
        refused = error
    assert isinstance(refused, BodyRefused)
    assert refused.status == 500
    assert refused.message == (
        "could not store the request body: [Errno 28] No space left on device"
    )
    assert memory.used == 0


@given(sizes=st.lists(st.integers(0, 900_000), max_size=8), spool=st.booleans())
def test_memory_is_given_back_to_the_byte(sizes: list[int], spool: bool) -> None:
    async def receive() -> None:
        memory = BodyMemory(3_000_000)
        reception = Reception(memory, spool=spool, limit=SizeLimit("limits.body", 4_000_000))
        try:
            await reception.send(*(bytes(size) for size in sizes))
        except BodyRefused:
            reception.buffer.release()
        else:
            body = await reception.outcome()
            assert not isinstance(body, BodyRefused)
            assert body.length == sum(sizes)
            body.release()
        assert memory.used == 0

    asyncio.run(receive())


@pytest.mark.parametrize(
    ("size", "text"),
    [(1 << 30, "1 GiB"), (64 << 20, "64 MiB"), (3 << 10, "3 KiB"), (1025, "1025 bytes")],
)
def test_sizes_are_written_as_in_configurations(size: int, text: str) -> None:
    assert in_units(size) == text
