"""The group planner (spec/groups.md): who stops whom follows from two groups' switches."""

from __future__ import annotations

from hotbay.core.planners.planner import Plan, View
from hotbay.core.rules import Group, GroupRules


class GroupPlanner:
    """Evicts by group membership; every model is a member of exactly one group."""

    def __init__(self, rules: GroupRules) -> None:
        self._group_of = {member: group for group in rules.groups for member in group.members}

    def decide(self, target: str, view: View) -> Plan:
        """Return the running models that the target's group does not tolerate."""
        own = self._group_of[target]
        evict = tuple(
            model
            for model in view.running
            if model != target and self._excludes(own, self._group_of.get(model))
        )
        return Plan(evict, _reason(own, evict))

    @staticmethod
    def _excludes(own: Group, other: Group | None) -> bool:
        if other is None:  # a model that a reload removed: nobody tolerates what has no group
            return own.exclusive
        if other is own:
            return own.swap
        return own.exclusive and not other.persistent


def _reason(own: Group, evict: tuple[str, ...]) -> str:
    if not evict:
        return f"group {own.id!r} has nothing to stop"
    if all(model in own.members for model in evict):
        return f"group {own.id!r} runs one member at a time"
    return f"group {own.id!r} is exclusive"
