"""Workloads played in virtual time (hotbay.testing.simulation) and their statistics."""

from __future__ import annotations

import pytest

from hotbay.core.rules import DEFAULT_GROUP, Group, GroupRules, ModelRules, Rules
from hotbay.testing.report import Conflict, Report, Waiting, percentile, report
from hotbay.testing.simulation import TooManyRequests, play
from hotbay.testing.workload import (
    Arrival,
    Burst,
    Clients,
    ClosedLoop,
    ModelTimes,
    OpenLoop,
    Recorded,
    Span,
    Workload,
)

TIMES = ModelTimes(load=5, stop=1, run=Span(2, 2))


def rivals(
    names: str = "abc", max_wait: float = 60.0, limit: int = 10, start: float = 120
) -> Rules:
    """Models that evict each other."""
    models = {m: ModelRules(m, concurrency_limit=limit, start_timeout=start) for m in names}
    group = Group(DEFAULT_GROUP, members=tuple(names))
    return Rules(models, GroupRules((group,)), max_wait=max_wait)


def played(
    *clients: Clients, rules: Rules | None = None, times: ModelTimes = TIMES, seed: int = 0
) -> Report:
    rules = rules or rivals()
    return report(play(rules, Workload(clients, dict.fromkeys(rules.models, times)), seed))


def test_waiting_requests_are_put_together() -> None:
    found = played(*map(Burst, "abcabc"))
    assert (found.swaps, found.total.cold_starts, found.total.served) == (2, 3, 6)
    # a loads 5 s and runs 2 s, stopping takes 1 s: the next is ready 8 s later.
    assert {name: model.waiting for name, model in found.models.items()} == {
        "a": Waiting(5, 5, 5, 5),
        "b": Waiting(13, 13, 13, 13),
        "c": Waiting(21, 21, 21, 21),
    }
    assert found.seconds == 23
    assert found.conflicts == (Conflict(("a", "b"), (0, 1)), Conflict(("b", "c"), (0, 1)))


def test_requests_that_come_one_by_one_swap_each_time() -> None:
    found = played(*(Burst(model, at=20 * turn) for turn, model in enumerate("abab")))
    assert (found.swaps, found.total.cold_starts) == (3, 4)
    assert found.conflicts == (Conflict(("a", "b"), (1, 2)),)
    assert found.total.waiting == Waiting(p50=6, p90=6, p99=6, max=6)


def test_the_busiest_conflict_is_the_first() -> None:
    found = played(*(Burst(model, at=20 * turn) for turn, model in enumerate("abcbc")))
    assert [(one.models, one.total) for one in found.conflicts] == [
        (("b", "c"), 3),
        (("a", "b"), 1),
    ]


def test_a_closed_loop_asks_again_after_its_answer_and_its_thinking() -> None:
    # The first takes 5 + 2 s, every other one 2 s, with 3 s between them: at 0, 10, 15, 20, ...
    found = played(ClosedLoop("a", think=Span(3, 3), duration=21))
    assert found.total.requests == 4
    assert found.seconds == 22


def test_the_clients_of_a_loop_are_independent() -> None:
    found = played(ClosedLoop("a", clients=3, duration=8))
    assert found.total.requests == 6


def test_a_refused_client_comes_back_after_a_second() -> None:
    found = played(ClosedLoop("a", clients=2, duration=5), rules=rivals(limit=1))
    assert found.total.refused == {"concurrency limit": 5}
    assert found.total.served == 1


def test_a_failed_start_is_counted_and_the_client_is_refused() -> None:
    found = played(ClosedLoop("a", duration=9), rules=rivals(start=4))
    assert found.models["a"].refused == {"start failed": 2}
    assert (found.models["a"].cold_starts, found.models["a"].failed_starts) == (2, 2)
    assert found.models["a"].waiting is None


def test_an_open_loop_comes_at_its_rate_and_only_in_its_time() -> None:
    rules = rivals(limit=1_000)
    ledger = play(rules, Workload((OpenLoop("a", rate=10, at=50, duration=100),)))
    arrivals = [request.arrived for request in ledger.requests.values()]
    assert 900 < len(arrivals) < 1_100
    assert 50 <= min(arrivals) < 51
    assert 149 < max(arrivals) < 150


def test_a_recorded_request_comes_at_its_time_and_runs_for_its_own() -> None:
    rules = rivals()
    ledger = play(rules, Workload((Recorded((Arrival(3, "a", 7.5), Arrival(4, "a", 1))),)))
    assert [(r.arrived, r.ended) for r in ledger.requests.values()] == [(3, 15.5), (4, 9)]


@pytest.mark.parametrize(("seed", "same"), [(0, True), (1, False)])
def test_the_seed_decides(seed: int, same: bool) -> None:
    times = ModelTimes(run=Span(1, 9))
    clients = (OpenLoop("a", rate=0.3), ClosedLoop("b", 2, think=Span(0, 20)), Burst("c", 3))
    first = played(*clients, times=times, seed=0)
    assert (first == played(*clients, times=times, seed=seed)) is same


def test_two_clients_that_overlap_keep_a_third_out_only_without_patience() -> None:
    attack = (
        ClosedLoop("a", duration=300),
        ClosedLoop("a", at=6, duration=294),
        Burst("b", at=20),
    )
    longest, swap, patience = 2, 1 + 5, 4.0
    patient = played(*attack, rules=rivals("ab", max_wait=patience)).models["b"].waiting
    starved = played(*attack, rules=rivals("ab", max_wait=0)).models["b"].waiting
    assert patient is not None
    assert patience < patient.max <= patience + longest + swap
    assert starved is not None
    assert starved.max > 280


def test_a_workload_without_end_is_told() -> None:
    with pytest.raises(TooManyRequests, match="more than 100000 requests"):
        played(Burst("a", count=100_001))


def test_percentiles_lie_between_neighbours() -> None:
    values = [0.0, 10.0, 20.0, 40.0]
    assert [percentile(values, p) for p in (0, 50, 75, 100)] == [0, 15, 25, 40]
    assert percentile([7.0], 99) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
