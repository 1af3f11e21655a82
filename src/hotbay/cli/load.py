"""Loading a configuration for a command: problems go to standard error, in colour on a terminal."""

from __future__ import annotations

from hotbay.cli.report import Level, report
from hotbay.config import ConfigError, Loaded, Sources, load


def load_or_report(sources: Sources) -> Loaded | None:
    """Load a configuration; None once every error has been reported."""
    try:
        loaded = load(sources)
    except ConfigError as error:
        for warning in error.warnings:
            report(Level.WARN, warning.render())
        for problem in error.problems:
            report(Level.ERROR, problem.render())
        return None
    for warning in loaded.warnings:
        report(Level.WARN, warning.render())
    return loaded
