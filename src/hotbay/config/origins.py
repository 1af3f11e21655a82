"""Where the values of a configuration were written: file, line, column, and by which macros."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from hotbay.config.document import parse
from hotbay.config.macros import mentioned
from hotbay.config.merge import merge
from hotbay.config.nodes import Node, Path, Scalar, Sequence, Table, is_null
from hotbay.config.problems import Report
from hotbay.config.routing import SETTINGS
from hotbay.config.sources import SourceText

_MOVED: Mapping[Path, Path] = {
    ("groups",): (*SETTINGS, "groups"),
    ("matrix",): (*SETTINGS, "matrix"),
}
"""Old places, and where the effective configuration has what stands there."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value of the effective configuration was written.

    Attributes:
        path: where it stands in the effective configuration; a list stands as a whole.
        file: the file as it was named on the command line.
        line: 1-based.
        column: 1-based, in characters of the file as it is on disk.
        macros: the macros that the written text mentions, `PORT` and the like among them.
    """

    path: Path
    file: str
    line: int
    column: int
    macros: tuple[str, ...]


def origins(
    texts: Collection[SourceText], *, environ: Mapping[str, str] = os.environ
) -> tuple[Origin, ...]:
    """Return where everything was written that valid texts say; what they leave out is a default.

    A mapping comes before what is in it.
    """
    if not texts:
        return ()
    report = Report()  # stays empty, as the texts are valid
    documents = [parse(text.name, text.text, environ, report) for text in texts]
    root = merge([document for document in documents if document is not None], report)
    return tuple(_below(root, ()))


def _below(table: Table, path: Path) -> Iterator[Origin]:
    for key, node in table.items.items():
        if is_null(node):  # as if it were not there
            continue
        here = _effective((*path, key))
        mark = table.place(key)
        line, column, _ = mark.source.locate(mark)
        yield Origin(here, mark.source.name, line, column, tuple(dict.fromkeys(_macros(node))))
        if isinstance(node, Table):
            yield from _below(node, here)


def _effective(path: Path) -> Path:
    if path[-2:] == ("filters", "strip_params"):
        return (*path[:-1], "stripParams")
    return _MOVED.get(path, path)


def _macros(node: Node) -> Iterator[str]:
    if isinstance(node, Scalar):
        yield from mentioned(node.text)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _macros(item)
