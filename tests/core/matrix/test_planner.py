"""Decisions that the specification works out, and what they are explained with."""

from __future__ import annotations

import pytest

from hotbay.core.planners.matrix import MatrixPlanner
from hotbay.core.planners.planner import Plan, View

from .settings import plan, program

WORKED = program(
    {"chat": "(g | q) & v", "wide": "(g | q) & v & w", "solo": "big"},
    models=("g", "q", "v", "w", "big", "stray", "other"),
    costs={"v": 20, "big": 5},
)


@pytest.mark.parametrize(
    ("target", "running", "evict", "chosen", "cost"),
    [
        ("g", (), (), "chat", 0),
        ("q", ("g", "v"), ("g",), "chat", 1),
        ("g", ("v", "w"), (), "wide", 0),
        ("w", ("q", "v"), (), "wide", 0),
        ("big", ("v", "w"), ("v", "w"), "solo", 21),
        ("g", ("big", "v"), ("big",), "chat", 5),
        ("v", ("g", "q"), ("q",), "chat", 1),
        ("v", ("big", "v"), (), None, 0),
        ("v", ("g", "v"), (), "chat", 0),
        ("v", ("g", "v", "w"), (), "wide", 0),
        ("stray", ("big", "v"), ("big", "v"), None, 0),
        ("stray", (), (), None, 0),
        ("g", ("stray", "v"), ("stray",), "chat", 1),
        ("stray", ("other", "stray"), (), None, 0),
    ],
)
def test_worked_decisions(
    target: str, running: tuple[str, ...], evict: tuple[str, ...], chosen: str | None, cost: int
) -> None:
    answer = plan(WORKED, target, running)
    assert (answer.evict, answer.set, answer.cost) == (evict, chosen, cost)


@pytest.mark.parametrize(
    ("target", "running", "reason", "runner_up"),
    [
        ("w", ("q", "v"), "set 'wide' costs 0", ""),
        ("q", ("g", "v"), "set 'chat' costs 1", "set 'wide' costs the same but comes later"),
        ("g", ("v", "w"), "set 'wide' costs 0", "set 'chat' costs 1"),
        ("stray", ("v",), "in no set, so it runs alone", ""),
        ("v", ("g", "v"), "already running; set 'chat' permits all that runs", ""),
        ("v", ("big", "v"), "already running; no set permits all that runs", ""),
    ],
)
def test_the_reason_names_set_cost_and_runner_up(
    target: str, running: tuple[str, ...], reason: str, runner_up: str
) -> None:
    answer = plan(WORKED, target, running)
    assert (answer.reason, answer.runner_up) == (reason, runner_up)


def test_a_decision_in_full_has_expression_and_combination() -> None:
    chosen = MatrixPlanner(WORKED).explain("q", View(("g", "v"))).chosen
    assert chosen is not None
    assert chosen.set.expression == "(g | q) & v"
    assert chosen.combination == ("q", "v")


def test_the_swallowed_entry_goes_to_the_end() -> None:
    matrix = program("t & (p | c | (p & a)) & a")
    assert plan(matrix, "t", "acp").evict == ("p",)


@pytest.mark.parametrize(
    ("expression", "target", "running", "evict"),
    [
        # An alternative on its own shows all its entries if another may swallow one of them.
        ("((x | y) | x & i) & i", "i", ("x", "y"), ("x",)),
        # Operands keep their order even if they are linked across one that is between them.
        (
            "t & ((a&k | b&k) & (x | y) & k) & (b&x&c | a&y&d)",
            "t",
            tuple("abcdkxy"),
            ("d",),
        ),
        # A sum in parentheses is an operand of its own, a product at the front is not.
        ("t & (a | b) & (b | a)", "t", ("a", "b"), ()),
        ("t & (a & (b | c) | c & (a | b))", "t", ("a", "b", "c"), ("c",)),
    ],
)
def test_ties_go_to_the_first_candidate_of_the_frontier(
    expression: str, target: str, running: tuple[str, ...], evict: tuple[str, ...]
) -> None:
    assert plan(program(expression), target, running).evict == evict


def test_ties_go_to_the_first_set_in_dependency_order() -> None:
    matrix = program({"top": "+low & t", "solo": "t & b", "low": "a | t"})
    assert plan(matrix, "t", ()).set == "low"
    assert plan(matrix, "t", "ab").set == "top"


def test_a_part_of_a_larger_combination_swallows_the_smaller() -> None:
    assert plan(program("t & (a | (a & b))"), "t", "ab").evict == ()


def test_a_model_and_its_var_together_are_one() -> None:
    doubled, single = program("x & a & x & t", vars={"x": "a"}), program("a & t")
    for running in ((), ("a",), ("a", "b"), ("b",)):
        assert plan(doubled, "t", running) == plan(single, "t", running)


def test_costs_steer() -> None:
    matrix = program({"one": "a & c", "two": "a & b"}, costs={"b": 10})
    assert plan(matrix, "a", "bc").evict == ("c",)
    assert plan(matrix, "a", "bc").set == "two"


def test_costs_of_any_size_are_added_exactly() -> None:
    costs = {"a": 10**30 + 1, "b": 10**30, "c": 10**30 - 1, "d": 2}
    matrix = program({"one": "t & a & c", "two": "t & (b & a | b & c & d)"}, costs=costs)
    answer = plan(matrix, "t", "abcd")
    assert answer.evict == ("c", "d")
    assert answer.cost == 10**30 + 1


def test_evicted_models_stand_in_the_order_of_the_view() -> None:
    answer = MatrixPlanner(program("t & c")).decide("t", View(("e", "c", "a", "d")))
    assert answer.evict == ("e", "a", "d")


def test_a_running_model_that_the_matrix_does_not_know_is_stopped_at_the_default_cost() -> None:
    matrix = program({"s": "t & a"})
    answer = plan(matrix, "t", ("a", "removed"))
    assert (answer.evict, answer.cost) == (("removed",), 1)
    assert plan(matrix, "a", ("a", "removed")).set is None


def test_a_target_that_the_matrix_does_not_know_runs_alone() -> None:
    answer = plan(program("a & b"), "removed", "ab")
    assert answer == Plan(("a", "b"), "in no set, so it runs alone", None, 0)


def test_no_models_and_parts_of_combinations_fit_together() -> None:
    matrix = program({"one": "a & b & c", "two": "c & d"})
    assert matrix.contains_together(())
    assert matrix.contains_together(("c", "a", "c"))
    assert not matrix.contains_together(("a", "d"))
    assert not matrix.contains_together(("a", "nobody"))
