"""What can be wrong with a matrix: one error that holds every flaw found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class ExpressionError(Exception):
    """An expression breaks the grammar; raised within the matrix package only.

    Attributes:
        message: what is wrong.
        column: 1-based position in the expression, in characters.
    """

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong with a matrix.

    Attributes:
        message: what is wrong, one line; it names the set, the var or the model.
        key: where: `sets`, `sets.NAME`, `vars.NAME` or `evict_costs.NAME`.
        column: 1-based position in the set's expression, counted in characters over
            all its lines; None if the flaw is not in an expression.
    """

    message: str
    key: str
    column: int | None = None

    def __str__(self) -> str:
        place = "" if self.column is None else f" (character {self.column})"
        return f"{self.message}{place}"


class MatrixError(ValueError):
    """The matrix cannot be used.

    Attributes:
        errors: everything that is wrong, in the order vars, costs, sets as defined, cycles.
    """

    def __init__(self, errors: Iterable[Flaw]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, self.errors)))
