"""What the machine knows of the configuration: frozen, validated, names resolved.

Owns no state. `hotbay.config` compiles a configuration into one `Rules`; the
machine never sees YAML, aliases or commands. All times are in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from hotbay.core.planners.planner import Planner

DEFAULT_GROUP = "(default)"
"""Name of the group of all models that are in no configured group (spec/groups.md)."""


@dataclass(frozen=True, slots=True)
class ModelRules:
    """The part of one model's configuration that decisions depend on.

    Attributes:
        id: the model's ID, never an alias.
        fingerprint: equal for two configurations exactly if the model server
            need not be restarted when one replaces the other (design 7.5);
            computed with `${PORT}` unexpanded.
        ttl: idle time after which the model server is stopped; 0 means never.
        unload_timeout: grace between the stop signal and SIGKILL; positive.
        start_timeout: how long a start may take until the server is ready.
        concurrency_limit: requests admitted at once, waiting or served; positive.
        priority: higher is served first among waiting requests.
        check: whether readiness is probed; without a check a server is ready once spawned.
        ignore_websockets: websockets neither start nor keep the model, and count nowhere.
        labels: what the configuration tells planners about the model.
    """

    id: str
    fingerprint: str = ""
    ttl: float = 0.0
    unload_timeout: float = 10.0
    start_timeout: float = 120.0
    concurrency_limit: int = 10
    priority: int = 0
    check: bool = True
    ignore_websockets: bool = False
    labels: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Group:
    """One group of the group planner (spec/groups.md).

    Attributes:
        id: the group's name.
        swap: only one member runs at a time.
        exclusive: starting a member stops members of other groups.
        persistent: other groups cannot stop this group's members.
        members: model IDs.
    """

    id: str
    swap: bool = True
    exclusive: bool = True
    persistent: bool = False
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupRules:
    """Settings of the group planner: every model is a member of exactly one group."""

    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class MatrixRules:
    """Settings of the matrix planner, as written (spec/matrix.md).

    Attributes:
        vars: name to model ID.
        evict_costs: variable or model ID to the cost of stopping it.
        sets: name to expression, in definition order.
    """

    vars: Mapping[str, str]
    evict_costs: Mapping[str, int]
    sets: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CustomRules:
    """A planner that is no part of the core: made and checked when the configuration is loaded.

    `name` is what `routing.router.use` says.
    """

    name: str
    planner: Planner


@dataclass(frozen=True, slots=True)
class SelectorRules:
    """A virtual model (spec/config.md 9).

    `targets` are names as configured, in order, as an alias may have settings of its own;
    `local` holds for each of them its model ID, or None for a peer's model.
    """

    id: str
    strategy: Literal["warm", "pin", "spillover"]
    targets: tuple[str, ...]
    local: tuple[str | None, ...]
    spillover: int = 1


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything the machine must know to decide.

    Attributes:
        models: by model ID.
        planner: who has to be stopped before a model may start.
        selectors: by selector ID.
        max_wait: patience, design 7.3; 0 switches it off.
        queue_limit: waiting requests over all models; 0 means no limit.
        queue_limit_per_model: waiting requests of one model; 0 means no limit.
    """

    models: Mapping[str, ModelRules]
    planner: GroupRules | MatrixRules | CustomRules
    selectors: Mapping[str, SelectorRules] = field(default_factory=lambda: MappingProxyType({}))
    max_wait: float = 60.0
    queue_limit: int = 0
    queue_limit_per_model: int = 0
