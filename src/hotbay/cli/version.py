"""Which hotbay this is."""

from __future__ import annotations

from hotbay import __version__
from hotbay.api.services import Build

BUILD = Build(version=__version__, commit="unknown", date="unknown")
"""Commit and date are filled in by whoever packages hotbay; a source tree knows neither."""


def print_version() -> None:
    """Print the line that `-version` promises (spec/cli.md 1)."""
    print(f"version: {BUILD.version} ({BUILD.commit}), built at {BUILD.date}")
