"""The door: who is let in, and why others are not (spec/scheduler.md 4.1, design 7.2).

Owns the count of arrivals. A selector's target, its reservation and the place at the
model are taken in one step.
"""

from __future__ import annotations

from hotbay.core.decisions import Decision, Fault, Go, Hold
from hotbay.core.effects import Admitted, Effect, Grant, Refusal, Refused
from hotbay.core.events import Arrived, Mode
from hotbay.core.queue import Ticket
from hotbay.core.rules import ModelRules
from hotbay.core.scheduler import Scheduler
from hotbay.core.states import State


class Admission:
    """Lets requests in to one scheduler."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._serial = 0

    def arrive(self, event: Arrived, now: float, out: list[Effect]) -> None:
        """Admit or refuse, and serve or queue what was admitted."""
        scheduler, request = self._scheduler, event.request
        if not event.selector:
            self._ask(event, event.target, "", now, out)
            return
        if event.target not in scheduler.rules.selectors:
            out.append(Refused(request, Refusal.UNKNOWN_MODEL))
            return
        choice = scheduler.selectors.take(request, event.target)
        if choice is None:
            detail = f'selector "{event.target}" has no available spillover targets'
            out.append(Refused(request, Refusal.NO_TARGET, detail))
        elif choice.model is None:
            out += (Admitted(request, "", choice=choice.name), Grant(request, "", 0))
        elif not self._ask(event, choice.model, choice.name, now, out):
            scheduler.selectors.release(request)

    def _ask(self, event: Arrived, model: str, choice: str, now: float, out: list[Effect]) -> bool:
        """Admit or refuse a request for a model; return whether it has a place now."""
        rules = self._scheduler.rules.models.get(model)
        if rules is None:
            out.append(Refused(event.request, Refusal.UNKNOWN_MODEL))
            return False
        ignored = event.mode is Mode.WEBSOCKET and rules.ignore_websockets
        if ignored or event.mode is Mode.UNTRACKED:
            self._pass_untracked(event.request, model, choice, out)
            return False
        decision = self._scheduler.judge.decide(model, self._scheduler.head(now))
        refused = self._refusal(event, rules, decision, now)
        if refused is not None:
            out.append(refused)
            return False
        self._serial += 1
        ticket = Ticket(event.request, model, self._serial, rules.priority, now)
        self._scheduler.enter(ticket, decision, choice, now, out)
        return True

    def _pass_untracked(self, request: int, model: str, choice: str, out: list[Effect]) -> None:
        server = self._scheduler.fleet.servers[model]
        if server.state is State.READY:
            out += (
                Admitted(request, model, choice=choice),
                Grant(request, model, server.generation),
            )
        else:
            out.append(Refused(request, Refusal.NOT_READY))

    def _refusal(
        self, event: Arrived, rules: ModelRules, decision: Decision, now: float
    ) -> Refused | None:
        """Say why a request on which `decision` was taken may not even wait."""
        request, model = event.request, rules.id
        if self._scheduler.places.reserved.get(model, 0) >= rules.concurrency_limit:
            free = self._free_in(model, decision, now)
            return Refused(request, Refusal.CONCURRENCY, retry_after=free)
        if isinstance(decision, Go):
            return None
        if event.mode is Mode.ONLY_IF_READY:
            return Refused(request, Refusal.NOT_READY)
        if isinstance(decision, Fault):
            return Refused(request, Refusal.PLANNER_FAILED, decision.message)
        if isinstance(decision, Hold) and self._queue_is_full(model):
            free = self._free_in(model, decision, now)
            return Refused(request, Refusal.QUEUE_FULL, retry_after=free)
        if event.deadline is None:
            return None
        wait = self._scheduler.wait(model, decision, now)
        if now + wait <= event.deadline:
            return None
        return Refused(request, Refusal.TOO_SLOW, f"{wait:.1f}", retry_after=wait)

    def _queue_is_full(self, model: str) -> bool:
        rules, queue = self._scheduler.rules, self._scheduler.queue
        limit, per_model = rules.queue_limit, rules.queue_limit_per_model
        return (0 < limit <= len(queue)) or (0 < per_model <= queue.waiting_for(model))

    def _free_in(self, model: str, decision: Decision, now: float) -> float:
        """Return when a request refused now is likely to be admitted: when another has ended."""
        served = self._scheduler.in_flight.get(model, 0)
        service = self._scheduler.estimates.service(model)
        if served:
            return service / served
        return self._scheduler.wait(model, decision, now) + service
