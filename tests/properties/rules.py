"""Random rules, and random changes of them, from any source of choices.

`pick` chooses one element of a sequence: hypothesis and a seeded generator both can.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from hotbay.core.rules import Group, GroupRules, ModelRules, Rules, SelectorRules

Pick = Callable[[Sequence[Any]], Any]

NAMES = ("a", "b", "c", "d", "e", "f")


def random_rules(pick: Pick) -> Rules:
    names = NAMES[: pick((3, 2, 4, 6))]
    return Rules(
        models={name: random_model(pick, name) for name in names},
        planner=random_groups(pick, names),
        selectors=random_selectors(pick, names),
        max_wait=pick((0.0, 4.0)),
        queue_limit=pick((0, 0, 0, 3)),
        queue_limit_per_model=pick((0, 0, 0, 2)),
    )


def random_model(pick: Pick, name: str) -> ModelRules:
    check = pick((True, True, False))
    return ModelRules(
        id=name,
        fingerprint=f"{pick(('one', 'two'))}, {'checked' if check else 'unchecked'}",
        ttl=pick((0.0, 0.0, 5.0)),
        unload_timeout=pick((10.0, 2.0)),
        start_timeout=20.0,
        concurrency_limit=pick((10, 3, 1)),
        priority=pick((0, 0, 1, -1)),
        check=check,
        ignore_websockets=pick((False, True)),
    )


SELECTOR = "any"


def random_selectors(pick: Pick, names: Sequence[str]) -> dict[str, SelectorRules]:
    strategy = pick(("spillover", "spillover", "warm", "pin"))
    targets = [(f"also {name}", name) for name in names if pick((True, False))]
    if strategy != "warm":
        targets.insert(pick((0, 1, 9)), ("peer/x", None))
    return selector_of(strategy, targets, pick((1, 2)))


def selector_of(strategy: Any, targets: Sequence[tuple[str, Any]], n: int) -> dict[str, Any]:
    """Return the selector with these targets, none if there are no targets."""
    if not targets:
        return {}
    names, local = zip(*targets, strict=True)
    return {SELECTOR: SelectorRules(SELECTOR, strategy, names, local, n)}


def random_groups(pick: Pick, names: Sequence[str]) -> GroupRules:
    members: dict[str, list[str]] = {}
    for name in names:
        members.setdefault(pick(("g", "h", "i")), []).append(name)
    groups = (
        Group(
            id=group,
            swap=pick((True, True, False)),
            exclusive=pick((True, True, False)),
            persistent=pick((False, False, True)),
            members=tuple(names),
        )
        for group, names in members.items()
    )
    return GroupRules(tuple(groups))


Change = ModelRules | GroupRules | str | float
"""Of a reload: a model's new settings, new groups, a model to remove, a new patience."""


def random_change(pick: Pick) -> Change:
    match pick(("settings", "settings", "remove", "groups", "patience")):
        case "settings":
            return random_model(pick, pick(NAMES))
        case "remove":
            return str(pick(NAMES))
        case "groups":
            return random_groups(pick, NAMES)
        case _:
            return float(pick((0.0, 4.0)))


def changed(rules: Rules, change: Change) -> Rules:
    models = dict(rules.models)
    selectors = rules.selectors
    assert isinstance(rules.planner, GroupRules)
    match change:
        case float():
            return replace(rules, max_wait=change)
        case GroupRules():
            return replace(rules, planner=with_members(change, models))
        case ModelRules():  # perhaps of a model that was not there
            models[change.id] = change
        case _:
            models.pop(change, None)
            selectors = without(change, rules)
    planner = with_members(rules.planner, models)
    return replace(rules, models=models, planner=planner, selectors=selectors)


def without(model: str, rules: Rules) -> dict[str, SelectorRules]:
    """Return the selectors without the target that is this model."""
    if SELECTOR not in rules.selectors:
        return {}
    old = rules.selectors[SELECTOR]
    pairs = zip(old.targets, old.local, strict=True)
    targets = [(name, local) for name, local in pairs if local != model]
    return selector_of(old.strategy, targets, old.spillover)


def with_members(planner: GroupRules, names: Collection[str]) -> GroupRules:
    """Return the groups with exactly these members; who is in none comes into the first."""
    kept = [
        replace(group, members=tuple(m for m in group.members if m in names))
        for group in planner.groups
    ]
    missing = set(names) - {member for group in kept for member in group.members}
    kept[0] = replace(kept[0], members=(*kept[0].members, *sorted(missing)))
    return GroupRules(tuple(kept))
