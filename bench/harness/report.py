"""What a run found: medians, ratios and budgets, as a table or as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """One figure of hotbay beside nginx's.

    Attributes:
        what, unit: what was measured.
        hotbay, nginx: the medians over all rounds.
        ratio: the median of the ratios of the single rounds; None where it says nothing.
        budget: what design 5 allows at most, of the ratio or, without one, of hotbay's figure;
            None where it sets nothing.
    """

    what: str
    unit: str
    hotbay: float
    nginx: float
    ratio: float | None = None
    budget: float | None = None


def compared(
    what: str, unit: str, pairs: Iterable[tuple[float, float]], budget: float | None = None
) -> Row:
    """Return the row of (hotbay, nginx) figures that were measured one after the other."""
    measured = list(pairs)
    ratio = median(ours / theirs for ours, theirs in measured)
    hotbay, nginx = (median(side) for side in zip(*measured, strict=True))
    return Row(what, unit, hotbay, nginx, ratio, budget)


def as_data(rows: Sequence[Row], rounds: int, seconds: float) -> dict[str, object]:
    """Return a run as plain data for JSON."""
    machine = {
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }
    run = {"rounds": rounds, "seconds": seconds}
    return {"machine": machine, "run": run, "rows": [asdict(row) for row in rows]}


def as_table(rows: Sequence[Row]) -> str:
    """Return a run as text."""
    header = ["", "unit", "hotbay", "nginx", "ratio", "budget", ""]
    cells = [header, *([*_cells(row)] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for line in cells:
        left = [cell.ljust(width) for cell, width in zip(line[:2], widths[:2], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
        lines.append("  ".join(left + right).rstrip())
    return "\n".join(lines)


def _cells(row: Row) -> Iterable[str]:
    yield row.what
    yield row.unit
    yield f"{row.hotbay:.1f}"
    yield f"{row.nginx:.1f}"
    yield "" if row.ratio is None else f"{row.ratio:.2f}"
    yield "" if row.budget is None else f"{row.budget:.2f}"
    figure = row.hotbay if row.ratio is None else row.ratio
    yield "over" if row.budget is not None and figure > row.budget else ""
