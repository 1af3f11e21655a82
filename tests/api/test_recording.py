"""What a request leaves behind, whatever becomes of it (guarantee 11), in a whole application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.api.conftest import LIMIT, Serve, Served
from tests.api.test_events import initial, listening, of, until
from tests.journeys.conftest import command, together

from hotbay.activity.queries import Filters
from hotbay.activity.row import Row

CHAT = "/v1/chat/completions"
JSON = {"Content-Type": "application/json"}


async def rows(served: Served) -> list[Row]:
    """Return all rows, the oldest first."""
    store = served.app._activity.store
    await store.flush()
    found = [part async for part in store.all_rows(Filters(), descending=False)]
    return [stored.row for part in found for stored in part]


async def chat(served: Served, model: str, query: str = "", **headers: str) -> int:
    answer = await served.ask(
        "POST", f"{CHAT}{query}", {**JSON, **headers}, {"model": model, "stream": True}
    )
    return answer.status


@asynccontextmanager
async def asking(
    served: Served, model: str, query: str = ""
) -> AsyncIterator[asyncio.StreamReader]:
    """Ask for a model, and leave at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    body = json.dumps({"model": model}).encode()
    head = f"POST {CHAT}{query} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    try:
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def in_flight(served: Served, count: int = 1) -> list[Any]:
    """Wait until so many requests are in progress."""
    inflight = served.app._activity.recorder.inflight
    async with asyncio.timeout(LIMIT):
        while len(inflight) != count:
            await served.get("/health")  # each round is a whole request
    return list(inflight)


async def test_a_request_is_told_from_its_arrival_to_its_row(serve: Serve) -> None:
    served = await serve(a={})
    async with listening(served) as source:
        await initial(source)
        assert await chat(served, "a", **{"X-Request-ID": "mine"}) == 200
        # Between sources there is no order.
        removed, seen = await until(
            source.message, "inflight", lambda m: m["operation"] == "remove"
        )
        told = of("activity", seen) or [(await until(source.message, "activity"))[0]]
    arrived, *_, answered = of("inflight", seen)

    assert arrived["request"]["model"] == "a"
    assert arrived["request"]["resp_headers"] == {}
    assert answered["request"]["resp_headers"]["Content-Type"] == "application/json"
    assert removed == {"operation": "remove", "id": arrived["request"]["id"]}
    listed = (await served.get("/api/metrics/activity")).json["data"]
    assert [{"id": entry["id"]} for entry in listed] == told
    (row,) = await rows(served)
    assert (row.status, row.outcome, row.request_id, row.attempts) == (200, "done", "mine", 1)
    assert (row.load_ms or 0) > 0


async def test_every_way_to_end_makes_one_row(serve: Serve) -> None:
    served = await serve(
        together("good", "stuck"),
        good={},
        stuck={"cmd": command(never=1), "concurrencyLimit": 1},
        broken={"cmd": "false", "proxy": "http://127.0.0.1:9"},
    )
    assert await chat(served, "good") == 200
    assert await chat(served, "nobody") == 404
    assert await chat(served, "broken") == 500
    async with asking(served, "stuck"):
        await in_flight(served)
        assert await chat(served, "stuck") == 429
    await in_flight(served, 0)
    async with asking(served, "stuck") as reader:
        (waiting,) = await in_flight(served)
        cancelled = await served.ask("POST", f"/api/inflight/{waiting.id}/cancel")
        assert cancelled.json == {"msg": "ok"}
        async with asyncio.timeout(LIMIT):
            assert b" 502 " in await reader.readline()
    found = await rows(served)

    assert [(row.model, row.status, row.outcome) for row in found] == [
        ("good", 200, "done"),
        ("nobody", 404, "refused"),
        ("broken", 500, "failed"),
        ("stuck", 429, "refused"),
        ("stuck", 499, "cancelled by client"),
        ("stuck", 502, "cancelled by operator"),
    ]
    assert [bool(row.error) for row in found] == [False, True, True, True, True, True]
    assert "exit status 1" in found[2].error


async def test_a_client_that_leaves_in_the_middle_of_an_answer_leaves_a_row(serve: Serve) -> None:
    served = await serve(a={})
    async with asking(served, "a", "?events=1000") as reader:
        async with asyncio.timeout(LIMIT):
            await reader.readuntil(b"data: 1")
    await in_flight(served, 0)
    (row,) = await rows(served)

    assert (row.status, row.outcome) == (200, "cancelled by client")
    assert (row.response_bytes or 0) > 0
    assert row.first_byte_ms is not None


async def test_an_answer_that_breaks_off_leaves_a_row_that_says_so(serve: Serve) -> None:
    served = await serve(a={})
    async with asking(served, "a", "?events=10&die=unknown") as reader:
        async with asyncio.timeout(LIMIT):
            await reader.read()
    (row,) = await rows(served)

    assert (row.status, row.outcome) == (200, "failed")
    assert row.error


async def test_an_operator_can_end_an_answer_in_its_middle(serve: Serve) -> None:
    served = await serve(a={})
    async with asking(served, "a", "?events=1000") as reader:
        async with asyncio.timeout(LIMIT):
            await reader.readuntil(b"data: 1")
            (request,) = await in_flight(served)
            await served.ask("POST", f"/api/inflight/{request.id}/cancel")
            await reader.read()
    (row,) = await rows(served)

    assert (row.status, row.outcome) == (200, "cancelled by operator")


@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("POST", CHAT, JSON, b'{"messages":[]}'),  # no name
        ("POST", CHAT, {**JSON, "Authorization": "Bearer wrong"}, b'{"model":"a"}'),
        ("POST", "/api/x/plan", {"Authorization": "Bearer key"}, b'{"model":"a"}'),
        ("GET", "/props?model=a", {"Authorization": "Bearer key"}, None),
    ],
)
async def test_other_requests_make_no_row(
    serve: Serve, method: str, target: str, headers: dict[str, str], body: bytes | None
) -> None:
    served = await serve({"apiKeys": ["key"]}, a={})
    await served.ask(method, target, headers, body)
    assert await rows(served) == []
    assert len(served.app._activity.recorder.inflight) == 0


async def test_the_rows_of_a_later_configuration_go_to_its_store(
    serve: Serve, tmp_path: Any
) -> None:
    served = await serve(a={})
    await chat(served, "a")
    file = tmp_path / "config.yaml"
    config = json.loads(file.read_text())
    config["store"] = {"path": str(tmp_path / "activity.db")}
    file.write_text(json.dumps(config))
    await served.app.reload()
    assert await rows(served) == []
    await chat(served, "a")

    assert [row.model for row in await rows(served)] == ["a"]
    assert (tmp_path / "activity.db").exists()


async def test_a_store_that_cannot_be_opened_leaves_everything_as_it_was(
    serve: Serve, tmp_path: Any
) -> None:
    served = await serve(a={})
    await chat(served, "a")
    (tmp_path / "broken.db").write_text("no database")
    file = tmp_path / "config.yaml"
    config = json.loads(file.read_text())
    config["store"] = {"path": str(tmp_path / "broken.db")}
    config["logLevel"] = "debug"
    file.write_text(json.dumps(config))
    await served.app.reload()

    assert served.app.config.log_level == "info"
    assert served.app._news.last_load["result"] == "refused"
    assert "failed to reload config: " in served.log
    await chat(served, "a")
    assert len(await rows(served)) == 2
