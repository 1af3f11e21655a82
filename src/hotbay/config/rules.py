"""Compiles a configuration into what the machine knows of it."""

from __future__ import annotations

from types import MappingProxyType

from hotbay.config.model import Config, ModelConfig
from hotbay.config.settings.routing import MatrixConfig
from hotbay.core.rules import (
    CustomRules,
    Group,
    GroupRules,
    MatrixRules,
    ModelRules,
    Rules,
    SelectorRules,
)

NO_CHECK = "none"
BUILT_IN = ("group", "matrix")
"""The planners of the core; `routing.router.use` may name others."""


def compile_rules(config: Config) -> Rules:
    """Return the rules of a loaded configuration."""
    fifo = config.routing.scheduler.settings.fifo
    limits = config.limits
    return Rules(
        models=MappingProxyType(
            {
                model.id: _model_rules(model, fifo.priority.get(model.id, 0))
                for model in config.models.values()
            }
        ),
        planner=_planner_rules(config),
        selectors=MappingProxyType(
            {selector_id: _selector_rules(selector_id, config) for selector_id in config.selectors}
        ),
        max_wait=fifo.max_wait,
        queue_limit=limits.queue,
        queue_limit_per_model=limits.queue_per_model,
    )


def _model_rules(model: ModelConfig, priority: int) -> ModelRules:
    return ModelRules(
        id=model.id,
        fingerprint=model.fingerprint,
        ttl=model.ttl,
        unload_timeout=model.unload_timeout,
        start_timeout=model.health_check_timeout,
        concurrency_limit=model.concurrency_limit,
        priority=priority,
        check=model.check_endpoint.strip() != NO_CHECK,
        ignore_websockets=model.compat.ignore_websockets,
        labels=model.labels,
    )


def _planner_rules(config: Config) -> GroupRules | MatrixRules | CustomRules:
    use, settings = config.routing.router.use, config.routing.router.settings
    if settings.matrix is not None:
        return matrix_rules(settings.matrix)
    if use not in BUILT_IN:
        # A configuration with groups never looks for installed planners.
        from hotbay.config.planners import build_planner  # noqa: PLC0415 - see above

        return CustomRules(use, build_planner(use, settings.planner, config.models))
    return GroupRules(
        tuple(
            Group(
                id=group_id,
                swap=group.swap,
                exclusive=group.exclusive,
                persistent=group.persistent,
                members=group.members,
            )
            for group_id, group in settings.groups.items()
        )
    )


def matrix_rules(matrix: MatrixConfig) -> MatrixRules:
    """Return a matrix as its planner takes it."""
    return MatrixRules(vars=matrix.vars, evict_costs=matrix.evict_costs, sets=matrix.sets)


def _selector_rules(selector_id: str, config: Config) -> SelectorRules:
    selector, names = config.selectors[selector_id], config.names
    return SelectorRules(
        id=selector_id,
        strategy=selector.strategy,
        targets=selector.targets,
        local=tuple(names.local(target) for target in selector.targets),
        spillover=selector.settings.spillover,
    )
