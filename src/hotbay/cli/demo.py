"""`hotbay demo`: tiny models, a configuration that explains itself, and a running server."""

from __future__ import annotations

from pathlib import Path

from hotbay.cli.report import Level, report
from hotbay.config import Sources


def demo(folder: Path | None, listen: str) -> int:
    """Make what is missing in the folder, then serve it; return the exit code."""
    from hotbay.cli.serve import Options, serve  # noqa: PLC0415 - the other commands need no server
    from hotbay.llamacpp.demo import DemoError, default_folder, prepare  # noqa: PLC0415 - an extra

    try:
        config = prepare(folder or default_folder())
    except DemoError as error:
        report(Level.ERROR, str(error))
        return 1
    report(Level.INFO, f"the demo's models and configuration are in {config.parent}")
    return serve(Options(Sources(config, None), listen, watch=True))
