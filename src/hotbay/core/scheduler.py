"""Queue, joins, swaps, grants and fairness (spec/scheduler.md, design 7.2 and 7.3).

Owns the swaps under way and who waits for them. Starts and stops go through the fleet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hotbay.core.decisions import Decision, Fault, Go, Hold, Join, Judge, Swap
from hotbay.core.effects import (
    Admitted,
    Effect,
    Grant,
    Position,
    Refusal,
    Refused,
    State,
    SwapStarted,
    Wait,
)
from hotbay.core.estimates import Estimates
from hotbay.core.events import Broken, Finished, Left
from hotbay.core.lifecycle import Fleet
from hotbay.core.places import Places
from hotbay.core.planners.planner import ModelView, Plan
from hotbay.core.queue import Queue, Ticket
from hotbay.core.rules import Rules
from hotbay.core.selectors import Selectors
from hotbay.core.suspects import Suspects


@dataclass(slots=True)
class SwapUnderWay:
    """A swap: `evict` are stopped, then the target is started, then `waiters` are granted."""

    target: str
    evict: tuple[str, ...]
    waiters: list[Ticket] = field(default_factory=list)
    starting: bool = False


class Scheduler:
    """Who is served when. Every public method appends its effects to `out`."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.fleet = Fleet(rules.models.values(), self._world_changed)
        self.swaps: dict[str, SwapUnderWay] = {}
        self.places = Places()
        self.selectors = Selectors(rules.selectors, self.state)
        self.estimates = Estimates(self.fleet)
        self.unloading: frozenset[str] = frozenset()
        self.draining: set[str] = set()
        self.queue = Queue()
        self.judge = Judge(rules, self)
        self.suspects = Suspects()
        self._stirred = False

    # -- what a decision looks at --------------------------------------------------

    @property
    def in_flight(self) -> Mapping[str, int]:
        """Granted and unfinished requests of each model that has some."""
        return self.places.in_flight

    def running(self) -> tuple[str, ...]:
        """IDs of models whose server is not stopped, ascending."""
        return self.fleet.running()

    def state(self, model: str) -> State:
        """Return the state of a model's server; stopped if a reload took the model away."""
        server = self.fleet.servers.get(model)
        return State.STOPPED if server is None else server.state

    def models(self) -> Mapping[str, ModelView]:
        """Return every model of the rules as a planner may look at it."""
        servers = self.fleet.servers
        return MappingProxyType(
            {
                model: ModelView(
                    state=servers[model].state,
                    in_flight=self.in_flight.get(model, 0),
                    last_used=servers[model].last_used,
                    load_time=servers[model].load_time,
                    labels=rules.labels,
                )
                for model, rules in self.rules.models.items()
            }
        )

    def idle(self, model: str) -> bool:
        """Whether nobody uses or waits for this model."""
        return not self.places.reserved.get(model) and model not in self.swaps

    def head(self, now: float) -> Ticket | None:
        """The oldest waiter whose patience has ended (design 7.3)."""
        oldest = self.queue.oldest()
        patience = self.rules.max_wait
        if oldest is None or patience <= 0 or now - oldest.arrived < patience:
            return None
        return oldest

    def swap_wait(self, model: str, evict: tuple[str, ...]) -> Wait:
        """Say what somebody waits for who has joined the swap to this model."""
        alive = tuple(x for x in evict if self.state(x) is not State.STOPPED)
        if alive:
            return Wait("evicting", alive)
        if self.state(model) is State.STOPPING:
            return Wait("stopping", (model,))
        return Wait("starting", (model,))

    def wait(self, model: str, decision: Decision, now: float) -> float:
        """Return the seconds until a request with this decision is likely to be granted."""
        swaps = [(swap.target, swap.evict) for swap in self.swaps.values()]
        ahead = [ticket.model for ticket in self.queue]
        return self.estimates.wait(model, decision, swaps=swaps, ahead=ahead, now=now)

    # -- requests -------------------------------------------------------------------

    def enter(
        self, ticket: Ticket, decision: Decision, choice: str, now: float, out: list[Effect]
    ) -> None:
        """Take a request that has been let in where its decision leads (spec 4.1)."""
        request, model = ticket.request, ticket.model
        self.places.admit(ticket)
        match decision:
            case Go():
                out.append(Admitted(request, model, choice=choice))
                self._grant(ticket, now, out)
            case Join():
                swap = self.swaps[model]
                wait = self.swap_wait(model, swap.evict)
                out.append(Admitted(request, model, 0, wait, choice))
                swap.waiters.append(ticket)
            case Swap(plan):
                wait = self.swap_wait(model, plan.evict)
                out.append(Admitted(request, model, 0, wait, choice))
                self._begin(ticket, plan, now, out)
            case Hold(wait):
                self.queue.add(ticket, wait)
                out.append(Admitted(request, model, ticket.told_position, wait, choice))
                self.queue.announce_behind(ticket, out)

    def leave(self, event: Left, now: float, out: list[Effect]) -> str | None:
        """Withdraw a request that waits (spec 4.5); return a model that is idle because of that."""
        ticket = self.places.get(event.request)
        if ticket is None or (ticket.granted and ticket not in self.suspects):
            return None
        if ticket.granted:
            self.suspects.remove(ticket)
            return self._served(ticket, now, out)
        if ticket in self.queue:
            self.queue.remove(ticket)
        else:
            swap = self.swaps[ticket.model]
            swap.waiters.remove(ticket)
            if not swap.waiters and not swap.starting:
                self._end(swap)  # nothing is loaded for nobody
        self._release(ticket)
        self._stirred = True
        return None

    def finish(self, event: Finished, now: float, out: list[Effect]) -> str | None:
        """Count a granted request as ended (spec 4.3); return its model if that is idle now."""
        ticket = self.places.get(event.request)
        if ticket is None or not ticket.granted:
            self.selectors.release(event.request)
            return None
        self.estimates.served(ticket.model, now - ticket.granted_at)
        return self._served(ticket, now, out)

    def _served(self, ticket: Ticket, now: float, out: list[Effect]) -> str | None:
        self.places.ungrant(ticket)
        self._release(ticket)
        model = ticket.model
        if self.in_flight.get(model):
            self.judge.models_changed()
            return None
        server = self.fleet.servers.get(model)
        if server is not None:
            server.used(now, out)
        self.stir()
        return model if server is not None else None

    # -- requests whose connection broke (design 7.6) ---------------------------------------

    def lose(self, event: Broken, now: float, out: list[Effect]) -> str | None:
        """Let a request wait again if its model server died; return its model if that is idle."""
        ticket = self.places.get(event.request)
        if ticket is None or not ticket.granted:
            self.selectors.release(event.request)
            out.append(Refused(event.request, Refusal.BROKEN))
            return None
        server = self.fleet.servers.get(ticket.model)
        if server is not None and server.generation == ticket.generation and ticket.attempt == 1:
            if server.crashed:
                self._again(ticket, out)
                return None
            if server.state is State.READY:
                self.suspects.add(ticket, now, out)
                return None
        out.append(Refused(event.request, Refusal.BROKEN, "", ticket.model))
        return self._served(ticket, now, out)

    def crashed(self, model: str, out: list[Effect]) -> None:
        """A model server has died: whose connection broke with it waits again."""
        for ticket in self.suspects.take(model, out):
            self._again(ticket, out)

    def survived(self, model: str, now: float, out: list[Effect]) -> str | None:
        """No exit came: connections broke for another reason; return the model if it is idle."""
        idle = None
        for ticket in self.suspects.take(model, out):
            out.append(Refused(ticket.request, Refusal.BROKEN, "", model))
            idle = self._served(ticket, now, out)
        return idle

    def _again(self, ticket: Ticket, out: list[Effect]) -> None:
        self.places.ungrant(ticket)
        ticket.attempt = 2
        if ticket.model in self.rules.models:
            wait = Wait("crashed", (ticket.model,))
            self.queue.add(ticket, wait)
            out.append(Position(ticket.request, ticket.told_position, wait))
            self.queue.announce_behind(ticket, out)
        else:
            self._refuse([ticket], Refusal.REMOVED, out)
        self.stir()

    # -- swaps -------------------------------------------------------------------------

    def target_ready(self, model: str, now: float, out: list[Effect]) -> None:
        """The swap to this model has succeeded: grant its waiters in order of arrival."""
        swap = self.swaps.get(model)
        if swap is None:
            return
        self._end(swap)
        for ticket in sorted(swap.waiters, key=lambda ticket: ticket.serial):
            self._grant(ticket, now, out)

    def target_failed(self, model: str, detail: str, out: list[Effect]) -> None:
        """The start of this model has failed: so do those who waited for it, and nobody else."""
        swap = self.swaps.get(model)
        if swap is None or not swap.starting:
            return
        self._end(swap)
        self._refuse(swap.waiters, Refusal.START_FAILED, out, detail)

    def stir(self) -> None:
        """Something that decisions depend on has changed; the queue is looked at again."""
        self.judge.models_changed()
        self._stirred = True

    def settle(self, now: float, out: list[Effect]) -> None:
        """Advance swaps and drain the queue until nothing more follows from what has changed."""
        while self._stirred:
            self._stirred = False
            for swap in list(self.swaps.values()):
                if swap.target in self.swaps:
                    self._advance(swap, now, out)
            if self.queue:
                self._drain(now, out)

    # -- operators -----------------------------------------------------------------------

    def withdraw(self, models: frozenset[str], refusal: Refusal, out: list[Effect]) -> None:
        """Refuse everybody who waits for these models and drop the swaps to them."""
        waiting = self.queue.take(models)
        for model in models:
            swap = self.swaps.get(model)
            if swap is not None:
                self._end(swap)
                waiting += swap.waiters
            broken = self.suspects.take(model, out)
            for ticket in broken:
                self.places.ungrant(ticket)
            waiting += broken
        self._refuse(sorted(waiting, key=lambda ticket: ticket.serial), refusal, out)
        self._stirred = True

    def adopt(self, rules: Rules) -> None:
        """Decide by new rules from now on."""
        self.rules = rules
        self.selectors.rules = rules.selectors
        self.judge.use(rules)
        self._stirred = True

    def requeue(self, model: str) -> None:
        """Drop the swap to a model whose rules have changed; its waiters queue in old order."""
        swap = self.swaps.get(model)
        if swap is not None:
            self._end(swap)
            for ticket in swap.waiters:
                self.queue.add(ticket)

    # -- inside ------------------------------------------------------------------------------

    def _drain(self, now: float, out: list[Effect]) -> None:
        """Walk the queue, the overdue head first, until nobody can proceed (spec 4.4)."""
        progress = True
        while progress and self.queue:
            progress = False
            waits: dict[str, Wait] = {}
            head = self.head(now)
            for ticket in [head, *self.queue] if head is not None else list(self.queue):
                if ticket.model in waits or (ticket is head and progress):
                    continue
                wait = self._serve(ticket, head, now, out)
                if wait is not None:
                    waits[ticket.model] = wait
                    continue
                progress = True
                if ticket is head:
                    break  # somebody else is the head now
        if self.queue:
            self.queue.announce(waits, out)

    def _serve(
        self, ticket: Ticket, head: Ticket | None, now: float, out: list[Effect]
    ) -> Wait | None:
        """Take a queued ticket where its decision leads, or say why it stays."""
        decision = self.judge.decide(ticket.model, head)
        if isinstance(decision, Hold):
            return decision.wait
        self.queue.remove(ticket)
        match decision:
            case Go():
                self._grant(ticket, now, out)
            case Join():
                swap = self.swaps[ticket.model]
                swap.waiters.append(ticket)
                out.append(Position(ticket.request, 0, self.swap_wait(swap.target, swap.evict)))
            case Swap(plan):
                wait = self.swap_wait(ticket.model, plan.evict)
                out.append(Position(ticket.request, 0, wait))
                self._begin(ticket, plan, now, out)
            case Fault(message):
                self._refuse([ticket], Refusal.PLANNER_FAILED, out, message)
        return None

    def _begin(self, first: Ticket, plan: Plan, now: float, out: list[Effect]) -> None:
        swap = self.swaps[first.model] = SwapUnderWay(first.model, plan.evict, [first])
        self._world_changed()
        out.append(SwapStarted(first.model, plan.evict, plan.reason, plan.runner_up))
        for model in plan.evict:
            server = self.fleet.servers[model]
            reason = f"evicted for {first.model}"
            server.stop(now, server.rules.unload_timeout, reason, out)
        self._advance(swap, now, out)

    def _advance(self, swap: SwapUnderWay, now: float, out: list[Effect]) -> None:
        """Start the target once everything that has to be gone is gone."""
        if swap.starting or any(self.state(x) is not State.STOPPED for x in swap.evict):
            return
        state = self.state(swap.target)
        if state is State.READY:
            self.target_ready(swap.target, now, out)
        elif state is State.STOPPED:
            swap.starting = True
            self.fleet.start(swap.target, now, out)

    def _end(self, swap: SwapUnderWay) -> None:
        del self.swaps[swap.target]
        self._world_changed()

    def _grant(self, ticket: Ticket, now: float, out: list[Effect]) -> None:
        generation = self.fleet.servers[ticket.model].generation
        self.places.grant(ticket, generation, now)
        self.judge.models_changed()
        out.append(Grant(ticket.request, ticket.model, generation, ticket.attempt))

    def _refuse(
        self, tickets: list[Ticket], refusal: Refusal, out: list[Effect], detail: str = ""
    ) -> None:
        for ticket in tickets:
            self._release(ticket)
            out.append(Refused(ticket.request, refusal, detail, ticket.model))

    def _release(self, ticket: Ticket) -> None:
        self.places.release(ticket)
        self.selectors.release(ticket.request)

    def _world_changed(self) -> None:
        self.judge.forget()
        self._stirred = True
