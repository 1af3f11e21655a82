"""The matrix planner (spec/matrix.md): which models may run together, as expressions.

    text -> lexer -> parser -> compiler -> program -> planner, which asks the solver

`compile_matrix` checks and compiles the settings, `MatrixPlanner` decides by the program.
"""

from __future__ import annotations

from hotbay.core.planners.matrix.compiler import compile_matrix
from hotbay.core.planners.matrix.errors import Flaw, MatrixError
from hotbay.core.planners.matrix.planner import Decision, MatrixPlanner, Offer
from hotbay.core.planners.matrix.program import MatrixProgram, MatrixSet
from hotbay.core.planners.matrix.solver import FRONTIER_LIMIT

__all__ = [
    "FRONTIER_LIMIT",
    "Decision",
    "Flaw",
    "MatrixError",
    "MatrixPlanner",
    "MatrixProgram",
    "MatrixSet",
    "Offer",
    "compile_matrix",
]
