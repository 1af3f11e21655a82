"""Reports what is wrong with values by their path, at the place where they were written."""

from __future__ import annotations

from hotbay.config.nodes import Path, Table, find_mark
from hotbay.config.problems import Report


class Findings:
    """Finds the place of a path in a document, and reports there."""

    def __init__(self, root: Table, report: Report) -> None:
        self._root = root
        self._report = report

    def error(self, path: Path, message: str) -> None:
        """Report an error with a value."""
        self._report.error(find_mark(self._root, path), path, message)

    def error_inside(self, path: Path, message: str, text: str, offset: int) -> None:
        """Report an error with the character at an offset, from 0, of a value's text."""
        mark = find_mark(self._root, path)
        self._report.error(mark.source.inside(mark, text, offset), path, message)

    def warn(self, path: Path, message: str) -> None:
        """Report a warning."""
        self._report.warn(find_mark(self._root, path), path, message)
