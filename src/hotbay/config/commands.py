r"""Turns command texts into arguments, without a shell (spec/config-loading.md 7).

The POSIX rules differ from `shlex.split`: an open quote ends with the text, carriage
return is no separator, `\$` and `` \` `` are escapes inside double quotes, and a
backslash before a newline disappears.
"""

from __future__ import annotations

import re


def strip_comments(text: str) -> str:
    """Drop every line whose first visible character is `#`."""
    return "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))


def split_command(text: str, *, windows: bool) -> tuple[str, ...]:
    """Return the arguments of a command; an empty tuple if there are none."""
    lines = []
    for line in strip_comments(text).split("\n"):
        trimmed = line.strip()
        lines.append(trimmed[:-1] + " " if trimmed.endswith("\\") else line)
    joined = "\n".join(lines)
    return tuple(_split_windows(joined) if windows else _split_posix(joined))


# One piece of an argument: what may stand outside quotes, and the two kinds of quotes.
_POSIX_PIECE = re.compile(
    r"""
      (?P<gap>[ \t\n]+)
    | (?P<plain>[^ \t\n\\'"]+)
    | \\(?P<escaped>.?)
    | '(?P<single>[^']*)(?:'|\Z)
    | "(?P<double>(?:[^"\\]|\\.)*\\?)(?:"|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
_DOUBLE_QUOTED_ESCAPE = re.compile(r'\\(?:([$`"\\])|\n|\Z)')


def _split_posix(text: str) -> list[str]:
    arguments: list[str] = []
    current: list[str] = []
    for piece in _POSIX_PIECE.finditer(text):
        kind = piece.lastgroup or ""
        value = piece[kind]
        if kind == "gap":
            if current:
                arguments.append("".join(current))
            current = []
        elif kind == "double":
            current.append(_DOUBLE_QUOTED_ESCAPE.sub(lambda found: found[1] or "", value))
        elif kind != "escaped" or value not in ("", "\n"):
            current.append(value)
    return [*arguments, "".join(current)] if current else arguments


_WINDOWS_PIECE = re.compile(
    r"""
      (?P<slashes>\\*)"
    | (?P<gap>[ \t\r\n]+)
    | (?P<plain>[^" \t\r\n\\]+|\\+)
    """,
    re.VERBOSE,
)


def _split_windows(text: str) -> list[str]:
    arguments: list[str] = []
    current: list[str] = []
    quoted = False
    closed_at = -1
    for piece in _WINDOWS_PIECE.finditer(text):
        kind = piece.lastgroup or ""
        value = piece[kind]
        if kind == "plain" or (kind == "gap" and quoted):
            current.append(value)
        elif kind == "gap":
            if current:
                arguments.append("".join(current))
            current = []
        elif len(value) % 2:
            current.append("\\" * (len(value) // 2) + '"')
        else:
            # A quote right after one that closed is the second of a pair that means one quote.
            pair = not value and piece.start() == closed_at
            current.append('"' if pair else "\\" * (len(value) // 2))
            quoted = not quoted
            closed_at = -1 if quoted else piece.end()
    return [*arguments, "".join(current)] if current else arguments
