"""Reads nodes into settings, by the annotations of the settings."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from hotbay.config.kinds import (
    ChoiceKind,
    JsonKind,
    Kind,
    ListKind,
    Place,
    RejectedError,
    ScalarKind,
    TableKind,
)
from hotbay.config.nodes import Node, Path, Sequence, Table, is_null
from hotbay.config.problems import Report
from hotbay.config.settings.base import DEPRECATED, ListFault, Settings
from hotbay.config.spelling import warn_of_unknown_key

S = TypeVar("S", bound=Settings)


def read_settings(settings: type[S], table: Table, path: Path, report: Report) -> S:
    """Return settings of a class from a mapping; everything wrong with it is reported."""
    result: S = settings_kind(settings).read(table, Place(table.mark, path, report))
    return result


class SettingsKind(Kind):
    """A mapping with known keys."""

    keeps_name = True

    def __init__(self, settings: type[Settings], metadata: tuple[Any, ...]) -> None:
        super().__init__(metadata)
        self.settings = settings
        self._list_fault = next((m for m in metadata if isinstance(m, ListFault)), None)
        fields = settings.model_fields
        self._names = {field.alias or name: name for name, field in fields.items()}
        self.kinds = {n: kind_of(f.annotation, tuple(f.metadata)) for n, f in fields.items()}
        self.required = {n: f.description for n, f in fields.items() if f.is_required()}
        # Settings are immutable, so all that lack a key share its default.
        self._defaults = {
            name: field.get_default(call_default_factory=True)
            for name, field in fields.items()
            if not field.is_required()
        }
        self._deprecated = {
            name: field.description or ""
            for name, field in fields.items()
            if field.json_schema_extra == DEPRECATED
        }

    def _convert(self, node: Node, at: Place) -> Any:
        if isinstance(node, Sequence) and self._list_fault:
            raise ValueError(self._list_fault.message)
        if not isinstance(node, Table):
            raise self._mismatch("expected a mapping", node)
        values: dict[str, Any] = {}
        missing = dict(self.required)
        for key, item in node.items.items():
            name = self._names.get(key)
            if name is None:
                warn_of_unknown_key(node, key, self._names, at.path, at.report)
                continue
            kind = self.kinds[name]
            if is_null(item) and not kind.empty_if_null:
                continue
            missing.pop(name, None)
            if name in self._deprecated:
                at.report.warn(node.keys[key], (*at.path, key), self._deprecated[name])
            with suppress(RejectedError):
                values[name] = kind.read(item, at.below(key, node.place(key)))
        for name, description in missing.items():
            key = self.settings.model_fields[name].alias or name
            at.below(key, at.mark).error(f"missing; it is required: {description}")
        return self._build(values)

    def read_entry(self, node: Node, at: Place) -> Any:
        """Return settings; null is an entry without keys, unless that is an error."""
        if is_null(node) and self.null is None:
            node = Table(at.mark)
        return super().read_entry(node, at)

    def fallback(self) -> Any:
        """Return settings with every key at its default."""
        return self._build({})

    def _build(self, values: dict[str, Any]) -> Settings:
        for name in self.required.keys() - values.keys():
            values[name] = self.kinds[name].fallback()
        return self.settings.model_construct(**self._defaults | values)


@functools.cache
def settings_kind(settings: type[Settings]) -> SettingsKind:
    """Return how a class of settings is read."""
    return SettingsKind(settings, ())


def kind_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> Kind:
    """Return how to read what an annotation declares."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        declared, *inner = arguments
        return kind_of(declared, (*inner, *metadata))
    if origin is Literal:
        return ChoiceKind(arguments, metadata)
    if origin is tuple:
        return ListKind(kind_of(arguments[0]), metadata)
    if origin is Mapping:
        return TableKind(kind_of(arguments[1]), metadata)
    if type(None) in arguments:
        declared = next(a for a in arguments if a is not type(None))
        return kind_of(declared, metadata)
    if annotation is object or len(arguments) > 1:
        return JsonKind(metadata, only_scalars=annotation is not object)
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return SettingsKind(annotation, metadata)
    return ScalarKind(annotation, metadata)
