"""What is passed through as it comes: `/upstream/…` and `/comfyui/…` (spec/http-api.md 8 and 9)."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from pathlib import Path

import pytest
from tests.lane.serving import CHAT, OK, Asked, Truncated, get, message, post, serving
from tests.lane.test_names import form, websocket
from tests.lane.upstreams import SWITCHED, Peer, upstream

from hotbay.core.effects import Refusal
from hotbay.core.events import Mode
from hotbay.lane.body import PIECE

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
MORE = 'upstream: {ignorePaths: ["\\\\.png$"]}\n'
COMFYUI = '  comfyui_auto: {cmd: serve, proxy: "http://127.0.0.1:9"}\n'


def put(path: str, *headers: str) -> bytes:
    """Return a head that announces a body in chunks."""
    return get(path, "Transfer-Encoding: chunked", *headers, method="PUT")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


# -- both ways as it comes ----------------------------------------------------------------------


async def test_head_and_body_arrive_as_they_were_sent(tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, base_path="/base") as served,
        served.visit() as visitor,
    ):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            request = post(
                b"a\0b", "X-A: 1", "Accept-Encoding: br", path="/upstream/m1/a%2Fb?x=%20"
            )
            response = await visitor.ask(request.replace(b"POST", method.encode(), 1))
            assert (response.status, response.body) == (200, b"ok")

        assert server.targets == ["/base/a%2Fb?x=%20"] * 4
        assert server.bodies == [b"a\0b"] * 4
        fields = server.fields()
        assert (fields["x-a"], fields["host"], fields["content-length"]) == ("1", "localhost", "3")
        assert fields["accept-encoding"] == "br"
        assert served.engine.ended == [1, 2, 3, 4]


async def test_a_body_and_its_answer_flow_at_the_same_time(tmp_path: Path) -> None:
    """Each piece is answered before the next is sent: nothing waits for the whole."""

    async def script(peer: Peer) -> None:
        head = await peer.head()
        assert b"transfer-encoding: chunked\r\n" in head.lower()
        await peer.send(CHUNKED)
        while size := int(await peer.reader.readline(), 16):
            piece = await peer.reader.readexactly(size + 2)
            await peer.send(chunk(piece[:-2].upper()))
        await peer.reader.readexactly(2)
        await peer.send(b"0\r\n\r\n")
        await peer.answer(OK)

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(put("/upstream/m1/x"))
        assert b"Transfer-Encoding: chunked" in await visitor.reader.readuntil(b"\r\n\r\n")
        for piece in (b"one", b"two"):
            await visitor.send(chunk(piece))
            assert await visitor.reader.readexactly(8) == chunk(piece.upper())
        await visitor.send(b"0\r\nX-Trailer: 1\r\n\r\n")
        assert await visitor.reader.readexactly(5) == b"0\r\n\r\n"

        assert (await visitor.ask(get("/upstream/m1/x"))).body == b"ok"  # the connection goes on
        assert served.engine.ended == [1, 2]


async def test_a_body_of_known_length_is_passed_on_before_it_is_whole(tmp_path: Path) -> None:
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def script(peer: Peer) -> None:
        await peer.head()
        got.set_result(await peer.reader.readexactly(3))
        await peer.reader.readexactly(3)
        await peer.send(OK)

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(post(b"onetwo", path="/upstream/m1/x")[:-3])
        assert await got == b"one"
        assert (await visitor.ask(b"two")).body == b"ok"


async def test_a_model_server_that_does_not_read_holds_up_its_client(tmp_path: Path) -> None:
    may_read = asyncio.Event()
    size = 64 << 20

    async def script(peer: Peer) -> None:
        await peer.head()
        await may_read.wait()
        left = size
        while left:
            left -= len(await peer.reader.read(1 << 20))
        await peer.send(OK)

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        head = post(b"", path="/upstream/m1/x").replace(b"Length: 0", b"Length: %d" % size)
        visitor.writer.write(head + bytes(size))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await visitor.writer.drain()
        may_read.set()
        assert (await visitor.response()).body == b"ok"


async def test_a_request_that_waits_holds_little_of_its_body(tmp_path: Path) -> None:
    server = Asked()
    body = bytes(range(256)) * 40_000
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        visitor.writer.write(post(body, path="/upstream/m1/x"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await visitor.writer.drain()
        served.engine.grant(1)

        assert (await visitor.response()).body == b"ok"
        assert server.bodies == [body]


@pytest.mark.parametrize("rest", [b"", b"0\r\n\r\n"], ids=["sending", "sent"])
async def test_an_early_answer_reaches_a_client_that_still_sends(
    rest: bytes, tmp_path: Path
) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 401 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(put("/upstream/m1/x"), chunk(b"x" * 1000))
        response = await visitor.response()
        assert (response.status, response.body) == (401, b"no")
        await visitor.send(rest)

        assert await visitor.closed() == b""
        assert served.engine.ended == [1]


async def test_an_early_answer_to_a_large_body_is_not_lost(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        visitor.writer.write(post(bytes(20 << 20), path="/upstream/m1/x"))
        response = await visitor.response()

        assert (response.status, response.body) == (413, b"no")


async def test_a_model_server_that_hangs_up_in_the_middle_of_a_body(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(put("/upstream/m1/x"), chunk(b"x"))
        response = await visitor.response()

        assert response.status == 502
        assert "before the response" in message(response)
        assert response.header("connection") == "close"
        assert await visitor.closed() == b""
        assert (served.engine.ended, served.engine.lost) == ([1], [])


# -- 100-continue -----------------------------------------------------------------------------


async def test_a_client_is_asked_for_its_body_once_there_is_leave_to_forward(
    tmp_path: Path,
) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, settings="limits: {bodyIdle: 0.05}\n") as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        request = post(b"body", "Expect: 100-continue", path="/upstream/m1/x")
        await visitor.send(request[:-4])
        await served.engine.asked()
        with pytest.raises(TimeoutError):  # a model may load for minutes
            async with asyncio.timeout(0.2):
                await visitor.reader.read(1)
        served.engine.grant(1)
        assert (await visitor.response()).status == 100
        response = await visitor.ask(b"body")

        assert (response.status, response.body) == (200, b"ok")
        assert server.bodies == [b"body"]
        assert "expect" not in server.fields()


async def test_a_client_that_was_asked_for_its_body_must_send_it_in_time(tmp_path: Path) -> None:
    async with (
        upstream(Asked()) as up,
        serving(tmp_path, up.port, settings="limits: {bodyIdle: 0.05}\n") as served,
        served.visit() as visitor,
    ):
        await visitor.send(post(b"body", "Expect: 100-continue", path="/upstream/m1/x")[:-4])
        assert (await visitor.response()).status == 100
        assert (await visitor.response()).status == 408
        assert '" 408 ' in served.lines[-1]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the end is seen when it is read")
@pytest.mark.parametrize(("size", "reset"), [(PIECE + 200_000, False), (8 << 20, True)])
async def test_a_client_that_leaves_while_it_is_held_up_frees_its_place(
    size: int, reset: bool, tmp_path: Path
) -> None:
    """As far as the network tells: what it has sent, and its leave behind that, must have come."""
    async with serving(tmp_path) as served:
        async with served.visit() as visitor:
            served.engine.holding = True
            visitor.writer.write(post(b"x" * size, path="/upstream/m1/x"))
            await served.engine.asked()
            if reset:
                linger = struct.pack("ii", 1, 0)
                visitor.writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
            visitor.writer.transport.abort()
        await served.engine.until(lambda: served.engine.departed == [1])


async def test_a_body_that_breaks_the_protocol_is_refused_and_noted(tmp_path: Path) -> None:
    forwarded = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        forwarded.set()
        await peer.gone()

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port, recording=True) as served,
        served.visit() as visitor,
    ):
        request = put("/upstream/m1/v1/chat/completions").replace(b"PUT", b"POST", 1)
        await visitor.send(request + chunk(b"good"))
        await forwarded.wait()
        await visitor.send(b"no size\r\n")
        response = await visitor.response()

        assert (response.status, response.header("connection")) == (400, "close")
        assert b"not a valid HTTP/1.1 request" in response.body
        outcome, status, error = served.books.end()
        assert (outcome, status) == ("refused", 400)
        assert error.startswith("this is not a valid HTTP/1.1 request")
        assert served.engine.ended == [1]


@pytest.mark.parametrize("path", ["/upstream/m1/x", "/v1/chat/completions"])
async def test_a_client_behind_another_request_is_not_late_before_it_is_asked(
    path: str, tmp_path: Path
) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, settings="limits: {bodyIdle: 0.05}\n") as served,
        served.visit() as visitor,
    ):
        body = b'{"model":"m1"}'
        served.engine.holding = True
        await visitor.send(CHAT + post(body, "Expect: 100-continue", path=path)[: -len(body)])
        await served.engine.asked()
        served.engine.holding = False
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await visitor.reader.read(1)
        served.engine.grant(1)
        assert [(await visitor.response()).status for _ in range(2)] == [200, 100]
        assert (await visitor.ask(body)).status == 200


async def test_a_client_that_is_refused_is_not_asked_for_its_body(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        served.engine.refusing = Refusal.CONCURRENCY, ""
        await visitor.send(post(b"body", "Expect: 100-continue", path="/upstream/m1/x")[:-4])

        assert (await visitor.response()).status == 429
        assert await visitor.closed() == b""


async def test_a_body_that_nobody_reads_yet_is_not_late(tmp_path: Path) -> None:
    server = Asked()
    body = bytes(8 << 20)
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, settings="limits: {bodyIdle: 0.1}\n") as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        visitor.writer.write(post(body, path="/upstream/m1/x"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.4):
                await visitor.reader.read(1)
        served.engine.grant(1)

        assert (await visitor.response()).body == b"ok"
        assert server.bodies == [body]


# -- refusals ------------------------------------------------------------------------------------


async def test_a_refused_request_without_a_body_keeps_its_connection(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        served.engine.refusing = Refusal.CONCURRENCY, ""
        response = await visitor.ask(get("/upstream/m1/x"))

        assert response.status == 429
        assert response.header("connection") is None
        assert (await visitor.ask(get("/health"))).status == 200


@pytest.mark.parametrize("size", [10, 300_000], ids=["small", "more-than-is-held"])
async def test_a_connection_goes_on_behind_a_refused_body(size: int, tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        served.engine.holding = True
        await visitor.send(post(bytes(size), path="/upstream/m1/x"))
        await served.engine.asked()
        served.engine.refuse(1, Refusal.START_FAILED, "exit 1")
        assert (await visitor.response()).status == 500
        await visitor.send(get("/health"))
        try:
            assert (await visitor.response()).status == 200
        except EOFError:  # it was refused before it was whole
            assert size > 10


async def test_an_ignored_path_does_not_start_its_model(tmp_path: Path) -> None:
    async with serving(tmp_path, settings=MORE) as served, served.visit() as visitor:
        served.engine.refusing = Refusal.NOT_READY, ""
        response = await visitor.ask(get("/upstream/m1/a.png?x"))

        assert (response.status, message(response)) == (
            409,
            "model m1 is not loaded; path matches upstream.ignorePaths",
        )
        assert served.engine.modes == [Mode.ONLY_IF_READY]


@pytest.mark.parametrize(
    ("path", "status", "location"),
    [
        ("/upstream/alias-1?a=b", 301, "/upstream/alias-1/?a=b"),
        ("/comfyui?a", 301, "/comfyui/?a"),
        ("/upstream/nobody/x", 404, None),
        ("/upstream/any/x", 404, None),
    ],
)
async def test_a_path_without_a_place_is_answered_at_once(
    path: str, status: int, location: str | None, tmp_path: Path
) -> None:
    settings = COMFYUI + "selectors: {any: {strategy: pin, targets: [m1]}}\n"
    async with serving(tmp_path, settings=settings) as served, served.visit() as visitor:
        response = await visitor.ask(get(path))

        assert (response.status, response.header("location")) == (status, location)
        assert (await visitor.ask(get("/health"))).status == 200
        assert served.engine.targets == []


@pytest.mark.parametrize(
    ("request_bytes", "mode", "text"),
    [
        (
            get("/comfyui/x"),
            Mode.ONLY_IF_READY,
            "model comfyui_auto is not loaded; only /comfyui/ can start it",
        ),
        (
            websocket("/comfyui/ws"),
            Mode.UNTRACKED,
            "model comfyui_auto is not loaded; ignored websocket requests cannot start it",
        ),
    ],
)
async def test_only_the_root_of_comfyui_starts_it(
    request_bytes: bytes, mode: Mode, text: str, tmp_path: Path
) -> None:
    async with serving(tmp_path, settings=COMFYUI) as served, served.visit() as visitor:
        served.engine.refusing = Refusal.NOT_READY, ""
        response = await visitor.ask(request_bytes)

        assert (response.status, message(response)) == (409, text)
        assert served.engine.modes == [mode]


async def test_comfyui_is_served_without_its_prefix_and_without_a_trace(tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, settings=COMFYUI, recording=True) as served,
        served.visit() as visitor,
    ):
        await visitor.ask(get("/comfyui/?a"))
        await visitor.ask(post(b"{}", path="/comfyui/v1/chat/completions"))

        assert server.targets == ["/?a", "/v1/chat/completions"]
        assert served.engine.modes == [Mode.NORMAL, Mode.ONLY_IF_READY]
        assert served.books.begun == []


# -- limits ----------------------------------------------------------------------------------------

SMALL = "limits: {body: 2000, bodyMemory: 3000}\n"


async def test_a_body_that_turns_out_too_large_is_refused_in_the_usual_form(
    tmp_path: Path,
) -> None:
    path = "/upstream/m1/v1/completions"
    async with (
        serving(tmp_path, settings=SMALL, recording=True) as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        head = post(b"", path=path).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        await visitor.send(head, chunk(bytes(2000)), chunk(b"x"))
        response = await visitor.response()

        assert response.status == 413
        assert "limits.body" in message(response)
        assert response.header("x-request-id")
        assert await visitor.closed() == b""
        assert served.engine.departed == [1]
        assert " 413 " in served.lines[0]
        assert served.books.end()[:2] == ("refused", 413)


async def test_a_body_that_turns_out_too_large_breaks_an_answer_off(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(CHUNKED + chunk(b"begun"))
        await peer.gone()

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port, settings=SMALL) as served,
        served.visit() as visitor,
    ):
        await visitor.send(put("/upstream/m1/x"))
        await visitor.reader.readuntil(b"begun\r\n")
        await visitor.send(chunk(bytes(2001)))

        assert await visitor.closed() == b""
        assert served.engine.ended == [1]
        assert " 200 5 " in served.lines[0]


async def test_a_body_too_large_behind_another_request_is_refused_in_its_turn(
    tmp_path: Path,
) -> None:
    async with (
        upstream(Asked()) as up,
        serving(tmp_path, up.port, settings=SMALL) as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        await visitor.send(CHAT + put("/upstream/m1/x"), chunk(bytes(1500)), chunk(bytes(1500)))
        await visitor.send(b"0\r\n\r\n")
        await served.engine.asked()
        served.engine.grant(1)

        assert [(await visitor.response()).status for _ in range(2)] == [200, 413]
        assert served.engine.targets == ["m1"]


# -- HEAD and redirects ----------------------------------------------------------------------------


async def test_head_ends_with_the_head(tmp_path: Path) -> None:
    server = Asked(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        for _ in range(2):
            response = await visitor.ask(get("/upstream/m1/x", method="HEAD"), head=True)
            assert (response.status, response.header("content-length")) == (200, "500")

        assert server.requests[0][0].startswith(b"HEAD /x ")
        assert up.connections == 1
        assert served.engine.ended == [1, 2]


async def test_a_refused_head_has_no_body(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        served.engine.refusing = Refusal.CONCURRENCY, ""
        response = await visitor.ask(get("/upstream/m1/x", method="HEAD"), head=True)

        assert response.status == 429
        assert (await visitor.ask(get("/health"))).status == 200


async def test_a_redirect_of_the_model_server_is_passed_on(tmp_path: Path) -> None:
    server = Asked(b"HTTP/1.1 307 Over There\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n")
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        response = await visitor.ask(post(b"x", path="/upstream/m1/x"))

        assert (response.status, response.header("location")) == (307, "/y")
        assert len(server.requests) == 1


# -- websockets -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/upstream/m1/ws", "/props?model=m1", "/comfyui/ws"])
async def test_a_websocket_carries_bytes_both_ways_until_either_side_closes(
    path: str, tmp_path: Path
) -> None:
    async def script(peer: Peer) -> None:
        head = await peer.head()
        assert b"\r\nupgrade: websocket\r\n" in head.lower()
        await peer.send(SWITCHED + b"early")
        while data := await peer.reader.read(100):
            await peer.send(data.upper())

    async with upstream(script) as up, serving(tmp_path, up.port, settings=COMFYUI) as served:
        async with served.visit() as visitor:
            await visitor.send(websocket(path).replace(b"Host", b"X-Request-ID: w-1\r\nHost", 1))
            response = await visitor.response()
            assert response.status == 101
            assert response.header("upgrade") == "websocket"
            assert response.header("x-request-id") == "w-1"
            assert await visitor.reader.readexactly(5) == b"early"
            await visitor.send(b"hello")
            assert await visitor.reader.readexactly(5) == b"HELLO"
        await served.engine.until(lambda: served.engine.ended == [1])

        assert " 101 10 " in served.lines[0]


async def test_a_model_server_that_ends_its_tunnel_ends_the_clients(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(SWITCHED + b"bye")

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(websocket("/upstream/m1/ws"))
        assert (await visitor.response()).status == 101
        assert await visitor.closed() == b"bye"
        assert served.engine.ended == [1]


async def test_what_a_client_sends_before_its_tunnel_is_open_is_passed_on(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(SWITCHED)
        assert await peer.reader.readexactly(5) == b"hasty"
        await peer.send(b"seen")

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        await visitor.send(websocket("/upstream/m1/ws"), b"has", b"ty")
        await served.engine.asked()
        served.engine.grant(1)
        assert (await visitor.response()).status == 101
        assert await visitor.closed() == b"seen"


async def test_a_client_that_sends_much_before_its_tunnel_is_open_is_cut_off(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as served, served.visit() as visitor:
        served.engine.holding = True
        await visitor.send(websocket("/upstream/m1/ws"), bytes(70_000))
        await served.engine.until(lambda: served.engine.departed == [1])

        assert await visitor.closed() == b""


@pytest.mark.parametrize("body", [b"", b"Content-Length: 3\r\n\r\nno!"])
async def test_a_refused_upgrade_is_an_ordinary_answer(body: bytes, tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 403 Forbidden\r\n" + (body or b"Content-Length: 0\r\n\r\n"))

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        response = await visitor.ask(websocket("/upstream/m1/ws"))

        assert (response.status, response.body) == (403, body[-3:])
        assert await visitor.closed() == b""
        assert served.engine.ended == [1]


async def test_a_far_end_that_does_not_read_holds_up_a_tunnel(tmp_path: Path) -> None:
    may_read, size = asyncio.Event(), 64 << 20

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(SWITCHED)
        await may_read.wait()
        left = size
        while left:
            left -= len(await peer.reader.read(1 << 20))
        await peer.send(b"all")

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(websocket("/upstream/m1/ws"))
        assert (await visitor.response()).status == 101
        visitor.writer.write(bytes(size))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await visitor.writer.drain()
        may_read.set()
        async with asyncio.timeout(10):
            assert await visitor.reader.readexactly(3) == b"all"


# -- peers ----------------------------------------------------------------------------------------


def peers(port: int) -> str:
    return f"""
peers:
  far: {{proxy: "http://127.0.0.1:{port}", models: [big]}}
profiles: {{desk: {{pins: {{front: far/big}}}}}}
"""


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("far/big", b'{"model":"far/big"}', b'{"model":"big"}'),
        ("far/big", b'{ "model" : "other" }', b'{ "model" : "other" }'),
        ("far/big", b"no JSON", b"no JSON"),
        ("front", b'{"model":"front"}', b'{"model":"big"}'),
        ("front", b'{"model":"far/big"}', b'{"model":"big"}'),
        ("big", b'{"model":"far/big"}', b'{"model":"far/big"}'),  # no name of the path to replace
    ],
)
async def test_the_name_in_the_path_is_replaced_in_a_peers_body(
    name: str, body: bytes, expected: bytes, tmp_path: Path
) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, settings=peers(up.port)) as served,
        served.visit() as visitor,
    ):
        served.profile.select("desk")
        response = await visitor.ask(post(body, path=f"/upstream/{name}/x"))

        assert response.status == 200
        assert server.bodies == [expected]
        assert server.targets == ["/x"]
        assert (await visitor.ask(get("/health"))).status == 200


async def test_the_name_is_replaced_in_forms_and_queries_for_a_peer(tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, settings=peers(up.port)) as served,
        served.visit() as visitor,
    ):
        kind = "Content-Type: multipart/form-data; boundary=XX"
        await visitor.ask(post(form("far/big"), kind, path="/upstream/far/big/x"))
        await visitor.ask(get("/upstream/far/big/x?a=%20&model=far/big"))

        assert server.bodies == [form("big"), b""]
        assert server.targets == ["/x", "/x?a=%20&model=big"]


async def test_a_body_for_a_peer_waits_for_leave_and_for_its_turn(tmp_path: Path) -> None:
    server = Asked()
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, settings=peers(up.port)) as served,
        served.visit() as visitor,
    ):
        body = b'{"model":"far/big"}'
        request = post(body, "Expect: 100-continue", path="/upstream/far/big/x")
        await visitor.send(request[: -len(body)])
        assert (await visitor.response()).status == 100
        assert (await visitor.ask(body)).status == 200
        served.engine.holding = True
        await visitor.send(CHAT + post(body, path="/upstream/far/big/x"))
        await served.engine.asked()
        assert len(server.requests) == 1
        served.engine.grant(1)
        assert [(await visitor.response()).status for _ in range(2)] == [200, 200]

        names = [json.loads(body)["model"] for body in server.bodies]
        assert names == ["big", "m1", "big"]


async def test_a_peers_body_that_is_refused_behind_another_waits_for_its_turn(
    tmp_path: Path,
) -> None:
    async with (
        upstream(Asked()) as up,
        serving(tmp_path, up.port, settings=peers(up.port) + SMALL) as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        await visitor.send(CHAT + put("/upstream/far/big/x"), chunk(bytes(1500)))
        await visitor.send(chunk(bytes(1500)), b"0\r\n\r\n")
        await served.engine.asked()
        served.engine.grant(1)

        assert [(await visitor.response()).status for _ in range(2)] == [200, 413]
        assert (await visitor.ask(get("/health"))).status == 200


async def test_a_body_for_a_peer_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, settings=peers(9) + SMALL) as served,
        served.visit() as visitor,
    ):
        response = await visitor.ask(put("/upstream/far/big/x") + chunk(bytes(2500)) + b"0\r\n\r\n")

        assert (response.status, "limits.body" in message(response)) == (413, True)


async def test_a_websocket_to_a_peer(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        head = await peer.head()
        assert head.startswith(b"GET /ws ")
        await peer.send(SWITCHED + b"hi")

    async with (
        upstream(script) as up,
        serving(tmp_path, settings=peers(up.port)) as served,
        served.visit() as visitor,
    ):
        await visitor.send(websocket("/upstream/far/big/ws"))
        assert (await visitor.response()).status == 101
        assert await visitor.closed() == b"hi"


# -- clients that leave ------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True], ids=["in-its-body", "behind-its-body"])
@pytest.mark.parametrize("holding", [False, True], ids=["forwarded", "waiting"])
async def test_a_client_that_leaves_gives_its_place_back(
    whole: bool, holding: bool, tmp_path: Path
) -> None:
    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        asked.set()
        await peer.gone()

    async with upstream(script) as up, serving(tmp_path, up.port) as served:
        served.engine.holding = holding
        async with served.visit() as visitor:
            await visitor.send(put("/upstream/m1/x"), chunk(b"x") + b"0\r\n\r\n" * whole)
            if holding:
                await served.engine.asked()
            else:
                await asked.wait()
        engine = served.engine
        await engine.until(lambda: (engine.departed if holding else engine.ended) == [1])

        assert " 499 0 " in served.lines[0]


async def test_a_body_that_ends_too_early_ends_its_request(tmp_path: Path) -> None:
    """What is not HTTP in the middle of a body cannot be passed on as if it were whole."""
    ended = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        assert await peer.reader.readuntil(b"x\r\n") == b"1\r\nx\r\n"
        assert await peer.reader.read() == b""
        ended.set()

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(put("/upstream/m1/x"), chunk(b"x"), b"nonsense\r\n")
        assert (await visitor.response()).status == 400
        async with asyncio.timeout(1):
            await ended.wait()


async def test_an_answer_that_breaks_off_while_a_body_comes_is_seen_to_be_broken(
    tmp_path: Path,
) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(CHUNKED + chunk(b"begun"))

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port) as served,
        served.visit() as visitor,
    ):
        await visitor.send(put("/upstream/m1/x"), chunk(b"x"))
        with pytest.raises(Truncated):
            await visitor.response()
