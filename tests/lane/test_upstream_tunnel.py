"""Connections that switch protocols and then carry raw bytes both ways."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from .upstreams import (
    OK,
    SWITCHED,
    UPGRADE,
    Peer,
    Recorder,
    Script,
    ask,
    client,
    stalled,
    upstream,
)


@contextlib.asynccontextmanager
async def tunnel(script: Script) -> AsyncIterator[Recorder]:
    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint(), UPGRADE)
        await recorder.until(lambda: recorder.upgraded)
        assert recorder.status == 101
        assert (b"upgrade", b"websocket") in recorder.headers
        yield recorder
        assert recorder.call is not None
        recorder.call.abort()


async def echo(peer: Peer) -> None:
    assert await peer.head() == UPGRADE
    await peer.send(SWITCHED)
    while data := await peer.reader.read(65536):
        await peer.send(data)


async def test_bytes_travel_both_ways() -> None:
    async with tunnel(echo) as recorder:
        assert recorder.call is not None
        for message in (b"\x81\x02hi", b"HTTP/1.1 200 OK\r\n\r\n", bytes(range(256))):
            recorder.pieces.clear()
            recorder.call.write(message)
            await recorder.until(lambda m=message: recorder.body == m)
        recorder.call.write_eof()
        assert (await recorder.over()).error is None
        recorder.call.write(b"too late")
        recorder.call.write_eof()


@pytest.mark.parametrize("cut", [10, len(SWITCHED) - 1, len(SWITCHED), len(SWITCHED) + 1])
async def test_bytes_behind_the_101_belong_to_the_tunnel(cut: int) -> None:
    sent = SWITCHED + b"\x81\x02hi"

    async def script(peer: Peer) -> None:
        await peer.answer(sent[:cut], sent[cut:])
        await peer.gone()

    async with tunnel(script) as recorder:
        await recorder.until(lambda: recorder.body == b"\x81\x02hi")


async def test_an_upstream_that_stops_sending_can_still_be_sent_to() -> None:
    received = asyncio.get_running_loop().create_future()

    async def script(peer: Peer) -> None:
        await peer.answer(SWITCHED, b"bye")
        peer.writer.write_eof()
        received.set_result(await peer.reader.read())

    async with tunnel(script) as recorder:
        assert (await recorder.over()).body == b"bye"
        assert recorder.call is not None
        recorder.call.write(b"still here")
        recorder.call.write_eof()
        assert await received == b"still here"
        assert recorder.error is None


async def test_a_client_that_stops_sending_can_still_be_sent_to() -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(SWITCHED)
        assert await peer.reader.read() == b"question"
        await peer.send(b"answer")

    async with tunnel(script) as recorder:
        assert recorder.call is not None
        recorder.call.write(b"question")
        recorder.call.write_eof()
        assert (await recorder.over()).body == b"answer"
        assert recorder.error is None


async def test_a_broken_tunnel_is_an_error() -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(SWITCHED)
        peer.reset()

    async with tunnel(script) as recorder:
        error = await recorder.failed()
        assert (error.kind, error.response_started) == ("reset", True)


async def test_an_aborted_tunnel_closes_at_once_and_is_silent() -> None:
    closed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.answer(SWITCHED)
        await peer.gone()
        closed.set()

    async with tunnel(script) as recorder:
        assert recorder.call is not None
        recorder.call.abort()
        await closed.wait()
        assert not recorder.ended
        assert recorder.error is None


async def test_an_upstream_that_does_not_keep_up_blocks_the_writer() -> None:
    begin = asyncio.Event()
    received = asyncio.get_running_loop().create_future()

    async def script(peer: Peer) -> None:
        await peer.answer(SWITCHED)
        await begin.wait()
        received.set_result(len(await peer.reader.read()))

    async with tunnel(script) as recorder:
        assert recorder.call is not None
        written = 0
        while not recorder.blocked:
            recorder.call.write(bytes(65536))
            written += 65536
        begin.set()
        await recorder.until(lambda: not recorder.blocked)
        recorder.call.write_eof()
        assert await received == written


async def test_a_paused_tunnel_stops_the_upstream() -> None:
    size = 32 * 1024 * 1024
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.answer(SWITCHED)
        while sent < size:
            peer.writer.write(bytes(65536))
            sent += 65536
            await peer.writer.drain()

    async with tunnel(script) as recorder:
        assert recorder.call is not None
        recorder.call.pause()
        await stalled(lambda: sent)
        assert sent < size
        recorder.call.resume()
        await recorder.until(lambda: recorder.ended)
        assert len(recorder.body) == size


async def test_a_refused_upgrade_is_an_ordinary_response() -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(OK)
        await peer.answer(OK)

    async with upstream(script) as server, client() as asking:
        got = await ask(asking, server.endpoint(), UPGRADE).over()
        assert (got.status, got.body, got.upgraded) == (200, b"ok", False)
        assert (await ask(asking, server.endpoint()).over()).body == b"ok"
        assert server.connections == 1


async def test_a_tunnels_connection_is_not_used_for_other_calls() -> None:
    async with upstream(echo, lambda peer: peer.answer(OK)) as server, client() as asking:
        recorder = ask(asking, server.endpoint(), UPGRADE)
        await recorder.until(lambda: recorder.upgraded)
        assert (await ask(asking, server.endpoint()).over()).body == b"ok"
        assert server.connections == 2
        assert recorder.call is not None
        recorder.call.abort()
