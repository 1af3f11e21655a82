"""The loading text on a real connection: before the answer, and before a failure."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from tests.lane.serving import (
    CHAT,
    Asked,
    Served,
    Truncated,
    Visitor,
    get,
    post,
    serving,
)
from tests.lane.upstreams import Peer, upstream

from hotbay.core.effects import Refusal

TELLING = """
models:
  m1: {cmd: serve, proxy: "http://127.0.0.1:9", aliases: [alias-1], sendLoadingState: true}
  silent: {cmd: serve, proxy: "http://127.0.0.1:9"}
selectors:
  any: {strategy: pin, targets: [alias-1]}
"""
BODY = b'{"model":"alias-1","stream":true,"messages":[]}'
STREAMED = post(BODY, "X-Request-ID: r-1")
EVENTS = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\ndata: [DONE]\n\n'
STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Lost: 1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(EVENTS), EVENTS)
)
WHOLE = re.compile(
    r"^(━━━━━\nllama-swap loading model: m1\n(.|\n)*\n(Done|Failed)! \(\d+\.\d\ds\)\n━━━━━\n \n)+$"
)


def told(body: bytes) -> tuple[str, list[str]]:
    """Return the text of the events that carry some, and the data of all others."""
    text, others = "", []
    for event in body.decode().removesuffix("\n\n").split("\n\n"):
        data = event.removeprefix("data: ")
        piece = None
        if data.startswith('{"id":"chatcmpl-loading"'):
            piece = json.loads(data)["choices"][0]["delta"]["reasoning_content"]
        if piece is None:
            others.append(data)
        else:
            assert not others, "text behind the answer"
            text += piece
    return text, others


async def begun(visitor: Visitor, served: Served) -> bytes:
    """Have a request wait, and return its head, after which the first words have come."""
    served.engine.holding = True
    await visitor.send(STREAMED)
    head = await visitor.reader.readuntil(b"\r\n\r\n")
    await visitor.reader.readuntil(b"llama-swap loading model: m1")
    await visitor.reader.readuntil(b"\r\n")
    return head


async def rest(visitor: Visitor) -> bytes:
    """Return the rest of a body in chunks."""
    async with asyncio.timeout(10):
        body = b""
        while size := int(await visitor.reader.readuntil(b"\r\n"), 16):
            body += (await visitor.reader.readexactly(size + 2))[:-2]
        assert await visitor.reader.readexactly(2) == b"\r\n"
        return body


def error(events: list[str]) -> dict[str, object]:
    """Return the error with which a stream ends."""
    assert events[-1] == "[DONE]"
    envelope = json.loads(events[-2])
    assert envelope["src"] == "llama-swap"
    return dict(envelope["error"])


# -- in front of an answer -----------------------------------------------------------------------


async def test_the_text_comes_first_and_then_the_answer_unchanged(tmp_path: Path) -> None:
    server = Asked(STREAM)
    async with (
        upstream(server) as up,
        serving(tmp_path, up.port, models=TELLING, recording=True) as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        await visitor.send(post(BODY, "Accept-Encoding: gzip, br", "X-Request-ID: r-1"))
        await served.engine.asked()
        served.engine.grant(1)
        response = await visitor.response()

        assert response.status == 200
        assert response.header("content-type") == "text/event-stream"
        assert response.header("cache-control") == "no-cache"
        assert response.header("x-accel-buffering") == "no"
        assert response.header("x-request-id") == "r-1"
        assert response.header("x-lost") is None
        assert response.header("connection") is None
        text, others = told(response.body)
        assert WHOLE.match(text)
        assert "Done!" in text
        assert response.body.endswith(EVENTS)
        assert others[-1] == "[DONE]"
        assert server.fields()["accept-encoding"] == "identity"
        assert served.books.said("answered")[0][0] == 200
        assert served.books.said("passed") == [(EVENTS,)]
        assert served.books.end() == ("done", 200, "")
        assert f" 200 {len(response.body)} " in served.lines[0]
        served.engine.holding = False
        assert (await visitor.ask(STREAMED)).body == EVENTS  # the connection goes on


async def test_the_first_words_come_at_once(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, models=TELLING) as served,
        served.visit() as visitor,
    ):
        async with asyncio.timeout(0.5):
            head = await begun(visitor, served)

        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Transfer-Encoding: chunked\r\n" in head


async def test_the_place_in_the_queue_is_shown(tmp_path: Path) -> None:
    async with (
        upstream(Asked(STREAM)) as up,
        serving(tmp_path, up.port, models=TELLING) as served,
        served.visit() as visitor,
    ):
        await begun(visitor, served)
        served.engine.move(1, 3, "busy", "silent")
        served.engine.move(1, 2, "busy", "silent")
        await visitor.reader.readuntil(b"Queue")
        await visitor.reader.readuntil(b"\r\n")
        served.engine.grant(1)
        body = await rest(visitor)

        assert b"#3" not in body
        assert body.endswith(EVENTS)


async def test_a_selectors_target_is_named(tmp_path: Path) -> None:
    async with (
        upstream(Asked(STREAM)) as up,
        serving(tmp_path, up.port, models=TELLING) as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        await visitor.send(STREAMED.replace(b'"alias-1"', b'"any"    '))
        await served.engine.asked()
        served.engine.grant(1)

        text, _ = told((await visitor.response()).body)
        assert WHOLE.match(text)


async def test_an_old_client_gets_the_text_until_the_connection_ends(tmp_path: Path) -> None:
    async with (
        upstream(Asked(STREAM)) as up,
        serving(tmp_path, up.port, models=TELLING) as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        await visitor.send(STREAMED.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        await served.engine.asked()
        served.engine.grant(1)
        response = await visitor.response()

        assert response.header("transfer-encoding") is None
        assert response.header("connection") == "close"
        assert WHOLE.match(told(response.body)[0])
        assert response.body.endswith(EVENTS)
        assert served.engine.ended == [1]


@pytest.mark.parametrize(
    "request_bytes",
    [
        CHAT,
        post(BODY, path="/v1/completions"),
        post(BODY, path="/v/chat/completions"),
        post(BODY, path="/upstream/m1/v1/chat/completions"),
        post(BODY.replace(b"alias-1", b"silent")),
    ],
)
async def test_others_wait_without_text(request_bytes: bytes, tmp_path: Path) -> None:
    async with (
        upstream(Asked()) as up,
        serving(tmp_path, up.port, models=TELLING) as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        await visitor.send(request_bytes)
        await served.engine.asked()
        served.engine.move(1, 1, "busy", "silent")
        served.engine.grant(1)

        assert (await visitor.response()).body == b"ok"


@pytest.mark.parametrize(
    ("refusal", "status"), [(Refusal.CONCURRENCY, 429), (Refusal.UNKNOWN_MODEL, 404)]
)
async def test_a_request_that_is_not_admitted_keeps_its_status(
    refusal: Refusal, status: int, tmp_path: Path
) -> None:
    async with serving(tmp_path, models=TELLING) as served, served.visit() as visitor:
        served.engine.refusing = refusal, ""
        response = await visitor.ask(STREAMED)

        assert response.status == status
        assert response.header("content-type") == "application/json"
        assert b"loading" not in response.body


# -- in front of a failure ------------------------------------------------------------------------


async def test_a_start_that_fails_ends_the_stream_with_an_error(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, models=TELLING, recording=True) as served,
        served.visit() as visitor,
    ):
        await begun(visitor, served)
        served.engine.refuse(1, Refusal.START_FAILED, "exit 1\nlast words")
        body = await rest(visitor)

        text, events = told(body)
        assert "Failed!" in text
        assert error(events) == {
            "message": "unspecific error: exit 1\nlast words",
            "type": "server_error",
            "param": None,
            "code": "internal_error",
        }
        (row,) = await served.books.rows()
        assert (row.status, row.outcome) == (200, "failed")
        assert row.error == "unspecific error: exit 1\nlast words"
        assert row.content_type == "text/event-stream"
        assert (await visitor.ask(get("/health"))).status == 200


@pytest.mark.parametrize(
    ("answer", "status_code", "text"),
    [
        (
            b"HTTP/1.1 400 No\r\nContent-Length: 15\r\n\r\n" + b'{"error":"shy"}',
            "bad_request",
            "shy",
        ),
        (b"HTTP/1.1 503 No\r\n\r\n", "service_unavailable", "503 Service Unavailable"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
            "bad_gateway",
            "the model server did not send a stream of events but application/json",
        ),
        (
            b"HTTP/1.1 204 No Content\r\n\r\n",
            "bad_gateway",
            "the model server did not send a stream of events but something without a type",
        ),
        (
            b"HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\n" + b'{"error":',
            "internal_error",
            "500 Internal Server Error",
        ),
        (
            b"HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n" + b" " * 100_000,
            "internal_error",
            "500 Internal Server Error",
        ),
    ],
)
async def test_an_answer_that_is_no_stream_becomes_an_error_event(
    answer: bytes, status_code: str, text: str, tmp_path: Path
) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(answer)

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port, models=TELLING, recording=True) as served,
        served.visit() as visitor,
    ):
        await begun(visitor, served)
        served.engine.grant(1)
        body = await rest(visitor)

        told_error = error(told(body)[1])
        assert (told_error["message"], told_error["code"]) == (text, status_code)
        (row,) = await served.books.rows()
        assert (row.status, row.outcome, row.error) == (200, "failed", text)
        assert (await visitor.ask(get("/health"))).status == 200


@pytest.mark.parametrize("gone", [True, False])
async def test_forwarding_that_fails_ends_the_stream_with_an_error(
    gone: bool, tmp_path: Path
) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(b"nonsense\r\n\r\n")

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port, models=TELLING) as served,
        served.visit() as visitor,
    ):
        await begun(visitor, served)
        if gone:
            served.engine.targets[0] = "gone"
        served.engine.grant(1)
        text, events = told(await rest(visitor))

        assert "Done!" in text
        assert error(events)["code"] == ("service_unavailable" if gone else "bad_gateway")
        assert served.engine.ended == [1]
        assert (await visitor.ask(get("/health"))).status == 200


async def test_an_answer_that_breaks_off_breaks_the_stream_off(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(STREAM[:-5])

    async with (
        upstream(script) as up,
        serving(tmp_path, up.port, models=TELLING, recording=True) as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        await visitor.send(STREAMED)
        await served.engine.asked()
        served.engine.grant(1)
        with pytest.raises(Truncated):
            await visitor.response()

        assert served.engine.ended == [1]
        assert served.books.end()[:2] == ("failed", 200)


async def test_a_time_that_is_over_ends_the_stream_with_an_error(tmp_path: Path) -> None:
    async with serving(tmp_path, models=TELLING) as served, served.visit() as visitor:
        served.engine.holding = True
        response = await visitor.ask(post(BODY, "X-Request-Timeout: 0.05"))

        text, events = told(response.body)
        assert "Failed!" in text
        assert error(events)["code"] == "gateway_timeout"
        assert served.engine.departed == [1]
        assert (await visitor.ask(get("/health"))).status == 200


async def test_an_operators_cancel_ends_the_stream_with_an_error(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, models=TELLING, recording=True) as served,
        served.visit() as visitor,
    ):
        await begun(visitor, served)
        assert served.books.real.cancel(1)
        _, events = told(await rest(visitor))

        assert error(events)["message"] == "the request was cancelled by an operator"
        assert served.books.end()[:2] == ("cancelled by operator", 200)
        assert served.engine.departed == [1]
        assert (await visitor.ask(get("/health"))).status == 200


async def test_the_text_counts_as_a_part_of_the_answer(tmp_path: Path) -> None:
    async with (
        upstream(Asked(STREAM)) as up,
        serving(tmp_path, up.port, models=TELLING, recording=True) as served,
        served.visit() as visitor,
    ):
        served.engine.holding = True
        await visitor.send(STREAMED)
        await served.engine.asked()
        (request,) = served.books.real.inflight.snapshot()["requests"]
        assert request["resp_bytes"] > len("llama-swap loading model: m1")
        served.engine.grant(1)
        response = await visitor.response()

        (row,) = await served.books.rows()
        assert row.response_bytes == len(response.body)
        assert response.body.endswith(EVENTS)


# -- clients that leave ----------------------------------------------------------------------


async def test_a_client_that_leaves_during_the_text_frees_its_place(tmp_path: Path) -> None:
    async with serving(tmp_path, models=TELLING, recording=True) as served:
        async with served.visit() as visitor:
            await begun(visitor, served)
        await served.engine.until(lambda: served.engine.departed == [1])
        await asyncio.sleep(0.8)  # a tick that must not come

        assert served.books.end() == ("cancelled by client", 200, "")


async def test_a_client_that_leaves_behind_the_text_ends_its_request(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await peer.gone()

    async with upstream(script) as up, serving(tmp_path, up.port, models=TELLING) as served:
        async with served.visit() as visitor:
            await begun(visitor, served)
            served.engine.grant(1)
            await asked.wait()
        await served.engine.until(lambda: served.engine.ended == [1])

        assert served.engine.departed == []


# -- a second wait ---------------------------------------------------------------------------


@pytest.mark.parametrize("shown", [True, False], ids=["text-before", "no-text-before"])
async def test_a_second_wait_shows_text_again(shown: bool, tmp_path: Path) -> None:
    async def dying(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    async with (
        upstream(dying, Asked(STREAM)) as up,
        serving(tmp_path, up.port, models=TELLING, recording=True) as served,
        served.visit() as visitor,
    ):
        engine = served.engine
        engine.crashed = True
        engine.holding = shown
        await visitor.send(STREAMED)
        if shown:
            await engine.asked()
            engine.grant(1)
        await engine.until(lambda: engine.lost == [1])
        engine.move(1, 1, "crashed", "m1")
        engine.grant(1, attempt=2)
        response = await visitor.response()

        text, _ = told(response.body)
        assert WHOLE.match(text)
        assert text.count("Done!") == 1 + shown
        assert response.body.endswith(EVENTS)
        assert response.header("x-hotbay-retry") is None
        assert served.books.end() == ("done", 200, "")


async def test_a_second_wait_that_fails_ends_the_stream_with_the_cause(tmp_path: Path) -> None:
    async def dying(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    async with (
        upstream(dying) as up,
        serving(tmp_path, up.port, models=TELLING) as served,
        served.visit() as visitor,
    ):
        engine = served.engine
        await begun(visitor, served)
        engine.grant(1)  # the connection breaks, and not because the server died
        _, events = told(await rest(visitor))

        assert "reset the connection before the response" in str(error(events)["message"])
        assert engine.lost == [1]
        assert engine.ended == []
