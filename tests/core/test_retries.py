"""A request whose model server dies before it has answered is served again, once (design 7.6)."""

from __future__ import annotations

from dataclasses import replace

from tests.core.story import Story, models, rivals, together

from hotbay.core.effects import Grant, Refusal, State
from hotbay.core.events import Broken, Exited, Gone, RulesChanged
from hotbay.core.rules import DEFAULT_GROUP, Group, GroupRules, Rules
from hotbay.testing import Fate, Request


def served(story: Story, model: str) -> Request:
    story.ready(model)
    request = story.request(model)
    assert request.fate is Fate.GRANTED
    return request


def crash(story: Story, model: str) -> None:
    process = story.ledger.present(model)
    assert process is not None
    story.send(Exited(model, process.generation, "signal 11"))


def gone(story: Story, model: str) -> None:
    process = story.ledger.present(model)
    assert process is not None
    story.send(Gone(model, process.generation))


def start_again(story: Story, model: str) -> None:
    gone(story, model)
    story.ok(model)


def test_it_is_served_by_the_next_generation() -> None:
    story = together("a")
    request = served(story, "a")
    crash(story, "a")
    story.send(Broken(request.id))
    start_again(story, "a")
    assert request.fate is Fate.GRANTED
    assert [grant.attempt for grant in story.effects(Grant)][-1] == 2


def test_the_connection_may_break_before_the_exit_is_known() -> None:
    story = together("a")
    request = served(story, "a")
    story.send(Broken(request.id))
    assert request.fate is Fate.BROKEN
    crash(story, "a")
    start_again(story, "a")
    assert request.fate is Fate.GRANTED


def test_without_an_exit_it_is_refused_soon() -> None:
    story = together("a", ttl=60.0)
    request = served(story, "a")
    story.send(Broken(request.id))
    story.fire()
    assert (request.fate, request.refusal) == (Fate.REFUSED, Refusal.BROKEN)
    assert story.now < 1
    story.fire()
    story.fire()  # nobody uses it, so its ttl ends
    assert story.ledger.state("a") is State.STOPPING


def test_a_second_death_is_final() -> None:
    story = together("a")
    request = served(story, "a")
    crash(story, "a")
    story.send(Broken(request.id))
    start_again(story, "a")
    crash(story, "a")
    story.send(Broken(request.id))
    assert request.refusal is Refusal.BROKEN


def test_it_keeps_its_place_at_the_model_and_in_the_order() -> None:
    story = rivals("ab")
    first = served(story, "a")
    second = story.request("a")
    rival = story.request("b")
    late = story.request("a")
    assert (second.fate, rival.fate, late.fate) == (Fate.GRANTED, Fate.QUEUED, Fate.GRANTED)
    crash(story, "a")
    for request in (late, first, second):
        story.send(Broken(request.id))
    assert story.queued() == ["b"]
    start_again(story, "a")
    assert {r.fate for r in (first, second, late)} == {Fate.GRANTED}
    story.settle()
    assert rival.fate is Fate.FINISHED


def test_it_is_not_refused_for_the_limit_that_it_fills_itself() -> None:
    story = together("a", concurrency_limit=1)
    request = served(story, "a")
    crash(story, "a")
    story.send(Broken(request.id))
    assert story.request("a").refusal is Refusal.CONCURRENCY
    start_again(story, "a")
    assert request.fate is Fate.GRANTED


def test_what_an_operator_stops_is_not_tried_again() -> None:
    story = together("a")
    request = served(story, "a")
    story.unload(frozenset("a"))
    story.send(Broken(request.id))
    assert request.refusal is Refusal.BROKEN
    story.settle()
    assert story.ledger.state("a") is State.STOPPED


def test_an_unload_after_the_crash_counts() -> None:
    story = together("a")
    request = served(story, "a")
    crash(story, "a")
    story.unload(frozenset("a"))
    story.send(Broken(request.id))
    story.settle()
    assert request.refusal is Refusal.BROKEN
    assert story.starts() == ["a"]


def test_an_unload_answers_who_waits_for_news_of_an_exit() -> None:
    story = together("a")
    request = served(story, "a")
    story.send(Broken(request.id))
    story.unload(frozenset("a"))
    assert request.refusal is Refusal.UNLOADED
    assert not [timer for timer in story.ledger.timers if timer.kind == "broken"]


def test_its_client_may_leave_at_any_time() -> None:
    for crashes in (False, True):
        story = together("a", concurrency_limit=1)
        request = served(story, "a")
        story.send(Broken(request.id))
        if crashes:
            crash(story, "a")
        story.leave(request)
        story.settle()
        assert story.starts() == ["a"]
        assert story.request("a").refusal is None


def test_a_model_that_a_reload_removed_is_not_started_again() -> None:
    story = together("ab")
    request = served(story, "a")
    left = GroupRules((Group(DEFAULT_GROUP, members=("b",)),))
    crash(story, "a")
    story.send(RulesChanged(replace(Rules(models("b"), left), max_wait=0.0)))
    story.send(Broken(request.id))
    story.settle()
    assert request.fate is Fate.REFUSED
    assert story.starts() == ["a"]
