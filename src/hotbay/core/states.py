"""The states of a model server (spec/lifecycle.md 2)."""

from __future__ import annotations

import enum


class State(enum.Enum):
    """The state of one model server; the values are what the API shows."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
