"""The matrix planner: the cheapest way to make room, and why (spec/matrix.md 5)."""

from __future__ import annotations

from dataclasses import dataclass

from hotbay.core.planners.matrix.program import MatrixProgram, MatrixSet
from hotbay.core.planners.matrix.solver import Search
from hotbay.core.planners.planner import Plan, View


@dataclass(frozen=True, slots=True)
class Offer:
    """The best that one set has to offer.

    Attributes:
        set: the set.
        combination: IDs, ascending, of models that it permits to run together.
        cost: what stopping the running models outside the combination costs.
    """

    set: MatrixSet
    combination: tuple[str, ...]
    cost: int


@dataclass(frozen=True, slots=True)
class Decision:
    """All that led to a plan.

    Attributes:
        evict: models to stop, in the order of the view.
        chosen: from the set that decided. For a model that runs already it is the first
            set that permits all that runs, at no cost. None if there is no such set.
        runner_up: from the next best set; None if no other has the target, or the target runs.
        incomplete: names of the sets whose search had to leave something out, so that
            perhaps less stays running than could.
    """

    evict: tuple[str, ...]
    chosen: Offer | None = None
    runner_up: Offer | None = None
    incomplete: tuple[str, ...] = ()


class MatrixPlanner:
    """Stops what no set permits beside the target, at the lowest cost."""

    def __init__(self, program: MatrixProgram) -> None:
        """Decide by a compiled matrix."""
        self._program = program

    def decide(self, target: str, view: View) -> Plan:
        """Return the running models to stop, the set that decided, its cost, and why."""
        decision = self.explain(target, view)
        chosen = decision.chosen
        return Plan(
            decision.evict,
            _reason(decision, runs=target in view.running),
            set=chosen.set.name if chosen else None,
            cost=chosen.cost if chosen else 0,
            runner_up=_runner_up(decision),
        )

    def explain(self, target: str, view: View) -> Decision:
        """Return the decision behind `decide`, in full."""
        program = self._program
        if target in view.running:
            found = program.first_with(view.running)
            return Decision((), Offer(found[0], program.names(found[1]), 0) if found else None)
        if target not in program.bits:
            return Decision(view.running)
        return self._make_room(program.bits[target], view.running)

    def _make_room(self, target: int, running: tuple[str, ...]) -> Decision:
        program, bits = self._program, self._program.bits
        total = sum(map(program.cost, running))
        # The target outweighs all others, so the heaviest candidates are among those with it.
        # A model that a reload took away may still run; no set knows it.
        weights = {bits[model]: program.cost(model) for model in running if model in bits}
        weights[target] = 1 << total.bit_length()
        search = Search(weights)
        offers: list[tuple[int, int, MatrixSet]] = []  # cost, combination, set; the two best
        incomplete: list[str] = []
        for each in program.sets:
            node = each.node
            if not node.support & target:
                continue
            least = total + weights[target] - search.weight(node.support)
            if len(offers) == 2 and least >= offers[1][0]:
                continue
            candidate = search.best(node)
            cost = total + weights[target] - search.weight(candidate.mask)
            offers.append((cost, candidate.combination, each))
            offers.sort(key=lambda offer: offer[0])  # stable, so the earlier set wins a tie
            del offers[2:]
            if not candidate.exact:
                incomplete.append(each.name)
        if not offers:
            return Decision(running)
        keep = offers[0][1]
        evict = tuple([model for model in running if not bits.get(model, 0) & keep])
        chosen, *others = (
            Offer(each, program.names(combination), cost) for cost, combination, each in offers
        )
        return Decision(evict, chosen, others[0] if others else None, tuple(incomplete))


def _reason(decision: Decision, *, runs: bool) -> str:
    chosen = decision.chosen
    if runs:
        known = f"set {chosen.set.name!r} permits" if chosen else "no set permits"
        return f"already running; {known} all that runs"
    if chosen is None:
        return "in no set, so it runs alone"
    reason = f"set {chosen.set.name!r} costs {chosen.cost}"
    if decision.incomplete:
        names = ", ".join(map(repr, decision.incomplete))
        reason += f"; too many possibilities to compare all in {names}: perhaps more could stay"
    return reason


def _runner_up(decision: Decision) -> str:
    chosen, other = decision.chosen, decision.runner_up
    if chosen is None or other is None:
        return ""
    same = "costs the same but comes later"
    return f"set {other.set.name!r} {same if other.cost == chosen.cost else f'costs {other.cost}'}"
