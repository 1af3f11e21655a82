"""The decision tree of spec/scheduler.md 4.1 with the patience of design 7.3.

Pure: deciding changes nothing. Owns the planner and its remembered answers; reads
everything else through a `Situation`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from hotbay.core.effects import State, Wait
from hotbay.core.planners.planner import ModelView, Plan, View
from hotbay.core.planners.registry import make_planner
from hotbay.core.queue import Ticket
from hotbay.core.rules import CustomRules, Rules


class UnderWay(Protocol):
    """What a decision needs to know of a swap under way."""

    @property
    def evict(self) -> tuple[str, ...]:
        """The models it stops."""
        ...

    @property
    def starting(self) -> bool:
        """Whether its target has been started."""
        ...


class Situation(Protocol):
    """What a decision is made from."""

    @property
    def swaps(self) -> Mapping[str, UnderWay]:
        """Swaps under way by target."""
        ...

    @property
    def in_flight(self) -> Mapping[str, int]:
        """Granted and unfinished requests of each model that has some."""
        ...

    @property
    def unloading(self) -> Collection[str]:
        """Models of unloads that are not complete."""
        ...

    @property
    def draining(self) -> Collection[str]:
        """Models that a reload changed or removed, until their old server is gone."""
        ...

    def running(self) -> tuple[str, ...]:
        """IDs, ascending, of models whose server is not stopped."""
        ...

    def state(self, model: str) -> State:
        """The state of a model's server."""
        ...

    def models(self) -> Mapping[str, ModelView]:
        """Every model as a planner may look at it."""
        ...


@dataclass(frozen=True, slots=True)
class Join:
    """Wait with the others for the swap to this model."""


@dataclass(frozen=True, slots=True)
class Go:
    """Nothing is in the way: grant."""


@dataclass(frozen=True, slots=True)
class Swap:
    """Stop the plan's models, then start the target."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Hold:
    """Stay in the queue."""

    wait: Wait


@dataclass(frozen=True, slots=True)
class Fault:
    """The planner failed on this model; its waiters are refused (design 7.11)."""

    message: str


Decision = Join | Go | Swap | Hold | Fault
JOIN = Join()
GO = Go()


class PlannerError(Exception):
    """A planner raised, or named models that it must not name."""


class Judge:
    """Decides for one model at a time, given who waits at the head."""

    def __init__(self, rules: Rules, situation: Situation) -> None:
        self._situation = situation
        self.use(rules)

    def use(self, rules: Rules) -> None:
        """Decide by the planner of these rules from now on."""
        custom = rules.planner if isinstance(rules.planner, CustomRules) else None
        self._planner = make_planner(rules)
        self._name = custom.name if custom else type(self._planner).__name__
        self._looks_at_models = custom is not None
        self._plans: dict[tuple[str, str], Plan | PlannerError] = {}
        self._view: View | None = None

    def models_changed(self) -> None:
        """Drop what a planner has said that looks at more than which models run."""
        if self._looks_at_models:
            self.forget()

    def forget(self) -> None:
        """Drop remembered plans, since the running set or the swaps have changed."""
        if self._view is not None:
            self._view = None
            self._plans.clear()

    def decide(self, model: str, head: Ticket | None) -> Decision:
        """Say what becomes of a request for `model` while `head` waits overdue."""
        situation = self._situation
        if model in situation.swaps:
            return JOIN
        if situation.unloading or situation.draining:
            held = self._held((model,))
            if held is not None:
                return held
        try:
            plan = self.plan(model)
            evict = plan.evict
            if not evict and situation.state(model) is State.READY:
                return self._fast_path(model, head)
            return self._slow_path(model, plan, head)
        except PlannerError as error:
            return Fault(str(error))

    def plan(self, model: str, beside: str = "") -> Plan:
        """Return whom `model` would evict, if `beside` ran too.

        Raises:
            PlannerError: the planner raised or answered nonsense.
        """
        key = (model, beside)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._ask(model, self._view_with(beside))
        if isinstance(plan, PlannerError):
            raise plan
        return plan

    def plan_beside(self, model: str, running: tuple[str, ...]) -> Plan:
        """Return whom `model` would evict if just these ran.

        Raises:
            PlannerError: the planner raised or answered nonsense.
        """
        models = self._situation.models() if self._looks_at_models else {}
        plan = self._ask(model, View(running, models))
        if isinstance(plan, PlannerError):
            raise plan
        return plan

    def _fast_path(self, model: str, head: Ticket | None) -> Decision:
        if self._situation.swaps:
            collision = self._collision(model, ())
            if collision:
                return Hold(Wait("swap", collision))
        if head is not None and self._in_the_way(model, (), head):
            return Hold(Wait("patience", (head.model,)))
        return GO

    def _slow_path(self, model: str, plan: Plan, head: Ticket | None) -> Decision:
        situation, evict = self._situation, plan.evict
        held = self._held(evict)
        if held is not None:
            return held
        collision = self._collision(model, evict)
        if collision:
            return Hold(Wait("swap", collision))
        busy = tuple(x for x in evict if situation.in_flight.get(x))
        if busy:
            return Hold(Wait("busy", busy))
        if head is not None and self._in_the_way(model, evict, head):
            return Hold(Wait("patience", (head.model,)))
        return Swap(plan)

    def _held(self, models: tuple[str, ...]) -> Hold | None:
        unloading = tuple(x for x in models if x in self._situation.unloading)
        if unloading:
            return Hold(Wait("unloading", unloading))
        draining = tuple(x for x in models if x in self._situation.draining)
        return Hold(Wait("draining", draining)) if draining else None

    def _collision(self, model: str, evict: tuple[str, ...]) -> tuple[str, ...]:
        """Name the targets of swaps that we would undo, that stop us, or that stop what we stop.

        A swap whose target is not started yet stops us as well if its target would not have
        been started beside us: at every start there is room (guarantee 1).
        """
        return tuple(
            target
            for target, swap in self._situation.swaps.items()
            if target in evict
            or model in swap.evict
            or not set(evict).isdisjoint(swap.evict)
            or (not swap.starting and model in self.plan(target, model).evict)
        )

    def _in_the_way(self, model: str, evict: tuple[str, ...], head: Ticket) -> bool:
        """Whether serving `model` would make the overdue `head` wait longer."""
        target = head.model
        if model == target:
            return False
        if target in evict or target in self.plan(model, target).evict:
            return True
        wanted = self.plan(target, model).evict
        return model in wanted or not set(evict).isdisjoint(wanted)

    def _view_with(self, beside: str) -> View:
        view = self._view
        if view is None:
            situation = self._situation
            running = situation.running()
            if situation.swaps:
                running = tuple(sorted({*running, *situation.swaps}))
            view = View(running, situation.models()) if self._looks_at_models else View(running)
            self._view = view
        if beside and beside not in view.running:
            return replace(view, running=tuple(sorted((*view.running, beside))))
        return view

    def _ask(self, model: str, view: View) -> Plan | PlannerError:
        name = self._name
        try:
            plan = self._planner.decide(model, view)
        except Exception as error:  # noqa: BLE001 - whatever a planner raises is contained (design 7.11)
            return PlannerError(f"planner {name}: {error!r}")
        wrong = [x for x in plan.evict if x == model or x not in view.running]
        if wrong:
            return PlannerError(
                f"planner {name}: asked to stop {', '.join(map(repr, wrong))}, "
                f"which does not run or is the requested model"
            )
        return plan
