"""Looking into the decisions: `/api/x/plan` and `/api/x/queue`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.api.conftest import Serve
from tests.journeys.conftest import command


async def test_the_plan_for_the_present(serve: Serve) -> None:
    served = await serve(a={}, b={"aliases": ["bee"]})
    idle = await served.ask("POST", "/api/x/plan", body={"model": "b"})
    assert idle.status == 200
    assert (idle.json["action"], idle.json["evict"]) == ("swap", [])
    await served.use("a")
    plan = (await served.ask("POST", "/api/x/plan", body={"model": "bee"})).json
    assert (plan["target"], plan["action"], plan["evict"]) == ("b", "swap", ["a"])
    assert plan["wait"] == {"kind": "evicting", "models": ["a"]}
    assert plan["text"].startswith("b: stops a")
    assert set(plan) == {
        *("target", "evict", "set", "cost", "reason"),
        *("runnerUp", "action", "wait", "text"),
    }
    ready = (await served.ask("POST", "/api/x/plan", body={"model": "a"})).json
    assert (ready["action"], ready["wait"], ready["evict"]) == ("grant", None, [])


async def test_the_plan_beside_supposed_models_starts_nothing(serve: Serve) -> None:
    served = await serve(a={"aliases": ["ay"]}, b={})
    plan = await served.ask("POST", "/api/x/plan", body={"model": "b", "running": ["ay"]})
    assert plan.json["evict"] == ["a"]
    none = await served.ask("POST", "/api/x/plan", body={"model": "b", "running": []})
    assert none.json["evict"] == []
    assert (await served.get("/running")).json == {"running": []}


async def test_a_plan_follows_the_profile_and_takes_a_selectors_choice(serve: Serve) -> None:
    selectors = {"any": {"strategy": "warm", "targets": ["a", "b"]}}
    settings = {"selectors": selectors, "profiles": {"desk": {"pins": {"chat": "any"}}}}
    served = await serve(settings, a={}, b={})
    await served.use("b")
    await served.ask("PUT", "/api/profiles/active", body={"name": "desk"})
    plan = await served.ask("POST", "/api/x/plan", body={"model": "chat"})
    assert (plan.json["target"], plan.json["action"]) == ("b", "grant")


async def test_the_plan_of_a_matrix_has_set_cost_and_runner_up(serve: Serve) -> None:
    sets = {"ab": "a & b", "bc": "b & c"}
    matrix = {"vars": {m: m for m in "abc"}, "evict_costs": {"a": 5}, "sets": sets}
    router = {"use": "matrix", "settings": {"matrix": matrix}}
    served = await serve({"routing": {"router": router}}, a={}, b={}, c={})
    asked = {"model": "b", "running": ["a", "c"]}
    plan = (await served.ask("POST", "/api/x/plan", body=asked)).json
    assert (plan["evict"], plan["set"], plan["cost"]) == (["c"], "ab", 1)
    assert "bc" in plan["runnerUp"]
    assert "bc" in plan["text"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"model": "ghost"}, "ghost"),
        ({"model": "a", "running": ["a", "spook"]}, "spook"),
        ({"model": ""}, "''"),
    ],
)
async def test_a_plan_for_an_unknown_model(serve: Serve, body: dict[str, Any], named: str) -> None:
    answer = await (await serve(a={})).ask("POST", "/api/x/plan", body=body)
    assert answer.status == 404
    assert named in answer.error


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b'{"model": 7}',
        b'{"model": "\xff"}',
        b'{"model": "\\ud800"}',
        b'{"model": "a", "running": "a"}',
        b'{"model": "a", "runing": []}',
        b'{"model": "a"} x',
        b"[" * 5000,
    ],
)
async def test_a_broken_question_is_refused_with_the_reason(serve: Serve, body: bytes) -> None:
    answer = await (await serve(a={})).ask("POST", "/api/x/plan", body=body)
    assert answer.status == 400
    assert answer.error.startswith("invalid plan request: ")


async def test_a_question_as_large_as_no_question_is_is_refused(serve: Serve) -> None:
    served = await serve(a={})
    answer = await served.ask("POST", "/api/x/plan", body=b" " * (1 << 20) + b"{}")
    assert (answer.status, answer.error) == (413, "the request body is larger than 1048576 bytes")


@pytest.mark.parametrize("framing", ["Content-Length: 50", "Transfer-Encoding: chunked"])
async def test_who_leaves_in_the_middle_of_a_question_has_left(
    serve: Serve, caplog: pytest.LogCaptureFixture, framing: str
) -> None:
    served = await serve(a={})
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(f"POST /api/x/plan HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n5\r\n".encode())
    writer.close()
    await writer.wait_closed()
    await served.logged(r'\[INFO\] Request 127\.0\.0\.1 "POST /api/x/plan HTTP/1\.1" 499 0 .*')
    assert caplog.records == []


async def test_an_idle_queue_is_empty(serve: Serve) -> None:
    assert (await (await serve(a={})).get("/api/x/queue")).json == {"swaps": [], "waiting": []}


async def test_the_queue_tells_swaps_and_who_waits_for_what(serve: Serve) -> None:
    served = await serve(slow={"cmd": command(never=1)}, b={})
    headers = {"Content-Type": "application/json"}
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(served.ask("POST", "/v1/completions", headers, {"model": "slow"}))
        await served.logged(r"\[INFO\] slow: starting")
        tasks.create_task(served.ask("POST", "/v1/completions", headers, {"model": "b"}))
        async with asyncio.timeout(30):
            while len((view := (await served.get("/api/x/queue")).json)["waiting"]) < 2:
                pass  # each round is a whole request
        assert view["swaps"] == [{"target": "slow", "evict": [], "phase": "starting", "waiting": 1}]
        first, second = view["waiting"]
        assert (first["model"], first["position"], first["patience"]) == ("slow", 0, None)
        assert first["wait"] == {"kind": "starting", "models": ["slow"]}
        assert (second["model"], second["position"]) == ("b", 1)
        assert 0 < second["patience"] <= 60
        assert second["age"] >= 0
        assert "patience ends in" in second["text"]
        for model in ("b", "slow"):
            assert (await served.ask("POST", f"/api/models/unload/{model}")).status == 200
