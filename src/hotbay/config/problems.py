"""What is wrong with a configuration, and where: problems, their error, and their collector.

A load goes on after a problem wherever it can, so that one run reports them all.
"""

from __future__ import annotations

from dataclasses import dataclass

from hotbay.config.nodes import Mark, Path


def path_text(path: Path) -> str:
    """Return a path as people write it, such as `models.a.aliases[1]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


@dataclass(frozen=True, slots=True)
class Problem:
    """An error or a warning.

    Attributes:
        file: the file as it was named on the command line; empty if no file is to blame.
        line: 1-based; 0 if the problem concerns the file as a whole.
        column: 1-based, in characters of the file as it is on disk.
        path: the value in question, such as `models.a.ttl`; may be empty.
        message: what is wrong and what to do, one line.
        source_line: the line of the file, with secrets masked; may be empty.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    source_line: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return ": ".join(part for part in (place, self.path, self.message) if part)

    def render(self) -> str:
        """Return the problem with its source line and a caret under the place, for terminals."""
        if not self.source_line:
            return str(self)
        margin = "".join("\t" if c == "\t" else " " for c in self.source_line[: self.column - 1])
        return f"{self}\n    {self.source_line}\n    {margin}^"


class ConfigError(Exception):
    """The configuration cannot be used.

    Attributes:
        problems: every error that was found.
        warnings: what is odd besides; it may explain an error.
    """

    def __init__(self, problems: tuple[Problem, ...], warnings: tuple[Problem, ...] = ()) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
        self.warnings = warnings


class Report:
    """Collects the errors and warnings of one load."""

    def __init__(self) -> None:
        self._errors: list[Problem] = []
        self._warnings: list[Problem] = []

    def error(self, mark: Mark | None, path: Path, message: str) -> None:
        """Note something that makes the configuration unusable."""
        self._errors.append(_problem(mark, path, message))

    def warn(self, mark: Mark | None, path: Path, message: str) -> None:
        """Note something that is accepted but probably not meant."""
        self._warnings.append(_problem(mark, path, message))

    def file_error(self, file: str, message: str) -> None:
        """Note an error that concerns a file as a whole, or no file if `file` is empty."""
        self._errors.append(Problem(file, 0, 0, "", message))

    def raise_errors(self) -> None:
        """Raise `ConfigError` if an error was noted."""
        if self._errors:
            raise ConfigError(_in_order(self._errors), self.warnings)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings, in the order of their places."""
        return _in_order(self._warnings)


def _problem(mark: Mark | None, path: Path, message: str) -> Problem:
    if mark is None:
        return Problem("", 0, 0, path_text(path), message)
    line, column, source_line = mark.source.locate(mark)
    return Problem(mark.source.name, line, column, path_text(path), message, source_line)


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.line, p.column)))
