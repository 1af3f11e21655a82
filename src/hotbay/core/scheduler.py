"""Admission, queue, joins, swaps, grants and fairness (spec/scheduler.md, design 7.2 and 7.3).

Owns every admitted request until it is finished, the swaps under way, and the
counts of slots and of requests in flight. Starts and stops go through the fleet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hotbay.core.decisions import Decision, Fault, Go, Hold, Join, Judge, Swap
from hotbay.core.effects import Admitted, Effect, Grant, Refusal, Refused, State, SwapStarted, Wait
from hotbay.core.events import Arrived, Finished, Left, Mode
from hotbay.core.lifecycle import Fleet
from hotbay.core.planners.planner import ModelView, Plan
from hotbay.core.queue import Queue, Ticket
from hotbay.core.rules import Rules


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
        self.in_flight: dict[str, int] = {}
        self.reserved: dict[str, int] = {}
        self.unloading: frozenset[str] = frozenset()
        self.draining: set[str] = set()
        self.queue = Queue()
        self.judge = Judge(rules, self)
        self._tickets: dict[int, Ticket] = {}
        self._serial = 0
        self._stirred = False

    # -- what a decision looks at --------------------------------------------------

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
        return not self.reserved.get(model) and model not in self.swaps

    def empty(self) -> bool:
        """Whether no request is admitted at all."""
        return not self._tickets

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

    # -- requests -------------------------------------------------------------------

    def arrive(self, event: Arrived, now: float, out: list[Effect]) -> None:
        """Admit or refuse, and serve or queue what was admitted (spec 4.1)."""
        request, model = event.request, event.target
        rules = self.rules.models.get(model)
        if rules is None:
            out.append(Refused(request, Refusal.UNKNOWN_MODEL))
            return
        if event.mode is Mode.UNTRACKED:
            self._pass_untracked(request, model, out)
            return
        reserved = self.reserved.get(model, 0)
        if reserved >= rules.concurrency_limit:
            out.append(Refused(request, Refusal.CONCURRENCY))
            return
        decision = self.judge.decide(model, self.head(now))
        refusal = self._refusal(decision, event.mode, model)
        if refusal is not None:
            detail = decision.message if isinstance(decision, Fault) else ""
            out.append(Refused(request, refusal, detail))
            return
        self._serial += 1
        ticket = Ticket(request, model, self._serial, rules.priority, now)
        self._tickets[request] = ticket
        self.reserved[model] = reserved + 1
        match decision:
            case Go():
                out.append(Admitted(request, model))
                self._grant(ticket, out)
            case Join():
                swap = self.swaps[model]
                out.append(Admitted(request, model, 0, self.swap_wait(model, swap.evict)))
                swap.waiters.append(ticket)
            case Swap(plan):
                out.append(Admitted(request, model, 0, self.swap_wait(model, plan.evict)))
                self._begin(ticket, plan, now, out)
            case Hold(wait):
                self.queue.add(ticket, wait)
                out.append(Admitted(request, model, ticket.told_position, wait))
                self.queue.announce_behind(ticket, out)

    def leave(self, event: Left) -> None:
        """Withdraw a request that waits (spec 4.5)."""
        ticket = self._tickets.get(event.request)
        if ticket is None or ticket.granted:
            return
        if ticket in self.queue:
            self.queue.remove(ticket)
        else:
            swap = self.swaps[ticket.model]
            swap.waiters.remove(ticket)
            if not swap.waiters and not swap.starting:
                self._end(swap)  # nothing is loaded for nobody
        self._release(ticket)
        self._stirred = True

    def finish(self, event: Finished, now: float, out: list[Effect]) -> str | None:
        """Count a granted request as ended (spec 4.3); return its model if that is idle now."""
        ticket = self._tickets.get(event.request)
        if ticket is None or not ticket.granted:
            return None
        model = ticket.model
        self._release(ticket)
        left = self.in_flight[model] - 1
        if left:
            self.in_flight[model] = left
            self.judge.models_changed()
            return None
        del self.in_flight[model]
        server = self.fleet.servers.get(model)
        if server is not None:
            server.used(now, out)
        self.stir()
        return model if server is not None else None

    # -- swaps -------------------------------------------------------------------------

    def target_ready(self, model: str, out: list[Effect]) -> None:
        """The swap to this model has succeeded: grant its waiters in order of arrival."""
        swap = self.swaps.get(model)
        if swap is None:
            return
        self._end(swap)
        for ticket in sorted(swap.waiters, key=lambda ticket: ticket.serial):
            self._grant(ticket, out)

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
        self._refuse(sorted(waiting, key=lambda ticket: ticket.serial), refusal, out)
        self._stirred = True

    def adopt(self, rules: Rules) -> None:
        """Decide by new rules from now on."""
        self.rules = rules
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

    def _refusal(self, decision: Decision, mode: Mode, model: str) -> Refusal | None:
        """Say why a request on which `decision` was taken may not even wait."""
        if isinstance(decision, Go):
            return None
        if mode is Mode.ONLY_IF_READY:
            return Refusal.NOT_READY
        if isinstance(decision, Fault):
            return Refusal.PLANNER_FAILED
        if isinstance(decision, Hold) and self._queue_is_full(model):
            return Refusal.QUEUE_FULL
        return None

    def _queue_is_full(self, model: str) -> bool:
        limit, per_model = self.rules.queue_limit, self.rules.queue_limit_per_model
        return (0 < limit <= len(self.queue)) or (0 < per_model <= self.queue.waiting_for(model))

    def _pass_untracked(self, request: int, model: str, out: list[Effect]) -> None:
        server = self.fleet.servers[model]
        if server.state is not State.READY:
            out.append(Refused(request, Refusal.NOT_READY))
            return
        out.append(Admitted(request, model))
        out.append(Grant(request, model, server.generation))

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
                self._grant(ticket, out)
            case Join():
                self.swaps[ticket.model].waiters.append(ticket)
            case Swap(plan):
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
            self.target_ready(swap.target, out)
        elif state is State.STOPPED:
            swap.starting = True
            self.fleet.start(swap.target, now, out)

    def _end(self, swap: SwapUnderWay) -> None:
        del self.swaps[swap.target]
        self._world_changed()

    def _grant(self, ticket: Ticket, out: list[Effect]) -> None:
        ticket.granted = True
        model = ticket.model
        self.in_flight[model] = self.in_flight.get(model, 0) + 1
        self.judge.models_changed()
        out.append(Grant(ticket.request, model, self.fleet.servers[model].generation))

    def _refuse(
        self, tickets: list[Ticket], refusal: Refusal, out: list[Effect], detail: str = ""
    ) -> None:
        for ticket in tickets:
            self._release(ticket)
            out.append(Refused(ticket.request, refusal, detail, ticket.model))

    def _release(self, ticket: Ticket) -> None:
        del self._tickets[ticket.request]
        left = self.reserved[ticket.model] - 1
        if left:
            self.reserved[ticket.model] = left
        else:
            del self.reserved[ticket.model]

    def _world_changed(self) -> None:
        self.judge.forget()
        self._stirred = True
