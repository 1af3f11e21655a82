"""Warns of keys that nobody reads, with the key that was probably meant.

Unknown keys are accepted (spec/config-loading.md 3.2). At the top level a key of the
user's own is common, as the place of shared anchors: there only a likely typing error
is worth a warning, and only if no anchor stands below the key.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from hotbay.config.nodes import Path, Table
from hotbay.config.problems import Report

_SIMILAR = 0.6
_VERY_SIMILAR = 0.75


def warn_of_unknown_key(
    table: Table, key: str, known: Iterable[str], path: Path, report: Report
) -> None:
    """Warn that a key of a mapping is not known."""
    near = difflib.get_close_matches(key, known, 1, _SIMILAR if path else _VERY_SIMILAR)
    if not path and (not near or key in table.anchored):
        return
    hint = f"; did you mean {near[0]!r}?" if near else ""
    report.warn(table.keys[key], (*path, key), f"unknown key, it is ignored{hint}")
