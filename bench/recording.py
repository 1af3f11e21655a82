"""Measure what recording costs: hotbay with and without it, in turns on the same processor.

Usage: python bench/recording.py [--rounds N] [--seconds S]. What the figures mean: bench/README.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from harness.contenders import Contender, Cpus, start_hotbay
from harness.loads import SMALL, Cost, Generator, Load, requests, streams

Pairs = list[tuple[Cost, Cost]]


def measure(
    loads: Sequence[Load],
    sides: Sequence[Contender],
    generator: Generator,
    rounds: int,
    seconds: float,
) -> dict[str, Pairs]:
    """Run every load with and without recording in each round; who goes first changes."""
    costs: dict[str, Pairs] = {load.name: [] for load in loads}
    for turn in range(rounds):
        print(f"round {turn + 1} of {rounds}", file=sys.stderr)
        for load in loads:
            order = sides if turn % 2 == 0 else list(reversed(sides))
            found = {side: generator.run(load, side, seconds) for side in order}
            costs[load.name].append((found[sides[0]], found[sides[1]]))
    return costs


def show(costs: dict[str, Pairs]) -> None:
    print("| CPU | with | without | ratio | p50 with | p50 without |\n|---|---|---|---|---|---|")
    for name, pairs in costs.items():
        on, off = (median(cost.cpu for cost in side) for side in zip(*pairs, strict=True))
        p50s = [median(cost.p50 for cost in side) for side in zip(*pairs, strict=True)]
        ratio = median(a.cpu / b.cpu for a, b in pairs)
        print(
            f"| {name} | {on:.1f} µs | {off:.1f} µs | {ratio:.2f}"
            f" | {p50s[0]:.0f} µs | {p50s[1]:.0f} µs |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        sys.exit("the benchmark needs two processors: one for hotbay, one for the load")
    cpus = Cpus(*processors[:2])
    os.sched_setaffinity(0, {cpus.load})
    loads = [
        requests("small request, c=1", 1, SMALL, 800),
        requests("small request, c=16", 16, SMALL, 800),
        streams(options.seconds),
    ]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotbay-bench-")))
        generator = Generator(folder, cpus.load)
        sides = [
            start_hotbay(stack, folder / "with", cpus),
            start_hotbay(stack, folder / "without", cpus, recorded=False),
        ]
        for side in sides:  # the first request starts hotbay's model server
            generator.run(requests("warm-up", 4, SMALL, 800), side, 1.0)
        show(measure(loads, sides, generator, options.rounds, options.seconds))


if __name__ == "__main__":
    main()
