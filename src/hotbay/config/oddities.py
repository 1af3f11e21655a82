"""Warns of what a valid configuration says but probably does not mean."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from urllib.parse import urlsplit

from hotbay.config.findings import Findings
from hotbay.config.model import Config, ModelConfig
from hotbay.config.nodes import Path
from hotbay.config.routing import SETTINGS

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def warn_of_oddities(config: Config, findings: Findings) -> None:
    """Report what is allowed and yet odd; a place that was not written is the nearest around it."""
    for path, message in _oddities(config):
        findings.warn(path, message)


def _oddities(config: Config) -> Iterator[tuple[Path, str]]:
    for selector, settings in config.selectors.items():
        if settings.strategy != "pin" and len(settings.targets) == 1:
            message = f"there is only one target, so {settings.strategy!r} has nothing to choose"
            yield ("selectors", selector, "targets"), message
    matrix = config.routing.router.settings.matrix
    if matrix is not None:
        # A configuration with groups never pays for the matrix.
        from hotbay.config.matrix import in_no_set  # noqa: PLC0415 - see above

        if alone := in_no_set(matrix, config.models):
            message = f"in no set, so that nothing may run beside: {', '.join(alone)}"
            yield (*SETTINGS, "matrix", "sets"), message
    for first, second, port in _same_port(config):
        path = ("models", second.id, "proxy")
        yield path, f"{first.id!r} has the port {port} as well, and both may run at the same time"


def _same_port(config: Config) -> Iterator[tuple[ModelConfig, ModelConfig, int]]:
    """Yield, for each port of this machine, the first two models that would fight for it."""
    owners: dict[int, list[ModelConfig]] = {}
    for model in config.models.values():
        if (port := _own_port(model)) is not None:
            owners.setdefault(port, []).append(model)
    for port, models in owners.items():
        pairs = combinations(models, 2)
        pair = next((pair for pair in pairs if _together(config, *pair)), None)
        if pair is not None:
            yield *pair, port


def _own_port(model: ModelConfig) -> int | None:
    if not model.argv:
        return None
    try:
        address = urlsplit(model.proxy)
        port = address.port
    except ValueError:  # beyond 65535: it is reported when somebody connects
        return None
    return port if address.hostname in _LOOPBACK else None


def _together(config: Config, first: ModelConfig, second: ModelConfig) -> bool:
    settings = config.routing.router.settings
    if settings.matrix is not None:
        from hotbay.config.matrix import can_run_together  # noqa: PLC0415 - as above

        return can_run_together(settings.matrix, config.models, [first.id, second.id])
    groups = {m: group for group in settings.groups.values() for m in group.members}
    one, other = groups.get(first.id), groups.get(second.id)
    if one is None or other is None:
        return False  # what the planner of somebody else does is not known
    if one is other:
        return not one.swap
    # Whichever is loaded later spares the other one, if it is so for one of the two.
    return any(
        not later.exclusive or earlier.persistent for later, earlier in ((one, other), (other, one))
    )
