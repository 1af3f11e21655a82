"""The definition in spec/matrix.md 3 to 7, word for word: sets of names, and no shortcut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

Models = frozenset[str]
Entry = tuple[Models, Models]
"""A mask and an example combination."""


@dataclass(frozen=True)
class Model:
    id: str

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True)
class Ref:
    set: str

    def __str__(self) -> str:
        return f"+{self.set}"


@dataclass(frozen=True)
class Or:
    operands: tuple[Expression, ...]

    def __str__(self) -> str:
        return " | ".join(f"({x})" if isinstance(x, Or) else str(x) for x in self.operands)


@dataclass(frozen=True)
class And:
    operands: tuple[Expression, ...]

    def __str__(self) -> str:
        return " & ".join(f"({x})" if isinstance(x, Or | And) else str(x) for x in self.operands)


Expression = Model | Ref | Or | And


@dataclass(frozen=True)
class Outcome:
    stop: tuple[str, ...]
    set: str | None
    combination: tuple[str, ...]
    cost: int


class Definition:
    """Sets that refer only to each other, without a circle."""

    def __init__(self, sets: Mapping[str, Expression], costs: Mapping[str, int]) -> None:
        self._sets = sets
        self._costs = costs

    def order(self) -> list[str]:
        placed: list[str] = []

        def place(name: str) -> None:
            if name not in placed:
                for each in references(self._sets[name]):
                    place(each)
                placed.append(name)

        for name in self._sets:
            place(name)
        return placed

    def combinations(self, expression: Expression) -> Iterator[Models]:
        match expression:
            case Model(name):
                yield frozenset({name})
            case Ref(name):
                yield from self.combinations(self._sets[name])
            case Or(operands):
                for operand in operands:
                    yield from self.combinations(operand)
            case And((only,)):
                yield from self.combinations(only)
            case And((*others, last)):
                for one in self.combinations(And(tuple(others))):
                    for other in self.combinations(last):
                        yield one | other

    def frontier(self, expression: Expression, relevant: Models) -> list[Entry]:
        match expression:
            case Model(name):
                return [(frozenset({name}) & relevant, frozenset({name}))]
            case Ref(name):
                return self.frontier(self._sets[name], relevant)
            case Or(operands):
                result: list[Entry] = []
                for operand in operands:
                    for entry in self.frontier(operand, relevant):
                        result = add(result, entry)
                return result
            case And(operands):
                present: list[Entry] = [(frozenset(), frozenset())]
                for operand in operands:
                    entries = self.frontier(operand, relevant)
                    result = []
                    for mask, example in present:
                        for other, other_example in entries:
                            result = add(result, (mask | other, example | other_example))
                    present = result
                return present

    def decide(self, target: str, running: tuple[str, ...]) -> Outcome:
        if target in running:
            for name in self.order():
                for mask, example in self.frontier(self._sets[name], frozenset(running)):
                    if mask == frozenset(running):
                        return Outcome((), name, tuple(sorted(example)), 0)
            return Outcome((), None, (), 0)
        best: Outcome | None = None
        for name in self.order():
            for mask, example in self.frontier(self._sets[name], frozenset({target, *running})):
                if target in mask:
                    stop = tuple(model for model in running if model not in mask)
                    cost = self.cost(stop)
                    if best is None or cost < best.cost:
                        best = Outcome(stop, name, tuple(sorted(example)), cost)
        return best or Outcome(running, None, (), 0)

    def least_cost(self, target: str, running: tuple[str, ...]) -> int | None:
        """Return the cost of the cheapest combination with the target, by enumeration."""
        return min(
            (
                self.cost(set(running) - combination)
                for expression in self._sets.values()
                for combination in self.combinations(expression)
                if target in combination
            ),
            default=None,
        )

    def together(self, models: Iterable[str]) -> bool:
        wanted = frozenset(models)
        return not wanted or any(
            wanted <= combination
            for expression in self._sets.values()
            for combination in self.combinations(expression)
        )

    def cost(self, models: Iterable[str]) -> int:
        return sum(self._costs.get(model, 1) for model in models)


def add(entries: list[Entry], new: Entry) -> list[Entry]:
    if any(new[0] <= mask for mask, _ in entries):
        return entries
    return [*(entry for entry in entries if not entry[0] <= new[0]), new]


def references(expression: Expression) -> Iterator[str]:
    match expression:
        case Ref(name):
            yield name
        case Or(operands) | And(operands):
            for operand in operands:
                yield from references(operand)


def size(expression: Expression, sizes: Mapping[str, int]) -> int:
    """Return how many combinations an expression has, given that of the sets."""
    match expression:
        case Model():
            return 1
        case Ref(name):
            return sizes[name]
        case Or(operands):
            return sum(size(operand, sizes) for operand in operands)
        case And(operands):
            product = 1
            for operand in operands:
                product *= size(operand, sizes)
            return product
