"""Checks what spans several parts: names of peers, selectors, profiles (spec/config.md 8 to 10)."""

from __future__ import annotations

from collections.abc import Mapping

from hotbay.config.findings import Findings
from hotbay.config.model import Config
from hotbay.config.names import qualified_name
from hotbay.config.nodes import Path
from hotbay.config.settings.peer import PeerConfig
from hotbay.config.settings.routing import SelectorConfig


def check_names(config: Config, written: Mapping[str, PeerConfig], findings: Findings) -> None:
    """Report names that are taken twice, and targets that do not exist.

    `written` are the peers before repeats in their lists of models were dropped.
    """
    _check_qualified_names(config, written, findings)
    for selector_id, selector in config.selectors.items():
        _check_selector(selector_id, selector, config, findings)
    for name in config.profiles:
        _check_profile(name, config, findings)


def _check_qualified_names(
    config: Config, written: Mapping[str, PeerConfig], findings: Findings
) -> None:
    """Check that no `<peer>/<model>` is ambiguous or the name of something else."""
    owners: dict[str, tuple[str, str]] = {}
    for peer_id, peer in written.items():
        for index, model in enumerate(peer.models):
            path: Path = ("peers", peer_id, "models", index)
            name = qualified_name(peer_id, model)
            other, its = owners.setdefault(name, (peer_id, model))
            if (other, its) != (peer_id, model):
                findings.error(path, f"{name!r} is also the model {its!r} of the peer {other!r}")
                continue
            local = config.names.local(name)
            if local is not None:
                kind = "the ID" if local == name else "an alias"
                findings.error(path, f"{name!r} is {kind} of the local model {local!r}")
            if name in config.selectors:
                findings.error(path, f"{name!r} is the ID of a selector")


def _check_selector(
    selector_id: str, selector: SelectorConfig, config: Config, findings: Findings
) -> None:
    path: Path = ("selectors", selector_id)
    names = config.names
    if not selector_id.strip():
        findings.error(path, "the ID of a selector must not be blank")
    local = names.local(selector_id)
    if local is not None:
        kind = "the ID" if local == selector_id else "an alias"
        findings.error(path, f"{selector_id!r} is {kind} of the model {local!r}")
    spillover = selector.strategy == "spillover"
    if spillover and selector.settings.spillover < 1:
        findings.error((*path, "settings", "spillover"), "must be at least 1")
    seen: dict[str, str] = {}
    locals_: list[str] = []
    for index, target in enumerate(selector.targets):
        here = (*path, "targets", index)
        resolved = None if target in config.selectors else names.base(target)
        if target in config.selectors:
            findings.error(here, f"target {index}: {target!r} is a selector, not a model")
        elif resolved is None:
            findings.error(here, f"target {index}: unknown or ambiguous model {target!r}")
        elif spillover and resolved in seen:
            findings.error(here, f"target {index}: the same model as {seen[resolved]!r}")
        elif selector.strategy == "warm" and names.local(target) is None:
            findings.error(here, f"target {index}: {target!r} is not local, as warm requires")
        elif names.local(target) is not None:
            locals_.append(resolved)
        if resolved is not None:
            seen.setdefault(resolved, target)
    if spillover and len(locals_) > 1:
        _check_together(locals_, config, (*path, "targets"), findings)


def _check_together(models: list[str], config: Config, path: Path, findings: Findings) -> None:
    """Check that all local targets of a spillover selector can run at the same time."""
    settings = config.routing.router.settings
    if settings.matrix is not None:
        # A configuration with groups never pays for the matrix.
        from hotbay.config.matrix import can_run_together  # noqa: PLC0415 - see above

        if not can_run_together(settings.matrix, config.models, models):
            findings.error(path, f"no set of the matrix lets {', '.join(models)} run together")
        return
    if not settings.groups:
        return  # whether a planner of somebody else's lets them run together is not known
    group_id, group = next((i, g) for i, g in settings.groups.items() if models[0] in g.members)
    others = [model for model in models if model not in group.members]
    if others:
        problem = f"{', '.join(others)} must be in the group {group_id!r} of {models[0]}"
        findings.error(path, f"the targets cannot run together: {problem}")
    elif group.swap:
        problem = f"only one member of the group {group_id!r} runs at a time (swap: true)"
        findings.error(path, f"the targets cannot run together: {problem}")


def _check_profile(name: str, config: Config, findings: Findings) -> None:
    path: Path = ("profiles", name)
    if not name.strip():
        findings.error(path, "the name of a profile must not be blank")
    for pin, target in config.profiles[name].pins.items():
        here = (*path, "pins", pin)
        if not pin.strip():
            findings.error(here, f"profile {name!r}: the name of a pin must not be blank")
        if pin in config.names.qualified:
            findings.error(here, f"profile {name!r}: {pin!r} is a model of a peer")
        known = target in config.selectors or config.names.base(target) is not None
        if target and not known:
            problem = f"pin {pin!r} leads to {target!r}, which is not a model or a selector"
            findings.error(here, f"profile {name!r}: {problem}")
