"""Checks the active matrix by compiling it as its planner does (spec/matrix.md)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from hotbay.config.findings import Findings
from hotbay.config.nodes import Path
from hotbay.config.rules import matrix_rules
from hotbay.config.settings.routing import MatrixConfig
from hotbay.core.planners.matrix import MatrixError, compile_matrix


def check_matrix(
    matrix: MatrixConfig, models: Collection[str], path: Path, findings: Findings
) -> None:
    """Report everything that is wrong with a matrix."""
    try:
        compile_matrix(matrix_rules(matrix), models)
    except MatrixError as error:
        for flaw in error.errors:
            part, _, name = flaw.key.partition(".")
            here = (*path, part, name) if name else (*path, part)
            if flaw.column is None:
                findings.error(here, flaw.message)
            else:
                findings.error_inside(here, flaw.message, matrix.sets[name], flaw.column - 1)


def can_run_together(matrix: MatrixConfig, models: Collection[str], wanted: Sequence[str]) -> bool:
    """Return whether a matrix lets models run at the same time; true if it is not valid."""
    try:
        return together(matrix, models)(wanted)
    except MatrixError:
        return True  # it has been reported already


def together(matrix: MatrixConfig, models: Collection[str]) -> Callable[[Sequence[str]], bool]:
    """Return what tells whether a valid matrix lets models run at the same time."""
    return compile_matrix(matrix_rules(matrix), models).contains_together
