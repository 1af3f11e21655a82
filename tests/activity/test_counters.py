"""What is counted of requests and model servers."""

from __future__ import annotations

import threading

import pytest

from hotbay.activity.counters import OTHER, Counters
from hotbay.activity.row import Tokens
from hotbay.activity.streams import Pace
from hotbay.activity.tallies import Distribution, Tally
from hotbay.core.effects import StartFailed, StateChanged, SwapStarted
from hotbay.core.states import State

CHAT = "/v1/chat/completions"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counters(clock: Clock) -> Counters:
    return Counters(["lily", "rose"], [CHAT, "/v1/embeddings"], clock)


def of(counters: Counters, model: str) -> Tally:
    return dict(counters.tallies())[model]


def values(distribution: Distribution) -> dict[float, int]:
    """How many values fell below which bound, without the empty buckets."""
    bounds = [*distribution.bounds, float("inf")]
    return {bound: count for bound, count in zip(bounds, distribution.counts, strict=True) if count}


def test_requests_are_counted_by_route_and_outcome(counters: Counters) -> None:
    for outcome in ("done", "done", "failed", "refused", "cancelled by client"):
        counters.request("lily", CHAT, outcome, duration=1)
    counters.request("lily", "/v1/embeddings", "done", duration=1)
    assert of(counters, "lily").requests == {
        (CHAT, "done"): 2,
        (CHAT, "failed"): 1,
        (CHAT, "refused"): 1,
        (CHAT, "cancelled by client"): 1,
        ("/v1/embeddings", "done"): 1,
    }
    assert not of(counters, "rose").requests


def test_what_clients_make_up_does_not_make_series(counters: Counters) -> None:
    for n in range(100):
        counters.request(f"made-up-{n}", f"/made/up/{n}", "refused", duration=0)
        counters.request("lily", f"/made/up/{n}", "done", duration=0)
    assert [model for model, _ in counters.tallies()] == ["lily", "rose", ""]
    assert of(counters, "").requests == {(OTHER, "refused"): 100}
    assert of(counters, "lily").requests == {(OTHER, "done"): 100}


def test_tokens_add_up_and_what_was_not_told_counts_as_none(counters: Counters) -> None:
    told = Tokens(cache=5, input=20, output=7)
    untold = Tokens(cache=-1, draft=-1, draft_accepted=-1, input=3, output=-9)
    for tokens in (told, told, untold):
        counters.request("lily", CHAT, "done", duration=1, tokens=tokens)
    tally = of(counters, "lily")
    assert (tally.input_tokens, tally.output_tokens, tally.cached_tokens) == (43, 14, 10)


def test_only_answered_requests_have_a_duration(counters: Counters) -> None:
    counters.request("lily", CHAT, "done", duration=1.5)
    counters.request("lily", CHAT, "refused", duration=0.001)
    counters.request("lily", CHAT, "failed", duration=600)
    assert values(of(counters, "lily").durations) == {2.5: 1}


def test_only_granted_requests_have_waited(counters: Counters) -> None:
    counters.request("lily", CHAT, "done", duration=9, queue_wait=0.3)
    counters.request("lily", CHAT, "failed", duration=9, queue_wait=50)
    counters.request("lily", CHAT, "refused", duration=9)
    tally = of(counters, "lily")
    assert values(tally.waits) == {0.5: 1, 60: 1}
    assert tally.waits.total == pytest.approx(50.3)


def test_the_speed_that_the_server_tells_goes_before_the_measured_one(counters: Counters) -> None:
    pace = Pace(ttft=0.2, itl=0.01)  # 100 tokens in a second
    for tokens, speeds in (
        (Tokens(tokens_per_second=30), {35.0: 1}),
        (Tokens(tokens_per_second=-1), {35.0: 1, 100.0: 1}),
        (Tokens(), {35.0: 1, 100.0: 2}),
    ):
        counters.request("lily", CHAT, "done", duration=1, tokens=tokens, pace=pace)
        assert values(of(counters, "lily").speeds) == speeds
    tally = of(counters, "lily")
    assert values(tally.first_tokens) == {0.25: 3}
    assert values(tally.intervals) == {0.01: 3}


def test_without_any_speed_none_is_counted(counters: Counters) -> None:
    counters.request("lily", CHAT, "done", duration=1)
    tally = of(counters, "lily")
    assert not tally.speeds
    assert not tally.first_tokens
    assert not tally.intervals


def test_a_value_on_the_bound_of_a_bucket_is_in_it() -> None:
    distribution = Distribution((1.0, 2.0))
    for value in (0.0, 1.0, 1.5, 2.0, 2.5):
        distribution.observe(value)
    assert distribution.counts == [2, 2, 1]


# -- model servers -----------------------------------------------------------------------------


def became(model: str, *states: State) -> list[StateChanged]:
    way = [State.STOPPED, *states]
    return [StateChanged(model, 1, old, new) for old, new in zip(way, states, strict=False)]


def test_the_time_of_a_load_runs_from_start_to_ready(counters: Counters, clock: Clock) -> None:
    starting, ready = became("lily", State.STARTING, State.READY)
    clock.now = 110.0
    counters.news(starting)
    assert of(counters, "lily").state is State.STARTING
    clock.now = 114.0
    counters.news(ready)
    tally = of(counters, "lily")
    assert (tally.state, tally.since) == (State.READY, 114.0)
    assert values(tally.loads) == {5.0: 1}


def test_a_start_that_fails_has_no_time_of_load(counters: Counters) -> None:
    for change in became("lily", State.STARTING, State.STOPPING, State.STOPPED):
        counters.news(change)
    counters.news(StartFailed("lily", 1, "exit status 1 (out of GPU memory)"))
    tally = of(counters, "lily")
    assert not tally.loads
    assert tally.failed_starts == {"gpu memory": 1}


def test_swaps_count_for_the_target_and_evictions_for_the_evicted(counters: Counters) -> None:
    counters.news(SwapStarted("lily", ("rose", "gone"), "group 'a' runs one member at a time"))
    counters.news(SwapStarted("lily", ()))
    assert of(counters, "lily").swaps == {"group 'a' runs one member at a time": 1, OTHER: 1}
    assert of(counters, "lily").evictions == 0
    assert of(counters, "rose").evictions == 1
    assert of(counters, "").evictions == 1


def test_a_planner_that_makes_up_reasons_does_not_make_series_without_end(
    counters: Counters,
) -> None:
    for n in range(1000):
        counters.news(SwapStarted("lily", (), f"reason {n} " + "x" * 1000))
    swaps = of(counters, "lily").swaps
    assert len(swaps) <= 17
    assert max(map(len, swaps)) <= 100
    assert swaps.total() == 1000


# -- reloads and threads -------------------------------------------------------------------------


def test_a_reload_keeps_what_stays_and_forgets_what_goes(counters: Counters) -> None:
    for model in ("lily", "rose"):
        counters.request(model, CHAT, "done", duration=1)
        counters.news(became(model, State.STARTING)[0])
    counters.configure(["fern", "lily"])
    assert [model for model, _ in counters.tallies()] == ["fern", "lily", ""]
    assert of(counters, "lily").requests == {(CHAT, "done"): 1}
    assert of(counters, "fern").state is State.STOPPED
    # A model that is gone may still have requests that end.
    counters.request("rose", CHAT, "done", duration=1)
    assert [model for model, _ in counters.tallies()] == ["fern", "lily", ""]


def test_nothing_is_lost_when_several_threads_count(counters: Counters) -> None:
    def count() -> None:
        for _ in range(5000):
            counters.request("lily", CHAT, "done", duration=1, tokens=Tokens(input=1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally = of(counters, "lily")
    assert tally.requests[CHAT, "done"] == tally.input_tokens == 20_000
