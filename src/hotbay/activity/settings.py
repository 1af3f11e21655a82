"""What the configuration says of the activity log (spec/config.md 1 and 3)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from hotbay.activity.retention import Retention
from hotbay.config.model import Config

DEFAULT_ROWS = 1000
"""Rows kept in memory where `metricsMaxInMemory` is no number of rows."""


class Settings(NamedTuple):
    """How the log is to be kept.

    Attributes:
        path: SQLite file; None: the log is in memory.
        keep: for how long rows are kept.
        captures: bytes that captures may take.
    """

    path: Path | None
    keep: Retention
    captures: int


def settings_of(config: Config) -> Settings:
    """Return how a configuration wants the log to be kept."""
    captures = max(0, config.capture_buffer) << 20
    if config.store is not None:
        keep = Retention(config.store.keep_rows, config.store.keep_days)
        return Settings(Path(config.store.path), keep, captures)
    rows = config.metrics_max_in_memory
    return Settings(None, Retention(rows if rows > 0 else DEFAULT_ROWS, days=0), captures)
