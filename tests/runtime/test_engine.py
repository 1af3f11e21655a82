"""The engine carries out what the machine decides, and tells it what happened."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.scripted import LIMIT, World

from hotbay.core.effects import Effect, Refusal, State, Wait
from hotbay.core.events import Mode
from hotbay.runtime.endpoint import Endpoint

Begin = Callable[..., World]


@pytest.fixture
def begin(tmp_path: Path) -> Begin:
    """Begin with these models: `begin(a={}, b={"ttl": 1})`."""

    def begin(top: dict[str, Any] | None = None, **models: dict[str, Any]) -> World:
        return World(tmp_path, {**(top or {}), "models": models})

    return begin


def test_request_numbers_never_repeat(begin: Begin) -> None:
    async def numbers() -> list[int]:
        engine = begin(a={}).engine
        return [engine.new_request() for _ in range(100)]

    found = asyncio.run(numbers())
    assert len(set(found)) == 100


async def test_a_request_waits_for_its_program_and_is_then_granted(begin: Begin) -> None:
    world = begin(a={})
    visitor = world.visit("a")
    assert visitor.waits
    assert world.processes.told("spawn") == [("a", 1)]
    assert world.engine.state("a") is State.STARTING
    world.runs("a")
    assert visitor.served
    endpoint = world.engine.endpoint("a")
    assert (endpoint.model, endpoint.generation) == ("a", 1)
    assert (endpoint.host, endpoint.port) == ("127.0.0.1", 1)


async def test_a_ready_model_grants_before_arrive_returns(begin: Begin) -> None:
    world = begin(a={})
    world.ready("a")
    assert world.visit("a").served
    assert world.processes.told("spawn") == [("a", 1)]


async def test_a_program_is_given_its_words_and_environment(tmp_path: Path) -> None:
    model = {"cmd": "serve 'a b'", "env": ["OWN=1", "BOTH=own"], "unloadTimeout": 7}
    inherited = {"BOTH": "inherited", "HOME": "/h"}
    world = World(tmp_path, {"models": {"a": model}}, environ=inherited)
    world.visit("a")
    spec = world.processes.specs["a", 1]
    assert spec.argv == ("serve", "a b")
    assert spec.env == {"BOTH": "own", "HOME": "/h", "OWN": "1"}
    assert spec.grace == 7


async def test_a_swap_stops_the_old_and_starts_the_new_only_when_it_is_gone(begin: Begin) -> None:
    world = begin({"unloadTimeout": 3}, a={}, b={})
    world.ready("a")
    visitor = world.visit("b")
    assert world.processes.orders[-1] == ("stop", ("a", 1), 3)
    world.engine.exited(("a", 1), "exit status 0")
    assert world.processes.told("spawn") == [("a", 1)]
    world.engine.gone(("a", 1))
    assert world.processes.told("spawn") == [("a", 1), world.newest("b")]
    world.runs("b")
    assert visitor.served


async def test_a_request_in_progress_is_not_cut_by_a_swap(begin: Begin) -> None:
    world = begin(a={}, b={})
    first = world.visit("a")
    world.runs("a")
    second = world.visit("b")
    assert second.waits
    assert world.processes.told("stop") == []
    first.finish()
    assert world.processes.told("stop") == [("a", 1)]


async def test_a_program_that_cannot_be_started_is_named(begin: Begin) -> None:
    world = begin(a={"cmd": "no-such-program x"})
    visitor = world.visit("a")
    world.engine.spawn_failed(("a", 1), "No such file or directory")
    assert visitor.refusal.refusal is Refusal.START_FAILED
    expected = "failed to start command 'no-such-program x': No such file or directory"
    assert expected in visitor.refusal.detail
    assert world.engine.ports_in_use() == {}


async def test_a_failed_start_tells_status_cause_and_last_lines(begin: Begin) -> None:
    world = begin(a={"checkEndpoint": "/health"})
    visitor = world.visit("a")
    world.runs("a")
    world.engine.output(("a", 1), b"".join(b"line %d\n" % number for number in range(30)))
    world.engine.output(("a", 1), b"CUDA error: out of memory\n")
    world.ends("a", "exit status 1")
    detail = visitor.refusal.detail
    assert "exit status 1" in detail
    assert "memory" in detail
    assert "last output of a:\nline 21\n" in detail
    assert detail.endswith("CUDA error: out of memory")


async def test_the_last_lines_are_those_of_the_newest_program(begin: Begin) -> None:
    world = begin(a={"checkEndpoint": "/health"})
    for line in (b"old words\n", b"new words\n"):
        visitor = world.visit("a")
        world.runs("a")
        world.engine.output(world.newest("a"), line)
        world.ends("a", "exit status 1")
    assert "new words" in visitor.refusal.detail
    assert "old words" not in visitor.refusal.detail


async def test_an_empty_command_fails_at_its_start(begin: Begin) -> None:
    world = begin(a={"cmd": ""})
    visitor = world.visit("a")
    assert visitor.refusal.refusal is Refusal.START_FAILED
    assert "empty command" in visitor.refusal.detail
    assert world.processes.orders == []


async def test_a_port_that_somebody_else_has_is_named(begin: Begin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        proxy = "http://127.0.0.1:${PORT}"
        world = begin({"startPort": port}, a={"cmd": "serve ${PORT}", "proxy": proxy})
        visitor = world.visit("a")
        assert f"port {port} is taken by another program" in visitor.refusal.detail
        assert "startPort" in visitor.refusal.detail
        assert world.processes.orders == []


async def test_a_model_that_answers_its_check_is_ready(begin: Begin) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    world = begin(a={"proxy": f"http://localhost:{port}/base", "checkEndpoint": "/up"})
    visitor = world.visit("a")
    world.runs("a")
    assert visitor.waits
    await visitor.ended()
    assert visitor.served
    assert asked[0].startswith(b"GET /base/up HTTP/1.1\r\n")
    endpoint = world.engine.endpoint("a")
    assert (endpoint.host, endpoint.authority) == ("127.0.0.1", f"localhost:{port}")
    server.close()
    await server.wait_closed()


async def test_a_client_that_leaves_is_told_nothing_more(begin: Begin) -> None:
    world = begin(a={})
    visitor = world.visit("a")
    visitor.leave()
    visitor.leave()
    told = list(visitor.told)
    world.runs("a")
    assert visitor.told == told
    assert world.engine.queue().waiting == ()


async def test_who_waits_learns_of_a_better_place(begin: Begin) -> None:
    world = begin(a={}, b={})
    world.visit("a")
    first, second = world.visit("b"), world.visit("b")
    first.leave()
    assert second.told[-1].position == 1
    assert second.waits


async def test_an_ignored_request_never_starts_anything(begin: Begin) -> None:
    world = begin(a={})
    for mode in (Mode.ONLY_IF_READY, Mode.UNTRACKED):
        assert world.visit("a", mode).refusal.refusal is Refusal.NOT_READY
    assert world.processes.orders == []


async def test_an_unknown_model_is_refused(begin: Begin) -> None:
    assert begin(a={}).visit("ghost").refusal.refusal is Refusal.UNKNOWN_MODEL


async def test_an_unload_returns_when_nothing_is_left(begin: Begin) -> None:
    world = begin(a={}, b={})
    world.ready("a")
    unloads = [asyncio.create_task(world.engine.unload(names)) for names in (["a"], None)]
    await world.processes.until("stop", "a")
    world.engine.exited(("a", 1), "exit status 0")
    await asyncio.sleep(0)
    assert not any(task.done() for task in unloads)
    world.engine.gone(("a", 1))
    async with asyncio.timeout(LIMIT):
        await asyncio.gather(*unloads)
    assert world.engine.state("a") is State.STOPPED


async def test_unloading_what_is_stopped_returns_at_once(begin: Begin) -> None:
    async with asyncio.timeout(LIMIT):
        await begin(a={}).engine.unload(["a"])
        await begin(a={}).engine.unload()


async def test_an_operator_who_leaves_does_not_end_the_unload(begin: Begin) -> None:
    world = begin(a={})
    world.ready("a")
    unload = asyncio.create_task(world.engine.unload())
    await world.processes.until("stop", "a")
    unload.cancel()
    await asyncio.wait([unload])
    world.ends("a")
    assert world.engine.state("a") is State.STOPPED
    assert world.log.count("internal error") == 0


async def test_an_unload_can_name_its_own_grace(begin: Begin) -> None:
    world = begin(a={})
    world.ready("a")
    unload = asyncio.create_task(world.engine.unload(["a"], grace=0.5))
    await world.processes.until("stop", "a")
    assert world.processes.orders[-1] == ("stop", ("a", 1), 0.5)
    world.ends("a")
    await unload


async def test_who_waits_for_an_unloaded_model_is_refused(begin: Begin) -> None:
    world = begin(a={})
    visitor = world.visit("a")
    unload = asyncio.create_task(world.engine.unload())
    await world.processes.until("stop", "a")
    assert visitor.refusal.refusal is Refusal.UNLOADED
    world.ends("a")
    await unload


async def test_a_model_is_stopped_when_its_ttl_has_passed(begin: Begin) -> None:
    world = begin(a={"ttl": 1})
    world.ready("a")
    await world.processes.until("stop", "a")
    assert world.engine.state("a") is State.STOPPING


async def test_an_address_is_called_off_when_its_server_goes(begin: Begin) -> None:
    world = begin(a={})
    gone: list[Endpoint] = []
    world.engine.on_endpoint_gone = gone.append
    world.ready("a")
    endpoint = world.engine.endpoint("a")
    world.engine.exited(("a", 1), "killed by SIGKILL")
    assert gone == [endpoint]
    world.engine.gone(("a", 1))
    visitor = world.visit("a")
    world.runs("a")
    assert visitor.served
    assert ("a", world.engine.endpoint("a").generation) == world.newest("a") > ("a", 1)


async def test_output_goes_to_the_models_log(begin: Begin) -> None:
    world = begin(a={}, b={})
    world.visit("a")
    world.runs("a")
    world.engine.output(("a", 1), b"hello\xff\n")
    assert world.logs.model("a").history() == b"hello\xff\n"
    assert world.logs.upstream.history() == b"hello\xff\n"
    assert world.logs.model("b").history() == b""


async def test_a_reload_stops_what_changed_and_keeps_the_rest(begin: Begin) -> None:
    together = {"groups": {"all": {"swap": False, "members": ["a", "b"]}}}
    world = begin(together, a={}, b={})
    world.ready("a")
    world.ready("b")
    old = world.newest("b")
    changed = {"models": {"a": {}, "b": {"cmd": "serve another"}}, **together}
    world.engine.reload(world.configured(changed))
    assert world.processes.told("stop") == [old]
    visitor = world.visit("b")
    world.ends("b")
    assert world.processes.specs[world.newest("b")].argv == ("serve", "another")
    world.runs("b")
    assert visitor.served
    assert world.visit("a").served


async def test_a_reload_refuses_who_waits_for_a_removed_model(begin: Begin) -> None:
    world = begin(a={}, b={})
    holder = world.visit("a")
    world.runs("a")
    visitor = world.visit("b")
    world.engine.reload(world.configured({"models": {"a": {}}}))
    assert visitor.refusal.refusal is Refusal.REMOVED
    assert world.visit("b").refusal.refusal is Refusal.UNKNOWN_MODEL
    holder.finish()
    assert world.engine.state("a") is State.READY


async def test_a_drain_refuses_the_new_serves_the_waiting_and_ends(begin: Begin) -> None:
    world = begin(a={})
    waiting = world.visit("a")
    world.engine.drain(60)
    assert world.visit("a").refusal.refusal is Refusal.SHUTTING_DOWN
    world.runs("a")
    assert waiting.served
    assert world.processes.told("stop") == []
    waiting.finish()
    closed = asyncio.create_task(world.engine.closed())
    await world.processes.until("stop", "a")
    assert not closed.done()
    world.ends("a")
    async with asyncio.timeout(LIMIT):
        await closed


async def test_the_end_of_a_drain_stops_everything(begin: Begin) -> None:
    world = begin(a={}, b={})
    world.visit("a")
    world.runs("a")
    waiting = world.visit("b")
    world.engine.drain(0.01)
    await world.processes.until("stop", "a")
    assert waiting.refusal.refusal is Refusal.SHUTTING_DOWN
    world.ends("a")
    async with asyncio.timeout(LIMIT):
        await world.engine.closed()


async def test_closing_with_nothing_loaded_is_done_at_once(begin: Begin) -> None:
    world = begin(a={})
    world.engine.close()
    async with asyncio.timeout(LIMIT):
        await world.engine.closed()
        await world.engine.closed()


async def test_a_second_close_shortens_the_grace(begin: Begin) -> None:
    world = begin(a={})
    world.ready("a")
    world.engine.close()
    world.engine.close(grace=0)
    assert [grace for what, _, grace in world.processes.orders if what == "stop"][-1] == 0


async def test_one_effect_that_fails_does_not_lose_the_others(tmp_path: Path) -> None:
    def watch(_effect: Effect) -> None:
        raise RuntimeError("cannot look")

    world = World(tmp_path, {"models": {"a": {}}}, watch)
    visitor = world.visit("a")
    world.runs("a")
    assert visitor.served
    assert "[ERROR] internal error: " in world.log
    assert "cannot look" in world.log


async def test_the_ports_of_programs_that_are_not_gone_are_in_use(begin: Begin) -> None:
    world = begin(a={"proxy": "http://127.0.0.1:7001"}, b={"proxy": "http://127.0.0.1:7002"})
    assert world.engine.ports_in_use() == {}
    world.ready("a")
    world.visit("b")
    world.engine.exited(("a", 1), "exit status 0")
    assert world.engine.ports_in_use() == {"a": 7001}
    world.engine.gone(("a", 1))
    assert world.engine.ports_in_use() == {"b": 7002}


async def test_the_process_of_a_program_is_told_until_it_is_gone(begin: Begin) -> None:
    world = begin(a={})
    world.visit("a")
    assert world.engine.pids() == {}
    world.engine.spawned(("a", 1), 4711)
    assert world.engine.pids() == {"a": 4711}
    world.engine.exited(("a", 1), "exit status 0")
    assert world.engine.pids() == {"a": 4711}
    world.engine.gone(("a", 1))
    assert world.engine.pids() == {}


async def test_the_present_can_be_looked_at(begin: Begin) -> None:
    world = begin(a={}, b={})
    world.ready("a")
    holder, waiter = world.visit("a"), world.visit("b")
    assert [(s.model, s.state, s.in_flight, s.waiting) for s in world.engine.servers()] == [
        ("a", State.READY, 1, 0),
        ("b", State.STOPPED, 0, 1),
    ]
    [waiting] = world.engine.queue().waiting
    assert (waiting.request, waiting.wait) == (waiter.request, Wait("busy", ("a",)))
    now, supposed = world.engine.forecast("b"), world.engine.forecast("b", [])
    assert now is not None
    assert supposed is not None
    assert (now.action, now.plan.evict) == ("queue", ("a",))
    assert (supposed.action, supposed.plan.evict) == ("swap", ())
    assert world.engine.forecast("ghost") is None
    holder.finish()
