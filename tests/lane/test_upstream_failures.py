"""What a sink is told when an upstream does not answer as it should."""

from __future__ import annotations

import asyncio

import pytest

from hotbay.lane.body import MemoryBody

from .upstreams import OK, Peer, Recorder, ask, client, post, upstream

ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
HEAD_SIZE = ANSWER.index(b"3\r\nabc")


async def broken(sent: bytes, ending: str) -> Recorder:
    """Return what a sink is told of an answer that ends after `sent`."""

    async def script(peer: Peer) -> None:
        await peer.answer(*[sent] * bool(sent))
        if ending == "reset":
            peer.reset()

    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint(), post(b"x"), MemoryBody(b"x"))
        error = await recorder.failed()
        assert server.address in error.message
        assert server.connections == 1
        return recorder


@pytest.mark.parametrize("ending", ["close", "reset"])
@pytest.mark.parametrize("size", range(len(ANSWER)))
async def test_an_answer_that_ends_at_any_byte_is_told_as_far_as_it_came(
    size: int, ending: str
) -> None:
    got = await broken(ANSWER[:size], ending)
    assert got.error is not None
    assert got.error.kind == "reset"
    assert got.error.response_started == (size >= HEAD_SIZE) == bool(got.status)
    event = "reset" if ending == "reset" else "closed"
    when = "in the middle of" if got.status else "before"
    assert f" {event} the connection {when} the response" in got.error.message
    assert b"abc".startswith(got.body)
    assert len(got.body) == max(0, min(3, size - HEAD_SIZE - 3))


async def test_a_body_shorter_than_its_length_is_an_error() -> None:
    got = await broken(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "close")
    assert (got.status, got.body, got.ended) == (200, b"abc", False)


async def test_a_body_without_length_that_ends_in_a_reset_is_an_error() -> None:
    got = await broken(b"HTTP/1.0 200 OK\r\n\r\nabc", "reset")
    assert (got.status, got.body, got.ended) == (200, b"abc", False)
    assert got.error is not None
    assert got.error.response_started


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\nok",
        b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
    ],
)
async def test_what_is_not_a_valid_response_is_a_protocol_error(answer: bytes) -> None:
    got = await broken(answer, "close")
    assert got.error is not None
    assert (got.error.kind, got.error.response_started) == ("protocol", False)
    assert not got.status


async def test_a_body_is_told_up_to_where_its_framing_breaks() -> None:
    got = await broken(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nXX\r\n", "close"
    )
    assert got.error is not None
    assert (got.error.kind, got.error.response_started) == ("protocol", True)
    assert (got.status, got.body) == (200, b"abc")


@pytest.mark.parametrize(
    ("start", "filler"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-A: %b\r\n" % (b"a" * 50_000)),
        (b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 50_000),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2000),
        (ANSWER[: HEAD_SIZE + 8] + b"0\r\n", b"X-Trailer: %b\r\n" % (b"a" * 50_000)),
    ],
)
async def test_a_head_or_trailer_without_end_is_refused(start: bytes, filler: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(*[start] * bool(start))
        while True:
            await peer.send(filler)

    async with upstream(script) as server, client() as asking:
        error = await ask(asking, server.endpoint(), post(0)).failed()
    assert error.kind == "protocol"
    assert "more than 1 MiB of headers" in error.message


async def test_a_stream_whose_framing_comes_apart_from_its_data_has_no_end() -> None:
    """Two megabytes of framing in reads without data, but never one without the other for long."""
    chunk = b"1;%b\r\n" % (b"x" * 30_000)

    async def script(peer: Peer) -> None:
        await peer.answer(ANSWER[:HEAD_SIZE])
        for _ in range(70):
            await peer.send(chunk, b"a", b"\r\n")
        await peer.send(b"0\r\n\r\n")

    async with upstream(script) as server, client() as asking:
        got = await ask(asking, server.endpoint(), post(0)).over()
    assert got.error is None
    assert got.body == b"a" * 70


async def test_an_upstream_that_does_not_begin_to_answer_in_time_is_given_up() -> None:
    closed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 200")
        await peer.gone()
        closed.set()

    async with upstream(script) as server, client() as asking:
        where = server.endpoint(response_header=0.05)
        error = await ask(asking, where, post(0)).failed()
        assert (error.kind, error.response_started) == ("timeout", False)
        assert error.message == f"{server.address} sent no response headers within 0.05 s"
        await closed.wait()


async def test_the_time_for_headers_does_not_limit_the_body() -> None:
    done = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.answer(ANSWER[:HEAD_SIZE])
        await done.wait()
        await peer.send(ANSWER[HEAD_SIZE:])

    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint(response_header=0.05), post(0))
        await recorder.until(lambda: recorder.status == 200)
        asyncio.get_running_loop().call_later(0.1, done.set)
        assert (await recorder.over()).body == b"abc"


async def test_the_time_for_headers_begins_when_the_request_is_sent() -> None:
    data = bytes(16 * 1024 * 1024)
    begin = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await begin.wait()
        await peer.reader.readexactly(len(data))
        await peer.send(OK)

    async with upstream(script) as server, client() as asking:
        where = server.endpoint(response_header=2)
        recorder = ask(asking, where, post(data), MemoryBody(data))
        asyncio.get_running_loop().call_later(0.1, begin.set)
        assert (await recorder.over()).body == b"ok"


async def test_an_error_of_the_sink_ends_its_call_only() -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(OK)
        await peer.gone()

    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    async with upstream(script) as server, client() as asking:
        recorder = ask(asking, server.endpoint(), post(0))

        def fail() -> None:
            raise RuntimeError("a bug")

        recorder.on_piece = fail
        error = await recorder.failed()
        assert "a bug" in error.message
        assert (await ask(asking, server.endpoint()).over()).body == b"ok"
    assert [str(context["exception"]) for context in reported] == ["a bug"]
