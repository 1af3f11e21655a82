"""Loading models at the start, one after the other (spec/cli.md 6)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.runtime.scripted import World

from hotbay.core.effects import State
from hotbay.runtime.preload import preload

ALL = {"groups": {"all": {"swap": False, "members": ["a", "b"]}}}


@pytest.fixture
async def world(tmp_path: Path) -> World:
    return World(tmp_path, {**ALL, "models": {"a": {}, "b": {}, "c": {}}})


def begin(world: World, *models: str) -> asyncio.Task[None]:
    return asyncio.create_task(preload(world.engine, models, world.logs.proxy))


async def test_models_are_loaded_in_order_one_after_the_other(world: World) -> None:
    task = begin(world, "b", "a")
    await world.processes.until("spawn", "b")
    assert [key[0] for key in world.processes.told("spawn")] == ["b"]
    world.runs("b")
    await world.processes.until("spawn", "a")
    world.runs("a")
    await task
    assert world.engine.state("a") is world.engine.state("b") is State.READY
    assert world.log.index("preloading model: b") < world.log.index("preloading model: a")
    assert "ERROR" not in world.log


async def test_a_preloaded_model_is_idle(world: World) -> None:
    task = begin(world, "a")
    await world.processes.until("spawn", "a")
    world.runs("a")
    await task
    assert [server.in_flight for server in world.engine.servers()] == [0, 0, 0]
    visitor = world.visit("c")
    assert world.processes.told("stop") == [world.newest("a")]
    assert visitor.waits


async def test_the_next_is_tried_after_one_that_fails(world: World) -> None:
    task = begin(world, "a", "b")
    await world.processes.until("spawn", "a")
    world.engine.spawn_failed(world.newest("a"), "no such file")
    await world.processes.until("spawn", "b")
    world.runs("b")
    await task
    assert "[ERROR] failed to preload model a: " in world.log
    assert "no such file" in world.log
    assert world.engine.state("b") is State.READY


async def test_models_that_exclude_each_other_leave_the_last_one(world: World) -> None:
    task = begin(world, "a", "c")
    await world.processes.until("spawn", "a")
    world.runs("a")
    await world.processes.until("stop", "a")
    world.ends("a")
    world.runs("c")
    await task
    assert world.engine.state("a") is State.STOPPED
    assert world.engine.state("c") is State.READY


async def test_an_unknown_model_is_logged_and_skipped(world: World) -> None:
    task = begin(world, "ghost", "a")
    await world.processes.until("spawn", "a")
    world.runs("a")
    await task
    assert "[ERROR] failed to preload model ghost: unknown model" in world.log


async def test_a_preload_that_is_called_off_waits_no_longer(world: World) -> None:
    task = begin(world, "a", "b")
    await world.processes.until("spawn", "a")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.engine.queue().waiting == ()
    world.runs("a")
    assert [key[0] for key in world.processes.told("spawn")] == ["a"]
