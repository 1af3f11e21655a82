"""The group rule a second time, word by word after spec/groups.md 1."""

from __future__ import annotations

from hotbay.core.rules import CustomRules, Group, GroupRules, MatrixRules

PlannerRules = GroupRules | MatrixRules | CustomRules


def group_of(rules: GroupRules, model: str) -> Group | None:
    for group in rules.groups:
        if model in group.members:
            return group
    return None


def evicted(rules: PlannerRules, target: str, running: list[str]) -> list[str]:
    """Return which of the running models have to stop before the target may start."""
    assert isinstance(rules, GroupRules)
    own = group_of(rules, target)
    assert own is not None
    stop = []
    for model in running:
        other = group_of(rules, model)
        if model == target:
            continue
        if other == own:
            leaves = own.swap
        elif other is None:  # removed by a reload: protected by nothing
            leaves = own.exclusive
        else:
            leaves = own.exclusive and not other.persistent
        if leaves:
            stop.append(model)
    return stop
