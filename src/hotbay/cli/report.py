"""One line for a person: on a terminal in colour, elsewhere plain (spec/cli.md 1)."""

from __future__ import annotations

import enum
import sys
from datetime import datetime


class Level(enum.Enum):
    """How bad it is; the value is its colour as an ANSI code (ECMA-48 8.3.117)."""

    INFO = "36"
    WARN = "33"
    ERROR = "31"


def report(level: Level, text: str) -> None:
    """Write `<date> <time> LEVEL <text>` to standard error."""
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
    name = level.name
    if sys.stderr.isatty():
        name = f"\x1b[{level.value}m{name}\x1b[0m"
    print(f"{now} {name} {text}", file=sys.stderr)
