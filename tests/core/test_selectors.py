"""Selectors, after spec/request-pipeline.md 5; told in the notation of `story`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.core.story import Story, models

from hotbay.core.effects import Admitted, Refusal, State
from hotbay.core.events import Arrived, Finished, Mode, RulesChanged
from hotbay.core.rules import Group, GroupRules, Rules, SelectorRules
from hotbay.testing import Fate, Request

PEER = "shed/big"


def rules(strategy: Any, targets: Sequence[str], n: int = 1, **settings: Any) -> Rules:
    """All models run side by side; a target with a slash is a peer's."""
    names = "abc"
    return Rules(
        models(names, **settings),
        GroupRules((Group("g", swap=False, exclusive=False, members=tuple(names)),)),
        selectors={
            "any": SelectorRules(
                "any",
                strategy,
                tuple(targets),
                tuple(None if "/" in target else target[-1] for target in targets),
                n,
            )
        },
    )


def choices(story: Story, count: int) -> list[str]:
    """Send requests to the selector and return where they went."""
    return [choice(story, story.request("any")) for _ in range(count)]


def choice(story: Story, request: Request) -> str:
    admitted = [e for e in story.effects(Admitted) if e.request == request.id]
    return admitted[0].choice if admitted else ""


def test_pin_always_means_its_first_target() -> None:
    story = Story(rules("pin", "ba"))
    story.ready("a")
    assert choices(story, 2) == ["b", "b"]


def test_a_target_is_named_as_configured_as_an_alias_has_settings_of_its_own() -> None:
    story = Story(rules("pin", ["fast-a"]))
    request = story.request("any")
    assert (choice(story, request), request.model) == ("fast-a", "a")


def test_warm_means_the_first_ready_target_then_a_starting_one_then_the_first() -> None:
    story = Story(rules("warm", "abc"))
    assert choices(story, 1) == ["a"]
    story.gone_for_good("a")
    story = Story(rules("warm", "abc"))
    story.request("b")
    assert choices(story, 1) == ["b"]
    story.ready("c")
    assert choices(story, 1) == ["c"]


def test_spillover_fills_one_target_after_the_other_and_then_the_least_busy() -> None:
    story = Story(rules("spillover", ["a", "b", PEER], n=2))
    assert choices(story, 7) == ["a", "a", "b", "b", PEER, PEER, "a"]


def test_spillover_takes_turns_among_the_idlest() -> None:
    story = Story(rules("spillover", "ab", n=3))
    story.ready("a", "b")
    first = choices(story, 2)
    assert sorted(first) == ["a", "b"]


def test_spillover_counts_only_what_came_through_the_selector() -> None:
    story = Story(rules("spillover", "ab"))
    story.ready("a")
    story.request("a")
    assert choices(story, 1) == ["a"]


def test_spillover_leaves_out_a_target_that_is_being_stopped() -> None:
    story = Story(rules("spillover", "a"))
    story.ready("a")
    story.unload(frozenset("a"))
    assert story.ledger.state("a") is State.STOPPING
    refused = story.request("any")
    assert refused.refusal is Refusal.NO_TARGET


def test_a_reservation_is_given_back_however_the_request_ends() -> None:
    story = Story(rules("spillover", ["a", "b"], concurrency_limit=1))
    served = story.request("any")
    waiting = story.request("any")
    assert (served.model, waiting.model) == ("a", "b")
    refused = story.request("any")
    assert refused.refusal is Refusal.CONCURRENCY
    story.ok("a")
    story.leave(waiting)
    story.send(Finished(served.id))
    assert sorted(choices(story, 2)) == ["a", "b"]


def test_a_peer_is_granted_at_once_and_holds_its_reservation_until_the_end() -> None:
    story = Story(rules("spillover", [PEER, "b"]))
    through_peer = story.request("any")
    assert (through_peer.fate, choice(story, through_peer)) == (Fate.GRANTED, PEER)
    assert choices(story, 1) == ["b"]
    story.send(Finished(through_peer.id))
    assert choices(story, 1) == [PEER]


def test_an_ignored_websocket_gives_its_reservation_back_at_once() -> None:
    story = Story(rules("spillover", "ab", ignore_websockets=True))
    story.ready("a")
    story.request("any", Mode.WEBSOCKET)
    assert choices(story, 1) == ["a"]


def test_a_websocket_of_a_model_that_does_not_ignore_them_is_a_request_like_any_other() -> None:
    story = Story(rules("pin", "a"))
    request = story.request("any", Mode.WEBSOCKET)
    assert request.fate is Fate.WAITING


def test_reservations_outlive_a_reload() -> None:
    story = Story(rules("spillover", "ab"))
    assert choices(story, 1) == ["a"]
    story.send(RulesChanged(rules("spillover", "ba")))
    assert choices(story, 1) == ["b"]


def test_a_selector_that_a_reload_took_away_is_unknown() -> None:
    story = Story(rules("pin", "a"))
    effects = story.machine.step(Arrived(1, "gone", selector=True), 0.0)
    assert [effect.refusal for effect in effects if hasattr(effect, "refusal")] == [
        Refusal.UNKNOWN_MODEL
    ]


def test_looking_at_a_selector_takes_nothing() -> None:
    story = Story(rules("spillover", "ab"))
    assert [story.machine.choice("any") for _ in range(3)] == ["a", "a", "a"]
    assert story.machine.choice("a") is None
