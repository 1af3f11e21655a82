"""What all settings have in common: the base class, and markers for reader and schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

DEPRECATED: JsonDict = {"deprecated": True}
"""Marks a key that is still accepted; using it is a warning."""


class Settings(BaseModel):
    """One mapping of the configuration; attributes in snake case, YAML names as aliases."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        # Python code uses the attributes' names; YAML goes through the reader.
        validate_by_name=True,
        validate_by_alias=False,
        # The reader builds settings without pydantic's validators, so that whoever
        # needs one pays for it, and not every start.
        defer_build=True,
    )


@dataclass(frozen=True, slots=True)
class NullMeans:
    """A null element or entry stands for this value."""

    value: str


@dataclass(frozen=True, slots=True)
class NullFault:
    """A null element or entry is an error with this message."""

    message: str


@dataclass(frozen=True, slots=True)
class ListFault:
    """A list where a mapping belongs is an error with this message."""

    message: str


class Secret:
    """The value is never shown."""


class Duration:
    """The value is written as a duration such as `15s`, and held in seconds."""


class Size:
    """The value is written in bytes or as a size such as `64KiB`, and held in bytes."""


T = TypeVar("T")


def _freeze(table: Mapping[str, T]) -> Mapping[str, T]:
    return MappingProxyType(dict(table))


def freeze_deep(value: object) -> object:
    """Return a JSON value with mappings read-only and lists as tuples, at every depth."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: freeze_deep(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(freeze_deep(item) for item in value)
    return value


def no_entries() -> Mapping[str, T]:
    """Return an empty read-only mapping, the default of mappings."""
    return MappingProxyType({})


Frozen = Annotated[Mapping[str, T], AfterValidator(_freeze)]
"""A read-only mapping from names."""

Free = Annotated[Mapping[str, object], AfterValidator(freeze_deep)]
"""A read-only mapping whose values are not interpreted."""

Strings = tuple[str, ...]

Seconds = Annotated[float, Duration()]

Bytes = Annotated[int, Size(), Field(ge=1)]
