"""Upstreams that speak TLS, verified against the system's certificates."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from hotbay.lane.body import MemoryBody

from .identities import Identity, certify
from .upstreams import (
    OK,
    SWITCHED,
    UPGRADE,
    Peer,
    ask,
    client,
    post,
    stalled,
    turns,
    upstream,
)


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Identity:
    return partial(certify, tmp_path, monkeypatch)


async def test_calls_travel_over_one_verified_connection(identity: Identity) -> None:
    data = bytes(range(256)) * 10_000

    async def script(peer: Peer) -> None:
        for _ in range(2):
            assert (await peer.request())[1] == data
            peer.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data)

    async with upstream(script, tls=identity("IP:127.0.0.1")) as server, client() as asking:
        for _ in range(2):
            recorder = ask(asking, server.endpoint(), post(data), MemoryBody(data))
            assert (await recorder.over()).body == data
        assert server.connections == 1


async def test_the_certificate_must_have_the_name_in_the_url(identity: Identity) -> None:
    """The address may be another one: the one found behind the name."""
    tls = identity("DNS:models.example")
    async with upstream(lambda peer: peer.answer(OK), tls=tls) as server, client() as asking:
        named = server.endpoint(authority=f"models.example:{server.port}")
        assert (await ask(asking, named).over()).body == b"ok"
        error = await ask(asking, server.endpoint(2, authority="other.example:443")).failed()
        assert error.kind == "tls"
        assert error.message.startswith("the certificate of other.example is not trusted: ")


async def test_an_unknown_certificate_is_not_trusted(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = identity("IP:127.0.0.1")
    monkeypatch.delenv("SSL_CERT_FILE")
    async with upstream(lambda peer: peer.answer(OK), tls=tls) as server, client() as asking:
        error = await ask(asking, server.endpoint()).failed()
        assert error.kind == "tls"
        assert error.message.startswith("the certificate of 127.0.0.1 is not trusted: self")


async def test_an_upstream_without_tls_is_told_apart() -> None:
    async with upstream(lambda peer: peer.send(b"HTTP/1.1 400 \r\n\r\n")) as server:
        server.scheme = "https"
        async with client() as asking:
            error = await ask(asking, server.endpoint()).failed()
            assert error.kind == "tls"
            assert error.message.startswith("no TLS with 127.0.0.1: ")


async def test_a_handshake_that_does_not_end_is_given_up() -> None:
    async with upstream(lambda peer: peer.gone()) as server:
        server.scheme = "https"
        async with client() as asking:
            error = await ask(asking, server.endpoint(tls_handshake=0.05)).failed()
            assert error.kind == "tls"
            assert "longer than 0.05 seconds" in error.message


async def test_an_answer_cut_short_is_an_error(identity: Identity) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")

    async with upstream(script, tls=identity("IP:127.0.0.1")) as server, client() as asking:
        got = await ask(asking, server.endpoint()).over()
        assert got.error is not None
        assert (got.error.kind, got.body) == ("reset", b"abc")


async def test_a_body_without_length_ends_with_the_connection(identity: Identity) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.0 200 OK\r\n\r\nabc")

    async with upstream(script, tls=identity("IP:127.0.0.1")) as server, client() as asking:
        got = await ask(asking, server.endpoint()).over()
        assert (got.ended, got.body) == (True, b"abc")


async def test_a_stale_connection_is_noticed(identity: Identity) -> None:
    tls = identity("IP:127.0.0.1")
    async with upstream(lambda peer: peer.answer(OK), tls=tls) as server, client() as asking:
        for _ in range(3):
            assert (await ask(asking, server.endpoint()).over()).body == b"ok"
            await turns()
        assert server.connections == 3


async def test_an_aborted_call_closes_at_once(identity: Identity) -> None:
    closed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        requested.set()
        await peer.gone()
        closed.set()

    requested = asyncio.Event()
    async with upstream(script, tls=identity("IP:127.0.0.1")) as server, client() as asking:
        recorder = ask(asking, server.endpoint())
        await requested.wait()
        assert recorder.call is not None
        recorder.call.abort()
        await closed.wait()
        assert recorder.error is None


async def test_backpressure_reaches_the_upstream(identity: Identity) -> None:
    size = 32 * 1024 * 1024
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            peer.writer.write(bytes(65536))
            sent += 65536
            await peer.writer.drain()

    async with upstream(script, tls=identity("IP:127.0.0.1")) as server, client() as asking:
        recorder = ask(asking, server.endpoint())
        assert recorder.call is not None
        recorder.on_piece = recorder.call.pause
        await recorder.until(lambda: bool(recorder.pieces))
        await stalled(lambda: sent)
        assert sent < size
        recorder.on_piece = lambda: None
        recorder.call.resume()
        assert len((await recorder.over()).body) == size


async def test_a_tunnel_carries_bytes_until_one_side_ends_it(identity: Identity) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(SWITCHED)
        await peer.send(await peer.reader.readexactly(4))
        assert await peer.reader.read() == b""

    async with upstream(script, tls=identity("IP:127.0.0.1")) as server, client() as asking:
        recorder = ask(asking, server.endpoint(), UPGRADE)
        await recorder.until(lambda: recorder.upgraded)
        assert recorder.call is not None
        recorder.call.write(b"ping")
        await recorder.until(lambda: recorder.body == b"ping")
        recorder.call.write_eof()
        await recorder.over()
