"""`POST /api/x/loadtest`: real requests to the server itself, and the figures of all of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.api.backend import Backend, answer, serving_backend
from tests.api.conftest import LIMIT, Serve, Served, Stream
from tests.lane.upstreams import Peer, upstream

ANSWER = (
    b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
    b'data: {"choices":[{"delta":{"reasoning_content":"Hm"}}]}\n\n'
    b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":30}}\n\n'
    b"data: [DONE]\n\n"
)


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    async with serving_backend() as running:
        running.answer = answer(ANSWER, kind="text/event-stream; charset=utf-8")
        yield running


def events_in(body: bytes) -> list[tuple[str, Any]]:
    found = []
    for block in body.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def outcome_of(
    served: Served, headers: dict[str, str] | None = None, **test: Any
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run a test; return what it told of each request, and its result."""
    reply = await served.ask("POST", "/api/x/loadtest", headers, {"prompt": "Hello", **test})
    assert reply.status == 200, reply.body
    assert reply.headers["Content-Type"] == "text/event-stream"
    events = events_in(reply.body)
    assert events[-1][0] == "result"
    last = [data for kind, data in events if kind == "progress"][-1]
    assert (last["requests"], last["wanted"], last["running"]) == (*[test["requests"]] * 2, 0)
    return [data for kind, data in events if kind == "request"], events[-1][1]


@asynccontextmanager
async def begun(served: Served, **test: Any) -> AsyncIterator[Stream]:
    """Begin a test; whoever leaves ends it."""
    body = json.dumps({"prompt": "Hello", **test}).encode()
    head = (
        f"POST /api/x/loadtest HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        writer.write(head.encode() + body)
        async with asyncio.timeout(LIMIT):
            yield Stream(reader, await reader.readuntil(b"\r\n\r\n"))
    finally:
        writer.close()
        await writer.wait_closed()


async def test_every_request_is_made_and_counted(serve: Serve, backend: Backend) -> None:
    served = await serve(a=backend.model())
    rows, result = await outcome_of(served, model="a", requests=5, concurrency=2, max_tokens=7)
    assert len(backend.requests) == 5
    assert {request.line for request in backend.requests} == {"POST /v1/chat/completions"}
    assert backend.last.json["messages"] == [{"role": "user", "content": "Hello"}]
    assert (backend.last.json["max_tokens"], backend.last.json["stream"]) == (7, True)
    assert sorted(row["index"] for row in rows) == [0, 1, 2, 3, 4]
    for row in rows:
        assert (row["model"], row["tokens"], row["prompt_tokens"]) == ("a", 30, 12)
        assert (row["error"], row["begin"] >= 0) == ("", True)
        assert row["phases_ms"].keys() == {"queued", "swapping", "loading"}
        assert 0 < row["first_token"] <= row["seconds"]
    assert (result["requests"], result["failed"], result["tokens"]) == (5, 0, 150)
    assert result["latency"]["min"] <= result["latency"]["p50"] <= result["latency"]["p99"]
    assert result["latency"]["p99"] <= result["latency"]["max"]
    assert result["first_token"]["mean"] > 0
    assert result["tokens_per_second"] == pytest.approx(150 / result["seconds"], rel=0.1)
    assert result["errors"] == []


async def test_the_requests_are_in_the_activity_log(serve: Serve, backend: Backend) -> None:
    served = await serve(a=backend.model())
    async with served.stream("/api/x/events?types=activity") as news:
        await outcome_of(served, {"X-Session-ID": "mine"}, model="a", requests=2)
        await news.until(b'"id":2')
    log = (await served.get("/api/x/activity")).json["data"]
    assert len(log) == 2
    assert {row["session"] for row in log} == {"mine"}
    assert all(row["request_id"].startswith("loadtest-") for row in log)
    assert {row["outcome"] for row in log} == {"done"}


async def test_no_more_requests_than_asked_for_run_at_once(serve: Serve, backend: Backend) -> None:
    served = await serve(a=backend.model())
    backend.gate.clear()
    async with begun(served, model="a", requests=9, concurrency=4) as stream:
        await stream.until(b'"running":4')
        async with asyncio.timeout(LIMIT):
            for _ in range(4):
                await backend.arrived.acquire()
        assert len(backend.requests) == 4
        backend.gate.set()
        await stream.end()
    assert b"event: result" in stream.seen
    assert len(backend.requests) == 9


async def test_several_models_are_asked_in_turn(serve: Serve, backend: Backend) -> None:
    served = await serve(a=backend.model(), b=backend.model())
    rows, _ = await outcome_of(served, model=["a", "b"], requests=4)
    assert [row["model"] for row in rows] == ["a", "b", "a", "b"]


async def test_failures_are_counted_by_what_was_said(serve: Serve, backend: Backend) -> None:
    error = b'{"error":{"message":"out of luck"}}'
    backend.answer = answer(error, status="400 Bad Request")
    served = await serve(a=backend.model())
    rows, result = await outcome_of(served, model="a", requests=3)
    assert [row["error"] for row in rows] == ["out of luck"] * 3
    assert result["errors"] == [{"message": "out of luck", "count": 3}]
    assert (result["failed"], result["latency"], result["speed"]) == (3, None, None)
    _, unknown = await outcome_of(served, model="none", requests=1)
    assert "no router" in unknown["errors"][0]["message"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer(b"<h1>No</h1>", status="502 Bad Gateway", kind="text/html"), "<h1>No</h1>"),
        (answer(b'data: {"error":"oh"}\n\n', kind="text/event-stream"), "oh"),
    ],
)
async def test_whatever_goes_wrong_is_told(
    serve: Serve, backend: Backend, reply: bytes, error: str
) -> None:
    backend.answer = reply
    served = await serve(a=backend.model())
    [row], _ = await outcome_of(served, model="a", requests=1)
    assert row["error"] == error


class Hesitant(Backend):
    """Sends the head and three events, and the rest once the gate is open, unless it breaks off."""

    def __init__(self, *, breaks_off: bool) -> None:
        super().__init__()
        self.gate.clear()
        self.breaks_off = breaks_off

    async def follow(self, peer: Peer) -> None:
        while True:
            head, _ = await peer.request()
            if head.startswith(b"GET /health "):
                status = "503 Loading" if self.loading else "200 OK"
                await peer.send(answer(status=status))
                continue
            whole = answer(ANSWER, kind="text/event-stream")
            middle = whole.index(b'data: {"choices":[],')
            await peer.send(whole[:middle])
            await self.gate.wait()
            if self.breaks_off:
                return
            await peer.send(whole[middle:])


@asynccontextmanager
async def hesitant(*, breaks_off: bool = False) -> AsyncIterator[Hesitant]:
    backend = Hesitant(breaks_off=breaks_off)
    async with upstream(backend.follow) as up:
        backend.url = f"http://127.0.0.1:{up.port}"
        yield backend


async def test_an_answer_that_breaks_off_has_failed(serve: Serve) -> None:
    async with hesitant(breaks_off=True) as backend:
        served = await serve(a=backend.model())
        async with begun(served, model="a", requests=1) as stream:
            await stream.until(b'"answering":1')
            backend.gate.set()
            await stream.end()
    [row] = [data for kind, data in events_in(bytes(stream.seen)) if kind == "request"]
    assert "broke off" in row["error"]


async def test_waiting_is_told_apart_from_answering(serve: Serve) -> None:
    settings: dict[str, Any] = {"checkEndpoint": "/health", "sendLoadingState": True}
    async with hesitant() as backend:
        backend.loading = True
        served = await serve(a=backend.model(**settings))
        async with begun(served, model="a", requests=1) as stream:
            await stream.until(b'"running":1,"answering":0')
            backend.loading = False
            await stream.until(b'"running":1,"answering":1')
            backend.gate.set()
            await stream.end()
    events = events_in(bytes(stream.seen))
    [row] = [data for kind, data in events if kind == "request"]
    assert row["error"] == ""
    waited = row["phases_ms"]["loading"] / 1000
    assert row["first_token"] >= waited > 0
    result = events[-1][1]
    assert result["loading"]["max"] == pytest.approx(waited, abs=1e-3)
    assert result["queued"]["max"] < waited


async def test_a_client_that_leaves_ends_its_test(serve: Serve) -> None:
    async with hesitant() as backend:
        served = await serve(a=backend.model())
        async with served.stream("/api/x/events?types=inflight") as news:
            async with begun(served, model="a", requests=9, concurrency=3) as stream:
                await stream.until(b'"running":3')
            for number in (1, 2, 3):
                await news.until(b'"operation":"remove","id":"%d"' % number)
            assert b'"id":"4"' not in news.seen


async def test_a_test_ends_when_its_time_is_up(serve: Serve) -> None:
    async with hesitant() as backend:
        served = await serve(a=backend.model())
        async with served.stream("/api/x/events?types=inflight") as news:
            async with begun(served, model="a", requests=9, concurrency=3, seconds=1) as stream:
                await stream.end()
            for number in (1, 2, 3):
                await news.until(b'"operation":"remove","id":"%d"' % number)
    kind, result = events_in(bytes(stream.seen))[-1]
    assert kind == "result"
    assert (result["requests"], result["unfinished"], result["latency"]) == (0, 3, None)
    assert 1 <= result["seconds"] < LIMIT


async def test_the_figures_so_far_come_while_it_goes_on(serve: Serve, backend: Backend) -> None:
    async with hesitant() as slow:
        served = await serve(a=backend.model(), b=slow.model())
        async with begun(served, model=["a", "b"], requests=2) as stream:
            await stream.until(b'"requests":1,')
            slow.gate.set()
            await stream.end()
    events = events_in(bytes(stream.seen))
    half = next(data for kind, data in events if kind == "progress" and data["requests"] == 1)
    assert (half["wanted"], half["failed"], half["tokens"]) == (2, 0, 30)
    assert half["latency"]["max"] > 0
    assert events[-1][1]["unfinished"] == 0


async def test_requests_at_once_become_more_over_time(serve: Serve) -> None:
    async with hesitant() as backend:
        served = await serve(a=backend.model())
        async with begun(served, model="a", requests=2, concurrency=2, ramp=1) as stream:
            await stream.until(b'"running":1,')
            await stream.until(b'"running":2,')
            backend.gate.set()
            await stream.end()
    begins = [data["begin"] for kind, data in events_in(bytes(stream.seen)) if kind == "request"]
    assert min(begins) < 0.5 <= max(begins)


async def test_nobody_is_waited_for_when_no_requests_are_left(
    serve: Serve, backend: Backend
) -> None:
    served = await serve(a=backend.model())
    _, result = await outcome_of(served, model="a", requests=3, concurrency=3, ramp=3000)
    assert (result["requests"], result["seconds"] < LIMIT) == (3, True)


@pytest.mark.parametrize(
    "test",
    [
        {},
        {"model": "a"},
        {"model": "", "prompt": "x"},
        {"model": [], "prompt": "x"},
        {"model": "a", "prompt": "x", "concurrency": 65},
        {"model": "a", "prompt": "x", "requests": 0},
        {"model": "a", "prompt": "x", "requests": 1001},
        {"model": "a", "prompt": "x", "max_tokens": 0},
        {"model": "a", "prompt": "x", "seconds": 0},
        {"model": "a", "prompt": "x", "seconds": 3601},
        {"model": "a", "prompt": "x", "ramp": -1},
        {"model": "a", "prompt": "x", "more": 1},
    ],
)
async def test_a_test_that_makes_no_sense_is_refused(serve: Serve, test: dict[str, Any]) -> None:
    served = await serve(a={})
    reply = await served.ask("POST", "/api/x/loadtest", body=test)
    assert reply.status == 400
    assert reply.error.startswith("invalid load test: ")


async def test_the_key_of_the_caller_is_used(serve: Serve, backend: Backend) -> None:
    served = await serve({"apiKeys": ["secret"]}, a=backend.model())
    body = {"model": "a", "prompt": "x"}
    assert (await served.ask("POST", "/api/x/loadtest", body=body)).status == 401
    for headers in ({"Authorization": "Bearer secret"}, {"x-api-key": "secret"}):
        _, result = await outcome_of(served, headers, model="a", requests=1)
        assert result["failed"] == 0


async def test_a_page_of_another_site_cannot_begin_one(serve: Serve) -> None:
    served = await serve(a={})
    headers = {"Sec-Fetch-Site": "cross-site"}
    body = {"model": "a", "prompt": "x"}
    assert (await served.ask("POST", "/api/x/loadtest", headers, body)).status == 403
