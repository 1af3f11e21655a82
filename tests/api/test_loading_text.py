"""The loading text in front of an answer, through the whole application (spec/loading-state.md)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.api.backend import Backend, answer, serving_backend
from tests.api.conftest import LIMIT, Serve, Served
from tests.journeys.conftest import command

WHOLE = re.compile(
    r"━━━━━\nllama-swap loading model: lily\n(.|\n)*\nDone! \(\d+\.\d\ds\)\n━━━━━\n \n"
)
ANSWER = (
    b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":30}}\n\n'
    b"data: [DONE]\n\n"
)
SHOWN = {"sendLoadingState": True, "checkEndpoint": "/health"}


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    async with serving_backend() as running:
        running.answer = answer(ANSWER, kind="text/event-stream; charset=utf-8")
        yield running


class Chat:
    """A streaming chat, read as it comes."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.head = ""
        self.body = b""

    async def begin(self) -> None:
        async with asyncio.timeout(LIMIT):
            self.head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()

    async def until(self, text: str) -> None:
        """Read on until the text so far has this in it."""
        async with asyncio.timeout(LIMIT):
            while text not in self.text:
                assert await self._chunk(), self.body

    async def end(self) -> None:
        """Read the rest."""
        async with asyncio.timeout(LIMIT):
            while await self._chunk():
                pass

    async def _chunk(self) -> bool:
        size = int(await self._reader.readline(), 16)
        self.body += await self._reader.readexactly(size)
        await self._reader.readexactly(2)
        return size > 0

    @property
    def events(self) -> list[Any]:
        """What whole events so far carry, without the mark of the end."""
        whole = self.body.decode().split("\n\n")[:-1]
        assert all(event.startswith("data: ") for event in whole)
        return [json.loads(event[6:]) for event in whole if event != "data: [DONE]"]

    @property
    def text(self) -> str:
        """The loading text so far."""
        deltas = [e["choices"][0]["delta"] for e in self.events if e.get("choices")]
        return "".join(delta.get("reasoning_content", "") for delta in deltas)


@asynccontextmanager
async def chatting(
    served: Served, model: str, path: str = "/v1/chat/completions"
) -> AsyncIterator[Chat]:
    """Ask for a stream; entered once its head has come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    body = json.dumps({"model": model, "stream": True}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    try:
        chat = Chat(reader)
        await chat.begin()
        yield chat
    finally:
        writer.close()
        await writer.wait_closed()


async def row(served: Served) -> dict[str, Any]:
    """Return the only row of the activity log once it is there."""
    async with asyncio.timeout(LIMIT):
        while not (listed := (await served.get("/api/metrics/activity")).json["data"]):
            pass
    [only] = listed
    assert isinstance(only, dict)
    return only


async def test_a_waiting_chat_is_shown_text_and_then_the_answer(
    serve: Serve, backend: Backend
) -> None:
    served = await serve(lily=backend.model(aliases=["mist"], **SHOWN))
    backend.loading = True
    async with chatting(served, "mist") as chat:
        assert chat.head.startswith("http/1.1 200 ")
        for field in ("content-type: text/event-stream", "cache-control: no-cache"):
            assert f"\r\n{field}\r\n" in chat.head
        assert "\r\nx-accel-buffering: no\r\n" in chat.head
        await chat.until("llama-swap loading model: lily\n")
        backend.loading = False
        await chat.end()
    assert WHOLE.fullmatch(chat.text)
    assert chat.body.endswith(b"\n\n" + ANSWER)
    assert chat.body.count(b"[DONE]") == 1
    found = await row(served)
    assert (found["resp_status_code"], found["resp_content_type"]) == (200, "text/event-stream")
    assert (found["tokens"]["input_tokens"], found["tokens"]["output_tokens"]) == (12, 30)


async def test_a_ready_model_answers_without_text(serve: Serve, backend: Backend) -> None:
    served = await serve(lily=backend.model(**SHOWN))
    await served.use("lily")
    async with chatting(served, "lily") as chat:
        assert "content-type: text/event-stream; charset=utf-8" in chat.head
        assert "content-length" in chat.head


async def test_a_refusal_is_not_preceded_by_text(serve: Serve, backend: Backend) -> None:
    served = await serve(lily=backend.model(concurrencyLimit=1, **SHOWN))
    backend.loading = True
    async with chatting(served, "lily") as first:
        await first.until("lily")
        for model, status in (("lily", 429), ("nobody", 404)):
            async with chatting(served, model) as refused:
                assert refused.head.startswith(f"http/1.1 {status} ")
                assert "content-type: application/json" in refused.head


@pytest.mark.parametrize("path", ["/v/chat/completions", "/upstream/lily/v1/chat/completions"])
async def test_others_wait_without_text(serve: Serve, backend: Backend, path: str) -> None:
    async def head_of_the_answer() -> str:
        async with chatting(served, "lily", path) as chat:
            return chat.head

    served = await serve(lily=backend.model(**SHOWN))
    backend.loading = True
    asking = asyncio.create_task(head_of_the_answer())
    await served.logged(r"\[INFO\] lily: starting.*")
    backend.loading = False
    assert "content-type: text/event-stream; charset=utf-8" in await asking


async def test_a_failed_start_ends_the_stream_with_an_error(serve: Serve) -> None:
    served = await serve(lily={"cmd": command(exit=3, say="no memory"), "sendLoadingState": True})
    async with chatting(served, "lily") as chat:
        await chat.end()
    assert "llama-swap loading model: lily" in chat.text
    assert "Done!" not in chat.text
    assert chat.body.endswith(b"\n\ndata: [DONE]\n\n")
    told = chat.events[-1]
    assert (told["src"], told["error"]["type"]) == ("llama-swap", "server_error")
    assert told["error"]["code"] == "internal_error"
    assert told["error"]["message"].startswith("unspecific error: upstream command exited")
    assert (await row(served))["error_msg"] == told["error"]["message"]


async def test_rivals_in_the_queue_see_their_places(serve: Serve, backend: Backend) -> None:
    models = {name: backend.model(**SHOWN) for name in ("busy", "lily", "rose")}
    served = await serve(**models)
    backend.gate.clear()
    serving = asyncio.create_task(served.use("busy"))
    await backend.arrived.acquire()
    async with chatting(served, "rose") as last:
        async with chatting(served, "lily") as second:
            await last.until("Queue position: #1")
            await second.until("Queue position: #2")
            assert "#1" not in second.text
        async with chatting(served, "lily") as again:
            await again.until("Queue position: #2")
            backend.gate.set()
            await serving
            await last.end()
            await again.end()
    assert last.body.endswith(ANSWER)
    assert again.body.endswith(ANSWER)


async def test_who_is_before_in_the_queue_may_leave(serve: Serve, backend: Backend) -> None:
    models = {name: backend.model(**SHOWN) for name in ("busy", "lily", "rose")}
    served = await serve(**models)
    backend.gate.clear()
    serving = asyncio.create_task(served.use("busy"))
    await backend.arrived.acquire()
    async with chatting(served, "rose") as first:
        await first.until("Queue position: #1")
        async with chatting(served, "lily") as second:
            await second.until("Queue position: #2")
            first._reader._transport.abort()  # type: ignore[attr-defined]  # leaves at once
            await second.until("Queue position: #1")
            backend.gate.set()
            await serving
            await second.end()
    waiting = (await served.get("/api/x/queue")).json["waiting"]
    assert waiting == []
    assert "rose: starting" not in served.log


async def test_a_client_that_reads_nothing_delays_nobody(serve: Serve, backend: Backend) -> None:
    top = {"groups": {"all": {"swap": False, "members": ["lily", "ready"]}}}
    models = {"lily": backend.model(**SHOWN), "ready": backend.model("/ready")}
    served = await serve(top, **models)
    backend.loading = True
    async with chatting(served, "lily"):
        for _ in range(3):
            await served.use("ready")
