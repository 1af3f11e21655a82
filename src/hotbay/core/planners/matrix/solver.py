"""The best combination of an expression, found without writing its combinations out.

Owns the search of spec/matrix.md 6 for one question. Only models that weigh something
matter; a *mask* is the part of a combination that lies in them. The answer is the first
heaviest entry of the frontier of the whole expression. Three things keep it quick, and
none changes the answer, ties included (tests/core/matrix compares with the definition):

* Parts that share no such model with the rest are solved on their own and contribute one
  entry, their first heaviest: each combination of the rest goes with each of theirs.
  Frontiers are built only where operands overlap.
* An entry too light to become part of a heaviest combination, judged by one that was
  found greedily, is dropped: what could swallow a part of a heaviest is one, too.
* Candidates are compared with each other in bulk (see `frontier`).

What remains can be exponential. Then the search goes on with a few entries: the answer
is still a combination of the expression, but perhaps not the heaviest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import repeat

from hotbay.core.planners.matrix.frontier import (
    Candidates,
    Entry,
    add_entries,
    add_unions,
    drop_swallowed,
    reach,
    union,
)
from hotbay.core.planners.matrix.nodes import Choice, Join, Leaf, Node

FRONTIER_LIMIT = 4096
"""The search is exact while no frontier has more entries than this (design 7.11)."""

WORK_LIMIT = 1 << 21
"""And while a decision takes no more steps than this, about half a second. A step is a union
of two entries, or a summand of a weight."""

PER_ENTRY = 16
"""Steps that comparing an entry with all others counts for, or keeping it in memory."""

NARROW = 64
"""How many entries are kept, the heaviest, once a search has ceased to be exact."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The best candidate of an expression.

    Attributes:
        mask: those of its models that weigh something.
        combination: all its models.
        exact: no other is heavier, and none as heavy comes before it. If not, the search
            had to leave something out.
    """

    mask: int
    combination: int
    exact: bool


class Search:
    """Finds the first heaviest candidates of expressions for one decision."""

    def __init__(self, weights: Mapping[int, int]) -> None:
        """Take the weight, positive, of every model that matters, by its bit."""
        self._exact = True  # nothing was left out of the frontiers at hand
        self._work = 0
        self._relevant = sum(weights)
        self._weights = weights
        self._summands = _summands(weights)
        self._frontiers: dict[tuple[Node, int], list[Entry]] = {}

    def weight(self, mask: int) -> int:
        """Return the weight of the models of `mask` together."""
        alone = self._weights.get(mask)
        if alone is not None:
            return alone
        return sum([(mask & models).bit_count() * each for each, models in self._summands.items()])

    def best(self, node: Node) -> Candidate:
        """Return the first heaviest candidate of an expression."""
        if not self._exact:
            self._frontiers.clear()
            self._exact = True
        mask, combination = self._best(node)
        return Candidate(mask, combination, self._exact)

    def _best(self, node: Node) -> Entry:
        if not node.support & self._relevant:
            return 0, node.first
        return self._frontier(node, 0)[0]

    def _frontier(self, node: Node, links: int) -> list[Entry]:
        """Return the frontier of a node with relevant models.

        Those of `links` occur elsewhere too. If none of them occurs in the node, only its
        best entry is returned; otherwise parts that are on their own show their best.
        """
        if isinstance(node, Leaf):
            return [(node.support, node.support)]
        interface = node.support & self._relevant & links
        key = node, interface
        entries = self._frontiers.get(key)
        if entries is None:
            if isinstance(node, Join):
                entries = self._join(node, interface)
            elif interface:
                entries = self._collect(node, interface)
            else:
                entries = [self._choose(node)]
            self._frontiers[key] = entries
            self._spend(PER_ENTRY * len(entries))
        return entries

    def _choose(self, node: Choice) -> Entry:
        """Return the best entry of a choice that is on its own."""
        best, most = (0, 0), 0
        for operand in node.operands:
            if operand.support & self._relevant:
                entry = self._frontier(operand, 0)[0]
                weight = self.weight(entry[0])
                if weight > most:
                    best, most = entry, weight
        return best

    def _collect(self, node: Choice, interface: int) -> list[Entry]:
        """Return the frontier of a choice that is not on its own."""
        # The entries of one alternative decide which of another's are swallowed, so models
        # that two alternatives share count as links.
        links = interface | node.shared
        candidates: Candidates = {}
        for operand in node.operands:
            if operand.support & self._relevant:
                add_entries(candidates, self._frontier(operand, links))
                if len(candidates) > 2 * FRONTIER_LIMIT:
                    self._thin_out(candidates)
        self._thin_out(candidates)
        return list(candidates.items())

    def _join(self, node: Join, interface: int) -> list[Entry]:
        links = interface | node.shared
        alone = (0, 0)
        linked: list[Node] = []
        for operand in node.operands:
            if operand.support & self._relevant & links:
                linked.append(operand)
            else:
                alone = union(alone, self._best(operand))
        exposed: list[int] = []
        for support, members in _components([node.support & self._relevant for node in linked]):
            if support & interface:
                exposed += members
            else:
                alone = union(alone, self._solve([linked[i] for i in members], links))
        factors = [self._frontier(linked[i], links) for i in sorted(exposed)]
        return self._multiply([alone], factors, repeat(0))

    def _solve(self, operands: Sequence[Node], links: int) -> Entry:
        """Return the best entry of operands joined by `&` that are on their own together."""
        factors = [self._frontier(operand, links) for operand in operands]
        floor = self._greedy_weight(factors)
        floors = []
        for factor in reversed(factors[1:]):
            floor -= max(self.weight(mask) for mask, _ in factor)
            floors.append(floor)
        entries = self._multiply([(0, 0)], factors[:-1], reversed(floors))
        return self._best_union(entries, factors[-1])

    def _greedy_weight(self, factors: Iterable[list[Entry]]) -> int:
        """Return the weight of a good, not necessarily the best, union over all factors."""
        chosen = 0
        for factor in factors:
            self._spend(len(factor) * len(self._summands))
            weights = [(self.weight(chosen | mask), mask) for mask, _ in factor]
            chosen |= max(weights)[1]
        return self.weight(chosen)

    def _multiply(
        self, entries: list[Entry], factors: Iterable[list[Entry]], floors: Iterable[int]
    ) -> list[Entry]:
        """Return the frontier of the unions of one entry of each factor, from left to right.

        Unions over the first factors that weigh less than their floor may be dropped.
        """
        for factor, floor in zip(factors, floors, strict=False):
            entries = self._product(entries, factor, floor)
        return entries

    def _product(self, left: list[Entry], right: list[Entry], floor: int) -> list[Entry]:
        if not self._exact:
            left, right = self._heaviest(left), self._heaviest(right)
        right_reach = reach(right)
        disjoint = not reach(left) & right_reach  # then no union is part of another
        candidates: Candidates = {}
        for entry in left:
            ceiling = entry[0] | right_reach
            if ceiling in candidates:
                continue
            others = right if ceiling != entry[0] else right[:1]
            add_unions(candidates, entry, others)
            self._spend(len(others))
            if len(candidates) > 2 * FRONTIER_LIMIT:
                self._thin_out(candidates, floor, disjoint=disjoint)
            if not self._exact and max(len(left), len(right)) > NARROW:
                return self._product(left, right, floor)
        self._thin_out(candidates, floor, disjoint=disjoint)
        return list(candidates.items())

    def _best_union(self, left: list[Entry], right: list[Entry]) -> Entry:
        if not self._exact:
            left, right = self._heaviest(left), self._heaviest(right)
        right_reach = reach(right)
        weights = [self.weight(mask) for mask, _ in right]
        heaviest = max(weights)
        best, most = (0, 0), 0
        for entry in left:
            mask, own = entry[0], self.weight(entry[0])
            if own + heaviest <= most or self.weight(mask | right_reach) <= most:
                continue
            if not self._exact and max(len(left), len(right)) > NARROW:
                return self._best_union(left, right)
            weighed = 0
            for other, weight in zip(right, weights, strict=True):
                if own + weight <= most:
                    continue
                both = own + weight
                if mask & other[0]:
                    both = self.weight(mask | other[0])
                    weighed += 1
                if both > most:
                    best, most = union(entry, other), both
            self._spend(len(right) + weighed * len(self._summands))
        return best

    def _thin_out(self, candidates: Candidates, floor: int = 0, *, disjoint: bool = False) -> None:
        """Drop what is too light or part of another, and cut what is still too much."""
        if self._exact:
            if floor > 0:
                self._spend(len(candidates) * len(self._summands))
                for mask in [mask for mask in candidates if self.weight(mask) < floor]:
                    del candidates[mask]
            if not disjoint:
                self._spend(PER_ENTRY * drop_swallowed(candidates))
            if len(candidates) > FRONTIER_LIMIT:
                self._exact = False
        if not self._exact:
            kept = self._heaviest(list(candidates.items()))
            candidates.clear()
            candidates.update(kept)

    def _heaviest(self, entries: list[Entry]) -> list[Entry]:
        """Return the `NARROW` heaviest entries, in order."""
        if len(entries) <= NARROW:
            return entries
        kept = nlargest(NARROW, range(len(entries)), key=lambda i: self.weight(entries[i][0]))
        return [entries[i] for i in sorted(kept)]

    def _spend(self, steps: int) -> None:
        self._work += steps
        if self._work > WORK_LIMIT:
            self._exact = False


def _summands(weights: Mapping[int, int]) -> dict[int, int]:
    """Split weights into few summands, each with the models that have it in their weight."""
    values: dict[int, int] = {}
    digits: dict[int, int] = {}  # of the binary numbers
    for bit, weight in weights.items():
        values[weight] = values.get(weight, 0) | bit
        for position in range(weight.bit_length()):
            digit = weight & 1 << position
            if digit:
                digits[digit] = digits.get(digit, 0) | bit
    return min(values, digits, key=len)


def _components(supports: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Group operands, by their positions, that are linked by common models.

    Returns each group's models and its members in order.
    """
    groups: list[tuple[int, list[int]]] = []
    for position, support in enumerate(supports):
        linked = [group for group in groups if group[0] & support]
        groups = [group for group in groups if not group[0] & support]
        models, members = support, [position]
        for other, others in linked:
            models |= other
            members += others
        groups.append((models, sorted(members)))
    return groups
