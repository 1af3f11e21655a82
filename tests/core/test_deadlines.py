"""Deadlines, and what a refused client is told about when to come back."""

from __future__ import annotations

from tests.core.story import Story, rivals, together

from hotbay.core.effects import Refusal, Refused
from hotbay.core.events import Arrived, Finished, ProbeOk, Spawned
from hotbay.testing import Fate, Request


def loaded(story: Story, model: str, seconds: float) -> None:
    """Let a model be loaded, which takes so long, and be used for no time."""
    request = story.request(model)
    process = story.ledger.present(model)
    assert process is not None
    story.send(Spawned(model, process.generation))
    story.now += seconds
    story.send(ProbeOk(model, process.generation))
    story.send(Finished(request.id))


def hurried(story: Story, model: str, seconds: float) -> Request:
    number = len(story.ledger.requests) + 1
    story.send(Arrived(number, model, deadline=story.now + seconds))
    return story.ledger.requests[number]


def refused(story: Story) -> Refused:
    return story.effects(Refused)[-1]


def test_a_request_that_the_load_makes_late_is_refused_at_once() -> None:
    story = rivals("ab")
    loaded(story, "b", 8.0)
    loaded_again = story.request("a")
    story.ok("a")
    story.send(Finished(loaded_again.id))
    late = hurried(story, "b", 5.0)
    assert late.refusal is Refusal.TOO_SLOW
    assert refused(story).retry_after >= 8.0
    assert hurried(story, "b", 9.0).fate is Fate.WAITING


def test_what_was_never_measured_refuses_nobody() -> None:
    assert hurried(together("a"), "a", 0.1).fate is Fate.WAITING


def test_a_load_under_way_counts_with_what_is_left_of_it() -> None:
    story = rivals("ab")
    loaded(story, "a", 10.0)
    story.unload(frozenset("a"))
    story.settle()
    story.request("a")
    process = story.ledger.present("a")
    assert process is not None
    story.send(Spawned("a", process.generation))
    story.now += 7.0
    assert hurried(story, "a", 2.0).refusal is Refusal.TOO_SLOW
    assert hurried(story, "a", 4.0).fate is Fate.WAITING


def test_who_is_ready_takes_any_deadline() -> None:
    story = together("a")
    story.ready("a")
    assert hurried(story, "a", 0.0).fate is Fate.GRANTED


def test_a_queue_is_as_long_as_the_loads_and_runs_in_it() -> None:
    story = rivals("ab")
    loaded(story, "a", 2.0)
    busy = story.request("a")
    story.now += 6.0
    story.send(Finished(busy.id))
    story.request("a")
    waiting = hurried(story, "b", 0.5)
    assert waiting.refusal is Refusal.TOO_SLOW


def test_a_full_model_tells_when_one_of_its_requests_is_likely_to_end() -> None:
    story = together("a", concurrency_limit=2)
    story.ready("a")
    for _ in range(20):
        request = story.request("a")
        story.now += 6.0
        story.send(Finished(request.id))
    story.request("a")
    story.request("a")
    assert story.request("a").refusal is Refusal.CONCURRENCY
    assert 2.5 < refused(story).retry_after < 3.5


def test_nothing_measured_tells_nothing() -> None:
    story = together("a", concurrency_limit=1)
    story.request("a")
    story.request("a")
    assert refused(story).retry_after == 0.0
