"""Which connection a call travels over, how long one is kept, and what is sent again."""

from __future__ import annotations

import asyncio
import socket

import pytest

from hotbay.lane.body import MemoryBody
from hotbay.lane.pool import MAX_IDLE

from .upstreams import OK, Peer, Recorder, ask, client, endpoint, post, turns, until, upstream


async def serve(peer: Peer) -> None:
    while True:
        await peer.answer(OK)


class Counted:
    """A script that notices the end of connections, and whose answers can be held back."""

    def __init__(self, answer: bytes = OK) -> None:
        self.open = 0
        self.waiting = 0
        self.answer = answer
        self.closed = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, peer: Peer) -> None:
        self.open += 1
        try:
            while True:
                await peer.request()
                self.waiting += 1
                await self.go.wait()
                self.waiting -= 1
                await peer.send(self.answer)
        finally:
            self.open -= 1
            self.closed.set()

    async def until_open(self, number: int) -> None:
        async with asyncio.timeout(5):
            while self.open > number:
                self.closed.clear()
                await self.closed.wait()


async def test_one_connection_carries_one_call_after_another() -> None:
    async with upstream(serve) as server, client() as asking:
        for _ in range(5):
            assert (await ask(asking, server.endpoint()).over()).body == b"ok"
        assert server.connections == 1


async def test_a_call_made_when_another_ends_finds_its_connection() -> None:
    async with upstream(serve) as server, client() as asking:
        following: list[Recorder] = []

        class Chained(Recorder):
            def on_end(self) -> None:
                super().on_end()
                following.append(ask(asking, server.endpoint()))

        chained = Chained()
        asking.request(server.endpoint(), post(0), MemoryBody(), chained)
        await chained.over()
        assert (await following[0].over()).body == b"ok"
        assert server.connections == 1


async def test_calls_at_the_same_time_get_a_connection_each_and_all_are_kept() -> None:
    script = Counted()
    async with upstream(script) as server, client() as asking:
        for _ in range(2):
            script.go.clear()
            recorders = [ask(asking, server.endpoint()) for _ in range(20)]
            await until(lambda: script.waiting == 20)
            script.go.set()
            for recorder in recorders:
                assert (await recorder.over()).body == b"ok"
        assert server.connections == 20


async def test_the_most_recently_used_connection_comes_first() -> None:
    script = Counted()
    async with upstream(script) as server, client() as asking:
        recorders = [ask(asking, server.endpoint(idle_conn=0.2)) for _ in range(3)]
        for recorder in recorders:
            await recorder.over()
        busy = asyncio.get_running_loop().time()
        while script.open > 1:  # two of three age while one is in use
            assert asyncio.get_running_loop().time() - busy < 5
            await ask(asking, server.endpoint(idle_conn=0.2)).over()
        assert server.connections == 3


async def test_no_more_than_the_limit_stays_idle() -> None:
    script = Counted()
    script.go.clear()
    async with upstream(script) as server, client() as asking:
        recorders = [ask(asking, server.endpoint()) for _ in range(MAX_IDLE + 3)]
        await until(lambda: script.waiting == len(recorders))
        script.go.set()
        for recorder in recorders:
            await recorder.over()
        await script.until_open(MAX_IDLE)
        assert script.open == MAX_IDLE


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    script = Counted()
    async with upstream(script) as server, client() as asking:
        await ask(asking, server.endpoint(idle_conn=0.05)).over()
        assert script.open == 1
        await script.until_open(0)


@pytest.mark.parametrize(
    ("hint", "kept"),
    [
        (b"timeout=5, max=100", True),
        (b"timeout=1", False),
        (b"timeout=0", False),
        (b"max=3", True),
        (b"timeout=soon", True),
    ],
)
async def test_the_upstreams_hint_limits_how_long_a_connection_is_kept(
    hint: bytes, kept: bool
) -> None:
    answer = b"HTTP/1.1 200 OK\r\nKeep-Alive: %b\r\nContent-Length: 0\r\n\r\n" % hint
    async with upstream(Counted(answer)) as server, client() as asking:
        for _ in range(2):
            await ask(asking, server.endpoint()).over()
        assert server.connections == (1 if kept else 2)


async def test_a_generation_never_uses_a_connection_of_another() -> None:
    async with upstream(serve) as server, client() as asking:
        for generation in (1, 2, 1, 2):
            await ask(asking, server.endpoint(generation)).over()
        assert server.connections == 2


async def test_an_endpoint_that_changed_does_not_use_the_connections_of_the_old_one() -> None:
    script = Counted()
    async with upstream(script) as server, upstream(serve) as other, client() as asking:
        await ask(asking, server.endpoint()).over()
        await ask(asking, other.endpoint()).over()
        assert (server.connections, other.connections) == (1, 1)
        await script.until_open(0)


async def test_a_forgotten_endpoint_has_no_connections_left() -> None:
    script = Counted()
    async with upstream(script) as server, client() as asking:
        await ask(asking, server.endpoint()).over()
        script.go.clear()
        busy = ask(asking, server.endpoint())
        asking.forget(server.endpoint())
        asking.forget(server.endpoint())
        script.go.set()
        assert (await busy.over()).body == b"ok"
        await script.until_open(0)


async def test_an_idle_connection_that_its_upstream_closes_is_dropped() -> None:
    async with upstream(lambda peer: peer.answer(OK), serve) as server, client() as asking:
        await ask(asking, server.endpoint()).over()
        await turns()
        assert (await ask(asking, server.endpoint()).over()).body == b"ok"
        assert server.connections == 2


async def test_bytes_on_an_idle_connection_end_it() -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(OK)
        await peer.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        await peer.gone()

    async with upstream(script, serve) as server, client() as asking:
        await ask(asking, server.endpoint()).over()
        await turns()
        got = await ask(asking, server.endpoint()).over()
        assert (got.status, server.connections) == (200, 2)


@pytest.mark.parametrize("ending", ["close", "reset"])
@pytest.mark.parametrize("size", [0, 3, 3_000_000])
async def test_a_request_lost_on_a_stale_connection_is_sent_once_more(
    ending: str, size: int
) -> None:
    data = bytes(size)
    bodies = []

    async def stale(peer: Peer) -> None:
        await peer.answer(OK)
        await peer.reader.readexactly(1)  # the next request has begun
        if ending == "reset":
            peer.reset()

    async def fresh(peer: Peer) -> None:
        bodies.append(await peer.request())
        await peer.send(OK)
        await peer.gone()

    async with upstream(stale, fresh) as server, client() as asking:
        await ask(asking, server.endpoint()).over()
        body = MemoryBody(data)
        got = await ask(asking, server.endpoint(), post(data), body).over()
        assert (got.error, got.body) == (None, b"ok")
        assert bodies == [(post(data), data)]
        assert server.connections == 2


async def test_a_request_is_sent_again_only_once() -> None:
    async def stale(peer: Peer) -> None:
        await peer.answer(OK)
        await peer.head()

    async with upstream(stale, lambda peer: peer.head()) as server, client() as asking:
        await ask(asking, server.endpoint()).over()
        error = await ask(asking, server.endpoint()).failed()
        assert error.kind == "reset"
        assert server.connections == 2


async def test_a_request_is_not_sent_again_once_a_byte_was_received() -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(OK)
        await peer.answer(b"H")

    async with upstream(script) as server, client() as asking:
        await ask(asking, server.endpoint()).over()
        error = await ask(asking, server.endpoint()).failed()
        assert (error.kind, error.response_started) == ("reset", False)
        assert server.connections == 1


async def test_a_request_on_a_fresh_connection_is_never_sent_again() -> None:
    async with upstream(lambda peer: peer.head()) as server, client() as asking:
        assert (await ask(asking, server.endpoint()).failed()).kind == "reset"
        assert server.connections == 1


async def test_a_call_can_be_aborted_while_it_is_sent_again() -> None:
    async def stale(peer: Peer) -> None:
        await peer.answer(OK)
        await peer.head()

    async with upstream(stale, lambda peer: peer.gone()) as server, client() as asking:
        await ask(asking, server.endpoint()).over()
        recorder = ask(asking, server.endpoint())
        call = recorder.call
        assert call is not None
        await until(lambda: call.carrier is None)
        call.abort()
        await turns()
        assert recorder.error is None
        assert not recorder.status


async def test_a_refused_connection_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with client() as asking:
            error = await ask(asking, endpoint(port)).failed()
    assert (error.kind, error.response_started) == ("connect", False)
    assert error.message == f"connection refused by 127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("no-such-host.invalid", "host name 'no-such-host.invalid' cannot be resolved: "),
        ("a..b", "host name 'a..b' is not valid"),
        ("255.255.255.255", "no connection to 255.255.255.255:9: "),
    ],
)
async def test_an_address_that_leads_nowhere_is_named(host: str, message: str) -> None:
    async with client() as asking:
        error = await ask(asking, endpoint(9, host=host)).failed()
    assert error.kind == "connect"
    assert error.message.startswith(message)


async def test_a_connection_that_does_not_come_about_in_time_is_given_up() -> None:
    # A listener whose queue is full does not answer.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        async with client() as asking:
            error = await ask(asking, endpoint(port, connect=0.05)).failed()
        for filler in fillers:
            filler.close()
    assert error.kind == "connect"
    assert error.message == f"no connection to 127.0.0.1:{port} within 0.05 s"


async def test_sockets_have_keepalive_and_no_delay() -> None:
    async with upstream(serve) as server, client() as asking:
        for keepalive, seconds in ((7, 7), (0, 15), (100_000, 32767)):
            recorder = Recorder()
            where = server.endpoint(keepalive=keepalive)
            call = asking.request(where, post(0), MemoryBody(), recorder)
            await until(lambda c=call: c.carrier is not None)
            assert call.carrier is not None
            sock = call.carrier.transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == seconds
            await recorder.over()


async def test_no_task_is_made_for_a_call_on_an_idle_connection() -> None:
    async with upstream(serve) as server, client() as asking:
        await ask(asking, server.endpoint()).over()
        await turns()
        tasks = asyncio.all_tasks()
        recorder = ask(asking, server.endpoint())
        assert asyncio.all_tasks() == tasks
        await recorder.over()


async def test_a_closed_client_leaves_no_connection() -> None:
    script = Counted()
    async with upstream(script) as server:
        async with client() as asking:
            recorders = [ask(asking, server.endpoint(idle_conn=60)) for _ in range(3)]
            for recorder in recorders:
                await recorder.over()
        await script.until_open(0)
