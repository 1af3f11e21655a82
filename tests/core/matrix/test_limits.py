"""How much a search takes on: products beyond all counting, and where exactness ends."""

from __future__ import annotations

import random
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Sequence

import pytest

from hotbay.core.planners.matrix import (
    FRONTIER_LIMIT,
    Decision,
    MatrixPlanner,
    MatrixProgram,
)
from hotbay.core.planners.planner import View

from .definition import And, Expression, Model, Or
from .programs import tree
from .settings import plan, program

MEGABYTE = 1 << 20


def groups(sizes: Iterable[int]) -> list[list[str]]:
    return [[f"g{i}-{j}" for j in range(size)] for i, size in enumerate(sizes)]


def product(alternatives: Sequence[Sequence[str]]) -> str:
    """Return the expression that takes one model of each group."""
    return " & ".join(f"({' | '.join(group)})" for group in alternatives)


def everyone(alternatives: Sequence[Sequence[str]]) -> list[str]:
    return [model for group in alternatives for model in group]


def explain(matrix: MatrixProgram, target: str, running: Iterable[str]) -> Decision:
    return MatrixPlanner(matrix).explain(target, View(tuple(sorted(running))))


def peak_memory(matrix: MatrixProgram, target: str, running: Iterable[str]) -> int:
    """Return how many bytes a decision holds at most."""
    tracemalloc.start()
    try:
        explain(matrix, target, running)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [6, 12, 100])
def test_an_outsider_is_stopped_whatever_the_number_of_combinations(size: int) -> None:
    teams = groups([10] * size)
    matrix = program(product(teams), models=[*everyone(teams), "outsider"])
    running = [team[3] for team in teams[1:]]
    assert plan(matrix, teams[0][5], [*running, "outsider"]).evict == ("outsider",)
    assert explain(matrix, teams[0][5], running).incomplete == ()


def test_a_million_million_combinations_that_all_run_are_compared_exactly() -> None:
    teams = groups([10] * 12)
    costs = {model: 1 + index % 10 for index, model in enumerate(everyone(teams))}
    matrix = program(product(teams), models=everyone(teams), costs=costs)
    target = teams[0][0]
    decision = explain(matrix, target, {*everyone(teams)} - {target})
    assert decision.chosen is not None
    assert {*decision.chosen.combination} == {target, *(team[9] for team in teams[1:])}
    assert decision.incomplete == ()


def test_a_million_million_combinations_take_next_to_no_memory() -> None:
    teams = groups([10] * 12)
    matrix = program(product(teams), models=everyone(teams))
    assert peak_memory(matrix, teams[0][0], everyone(teams[1:])) < MEGABYTE / 10


def test_seventy_joined_models_stay() -> None:
    names = [f"m{i}" for i in range(70)]
    matrix = program(" & ".join(names), models=[*names, "outsider"])
    assert plan(matrix, "m0", [*names[1:], "outsider"]).evict == ("outsider",)


def test_references_that_double_sixty_times_are_no_more_work() -> None:
    sets = {"s0": "(a | b) & (c | d)", **{f"s{i}": f"+s{i - 1} & +s{i - 1}" for i in range(1, 61)}}
    assert plan(program({**sets, "top": "t & +s60"}), "t", "abcd").evict == ()


def test_a_large_product_with_itself_is_exact() -> None:
    teams = groups([2] * 12)
    factor = f"({product(teams)})"
    matrix = program(f"t & {factor} & {factor} & {factor}", models=[*everyone(teams), "t"])
    decision = explain(matrix, "t", everyone(teams))
    assert decision.evict == ()
    assert decision.incomplete == ()


def a_large_frontier(sizes: Iterable[int]) -> tuple[MatrixProgram, list[str]]:
    """Return a set of which one operand's frontier has an entry for each way through the groups
    and one more; and all of its models but the target.

    The best choice, everything but `alone`, needs the one more, which is the lightest by far.
    """
    teams = groups(sizes)
    models = everyone(teams)
    expression = f"target & ({product(teams)} | light) & ({' & '.join(models)} | alone)"
    names = [*models, "light", "alone"]
    return program(expression, models=[*names, "target"]), names


def test_a_frontier_at_the_limit_is_exact() -> None:
    matrix, running = a_large_frontier((3, 3, 5, 7, 13))
    assert FRONTIER_LIMIT == 3 * 3 * 5 * 7 * 13 + 1
    decision = explain(matrix, "target", running)
    assert decision.evict == ("alone",)
    assert decision.incomplete == ()
    assert plan(matrix, "target", running).reason == "set 's' costs 1"


def test_beyond_the_limit_less_stays_running_and_the_plan_says_so() -> None:
    matrix, running = a_large_frontier([2] * 12)
    assert FRONTIER_LIMIT + 1 == 2**12 + 1
    decision = explain(matrix, "target", running)
    assert decision.evict == ("alone", "light")
    assert decision.incomplete == ("s",)
    assert plan(matrix, "target", running).reason == (
        "set 's' costs 2; too many possibilities to compare all in 's': perhaps more could stay"
    )


def shuffled_products(count: int, seed: int) -> tuple[str, list[str]]:
    """Return a product of `count` products, each of which pairs the same 24 models otherwise."""
    r = random.Random(seed)
    models = [f"m{i}" for i in range(24)]
    factors = []
    for _ in range(count):
        order = r.sample(models, len(models))
        factors.append(f"({product([order[i : i + 2] for i in range(0, 24, 2)])})")
    return " & ".join(factors), models


def thicket(r: random.Random, depth: int, models: Sequence[str]) -> str:
    """Return three operands of three operands of three operands, joined by `&` and `|` in turn."""
    if depth == 0:
        return r.choice(models)
    operator = " & " if depth % 2 else " | "
    return f"({operator.join(thicket(r, depth - 1, models) for _ in range(3))})"


def test_a_search_that_takes_too_many_steps_says_so_too() -> None:
    models = [f"m{i}" for i in range(24)]
    expression = thicket(random.Random(3), 7, models)  # no frontier is beyond the limit
    matrix = program(f"target & {expression}", models=[*models, "target"])
    decision = explain(matrix, "target", models)
    assert decision.incomplete == ("s",)
    assert decision.chosen is not None
    assert "target" in decision.chosen.combination


PEAK_GROWTH_KIB = """
import re, sys
from pathlib import Path
from hotbay.core.planners.matrix import MatrixPlanner, compile_matrix
from hotbay.core.planners.planner import View
from hotbay.core.rules import MatrixRules

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

expression, *models = sys.argv[1:]
planner = MatrixPlanner(compile_matrix(MatrixRules({}, {}, {"s": expression}), models))
before = peak()
planner.decide("target", View(tuple(model for model in models if model != "target")))
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak this way")
def test_memory_stays_bounded_where_exactness_ends() -> None:
    expression, models = shuffled_products(100, seed=2)
    arguments = [f"target & {expression}", *models, "target"]
    answer = subprocess.run(
        [sys.executable, "-c", PEAK_GROWTH_KIB, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(answer.stdout) * 1024 < 32 * MEGABYTE


def test_one_set_beyond_the_limit_leaves_the_others_exact() -> None:
    teams = groups([2] * 13)
    models = everyone(teams)
    monster = f"({product(teams)}) & ({' | '.join(models)}) & target"
    simple = f"target & {' & '.join(models[:-1])}"
    matrix = program({"monster": monster, "simple": simple}, models=[*models, "target"])
    decision = explain(matrix, "target", models)
    assert decision.evict == (models[-1],)
    assert decision.incomplete == ("monster",)
    assert decision.chosen is not None
    assert decision.chosen.set.name == "simple"


def test_every_set_that_uses_a_part_beyond_the_limit_says_so() -> None:
    teams = groups([2] * 13)
    models = everyone(teams)
    monster = f"({product(teams)}) & ({' | '.join(models)}) & target"
    sets = {"monster": monster, "more": "+monster & x", "simple": "target & y"}
    matrix = program(sets, models=[*models, "target", "x", "y"])
    decision = explain(matrix, "target", [*models, "x"])
    assert decision.chosen is not None
    assert decision.chosen.set.name == "more"
    assert decision.incomplete == ("monster", "more")


def satisfies(expression: Expression, models: frozenset[str]) -> bool:
    """Whether some combination of an expression without references is part of `models`."""
    match expression:
        case Model(name):
            return name in models
        case Or(operands):
            return any(satisfies(operand, models) for operand in operands)
        case And(operands):
            return all(satisfies(operand, models) for operand in operands)
        case _:
            raise AssertionError(expression)


def test_what_a_cut_search_chooses_is_still_permitted() -> None:
    models = tuple(f"m{i}" for i in range(40))
    cut = 0
    for seed in range(60):
        expression = And((Model("m0"), tree(random.Random(seed), models, (), 5)))
        matrix = program(str(expression), models=models)
        decision = explain(matrix, "m0", models[1:])
        assert decision.chosen is not None
        combination = frozenset(decision.chosen.combination)
        assert satisfies(expression, combination)
        assert {*models} - {*decision.evict} <= combination | {"m0"}
        cut += bool(decision.incomplete)
    assert cut  # some were, or this shows nothing
