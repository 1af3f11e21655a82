"""What runs, and stopping it (spec/http-api.md 7)."""

from __future__ import annotations

import pytest
from tests.api.conftest import Serve, Served
from tests.journeys.conftest import command

TOGETHER = {"groups": {"all": {"swap": False, "members": ["a", "b"]}}}


async def running(served: Served) -> list[str]:
    answer = await served.get("/running")
    return [server["model"] for server in answer.json["running"]]


async def test_nothing_running_is_an_empty_list(serve: Serve) -> None:
    assert (await (await serve(a={})).get("/running")).json == {"running": []}


async def test_a_running_model_is_told_as_configured(serve: Serve) -> None:
    proxy = "http://127.0.0.1:${PORT}"
    served = await serve(a={"name": " A ", "description": " d", "ttl": 300, "proxy": proxy})
    await served.use("a")
    port = served.app.config.models["a"].port
    expected = {
        "model": "a",
        "state": "ready",
        "cmd": command().replace("${PORT}", str(port)),
        "proxy": f"http://127.0.0.1:{port}",
        "ttl": 300,
        "name": " A ",
        "description": " d",
    }
    assert (await served.get("/running")).json == {"running": [expected]}


async def test_running_models_are_sorted(serve: Serve) -> None:
    served = await serve(TOGETHER, b={}, a={})
    await served.use("b")
    await served.use("a")
    assert await running(served) == ["a", "b"]


async def test_unload_stops_everything_and_answers_when_it_has_stopped(serve: Serve) -> None:
    served = await serve(TOGETHER, a={}, b={})
    await served.use("a")
    await served.use("b")
    answer = await served.get("/unload")
    assert (answer.status, answer.body) == (200, b"OK")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert await running(served) == []


async def test_unloading_by_post_answers_in_json_and_ignores_the_body(serve: Serve) -> None:
    served = await serve(a={})
    await served.use("a")
    answer = await served.ask("POST", "/api/models/unload", body=b"\x00 not json")
    assert (answer.status, answer.json) == (200, {"msg": "ok"})
    assert await running(served) == []


@pytest.mark.parametrize("rest", ["lab/a", "lab%2Fa", "%2Flab/a", "first", "sec/ond", "sec%2fond"])
async def test_one_model_is_unloaded_by_any_spelling_of_its_names(serve: Serve, rest: str) -> None:
    groups = {"groups": {"all": {"swap": False, "members": ["lab/a", "b"]}}}
    models = {"lab/a": {"aliases": ["first", "sec/ond"]}, "b": {}}
    served = await serve(groups, **models)
    await served.use("lab/a")
    await served.use("b")
    answer = await served.ask("POST", f"/api/models/unload/{rest}")
    assert (answer.status, answer.body) == (200, b"OK")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert await running(served) == ["b"]


async def test_unloading_what_does_not_run_is_fine(serve: Serve) -> None:
    served = await serve(a={})
    assert (await served.ask("POST", "/api/models/unload/a")).body == b"OK"
    assert (await served.get("/unload")).body == b"OK"
    assert "starting" not in served.log


@pytest.mark.parametrize("rest", ["", "ghost", "a/x", "far/rose", "rose", "s", "A"])
async def test_only_local_models_can_be_unloaded(serve: Serve, rest: str) -> None:
    top = {
        "peers": {"far": {"proxy": "http://127.0.0.1:9", "models": ["rose"]}},
        "selectors": {"s": {"strategy": "pin", "targets": ["a"]}},
    }
    answer = await (await serve(top, a={})).ask("POST", f"/api/models/unload/{rest}")
    assert (answer.status, answer.error) == (404, "model not found")
