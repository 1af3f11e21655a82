"""What a connection does with clients that are slow, hasty, silent, rude or many."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.lane.serving import CHAT, OK, SERVED, Served, Truncated, Visitor, get, post, serving
from tests.lane.upstreams import SWITCHED, Peer, turns, upstream

from hotbay.lane import hardened

HEALTH = get("/health")
WEBSOCKET = get("/props?model=m1", "Connection: keep-alive, Upgrade", "Upgrade: WebSocket")
STREAM = get("/stream")


async def answering_ok(peer: Peer) -> None:
    while True:
        await peer.answer(OK)


async def silent(peer: Peer) -> None:
    await peer.request()
    await peer.gone()


# -- slow ------------------------------------------------------------------------------------


async def test_a_connection_that_says_nothing_is_closed(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, settings="limits: {headTimeout: 0.05}\n") as served,
        served.visit() as visitor,
    ):
        assert await visitor.closed() == b""


@pytest.mark.parametrize("first", [b"", HEALTH], ids=["first-request", "second-request"])
@pytest.mark.parametrize("begun", [b"G", HEALTH[:-2]], ids=["one-byte", "all-but-the-end"])
async def test_a_head_that_takes_too_long_is_refused(
    first: bytes, begun: bytes, tmp_path: Path
) -> None:
    async with (
        serving(tmp_path, settings="limits: {headTimeout: 0.1}\n") as served,
        served.visit() as visitor,
    ):
        if first:
            await visitor.ask(first)
        await visitor.send(begun)
        response = await visitor.response()

        assert response.status == 408
        assert b"the head took longer than 0.1 s" in response.body
        assert await visitor.closed() == b""


async def test_a_head_in_drops_gets_no_more_time(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, settings="limits: {headTimeout: 0.1}\n") as served,
        served.visit() as visitor,
    ):
        await visitor.ask(HEALTH)

        async def drip() -> None:
            await visitor.send(b"GET / HTTP/1.1\r\n")
            while True:
                await visitor.send(b"X: y\r\n")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        assert (await visitor.response()).status == 408
        dripping.cancel()


async def test_a_body_that_stops_is_given_up(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, settings="limits: {bodyIdle: 0.05}\n") as served,
        served.visit() as visitor,
    ):
        await visitor.send(CHAT[:-1])
        response = await visitor.response()

        assert response.status == 408
        assert b"no more of the body came for 0.05 s" in response.body
        assert await visitor.closed() == b""
        assert served.engine.targets == []


async def test_a_body_that_stops_behind_its_answer_is_not_answered_again(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, settings="limits: {bodyIdle: 0.05, jsonBody: 20}\n") as served,
        served.visit() as visitor,
    ):
        await visitor.send(CHAT[:-1])
        assert (await visitor.response()).status == 413

        assert await visitor.closed() == b""


async def test_an_idle_connection_is_kept_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardened, "KEEP_ALIVE", 0.1)
    async with (
        upstream(answering_ok) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        loop = asyncio.get_running_loop()
        for request in (HEALTH, CHAT, get("/nowhere"), get("//")):
            await visitor.ask(request)
            answered = loop.time()
        assert await visitor.closed() == b""
        assert loop.time() - answered > 0.09


async def test_a_request_that_takes_long_is_not_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardened, "KEEP_ALIVE", 0.02)
    settings = "limits: {headTimeout: 0.02, bodyIdle: 0.02}\n"
    async with serving(tmp_path, settings=settings) as served, served.visit() as visitor:
        served.engine.holding = True
        await visitor.send(CHAT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await visitor.reader.read(1)
        visitor.leave()
        await served.engine.until(lambda: served.engine.departed == [1])


# -- hasty -----------------------------------------------------------------------------------


async def test_requests_behind_a_waiting_one_are_held_and_its_end_is_noticed(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        served.engine.holding = True
        await visitor.send(CHAT, CHAT, HEALTH)
        await served.engine.until(lambda: served.engine.targets == ["m1"])
        await turns()
        assert served.engine.targets == ["m1"]
        assert served.app.paths == []
        visitor.leave()
        await served.engine.until(lambda: served.engine.departed == [1])
        assert served.engine.targets == ["m1"]


@pytest.mark.parametrize(
    "behind", [CHAT * 1000, post(b"x" * 70_000)], ids=["many-requests", "one-large-body"]
)
async def test_too_much_behind_a_waiting_request_closes(behind: bytes, tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        served.engine.holding = True
        await visitor.send(CHAT + behind)

        assert await visitor.closed() == b""
        await served.engine.until(lambda: served.engine.departed == [1])


async def test_many_requests_may_be_sent_ahead_if_they_are_answered_in_time(
    tmp_path: Path,
) -> None:
    async with (
        upstream(answering_ok) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        for _ in range(20):
            await visitor.send(CHAT * 50)
            for _ in range(50):
                assert (await visitor.response()).body == b"ok"


async def test_large_bodies_may_share_a_read_with_the_next_head(tmp_path: Path) -> None:
    large = post(b'{"model":"m1","x":"' + b"x" * 200_000 + b'"}')
    async with (
        upstream(answering_ok) as model,
        serving(tmp_path, model.port, settings="limits: {head: 1000}\n") as served,
        served.visit() as visitor,
    ):
        for _ in range(4):
            await visitor.send(large[:-50_000], large[-50_000:] + CHAT[:-10], CHAT[-10:])
            assert [(await visitor.response()).status for _ in range(2)] == [200, 200]


# -- rude ------------------------------------------------------------------------------------


async def test_nonsense_behind_an_answer_that_has_begun_breaks_it_off(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        await visitor.send(STREAM)
        await visitor.reader.readuntil(b"begun\r\n")
        await visitor.send(b"nonsense\r\n\r\n")

        assert await visitor.closed() == b""
        assert served.app.streams_ended == 1


async def test_nonsense_behind_a_request_on_the_lane_frees_its_place(tmp_path: Path) -> None:
    async with (
        upstream(silent) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(CHAT, b"nonsense\r\n\r\n")

        assert await visitor.closed() == b""
        await served.engine.until(lambda: served.engine.ended == [1])


async def test_a_refusal_is_read_although_the_body_goes_on(tmp_path: Path) -> None:
    """The kernel would reset a client that sends to a closed socket, before it reads."""
    settings = "limits: {body: 1000}\n"
    async with serving(tmp_path, settings=settings) as served, served.visit() as visitor:
        await visitor.send(post(b"x" * 1_000_000)[:500])
        for _ in range(90):
            await visitor.send(b"x" * 10_000)
        assert (await visitor.response()).status == 413
        assert await visitor.closed() == b""


async def test_nothing_is_run_behind_a_refusal_that_closes(tmp_path: Path) -> None:
    refused = get("//", "Transfer-Encoding: chunked") + b"0\r\n\r\n"
    async with serving(tmp_path) as served, served.visit() as visitor:
        response = await visitor.ask(refused + HEALTH + CHAT)

        assert (response.status, response.header("connection")) == (307, "close")
        assert await visitor.closed() == b""
        assert served.engine.targets == []
        assert served.app.paths == []


@pytest.mark.parametrize("nonsense", [b"zz\r\n", b"1\r\nxx\r\n", b"0\r\n\r\nnonsense\r\n"])
async def test_nonsense_behind_a_refusal_that_closes_is_not_looked_at(
    nonsense: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refused = get("//", "Transfer-Encoding: chunked")
    async with serving(tmp_path) as served, served.visit() as visitor:
        response = await visitor.ask(refused + nonsense)

        assert (response.status, response.header("connection")) == (307, "close")
        assert await visitor.closed() == b""
    assert caplog.records == []


async def test_a_small_body_behind_a_refusal_does_not_cost_the_connection(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, settings="apiKeys: [k]\n") as served,
        served.visit() as visitor,
    ):
        for _ in range(3):
            await visitor.send(CHAT[:-3], CHAT[-3:])
            assert (await visitor.response()).status == 401


async def test_a_client_that_waits_for_leave_is_not_given_it_for_a_refused_body(
    tmp_path: Path,
) -> None:
    async with (
        serving(tmp_path, settings="apiKeys: [k]\n") as served,
        served.visit() as visitor,
    ):
        head, _, _ = post(b"x" * 10, "Expect: 100-continue").rpartition(b"x" * 10)
        response = await visitor.ask(head)

        assert response.status == 401
        assert response.header("connection") == "close"
        assert await visitor.closed() == b""


async def test_a_half_closed_client_gets_what_was_complete(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        await visitor.send(get("//"))
        visitor.writer.write_eof()

        assert (await visitor.response()).status == 307
        assert await visitor.closed() == b""


async def test_a_client_that_leaves_ends_the_applications_stream(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        await visitor.send(STREAM)
        await visitor.reader.readuntil(b"begun\r\n")
        visitor.leave()
        async with asyncio.timeout(5):
            await served.app.changed.wait()


# -- many ------------------------------------------------------------------------------------


async def test_there_is_a_limit_on_connections(tmp_path: Path) -> None:
    async with serving(tmp_path, settings="limits: {connections: 2}\n") as served:
        async with served.visit() as first, served.visit() as second:
            assert (await first.ask(HEALTH)).status == 200
            assert (await second.ask(HEALTH)).status == 200
            async with served.visit() as third:
                response = await third.response()
                assert response.status == 503
                assert b"limits.connections (2)" in response.body
                assert await third.closed() == b""
        async with served.visit() as visitor:
            assert (await visitor.ask(HEALTH)).status == 200


# -- both planes on one connection -----------------------------------------------------------


async def test_the_application_sees_the_path_that_the_gate_judged(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        await visitor.ask(get("/a%2Fb%20c?x=%20", "X-A: b"))
        scope = served.app.scopes[0]

        assert scope["path"] == "/a%2Fb c"
        assert scope["raw_path"] == b"/a%2Fb%20c"
        assert scope["query_string"] == b"x=%20"
        assert (b"x-a", b"b") in scope["headers"]
        assert scope["client"][0] == "127.0.0.1"


async def test_no_spelling_of_a_path_leads_past_the_key(tmp_path: Path) -> None:
    spellings = (
        "/health/../stream",
        "//stream",
        "/./stream",
        "/%73tream",
        "/stream?x",
        "http://localhost/stream",
        "http://localhost//stream",
        "/stream#/../../health",
        "/health#/../stream",
    )
    async with serving(tmp_path, settings="apiKeys: [k]\n") as served:
        for target in spellings:
            async with served.visit() as visitor:
                status = (await visitor.ask(get(target))).status
                assert status in {307, 400, 401}, target
        assert served.app.paths == []


async def test_answers_of_the_application_have_a_date(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        assert str((await visitor.ask(HEALTH)).header("date")).endswith(" GMT")


async def test_refusals_are_logged(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        await visitor.ask(get("/a//b"))
        await visitor.ask(HEALTH)

        assert [line.split(" ")[2:6] for line in served.lines] == [
            ['"GET', "/a//b", 'HTTP/1.1"', "307"],
            ['"GET', "/health", 'HTTP/1.1"', "200"],
        ]


# -- tunnels ---------------------------------------------------------------------------------


async def opened(visitor: Visitor) -> bytes:
    await visitor.send(WEBSOCKET)
    return await visitor.reader.readuntil(b"\r\n\r\n")


async def echo(peer: Peer) -> None:
    head = await peer.head()
    assert b"connection: Upgrade\r\n" in head
    assert b"upgrade: WebSocket\r\n" in head
    await peer.send(SWITCHED)
    while data := await peer.reader.read(65536):
        await peer.send(data)


async def served_tunnels(served: Served) -> None:
    await served.engine.until(lambda: served.engine.ended == [1])


async def test_a_websocket_is_a_tunnel_to_the_model_server(tmp_path: Path) -> None:
    async with (
        upstream(echo) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        head = await opened(visitor)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"upgrade: websocket" in head.lower()
        for data in (b"\x81\x05hello", HEALTH, b"x" * 300_000):
            await visitor.send(data)
            assert await visitor.reader.readexactly(len(data)) == data
        visitor.leave()
        await served_tunnels(served)
        assert " 101 " in served.lines[0]
        assert served.app.paths == []


async def test_what_comes_with_the_wish_for_a_tunnel_goes_through_it(tmp_path: Path) -> None:
    async with (
        upstream(echo) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(WEBSOCKET + b"early", b" bird")
        await visitor.reader.readuntil(b"\r\n\r\n")
        assert await visitor.reader.readexactly(10) == b"early bird"


async def test_a_tunnel_ends_with_the_model_servers_side(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(SWITCHED, b"bye")

    async with (
        upstream(script) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        await opened(visitor)
        assert await visitor.closed() == b"bye"
        await served_tunnels(served)


async def test_a_tunnel_that_is_refused_is_an_ordinary_answer(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")

    async with (
        upstream(script) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        response = await visitor.ask(WEBSOCKET)
        assert (response.status, response.body) == (404, b"no")
        assert await visitor.closed() == b""
        await served_tunnels(served)


async def test_a_tunnel_needs_a_key_and_a_known_model(tmp_path: Path) -> None:
    async with serving(tmp_path, settings="apiKeys: [k]\n") as served:
        async with served.visit() as visitor:
            assert (await visitor.ask(WEBSOCKET)).status == 401
            assert await visitor.closed() == b""
        async with served.visit() as visitor:
            unknown = WEBSOCKET.replace(b"m1", b"nobody", 1)
            with_key = unknown[:-2] + b"X-Api-Key: k\r\n\r\n"
            assert (await visitor.ask(with_key)).status == 404


async def test_a_client_that_fills_a_tunnel_before_it_is_open_is_cut_off(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        served.engine.holding = True
        await visitor.send(WEBSOCKET)
        await served.engine.until(lambda: bool(served.engine.callers))
        await visitor.send(b"x" * 70_000)

        assert await visitor.closed() == b""
        await served.engine.until(lambda: served.engine.departed == [1])


async def test_the_other_end_of_a_full_tunnel_holds_up_the_client(tmp_path: Path) -> None:
    may_read = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(SWITCHED)
        await may_read.wait()
        total = 0
        while data := await peer.reader.read(1 << 20):
            total += len(data)
            if total == 400 * 65536:
                await peer.send(b"all")

    async with (
        upstream(script) as model,
        serving(tmp_path, model.port) as served,
        served.visit() as visitor,
    ):
        await opened(visitor)
        held_up = False
        for _ in range(400):
            visitor.writer.write(b"x" * 65536)
            try:
                async with asyncio.timeout(0.2):
                    await visitor.writer.drain()
            except TimeoutError:
                held_up = True
                may_read.set()
                await visitor.writer.drain()
        assert held_up
        assert await visitor.reader.readexactly(3) == b"all"


def test_the_applications_routes_are_what_these_tests_think() -> None:
    assert ("GET", "/stream") in SERVED
    assert json.loads(CHAT.rpartition(b"\r\n")[2])["model"] == "m1"
    assert issubclass(Truncated, Exception)
