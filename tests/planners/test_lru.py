"""The planner `lru`, which comes through the same door as anybody's own."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotbay.core.planners.planner import ModelView, View
from hotbay.core.states import State
from hotbay.planners.lru import LruPlanner, LruSettings

MODELS = ("a", "b", "c", "d")


def planner(most: int, *pinned: str) -> LruPlanner:
    return LruPlanner(LruSettings(maxLoaded=most, pinned=pinned), MODELS)


def view(uses: Mapping[str, float], busy: str = "") -> View:
    models = {
        model: ModelView(State.READY, in_flight=int(model in busy), last_used=used)
        for model, used in uses.items()
    }
    return View(tuple(sorted(uses)), models)


def test_nothing_stops_while_there_is_room() -> None:
    assert planner(2).decide("c", view({"a": 1})).evict == ()


def test_a_model_that_runs_already_needs_no_room() -> None:
    assert planner(2).decide("a", view({"a": 1, "b": 2})).evict == ()


def test_the_least_recently_used_makes_room() -> None:
    plan = planner(2).decide("c", view({"a": 9, "b": 2}))
    assert plan.evict == ("b",)
    assert "'a' was next" in plan.runner_up


def test_an_idle_model_goes_before_one_that_serves() -> None:
    assert planner(2).decide("c", view({"a": 1, "b": 2}, busy="a")).evict == ("b",)


def test_a_pinned_model_stays() -> None:
    assert planner(2, "a").decide("c", view({"a": 1, "b": 2})).evict == ("b",)


def test_as_many_stop_as_are_too_many() -> None:
    assert planner(1).decide("d", view({"a": 1, "b": 2, "c": 3})).evict == ("a", "b", "c")


def test_pins_that_leave_no_place_are_refused() -> None:
    with pytest.raises(ValueError, match="could never be loaded"):
        planner(1, "a")


@given(
    st.integers(1, 4),
    st.dictionaries(st.sampled_from(MODELS), st.floats(0, 100)),
    st.sampled_from(MODELS),
)
def test_at_most_so_many_are_loaded_afterwards(
    most: int, uses: dict[str, float], target: str
) -> None:
    plan = planner(most).decide(target, view(uses))
    left = set(uses) - set(plan.evict)
    assert len(left | {target}) <= max(most, 1)
    assert target not in plan.evict
    assert all(uses[out] <= uses[kept] for out in plan.evict for kept in left - {target})
