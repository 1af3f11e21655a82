"""How numbers and tables are written for people. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
NOTHING = "-"
"""Stands for what is not known."""


def size(count: float | None) -> str:
    """Write a number of bytes, as `4.2 GiB`."""
    if count is None:
        return NOTHING
    power = 0
    while count >= 1024 and power < len(UNITS) - 1:
        count, power = count / 1024, power + 1
    digits = 0 if power == 0 or count >= 100 else 1
    return f"{count:.{digits}f} {UNITS[power]}"


def duration(seconds: float | None) -> str:
    """Write a time, as `0.35s`, `12.3s`, `4m 05s`, `3h 20m`, `2d 04h`."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.2f}s" if seconds < 1 else f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours < 24 else f"{hours // 24}d {hours % 24:02}h"


def speed(tokens: float | None) -> str:
    """Write tokens per second; what is not above 0 is not known."""
    return f"{tokens:.1f}" if tokens and tokens > 0 else NOTHING


def count(number: float | None) -> str:
    """Write a number of tokens; below 0 it is not known."""
    return NOTHING if number is None or number < 0 else f"{number:.0f}"


def printable(text: object) -> str:
    """Write a text that a client chose so that it cannot steer the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def table(rows: Sequence[Sequence[object]], left: int = 1) -> Iterator[str]:
    """Write rows, the first of them headings; so many first columns are aligned to the left."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        line = (
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(line).rstrip()


def json_text(value: object) -> str:
    """Write an answer for programs."""
    return json.dumps(value, indent=2, ensure_ascii=False)
