"""Names a planner that takes long: it runs on the event loop, where everybody waits for it.

Owns the clock that planners are timed with; a plan is passed on as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from hotbay.core.planners.planner import Plan, Planner, View
from hotbay.core.rules import CustomRules, Rules

SLOW = 0.005
"""Seconds after which a decision is worth a line in the log."""
AGAIN = 10.0
"""Seconds between two such lines."""


class TimedPlanner:
    """Asks another planner, and warns when that takes long."""

    def __init__(
        self,
        name: str,
        planner: Planner,
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._name = name
        self._planner = planner
        self._warn = warn
        self._clock = clock
        self._warned = -AGAIN

    def decide(self, target: str, view: View) -> Plan:
        """Return the other planner's plan."""
        began = self._clock()
        plan = self._planner.decide(target, view)
        ended = self._clock()
        if ended - began > SLOW and ended - self._warned >= AGAIN:
            self._warned = ended
            took = (ended - began) * 1000
            self._warn(
                f"planner {self._name}: took {took:.0f} ms to decide for {target}; "
                "every request waits meanwhile"
            )
        return plan


def timed(rules: Rules, warn: Callable[[str], None]) -> Rules:
    """Return the rules with a planner that is no part of the core being timed."""
    custom = rules.planner
    if not isinstance(custom, CustomRules):
        return rules
    planner = TimedPlanner(custom.name, custom.planner, warn)
    return replace(rules, planner=CustomRules(custom.name, planner))
