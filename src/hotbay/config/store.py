"""Checks that the activity store can be opened where it is configured (spec/config.md 3)."""

from __future__ import annotations

import os
from pathlib import Path

from hotbay.config.findings import Findings
from hotbay.config.settings.sections import Store


def check_store(store: Store, findings: Findings, *, windows: bool) -> None:
    """Report a path at which no database can be kept."""
    path = Path(store.path)
    fault = None
    if path.is_dir():
        fault = "is a directory"
    elif path.exists():
        if not os.access(path, os.W_OK):
            fault = "is not writable"
    elif not path.parent.is_dir():
        fault = f"cannot be created: there is no directory {path.parent}"
    elif not _takes_files(path.parent, windows=windows):
        fault = f"cannot be created: the directory {path.parent} is not writable"
    if fault:
        findings.error(("store", "path"), f"{store.path} {fault}")


def _takes_files(directory: Path, *, windows: bool) -> bool:
    if not windows:
        return os.access(directory, os.W_OK)
    # Access rights say little on Windows; only trying tells.
    import tempfile  # noqa: PLC0415 - takes long to import, and only Windows needs it

    try:
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False
