"""Turns the text of one file into nodes: anchors, merge keys, duplicate keys, limits.

ruamel.yaml scans and parses; its composer and constructors are not used, because
the dialect (spec/config-loading.md 3) types scalars and treats keys its own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from hotbay.config.environment import expand
from hotbay.config.nodes import (
    UNKNOWN,
    Mark,
    Node,
    Path,
    Scalar,
    Sequence,
    Source,
    Table,
    is_null,
)
from hotbay.config.problems import Report
from hotbay.config.scalars import Timestamp, resolve_plain

MAX_DEPTH = 200
MAX_VALUES = 400_000
"""Values a file may stand for once its aliases are resolved; no real file comes near it."""

_CORE = "tag:yaml.org,2002:"
_TAG_TYPES: dict[str, type | tuple[type, ...]] = {
    "int": int,
    "float": (int, float),
    "bool": bool,
    "null": type(None),
    "timestamp": Timestamp,
}


class _UnreadableError(Exception):
    """The file cannot be read to its end."""

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message


def parse(name: str, text: str, environ: Mapping[str, str], report: Report) -> Table | None:
    """Return the first document of a file, or None if it could not be read.

    Everything wrong is reported. A file without a value is an empty mapping.
    """
    expanded = expand(text, environ)
    source = Source(name, text, expanded)
    composer = _Composer(source, report)
    try:
        root = composer.compose(expanded.text)
    except _UnreadableError as error:
        report.error(error.mark, (), error.message)
        return None
    except MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(source, at.line, at.column) if at else Mark(source, 0, 0)
        detail = " ".join(part for part in (error.context, error.problem) if part)
        report.error(mark, (), f"not valid YAML: {detail}")
        return None
    except YAMLError as error:
        report.file_error(name, f"not valid YAML: {' '.join(str(error).split())}")
        return None
    if is_null(root):
        return Table(Mark(source, 0, 0))
    if not isinstance(root, Table):
        report.error(root.mark, (), "the configuration must be a mapping at the top")
        return None
    return root


class _Composer:
    """Builds the nodes of one document from ruamel's events."""

    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report = report
        # None while the anchored node is being built: an alias to it would be a cycle.
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._values = 0

    def compose(self, text: str) -> Node:
        events = YAML(typ="safe", pure=True).parse(text)
        for event in events:
            if isinstance(event, DocumentStartEvent):
                self._next = events.__next__
                return self._node(self._next(), ())
        return Scalar(Mark(self._source, 0, 0), None, "")

    # ruamel's events carry no types.
    def _node(self, event: Any, path: Path) -> Node:
        mark = self._mark(event)
        if isinstance(event, AliasEvent):
            return self._aliased(event.anchor, mark)
        if len(path) > MAX_DEPTH:
            raise _UnreadableError(mark, f"nested more than {MAX_DEPTH} levels deep")
        before = self._values
        self._values += 1
        if event.anchor:
            self._anchors[event.anchor] = None
        node: Node
        if isinstance(event, ScalarEvent):
            node = self._scalar(event, mark, path)
        elif isinstance(event, SequenceStartEvent):
            node = self._sequence(mark, path)
        else:
            node = self._table(mark, path)
        if event.anchor:
            self._anchors[event.anchor] = node, self._values - before
        return node

    def _mark(self, event: Any) -> Mark:
        return Mark(self._source, event.start_mark.line, event.start_mark.column)

    def _aliased(self, anchor: str, mark: Mark) -> Node:
        if anchor not in self._anchors:
            raise _UnreadableError(mark, f"alias *{anchor}: there is no anchor &{anchor} before it")
        target = self._anchors[anchor]
        if target is None:
            raise _UnreadableError(mark, f"alias *{anchor} stands inside its own anchor")
        node, values = target
        self._values += values
        if self._values > MAX_VALUES:
            raise _UnreadableError(mark, f"aliases expand to more than {MAX_VALUES} values")
        return node

    def _scalar(self, event: Any, mark: Mark, path: Path) -> Scalar:
        text, faults = self._source.unmark(event.value)
        if faults:
            for fault in faults:
                self._report.error(mark, path, fault)
            return Scalar(mark, UNKNOWN, text)
        plain = event.style is None and event.tag != "!"
        tag = str(event.tag or "").removeprefix(_CORE)
        if tag not in _TAG_TYPES:
            # `!!str` and a program's own tags make a string, as the quotes do.
            return Scalar(mark, resolve_plain(text) if plain and not tag else text, text)
        value = resolve_plain(text)
        if not isinstance(value, _TAG_TYPES[tag]):
            self._report.error(mark, path, f"{text!r} is not of the type that its tag !!{tag} says")
            return Scalar(mark, UNKNOWN, text)
        return Scalar(mark, value, text)

    def _sequence(self, mark: Mark, path: Path) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return Sequence(mark, tuple(items))

    def _table(self, mark: Mark, path: Path) -> Table:
        items: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        anchored: set[str] = set()
        merge: tuple[Mark, Node] | None = None
        while not isinstance(event := self._next(), MappingEndEvent):
            place = self._mark(event)
            is_merge = isinstance(event, ScalarEvent) and event.value == "<<" and not event.style
            key = self._node(event, (*path, ""))
            anchors = len(self._anchors)
            name = key.text if isinstance(key, Scalar) else ""
            value = self._node(self._next(), (*path, name))
            if not isinstance(key, Scalar):
                self._report.error(place, path, "a key must be a scalar, not a list or a mapping")
            elif is_merge and merge is None:
                merge = place, value
            elif key.text in keys or is_merge:
                self._repeated((*path, key.text), place, keys.get(key.text, place))
            else:
                items[key.text] = value
                keys[key.text] = place
                if len(self._anchors) > anchors:
                    anchored.add(key.text)
        table = Table(mark, items, keys, anchored=frozenset(anchored))
        return self._merged(table, *merge, path) if merge else table

    def _repeated(self, path: Path, place: Mark, first: Mark) -> None:
        where = f" (first in line {first.line + 1})" if first is not place else ""
        problem = f"the key {path[-1]!r} occurs twice in the same mapping{where}"
        self._report.error(place, path, problem)

    def _merged(self, table: Table, place: Mark, value: Node, path: Path) -> Table:
        """Add what a merge key brings; written keys win, then the earliest merged mapping."""
        items, keys = dict(table.items), dict(table.keys)
        for source in value.items if isinstance(value, Sequence) else (value,):
            if not isinstance(source, Table):
                problem = "the value of a merge key (<<) must be a mapping or a list of mappings"
                self._report.error(place, path, problem)
                continue
            for key, item in source.items.items():
                if key not in items:
                    items[key], keys[key] = item, source.keys[key]
        return Table(table.mark, items, keys, place, table.anchored)
