"""Reads nodes into settings, by the annotations of the settings (spec/config-loading.md 3.3, 3.4).

Reading never stops at an error: what cannot be used is reported and left at its
default, so that the checks after it still find what is wrong elsewhere.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar, get_args, get_origin

from annotated_types import Ge
from pydantic import AfterValidator

from hotbay.config import conversion
from hotbay.config.nodes import UNKNOWN, Mark, Node, Path, Scalar, Sequence, Table, Value, is_null
from hotbay.config.problems import Report
from hotbay.config.settings.base import (
    DEPRECATED,
    Duration,
    ListFault,
    NullFault,
    NullMeans,
    Secret,
    Settings,
    Size,
)
from hotbay.config.spelling import warn_of_unknown_key

S = TypeVar("S", bound=Settings)


def read_settings(settings: type[S], table: Table, path: Path, report: Report) -> S:
    """Return settings of a class from a mapping; everything wrong with it is reported."""
    result: S = _settings_kind(settings).convert(table, _Place(table.mark, path, report))
    return result


class _Place(NamedTuple):
    """Where a value stands, and to whom to report what is wrong with it."""

    mark: Mark
    path: Path
    report: Report

    def below(self, part: str | int, mark: Mark) -> _Place:
        """Return the place of a value inside this one."""
        return _Place(mark, (*self.path, part), self.report)

    def error(self, message: str) -> None:
        """Report an error with the value."""
        self.report.error(self.mark, self.path, message)


class _RejectedError(ValueError):
    """The value has no use, and whatever is wrong with it has been reported."""


class _Kind(ABC):
    """How the values of one declared type are read; `metadata` is what its annotation carries."""

    empty_if_null = False
    """A null for this type means an empty value, not that the key is absent."""

    def __init__(self, metadata: tuple[Any, ...]) -> None:
        self._checks = [check for item in metadata if (check := _check_of(item))]
        self._null = next((m for m in metadata if isinstance(m, NullMeans | NullFault)), None)
        self.secret = any(isinstance(m, Secret) for m in metadata)

    def read(self, node: Node, at: _Place) -> Any:
        """Return the value of a node; what is wrong is reported.

        Raises:
            _RejectedError: the value has no use.
        """
        if isinstance(node, Scalar) and node.value is UNKNOWN:
            raise _RejectedError
        try:
            value = self.nothing() if is_null(node) else self.convert(node, at)
            for check in self._checks:
                value = check(value)
        except _RejectedError:
            raise
        except ValueError as error:
            at.error(str(error))
            raise _RejectedError from None
        return value

    def read_entry(self, node: Node, at: _Place) -> Any:
        """Return the value of an element of a list or an entry of a mapping, as `read` does."""
        if is_null(node) and isinstance(self._null, NullMeans):
            return self._null.value
        if is_null(node) and isinstance(self._null, NullFault):
            at.error(self._null.message)
            raise _RejectedError
        return self.read(node, at)

    @abstractmethod
    def convert(self, node: Node, at: _Place) -> Any:
        """Return the value of a node that is not null, or raise `ValueError`."""

    def nothing(self) -> Any:
        """Return what a null stands for, or reject it."""
        raise _RejectedError

    def fallback(self) -> Any:
        """Return what stands in for a value that was reported, or reject it."""
        return self.nothing()

    def mismatch(self, expected: str, node: Node) -> ValueError:
        """Return the error that a node is not what was expected."""
        if isinstance(node, Scalar):
            found = "something else" if self.secret else conversion.describe(node.value)
        else:
            found = "a list" if isinstance(node, Sequence) else "a mapping"
        return ValueError(f"{expected}, found {found}")


def _check_of(item: Any) -> Callable[[Any], Any] | None:
    if isinstance(item, AfterValidator):
        check: Callable[[Any], Any] = item.func  # type: ignore[assignment] # ours take no context
        return check
    return functools.partial(_at_least, item.ge) if isinstance(item, Ge) else None


def _at_least(least: Any, value: Any) -> Any:
    if value < least:
        raise ValueError(f"must be at least {least}, found {value}")
    return value


class _ScalarKind(_Kind):
    """A string, a number, a boolean, a duration, or a size."""

    _CONVERSIONS: ClassVar[Mapping[Any, Callable[[Value], Any]]] = {
        str: conversion.to_string,
        int: conversion.to_integer,
        float: conversion.to_number,
        bool: conversion.to_boolean,
        Duration: conversion.to_seconds,
        Size: conversion.to_bytes,
    }

    def __init__(self, declared: Any, metadata: tuple[Any, ...]) -> None:
        super().__init__(metadata)
        written = next((type(m) for m in metadata if isinstance(m, Duration | Size)), declared)
        self._conversion = self._CONVERSIONS[written]

    def convert(self, node: Node, _at: _Place) -> Any:
        try:
            # Every conversion refuses None, which stands for lists and mappings here.
            return self._conversion(node.value if isinstance(node, Scalar) else None)
        except ValueError as error:
            raise self.mismatch(str(error), node) from None

    def fallback(self) -> Any:
        return ""


class _ChoiceKind(_Kind):
    """One of a few words; the first is the one to go on with after an error."""

    def __init__(self, words: tuple[str, ...], metadata: tuple[Any, ...]) -> None:
        super().__init__(metadata)
        self._words = words

    def convert(self, node: Node, _at: _Place) -> Any:
        if isinstance(node, Scalar) and node.value in self._words:
            return node.value
        words = ", ".join(word for word in self._words if word)
        raise self.mismatch(f"expected one of {words}", node)

    def fallback(self) -> Any:
        return self._words[0]


class _ListKind(_Kind):
    """A list of scalars."""

    empty_if_null = True

    def __init__(self, item: _Kind, metadata: tuple[Any, ...]) -> None:
        super().__init__(metadata)
        self._item = item
        self.secret = item.secret

    def convert(self, node: Node, at: _Place) -> Any:
        if not isinstance(node, Sequence):
            raise self.mismatch("expected a list", node)
        values = []
        for index, item in enumerate(node.items):
            with suppress(_RejectedError):
                values.append(self._item.read_entry(item, at.below(index, item.mark)))
        return tuple(values)

    def nothing(self) -> Any:
        return ()


class _TableKind(_Kind):
    """A mapping from names to values of one type."""

    empty_if_null = True

    def __init__(self, value: _Kind, metadata: tuple[Any, ...]) -> None:
        super().__init__(metadata)
        self._value = value

    def convert(self, node: Node, at: _Place) -> Any:
        if not isinstance(node, Table):
            raise self.mismatch("expected a mapping", node)
        values = {}
        for key, item in node.items.items():
            try:
                values[key] = self._value.read_entry(item, at.below(key, node.place(key)))
            except _RejectedError:
                # A name that was written stays known, so that its uses are not errors too.
                if isinstance(self._value, _SettingsKind):
                    values[key] = self._value.fallback()
        return values

    def nothing(self) -> Any:
        return {}


class _JsonKind(_Kind):
    """Anything."""

    def convert(self, node: Node, at: _Place) -> Any:
        if isinstance(node, Scalar):
            return conversion.to_json(node.value)
        if isinstance(node, Sequence):
            return [self.convert(item, at) for item in node.items]
        return {k: self.convert(item, at) for k, item in node.items.items()}

    def nothing(self) -> Any:
        return None


class _SettingsKind(_Kind):
    """A mapping with known keys."""

    def __init__(self, settings: type[Settings], metadata: tuple[Any, ...]) -> None:
        super().__init__(metadata)
        self._settings = settings
        self._list_fault = next((m for m in metadata if isinstance(m, ListFault)), None)
        fields = settings.model_fields
        self._names = {field.alias or name: name for name, field in fields.items()}
        self._kinds = {n: _kind_of(f.annotation, tuple(f.metadata)) for n, f in fields.items()}
        self._required = {n: f.description for n, f in fields.items() if f.is_required()}
        self._deprecated = {
            name: field.description or ""
            for name, field in fields.items()
            if field.json_schema_extra == DEPRECATED
        }

    def convert(self, node: Node, at: _Place) -> Any:
        if isinstance(node, Sequence) and self._list_fault:
            raise ValueError(self._list_fault.message)
        if not isinstance(node, Table):
            raise self.mismatch("expected a mapping", node)
        values: dict[str, Any] = {}
        missing = dict(self._required)
        for key, item in node.items.items():
            name = self._names.get(key)
            if name is None:
                warn_of_unknown_key(node, key, self._names, at.path, at.report)
                continue
            kind = self._kinds[name]
            if is_null(item) and not kind.empty_if_null:
                continue
            missing.pop(name, None)
            if name in self._deprecated:
                at.report.warn(node.keys[key], (*at.path, key), self._deprecated[name])
            with suppress(_RejectedError):
                values[name] = kind.read(item, at.below(key, node.place(key)))
        for name, description in missing.items():
            key = self._settings.model_fields[name].alias or name
            at.below(key, at.mark).error(f"missing; it is required: {description}")
        return self._build(values)

    def read_entry(self, node: Node, at: _Place) -> Any:
        # Null for a whole entry is an entry without keys, unless that is an error.
        if is_null(node) and self._null is None:
            node = Table(at.mark)
        return super().read_entry(node, at)

    def fallback(self) -> Any:
        return self._build({})

    def _build(self, values: dict[str, Any]) -> Settings:
        for name in self._required.keys() - values.keys():
            values[name] = self._kinds[name].fallback()
        return self._settings.model_construct(**values)


@functools.cache
def _settings_kind(settings: type[Settings]) -> _SettingsKind:
    return _SettingsKind(settings, ())


def _kind_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> _Kind:
    """Return how to read what an annotation declares."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        declared, *inner = arguments
        return _kind_of(declared, (*inner, *metadata))
    if origin is Literal:
        return _ChoiceKind(arguments, metadata)
    if origin is tuple:
        return _ListKind(_kind_of(arguments[0]), metadata)
    if origin is Mapping:
        return _TableKind(_kind_of(arguments[1]), metadata)
    if type(None) in arguments:
        declared = next(a for a in arguments if a is not type(None))
        return _kind_of(declared, metadata)
    if annotation is object or len(arguments) > 1:
        return _JsonKind(metadata)
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return _SettingsKind(annotation, metadata)
    return _ScalarKind(annotation, metadata)
