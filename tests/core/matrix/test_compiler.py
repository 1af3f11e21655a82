"""What the settings of a matrix have to fulfil (spec/matrix.md 1, 2.3 and 4)."""

from __future__ import annotations

import pytest

from hotbay.core.planners.matrix import Flaw

from .settings import flaws, permits, plan, program


def test_a_matrix_needs_a_set() -> None:
    assert flaws({}) == [Flaw("a matrix needs at least one set", "sets")]


@pytest.mark.parametrize("name", ["x", "X", "0", "-", ".", "a.b-c", "x" * 32])
def test_names_that_vars_may_have(name: str) -> None:
    assert flaws(name, vars={name: "a"}) == []


@pytest.mark.parametrize("name", ["", "x_y", "x y", "x/y", "é", "x\n", "x" * 33])
def test_names_that_vars_may_not_have(name: str) -> None:
    assert flaws("a", vars={name: "a"}) == [
        Flaw(f"var {name!r}: a name is 1 to 32 of the characters A-Z a-z 0-9 . -", f"vars.{name}")
    ]


def test_a_var_stands_for_a_model_only() -> None:
    assert flaws("x", vars={"x": "nobody", "y": "x"}) == [
        Flaw("var 'x': unknown model 'nobody'; it takes the ID of a model", "vars.x"),
    ]


def test_two_vars_may_stand_for_one_model() -> None:
    matrix = program("(x | y) & b", vars={"x": "a", "y": "a"})
    assert plan(matrix, "b", "a").evict == ()


def test_a_var_hides_the_model_of_its_name() -> None:
    matrix = program("a & b", vars={"a": "c"}, costs={"a": 7})
    assert permits(matrix, "bc")
    assert not permits(matrix, "ab")
    assert (matrix.cost("a"), matrix.cost("c")) == (1, 7)


def test_a_set_may_have_the_name_of_a_model_or_a_var() -> None:
    matrix = program({"a": "b & c", "x": "+a & d", "top": "+x & a & x"}, vars={"x": "e"})
    assert permits(matrix, "abcde")


def test_a_cost_needs_a_var_or_a_model_and_at_least_1() -> None:
    assert flaws("a", costs={"a": 0, "b": -3, "nobody": 2}) == [
        Flaw("cost of 'a': must be at least 1, not 0", "evict_costs.a"),
        Flaw("cost of 'b': must be at least 1, not -3", "evict_costs.b"),
        Flaw("cost of 'nobody': unknown var or model", "evict_costs.nobody"),
    ]


@pytest.mark.parametrize("costs", [{"x": 3, "a": 9}, {"a": 9, "x": 3}, {"x": 9, "y": 3, "a": 2}])
def test_the_largest_cost_of_a_model_counts(costs: dict[str, int]) -> None:
    assert program("a", vars={"x": "a", "y": "a"}, costs=costs).cost("a") == 9


def test_everything_wrong_is_reported_at_once_and_in_order() -> None:
    wrong = flaws(
        {"z": "a & & b", "m": "nobody | +gone | neither", "a": "+b", "b": "+a"},
        vars={"v_": "a", "w": "nobody"},
        costs={"q": 1, "c": 0, "never": 1},
    )
    assert [(flaw.key, flaw.column) for flaw in wrong] == [
        ("vars.v_", None),
        ("vars.w", None),
        ("evict_costs.c", None),
        ("evict_costs.never", None),
        ("sets.z", 5),
        ("sets.m", 1),
        ("sets.m", 18),
        ("sets.m", 10),
        ("sets.b", 1),
    ]


@pytest.mark.parametrize(
    ("sets", "key", "circle"),
    [
        ({"s": "a | +s"}, "sets.s", "s -> s"),
        ({"s": "+t & a", "t": "b | +s"}, "sets.t", "s -> t -> s"),
        ({"x": "+s", "s": "+t", "t": "+u", "u": "+t"}, "sets.u", "t -> u -> t"),
    ],
)
def test_a_set_may_not_refer_to_itself(sets: dict[str, str], key: str, circle: str) -> None:
    (flaw,) = flaws(sets)
    assert flaw.key == key
    assert flaw.message == f"set {key[5:]!r}: circular reference: {circle}"


def test_a_circle_of_thousands_is_found() -> None:
    sets = {f"s{i}": f"+s{(i + 1) % 3000}" for i in range(3000)}
    (flaw,) = flaws(sets)
    assert flaw.key == "sets.s2999"


def test_the_same_set_on_two_ways_is_no_circle() -> None:
    assert flaws({"top": "+l & +r", "l": "+base | a", "r": "+base & b", "base": "c"}) == []


def test_a_set_comes_after_those_it_refers_to_in_order_of_mention() -> None:
    matrix = program({"top": "+mid | x", "solo": "y", "mid": "+low & z", "low": "w"})
    assert [each.name for each in matrix.sets] == ["low", "mid", "top", "solo"]


def test_sets_without_references_keep_the_order_of_their_definition() -> None:
    matrix = program({"s10": "a", "s9": "b", "zeta": "c", "alpha": "d"})
    assert [each.name for each in matrix.sets] == ["s10", "s9", "zeta", "alpha"]


def test_a_set_keeps_its_expression_as_written() -> None:
    matrix = program({"s": "a  &\n(b)"})
    assert [each.expression for each in matrix.sets] == ["a  &\n(b)"]
