from __future__ import annotations

import asyncio
import gc
import signal
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from tests.lane.serving import CHAT, OK, Truncated, get, serving
from tests.lane.upstreams import Peer, turns, upstream

from hotbay.lane.protocol import LaneProtocol

HEALTH = get("/health")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost"
    subject = ["-addext", "subjectAltName=DNS:localhost"]
    files = ["-out", cert, "-keyout", key]
    subprocess.run([*command.split(), *subject, *files], check=True, capture_output=True)
    return cert, key


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


# -- stopping --------------------------------------------------------------------------------


async def test_stopping_closes_idle_connections_and_streams_at_once(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as served,
        served.visit() as silent,
        served.visit() as idle,
        served.visit() as listener,
    ):
        await idle.ask(HEALTH)
        await listener.send(get("/stream"))
        await listener.reader.readuntil(b"begun\r\n")
        async with asyncio.timeout(5):
            await served.server.stop(grace=60)

        assert await silent.closed() == b""
        assert await idle.closed() == b""
        assert await listener.closed() == b""
        assert served.app.streams_ended == 1
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection("127.0.0.1", served.port)


async def test_stopping_lets_answers_end(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        served.engine.holding = True
        await visitor.send(CHAT)
        await served.engine.until(lambda: bool(served.engine.callers))
        stopping = asyncio.create_task(served.server.stop(grace=60))
        await asyncio.sleep(0)
        served.engine.grant(1)

        response = await visitor.response()
        assert response.status == 502
        assert response.header("connection") == "close"
        assert await visitor.closed() == b""
        await stopping


async def test_stopping_aborts_what_is_left_after_the_grace(tmp_path: Path) -> None:
    closed = asyncio.Event()

    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        await peer.gone()
        closed.set()

    async with (
        upstream(endless) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(CHAT)
        await visitor.reader.readuntil(b"hello\r\n")
        await served.server.stop(grace=0.05)

        await visitor.closed()
        await closed.wait()
        assert served.engine.ended == [1]


async def test_a_second_stop_cuts_the_grace_of_the_first_short(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        served.engine.holding = True
        await visitor.send(CHAT)
        await served.engine.until(lambda: bool(served.engine.callers))
        first = asyncio.create_task(served.server.stop(grace=60))
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await served.server.stop(grace=0)
            await first
        assert served.engine.departed == [1]


async def test_signals_are_left_to_the_program(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with serving(tmp_path):
        during = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert during == before


# -- TLS -------------------------------------------------------------------------------------


async def test_both_planes_speak_tls(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.answer(OK)

    cert, key = certificate
    context = trusting(cert)
    async with (
        upstream(script) as model,
        serving(tmp_path, model.port, certificate=cert, key=key) as served,
        served.visit(ssl=context, server_hostname="localhost") as visitor,
    ):
        assert (await visitor.ask(HEALTH)).status == 200
        assert (await visitor.ask(CHAT)).body == b"ok"
        assert served.app.scopes[0]["scheme"] == "https"
        refused = await visitor.ask(b"nonsense\r\n\r\n")
        assert refused.status == 400
        assert await visitor.closed() == b""


async def test_an_answer_that_breaks_off_is_seen_to_be_broken_over_tls(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", b"")

    cert, key = certificate
    async with (
        upstream(script) as model,
        serving(tmp_path, model.port, certificate=cert, key=key) as served,
        served.visit(ssl=trusting(cert), server_hostname="localhost") as visitor,
    ):
        await visitor.send(CHAT)
        with pytest.raises(Truncated):
            await visitor.response()


async def test_a_certificate_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    with pytest.raises(OSError, match="PEM"):
        async with serving(tmp_path, certificate=broken, key=broken):
            pass


async def test_the_kernel_notices_vanished_clients_and_holds_nothing_back(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        await visitor.ask(HEALTH)
        (connection,) = served.server._connections
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_connection_that_has_ended_leaves_nothing_to_the_garbage_collector(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as served:
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                async with served.visit() as visitor:
                    assert (await visitor.ask(get("/health"))).status == 200
                    assert (await visitor.ask(CHAT)).status == 502
            await turns()
            left = [item for item in gc.get_objects() if isinstance(item, LaneProtocol)]
        finally:
            gc.enable()
        assert left == []
