"""Expression text to tokens (spec/matrix.md 2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from hotbay.core.planners.matrix.errors import ExpressionError


class Kind(Enum):
    """What a token is; the values of the operators are their characters."""

    AND = "&"
    OR = "|"
    OPEN = "("
    CLOSE = ")"
    REFERENCE = "reference"
    NAME = "name"
    END = "end"


OPERATORS = {kind.value: kind for kind in (Kind.AND, Kind.OR, Kind.OPEN, Kind.CLOSE)}


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        kind: what it is.
        text: the name of a reference or a name; the character of an operator; empty at the end.
        column: 1-based position of its first character.
    """

    kind: Kind
    text: str
    column: int

    def __str__(self) -> str:
        """Return the token as an error message calls it."""
        match self.kind:
            case Kind.END:
                return "the end"
            case Kind.REFERENCE:
                return f"'+{self.text}'"
            case _:
                return f"{self.text!r}"


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of an expression, `END` last.

    Raises:
        ExpressionError: a character that starts no token.
    """
    position = 0
    while position < len(text):
        char, column = text[position], position + 1
        if char in OPERATORS:
            yield Token(OPERATORS[char], char, column)
            position += 1
        elif char == "+":
            end = _end_of_name(text, position + 1)
            if end == position + 1:
                raise ExpressionError("'+' must be followed at once by the name of a set", column)
            yield Token(Kind.REFERENCE, text[position + 1 : end], column)
            position = end
        elif _is_name_character(char):
            end = _end_of_name(text, position)
            yield Token(Kind.NAME, text[position:end], column)
            position = end
        elif _is_space(char):
            position += 1
        else:
            raise ExpressionError(
                f"unexpected character {char!r}; use a var for a model whose ID contains it", column
            )
    yield Token(Kind.END, "", len(text) + 1)


def _end_of_name(text: str, start: int) -> int:
    end = start
    while end < len(text) and _is_name_character(text[end]):
        end += 1
    return end


def _is_name_character(char: str) -> bool:
    return char.isalpha() or char.isdecimal() or char in "_-."


def _is_space(char: str) -> bool:
    # str.isspace() also takes the four separators U+001C to U+001F, which Unicode does not.
    return char.isspace() and not "\x1c" <= char <= "\x1f"
