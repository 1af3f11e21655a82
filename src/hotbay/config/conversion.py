"""Converts one scalar to the type its key declares (spec/config-loading.md 3.3).

These are the configuration's own rules; pydantic's coercions have no part in them.
Each function raises `ValueError` with what was expected.
"""

from __future__ import annotations

import math

from hotbay.config.nodes import UNKNOWN, Value
from hotbay.config.quantities import parse_duration, parse_size
from hotbay.config.scalars import Timestamp, text_of

TRUE_WORDS = ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON")
FALSE_WORDS = ("n", "N", "no", "No", "NO", "off", "Off", "OFF")


def to_string(value: Value) -> str:
    """Any scalar; numbers and booleans in their canonical form."""
    if value is None or value is UNKNOWN:
        raise ValueError("expected a string")
    return text_of(value)


def to_integer(value: Value) -> int:
    """An integer, or a number whose fraction is cut off; never text."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("expected an integer" + _unquote(value))
    if not -(2**63) <= value < 2**63:
        raise ValueError("expected an integer of at most 64 bits")
    return int(value)


def to_number(value: Value) -> float:
    """A number; never text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ValueError("expected a number" + _unquote(value))


def to_boolean(value: Value) -> bool:
    """A boolean, or one of the words that mean one; never `"true"` in quotes, never 1 or 0."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in TRUE_WORDS + FALSE_WORDS:
        return value in TRUE_WORDS
    quoted = isinstance(value, str) and value.lower() in ("true", "false")
    raise ValueError("expected true or false" + (" without quotes" if quoted else ""))


def to_seconds(value: Value) -> float:
    """A duration in text, such as `15s`; never a bare number."""
    seconds = parse_duration(value) if isinstance(value, str) else None
    if seconds is None:
        raise ValueError("expected a duration such as 500ms, 15s or 1h30m")
    return seconds


def to_bytes(value: Value) -> int:
    """A number of bytes, or a size in text such as `64KiB`."""
    size = parse_size(value) if isinstance(value, str) else to_integer(value)
    if size is None:
        raise ValueError("expected bytes or a size such as 64KiB, 512MiB or 1GiB")
    return size


def to_json(value: Value) -> str | int | float | bool | None:
    """Any scalar as JSON can hold it: integral floats as integers, no infinities, dates as text."""
    if isinstance(value, Timestamp):
        return value.text
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return value if isinstance(value, str | int) else None


def describe(value: Value) -> str:
    """Name a value in a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"the boolean {text_of(value)}"
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, Timestamp):
        return f"the date {value.text}"
    return f"the number {value}"


def _unquote(value: Value) -> str:
    try:
        number = isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        number = False
    return " without quotes" if number else ""
