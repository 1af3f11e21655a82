"""What a tiny chat model says next: for each token that leads, how likely the others are.

Pure: a table from words, which `chat` turns into weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from hotbay.llamacpp.tiny.text import JSON_STRINGS, SECOND_THOUGHT, SPACE, THOUGHTS
from hotbay.llamacpp.tiny.vocabulary import (
    NEWLINE,
    THINK,
    THINK_END,
    TOOL_CALL,
    TOOL_CALL_END,
    TURN_END,
    USE_TOOL,
)

Table = dict[str, dict[str, float]]

_ENDS = 0.45  # weight of ending the answer, against each further sentence
_FIRST = "I"  # an answer starts with this word, and without a space


def phrase_table(sentences: list[list[str]], *, thinking: bool) -> Table:
    """The likelihood of each next piece by the piece before; rows add up to 1."""
    table: Table = {}
    for sentence in sentences:
        _chain(table, sentence)
    _add(table, _FIRST, sentences[0][1])
    for sentence in sentences[1:]:
        _add(table, ".", sentence[0])
    _add(table, ".", TURN_END, _ENDS * len(sentences))
    if thinking:
        _think(table)
    else:
        _add(table, NEWLINE, _FIRST)
    _call_tools(table)
    return {lead: _shares(row) for lead, row in table.items()}


def _think(table: Table) -> None:
    # The sentences use none of these words with a space before them, so that
    # thoughts and answer do not run into each other.
    first, *others = THOUGHTS
    thoughts = [first, *(SPACE + word for word in others)]
    _chain(table, [NEWLINE, THINK, *thoughts])
    _add(table, thoughts[-1], SPACE + SECOND_THOUGHT, 0.4)
    _add(table, thoughts[-1], THINK_END, 0.6)
    _chain(table, [SPACE + SECOND_THOUGHT, THINK_END, _FIRST])


def _call_tools(table: Table) -> None:
    _chain(table, [USE_TOOL, TOOL_CALL, NEWLINE])
    _add(table, TOOL_CALL_END, TURN_END)
    for text in JSON_STRINGS:
        _chain(table, ['"', text, '"'])
    for mark in "0123456789}":  # end a number or an object where the grammar allows it
        _add(table, mark, _FIRST, 0.98)
        _add(table, mark, "}", 0.01)
        _add(table, mark, TOOL_CALL_END, 0.01)


def _chain(table: Table, pieces: Iterable[str]) -> None:
    for lead, following in pairwise(pieces):
        _add(table, lead, following)


def _add(table: Table, lead: str, following: str, weight: float = 1.0) -> None:
    row = table.setdefault(lead, {})
    row[following] = row.get(following, 0.0) + weight


def _shares(row: dict[str, float]) -> dict[str, float]:
    total = sum(row.values())
    return {piece: weight / total for piece, weight in row.items()}
