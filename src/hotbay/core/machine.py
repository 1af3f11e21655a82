"""The only public door to the decisions: `machine.step(event, now) -> effects`.

Owns nothing but the order in which the parts are asked, unloads, reloads and shutdown.
A deterministic state machine without I/O or clock: the same events at the same times
give the same effects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hotbay.core.admission import Admission
from hotbay.core.effects import (
    CancelTimer,
    Closed,
    Effect,
    Refusal,
    Refused,
    SetTimer,
    StartFailed,
    State,
    Unloaded,
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
    ProbeOk,
    RulesChanged,
    Spawned,
    SpawnFailed,
    Timer,
    TimerFired,
    UnloadAsked,
)
from hotbay.core.explain import Forecast, QueueView, forecast, queue_view, suppose
from hotbay.core.lifecycle import Outcome, ProcessEvent
from hotbay.core.rules import ModelRules, Rules
from hotbay.core.scheduler import Scheduler

LEAST_GRACE = 0.001
"""Seconds of grace that a shutdown past its deadline still leaves (spec/cli.md 5)."""


@dataclass(frozen=True, slots=True)
class ServerView:
    """One model server as others may show it. A snapshot: never decide by it."""

    model: str
    state: State
    generation: int
    in_flight: int
    waiting: int
    last_used: float
    last_failure: str


@dataclass(slots=True)
class _Unload:
    """An unload under way; `pending` are the models whose server is not gone yet."""

    token: int
    models: frozenset[str]
    pending: set[str] = field(default_factory=set)


class Machine:
    """Decides everything about requests for local models and about their servers."""

    def __init__(self, rules: Rules) -> None:
        """Begin with every model stopped."""
        self._scheduler = Scheduler(rules)
        self._fleet = self._scheduler.fleet
        self._admission = Admission(self._scheduler)
        self._unloads: list[_Unload] = []
        self._deadline: float | None = None
        self._draining = False
        self._closing = False
        self._closed = False

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self._scheduler.rules

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event and return what has to be done, in order. `now` never goes back."""
        out: list[Effect] = []
        match event:
            case Arrived():
                self._arrived(event, now, out)
            case Finished():
                self._idle(self._scheduler.finish(event, now, out), now, out)
            case Broken():
                self._broken(event, now, out)
            case Left():
                self._idle(self._scheduler.leave(event, now, out), now, out)
            case Spawned() | SpawnFailed() | ProbeOk() | Exited() | Gone():
                self._process(event, now, out)
            case TimerFired(timer):
                self._timer(timer, now, out)
            case UnloadAsked():
                self._unload(event, now, out)
            case RulesChanged(rules):
                self._reload(rules, now, out)
            case Drain(deadline):
                self._drain(deadline, out)
            case Close(grace):
                self._close(grace, now, out)
        self._scheduler.settle(now, out)
        if self._draining:
            self._wind_up(now, out)
        return out

    # -- for display ------------------------------------------------------------------

    def state(self, model: str) -> State:
        """Return the state of a model's server; unknown models are stopped."""
        server = self._fleet.servers.get(model)
        return State.STOPPED if server is None else server.state

    def view(self) -> tuple[ServerView, ...]:
        """Return a snapshot of every model server, by ID."""
        scheduler = self._scheduler
        return tuple(
            ServerView(
                model,
                server.state,
                server.generation,
                scheduler.in_flight.get(model, 0),
                scheduler.places.reserved.get(model, 0) - scheduler.in_flight.get(model, 0),
                server.last_used,
                server.failure,
            )
            for model, server in sorted(self._fleet.servers.items())
        )

    def forecast(
        self, model: str, now: float, running: Sequence[str] | None = None
    ) -> Forecast | None:
        """Say what a request for `model` would meet: now, or if just `running` ran.

        None: there is no such model.
        """
        if model not in self.rules.models:
            return None
        if running is None:
            return forecast(self._scheduler, model, now)
        return suppose(self._scheduler, model, running)

    def choice(self, selector: str) -> str | None:
        """Return which of its targets a selector would choose now; None: none, or no selector."""
        if selector not in self.rules.selectors:
            return None
        choice = self._scheduler.selectors.preview(selector)
        return None if choice is None else choice.name

    def in_flight(self, model: str) -> int:
        """Return how many granted requests a model serves."""
        return self._scheduler.in_flight.get(model, 0)

    def load_time(self, model: str) -> float | None:
        """Return the seconds that the last successful start of a model took, if there was one."""
        server = self._fleet.servers.get(model)
        return None if server is None else server.load_time

    def queue(self, now: float) -> QueueView:
        """Return the swaps under way, and who waits for what."""
        return queue_view(self._scheduler, now)

    # -- requests and processes ----------------------------------------------------------

    def _arrived(self, event: Arrived, now: float, out: list[Effect]) -> None:
        if self._draining:
            out.append(Refused(event.request, Refusal.SHUTTING_DOWN))
            return
        self._admission.arrive(event, now, out)

    def _broken(self, event: Broken, now: float, out: list[Effect]) -> None:
        self._idle(self._scheduler.lose(event, now, out), now, out)
        if self._closing:
            # It came too late to be refused with the others.
            models = frozenset(self._fleet.servers)
            self._scheduler.withdraw(models, Refusal.SHUTTING_DOWN, out)

    def _idle(self, model: str | None, now: float, out: list[Effect]) -> None:
        """Stop what serves nobody any more and has only waited for that."""
        if model is not None and model in self._scheduler.draining:
            server = self._fleet.servers[model]
            server.stop(now, server.rules.unload_timeout, "configuration changed", out)

    def _process(self, event: ProcessEvent, now: float, out: list[Effect]) -> None:
        outcome = self._fleet.handle(event, now, out)
        self._outcome(event.model, outcome, now, out)
        self._scheduler.stir()
        if self._fleet.stopped(event.model):
            self._gone(event.model, out)

    def _outcome(self, model: str, outcome: Outcome, now: float, out: list[Effect]) -> None:
        server = self._fleet.servers.get(model)
        if server is None:
            return
        if outcome is Outcome.READY:
            self._scheduler.target_ready(model, now, out)
            if not self._scheduler.in_flight.get(model):
                server.used(now, out)
        elif outcome is Outcome.START_FAILED:
            out.append(StartFailed(model, server.generation, server.failure))
            self._scheduler.target_failed(model, server.failure, out)
        elif server.crashed:
            self._scheduler.crashed(model, out)

    def _gone(self, model: str, out: list[Effect]) -> None:
        """No process of this model is left: unloads, reloads and a shutdown may wait for that."""
        if model in self._scheduler.draining:
            self._scheduler.draining.discard(model)
            self._renew(model, out)
        for unload in list(self._unloads):
            unload.pending.discard(model)
            if not unload.pending:
                self._unloads.remove(unload)
                out.append(Unloaded(unload.token))
                self._mark_unloading()

    def _timer(self, timer: Timer, now: float, out: list[Effect]) -> None:
        if timer.kind == "deadline":
            self._close(None, now, out)
            return
        server = self._fleet.servers.get(timer.model)
        if server is None or server.generation != timer.generation:
            return
        if timer.kind == "start":
            self._outcome(timer.model, server.timed_out(now, out), now, out)
        elif timer.kind == "broken":
            self._idle(self._scheduler.survived(timer.model, now, out), now, out)
        elif timer.kind == "drain":
            server.stop(now, server.rules.unload_timeout, "configuration changed", out)
        elif server.state is State.READY:
            self._idle_long(timer.model, now, out)

    def _idle_long(self, model: str, now: float, out: list[Effect]) -> None:
        """Stop a server whose ttl has passed since its last use, otherwise ask again later."""
        server = self._fleet.servers[model]
        server.ttl_armed = False
        ttl = server.rules.ttl
        if ttl <= 0 or self._scheduler.in_flight.get(model):
            return
        if now < server.ttl_ends():
            server.arm_ttl(out)
        elif not self._scheduler.idle(model):
            server.used(now, out)
        else:
            server.stop(now, server.rules.unload_timeout, f"idle for its ttl of {ttl:g}s", out)

    # -- unload ------------------------------------------------------------------------------

    def _unload(self, event: UnloadAsked, now: float, out: list[Effect]) -> None:
        known = frozenset(self._fleet.servers)
        models = known if event.models is None else event.models & known
        self._scheduler.withdraw(models, Refusal.UNLOADED, out)
        unload = _Unload(event.token, models)
        for model in sorted(models):
            server = self._fleet.servers[model]
            grace = server.rules.unload_timeout if event.grace is None else event.grace
            server.stop(now, grace, "unloaded", out)
            if server.state is not State.STOPPED:
                unload.pending.add(model)
        if not unload.pending:
            out.append(Unloaded(event.token))
            return
        self._unloads.append(unload)
        self._mark_unloading()

    def _mark_unloading(self) -> None:
        self._scheduler.unloading = frozenset().union(*(u.models for u in self._unloads))
        self._scheduler.stir()

    # -- reload -----------------------------------------------------------------------------------

    def _reload(self, rules: Rules, now: float, out: list[Effect]) -> None:
        scheduler = self._scheduler
        removed = frozenset(self._fleet.servers) - frozenset(rules.models)
        scheduler.withdraw(removed, Refusal.REMOVED, out)
        scheduler.adopt(rules)
        for model in sorted(rules.models.keys() - self._fleet.servers.keys()):
            self._fleet.add(rules.models[model])
        for model in sorted(self._fleet.servers):
            self._compare(model, rules.models.get(model), now, out)

    def _compare(
        self, model: str, wanted: ModelRules | None, now: float, out: list[Effect]
    ) -> None:
        """Let a changed or removed model drain; an unchanged one goes on under its new rules."""
        server = self._fleet.servers[model]
        same = wanted is not None and wanted.fingerprint == server.rules.fingerprint
        if server.state is State.STOPPED:
            self._renew(model, out)
        elif same and wanted is not None and model not in self._scheduler.draining:
            server.rules = wanted
            server.disarm_ttl(out)
            if server.state is State.READY and wanted.ttl > 0:
                server.arm_ttl(out)
        elif model not in self._scheduler.draining:
            self._scheduler.draining.add(model)
            self._scheduler.requeue(model)
            if server.state is State.READY and self._scheduler.in_flight.get(model):
                at = now + server.rules.unload_timeout
                out.append(SetTimer(Timer("drain", model, server.generation), at))
            elif server.state is not State.STOPPING:  # whoever stops it may give it more time
                server.stop(now, server.rules.unload_timeout, "configuration changed", out)

    def _renew(self, model: str, out: list[Effect]) -> None:
        """Give a stopped model its rules of today, or forget it if it has none."""
        server = self._fleet.servers[model]
        out.append(CancelTimer(Timer("drain", model, server.generation)))
        wanted = self.rules.models.get(model)
        if wanted is None:
            self._fleet.remove(model)
        else:
            server.rules = wanted

    # -- shutdown ---------------------------------------------------------------------------------

    def _drain(self, deadline: float, out: list[Effect]) -> None:
        self._draining = True
        self._deadline = deadline
        if not self._closed:
            out.append(SetTimer(Timer("deadline"), deadline))

    def _close(self, grace: float | None, now: float, out: list[Effect]) -> None:
        self._draining = self._closing = True
        self._scheduler.withdraw(frozenset(self._fleet.servers), Refusal.SHUTTING_DOWN, out)
        for model in sorted(self._fleet.servers):
            server = self._fleet.servers[model]
            left = server.rules.unload_timeout if grace is None else grace
            if grace is None and self._deadline is not None:
                left = max(LEAST_GRACE, min(left, self._deadline - now))
            server.stop(now, left, "shutting down", out)

    def _wind_up(self, now: float, out: list[Effect]) -> None:
        """Go from draining to closing once nobody is left, and say when all is over."""
        if not self._closing and not self._scheduler.places:
            self._close(None, now, out)
        if self._closing and not self._closed and not self._fleet.running():
            self._closed = True
            if self._deadline is not None:
                out.append(CancelTimer(Timer("deadline")))
            out.append(Closed())
