"""A machine in the hands of a test that decides what happens next, event by event.

Owns time and the numbers of requests, and knows which events may follow. Each step is
checked by `Invariants` and, on request, compared with the naive second machine.
"""

from __future__ import annotations

from dataclasses import replace

from tests.properties.invariants import Invariants
from tests.properties.naive import Naive
from tests.properties.outcome import outcome_of

from hotbay.core.effects import Effect, Probe
from hotbay.core.events import (
    Arrived,
    Event,
    Exited,
    Finished,
    Gone,
    Mode,
    ProbeOk,
    Spawned,
    TimerFired,
    UnloadAsked,
)
from hotbay.core.machine import Machine
from hotbay.core.rules import Rules
from hotbay.testing import Fate, Phase, Process, Request


class Driver:
    """Sends events to the machine; every step is checked, and `broken` once one has failed."""

    def __init__(self, rules: Rules, naive: Naive | None = None) -> None:
        self.now = 0.0
        self.machine = Machine(rules)
        self.ledger = Invariants(rules)
        self._naive = naive
        self.broken = False
        self._probed: set[tuple[str, int]] = set()
        self._tokens = 0

    @property
    def rules(self) -> Rules:
        return self.ledger.rules

    def send(self, event: Event) -> list[Effect]:
        self.broken = True
        effects = self.machine.step(event, self.now)
        self.ledger.observe(self.now, event, effects)
        self._probed.update((e.model, e.generation) for e in effects if isinstance(e, Probe))
        if self._naive is not None:
            self._compare(event, effects, self._naive)
        self.broken = False
        return effects

    def _compare(self, event: Event, effects: list[Effect], naive: Naive) -> None:
        expected = naive.step(event, self.now)
        assert outcome_of(effects) == expected, f"{event}: the naive machine does {expected}"
        queue = [request.id for request in self.ledger.queue()]
        assert queue == [request.id for request in naive.queue()], f"queue after {event}"
        for model in self.rules.models:
            waiting = [request.id for request in self.ledger.waiting(model)]
            assert waiting == [r.id for r in naive.waiters(model)], f"{model!r} after {event}"

    # -- events with numbers of their own ----------------------------------------------

    def request(self, target: str, mode: Mode = Mode.NORMAL) -> Request:
        number = len(self.ledger.requests) + 1
        self.send(Arrived(number, target, mode, target in self.rules.selectors))
        return self.ledger.requests[number]

    def unload(self, models: frozenset[str] | None, grace: float | None = None) -> int:
        self._tokens += 1
        self.send(UnloadAsked(self._tokens, models, grace))
        return self._tokens

    def fire(self) -> None:
        """Let the timer fire that is due first, at its time or later if that has passed."""
        timer, due = min(self.ledger.timers.items(), key=lambda item: item[1])
        self.now = max(self.now, due)
        self.send(TimerFired(timer))

    # -- what may happen next --------------------------------------------------------------

    def ordered(self) -> list[Process]:
        return self._alive(Phase.ORDERED)

    def probing(self) -> list[Process]:
        running = self._alive(Phase.RUNNING)
        return [p for p in running if (p.model, p.generation) in self._probed and not p.ready]

    def stopping(self) -> list[Process]:
        return [p for p in self._alive(Phase.RUNNING) if p.stop_by is not None]

    def undisturbed(self) -> list[Process]:
        return [p for p in self._alive(Phase.RUNNING) if p.stop_by is None]

    def exited(self) -> list[Process]:
        return self._alive(Phase.EXITED)

    def gone(self) -> list[Process]:
        return [p for p in self.ledger.processes.values() if not p.alive]

    def waiters(self) -> list[Request]:
        return [request for request in self.ledger.open() if request.waits]

    def granted(self) -> list[Request]:
        return [request for request in self.ledger.open() if request.fate is Fate.GRANTED]

    def broken_ones(self) -> list[Request]:
        return [request for request in self.ledger.open() if request.fate is Fate.BROKEN]

    def _alive(self, phase: Phase) -> list[Process]:
        return [process for process in self.ledger.alive() if process.phase is phase]

    # -- fairness --------------------------------------------------------------------------

    def settle(self) -> None:
        """Let every start succeed, every stop end and every request finish, until all is quiet."""
        while self._one_fair_step():
            pass

    def _one_fair_step(self) -> bool:
        for processes, kind in (
            (self.ordered(), Spawned),
            (self.probing(), ProbeOk),
            (self.stopping(), Exited),
            (self.exited(), Gone),
        ):
            if processes:
                self.send(kind(processes[0].model, processes[0].generation))
                return True
        if self.granted():
            self.send(Finished(self.granted()[0].id))
            return True
        if self.broken_ones():
            self.fire()
            return True
        return False

    def check_counters(self) -> None:
        """L2, seen from outside: with nobody there, each model admits exactly up to its limit.

        `Invariants` compares every refusal at the door with its own count.
        """
        unlimited = replace(self.rules, queue_limit=0, queue_limit_per_model=0)
        assert not self.ledger.open()
        for model, rules in unlimited.models.items():
            for _ in range(rules.concurrency_limit + 1):
                self.request(model)
        self.settle()
