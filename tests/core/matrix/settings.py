"""Short ways to a compiled matrix and to its answers, for tests that write expressions."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hotbay.core.planners.matrix import (
    Flaw,
    MatrixError,
    MatrixPlanner,
    MatrixProgram,
    compile_matrix,
)
from hotbay.core.planners.planner import Plan, View
from hotbay.core.rules import MatrixRules

LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")


def program(
    sets: Mapping[str, str] | str,
    *,
    models: Collection[str] = LETTERS,
    costs: Mapping[str, int] | None = None,
    vars: Mapping[str, str] | None = None,  # noqa: A002 - the name in the configuration
) -> MatrixProgram:
    if isinstance(sets, str):
        sets = {"s": sets}
    return compile_matrix(MatrixRules(vars or {}, costs or {}, sets), models)


def flaws(
    sets: Mapping[str, str] | str,
    *,
    models: Collection[str] = LETTERS,
    costs: Mapping[str, int] | None = None,
    vars: Mapping[str, str] | None = None,  # noqa: A002 - the name in the configuration
) -> list[Flaw]:
    """Return what is wrong; empty if nothing is."""
    try:
        program(sets, models=models, costs=costs, vars=vars)
    except MatrixError as error:
        return [*error.errors]
    return []


def plan(matrix: MatrixProgram, target: str, running: Collection[str]) -> Plan:
    return MatrixPlanner(matrix).decide(target, View(tuple(sorted(running))))


def permits(matrix: MatrixProgram, combination: str) -> bool:
    """Whether models with one-letter IDs may all run together."""
    return matrix.contains_together(tuple(combination))
