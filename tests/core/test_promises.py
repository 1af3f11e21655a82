"""Promises of design 4 in single stories, each of which a machine once broke or easily might."""

from __future__ import annotations

from tests.core.story import models, pushy, rivals, together

from hotbay.core.effects import State, Stop
from hotbay.core.events import Close, Drain, RulesChanged
from hotbay.core.rules import DEFAULT_GROUP, Group, GroupRules, Rules
from hotbay.testing import Fate


def test_a_swap_that_nobody_waits_for_any_more_starts_nothing() -> None:
    story = rivals("ab")
    story.ready("a")
    story.leave(story.request("b"))
    story.settle()
    assert story.starts() == ["a"]
    assert story.ledger.state("a") is State.STOPPED


def test_a_start_whose_last_waiter_left_runs_on() -> None:
    story = together("a")
    story.leave(story.request("a"))
    story.settle()
    assert story.ledger.state("a") is State.READY


def test_no_model_starts_into_the_room_that_a_swap_is_making() -> None:
    """`c` tolerates everybody, but `b`, whose swap waits for `a` to stop, does not tolerate `c`."""
    story = pushy("b", over="ac")
    story.ready("a")
    first = story.request("b")
    late = story.request("c")
    assert late.fate is Fate.QUEUED
    story.ok("b")
    assert first.fate is Fate.GRANTED
    assert story.starts() == ["a", "b", "c"]


def test_positions_are_told_anew_when_an_unload_empties_places_in_the_queue() -> None:
    story = rivals("abc")
    story.request("a")
    story.request("b")
    behind = story.request("c")
    story.unload(frozenset("b"))
    assert behind.position == 1


def test_a_model_that_a_reload_removes_while_it_is_evicted_ends_without_harm() -> None:
    story = rivals("ab")
    story.ready("a")
    first = story.request("b")
    left = GroupRules((Group(DEFAULT_GROUP, members=("b",)),))
    story.send(RulesChanged(Rules(models("b"), left, max_wait=0.0)))
    story.gone_for_good("a")
    second = story.request("b")
    story.ok("b")
    assert [first.fate, second.fate] == [Fate.GRANTED, Fate.GRANTED]


def test_a_reload_takes_no_time_from_a_stop_under_way() -> None:
    story = together("a", unload_timeout=2.0)
    story.ready("a")
    story.unload(frozenset("a"), grace=30.0)
    story.send(RulesChanged(together("a", unload_timeout=2.0, fingerprint="new").rules))
    assert [stop.grace for stop in story.effects(Stop)] == [30.0]


def test_a_shutdown_asked_for_again_after_its_end_leaves_no_timer() -> None:
    story = together("a")
    story.send(Close())
    assert story.ledger.closed
    story.send(Drain(10.0))
    assert not story.ledger.timers
