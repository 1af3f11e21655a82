"""The tree of a configuration between text and types: every value knows where it was written.

Nodes are immutable, so that anchored blocks may be shared by all their aliases.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from hotbay.config.environment import Expanded, split_lines
from hotbay.config.scalars import ScalarValue


class Unknown(enum.Enum):
    """The value of a scalar that has been reported already; later steps pass over it."""

    UNKNOWN = enum.auto()


Path = tuple[str | int, ...]
"""Where a value stands in the configuration: keys and list indices from the top."""

UNKNOWN = Unknown.UNKNOWN

Value = ScalarValue | Unknown | None


class Source:
    """One configuration file: its name, and its lines as they are on disk."""

    def __init__(self, name: str, text: str, expanded: Expanded) -> None:
        self.name = name
        self._lines = split_lines(text)
        self._expanded = expanded
        self._secrets: dict[int, int] = {}

    def locate(self, mark: Mark) -> tuple[int, int, str]:
        """Return 1-based line and column on disk, and the line with secrets masked."""
        column = self._expanded.original_column(mark.line, mark.column)
        line = self._lines[mark.line] if mark.line < len(self._lines) else ""
        shown = self._secrets.get(mark.line, len(line))
        return mark.line + 1, column + 1, line[:shown] + "*" * (len(line) - shown)

    def unmark(self, text: str) -> tuple[str, list[str]]:
        """Return a scalar's text as written, and the faults of its placeholders."""
        return self._expanded.unmark(text)

    def hide(self, mark: Mark) -> None:
        """Mask a line from the mark to its end wherever it is shown."""
        column = self._expanded.original_column(mark.line, mark.column)
        self._secrets[mark.line] = min(column, self._secrets.get(mark.line, column))

    def inside(self, mark: Mark, text: str, offset: int) -> Mark:
        """Return the place of a character of a scalar's text, or the scalar's own place.

        The latter for texts that do not stand as they are on the scalar's line: block
        scalars, escapes, and what macros or the environment changed.
        """
        line = self._lines[mark.line] if mark.line < len(self._lines) else ""
        start = self._expanded.original_column(mark.line, mark.column)
        for quote in (0, 1):
            if line.startswith(text, start + quote):
                return mark._replace(column=mark.column + quote + offset)
        return mark


class Mark(NamedTuple):
    """A place in the text after environment placeholders were expanded, 0-based."""

    source: Source
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """One scalar: its value after typing, and its text before (for keys and for messages)."""

    mark: Mark
    value: Value
    text: str

    def with_value(self, value: Value) -> Scalar:
        """Return the scalar with another value at the same place."""
        return replace(self, value=value)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    mark: Mark
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, in written order.

    Attributes:
        mark: where its first key, or its opening brace, stands.
        items: the values by key.
        keys: where each key stands.
        merge: where a merge key (`<<`) stands in it.
        anchored: the keys below which an anchor is defined.
    """

    mark: Mark
    items: Mapping[str, Node] = field(default_factory=dict)
    keys: Mapping[str, Mark] = field(default_factory=dict)
    merge: Mark | None = None
    anchored: frozenset[str] = frozenset()

    def with_items(self, items: Mapping[str, Node]) -> Table:
        """Return the mapping with other values; a key that is new stands where the mapping does."""
        return replace(self, items=items, keys={k: self.keys.get(k, self.mark) for k in items})

    def place(self, key: str) -> Mark:
        """Return where to point for the value of a key: a scalar itself, otherwise its key."""
        value = self.items[key]
        return (
            value.mark if isinstance(value, Scalar) and value.value is not None else self.keys[key]
        )


Node = Scalar | Sequence | Table


def is_null(node: Node | None) -> bool:
    """Return whether a value is null or not there at all."""
    return node is None or (isinstance(node, Scalar) and node.value is None)


def table_at(node: Node | None, *path: str) -> Table | None:
    """Return the mapping at a path, or None if there is none."""
    for key in path:
        node = node.items.get(key) if isinstance(node, Table) else None
    return node if isinstance(node, Table) else None


def find_mark(root: Table, path: Path) -> Mark:
    """Return the best place for a problem with the value at a path.

    If there is no such value, that is the nearest one around it. Indices count the
    scalars of a list that have a value, as they do in lists that have been read.
    """
    node: Node = root
    mark = root.mark
    for part in path:
        if isinstance(part, str) and isinstance(node, Table) and part in node.items:
            mark, node = node.place(part), node.items[part]
        elif isinstance(part, int) and isinstance(node, Sequence):
            read = [
                i for i in node.items if isinstance(i, Scalar) and i.value not in (None, UNKNOWN)
            ]
            return read[part].mark if part < len(read) else mark
        else:
            break
    return mark


def map_strings(node: Node, path: Path, change: Callable[[Scalar, str, Path], Scalar]) -> Node:
    """Return a node with every string scalar below it changed; keys stay as they are."""
    if isinstance(node, Scalar):
        return change(node, node.value, path) if isinstance(node.value, str) else node
    if isinstance(node, Sequence):
        items = [map_strings(item, (*path, index), change) for index, item in enumerate(node.items)]
        return Sequence(node.mark, tuple(items))
    return node.with_items({k: map_strings(v, (*path, k), change) for k, v in node.items.items()})
