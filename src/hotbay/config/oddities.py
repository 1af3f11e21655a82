"""Warns of what a valid configuration says but probably does not mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from urllib.parse import urlsplit

from hotbay.config.findings import Findings
from hotbay.config.model import Config, ModelConfig
from hotbay.config.nodes import Path
from hotbay.config.routing import SETTINGS

Together = Callable[[Sequence[str]], bool]
"""Tells whether models may run at the same time."""

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
    may_run = _in_groups(config)
    if matrix is not None:
        # A configuration with groups never pays for the matrix.
        from hotbay.config.matrix import together  # noqa: PLC0415 - see above

        may_run = together(matrix, config.models)
        if alone := [model for model in config.models if not may_run([model])]:
            message = f"in no set, so that nothing may run beside: {', '.join(alone)}"
            yield (*SETTINGS, "matrix", "sets"), message
    for first, second, port in _same_port(config, may_run):
        path = ("models", second, "proxy")
        yield path, f"{first!r} has the port {port} as well, and both may run at the same time"


def _same_port(config: Config, may_run: Together) -> Iterator[tuple[str, str, int]]:
    """Yield, for each port of this machine, the first two models that would fight for it."""
    owners: dict[int, list[str]] = {}
    for model in config.models.values():
        if (port := _own_port(model)) is not None:
            owners.setdefault(port, []).append(model.id)
    for port, models in owners.items():
        pair = next(filter(may_run, combinations(models, 2)), None)
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


def _in_groups(config: Config) -> Together:
    """Return what tells whether groups let two models run at the same time."""
    groups = {
        member: group
        for group in config.routing.router.settings.groups.values()
        for member in group.members
    }

    def may_run(pair: Sequence[str]) -> bool:
        one, other = map(groups.get, pair)
        if one is None or other is None:
            return False  # what the planner of somebody else does is not known
        if one is other:
            return not one.swap
        # Whichever is loaded later spares the other one, if it is so for one of the two.
        orders = ((one, other), (other, one))
        return any(not later.exclusive or earlier.persistent for later, earlier in orders)

    return may_run
