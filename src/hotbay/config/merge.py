"""Merges the documents of several files into one (spec/config-loading.md 8)."""

from __future__ import annotations

from collections.abc import Sequence as Documents

from hotbay.config.nodes import UNKNOWN, Node, Scalar, Sequence, Table, is_null
from hotbay.config.problems import Report, path_text

_KINDS = {
    ("models",): "model",
    ("groups",): "group",
    ("profiles",): "profile",
    ("selectors",): "selector",
    ("peers",): "peer",
    ("matrix",): "matrix part",
    ("routing", "router", "settings", "groups"): "group",
    ("routing", "router", "settings", "matrix"): "matrix part",
}
"""The mappings whose children may come from one file each, and what a child is called."""


def merge(documents: Documents[Table], report: Report) -> Table:
    """Return all documents as one; conflicts are reported, and the earlier file is kept."""
    merged, *rest = documents
    for document in rest:
        # An empty file has no say, not even on where the top of the configuration is.
        merged = _tables(merged, document, (), report) if merged.items else document
    return merged


def _tables(first: Table, second: Table, path: tuple[str, ...], report: Report) -> Table:
    items, keys = dict(first.items), dict(first.keys)
    kind = _KINDS.get(path)
    for key, value in second.items.items():
        here = (*path, key)
        if is_null(value) and key in items:
            continue
        if is_null(items.get(key)):
            items[key], keys[key] = value, second.keys[key]
        elif kind:
            where = keys[key].source.name
            report.error(
                second.keys[key], here, f"the {kind} {key!r} is already defined in {where}"
            )
        else:
            items[key] = _values(items[key], value, here, report)
    merge_key = first.merge or second.merge
    return Table(first.mark, items, keys, merge_key, first.anchored | second.anchored)


def _values(first: Node, second: Node, path: tuple[str, ...], report: Report) -> Node:
    if isinstance(first, Table) and isinstance(second, Table):
        return _tables(first, second, path, report)
    if isinstance(first, Sequence) and isinstance(second, Sequence):
        return Sequence(first.mark, first.items + second.items)
    if isinstance(first, Scalar) and isinstance(second, Scalar):
        same = type(first.value) is type(second.value) and first.value == second.value
        if same or UNKNOWN in (first.value, second.value):
            return first
        reason = "has another value"
    else:
        reason = "is of another kind (mapping, list or scalar)"
    report.error(second.mark, path, f"{path_text(path)} {reason} in {first.mark.source.name}")
    return first
