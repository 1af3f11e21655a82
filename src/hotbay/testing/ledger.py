"""What has happened, told from the machine's events and effects alone.

Owns an account of every request, model server process, state, swap and timer that is
independent of the machine's own books: it never looks into the machine. What cannot
be booked (a request that is answered twice, a second process of a model, news of a
process that was never ordered) raises `ContractError`.
"""

from __future__ import annotations

from collections.abc import Iterable

from hotbay.core.effects import (
    Admitted,
    CancelTimer,
    Closed,
    Effect,
    Grant,
    Position,
    Probe,
    Refused,
    SetTimer,
    Spawn,
    StartFailed,
    State,
    StateChanged,
    Stop,
    SwapStarted,
    Unloaded,
    Wait,
)
from hotbay.core.events import (
    Arrived,
    Broken,
    Close,
    Drain,
    Event,
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
    UnloadAsked,
)
from hotbay.core.rules import Rules
from hotbay.testing.records import ContractError, Fate, Moment, Phase, Process, Request

ProcessEvent = SpawnFailed | Spawned | ProbeOk | Exited | Gone

WAITS_FOR_ITS_SWAP = frozenset({"starting", "evicting", "stopping"})
"""Kinds of `Wait` of a request that is not in the queue."""


class Ledger:
    """Books one machine's steps; give it every step, in order, by `observe`.

    Attributes:
        rules: the rules in force.
        now: the time of the latest step.
        history: every step.
        requests: every request that ever arrived, by its ID.
        processes: every process that was ever ordered, by model and generation.
        states: the announced states of model servers.
        swaps: swaps under way, target to what it evicts.
        timers: timers that are set, and when they are due.
        unloads: unloads under way, token to the models asked for.
        draining: a shutdown has begun: arrivals are refused.
        closed: the shutdown is complete.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.now = 0.0
        self.history: list[Moment] = []
        self.requests: dict[int, Request] = {}
        self.processes: dict[tuple[str, int], Process] = {}
        self.states: dict[str, State] = {}
        self.swaps: dict[str, tuple[str, ...]] = {}
        self.timers: dict[Timer, float] = {}
        self.unloads: dict[int, frozenset[str]] = {}
        self.draining = False
        self.closed = False
        self._open: dict[int, Request] = {}
        self._latest: dict[str, Process] = {}
        self._new_swaps: set[str] = set()

    # -- questions ----------------------------------------------------------------

    def state(self, model: str) -> State:
        """Return the state of a model's server, as last announced."""
        return self.states.get(model, State.STOPPED)

    def running(self) -> list[str]:
        """Return the IDs, ascending, of all models whose server is not stopped."""
        return sorted(m for m, state in self.states.items() if state is not State.STOPPED)

    def known(self) -> frozenset[str]:
        """Return the IDs of all configured models, and of removed ones that still run."""
        return frozenset({*self.rules.models, *self.running()})

    def present(self, model: str) -> Process | None:
        """Return the latest process of a model, or None if it never had one."""
        return self._latest.get(model)

    def alive(self) -> list[Process]:
        """Return the processes that are not gone; at most one of each model."""
        return [process for process in self._latest.values() if process.alive]

    def open(self) -> list[Request]:
        """Return the requests that have not ended, in order of arrival."""
        return list(self._open.values())

    def queue(self) -> list[Request]:
        """Return the queued requests by announced position."""
        queued = [r for r in self._open.values() if r.fate is Fate.QUEUED]
        return sorted(queued, key=lambda request: request.position)

    def waiting(self, model: str) -> list[Request]:
        """Return the requests that wait for the swap to a model, in order of arrival."""
        return [r for r in self._open.values() if r.fate is Fate.WAITING and r.model == model]

    def in_flight(self, model: str) -> int:
        """Return how many granted, unfinished requests keep a model loaded."""
        return sum(r.counts for r in self._open.values() if r.model == model)

    def reserved(self, model: str) -> int:
        """Return how many requests count against a model's concurrency limit."""
        return sum(r.holds_a_place for r in self._open.values() if r.model == model)

    # -- booking ---------------------------------------------------------------------

    def observe(self, now: float, event: Event, effects: Iterable[Effect]) -> None:
        """Book one step: what went in, and everything that came out.

        Raises:
            ContractError: the step contradicts what has happened before.
        """
        if now < self.now:
            raise ContractError(f"time ran backwards, from {self.now} to {now}")
        self.now = now
        moment = Moment(now, event, tuple(effects))
        self.history.append(moment)
        self.take(event)
        self._end_swaps()
        for effect in moment.effects:
            self.note(effect)
            self._end_swaps()
        self._new_swaps.clear()
        self._end_swaps()
        if isinstance(event, Arrived):
            self._check_arrival(self.requests[event.request])

    def take(self, event: Event) -> None:
        """Book an event, before its effects."""
        match event:
            case Arrived():
                self._arrive(event)
            case Left(request):
                left = self.requests[request]
                if left.waits or left.fate is Fate.BROKEN:
                    self._end(request, Fate.LEFT)
            case Finished(request):
                self._expect(request, Fate.GRANTED)
                self._end(request, Fate.FINISHED)
            case Broken(request):
                self._expect(request, Fate.GRANTED)
                self.requests[request].fate = Fate.BROKEN
            case TimerFired(timer):
                self.timers.pop(timer, None)
            case UnloadAsked(token, models, _):
                self.unloads[token] = self.known() & (self.known() if models is None else models)
            case RulesChanged(rules):
                self._end_changed_swaps(rules)
                self.rules = rules
            case Drain() | Close():
                self.draining = True
            case _:
                self._take_process(event)

    def note(self, effect: Effect) -> None:
        """Book one effect."""
        match effect:
            case Admitted() | Refused() | Position() | Grant():
                self._note_request(effect)
            case Spawn() | Probe() | Stop():
                self._note_process(effect)
            case SetTimer(timer, at):
                self.timers[timer] = at
            case CancelTimer(timer):
                self.timers.pop(timer, None)
            case SwapStarted():
                self._note_swap(effect)
            case StateChanged() | StartFailed():
                self._note_state(effect)
            case Unloaded() | Closed():
                self._note_end(effect)

    # -- requests ----------------------------------------------------------------------

    def _arrive(self, event: Arrived) -> None:
        if event.request in self.requests:
            raise ContractError(f"request {event.request} has arrived before")
        number = len(self.requests) + 1
        request = Request(event.request, number, event.target, event.mode, self.now, event.selector)
        self.requests[request.id] = self._open[request.id] = request

    def _note_request(self, effect: Admitted | Refused | Position | Grant) -> None:
        request = self.requests.get(effect.request)
        if request is None:
            raise ContractError(f"{effect}: no such request has arrived")
        match effect:
            case Admitted(_, target, position, wait):
                self._expect(request.id, Fate.ARRIVED)
                request.model = target
                self._look_up(request)
                self._place(request, position, wait)
            case Refused(_, refusal):
                self._expect(request.id, Fate.ARRIVED, Fate.QUEUED, Fate.WAITING, Fate.BROKEN)
                request.refusal = refusal
                self._end(request.id, Fate.REFUSED)
            case Position(_, position, wait):
                self._expect(request.id, Fate.QUEUED, Fate.WAITING, Fate.BROKEN)
                self._place(request, position, wait)
            case Grant(_, model, generation):
                self._expect(request.id, Fate.QUEUED, Fate.WAITING)
                if model != request.model:
                    raise ContractError(f"{effect}: it was admitted for {request.model!r}")
                request.fate = Fate.GRANTED
                request.generation = generation
                request.granted = self.now
                request.position, request.wait = 0, None

    def _look_up(self, request: Request) -> None:
        """Take over what the model's rules say at its admission."""
        rules = self.rules.models.get(request.model)
        if rules is not None:
            request.priority = rules.priority
            if request.mode is Mode.WEBSOCKET:
                request.mode = Mode.UNTRACKED if rules.ignore_websockets else Mode.NORMAL

    def _place(self, request: Request, position: int, wait: Wait | None) -> None:
        if wait is not None and (position == 0) != (wait.kind in WAITS_FOR_ITS_SWAP):
            raise ContractError(f"request {request.id}: {wait} at position {position}")
        if wait is None and position:
            raise ContractError(f"request {request.id} is queued without a reason")
        request.fate = Fate.QUEUED if position else Fate.WAITING
        request.position, request.wait = position, wait

    def _check_arrival(self, request: Request) -> None:
        if request.fate is Fate.ARRIVED:
            raise ContractError(f"request {request.id} was neither admitted nor refused")
        if request.fate is Fate.WAITING and request.wait is None:
            raise ContractError(f"request {request.id} was admitted to wait without a reason")

    def _expect(self, request: int, *fates: Fate) -> None:
        fate = self.requests[request].fate
        if fate not in fates:
            raise ContractError(f"request {request} is {fate.value}, so this cannot happen to it")

    def _end(self, request: int, fate: Fate) -> None:
        ended = self._open.pop(request)
        ended.fate = fate
        ended.ended = self.now
        ended.position, ended.wait = 0, None

    # -- model servers -------------------------------------------------------------------

    def _take_process(self, event: ProcessEvent) -> None:
        process = self._ordered(event)
        match event:
            case SpawnFailed() | Gone():
                process.phase = Phase.GONE
            case Spawned() if process.phase is Phase.ORDERED:
                process.phase = Phase.RUNNING
                process.ready = not process.check
            case ProbeOk() if process.phase is Phase.RUNNING:
                process.ready = True
            case Exited() if process.phase is Phase.RUNNING:
                process.phase = Phase.EXITED
            case _:
                pass

    def _note_process(self, effect: Spawn | Probe | Stop) -> None:
        match effect:
            case Spawn(model, generation):
                present = self.present(model)
                if present is not None and (present.alive or present.generation >= generation):
                    raise ContractError(f"{effect}, but there is {present}")
                process = Process(model, generation, self.rules.models[model].check)
                self._latest[model] = self.processes[model, generation] = process
            case Probe():
                self._ordered(effect)
            case Stop():
                process = self._ordered(effect)
                if process.stop_by is not None and process.stop_by <= self.now + effect.grace:
                    raise ContractError(f"{effect}: its end is due at {process.stop_by} already")
                process.stop_by = self.now + effect.grace

    def _ordered(self, about: ProcessEvent | Probe | Stop) -> Process:
        process = self.processes.get((about.model, about.generation))
        if process is None:
            raise ContractError(f"{about}: no such process was ordered")
        return process

    def _note_state(self, effect: StateChanged | StartFailed) -> None:
        if isinstance(effect, StateChanged):
            if self.state(effect.model) is not effect.old:
                raise ContractError(f"{effect} does not follow {self.state(effect.model)}")
            self.states[effect.model] = effect.new

    # -- swaps ---------------------------------------------------------------------------

    def _note_swap(self, swap: SwapStarted) -> None:
        if swap.model in self.swaps:
            raise ContractError(f"{swap} beside another to the same model")
        self.swaps[swap.model] = swap.evict
        self._new_swaps.add(swap.model)

    def _end_swaps(self) -> None:
        """Drop the swaps that are over: nobody waits for them and nothing starts."""
        for model in list(self.swaps):
            over = self.state(model) is not State.STARTING and not self.waiting(model)
            if over and model not in self._new_swaps:
                del self.swaps[model]

    def _end_changed_swaps(self, rules: Rules) -> None:
        """Drop the swaps to models that a reload removes, or whose old server it ends first."""
        for model in list(self.swaps):
            old, new = self.rules.models[model], rules.models.get(model)
            stopped = self.state(model) is State.STOPPED
            if new is None or (new.fingerprint != old.fingerprint and not stopped):
                del self.swaps[model]

    # -- operators -----------------------------------------------------------------------

    def _note_end(self, effect: Unloaded | Closed) -> None:
        if isinstance(effect, Closed):
            if self.closed:
                raise ContractError("closed twice")
            self.closed = True
        elif effect.token not in self.unloads:
            raise ContractError(f"{effect} was not asked for, or has ended before")
        else:
            del self.unloads[effect.token]
