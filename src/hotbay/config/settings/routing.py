"""Settings of swapping, queueing and virtual models (spec/config.md 8, 9, 11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from hotbay.config.settings.base import (
    Free,
    Frozen,
    ListFault,
    NullFault,
    NullMeans,
    Settings,
    Strings,
    no_entries,
)


class GroupConfig(Settings):
    """Models that share rules for swapping."""

    swap: bool = Field(default=True, description="Only one member runs at a time.")
    exclusive: bool = Field(
        default=True, description="Starting a member stops the members of other groups."
    )
    persistent: bool = Field(
        default=False, description="Other groups cannot stop members of this one."
    )
    members: Strings = Field((), description="IDs or aliases of models.")


_Required = NullFault("must not be null")


class MatrixConfig(Settings):
    """Which models may run together, and what it costs to stop them."""

    vars: Frozen[Annotated[str, _Required]] = Field(
        default_factory=no_entries,
        description="Short names for model IDs, for use in `sets` and `evict_costs`: 1 to 32 "
        "letters, digits, `.` and `-`.",
    )
    evict_costs: Frozen[int] = Field(
        default_factory=no_entries,
        alias="evict_costs",
        description="Cost of stopping a model, by variable or model ID; at least 1, which is also "
        "the cost of those not listed.",
    )
    sets: Frozen[Annotated[str, _Required]] = Field(
        default_factory=no_entries,
        description="Expressions that say which models may run together: `&` is and, `|` is or, "
        "`+name` is another set. The order of the sets decides ties.",
    )


class RouterChoices(Settings):
    """Settings of the ways of swapping; only those of the active one count."""

    groups: Frozen[GroupConfig] = Field(
        default_factory=no_entries,
        description="Groups of models, for `use: group`. Models in no group form the group "
        "`(default)`, of which one runs at a time.",
    )
    matrix: MatrixConfig | None = Field(
        None, description="Which models may run together, for `use: matrix`."
    )
    planner: Free = Field(
        default_factory=no_entries,
        description="Settings of the planner that `use` names, if it is neither `group` nor "
        "`matrix`. For `lru`: `maxLoaded`, the number of models that may be loaded at once, and "
        "`pinned`, a list of IDs of models that are never stopped for others.",
    )


class Router(Settings):
    """How it is decided which models have to stop before another may start."""

    use: str = Field(
        "",
        description="`group` (the default): by groups of models; `matrix`: by sets of models that "
        "may run together; `lru`: the least recently used makes room; or the planner of an "
        "installed package, or one of your own as `module:Class`.",
    )
    settings: RouterChoices = Field(
        default_factory=RouterChoices.model_construct,
        description="Settings of the way of swapping.",
    )


def _not_negative(seconds: float) -> float:
    if not seconds >= 0:
        raise ValueError("must be 0 or more seconds")
    return seconds


class Fifo(Settings):
    """The scheduler `fifo`: requests in order of priority, then of arrival."""

    priority: Frozen[int] = Field(
        default_factory=no_entries,
        description="Priority by model ID or alias; higher is served first, 0 is the default.",
    )
    max_wait: Annotated[float, AfterValidator(_not_negative)] = Field(
        60,
        description="Seconds after which the oldest waiting request goes first, whatever its "
        "priority, so that nobody starves; 0 switches that off.",
    )


class SchedulerChoices(Settings):
    """Settings of the schedulers."""

    fifo: Fifo = Field(
        default_factory=Fifo.model_construct, description="Settings of the scheduler `fifo`."
    )


class Scheduler(Settings):
    """In which order waiting requests are served."""

    use: Literal["fifo"] = Field("fifo", description="The scheduler; there is only `fifo`.")
    settings: SchedulerChoices = Field(
        default_factory=SchedulerChoices.model_construct, description="Settings of the scheduler."
    )


class Routing(Settings):
    """Swapping and queueing."""

    router: Router = Field(
        default_factory=Router.model_construct,
        description="Which models have to stop before another may start.",
    )
    scheduler: Scheduler = Field(
        default_factory=Scheduler.model_construct,
        description="In which order waiting requests are served.",
    )


def _some_targets(targets: Strings) -> Strings:
    if not targets:
        raise ValueError("must name at least one target")
    return targets


class SelectorChoices(Settings):
    """Settings of the strategies."""

    spillover: int = Field(
        1, description="Requests a target gets before the next one is started; at least 1."
    )


class SelectorConfig(Settings):
    """A virtual model: a name behind which one of several models is chosen for each request."""

    strategy: Literal["pin", "warm", "spillover"] = Field(
        description="`warm`: the first target that is ready; `pin`: always the first target; "
        "`spillover`: the next target once the others are busy."
    )
    targets: Annotated[Strings, AfterValidator(_some_targets)] = Field(
        description="Models to choose from, best first: IDs, aliases or models of peers."
    )
    settings: SelectorChoices = Field(
        default_factory=SelectorChoices.model_construct, description="Settings of the strategy."
    )
    name: str = Field("", description="Name for people, shown in the model listing.")
    description: str = Field("", description="Text shown in the model listing.")
    unlisted: bool = Field(default=False, description="Hide the selector from the model listing.")
    metadata: Free = Field(
        default_factory=no_entries, description="Anything; passed through in the model listing."
    )


Pin = Annotated[str, NullMeans("")]


def _some_pins(pins: Mapping[str, str]) -> Mapping[str, str]:
    if not pins:
        raise ValueError("a profile needs at least one pin")
    return pins


class ProfileConfig(Settings):
    """A set of renamings that can be switched on as a whole; at most one profile is active."""

    description: str = Field("", description="Text for people.")
    pins: Annotated[Frozen[Pin], AfterValidator(_some_pins)] = Field(
        description="Requested name to the model or selector that is used instead; null or an "
        "empty text disables the name.",
    )


Profile = Annotated[
    ProfileConfig,
    ListFault("the list syntax of profiles is gone; write a mapping with `pins: {name: model}`"),
    NullFault("a profile needs `pins` with at least one entry"),
]
