"""The ledger books what happens, and refuses what cannot have happened."""

from __future__ import annotations

import pytest

from hotbay.core.effects import (
    Admitted,
    Effect,
    Grant,
    Position,
    Refusal,
    Refused,
    Spawn,
    State,
    StateChanged,
    Stop,
    SwapStarted,
    Unloaded,
    Wait,
)
from hotbay.core.events import Arrived, Event, Exited, Finished, Gone, Spawned
from hotbay.core.rules import DEFAULT_GROUP, Group, GroupRules, ModelRules, Rules
from hotbay.testing import ContractError, Fate, Ledger, Phase

STARTING = Wait("starting", ("a",))


@pytest.fixture
def ledger() -> Ledger:
    group = Group(DEFAULT_GROUP, members=("a", "b"))
    return Ledger(Rules({m: ModelRules(m, check=False) for m in "ab"}, GroupRules((group,))))


def start(ledger: Ledger) -> None:
    """Request 1 starts model `a` and is granted."""
    ledger.observe(
        0.0,
        Arrived(1, "a"),
        [
            Admitted(1, "a", 0, STARTING),
            SwapStarted("a", ()),
            StateChanged("a", 1, State.STOPPED, State.STARTING),
            Spawn("a", 1),
        ],
    )
    ready = StateChanged("a", 1, State.STARTING, State.READY)
    ledger.observe(1.0, Spawned("a", 1), [ready, Grant(1, "a", 1)])


def test_it_follows_a_request_from_its_arrival_to_its_end(ledger: Ledger) -> None:
    start(ledger)
    request = ledger.requests[1]
    assert (request.fate, request.granted, request.generation) == (Fate.GRANTED, 1.0, 1)
    assert (ledger.in_flight("a"), ledger.reserved("a")) == (1, 1)
    ledger.observe(3.0, Finished(1), [])
    assert (request.fate, request.ended) == (Fate.FINISHED, 3.0)
    assert (ledger.in_flight("a"), ledger.reserved("a"), ledger.open()) == (0, 0, [])


def test_it_follows_a_process_and_the_swap_that_it_was_started_for(ledger: Ledger) -> None:
    start(ledger)
    assert ledger.swaps == {}
    assert [process.phase for process in ledger.alive()] == [Phase.RUNNING]
    stopping = StateChanged("a", 1, State.READY, State.STOPPING)
    ledger.observe(2.0, Exited("a", 1), [stopping])
    assert [process.phase for process in ledger.alive()] == [Phase.EXITED]
    assert ledger.running() == ["a"]
    ledger.observe(3.0, Gone("a", 1), [StateChanged("a", 1, State.STOPPING, State.STOPPED)])
    assert (ledger.alive(), ledger.running()) == ([], [])


@pytest.mark.parametrize(
    "effects",
    [
        [],
        [Admitted(2, "a")],
        [Admitted(2, "b", 1, STARTING)],
        [Admitted(2, "b", 0, Wait("busy", ("a",)))],
        [Refused(2, Refusal.CONCURRENCY), Refused(2, Refusal.CONCURRENCY)],
        [Refused(2, Refusal.CONCURRENCY), Grant(2, "a", 1)],
        [Admitted(2, "a"), Grant(2, "b", 1)],
        [Refused(2, Refusal.CONCURRENCY), Refused(1, Refusal.UNLOADED)],
        [Refused(2, Refusal.CONCURRENCY), Position(1, 1, Wait("busy", ("a",)))],
        [Refused(2, Refusal.CONCURRENCY), Refused(3, Refusal.UNLOADED)],
        [Refused(2, Refusal.CONCURRENCY), Spawn("a", 2)],
        [Refused(2, Refusal.CONCURRENCY), Stop("b", 1, 10.0)],
        [Refused(2, Refusal.CONCURRENCY), Stop("a", 1, 10.0), Stop("a", 1, 12.0)],
        [Refused(2, Refusal.CONCURRENCY), StateChanged("a", 1, State.STOPPED, State.STARTING)],
        [Refused(2, Refusal.CONCURRENCY), Unloaded(7)],
    ],
)
def test_it_refuses_effects_that_contradict_the_contract(
    ledger: Ledger, effects: list[Effect]
) -> None:
    start(ledger)
    with pytest.raises(ContractError):
        ledger.observe(2.0, Arrived(2, "a"), effects)


@pytest.mark.parametrize(
    ("now", "event"),
    [
        (2.0, Arrived(1, "a")),
        (2.0, Gone("a", 2)),
        (2.0, Spawned("b", 1)),
        (0.5, Finished(1)),
    ],
)
def test_it_refuses_events_that_cannot_have_happened(
    ledger: Ledger, now: float, event: Event
) -> None:
    start(ledger)
    with pytest.raises(ContractError):
        ledger.observe(now, event, [])
