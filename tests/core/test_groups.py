"""The group planner: the table of spec/groups.md 3, and its rule against a second version of it."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given
from tests.properties.naive_groups import evicted

from hotbay.core.planners.groups import GroupPlanner
from hotbay.core.planners.planner import View
from hotbay.core.rules import Group, GroupRules

TABLE = GroupRules(
    (
        Group("A", members=("a1", "a2")),
        Group("B", swap=False, exclusive=False, members=("b1", "b2")),
        Group("P", exclusive=False, persistent=True, members=("p1", "p2")),
        Group("X", persistent=True, members=("x1",)),
    )
)


@pytest.mark.parametrize(
    ("target", "running", "stopped"),
    [
        ("a2", "a1", "a1"),
        ("a1", "b1 b2 p1", "b1 b2"),
        ("b2", "a1 b1", ""),
        ("p2", "a1 p1", "p1"),
        ("x1", "a1 b1 p1", "a1 b1"),
        ("a1", "x1", ""),
        ("b1", "p2 x1", ""),
        ("a1", "a1 b1", "b1"),
    ],
)
def test_the_examples_of_the_specification(target: str, running: str, stopped: str) -> None:
    plan = GroupPlanner(TABLE).decide(target, View(tuple(running.split())))
    assert plan.evict == tuple(stopped.split())


def test_a_model_that_a_reload_removed_is_tolerated_by_no_exclusive_group() -> None:
    planner = GroupPlanner(TABLE)
    assert planner.decide("a1", View(("removed",))).evict == ("removed",)
    assert planner.decide("b1", View(("removed",))).evict == ()


@st.composite
def group_rules(draw: st.DrawFn) -> GroupRules:
    homes = {name: draw(st.integers(0, 2)) for name in "abcdef"}
    groups = (
        Group(
            id=str(number),
            swap=draw(st.booleans()),
            exclusive=draw(st.booleans()),
            persistent=draw(st.booleans()),
            members=tuple(name for name, home in homes.items() if home == number),
        )
        for number in range(3)
    )
    return GroupRules(tuple(groups))


@given(
    rules=group_rules(),
    target=st.sampled_from("abcdef"),
    running=st.sets(st.sampled_from("abcdef")),
)
def test_the_planner_does_what_the_rule_says(
    rules: GroupRules, target: str, running: set[str]
) -> None:
    plan = GroupPlanner(rules).decide(target, View(tuple(sorted(running))))
    assert list(plan.evict) == evicted(rules, target, sorted(running))
    assert plan.reason
