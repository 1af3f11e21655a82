"""Tokens to a syntax tree (spec/matrix.md 2.2), with a stack of its own instead of recursion."""

from __future__ import annotations

from dataclasses import dataclass, field

from hotbay.core.planners.matrix.errors import ExpressionError
from hotbay.core.planners.matrix.lexer import Kind, Token, tokens

MAX_DEPTH = 64
"""How deep parentheses and references may nest, together."""


@dataclass(frozen=True, slots=True)
class Name:
    """A var or a model."""

    text: str
    column: int


@dataclass(frozen=True, slots=True)
class Reference:
    """Another set; `depth` counts the parentheses around it."""

    text: str
    column: int
    depth: int


@dataclass(frozen=True, slots=True)
class All:
    """Operands joined by `&`, two or more."""

    operands: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Operands joined by `|`, two or more."""

    operands: tuple[Tree, ...]


Tree = Name | Reference | All | Any


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression; `depth` is that of its parentheses.

    Names and references are listed as mentioned, from left to right.
    """

    tree: Tree
    names: tuple[Name, ...]
    references: tuple[Reference, ...]
    depth: int


@dataclass(slots=True)
class _Level:
    """What has been read since a parenthesis was opened."""

    opened_at: int = 0
    alternatives: list[Tree] = field(default_factory=list)
    factors: list[Tree] = field(default_factory=list)

    def end_conjunction(self) -> None:
        factors, self.factors = self.factors, []
        self.alternatives.append(factors[0] if len(factors) == 1 else All(tuple(factors)))

    def tree(self) -> Tree:
        self.end_conjunction()
        alternatives = self.alternatives
        return alternatives[0] if len(alternatives) == 1 else Any(tuple(alternatives))


def parse(text: str) -> Expression:
    """Parse an expression.

    Raises:
        ExpressionError: the text breaks the grammar, or its parentheses nest deeper
            than `MAX_DEPTH`.
    """
    return _Parser().parse(text)


class _Parser:
    def __init__(self) -> None:
        self._levels = [_Level()]
        self._names: list[Name] = []
        self._references: list[Reference] = []
        self._depth = 0

    def parse(self, text: str) -> Expression:
        operand_wanted = True
        for token in tokens(text):
            operand_wanted = self._operand(token) if operand_wanted else self._operator(token)
        tree = self._levels[0].tree()
        return Expression(tree, tuple(self._names), tuple(self._references), self._depth)

    def _operand(self, token: Token) -> bool:
        """Take a token where an operand has to start; return whether one is still wanted."""
        level = self._levels[-1]
        match token.kind:
            case Kind.NAME:
                name = Name(token.text, token.column)
                self._names.append(name)
                level.factors.append(name)
                return False
            case Kind.REFERENCE:
                reference = Reference(token.text, token.column, len(self._levels) - 1)
                self._references.append(reference)
                level.factors.append(reference)
                return False
            case Kind.OPEN:
                self._open(token)
                return True
            case Kind.END if level == _Level():
                raise ExpressionError("the expression is empty", 1)
            case _:
                raise ExpressionError(
                    f"expected a model, a +set or '(' before {token}", token.column
                )

    def _operator(self, token: Token) -> bool:
        """Take a token that follows an operand; return whether the next one is wanted."""
        level = self._levels[-1]
        match token.kind:
            case Kind.AND:
                return True
            case Kind.OR:
                level.end_conjunction()
                return True
            case Kind.CLOSE if level.opened_at:
                self._levels.pop()
                self._levels[-1].factors.append(level.tree())
            case Kind.CLOSE:
                raise ExpressionError("')' closes nothing", token.column)
            case Kind.END if level.opened_at:
                raise ExpressionError("'(' is never closed", level.opened_at)
            case Kind.END:
                pass
            case _:
                raise ExpressionError(f"'&' or '|' is missing before {token}", token.column)
        return False

    def _open(self, token: Token) -> None:
        if len(self._levels) > MAX_DEPTH:
            raise ExpressionError(f"parentheses nest deeper than {MAX_DEPTH}", token.column)
        self._depth = max(self._depth, len(self._levels))
        self._levels.append(_Level(token.column))
