"""Brings old and new style of routing to one normalised form (spec/config.md 11)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Literal

from hotbay.config.findings import Findings
from hotbay.config.names import Names
from hotbay.config.nodes import Path
from hotbay.config.settings.routing import (
    GroupConfig,
    MatrixConfig,
    Router,
    RouterChoices,
    Routing,
    Scheduler,
    SchedulerChoices,
)
from hotbay.config.settings.top import TopSettings
from hotbay.core.rules import DEFAULT_GROUP

SETTINGS: Path = ("routing", "router", "settings")
"""Where groups, matrix, and settings of other planners stand."""


def effective_routing(
    top: TopSettings, names: Names, models: Collection[str], findings: Findings
) -> Routing:
    """Return the routing with exactly one router active, and only model IDs in it."""
    return Routing.model_construct(
        router=_router(top, names, models, findings),
        scheduler=_scheduler(top.routing.scheduler, names, findings),
    )


def _router(top: TopSettings, names: Names, models: Collection[str], findings: Findings) -> Router:
    old_matrix, old_groups = top.matrix, top.groups
    router = top.routing.router
    matrix, groups = router.settings.matrix, router.settings.groups
    use, at = router.use, SETTINGS
    if old_matrix is not None or old_groups:
        old = "matrix" if old_matrix is not None else "groups"
        if use or matrix is not None or groups:
            findings.error(
                (old,), f"{old} at the top level and routing.router are two places for the same; "
                f"move {old} to routing.router.settings.{old}"
            )  # fmt: skip
        elif old_matrix is not None and old_groups:
            findings.error(("groups",), "use either matrix or groups, not both")
        use, at = ("matrix" if old_matrix is not None else "group"), ()
        matrix, groups = old_matrix, old_groups
    if use not in ("", "group", "matrix"):
        settings = RouterChoices.model_construct(planner=router.settings.planner)
        return Router.model_construct(use=use, settings=settings)
    if router.settings.planner:
        problem = (
            f"the settings of a planner have no effect with routing.router.use: {use or 'group'}"
        )
        findings.warn((*SETTINGS, "planner"), problem)
    if use != "matrix":
        if matrix is not None:
            problem = "the matrix has no effect without routing.router.use: matrix"
            findings.warn((*at, "matrix"), problem)
        members = effective_groups(groups, names, models, (*at, "groups"), findings)
        return _active("group", RouterChoices.model_construct(groups=members))
    if matrix is None:
        problem = "use: matrix needs routing.router.settings.matrix"
        findings.error(("routing", "router", "use"), problem)
        matrix = MatrixConfig.model_construct()
    else:
        # A configuration with groups never pays for the matrix.
        from hotbay.config.matrix import check_matrix  # noqa: PLC0415 - see above

        check_matrix(matrix, models, (*at, "matrix"), findings)
    return _active("matrix", RouterChoices.model_construct(matrix=matrix))


def _active(use: Literal["group", "matrix"], settings: RouterChoices) -> Router:
    return Router.model_construct(use=use, settings=settings)


def effective_groups(
    groups: Mapping[str, GroupConfig],
    names: Names,
    models: Collection[str],
    path: Path,
    findings: Findings,
) -> Mapping[str, GroupConfig]:
    """Return groups of model IDs that hold every model, with the group `(default)` among them."""
    owners: dict[str, str] = {}
    result: dict[str, GroupConfig] = {}
    for group_id, group in groups.items():
        members: list[str] = []
        for index, name in enumerate(group.members):
            here = (*path, group_id, "members", index)
            model = names.local(name)
            if model is None:
                findings.error(here, f"unknown model {name!r} in group {group_id!r}")
            elif owners.get(model) == group_id:
                findings.error(here, f"the model {model!r} is twice in group {group_id!r}")
            elif model in owners:
                both = f"{owners[model]!r} and {group_id!r}"
                findings.error(here, f"the model {model!r} is in two groups, {both}")
            else:
                owners[model] = group_id
                members.append(model)
        result[group_id] = group.model_copy(update={"members": tuple(members)})
    default = result.pop(DEFAULT_GROUP, GroupConfig.model_construct())
    rest = sorted(model for model in models if model not in owners)
    members = [*default.members, *rest]
    result[DEFAULT_GROUP] = default.model_copy(update={"members": tuple(members)})
    return MappingProxyType(result)


def _scheduler(scheduler: Scheduler, names: Names, findings: Findings) -> Scheduler:
    """Resolve the names of priorities; an entry under the ID itself wins over an alias."""
    fifo = scheduler.settings.fifo
    priority: dict[str, int] = {}
    for name, value in fifo.priority.items():
        model = names.local(name)
        if model is None:
            path: Path = ("routing", "scheduler", "settings", "fifo", "priority", name)
            findings.error(path, f"unknown model {name!r}")
        elif model == name or model not in fifo.priority:
            priority[model] = value
    return Scheduler.model_construct(
        use=scheduler.use,
        settings=SchedulerChoices.model_construct(
            fifo=fifo.model_copy(update={"priority": MappingProxyType(priority)})
        ),
    )
