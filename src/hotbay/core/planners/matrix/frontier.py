"""Frontiers (spec/matrix.md 6): ordered lists of masks of which none is part of another.

The specification adds entries one by one: a new mask that is part of a present one is
dropped; one that contains present ones removes them and goes to the end. Hence an entry
survives exactly if no other contains it, and the survivors stand in the order in which
they were first met. So candidates may be collected first and thinned out later.
"""

from __future__ import annotations

from collections.abc import Iterable

Entry = tuple[int, int]
"""A mask, and the combination it was first met in."""

Candidates = dict[int, int]
"""Masks with the combination each was first met in, in the order they were met."""


def union(one: Entry, other: Entry) -> Entry:
    """Return what both entries hold together."""
    return one[0] | other[0], one[1] | other[1]


def reach(entries: Iterable[Entry]) -> int:
    """Return the models that occur in any of the entries' masks."""
    mask = 0
    for other, _ in entries:
        mask |= other
    return mask


def add_entries(candidates: Candidates, entries: Iterable[Entry]) -> None:
    """Add entries to candidates."""
    for mask, combination in entries:
        candidates.setdefault(mask, combination)


def add_unions(candidates: Candidates, entry: Entry, others: Iterable[Entry]) -> None:
    """Add the union of one entry with each of the others."""
    mask, combination = entry
    for other_mask, other_combination in others:
        both = mask | other_mask
        if both not in candidates:
            candidates[both] = combination | other_combination


def drop_swallowed(candidates: Candidates) -> int:
    """Drop every mask that is part of another; return how many were compared for that."""
    by_size: dict[int, list[int]] = {}
    for mask in candidates:
        by_size.setdefault(mask.bit_count(), []).append(mask)
    if len(by_size) == 1:
        return 0
    compared = len(candidates)
    index = _Index()
    for size in sorted(by_size, reverse=True):
        kept = []
        for mask in by_size[size]:
            if index.has_superset(mask):
                del candidates[mask]
            else:
                kept.append(mask)
        for mask in kept:
            index.add(mask)
    return compared


class _Index:
    """Tells whether a mask is part of one added before, without looking at each of them.

    Holds for every bit which masks have it, as a bit set over the masks.
    """

    def __init__(self) -> None:
        self._size = 0
        self._holders: dict[int, int] = {}

    def add(self, mask: int) -> None:
        number = 1 << self._size
        self._size += 1
        holders = self._holders
        while mask:
            bit = mask & -mask
            holders[bit] = holders.get(bit, 0) | number
            mask ^= bit

    def has_superset(self, mask: int) -> bool:
        found = (1 << self._size) - 1
        while mask and found:
            bit = mask & -mask
            found &= self._holders.get(bit, 0)
            mask ^= bit
        return found != 0
