"""The machine explains itself: forecasts, the queue, and the words for both."""

from __future__ import annotations

import pytest

from hotbay.core.events import Arrived, Finished, ProbeOk, Spawned
from hotbay.core.machine import Machine
from hotbay.core.rules import DEFAULT_GROUP, Group, GroupRules, MatrixRules, ModelRules, Rules


def group_machine(max_wait: float = 60) -> Machine:
    models = {name: ModelRules(name) for name in ("a", "b", "c")}
    groups = (Group(DEFAULT_GROUP, members=("a", "b", "c")),)
    return Machine(Rules(models, GroupRules(groups), max_wait=max_wait))


def make_ready(machine: Machine, model: str, request: int, generation: int) -> None:
    machine.step(Arrived(request, model), 0)
    machine.step(Spawned(model, generation), 0)
    machine.step(ProbeOk(model, generation), 0)


def test_an_idle_machine_would_start_the_model_at_once() -> None:
    found = group_machine().forecast("a", 0)
    assert found is not None
    assert (found.action, found.plan.evict) == ("swap", ())
    assert "a is being started" in found.text


def test_a_ready_model_would_be_granted() -> None:
    machine = group_machine()
    make_ready(machine, "a", 1, 1)
    found = machine.forecast("a", 1)
    assert found is not None
    assert (found.action, found.wait) == ("grant", None)


def test_a_busy_rival_would_have_to_be_waited_for() -> None:
    machine = group_machine()
    make_ready(machine, "a", 1, 1)
    machine.step(Arrived(2, "a"), 0)
    found = machine.forecast("b", 1)
    assert found is not None
    assert (found.action, found.plan.evict) == ("queue", ("a",))
    assert "evicting a, which serves 2 requests" in found.text


def test_a_swap_under_way_would_be_joined() -> None:
    machine = group_machine()
    machine.step(Arrived(1, "a"), 0)
    found = machine.forecast("a", 0)
    assert found is not None
    assert found.action == "join"


def test_an_unknown_model_has_no_forecast() -> None:
    assert group_machine().forecast("ghost", 0) is None


def test_a_forecast_changes_nothing() -> None:
    machine, other = group_machine(), group_machine()
    make_ready(machine, "a", 1, 1)
    make_ready(other, "a", 1, 1)
    machine.forecast("b", 1)
    machine.forecast("c", 1, ["a", "b"])
    assert machine.step(Arrived(2, "b"), 2) == other.step(Arrived(2, "b"), 2)


def test_a_supposed_running_set_is_asked_about_alone() -> None:
    machine = group_machine()
    make_ready(machine, "a", 1, 1)
    found = machine.forecast("c", 0, ["b"])
    assert found is not None
    assert (found.action, found.plan.evict) == ("swap", ("b",))
    ready = machine.forecast("c", 0, ["c"])
    assert ready is not None
    assert ready.action == "grant"


def test_the_matrix_names_set_cost_and_runner_up() -> None:
    models = {name: ModelRules(name) for name in ("a", "b", "c")}
    matrix = MatrixRules({}, {"a": 5}, {"first": "b & c", "second": "a & c"})
    machine = Machine(Rules(models, matrix))
    found = machine.forecast("c", 0, ["a", "b"])
    assert found is not None
    assert (found.plan.evict, found.plan.set, found.plan.cost) == (("b",), "second", 1)
    assert "'first'" in found.plan.runner_up
    assert "5" in found.plan.runner_up


def test_the_queue_says_who_waits_for_what_and_how_long() -> None:
    machine = group_machine(max_wait=60)
    make_ready(machine, "a", 1, 1)
    machine.step(Arrived(2, "b"), 10)
    view = machine.queue(22)
    assert view.swaps == ()
    (waiter,) = view.waiting
    assert (waiter.request, waiter.model, waiter.age, waiter.position) == (2, "b", 12, 1)
    assert waiter.patience == pytest.approx(48)
    assert waiter.text == "evicting a, which serves 1 request; its patience ends in 48 s"


def test_a_swap_under_way_is_shown_with_those_who_joined_it() -> None:
    machine = group_machine()
    make_ready(machine, "a", 1, 1)
    machine.step(Arrived(2, "b"), 1)
    machine.step(Finished(1), 2)
    view = machine.queue(3)
    (swap,) = view.swaps
    assert (swap.target, swap.evict, swap.phase, swap.waiting) == ("b", ("a",), "evicting", 1)
    (waiter,) = view.waiting
    assert (waiter.position, waiter.text) == (0, "a is being stopped")


def test_without_patience_nobody_is_promised_any() -> None:
    machine = group_machine(max_wait=0)
    make_ready(machine, "a", 1, 1)
    machine.step(Arrived(2, "b"), 1)
    (waiter,) = machine.queue(500).waiting
    assert waiter.patience is None
