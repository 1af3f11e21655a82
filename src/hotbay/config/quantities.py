"""Durations and sizes as they are written in a configuration."""

from __future__ import annotations

import re

_UNIT_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1,
    "m": 60,
    "h": 3600,
}
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_SIZE = re.compile(r"(\d+) ?([KMGT])iB")
_SIZE_BYTES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_duration(text: str) -> float | None:
    """Return the seconds of a duration such as `1h1m1.5s`, None if it is not one.

    The syntax is that of spec/config-loading.md 3.3.
    """
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0.0
    seconds, position = 0.0, 0
    while part := _DURATION_PART.match(rest, position):
        seconds += float(part[1]) * _UNIT_SECONDS[part[2]]
        position = part.end()
    return sign * seconds if rest and position == len(rest) else None


def duration_text(seconds: float) -> str:
    """Return a duration that reads back as these seconds."""
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


def parse_size(text: str) -> int | None:
    """Return the bytes of a size such as `512MiB`, None if it is not one."""
    found = _SIZE.fullmatch(text)
    return int(found[1]) * _SIZE_BYTES[found[2]] if found else None
