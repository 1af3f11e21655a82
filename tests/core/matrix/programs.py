"""Random programs, as the definition and as the compiler take them, and questions to both."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import assume
from hypothesis import strategies as st

from hotbay.core.planners.matrix import MatrixProgram, compile_matrix
from hotbay.core.rules import MatrixRules

from .definition import And, Definition, Expression, Model, Or, Ref, size

MOST_COMBINATIONS = 2000  # of one set, so that the definition stays computable


@dataclass(frozen=True)
class Question:
    target: str
    running: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    sets: Mapping[str, Expression]
    costs: Mapping[str, int]
    models: tuple[str, ...]
    questions: tuple[Question, ...]

    def compiled(self) -> MatrixProgram:
        sets = {name: str(expression) for name, expression in self.sets.items()}
        return compile_matrix(MatrixRules({}, self.costs, sets), self.models)

    def defined(self) -> Definition:
        return Definition(self.sets, self.costs)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to eight models, three sets that may refer to each other, and any questions."""
    models = tuple(f"m{i}" for i in range(draw(st.integers(1, 8))))
    sets: dict[str, Expression] = {}
    sizes: dict[str, int] = {}
    for name in ("a", "b", "c")[: draw(st.integers(1, 3))]:
        leaves = st.builds(Model, st.sampled_from(models))
        if sets:
            leaves |= st.builds(Ref, st.sampled_from(sorted(sets)))
        sets[name] = draw(trees(leaves))
        sizes[name] = size(sets[name], sizes)
        assume(sizes[name] <= MOST_COMBINATIONS)
    order = draw(st.permutations(sorted(sets)))
    costs = draw(st.dictionaries(st.sampled_from(models), st.integers(1, 3), max_size=3))
    place = st.integers(0, len(models) - 1)
    running = st.integers(0, 2 ** len(models) - 1)
    asked = draw(st.lists(st.tuples(place, running), min_size=1, max_size=6))
    questions = [
        Question(models[target], tuple(m for i, m in enumerate(models) if mask >> i & 1))
        for target, mask in asked
    ]
    return Case({name: sets[name] for name in order}, costs, models, tuple(questions))


def trees(leaves: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    def branches(below: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        operands = st.lists(below, min_size=2, max_size=4).map(tuple)
        return st.builds(And, operands) | st.builds(Or, operands)

    return st.recursive(leaves, branches, max_leaves=10)


def any_case(seed: int) -> Case:
    """Return a program with up to four sets, and questions of every kind."""
    r = random.Random(seed)
    models = tuple(f"m{i}" for i in range(r.randint(1, 9)))
    names = [f"s{i}" for i in range(r.randint(1, 4))]
    sets: dict[str, Expression] = {}
    sizes: dict[str, int] = {}
    for name in names:
        expression = tree(r, models, tuple(sets), r.randint(0, 4))
        while size(expression, sizes) > MOST_COMBINATIONS:
            expression = tree(r, models, tuple(sets), 2)
        sets[name], sizes[name] = expression, size(expression, sizes)
    r.shuffle(names)
    costs = {model: r.randint(1, 3) for model in models if r.random() < 0.4}
    questions = tuple(
        Question(r.choice(models), tuple(sorted(r.sample(models, r.randint(0, len(models))))))
        for _ in range(3)
    )
    return Case({name: sets[name] for name in names}, costs, models, questions)


def tree(
    r: random.Random, models: tuple[str, ...], names: tuple[str, ...], depth: int
) -> Expression:
    if depth == 0 or r.random() < 0.2:
        return Ref(r.choice(names)) if names and r.random() < 0.2 else Model(r.choice(models))
    operands = tuple(tree(r, models, names, depth - 1) for _ in range(r.choice((2, 2, 2, 3, 4))))
    return And(operands) if r.random() < 0.5 else Or(operands)


def overlapping_case(seed: int) -> Case:
    """Return products of sums of products over few models of which nearly all run.

    Operands overlap, and many candidates cost the same: this is where order matters.
    """
    r = random.Random(seed)
    models = tuple(f"m{i}" for i in range(r.randint(5, 10)))
    pools = [r.sample(models, r.randint(2, 3)) for _ in range(3)]

    def term(pool: list[str]) -> Expression:
        factors = [Model(r.choice(pool)) for _ in range(r.choice((1, 1, 1, 2, 2, 3)))]
        return And(tuple(factors)) if len(factors) > 1 else factors[0]

    def sum_(pool: list[str]) -> Expression:
        terms = [term(pool) for _ in range(r.choice((1, 2, 2, 3)))]
        return Or(tuple(terms)) if len(terms) > 1 else terms[0]

    def product(factors: int) -> Expression:
        return And(tuple(sum_(r.choice(pools)) for _ in range(factors)))

    operands = [product(r.randint(3, 4)), sum_([*models])]
    if r.random() < 0.5:
        operands.append(Or((product(2), sum_([*models]), product(3))))
    r.shuffle(operands)
    expression: Expression = And(tuple(operands))
    if r.random() < 0.3:
        expression = Or((expression, product(2)))
    questions = []
    for _ in range(3):
        target, *others = r.sample(models, r.randint(len(models) // 2, len(models)))
        questions.append(Question(target, tuple(sorted(others))))
    return Case({"only": expression}, {}, models, tuple(questions))
