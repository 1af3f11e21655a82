"""Which planner the rules ask for."""

from __future__ import annotations

from hotbay.core.planners.groups import GroupPlanner
from hotbay.core.planners.planner import Planner
from hotbay.core.rules import CustomRules, GroupRules, Rules


def make_planner(rules: Rules) -> Planner:
    """Return the planner that `rules.planner` configures.

    Raises:
        MatrixError: the matrix is invalid; a loaded configuration has been checked for that.
    """
    if isinstance(rules.planner, GroupRules):
        return GroupPlanner(rules.planner)
    if isinstance(rules.planner, CustomRules):
        return rules.planner.planner
    # A configuration with groups never pays for the matrix.
    from hotbay.core.planners.matrix import (  # noqa: PLC0415 - see above
        MatrixPlanner,
        compile_matrix,
    )

    return MatrixPlanner(compile_matrix(rules.planner, rules.models))
