"""Where the values of a configuration were written: file, line, column, and by which macros."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from hotbay.config.document import parse
from hotbay.config.environment import PLACEHOLDER
from hotbay.config.macros import mentioned
from hotbay.config.merge import merge
from hotbay.config.nodes import Mark, Node, Path, Scalar, Sequence, Table, is_null, table_at
from hotbay.config.problems import Report
from hotbay.config.routing import SETTINGS
from hotbay.config.sources import SourceText

_MOVED: Mapping[Path, Path] = {
    ("groups",): (*SETTINGS, "groups"),
    ("matrix",): (*SETTINGS, "matrix"),
}
"""Old places, and where the effective configuration has what stands there."""
_MODEL = ("models", "*")
_UNSAID: Mapping[Path, Callable[[float], bool]] = {
    (*_MODEL, "ttl"): lambda value: value == -1,
    (*_MODEL, "unloadTimeout"): lambda value: value == 0,
    (*_MODEL, "concurrencyLimit"): lambda value: value <= 0,
    (*_MODEL, "healthCheckTimeout"): lambda _: True,
    ("unloadTimeout",): lambda value: value == 0,
    ("metricsMaxInMemory",): lambda value: value <= 0,
}
"""Numbers that say nothing themselves: what counts comes from elsewhere."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value of the effective configuration was written.

    Attributes:
        path: where it stands in the effective configuration; a list stands as a whole.
        file: the file as it was named on the command line.
        line: 1-based.
        column: 1-based, in characters of the file as it is on disk.
        macros: the macros that the written text mentions, `PORT` and the like among them.
        variables: the variables of the environment that it mentions.
        also: the other files, and their lines, that add to a list.
    """

    path: Path
    file: str
    line: int
    column: int
    macros: tuple[str, ...]
    variables: tuple[str, ...] = ()
    also: tuple[tuple[str, int], ...] = ()


def origins(
    texts: Collection[SourceText], *, environ: Mapping[str, str] = os.environ
) -> tuple[Origin, ...]:
    """Return where everything was written that valid texts say; what they leave out is a default.

    A mapping comes before what is in it.
    """
    root = _document(texts, environ)
    if root is None:
        return ()
    mentions = any(PLACEHOLDER.search(text.text) for text in texts)
    # Without an environment its variables stay in the text as they were written.
    bare = _document(texts, {}) if mentions else None
    return (*_below(root, bare, ()), *_implied(root))


def _document(texts: Collection[SourceText], environ: Mapping[str, str]) -> Table | None:
    report = Report()  # of no interest, as the texts are valid
    documents = [parse(text.name, text.text, environ, report) for text in texts]
    found = [document for document in documents if document is not None]
    return merge(found, report) if found else None


def _below(table: Table, bare: Node | None, path: Path) -> Iterator[Origin]:
    for key, node in table.items.items():
        if is_null(node):  # as if it were not there
            continue
        here = (*path, key)
        unexpanded = bare.items.get(key) if isinstance(bare, Table) else None
        if not _says_nothing(table, key, here):
            texts = [
                text for scalar in _scalars(unexpanded) for text in PLACEHOLDER.findall(scalar)
            ]
            macros = [name for scalar in _scalars(node) for name in mentioned(scalar)]
            yield _origin(_effective(here), table.place(key), node, macros, texts)
        if isinstance(node, Table):
            yield from _below(node, unexpanded, _effective(here))


def _origin(
    path: Path, mark: Mark, node: Node, macros: Collection[str], variables: Collection[str]
) -> Origin:
    line, column, _ = mark.source.locate(mark)
    name = mark.source.name
    also: dict[str, int] = {}
    for item in node.items if isinstance(node, Sequence) else ():
        if item.mark.source.name != name:
            also.setdefault(item.mark.source.name, item.mark.source.locate(item.mark)[0])
    return Origin(
        path,
        name,
        line,
        column,
        tuple(dict.fromkeys(macros)),
        tuple(dict.fromkeys(variables)),
        tuple(also.items()),
    )


def _implied(root: Table) -> Iterator[Origin]:
    """Yield where values come from that others bring with them."""
    matrix = root.items.get("matrix")
    if matrix is not None and not is_null(matrix):
        yield _origin(("routing", "router", "use"), root.keys["matrix"], matrix, (), ())
    models = table_at(root, "models")
    for model, settings in models.items.items() if models else ():
        filters = table_at(settings, "filters")
        written = isinstance(settings, Table) and not is_null(settings.items.get("aliases"))
        if filters and not written and (names := table_at(filters, "setParamsByID")):
            mark = filters.keys["setParamsByID"]
            yield _origin(("models", model, "aliases"), mark, names, (), ())


def _effective(path: Path) -> Path:
    if path[-2:] == ("filters", "strip_params"):
        return (*path[:-1], "stripParams")
    return _MOVED.get(path, path)


def _says_nothing(table: Table, key: str, path: Path) -> bool:
    node = table.items[key]
    if path[-2:] == ("filters", "strip_params"):
        new = table.items.get("stripParams")
        return isinstance(new, Scalar) and bool(new.value)
    general = ("models", "*", *path[2:]) if path[0] == "models" else path
    rule = _UNSAID.get(general)
    value = node.value if isinstance(node, Scalar) else None
    return rule is not None and isinstance(value, int | float) and rule(value)


def _scalars(node: Node | None) -> Iterator[str]:
    """Yield the texts of a value, but not those of a mapping, which are values themselves."""
    if isinstance(node, Scalar):
        yield node.text
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _scalars(item)
