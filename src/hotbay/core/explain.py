"""Says what the scheduler would decide, what waits and why: for people, never for decisions.

Owns the words. The log line of a swap, `hotbay plan` and the API all say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hotbay.core.decisions import Fault, Go, Hold, Join, PlannerError
from hotbay.core.effects import Wait
from hotbay.core.planners.planner import Plan
from hotbay.core.queue import Ticket
from hotbay.core.scheduler import Scheduler
from hotbay.core.states import State


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a request for a model would meet.

    Attributes:
        target: the model.
        action: `grant`: served at once; `join`: waits with others for a swap under way; `swap`:
            its swap begins at once; `queue`: waits before anything is done; `refuse`: the
            planner failed.
        plan: whom the planner names, and why.
        wait: why it would wait; None for `grant` and `refuse`.
        text: all that in one line.
    """

    target: str
    action: Literal["grant", "join", "swap", "queue", "refuse"]
    plan: Plan
    wait: Wait | None
    text: str


@dataclass(frozen=True, slots=True)
class SwapView:
    """A swap under way; `waiting` requests are granted at its end."""

    target: str
    evict: tuple[str, ...]
    phase: Literal["evicting", "starting"]
    waiting: int


@dataclass(frozen=True, slots=True)
class WaiterView:
    """A request that waits: in the queue, or at position 0 for a swap under way.

    `age` is in seconds; `patience` is how long it is until everybody makes way for it: 0 if
    they do so now, None if that is switched off or it does not queue.
    """

    request: int
    model: str
    age: float
    position: int
    wait: Wait
    patience: float | None
    text: str


@dataclass(frozen=True, slots=True)
class QueueView:
    """The present: swaps under way, and who waits for what, in order of service."""

    swaps: tuple[SwapView, ...]
    waiting: tuple[WaiterView, ...]


def plan_words(target: str, evict: Sequence[str], reason: str, runner_up: str = "") -> str:
    """Say in one line whom a request for `target` stops, and why."""
    stops = f"stops {', '.join(evict)}" if evict else "stops nothing"
    why = "; ".join(part for part in (reason, runner_up) if part)
    return f"{target}: {stops} ({why})" if why else f"{target}: {stops}"


def forecast(scheduler: Scheduler, model: str, now: float) -> Forecast:
    """Say what a request for a known model would meet at this moment."""
    judge = scheduler.judge
    decision = judge.decide(model, scheduler.head(now))
    try:
        plan = judge.plan(model)
    except PlannerError as error:
        plan = Plan((), str(error))
    if isinstance(decision, Fault):
        return Forecast(model, "refuse", Plan(()), None, decision.message)
    words = plan_words(model, plan.evict, plan.reason, plan.runner_up)
    if isinstance(decision, Go):
        return Forecast(model, "grant", plan, None, f"{words}; it is ready")
    if isinstance(decision, Hold):
        why = wait_words(scheduler, decision.wait)
        return Forecast(model, "queue", plan, decision.wait, f"{words}; it would wait: {why}")
    evict = scheduler.swaps[model].evict if isinstance(decision, Join) else plan.evict
    wait = scheduler.swap_wait(model, evict)
    action: Literal["join", "swap"] = "join" if isinstance(decision, Join) else "swap"
    return Forecast(model, action, plan, wait, f"{words}; then: {wait_words(scheduler, wait)}")


def suppose(scheduler: Scheduler, model: str, running: Sequence[str]) -> Forecast:
    """Say what a request for a known model would meet if just these models ran, all idle."""
    up = tuple(sorted(set(running)))
    try:
        plan = scheduler.judge.plan_beside(model, up)
    except PlannerError as error:
        return Forecast(model, "refuse", Plan(()), None, str(error))
    words = plan_words(model, plan.evict, plan.reason, plan.runner_up)
    if model in up and not plan.evict:
        return Forecast(model, "grant", plan, None, f"{words}; it is ready")
    wait = Wait("evicting", plan.evict) if plan.evict else Wait("starting", (model,))
    return Forecast(model, "swap", plan, wait, words)


def queue_view(scheduler: Scheduler, now: float) -> QueueView:
    """Return the swaps under way and everybody who waits."""
    swaps = tuple(
        SwapView(
            swap.target,
            swap.evict,
            "starting" if swap.starting else "evicting",
            len(swap.waiters),
        )
        for _, swap in sorted(scheduler.swaps.items())
    )
    joined = [ticket for swap in scheduler.swaps.values() for ticket in swap.waiters]
    joined.sort(key=lambda ticket: ticket.serial)
    return QueueView(
        swaps,
        tuple(_waiter(scheduler, ticket, now) for ticket in [*joined, *scheduler.queue]),
    )


def _waiter(scheduler: Scheduler, ticket: Ticket, now: float) -> WaiterView:
    age = now - ticket.arrived
    if ticket.told is None:
        wait = scheduler.swap_wait(ticket.model, scheduler.swaps[ticket.model].evict)
        text = wait_words(scheduler, wait)
        return WaiterView(ticket.request, ticket.model, age, 0, wait, None, text)
    position, wait = ticket.told
    text, patience = wait_words(scheduler, wait), None
    if scheduler.rules.max_wait > 0:
        patience = max(0.0, scheduler.rules.max_wait - age)
        text += f"; its patience ends in {patience:.0f} s" if patience else "; it goes first"
    return WaiterView(ticket.request, ticket.model, age, position, wait, patience, text)


def wait_words(scheduler: Scheduler, wait: Wait) -> str:
    """Say for people what somebody waits for."""
    names = ", ".join(wait.models)
    match wait.kind:
        case "starting":
            return f"{names} is being started"
        case "evicting":
            return f"{names} is being stopped" if len(wait.models) == 1 else f"stopping {names}"
        case "busy":
            serving = (f"{m}, which serves {_requests(scheduler, m)}" for m in wait.models)
            return f"evicting {' and '.join(serving)}"
        case "swap":
            return f"the swap to {names} comes first"
        case "stopping":
            return f"the old server of {names} is being stopped"
        case "unloading":
            return f"{names} is being unloaded"
        case "draining":
            return f"{names} is draining after a change of the configuration"
        case "crashed":
            return f"{names} died while it served this request, which is tried once more"
        case "patience":
            return f"a request for {names} has waited too long and goes first"


def _requests(scheduler: Scheduler, model: str) -> str:
    count = scheduler.in_flight.get(model, 0)
    ending = " and is being stopped" if scheduler.state(model) is State.STOPPING else ""
    return f"{count} request{'' if count == 1 else 's'}{ending}"
