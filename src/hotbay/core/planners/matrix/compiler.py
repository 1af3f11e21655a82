"""Matrix settings to a program: names resolved, everything checked (spec/matrix.md 1, 2 and 4)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from hotbay.core.planners.matrix.errors import ExpressionError, Flaw, MatrixError
from hotbay.core.planners.matrix.nodes import Node, choice, join, leaf
from hotbay.core.planners.matrix.parser import (
    MAX_DEPTH,
    Any,
    Expression,
    Name,
    Reference,
    Tree,
    parse,
)
from hotbay.core.planners.matrix.program import MatrixProgram, MatrixSet
from hotbay.core.rules import MatrixRules

VAR_NAME = re.compile(r"[A-Za-z0-9.-]{1,32}")


def compile_matrix(rules: MatrixRules, models: Collection[str]) -> MatrixProgram:
    """Check the settings of a matrix over `models`, the IDs, and compile them.

    Raises:
        MatrixError: something is wrong with them; it holds all that is.
    """
    return _Compiler(rules, models).compile()


class _Compiler:
    def __init__(self, rules: MatrixRules, models: Collection[str]) -> None:
        self._rules = rules
        self._models = tuple(sorted(set(models)))
        self._bits = {model: 1 << position for position, model in enumerate(self._models)}
        self._flaws: list[Flaw] = []

    def compile(self) -> MatrixProgram:
        if not self._rules.sets:
            self._flaws.append(Flaw("a matrix needs at least one set", "sets"))
        self._check_vars()
        costs = self._costs()
        expressions = self._expressions()
        order = self._dependency_order(expressions)
        self._check_depth(order, expressions)
        if self._flaws:
            raise MatrixError(self._flaws)
        return MatrixProgram(self._models, self._bits, costs, self._build(order, expressions))

    def _model(self, name: str) -> str:
        """Return the model that a var or model stands for; the var wins."""
        return self._rules.vars.get(name, name)

    def _is_known(self, name: str) -> bool:
        return name in self._rules.vars or name in self._bits

    def _check_vars(self) -> None:
        for name, model in self._rules.vars.items():
            if not VAR_NAME.fullmatch(name):
                message = f"var {name!r}: a name is 1 to 32 of the characters A-Z a-z 0-9 . -"
                self._flaws.append(Flaw(message, f"vars.{name}"))
            if model not in self._bits:
                message = f"var {name!r}: unknown model {model!r}; it takes the ID of a model"
                self._flaws.append(Flaw(message, f"vars.{name}"))

    def _costs(self) -> Mapping[str, int]:
        costs: dict[str, int] = {}
        for name, cost in self._rules.evict_costs.items():
            key = f"evict_costs.{name}"
            if not self._is_known(name):
                self._flaws.append(Flaw(f"cost of {name!r}: unknown var or model", key))
            if cost < 1:
                message = f"cost of {name!r}: must be at least 1, not {cost}"
                self._flaws.append(Flaw(message, key))
            model = self._model(name)
            costs[model] = max(cost, costs.get(model, cost))
        return costs

    def _expressions(self) -> dict[str, Expression]:
        """Parse all sets and check the names in them; leave out those that do not parse."""
        expressions: dict[str, Expression] = {}
        for name, text in self._rules.sets.items():
            try:
                expressions[name] = expression = parse(text)
            except ExpressionError as error:
                self._blame(name, error.message, error.column)
                continue
            for each in expression.names:
                if not self._is_known(each.text):
                    self._blame(name, f"unknown var or model {each.text!r}", each.column)
            for reference in expression.references:
                if reference.text not in self._rules.sets:
                    self._blame(name, f"undefined set {reference.text!r}", reference.column)
        return expressions

    def _dependency_order(self, expressions: Mapping[str, Expression]) -> list[str]:
        """Return the sets that parsed, each after those it refers to (spec/matrix.md 4)."""
        placed: dict[str, None] = {}
        for root in expressions:
            path: dict[str, Iterator[Reference]] = {}  # sets begun, with what is left of each
            if root not in placed:
                path[root] = iter(expressions[root].references)
            while path:
                name = next(reversed(path))
                reference = next(path[name], None)
                if reference is None:
                    del path[name]
                    placed[name] = None
                elif reference.text in path:
                    circle = [*path][[*path].index(reference.text) :]
                    message = f"circular reference: {' -> '.join([*circle, reference.text])}"
                    self._blame(name, message, reference.column)
                elif reference.text in expressions and reference.text not in placed:
                    path[reference.text] = iter(expressions[reference.text].references)
        return list(placed)

    def _check_depth(self, order: list[str], expressions: Mapping[str, Expression]) -> None:
        depths: dict[str, int] = {}
        for name in order:
            expression = expressions[name]
            if any(reference.text not in depths for reference in expression.references):
                continue  # further down something is wrong, and reported
            depths[name] = expression.depth
            for reference in expression.references:
                depth = reference.depth + 1 + depths[reference.text]
                if depth > MAX_DEPTH:
                    message = f"parentheses and references nest deeper than {MAX_DEPTH}"
                    self._blame(name, message, reference.column)
                    del depths[name]
                    break
                depths[name] = max(depths[name], depth)

    def _build(
        self, order: list[str], expressions: Mapping[str, Expression]
    ) -> tuple[MatrixSet, ...]:
        nodes: dict[str, Node] = {}
        for name in order:
            nodes[name] = self._node(expressions[name].tree, nodes)
        return tuple(MatrixSet(name, self._rules.sets[name], nodes[name]) for name in order)

    def _node(self, tree: Tree, nodes: Mapping[str, Node]) -> Node:
        """Return the node of a tree, given those of the sets it refers to."""
        if isinstance(tree, Name):
            return leaf(self._bits[self._model(tree.text)])
        if isinstance(tree, Reference):
            return nodes[tree.text]
        operands = tuple([self._node(operand, nodes) for operand in tree.operands])
        return choice(operands) if isinstance(tree, Any) else join(operands)

    def _blame(self, name: str, message: str, column: int) -> None:
        self._flaws.append(Flaw(f"set {name!r}: {message}", f"sets.{name}", column))
