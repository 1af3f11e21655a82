"""The scripted world around a machine (hotbay.testing.world)."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hotbay.core.effects import Refusal, State
from hotbay.core.events import Exited, Gone, Mode, TimerFired
from hotbay.core.rules import DEFAULT_GROUP, Group, GroupRules, ModelRules, Rules
from hotbay.testing import Fate, ServerScript, World


def rivals(**settings: Any) -> Rules:
    """`a` and `b` evict each other."""
    group = Group(DEFAULT_GROUP, members=("a", "b"))
    return Rules({m: ModelRules(m, **settings) for m in "ab"}, GroupRules((group,)))


def world_of(script: ServerScript, **settings: Any) -> World:
    return World(rivals(**settings), lambda _model, _generation: script)


def times(world: World, kind: type) -> list[float]:
    return [step.now for step in world.ledger.history if isinstance(step.event, kind)]


def test_a_request_waits_for_the_load_and_runs_for_its_time() -> None:
    world = world_of(ServerScript(load=2.0))
    request = world.ledger.requests[world.request("a", run=5.0)]
    world.run_until_quiet()
    assert (request.granted, request.ended) == (2.0, 7.0)


def test_a_swap_waits_until_the_evicted_group_is_gone() -> None:
    world = world_of(ServerScript(load=1.0, stop=0.5, linger=0.25))
    world.request("a", run=1.0)
    request = world.ledger.requests[world.request("b")]
    world.run_until_quiet()
    assert (times(world, Exited), times(world, Gone)) == ([2.5], [2.75])
    assert request.granted == 3.75


def test_a_deaf_server_dies_at_the_end_of_its_grace() -> None:
    world = world_of(ServerScript(stop=math.inf), unload_timeout=10.0)
    world.request("a", run=1.0)
    world.run_until_quiet()
    world.unload("a", grace=30.0)
    world.run_for(5.0)
    world.close(grace=4.0)
    world.run_until_quiet()
    assert times(world, Exited) == [2.0 + 5.0 + 4.0]
    assert world.ledger.closed


@pytest.mark.parametrize(
    ("script", "when"),
    [
        (ServerScript(spawn_error="no such file"), 0.0),
        (ServerScript(load=3.0, life=2.0), 2.0),
        (ServerScript(load=math.inf), 20.0),
    ],
)
def test_a_start_can_fail(script: ServerScript, when: float) -> None:
    world = world_of(script, start_timeout=20.0)
    request = world.ledger.requests[world.request("a")]
    world.run_until_quiet()
    assert (request.refusal, request.ended) == (Refusal.START_FAILED, when)
    assert world.ledger.state("a") is State.STOPPED


def test_a_crash_ends_the_requests_that_the_server_was_serving() -> None:
    world = world_of(ServerScript(load=1.0, life=3.0))
    request = world.ledger.requests[world.request("a", run=60.0)]
    world.run_until_quiet()
    assert (request.fate, request.ended) == (Fate.FINISHED, 3.0)


def test_a_client_may_leave_while_it_waits_and_while_it_is_served() -> None:
    world = world_of(ServerScript(load=1.0))
    waits, served = world.request("a"), world.request("a", run=60.0)
    world.leave(waits)
    world.run_for(2.0)
    world.leave(served)
    world.leave(served)
    fates = [world.ledger.requests[request].fate for request in (waits, served)]
    assert fates == [Fate.LEFT, Fate.FINISHED]
    assert world.now == 2.0


def test_timers_fire_at_their_times() -> None:
    world = world_of(ServerScript(load=1.0), ttl=5.0)
    world.request("a", run=2.0)
    world.run_until_quiet()
    assert times(world, TimerFired) == [8.0]
    assert world.ledger.state("a") is State.STOPPED


def test_a_request_can_have_a_mode() -> None:
    world = world_of(ServerScript())
    request = world.request("a", mode=Mode.ONLY_IF_READY)
    assert world.ledger.requests[request].refusal is Refusal.NOT_READY


def test_rules_can_change() -> None:
    world = world_of(ServerScript())
    world.reload(Rules({}, GroupRules(())))
    assert world.ledger.requests[world.request("a")].refusal is Refusal.UNKNOWN_MODEL


def test_a_drained_world_closes_at_its_deadline() -> None:
    world = world_of(ServerScript(load=1.0, stop=0.0))
    world.request("a", run=60.0)
    world.run_for(2.0)
    world.drain(deadline=10.0)
    world.run_until_quiet()
    assert world.ledger.closed
    assert times(world, Gone) == [10.0]


def test_the_same_script_gives_the_same_history() -> None:
    def history() -> list[object]:
        world = world_of(ServerScript(load=0.5, stop=0.1), ttl=3.0)
        for model in "abab":
            world.request(model)
            world.run_for(0.4)
        world.run_until_quiet()
        return [*world.ledger.history]

    assert history() == history()


def test_what_never_gets_quiet_is_told() -> None:
    world = world_of(ServerScript())

    def again() -> None:
        world.clock.after(1.0, again)

    again()
    with pytest.raises(TimeoutError, match="not quiet after 100"):
        world.run_until_quiet(limit=100.0)


def test_an_endless_loop_at_one_time_is_told() -> None:
    world = world_of(ServerScript())

    def again() -> None:
        world.clock.after(0.0, again)

    again()
    with pytest.raises(TimeoutError, match="no end of events"):
        world.run_until_quiet()
