"""The examples of spec/scheduler.md 12, collation (6) and the weak points (10), as tests."""

from __future__ import annotations

from tests.core.story import pushy, rivals, together

from hotbay.core.effects import Refusal, Stop, Unloaded
from hotbay.core.events import Close, Exited, Gone, Left, ProbeOk, SpawnFailed
from hotbay.testing import Fate

# -- spec/scheduler.md 12, by number -------------------------------------------------------


def test_01_a_ready_model_serves_without_a_start() -> None:
    story = together("a")
    story.ready("a")
    assert story.request("a").fate is Fate.GRANTED
    assert story.starts() == ["a"]


def test_02_one_start_serves_all_who_wait_for_it() -> None:
    story = together("a")
    requests = [story.request("a") for _ in range(3)]
    story.ok("a")
    assert story.starts() == ["a"]
    assert [request.fate for request in requests] == [Fate.GRANTED] * 3


def test_03_a_failed_start_fails_all_who_waited_for_it() -> None:
    story = together("a")
    requests = [story.request("a") for _ in range(2)]
    story.fail("a")
    assert [request.refusal for request in requests] == [Refusal.START_FAILED] * 2
    assert not story.granted()


def test_04_a_rival_starts_when_the_busy_model_is_idle_and_evicts_it() -> None:
    story = pushy("b", over="a")
    story.request("a")
    waiting = story.request("b")
    story.ok("a")
    assert story.evictions("b") == []
    story.end("a")
    assert story.evictions("b") == [("a",)]
    assert story.starts() == ["a"]
    story.ok("b")
    assert story.starts() == ["a", "b"]
    assert waiting.fate is Fate.GRANTED


def test_05_models_that_tolerate_each_other_start_at_once() -> None:
    story = together("ab")
    story.request("a")
    story.request("b")
    assert story.starts() == ["a", "b"]


def test_06_two_swaps_never_stop_the_same_model() -> None:
    """With news of processes b need not wait for ok(a): once x is gone nothing is in its way."""
    story = pushy("ab", over="x")
    story.ready("x")
    story.request("a")
    second = story.request("b")
    assert (story.evictions("a"), story.evictions("b")) == ([("x",)], [])
    assert story.queued() == ["b"]
    story.gone_for_good("x")
    assert story.evictions("b") == [()]
    assert story.starts() == ["x", "a", "b"]
    story.ok("b")
    assert second.fate is Fate.GRANTED


def test_07_models_that_a_swap_evicts_start_again_together_when_it_is_done() -> None:
    story = pushy("a", over="bc")
    story.ready("b", "c")
    first = story.request("a")
    story.request("b")
    story.request("c")
    assert story.evictions("a") == [("b", "c")]
    assert story.queued() == ["b", "c"]
    story.ok("a")
    assert first.fate is Fate.GRANTED
    assert story.starts() == ["b", "c", "a", "b", "c"]


def test_08_interleaved_requests_cost_one_start_per_model() -> None:
    story = rivals("abc")
    requests = [story.request(model) for model in "abcabc"]
    for model in "abc":
        story.ok(model)
        assert [r.fate for r in requests if r.model == model] == [Fate.GRANTED] * 2
        story.end(model)
        story.end(model)
    assert story.starts() == ["a", "b", "c"]


def test_09_a_model_is_busy_until_its_last_request_has_ended() -> None:
    story = pushy("b", over="a")
    story.ready("a")
    story.request("a")
    story.request("a")
    story.request("b")
    story.end("a")
    assert story.queued() == ["b"]
    story.end("a")
    assert story.evictions("b") == [("a",)]


def test_10_a_client_that_is_gone_when_it_is_granted_leaves_no_count_behind() -> None:
    story = pushy("b", over="a")
    story.request("a")
    story.ok("a")
    story.end("a")  # every grant is answered, also for a client that has gone (design 7.2)
    story.request("b")
    assert story.evictions("b") == [("a",)]


def test_11_a_shutdown_answers_everybody_who_waits() -> None:
    story = pushy("c", over="ab")
    requests = [story.request(model) for model in "aabbc"]
    story.send(Close())
    assert [request.refusal for request in requests] == [Refusal.SHUTTING_DOWN] * 5
    story.settle()
    assert story.ledger.closed


def test_12_an_unload_refuses_the_waiters_and_stops_the_model_once() -> None:
    story = together("a")
    requests = [story.request("a") for _ in range(2)]
    story.unload(frozenset("a"), grace=3.0)
    assert [request.refusal for request in requests] == [Refusal.UNLOADED] * 2
    assert story.effects(Stop) == [Stop("a", 1, 3.0)]


def test_13_an_unload_of_a_queued_model_touches_no_other() -> None:
    story = pushy("b", over="a")
    kept = story.request("a")
    refused = story.request("b")
    token = story.unload(frozenset("b"))
    assert story.effects(Unloaded) == [Unloaded(token)]
    assert refused.refusal is Refusal.UNLOADED
    story.ok("a")
    assert kept.fate is Fate.GRANTED
    story.settle()
    assert story.starts() == ["a"]


def test_14_the_queue_is_ordered_by_priority_then_by_arrival() -> None:
    story = rivals("zABCD", A=10, B=5, C=5, D=1)
    story.request("z")
    for model in "BDCA":
        story.request(model)
    assert story.queued() == ["A", "B", "C", "D"]


def test_15_nothing_starts_for_a_request_that_has_left_the_queue() -> None:
    story = pushy("b", over="a")
    story.request("a")
    story.leave(story.request("b"))
    story.ok("a")
    story.settle()
    assert story.starts() == ["a"]


def test_16_a_waiter_that_leaves_is_not_granted() -> None:
    story = together("a")
    stays = story.request("a")
    leaves = story.request("a")
    story.leave(leaves)
    story.ok("a")
    assert (stays.fate, leaves.fate) == (Fate.GRANTED, Fate.LEFT)


def test_17_leaving_after_the_grant_has_no_effect() -> None:
    story = together("a")
    story.ready("a")
    request = story.request("a")
    assert story.send(Left(request.id)) == []


def test_18_a_finished_request_gives_its_place_back() -> None:
    story = together("a", concurrency_limit=1)
    story.ready("a")
    first, second = story.request("a"), story.request("a")
    story.end("a")
    third = story.request("a")
    assert (first.fate, third.fate) == (Fate.FINISHED, Fate.GRANTED)
    assert second.refusal is Refusal.CONCURRENCY


def test_19_ten_requests_are_admitted_by_default() -> None:
    story = together("a")
    story.ready("a")
    requests = [story.request("a") for _ in range(11)]
    assert [r.refusal for r in requests] == [None] * 10 + [Refusal.CONCURRENCY]


def test_20_those_who_wait_for_a_start_count_as_well() -> None:
    story = together("a", concurrency_limit=2)
    requests = [story.request("a") for _ in range(3)]
    assert [r.refusal for r in requests] == [None, None, Refusal.CONCURRENCY]
    story.ok("a")
    assert [r.fate for r in requests] == [Fate.GRANTED, Fate.GRANTED, Fate.REFUSED]


def test_21_those_who_are_queued_count_as_well() -> None:
    story = pushy("a", over="b", concurrency_limit=2)
    story.request("b")
    requests = [story.request("a") for _ in range(3)]
    assert [r.refusal for r in requests] == [None, None, Refusal.CONCURRENCY]
    assert story.queued() == ["a", "a"]
    assert story.starts() == ["b"]


def test_22_a_queued_request_that_leaves_gives_its_place_back() -> None:
    story = pushy("a", over="b", concurrency_limit=1)
    story.request("b")
    first = story.request("a")
    assert story.request("a").refusal is Refusal.CONCURRENCY
    story.leave(first)
    assert story.request("a").fate is Fate.QUEUED


def test_23_an_unknown_model_is_refused_and_nothing_else_happens() -> None:
    story = together("a")
    assert story.request("ghost").refusal is Refusal.UNKNOWN_MODEL
    assert len(story.ledger.history[-1].effects) == 1


def test_24_priority_does_not_change_the_fast_path() -> None:
    """The activity record's `fifo_priority` is written by the lane, from the rules."""
    story = together("a", priority=7)
    story.ready("a")
    request = story.request("a")
    assert (request.fate, request.priority) == (Fate.GRANTED, 7)


# -- 6: collation, and its bound (design 7.3) --------------------------------------------------


def test_abcabc_costs_three_starts_and_two_evictions() -> None:
    story = rivals("abc", max_wait=60.0)
    for model in "abcabc":
        story.request(model)
        story.now += 1.0
    story.settle()
    assert story.starts() == ["a", "b", "c"]
    assert [story.evictions(model) for model in "abc"] == [[()], [("a",)], [("b",)]]


def test_two_clients_that_overlap_on_a_model_keep_no_rival_out() -> None:
    story = rivals("ab", max_wait=60.0)
    story.ready("a")
    story.request("a")
    rival = story.request("b")
    story.now = 59.0
    assert story.request("a").fate is Fate.GRANTED
    story.end("a")
    story.now = 60.0
    assert story.request("a").fate is Fate.QUEUED
    story.end("a")
    assert story.evictions("b") == [("a",)]
    story.ok("b")
    assert rival.fate is Fate.GRANTED


def test_without_patience_a_busy_model_keeps_its_rivals_out() -> None:
    story = rivals("ab")
    story.ready("a")
    story.request("a")
    story.request("b")
    story.now = 3600.0
    assert story.request("a").fate is Fate.GRANTED


# -- 10: weak points of llama-swap's loop -------------------------------------------------------


def test_10_1_a_late_end_of_an_old_swap_does_not_touch_a_newer_one() -> None:
    story = together("a")
    first = story.request("a")
    story.unload(frozenset("a"))
    second = story.request("a")
    story.gone_for_good("a")
    assert first.refusal is Refusal.UNLOADED
    assert story.starts() == ["a", "a"]
    for late in (ProbeOk("a", 1), Exited("a", 1), Gone("a", 1), SpawnFailed("a", 1, "late")):
        assert story.send(late) == []
    story.ok("a")
    assert second.fate is Fate.GRANTED
    assert second.generation == 2


def test_10_2_an_unload_reaches_a_swap_that_is_still_evicting() -> None:
    story = rivals("ab")
    story.ready("a")
    waiting = story.request("b")
    assert story.evictions("b") == [("a",)]
    token = story.unload(frozenset("b"))
    assert waiting.refusal is Refusal.UNLOADED
    assert story.effects(Unloaded) == [Unloaded(token)]
    story.gone_for_good("a")
    story.settle()
    assert story.starts() == ["a"]


def test_10_3_an_unload_blocks_only_the_models_it_concerns() -> None:
    story = pushy("b", over="acd")
    story.ready("a", "c")
    serving = story.request("c")
    token = story.unload(frozenset("a"))
    same, rival = story.request("a"), story.request("b")
    assert [same.fate, rival.fate] == [Fate.QUEUED, Fate.QUEUED]
    assert {request.wait.kind for request in (same, rival) if request.wait} == {"unloading"}
    assert story.request("c").fate is Fate.GRANTED
    assert story.request("d").fate is Fate.WAITING
    story.end("c")
    assert serving.fate is Fate.FINISHED
    assert story.effects(Unloaded) == []
    story.gone_for_good("a")
    assert story.effects(Unloaded) == [Unloaded(token)]
    assert same.fate is Fate.WAITING


def test_10_6_an_eviction_gives_the_evicted_its_own_unload_timeout() -> None:
    story = rivals("ab")
    story.ready("a")
    story.request("b")
    assert story.effects(Stop) == [Stop("a", 1, 10.0)]
