"""Loading a configuration for a command: problems go to standard error, in colour on a terminal."""

from __future__ import annotations

from hotbay.cli.report import Level, report
from hotbay.config import ConfigError, Loaded, Sources, load
from hotbay.config.ports import AssignPorts


def load_or_report(sources: Sources, assign_ports: AssignPorts | None = None) -> Loaded | None:
    """Load a configuration; None once every error has been reported.

    Without `assign_ports` the models' ports are counted up, whoever uses them.
    """
    try:
        loaded = load(sources, assign_ports=assign_ports)
    except ConfigError as error:
        for warning in error.warnings:
            report(Level.WARN, warning.render())
        for problem in error.problems:
            report(Level.ERROR, problem.render())
        return None
    for warning in loaded.warnings:
        report(Level.WARN, warning.render())
    return loaded
