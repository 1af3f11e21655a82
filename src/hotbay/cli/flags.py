"""Go-style flags, as llama-swap's users and unit files write them (spec/cli.md 1).

Owns the translation of `-config x`, `-config=x` and `-watch-config=true` into what the
command line parser takes. Single and double dashes are equivalent, and parsing stops at the
first word that is not a flag.
"""

from __future__ import annotations

from collections.abc import Sequence

VALUED = frozenset({"config", "config-dir", "listen", "tls-cert-file", "tls-key-file"})
SWITCHES = frozenset({"watch-config", "version", "help", "h"})
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


class FlagError(Exception):
    """A flag that is not known, or has a bad value."""


def translate(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with two dashes on every flag.

    Without a command, and for `serve`, the rules of llama-swap hold strictly; the other
    commands have flags of their own, of which only the dashes are translated.

    Raises:
        FlagError: a flag of the server is unknown, lacks its value, or is a switch with a
            value that is neither true nor false.
    """
    if not words or words[0].startswith("-"):
        return _server_flags(words)
    if words[0] == "serve":
        return ["serve", *_server_flags(words[1:])]
    return [_double(word) for word in words]


def server_flags(words: Sequence[str]) -> dict[str, str] | None:
    """Return the flags of translated words that just serve, by name; None: it is another command.

    A switch that is on has an empty value.
    """
    flags = words[1:] if words[:1] == ["serve"] else words
    if not all(word.startswith("--") for word in flags):
        return None
    found = dict(word.removeprefix("--").partition("=")[::2] for word in flags)
    return None if found.keys() & {"help", "version"} else found


def _double(word: str) -> str:
    name = word.removeprefix("-")
    known = name.partition("=")[0] in VALUED | SWITCHES - {"h"}
    return f"--{name}" if word.startswith("-") and known else word


def _server_flags(words: Sequence[str]) -> list[str]:
    """What follows the last flag is dropped."""
    result: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] not in {"-", "--"}:
        word = rest.pop(0)
        name, equals, value = word.removeprefix("-").removeprefix("-").partition("=")
        if name in SWITCHES:
            if not equals or value in _TRUE:
                result.append("--help" if name == "h" else f"--{name}")
            elif value not in _FALSE:
                raise FlagError(f"invalid boolean value {value!r} for -{name}")
        elif name in VALUED:
            if not equals:
                if not rest:
                    raise FlagError(f"flag needs an argument: -{name}")
                value = rest.pop(0)
            result.append(f"--{name}={value}")
        else:
            raise FlagError(f"flag provided but not defined: {word.partition('=')[0]}")
    return result
