"""Reads the command line of `hotbay llama-server` and puts it into effect; prints its help."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from hotbay.llamacpp.options import GROUPS, OPTIONS, REFUSED, Option, Target
from hotbay.llamacpp.options.option import OFF, ON

_HELP = frozenset({"-h", "--help", "--usage"})
_VERSION = "--version"
_ON = {flag: option for option in OPTIONS for flag in option.flags}
_OFF = {flag: option for option in OPTIONS for flag in option.off}


class OptionError(Exception):
    """An option that cannot be used, with the reason: one line for the user."""


class Action(Enum):
    """What the command line asks for."""

    SERVE = "serve"
    HELP = "help"
    VERSION = "version"


@dataclass(frozen=True, slots=True)
class Setting:
    """An option with its value, and how the user spelled it."""

    flag: str
    option: Option
    value: str


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command line that was read."""

    action: Action
    settings: tuple[Setting, ...] = ()


def parse(argv: Sequence[str]) -> CommandLine:
    """Read the arguments after `llama-server`.

    As with llama-server, `--ctx_size` is `--ctx-size` and the last of several
    values counts; besides, `--ctx-size=4096` is understood.

    Raises:
        OptionError: for an option that is unknown, refused, or lacks its value.
    """
    settings = []
    words = _Words(argv)
    for word in words:
        flag, equals, value = _spelled(word)
        if flag in _HELP:
            return CommandLine(Action.HELP)
        if flag == _VERSION:
            return CommandLine(Action.VERSION)
        given = value if equals else None
        if flag in _OFF:
            _refuse_value(flag, given)
            settings.append(Setting(flag, _OFF[flag], OFF))
        elif flag in _ON:
            settings.append(Setting(flag, _ON[flag], _value(flag, _ON[flag], given, words)))
        else:
            raise _unknown(flag)
    return CommandLine(Action.SERVE, tuple(settings))


def apply(settings: Sequence[Setting], target: Target) -> None:
    """Put the settings into llama.cpp's parameters, in the order in which they were given.

    Raises:
        OptionError: for a value that does not fit its option.
    """
    for setting in settings:
        try:
            setting.option.put(target, setting.value)
        except ValueError as error:
            raise OptionError(f"{setting.flag}: {error}") from None
        except OverflowError:
            raise OptionError(f"{setting.flag}: {setting.value} is too large") from None
        except AttributeError as error:
            raise OptionError(
                f"{setting.flag}: not understood by the xllamacpp that is installed"
                f' ({error}): pip install "hotbay[llamacpp]"'
            ) from None


def help_text() -> str:
    """The options by group, for a terminal of 80 columns."""
    lines = ["usage: hotbay llama-server --model FILE [options]", ""]
    lines += ["Serves one model with llama.cpp, as llama.cpp's own llama-server does."]
    for title, options in GROUPS.items():
        lines += ["", f"{title}:"]
        for option in options:
            lines += _help_entry(option)
    lines += ["", "Other:", "  -h, --help", "  --version"]
    return "\n".join(lines) + "\n"


class _Words:
    """The words of a command line, one by one, with a look at the next."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = list(words)

    def __iter__(self) -> Iterator[str]:
        while self._words:
            yield self._words.pop(0)

    def take(self) -> str | None:
        return self._words.pop(0) if self._words else None

    def take_unless_flag(self) -> str | None:
        return None if self._words and self._words[0].startswith("-") else self.take()


def _spelled(word: str) -> tuple[str, str, str]:
    flag, equals, value = word.partition("=")
    if flag.startswith("--"):
        flag = flag.replace("_", "-")
    return flag, equals, value


def _value(flag: str, option: Option, given: str | None, words: _Words) -> str:
    if not option.value:
        _refuse_value(flag, given)
        return ON
    if given is not None:
        return given
    if option.bare:
        return words.take_unless_flag() or option.bare
    value = words.take()
    if value is None:
        raise OptionError(f"{flag}: a value is missing ({option.value})")
    return value


def _refuse_value(flag: str, given: str | None) -> None:
    if given is not None:
        raise OptionError(f"{flag}: takes no value")


def _unknown(flag: str) -> OptionError:
    if flag in REFUSED:
        return OptionError(f"{flag}: {REFUSED[flag]}")
    from difflib import get_close_matches  # noqa: PLC0415 -- only a mistake needs it

    known = [*_ON, *_OFF, *_HELP, _VERSION] if flag.startswith("-") else []
    nearest = get_close_matches(flag, known, n=1, cutoff=0.5)
    hint = f" (did you mean {nearest[0]}?)" if nearest else " (-h lists the options)"
    return OptionError(f"invalid argument: {flag}{hint}")


def _help_entry(option: Option) -> list[str]:
    flags = ", ".join(option.flags + option.off)
    value = f" [{option.value}]" if option.bare else f" {option.value}".rstrip()
    indent = " " * 6
    text = textwrap.wrap(option.help, 80, initial_indent=indent, subsequent_indent=indent)
    return [f"  {flags}{value}", *text]
