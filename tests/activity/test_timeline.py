"""The last hour of the model servers."""

from __future__ import annotations

import pytest

from hotbay.activity.timeline import KEPT, LOADS, SPANS, Timeline
from hotbay.core.effects import StartFailed, StateChanged, SwapStarted
from hotbay.core.states import State

NAMES = {"-": State.STOPPED, "s": State.STARTING, "r": State.READY, "e": State.STOPPING}


class Past:
    """A timeline under a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timeline = Timeline(lambda: self.now)

    def change(self, model: str, states: str, reason: str = "") -> float:
        """Go through states, one second before each; return how long the last but one lasted."""
        old, lasted = self.timeline.state(model).state, 0.0
        for name in states:
            self.now += 1
            new = NAMES[name]
            lasted = self.timeline.changed(StateChanged(model, 1, old, new, reason))
            old = new
        return lasted

    def states(self, model: str, after: float = 0) -> str:
        spans = self.timeline.spans(after).get(model, [])
        letters = {state: name for name, state in NAMES.items()}
        return "".join(letters[span.state] for span in spans)


@pytest.fixture
def past() -> Past:
    return Past()


def test_states_follow_one_another_without_gaps(past: Past) -> None:
    past.change("a", "sre-", "why")
    spans = past.timeline.spans(0)["a"]

    assert [(s.state, s.begin, s.end, s.reason) for s in spans] == [
        (State.STARTING, 1001, 1002, "why"),
        (State.READY, 1002, 1003, "why"),
        (State.STOPPING, 1003, 1004, "why"),
        (State.STOPPED, 1004, None, "why"),
    ]


def test_a_model_that_never_ran_is_stopped_since_the_beginning(past: Past) -> None:
    past.now += 5
    assert past.timeline.state("a").state is State.STOPPED
    assert past.timeline.state("a").begin == 1000
    assert past.timeline.spans(0) == {}


def test_only_what_lasted_beyond_a_time_is_told_of_the_past(past: Past) -> None:
    past.change("a", "sre-")
    past.change("b", "s")

    assert past.states("a", after=1002.5) == "re-"
    assert past.states("a", after=1004) == "-"
    assert past.states("b", after=2000) == "s"


def test_what_ended_an_hour_ago_is_not_told(past: Past) -> None:
    past.timeline.swapped(SwapStarted("a", ()))
    past.timeline.failed(StartFailed("a", 1, "broken"))
    past.change("a", "sr")
    past.now += KEPT

    assert past.states("a") == "r"
    assert past.timeline.swaps(0) == []
    assert past.timeline.failures(0) == []


def test_a_change_says_how_long_the_state_before_lasted(past: Past) -> None:
    past.change("a", "s")
    past.now += 6.5

    assert past.change("a", "r") == 7.5
    assert past.timeline.loads("a") == [7.5]


def test_the_last_load_times_are_kept(past: Past) -> None:
    for extra in range(LOADS + 1):
        past.change("a", "s")
        past.now += extra
        past.change("a", "re-")

    assert past.timeline.loads("a") == [1.0 + extra for extra in range(1, LOADS + 1)]
    assert past.timeline.loads("b") == []


def test_a_swap_lasts_until_its_model_is_ready(past: Past) -> None:
    past.change("a", "sr")
    past.timeline.swapped(SwapStarted("b", ("a",), "asked for", "c would cost more"))
    past.change("a", "e-")
    assert past.timeline.swaps(0)[0].seconds is None
    past.change("b", "sr")
    (swap,) = past.timeline.swaps(0)

    assert (swap.at, swap.model, swap.evict, swap.seconds) == (1002, "b", ("a",), 4)
    assert (swap.reason, swap.runner_up) == ("asked for", "c would cost more")


def test_a_swap_that_failed_has_no_end(past: Past) -> None:
    past.timeline.swapped(SwapStarted("b", ()))
    past.timeline.failed(StartFailed("b", 1, "exit status 1"))
    past.change("b", "s-")
    past.timeline.swapped(SwapStarted("b", ()))
    past.change("b", "sr")

    assert [swap.seconds for swap in past.timeline.swaps(0)] == [None, 2]


def test_a_failure_is_told_until_the_model_is_ready(past: Past) -> None:
    past.change("a", "s")
    past.timeline.failed(StartFailed("a", 1, "exit status 1"))
    past.change("a", "-s")
    failure = past.timeline.failure("a")
    assert failure is not None
    assert (failure.at, failure.reason) == (1001, "exit status 1")
    past.change("a", "r")

    assert past.timeline.failure("a") is None
    assert past.timeline.failures(0) == [failure]


def test_a_model_that_fails_in_a_loop_does_not_fill_the_memory(past: Past) -> None:
    for _ in range(SPANS):
        past.timeline.swapped(SwapStarted("a", ()))
        past.change("a", "s-")
        past.timeline.failed(StartFailed("a", 1, "exit status 1"))
    past.now -= SPANS  # still within the hour

    assert len(past.timeline.spans(0)["a"]) == SPANS
    assert len(past.timeline.swaps(0)) == len(past.timeline.failures(0)) == SPANS


def test_a_removed_model_is_forgotten_once_it_has_stopped(past: Past) -> None:
    past.change("a", "sr")
    past.change("b", "sr")
    past.change("c", "sre-")
    past.timeline.keep(["b"])
    assert past.timeline.spans(0).keys() == {"a", "b"}
    past.change("a", "e-")
    past.timeline.keep(["b"])

    assert past.timeline.spans(0).keys() == {"b"}
    assert past.timeline.loads("a") == []
