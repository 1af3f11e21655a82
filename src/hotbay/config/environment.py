"""Expands `${env.NAME}` in the text of a file, before YAML is parsed (spec/config-loading.md 4).

A placeholder that cannot be expanded is only an error if it is part of the data,
and that shows when the text is parsed: until then a marker takes its place. So
one parse is enough, comments never count, and the error gets the place of its value.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Mapping
from dataclasses import dataclass

PLACEHOLDER = re.compile(r"\$\{env\.([A-Za-z_][A-Za-z0-9_]*)\}")
# Private-use characters: allowed in YAML, and without meaning there.
_MARKER = re.compile("\ue000([A-Za-z_][A-Za-z0-9_]*)\ue001")
# The line breaks that the YAML scanner counts.
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


def split_lines(text: str) -> list[str]:
    """Return the lines of a text as the YAML scanner counts them."""
    return _LINE_BREAK.split(text)


@dataclass(frozen=True, slots=True)
class _Shift:
    """One expanded placeholder on a line: where its text stands now, and where it stood."""

    start: int
    end: int
    original_start: int
    original_end: int


@dataclass(frozen=True, slots=True)
class Expanded:
    """A text after expansion.

    Attributes:
        text: what YAML is to parse.
        faults: what is wrong with each variable that could not be expanded.
    """

    text: str
    faults: Mapping[str, str]
    _shifts: Mapping[int, list[_Shift]]

    def original_column(self, line: int, column: int) -> int:
        """Return the column on disk of a place in the expanded text, both 0-based."""
        for shift in reversed(self._shifts.get(line, [])):
            if column >= shift.end:
                return column - shift.end + shift.original_end
            if column >= shift.start:
                return shift.original_start
        return column

    def unmark(self, text: str) -> tuple[str, list[str]]:
        """Return a scalar's text as written, and the faults of the placeholders in it."""
        if not self.faults or "\ue000" not in text:
            return text, []
        names = dict.fromkeys(n for n in _MARKER.findall(text) if n in self.faults)
        return _MARKER.sub(r"${env.\1}", text), [self.faults[name] for name in names]


def expand(text: str, environ: Mapping[str, str]) -> Expanded:
    r"""Replace every placeholder by its variable's value, with `\` and `"` escaped."""
    faults: dict[str, str] = {}
    shifts: dict[int, list[_Shift]] = {}
    pieces: list[str] = []
    starts = [0, *(found.end() for found in _LINE_BREAK.finditer(text))]
    done = 0
    for found in PLACEHOLDER.finditer(text):
        value = _value(found[1], environ, faults)
        pieces += text[done : found.start()], value
        done = found.end()
        line = bisect.bisect_right(starts, found.start()) - 1
        on_line = shifts.setdefault(line, [])
        original = found.start() - starts[line]
        start = original + (on_line[-1].end - on_line[-1].original_end if on_line else 0)
        on_line.append(_Shift(start, start + len(value), original, found.end() - starts[line]))
    return Expanded("".join([*pieces, text[done:]]), faults, shifts)


def _value(name: str, environ: Mapping[str, str], faults: dict[str, str]) -> str:
    value = environ.get(name)
    if value is None:
        faults[name] = f"environment variable {name} is not set"
    elif any(c in value for c in "\n\r\0"):
        faults[name] = f"environment variable {name} contains a line break or a NUL character"
    else:
        return value.replace("\\", "\\\\").replace('"', '\\"')
    return f"\ue000{name}\ue001"
