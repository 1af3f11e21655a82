"""What one llama-server option is, and the ways a value is put into llama.cpp's parameters.

A setter takes the text of the command line, checks it, and raises `ValueError`
with the reason if llama.cpp could not use it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

ON = "on"
OFF = "off"

_SWITCHED = {
    **dict.fromkeys(("on", "enabled", "true", "1"), True),
    **dict.fromkeys(("off", "disabled", "false", "0"), False),
}
_GGUF_MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class Target:
    """Where settings go: the wheel's module (for its enums) and its `CommonParams`."""

    engine: Any
    params: Any

    def get(self, path: str) -> Any:
        """The value of a dotted attribute of the parameters."""
        return reduce(getattr, path.split("."), self.params)

    def put(self, path: str, value: object) -> None:
        """Set a dotted attribute of the parameters."""
        owner, _, name = path.rpartition(".")
        setattr(self.get(owner) if owner else self.params, name, value)

    def member(self, enum: str, name: str) -> Any:
        """A member of one of the wheel's enums."""
        return getattr(self.engine, enum)[name]


Setter = Callable[[Target, str], None]


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table of options.

    Attributes:
        flags: every spelling that sets it.
        value: what the help calls its value; empty if it takes none, and the
            setter then gets `on`.
        help: one sentence.
        put: puts the value into effect.
        off: the spellings that switch it off: the setter gets `off`.
        bare: the value that is meant if none follows; empty if one must.
    """

    flags: tuple[str, ...]
    value: str
    help: str
    put: Setter
    off: tuple[str, ...] = ()
    bare: str = ""


def whole(value: str, *, at_least: int | None = None, at_most: int | None = None) -> int:
    """The whole number that a text says, within limits."""
    try:
        number = int(value)
    except ValueError:
        raise ValueError(f"'{value}' is not a whole number") from None
    if at_least is not None and number < at_least:
        raise ValueError(f"{number} is less than {at_least}")
    if at_most is not None and number > at_most:
        raise ValueError(f"{number} is more than {at_most}")
    return number


def real(value: str) -> float:
    """The number that a text says."""
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"'{value}' is not a number") from None


def existing(value: str) -> str:
    """The path of something that is there and is no folder."""
    path = Path(value)
    if path.is_dir():
        raise ValueError(f"'{value}' is a directory")
    if not path.exists():
        raise ValueError(f"no such file or directory: '{value}'")
    return value


def contents(value: str) -> str:
    """The text of a file."""
    try:
        return Path(existing(value)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read '{value}': {error}") from None


def gguf_file(value: str) -> str:
    """The path of a file that llama.cpp could load, as far as its first bytes tell."""
    path = Path(existing(value))
    if not path.is_file():  # a pipe would lose what we read from it
        return value
    try:
        with path.open("rb") as file:
            magic = file.read(len(_GGUF_MAGIC))
    except OSError as error:
        raise ValueError(f"cannot read '{value}': {error.strerror}") from None
    if magic != _GGUF_MAGIC:
        raise ValueError(f"'{value}' is not a GGUF file")
    return value


def folder(value: str) -> str:
    """The path of a folder that is there."""
    if not Path(value).is_dir():
        raise ValueError(f"no such directory: '{value}'")
    return value


def switched(value: str) -> bool:
    """What a word for yes or no says."""
    if value not in _SWITCHED:
        raise ValueError(f"'{value}' is neither on nor off")
    return _SWITCHED[value]


def integer(path: str, *, at_least: int | None = None, at_most: int | None = None) -> Setter:
    """Set a whole number."""
    return converted(path, lambda value: whole(value, at_least=at_least, at_most=at_most))


def number(path: str) -> Setter:
    """Set a number."""
    return converted(path, real)


def text(path: str) -> Setter:
    """Set a text as it is."""
    return converted(path, str)


def switch(path: str, *, inverted: bool = False) -> Setter:
    """Set yes or no; `inverted` if the attribute says the opposite of the option."""
    return converted(path, lambda value: switched(value) is not inverted)


def converted(path: str, convert: Callable[[str], object]) -> Setter:
    """Set what a function makes of the text."""

    def put(target: Target, value: str) -> None:
        target.put(path, convert(value))

    return put


def choice(path: str, enum: str, names: Mapping[str, str]) -> Setter:
    """Set the member of one of the wheel's enums that the text stands for."""

    def put(target: Target, value: str) -> None:
        if value not in names:
            raise ValueError(f"'{value}' is none of {', '.join(names)}")
        target.put(path, target.member(enum, names[value]))

    return put
