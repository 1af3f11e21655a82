"""Finds the planner that `routing.router.use` names, and checks its settings (design 7.11).

A name is that of an entry point in the group `hotbay.planners` of an installed package, or
`module:Class`. Its settings stand in `routing.router.settings.planner`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hotbay.config.findings import Findings
from hotbay.config.model import Config
from hotbay.config.nodes import Path
from hotbay.config.routing import SETTINGS
from hotbay.core.planners.planner import Planner

ENTRY_POINTS = "hotbay.planners"


@dataclass(frozen=True, slots=True)
class PlannerFault:
    """What is wrong: with the name, or `in_settings` with the value at a path of the settings."""

    message: str
    path: Path = ()
    in_settings: bool = False


class PlannerFaults(Exception):  # noqa: N818 - carries several, each reported by itself
    """A planner cannot be used as configured."""

    def __init__(self, *faults: PlannerFault) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


def check_planner(config: Config, findings: Findings, *, run: bool) -> None:
    """Report what is wrong with a planner that is none of ours.

    Without `run` its code does not run, so no more is known than whether there may be one of
    that name.
    """
    router = config.routing.router
    try:
        if run:
            build_planner(router.use, router.settings.planner, config.models)
        elif ":" not in router.use:
            _entry_point(router.use)
    except PlannerFaults as error:
        for fault in error.faults:
            path: Path = ("routing", "router", "use")
            if fault.in_settings:
                path = (*SETTINGS, "planner", *fault.path)
            findings.error(path, fault.message)


def build_planner(use: str, settings: Mapping[str, object], models: Collection[str]) -> Planner:
    """Return the planner `use` with these settings for these models.

    Raises:
        PlannerFaults: it cannot be found or imported, or refuses its settings.
    """
    kind = _find(use)
    checked = _check(kind, use, settings)
    try:
        planner: Planner = kind(checked, tuple(sorted(models)))
    except Exception as error:
        raise PlannerFaults(PlannerFault(f"{use}: {error}", in_settings=True)) from error
    return planner


def _find(use: str) -> Any:
    """Return the planner's class."""
    module, colon, name = use.partition(":")
    if colon:
        find: Callable[[], Any] = partial(_attribute, module, name)
    else:
        find = _entry_point(use).load
    try:
        kind = find()
    except Exception as error:
        raise PlannerFaults(PlannerFault(f"cannot import planner {use!r}: {error!r}")) from error
    if not callable(getattr(kind, "decide", None)):
        raise PlannerFaults(PlannerFault(f"{use!r} is no planner: it has no method `decide`"))
    return kind


def _entry_point(use: str) -> metadata.EntryPoint:
    found = list(metadata.entry_points(group=ENTRY_POINTS, name=use))
    if not found:
        raise PlannerFaults(PlannerFault(_unknown(use)))
    return found[0]


def _attribute(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _unknown(use: str) -> str:
    others = sorted({point.name for point in metadata.entry_points(group=ENTRY_POINTS)})
    names = ", ".join(["group", "matrix", *others])
    return f"unknown planner {use!r}; there are {names}, and module:Class names one of your own"


def _check(kind: Any, use: str, settings: Mapping[str, object]) -> Any:
    """Return the settings as the planner's own model `Settings` reads them."""
    model = getattr(kind, "Settings", None)
    if model is None:
        if settings:
            message = f"the planner {use!r} takes no settings"
            raise PlannerFaults(PlannerFault(message, in_settings=True))
        return None
    try:
        return TypeAdapter(model).validate_python(_plain(settings))
    except ValidationError as error:
        raise PlannerFaults(
            *(
                PlannerFault(f"{use}: {item['msg']}", tuple(item["loc"]), in_settings=True)
                for item in error.errors()
            )
        ) from error


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
