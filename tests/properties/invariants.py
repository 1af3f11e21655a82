"""The promises of the machine, checked at every effect from events and effects alone.

S1-S13 of spec/scheduler.md 11, the invariants of spec/lifecycle.md 12 and guarantees
1-7 of design 4, as far as they concern the machine. What the ledger itself refuses to
book (two fates, two processes, states that do not chain) is not repeated here.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from tests.properties.naive_groups import evicted

from hotbay.core.effects import (
    Admitted,
    Closed,
    Effect,
    Grant,
    Position,
    Refusal,
    Refused,
    Spawn,
    StartFailed,
    State,
    StateChanged,
    Stop,
    SwapStarted,
    Unloaded,
)
from hotbay.core.events import (
    Arrived,
    Broken,
    Close,
    Event,
    Exited,
    Gone,
    Mode,
    ProbeOk,
    RulesChanged,
    Spawned,
    SpawnFailed,
    TimerFired,
    UnloadAsked,
)
from hotbay.core.rules import ModelRules, Rules
from hotbay.testing import Fate, Ledger, Phase, Request

PATH = {
    (State.STOPPED, State.STARTING),
    (State.STARTING, State.READY),
    (State.STARTING, State.STOPPING),
    (State.STARTING, State.STOPPED),
    (State.READY, State.STOPPING),
    (State.STOPPING, State.STOPPED),
}
"""The arrows of spec/lifecycle.md 2, with the honest `stopping` on the way from starting."""

AT_THE_DOOR = {
    Refusal.UNKNOWN_MODEL,
    Refusal.CONCURRENCY,
    Refusal.QUEUE_FULL,
    Refusal.NOT_READY,
    Refusal.SHUTTING_DOWN,
    Refusal.NO_TARGET,
    Refusal.TOO_SLOW,
}


class Invariants(Ledger):
    """A ledger that also checks every promise while it books.

    Attributes:
        event: the event of the step.
        may_be_cut: models whose running generation an operator told to stop.
        last_unload: how many requests had arrived when a model was last asked to be unloaded.
        closing: an operator or the deadline has ended all service.
    """

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules)
        self.event: Event
        self.may_be_cut: set[str] = set()
        self.last_unload: dict[str, int] = {}
        self.closing = False
        self._decided: dict[str, tuple[int, Rules]] = {}

    def observe(self, now: float, event: Event, effects: Iterable[Effect]) -> None:
        effects = tuple(effects)
        self.event = event
        stale = self._is_stale(event)
        door = self._door() if isinstance(event, Arrived) else None
        super().observe(now, event, effects)
        if stale:
            changes = [effect for effect in effects if not isinstance(effect, Position)]
            assert not changes, f"S12: {event} is old news and must change nothing"
        if door is not None and isinstance(event, Arrived):
            self._check_door(event, effects, *door)
        self._check_queue()
        self._check_states()
        self._check_swaps()
        self._check_unloads()
        if self.closed:
            assert not self._waiters(), "L3: everybody is answered before the end"
            assert not self.alive(), "L3: nothing runs after the end"

    def take(self, event: Event) -> None:
        match event:
            case UnloadAsked(_, models, _):
                for model in self.known() if models is None else models:
                    self.may_be_cut.add(model)
                    self.last_unload[model] = len(self.requests)
            case Close():
                self.closing = True
            case TimerFired(timer) if timer.kind == "deadline":
                self.closing = True
            case TimerFired(timer) if timer.kind == "drain":
                present = self.present(timer.model)
                if present is not None and present.generation == timer.generation:
                    self.may_be_cut.add(timer.model)
            case _:
                pass
        super().take(event)

    def note(self, effect: Effect) -> None:
        match effect:
            case SwapStarted():
                self._check_swap(effect)
            case Spawn():
                self._check_spawn(effect)
            case Grant():
                self._check_grant(effect)
            case Stop():
                self._check_stop(effect)
            case StateChanged():
                self._check_change(effect)
            case Refused():
                self._check_refused(effect)
            case StartFailed(model, generation):
                assert self.state(model) in (State.STOPPING, State.STOPPED)
                assert self.processes[model, generation] is self.present(model)
            case Unloaded(token):
                self._check_unloaded(token)
            case Closed():
                assert self.draining, "nobody asked for a shutdown"
            case _:
                pass
        super().note(effect)

    # -- what each effect promises --------------------------------------------------------

    def _check_swap(self, swap: SwapStarted) -> None:
        target, evict = swap.model, set(swap.evict)
        for model in evict:
            assert not self.in_flight(model), f"S4: {swap} evicts {model!r}, which is busy"
        for other, others in self.swaps.items():
            compatible = other not in evict and target not in others and not evict & set(others)
            assert compatible, f"S5: {swap} beside the swap to {other!r} evicting {others}"
        running = {*self.running(), *self.swaps} - {target}
        self._decided[target] = len(self.history), self.rules
        assert list(swap.evict) == self._plan(target, running), f"{swap} is not the planner's"
        could_be_granted = self.state(target) is State.READY and not evict
        assert not could_be_granted, f"S6: {swap}, but its target is ready and nobody in the way"

    def _check_spawn(self, spawn: Spawn) -> None:
        model = spawn.model
        for (
            process
        ) in self.alive():  # a reload evicts nothing: the rules of the later decision bind
            _, rules = max(self._decided[model], self._decided[process.model], key=itemgetter(0))
            excluded = evicted(rules.planner, model, [process.model])
            assert not excluded, f"room: {spawn} beside {process}"
        wanted = self.waiting(model)
        assert wanted, f"guarantee 6: {spawn} is for nobody"
        newest = max(request.number for request in wanted)
        assert newest > self.last_unload.get(model, 0), f"S11: {spawn} was unloaded since"
        for token, models in self.unloads.items():
            assert model not in models, f"S11: {spawn} during unload {token}"
        assert not self.closing, f"{spawn} while shutting down"
        self.may_be_cut.discard(model)

    def _check_grant(self, grant: Grant) -> None:
        model, request = grant.model, self.requests[grant.request]
        if not model:
            return  # a peer's: always there, as far as the machine knows
        process = self.present(model)
        assert process is not None
        assert process.generation == grant.generation, f"S7: {grant} to another generation"
        assert process.ready, f"S7: {grant}, but it has not passed its check"
        assert process.phase is Phase.RUNNING, f"S7: {grant}, but it is not alive"
        assert process.stop_by is None, f"S7: {grant}, but it is being stopped"
        assert self.state(model) is State.READY, f"S7: {grant}, but {self.state(model)}"
        if request.mode is Mode.UNTRACKED:
            return
        for target, evict in self.swaps.items():
            assert model not in evict, f"S4: {grant}, but the swap to {target!r} evicts it"
        rivals = self.waiting(model) if request.fate is Fate.WAITING else self.queue()
        for rival in rivals:
            served_before_us = rival.model == model and rival.number < request.number
            same = rival.fate is Fate.WAITING or rival.priority == request.priority
            assert not (served_before_us and same), f"S9: {grant} before {rival}"
        if not (request.fate is Fate.WAITING and model in self.swaps):
            plan = self._plan(model, {*self.running(), *self.swaps})
            assert not plan, f"S7: {grant}, but {plan} have to stop first"

    def _check_stop(self, stop: Stop) -> None:
        assert stop.grace > 0
        process = self.processes[stop.model, stop.generation]
        cut = [r for r in self.open() if r.counts and r.generation == stop.generation]
        if cut and process.phase is Phase.RUNNING:
            allowed = stop.model in self.may_be_cut or self.closing
            assert allowed, f"guarantee 2: {stop} cuts {cut}"

    def _check_change(self, change: StateChanged) -> None:
        assert (change.old, change.new) in PATH, f"{change} is not on the path"
        process = self.present(change.model)
        if change.new is State.READY:
            assert process is not None
            assert process.phase is Phase.RUNNING, f"{change}, but it is {process.phase}"
            assert process.ready, f"{change}, but it has not passed its check"
        else:
            alive = process is not None and process.alive
            fits = alive if change.new is State.STOPPING else not alive
            assert fits, f"{change}, but {process}"

    def _check_refused(self, refused: Refused) -> None:
        request, event = self.requests[refused.request], self.event
        model = request.model or request.target
        match refused.refusal:
            case Refusal.START_FAILED:
                assert request.fate is Fate.WAITING, f"L4: {refused} did not wait for a start"
                assert isinstance(event, SpawnFailed | Exited | TimerFired), f"{refused} at {event}"
                failed = event.timer.model if isinstance(event, TimerFired) else event.model
                assert model == failed, f"L4: {refused} for the failure of {failed!r}"
            case Refusal.UNLOADED:
                assert isinstance(event, UnloadAsked), f"{refused} at {event}"
                assert event.models is None or model in event.models, f"{refused} at {event}"
            case Refusal.REMOVED:
                assert isinstance(event, RulesChanged | Broken | Exited), f"{refused} at {event}"
                rules = event.rules if isinstance(event, RulesChanged) else self.rules
                assert model not in rules.models, f"{refused} is still there"
            case Refusal.BROKEN:
                assert request.fate is Fate.BROKEN, f"guarantee 10: {refused} was not broken"
            case Refusal.SHUTTING_DOWN:
                assert self.draining, f"{refused}, but nobody asked for a shutdown"
            case _:
                assert request.fate is Fate.ARRIVED, f"S13: {refused} comes too late"

    def _check_unloaded(self, token: int) -> None:
        models = self.unloads[token]
        for process in self.alive():
            assert process.model not in models, f"S11: {process} outlives unload {token}"

    # -- what holds after every step ------------------------------------------------------

    def _door(self) -> tuple[dict[str, int], list[str]]:
        """Note, before an arrival: who holds places, and for what models requests are queued."""
        reserved = {model: self.reserved(model) for model in self.rules.models}
        return reserved, [request.model for request in self.queue()]

    def _check_door(
        self, event: Arrived, effects: tuple[Effect, ...], places: dict[str, int], queue: list[str]
    ) -> None:
        """S2 and S13: limits hold at the door, and who is refused there has changed nothing."""
        request = self.requests[event.request]
        refusal = request.refusal
        if request.fate is Fate.REFUSED:
            assert len(effects) == 1, f"S13: {effects}"
            assert refusal in AT_THE_DOOR, f"S13: {effects}"
            if event.selector:
                return  # which model it would have been, the naive machine knows
        else:
            assert isinstance(effects[0], Admitted), f"{effects}"
            if not request.model:
                assert request.fate is Fate.GRANTED, f"{event} waits for a peer"
                return
        model = request.model or event.target
        rules = self.rules.models.get(model)
        limit, per_model = self.rules.queue_limit, self.rules.queue_limit_per_model
        full = (0 < limit <= len(queue)) or (0 < per_model <= queue.count(model))
        if self.draining:
            assert refusal is Refusal.SHUTTING_DOWN
        elif rules is None:
            assert refusal is Refusal.UNKNOWN_MODEL
        elif self._untracked(event, rules):
            ready = self.state(model) is State.READY
            assert refusal is (None if ready else Refusal.NOT_READY)
        else:
            assert (refusal is Refusal.CONCURRENCY) == (places[model] >= rules.concurrency_limit)
            at_once = event.mode is not Mode.ONLY_IF_READY
            at_once = at_once or request.fate in (Fate.GRANTED, Fate.REFUSED)
            assert at_once, f"{event} waits"
        assert full or refusal is not Refusal.QUEUE_FULL, "the queue is not full"
        assert not full or request.fate is not Fate.QUEUED, "the queue is full"

    def _untracked(self, event: Arrived, rules: ModelRules) -> bool:
        ignored = event.mode is Mode.WEBSOCKET and rules.ignore_websockets
        return ignored or event.mode is Mode.UNTRACKED

    def _check_queue(self) -> None:
        """S9 and S10: positions are 1, 2, 3 …, by descending priority, ties by arrival."""
        queue = self.queue()
        places = [(request.id, request.position) for request in queue]
        assert [place for _, place in places] == list(range(1, len(queue) + 1)), f"S10: {places}"
        order = sorted(queue, key=lambda request: (-request.priority, request.number))
        assert order == queue, f"S9: {places}"
        for request in queue:
            assert request.model not in self.swaps, f"S6: {request} should join the swap"

    def _check_states(self) -> None:
        """Spec/lifecycle.md 12: stopped means that no process is left, and nothing else does."""
        alive = {process.model for process in self.alive()}
        assert set(self.running()) == alive, f"running {self.running()}, alive {sorted(alive)}"

    def _check_swaps(self) -> None:
        """S1, S4 and guarantee 6, between steps."""
        for target, evict in self.swaps.items():
            for model in evict:
                assert self.state(model) is not State.READY, f"S4: {model!r} is evicted"
            starting = self.state(target) is State.STARTING
            assert starting or self.waiting(target), f"guarantee 6: {target!r} is for nobody"
        for request in self._waiters():
            joined = request.model in self.swaps
            assert joined == (request.fate is Fate.WAITING), f"S1: {request} is in no place"

    def _check_unloads(self) -> None:
        for token, models in self.unloads.items():
            waits_for = [p for p in self.alive() if p.model in models]
            assert waits_for, f"S11: unload {token} has nothing to wait for"

    # -- small things ----------------------------------------------------------------------

    def _plan(self, model: str, running: Iterable[str]) -> list[str]:
        return evicted(self.rules.planner, model, sorted(running))

    def _waiters(self) -> list[Request]:
        return [request for request in self.open() if request.waits]

    def _is_stale(self, event: Event) -> bool:
        match event:
            case SpawnFailed() | Spawned() | ProbeOk() | Exited() | Gone():
                return not self.processes[event.model, event.generation].alive
            case TimerFired(timer) if timer.kind != "deadline":
                return not self.processes[timer.model, timer.generation].alive
            case _:
                return False
