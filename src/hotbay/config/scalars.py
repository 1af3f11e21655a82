"""How plain scalars are typed, and how typed values are written as text.

The rules are those of spec/config-loading.md 3.1 and 5.5. They are neither YAML
1.1 nor 1.2: `yes` is a string, `010` is eight, `1:30` is a string, `1e3` is a float.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass

_WORDS: dict[str, float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((s + w for s in ("", "+") for w in (".inf", ".Inf", ".INF")), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER = re.compile(
    r"([-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)"
    r"|(?P<dec>0|[1-9][0-9]*))"
)
_BASES = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)"
    r"(?:(?P<sep>[Tt ])(\d\d?):(\d\d?):(\d\d?)(?:\.(\d+))?(?P<zone>Z|[-+]\d\d:\d\d)?)?"
)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A date or a point in time, as RFC 3339 text; the configuration only ever shows it."""

    text: str


ScalarValue = str | int | float | bool | Timestamp
"""What a scalar can be, other than null."""


def resolve_plain(text: str) -> ScalarValue | None:
    """Return the value of an unquoted scalar."""
    if text in _WORDS:
        return _WORDS[text]
    # Most scalars are words; only these characters can begin a number or a date.
    if text[0] not in "+-.0123456789":
        return text
    timestamp = _timestamp(text)
    if timestamp is not None:
        return timestamp
    digits = text.replace("_", "")
    integer = _integer(digits)
    if integer is not None:
        return integer
    if _FLOAT.fullmatch(digits) and math.isfinite(number := float(digits)):
        return number
    return text


def _integer(digits: str) -> int | None:
    found = _INTEGER.fullmatch(digits)
    if not found or not found.lastgroup:
        return None
    value = int(found[found.lastgroup], _BASES[found.lastgroup])
    if found[1] == "-":
        value = -value
    limit = 2**63 if found[1] else 2**64
    return value if -(2**63) <= value < limit else None


def _timestamp(text: str) -> Timestamp | None:
    found = _TIMESTAMP.fullmatch(text)
    # A zone belongs to the forms with `T`, and only to them.
    if not found or (found["sep"] in ("T", "t")) != (found["zone"] is not None):
        return None
    zone = found["zone"] or "Z"
    try:
        day = dt.date(int(found[1]), int(found[2]), int(found[3]))
        time = dt.time(int(found[5] or 0), int(found[6] or 0), int(found[7] or 0))
        offset_hours, offset_minutes = (0, 0) if zone == "Z" else map(int, zone[1:].split(":"))
    except ValueError:
        return None
    if offset_hours > 24 or offset_minutes >= 60:
        return None
    fraction = (found[8] or "")[:9].rstrip("0")
    zone = "Z" if offset_hours == offset_minutes == 0 else zone
    return Timestamp(f"{day}T{time}" + ("." + fraction if fraction else "") + zone)


def text_of(value: ScalarValue) -> str:
    """Return the canonical text of a value, as it appears inside a string."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Timestamp):
        return value.text
    return str(value) if isinstance(value, int) else _float_text(value)


def _float_text(value: float) -> str:
    """Write the shortest digits that round-trip; exponents below -4 and from 6 up are written."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    sign = "-" if math.copysign(1, value) < 0 else ""
    digits, point = _shortest(abs(value))
    exponent = point - 1
    if value and not -4 <= exponent < 6:
        mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
        return f"{sign}{mantissa}e{exponent:+03d}"
    whole = digits[:point].ljust(point, "0") if point > 0 else "0"
    fraction = digits[point:] if point > 0 else "0" * -point + digits
    return sign + whole + ("." + fraction if fraction.strip("0") else "")


def _shortest(value: float) -> tuple[str, int]:
    """Return the shortest digits of a number, and how many of them stand before the point."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return digits.rstrip("0") or "0", point if digits else 1
