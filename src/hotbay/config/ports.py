"""Which port each model with `${PORT}` gets (spec/config-loading.md 6, design 7.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class PortRequest:
    """A model that needs a port; the fingerprint tells whether it is one that runs already."""

    model_id: str
    fingerprint: str


AssignPorts = Callable[[int, Sequence[PortRequest]], Mapping[str, int]]
"""Gives every requesting model a port: (first port, requests in order of ID) to port by ID."""


def count_up(start_port: int, wanted: Sequence[PortRequest]) -> Mapping[str, int]:
    """Number the models from the first port on."""
    return {request.model_id: start_port + n for n, request in enumerate(wanted)}
