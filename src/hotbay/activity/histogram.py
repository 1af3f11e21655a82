"""How values are distributed (spec/activity-store.md 5). Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

FEWEST_BINS = 5
MOST_BINS = 20


class Histogram(NamedTuple):
    """A distribution; `bins` are counts, each of a range as wide as the others.

    `bin_size` is 0 if all values are equal: then there is one bin.
    """

    bins: list[int]
    min: float
    max: float
    bin_size: float
    p50: float
    p95: float
    p99: float


def histogram_of(values: Sequence[float]) -> Histogram | None:
    """Return how sorted values are distributed; None if there are none."""
    if not values:
        return None
    low, high = values[0], values[-1]
    bins, size = _bins(values)
    return Histogram(bins, low, high, size, *(percentile(values, p) for p in (50, 95, 99)))


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of sorted values, by linear interpolation between neighbours."""
    rank = percent * (len(values) - 1) / 100
    below, above = values[math.floor(rank)], values[math.ceil(rank)]
    return below + (above - below) * (rank - math.floor(rank))


def _bins(values: Sequence[float]) -> tuple[list[int], float]:
    """Count by Sturges' rule: 1 + log2 n bins (https://doi.org/10.1080/01621459.1926.10502161)."""
    low, high = values[0], values[-1]
    number = min(MOST_BINS, max(FEWEST_BINS, 1 + (len(values) - 1).bit_length()))
    size = (high - low) / number
    if size == 0:
        return [len(values)], 0.0
    # By the same arithmetic that says to which bin a single value belongs.
    starts = [
        bisect_left(values, place, key=lambda value: math.floor((value - low) / size))
        for place in range(1, number)
    ]
    return [end - begin for begin, end in pairwise([0, *starts, len(values)])], size
