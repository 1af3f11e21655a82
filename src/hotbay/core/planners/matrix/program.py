"""A valid matrix, ready to be asked: models numbered by bits, sets in dependency order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from hotbay.core.planners.matrix.nodes import Node
from hotbay.core.planners.matrix.solver import Search

DEFAULT_COST = 1


@dataclass(frozen=True, slots=True)
class MatrixSet:
    """One set: its name, its expression as written, and what that means."""

    name: str
    expression: str
    node: Node


@dataclass(frozen=True, slots=True)
class MatrixProgram:
    """A valid matrix (spec/matrix.md).

    Attributes:
        models: all model IDs, ascending; a model's place is the number of its bit.
        bits: the model's bit, by ID.
        costs: what stopping a model costs, by ID; models that are missing cost 1.
        sets: in dependency order (spec/matrix.md 4).
    """

    models: tuple[str, ...]
    bits: Mapping[str, int]
    costs: Mapping[str, int]
    sets: tuple[MatrixSet, ...]

    def cost(self, model: str) -> int:
        """Return what stopping a model costs."""
        return self.costs.get(model, DEFAULT_COST)

    def names(self, combination: int) -> tuple[str, ...]:
        """Return the IDs, ascending, of the models of a combination."""
        names = []
        while combination:
            bit = combination & -combination
            names.append(self.models[bit.bit_length() - 1])
            combination ^= bit
        return tuple(names)

    def contains_together(self, models: Iterable[str]) -> bool:
        """Whether `models` is empty or one combination of one set contains them all.

        Never wrongly true; wrongly false only if the search had to leave something out.
        """
        wanted = set(models)
        return not wanted or self.first_with(wanted) is not None

    def first_with(self, models: Collection[str]) -> tuple[MatrixSet, int] | None:
        """Return the first set that has a combination with all of `models`, and that one."""
        if not self.bits.keys() >= set(models):
            return None
        wanted = sum(self.bits[model] for model in models)
        search = Search({self.bits[model]: 1 for model in models})
        for each in self.sets:
            if each.node.support & wanted == wanted:
                candidate = search.best(each.node)
                if candidate.mask == wanted:
                    return each, candidate.combination
        return None
