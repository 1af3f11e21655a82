"""The machine under every interleaving: random rules, random events, checked at every step."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)
from tests.properties.driver import Driver
from tests.properties.naive import Naive
from tests.properties.rules import (
    NAMES,
    SELECTOR,
    Change,
    Pick,
    changed,
    random_change,
    random_rules,
)

from hotbay.core.events import (
    Broken,
    Close,
    Drain,
    Exited,
    Finished,
    Gone,
    Left,
    Mode,
    ProbeOk,
    RulesChanged,
    Spawned,
    SpawnFailed,
    Timer,
    TimerFired,
)
from hotbay.core.rules import Rules
from hotbay.testing import Fate

INDEX = st.integers(0, 50)
SETTINGS = settings(
    max_examples=10_000 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 600,
    stateful_step_count=50,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def chosen(make: Callable[[Pick], Any]) -> st.SearchStrategy[Any]:
    """Let hypothesis make the choices of a random maker."""
    return st.composite(lambda draw: make(lambda choices: draw(st.sampled_from(choices))))()


def some(candidates: list[Any], index: int) -> Any:
    return candidates[index % len(candidates)]


class Interleavings(RuleBasedStateMachine):
    """Any event that may happen next happens, in any order."""

    driver: Driver

    @initialize(rules=chosen(random_rules))
    def begin(self, rules: Rules) -> None:
        self.driver = self.make_driver(rules)

    def make_driver(self, rules: Rules) -> Driver:
        return Driver(rules)

    # -- requests ---------------------------------------------------------------------

    @rule(model=st.sampled_from(NAMES))
    def arrive(self, model: str) -> None:
        self.driver.request(model)

    @rule()
    def arrive_at_the_selector(self) -> None:
        self.driver.request(SELECTOR)

    @rule(model=st.sampled_from((*NAMES, SELECTOR, "unheard of")), mode=st.sampled_from(Mode))
    def arrive_specially(self, model: str, mode: Mode) -> None:
        self.driver.request(model, mode)

    @precondition(lambda self: self.driver.waiters())
    @rule(index=INDEX)
    def leave(self, index: int) -> None:
        self.driver.send(Left(some(self.driver.waiters(), index).id))

    @precondition(lambda self: self.driver.ledger.requests)
    @rule(index=INDEX)
    def leave_too_late(self, index: int) -> None:
        ends = (Fate.GRANTED, Fate.FINISHED, Fate.REFUSED, Fate.LEFT)
        settled = [r for r in self.driver.ledger.requests.values() if r.fate in ends]
        if settled:
            assert self.driver.send(Left(some(settled, index).id)) == []

    @precondition(lambda self: self.driver.granted())
    @rule(index=INDEX)
    def finish(self, index: int) -> None:
        self.driver.send(Finished(some(self.driver.granted(), index).id))

    @precondition(lambda self: self.driver.granted())
    @rule(index=INDEX)
    def connection_breaks(self, index: int) -> None:
        self.driver.send(Broken(some(self.driver.granted(), index).id))

    @precondition(lambda self: self.driver.broken_ones())
    @rule(index=INDEX)
    def leave_broken(self, index: int) -> None:
        self.driver.send(Left(some(self.driver.broken_ones(), index).id))

    # -- model servers ------------------------------------------------------------------

    @precondition(lambda self: self.driver.ordered())
    @rule(index=INDEX)
    def spawned(self, index: int) -> None:
        process = some(self.driver.ordered(), index)
        self.driver.send(Spawned(process.model, process.generation))

    @precondition(lambda self: self.driver.ordered())
    @rule(index=INDEX)
    def spawn_fails(self, index: int) -> None:
        process = some(self.driver.ordered(), index)
        self.driver.send(SpawnFailed(process.model, process.generation, "not found"))

    @precondition(lambda self: self.driver.probing())
    @rule(index=INDEX)
    def probe_ok(self, index: int) -> None:
        process = some(self.driver.probing(), index)
        self.driver.send(ProbeOk(process.model, process.generation))

    @precondition(lambda self: self.driver.stopping())
    @rule(index=INDEX)
    def stops(self, index: int) -> None:
        process = some(self.driver.stopping(), index)
        self.driver.send(Exited(process.model, process.generation))

    @precondition(lambda self: self.driver.undisturbed())
    @rule(index=INDEX)
    def crashes(self, index: int) -> None:
        process = some(self.driver.undisturbed(), index)
        self.driver.send(Exited(process.model, process.generation, "signal 11"))

    @precondition(lambda self: self.driver.exited())
    @rule(index=INDEX)
    def gone(self, index: int) -> None:
        process = some(self.driver.exited(), index)
        self.driver.send(Gone(process.model, process.generation))

    @precondition(lambda self: self.driver.gone())
    @rule(index=INDEX, kind=st.sampled_from((Spawned, ProbeOk, Exited, Gone)))
    def old_news(self, index: int, kind: Any) -> None:
        process = some(self.driver.gone(), index)
        self.driver.send(kind(process.model, process.generation))

    @precondition(lambda self: self.driver.gone())
    @rule(index=INDEX, kind=st.sampled_from(("start", "ttl", "drain")))
    def old_timer(self, index: int, kind: Any) -> None:
        process = some(self.driver.gone(), index)
        self.driver.send(TimerFired(Timer(kind, process.model, process.generation)))

    # -- time and operators ----------------------------------------------------------------

    @rule(seconds=st.sampled_from((0.5, 2.0, 5.0)))
    def pass_time(self, seconds: float) -> None:
        self.driver.now += seconds

    @precondition(lambda self: self.driver.ledger.timers)
    @rule()
    def timer(self) -> None:
        self.driver.fire()

    @rule(
        models=st.none() | st.frozensets(st.sampled_from(NAMES), min_size=1, max_size=3),
        grace=st.sampled_from((None, 1.0, 30.0)),
    )
    def unload(self, models: frozenset[str] | None, grace: float | None) -> None:
        self.driver.unload(models, grace)

    @rule(change=chosen(random_change))
    def reload(self, change: Change) -> None:
        self.driver.send(RulesChanged(changed(self.driver.rules, change)))

    @precondition(lambda self: len(self.driver.ledger.history) > 20)
    @rule(seconds=st.sampled_from((0.0, 5.0)))
    def drain(self, seconds: float) -> None:
        self.driver.send(Drain(self.driver.now + seconds))

    @precondition(lambda self: len(self.driver.ledger.history) > 20)
    @rule(grace=st.sampled_from((None, 1.0)))
    def close(self, grace: float | None) -> None:
        self.driver.send(Close(grace))

    # -- the end ------------------------------------------------------------------------------

    def teardown(self) -> None:
        """L1-L3: fairness alone empties everything, and a shutdown ends everything."""
        driver = self.driver
        if driver.broken:
            return
        driver.settle()
        assert not driver.waiters(), "L1: somebody waits for ever"
        if driver.ledger.draining:
            assert driver.ledger.closed, "L3: the shutdown does not end"
            return
        driver.check_counters()
        assert not driver.waiters(), "L1: somebody waits for ever"
        driver.send(Close())
        driver.settle()
        assert driver.ledger.closed, "L3: the shutdown does not end"


class InterleavingsOfTwo(Interleavings):
    """The same, step by step beside the naive second machine."""

    def make_driver(self, rules: Rules) -> Driver:
        return Driver(rules, Naive(rules))


TestEveryPromiseHoldsUnderEveryInterleaving = Interleavings.TestCase
TestEveryPromiseHoldsUnderEveryInterleaving.settings = SETTINGS
TestTheMachineDoesWhatTheNaiveOneDoes = InterleavingsOfTwo.TestCase
TestTheMachineDoesWhatTheNaiveOneDoes.settings = SETTINGS
