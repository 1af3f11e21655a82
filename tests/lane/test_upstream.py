"""Responses of every shape, as one upstream connection reads them."""

from __future__ import annotations

import asyncio

import pytest

from .upstreams import GET, OK, Peer, Recorder, ask, client, post, stalled, upstream

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def exchange(
    *pieces: bytes, head: bytes = GET, head_only: bool = False
) -> tuple[Recorder, bool]:
    """Return what an answer looks like to a sink, and whether its connection was used again."""

    async def script(peer: Peer) -> None:
        await peer.answer(*pieces)
        if not pieces[-1]:  # stands for the end of the connection
            return
        await peer.answer(OK)
        await peer.gone()

    async with upstream(script) as server, client() as asking:
        first = await ask(asking, server.endpoint(), head, head_only=head_only).over()
        if pieces[-1]:
            second = await ask(asking, server.endpoint()).over()
            assert second.body == b"ok" or server.connections == 2
        return first, server.connections == 1


async def test_a_response_arrives_with_status_reason_headers_and_body() -> None:
    answer = (
        b"HTTP/1.1 404 Not Here\r\nSet-Cookie: a\r\nX-B: 1\r\nset-cookie: b\r\n"
        b"Content-Length: 5\r\n\r\nhello"
    )
    got, reused = await exchange(answer)
    assert (got.status, got.reason, got.body) == (404, b"Not Here", b"hello")
    assert got.headers == [
        (b"set-cookie", b"a"),
        (b"x-b", b"1"),
        (b"set-cookie", b"b"),
        (b"content-length", b"5"),
    ]
    assert reused


@pytest.mark.parametrize("cut", range(1, 80))
async def test_where_a_response_is_cut_into_segments_does_not_matter(cut: int) -> None:
    answer = CHUNKED + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
    assert len(answer) > cut
    got, reused = await exchange(answer[:cut], answer[cut:])
    assert (got.status, got.reason, got.body) == (200, b"OK", b"abcde")
    assert got.headers == [(b"transfer-encoding", b"chunked")]
    assert reused


async def test_chunks_that_arrive_together_are_told_together_and_never_held_back() -> None:
    got, _ = await exchange(
        CHUNKED, b"3\r\nabc\r\n2\r\nde\r\n", b"2\r\nf", b"g\r\n", b"1\r\nh\r\n0\r\n\r\n"
    )
    assert got.pieces == [b"abcde", b"f", b"g", b"h"]


async def test_a_sink_learns_that_more_follows_at_once() -> None:
    got, _ = await exchange(OK)
    assert got.more == [True, True, False]  # head, data, end
    got, _ = await exchange(CHUNKED, b"1\r\na\r\n", b"0\r\n\r\n")
    assert got.more == [False, False, False]


async def test_the_head_is_told_before_the_body_has_begun() -> None:
    told = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.answer(CHUNKED)
        await told.wait()
        await peer.send(b"0\r\n\r\n")

    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint())
        await recorder.until(lambda: recorder.status == 200)
        told.set()
        assert (await recorder.over()).body == b""


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_body_ends_at_its_head(status: int) -> None:
    got, reused = await exchange(b"HTTP/1.1 %d X\r\nContent-Length: 9\r\n\r\n" % status)
    assert (got.status, got.body, got.ended) == (status, b"", True)
    assert reused


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 9", b"Transfer-Encoding: chunked", b"Content-Length: 0"]
)
async def test_the_response_to_head_ends_at_its_head(framing: bytes) -> None:
    head = b"HEAD /props HTTP/1.1\r\nhost: h\r\n\r\n"
    got, reused = await exchange(
        b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % framing, head=head, head_only=True
    )
    assert (got.status, got.body, got.ended) == (200, b"", True)
    assert reused


async def test_a_body_in_the_response_to_head_is_dropped_with_its_connection() -> None:
    head = b"HEAD /props HTTP/1.1\r\nhost: h\r\n\r\n"
    got, reused = await exchange(OK, head=head, head_only=True)
    assert (got.status, got.body, got.ended) == (200, b"", True)
    assert not reused


async def test_a_body_without_length_ends_with_the_connection() -> None:
    got, _ = await exchange(b"HTTP/1.0 200 OK\r\n\r\nabc", b"def", b"")
    assert (got.pieces, got.ended) == ([b"abc", b"def"], True)


async def test_a_body_with_an_unknown_transfer_coding_ends_with_the_connection() -> None:
    got, _ = await exchange(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc", b"")
    assert (got.body, got.ended) == (b"abc", True)


@pytest.mark.parametrize("status", [100, 102, 103, 150, 199])
async def test_interim_responses_are_dropped(status: int) -> None:
    interim = b"HTTP/1.1 %d Soon\r\nLink: </a>\r\n\r\n" % status
    got, reused = await exchange(interim + interim, interim, OK)
    assert (got.status, got.reason, got.body) == (200, b"OK", b"ok")
    assert got.headers == [(b"content-length", b"2")]
    assert reused


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"surplus",
        OK + OK,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok\r\n more",
    ],
)
async def test_a_connection_that_cannot_go_on_is_not_used_again(answer: bytes) -> None:
    got, reused = await exchange(answer)
    assert (got.status, got.body, got.ended) == (200, b"ok", True)
    assert not reused


async def test_a_connection_of_http_1_0_is_used_again_if_it_says_so() -> None:
    answer = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
    got, reused = await exchange(answer)
    assert got.body == b"ok"
    assert reused


async def test_a_response_of_several_megabytes_arrives_whole() -> None:
    data = bytes(range(256)) * 20_000
    got, _ = await exchange(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
    assert got.body == data


async def test_a_paused_call_stops_the_upstream_and_a_resumed_one_gets_everything() -> None:
    size = 64 * 1024 * 1024
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            peer.writer.write(bytes(65536))
            sent += 65536
            await peer.writer.drain()

    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint())
        assert recorder.call is not None
        recorder.on_piece = recorder.call.pause
        await recorder.until(lambda: bool(recorder.pieces))
        paused_at = len(recorder.body)
        await stalled(lambda: sent)
        assert len(recorder.body) == paused_at
        assert sent < size
        recorder.on_piece = lambda: None
        recorder.call.resume()
        assert len((await recorder.over()).body) == size


async def test_a_call_paused_before_it_is_connected_is_not_read() -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(OK)
        answered.set()
        await peer.gone()

    answered = asyncio.Event()
    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint())
        assert recorder.call is not None
        recorder.call.pause()
        await answered.wait()
        assert not recorder.status
        recorder.call.resume()
        assert (await recorder.over()).body == b"ok"


async def test_a_connection_released_while_paused_still_notices_its_end() -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(OK)

    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint())
        assert recorder.call is not None
        recorder.on_piece = recorder.call.pause
        await recorder.over()
        second = await ask(asking, server.endpoint()).over()
        assert second.body == b"ok"
        assert server.connections == 2


@pytest.mark.parametrize("moment", ["connecting", "sent", "head", "data"])
async def test_an_aborted_call_closes_at_once_and_is_told_nothing_more(moment: str) -> None:
    closed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        requested.set()
        await peer.send(*{"head": [CHUNKED], "data": [CHUNKED, b"2\r\nab\r\n"]}.get(moment, []))
        await peer.gone()
        closed.set()

    requested = asyncio.Event()
    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint(), post(0))
        assert recorder.call is not None
        if moment == "sent":
            await requested.wait()
        elif moment == "head":
            await recorder.until(lambda: recorder.status == 200)
        elif moment == "data":
            await recorder.until(lambda: bool(recorder.pieces))
        seen = (recorder.status, recorder.body)
        recorder.call.abort()
        recorder.call.abort()
        if moment != "connecting":
            async with asyncio.timeout(5):
                await closed.wait()
        assert (recorder.status, recorder.body) == seen
        assert not recorder.ended
        assert recorder.error is None


async def test_a_sink_may_abort_in_the_middle_of_what_one_read_brought() -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(OK)
        await peer.gone()

    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint())
        assert recorder.call is not None
        recorder.on_piece = recorder.call.abort
        await recorder.until(lambda: bool(recorder.pieces))
        assert not recorder.ended
        assert (await ask(asking, server.endpoint()).over()).body == b"ok"
        assert server.connections == 2
