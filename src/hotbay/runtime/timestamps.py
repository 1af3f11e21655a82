"""The time stamps that `logTimeFormat` can name (spec/config.md 2).

Pure, but for the local time zone. Names of days and months are English whatever the locale.
"""

from __future__ import annotations

import time
from collections.abc import Callable

Layout = Callable[[time.struct_time, int], str]
"""Writes a local time and its nanoseconds."""

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def stamp(name: str, nanoseconds: int) -> str:
    """Write a time in the format of that name, local time.

    Args:
        name: a key of `LAYOUTS`.
        nanoseconds: since the epoch.
    """
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    return LAYOUTS[name](time.localtime(seconds), fraction)


def _clock(t: time.struct_time) -> str:
    return f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"


def _day(t: time.struct_time) -> str:
    return _DAYS[t.tm_wday][:3]


def _month(t: time.struct_time) -> str:
    return _MONTHS[t.tm_mon - 1]


def _offset(t: time.struct_time, colon: str = "") -> str:
    sign = "-" if t.tm_gmtoff < 0 else "+"
    hours, minutes = divmod(abs(t.tm_gmtoff) // 60, 60)
    return f"{sign}{hours:02}{colon}{minutes:02}"


def _short(t: time.struct_time) -> str:
    return f"{t.tm_mday:02} {_month(t)} {t.tm_year % 100:02} {t.tm_hour:02}:{t.tm_min:02}"


def _long(t: time.struct_time) -> str:
    return f"{_day(t)}, {t.tm_mday:02} {_month(t)} {t.tm_year:04} {_clock(t)}"


def _rfc850(t: time.struct_time, _: int) -> str:
    date = f"{t.tm_mday:02}-{_month(t)}-{t.tm_year % 100:02}"
    return f"{_DAYS[t.tm_wday]}, {date} {_clock(t)} {t.tm_zone}"


def _rfc3339(t: time.struct_time, fraction: str = "") -> str:
    zone = _offset(t, ":") if t.tm_gmtoff else "Z"
    return f"{t.tm_year:04}-{t.tm_mon:02}-{t.tm_mday:02}T{_clock(t)}{fraction}{zone}"


def _nano(t: time.struct_time, ns: int) -> str:
    return _rfc3339(t, f".{ns:09}".rstrip("0").rstrip("."))


def _kitchen(t: time.struct_time, _: int) -> str:
    return f"{(t.tm_hour + 11) % 12 + 1}:{t.tm_min:02}{'AM' if t.tm_hour < 12 else 'PM'}"


def _stamp(t: time.struct_time) -> str:
    return f"{_month(t)} {t.tm_mday:2} {_clock(t)}"


LAYOUTS: dict[str, Layout] = {
    "ansic": lambda t, _: f"{_day(t)} {_stamp(t)} {t.tm_year:04}",
    "unixdate": lambda t, _: f"{_day(t)} {_stamp(t)} {t.tm_zone} {t.tm_year:04}",
    "rubydate": lambda t, _: (
        f"{_day(t)} {_month(t)} {t.tm_mday:02} {_clock(t)} {_offset(t)} {t.tm_year:04}"
    ),
    "rfc822": lambda t, _: f"{_short(t)} {t.tm_zone}",
    "rfc822z": lambda t, _: f"{_short(t)} {_offset(t)}",
    "rfc850": _rfc850,
    "rfc1123": lambda t, _: f"{_long(t)} {t.tm_zone}",
    "rfc1123z": lambda t, _: f"{_long(t)} {_offset(t)}",
    "rfc3339": lambda t, _: _rfc3339(t),
    "rfc3339nano": _nano,
    "kitchen": _kitchen,
    "stamp": lambda t, _: _stamp(t),
    "stampmilli": lambda t, ns: f"{_stamp(t)}.{ns // 1_000_000:03}",
    "stampmicro": lambda t, ns: f"{_stamp(t)}.{ns // 1_000:06}",
    "stampnano": lambda t, ns: f"{_stamp(t)}.{ns:09}",
}
"""Every format by its name in lower case."""
