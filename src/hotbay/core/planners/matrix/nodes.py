"""The compiled form of an expression: a graph of nodes over models numbered by bits.

A referenced set is the same node wherever it is mentioned, so a program is never
larger than its text, whatever the number of combinations it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """One model.

    Attributes:
        support: the model's bit.
        first: the same.
    """

    support: int
    first: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)  # written out, a graph can be endless
class Branch:
    """Two or more operands.

    Attributes:
        operands: from left to right.
        support: every model that occurs below.
        first: the first combination in plain enumeration order.
        shared: models that occur below more than one operand.
    """

    operands: tuple[Node, ...]
    support: int
    first: int
    shared: int


class Choice(Branch):
    """The combinations of one operand, then those of the next (`|`)."""

    __slots__ = ()


class Join(Branch):
    """Every union of one combination of each operand (`&`)."""

    __slots__ = ()


Node = Leaf | Choice | Join


def leaf(bit: int) -> Leaf:
    """Return the node of one model."""
    return Leaf(bit, bit)


def choice(operands: tuple[Node, ...]) -> Choice:
    """Return the node of `operands` joined by `|`."""
    support, shared = _supports(operands)
    return Choice(operands, support, operands[0].first, shared)


def join(operands: tuple[Node, ...]) -> Join:
    """Return the node of `operands` joined by `&`."""
    support, shared = _supports(operands)
    first = 0
    for operand in operands:
        first |= operand.first
    return Join(operands, support, first, shared)


def _supports(operands: tuple[Node, ...]) -> tuple[int, int]:
    support = shared = 0
    for operand in operands:
        shared |= support & operand.support
        support |= operand.support
    return support, shared
