"""Reads single values, lists and mappings by their declared type (spec/config-loading.md 3.3, 3.4).

Reading never stops at an error: what cannot be used is reported and left at its
default, so that the checks after it still find what is wrong elsewhere.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from annotated_types import Ge
from pydantic import AfterValidator

from hotbay.config import conversion
from hotbay.config.nodes import UNKNOWN, Mark, Node, Path, Scalar, Sequence, Table, Value, is_null
from hotbay.config.problems import Report
from hotbay.config.settings.base import Duration, NullFault, NullMeans, Secret, Size


class Place(NamedTuple):
    """Where a value stands, and to whom to report what is wrong with it."""

    mark: Mark
    path: Path
    report: Report

    def below(self, part: str | int, mark: Mark) -> Place:
        """Return the place of a value inside this one."""
        return Place(mark, (*self.path, part), self.report)

    def error(self, message: str) -> None:
        """Report an error with the value."""
        self.report.error(self.mark, self.path, message)


class RejectedError(ValueError):
    """The value has no use, and whatever is wrong with it has been reported."""


class AbsentError(RejectedError):
    """The value is null, which stands for no value at all; nothing is wrong with it."""


class Kind(ABC):
    """How the values of one declared type are read; `metadata` is what its annotation carries.

    Attributes:
        null: what a null element or entry of this type means, if not the usual.
        least: the smallest value allowed.
        secret: the value is never shown.
    """

    empty_if_null = False
    """A null for this type means an empty value, not that the key is absent."""

    keeps_name = False
    """An entry of this type that cannot be used is kept under its name, with a fallback."""

    def __init__(self, metadata: tuple[Any, ...]) -> None:
        self._checks = [check for item in metadata if (check := _check_of(item))]
        self.null = next((m for m in metadata if isinstance(m, NullMeans | NullFault)), None)
        self.least = next((m.ge for m in metadata if isinstance(m, Ge)), None)
        self.secret = any(isinstance(m, Secret) for m in metadata)

    def read(self, node: Node, at: Place) -> Any:
        """Return the value of a node; what is wrong is reported.

        Raises:
            RejectedError: the value has no use.
        """
        if isinstance(node, Scalar) and node.value is UNKNOWN:
            raise RejectedError
        try:
            value = self._nothing() if is_null(node) else self._convert(node, at)
            for check in self._checks:
                value = check(value)
        except RejectedError:
            raise
        except ValueError as error:
            at.error(str(error))
            raise RejectedError from None
        return value

    def read_entry(self, node: Node, at: Place) -> Any:
        """Return the value of an element of a list or an entry of a mapping, as `read` does."""
        if is_null(node) and isinstance(self.null, NullMeans):
            return self.null.value
        if is_null(node) and isinstance(self.null, NullFault):
            at.error(self.null.message)
            raise RejectedError
        return self.read(node, at)

    @abstractmethod
    def _convert(self, node: Node, at: Place) -> Any:
        """Return the value of a node that is not null, or raise `ValueError`."""

    def _nothing(self) -> Any:
        """Return what a null stands for.

        Raises:
            AbsentError: it stands for no value.
        """
        raise AbsentError

    def fallback(self) -> Any:
        """Return what stands in for a value that was reported, or reject it."""
        return self._nothing()

    def _mismatch(self, expected: str, node: Node) -> ValueError:
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


class ScalarKind(Kind):
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
        self.written: type = written
        self._conversion = self._CONVERSIONS[written]

    def _convert(self, node: Node, _at: Place) -> Any:
        try:
            # Every conversion refuses None, which stands for lists and mappings here.
            return self._conversion(node.value if isinstance(node, Scalar) else None)
        except ValueError as error:
            raise self._mismatch(str(error), node) from None

    def fallback(self) -> Any:
        """Return an empty text; whatever is required is one."""
        return ""


class ChoiceKind(Kind):
    """One of a few words; the first is the one to go on with after an error."""

    def __init__(self, words: tuple[str, ...], metadata: tuple[Any, ...]) -> None:
        super().__init__(metadata)
        self.words = words

    def _convert(self, node: Node, _at: Place) -> Any:
        if isinstance(node, Scalar) and node.value in self.words:
            return node.value
        words = ", ".join(word for word in self.words if word)
        choice = "one of " if len(self.words) > 1 else ""
        raise self._mismatch(f"expected {choice}{words}", node)

    def fallback(self) -> Any:
        """Return the first word."""
        return self.words[0]


class ListKind(Kind):
    """A list of scalars."""

    empty_if_null = True

    def __init__(self, item: Kind, metadata: tuple[Any, ...]) -> None:
        super().__init__(metadata)
        self.item = item
        self.secret = item.secret

    def _convert(self, node: Node, at: Place) -> Any:
        if not isinstance(node, Sequence):
            raise self._mismatch("expected a list", node)
        values = []
        rejected = False
        for index, item in enumerate(node.items):
            try:
                values.append(self.item.read_entry(item, at.below(index, item.mark)))
            except AbsentError:
                continue
            except RejectedError:
                rejected = True
        if rejected and not values:
            # Nobody is to complain of an empty list as well.
            raise RejectedError
        return tuple(values)

    def _nothing(self) -> Any:
        return ()


class TableKind(Kind):
    """A mapping from names to values of one type."""

    empty_if_null = True

    def __init__(self, value: Kind, metadata: tuple[Any, ...]) -> None:
        super().__init__(metadata)
        self.value = value

    def _convert(self, node: Node, at: Place) -> Any:
        if not isinstance(node, Table):
            raise self._mismatch("expected a mapping", node)
        values = {}
        rejected = False
        for key, item in node.items.items():
            try:
                values[key] = self.value.read_entry(item, at.below(key, node.place(key)))
            except AbsentError:
                continue
            except RejectedError:
                rejected = True
                # A name that was written stays known, so that its uses are not errors too.
                if self.value.keeps_name:
                    values[key] = self.value.fallback()
        if rejected and not values:
            raise RejectedError
        return values

    def _nothing(self) -> Any:
        return {}


class JsonKind(Kind):
    """Anything, or any scalar: which of the two, is for others to check."""

    def __init__(self, metadata: tuple[Any, ...], *, only_scalars: bool) -> None:
        super().__init__(metadata)
        self.only_scalars = only_scalars

    def _convert(self, node: Node, at: Place) -> Any:
        if isinstance(node, Scalar):
            return conversion.to_json(node.value)
        if isinstance(node, Sequence):
            return [self._convert(item, at) for item in node.items]
        return {k: self._convert(item, at) for k, item in node.items.items()}

    def _nothing(self) -> Any:
        return None
