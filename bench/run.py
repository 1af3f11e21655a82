"""Measure hotbay against nginx as a plain proxy, in turns on the same processor.

Usage: python bench/run.py [--quick] [--json]. What the figures mean: bench/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from harness.contenders import Contender, Cpus, start_hotbay, start_nginx
from harness.loads import Cost, Generator, Load, all_loads, requests
from harness.report import Row, as_data, as_table, compared

IDLE = 1000
CPU_BUDGETS = {"small": 3.5, "streamed": 1.4, "200": 2.5, "5": 2.5}  # by first word, design 5
MEMORY_BUDGET = 60 + 12  # MB, hotbay and its warden
IDLE_BUDGET = 10  # MB
P50_BUDGETS = {"small request, c=1": 1.1}

Pairs = list[tuple[Cost, Cost]]


def measure(
    loads: Sequence[Load],
    sides: Sequence[Contender],
    generator: Generator,
    rounds: int,
    seconds: float,
) -> dict[str, Pairs]:
    """Run every load against both sides in each round; who goes first changes by the round."""
    costs: dict[str, Pairs] = {load.name: [] for load in loads}
    for turn in range(rounds):
        for load in loads:
            print(f"round {turn + 1} of {rounds}: {load.name}", file=sys.stderr)
            order = sides if turn % 2 == 0 else list(reversed(sides))
            found = {side.name: generator.run(load, side, seconds) for side in order}
            costs[load.name].append((found[sides[0].name], found[sides[1].name]))
    return costs


def cost_rows(costs: dict[str, Pairs]) -> list[Row]:
    rows = [
        compared(
            f"CPU: {name}", "µs", [(a.cpu, b.cpu) for a, b in pairs], CPU_BUDGETS[name.split()[0]]
        )
        for name, pairs in costs.items()
    ]
    for name, pairs in costs.items():
        budget = P50_BUDGETS.get(name)
        rows.append(compared(f"p50: {name}", "µs", [(a.p50, b.p50) for a, b in pairs], budget))
        rows.append(compared(f"p99: {name}", "µs", [(a.p99, b.p99) for a, b in pairs]))
    return rows


def run(*, rounds: int, seconds: float) -> list[Row]:
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        sys.exit("the benchmark needs two processors: one for the proxies, one for the load")
    cpus = Cpus(*processors[:2])
    os.sched_setaffinity(0, {cpus.load})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotbay-bench-")))
        generator = Generator(folder, cpus.load)
        sides = [
            start_hotbay(stack, folder / "hotbay", cpus),
            start_nginx(stack, folder / "nginx", cpus),
        ]
        for side in sides:  # the first request starts hotbay's model server
            generator.run(requests("warm-up", 4, 500, 800), side, 0.2)
        idle = [side.program.resident() / 1e6 for side in sides]
        held = [generator.held_by_idle(IDLE, side) for side in sides]
        costs = measure(all_loads(seconds), sides, generator, rounds, seconds)
        after = [side.program.resident() / 1e6 for side in sides]
    return [
        *cost_rows(costs),
        Row("memory: idle", "MB", idle[0], idle[1], budget=MEMORY_BUDGET),
        Row(f"memory: {IDLE} idle connections", "MB more", held[0], held[1], budget=IDLE_BUDGET),
        Row("memory: after all loads", "MB", after[0], after[1]),
    ]


def raise_file_limit() -> None:
    """Allow for all connections of a run, in this process and in those it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard > 0 else 65536, hard))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short and rough: about half a minute")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    raise_file_limit()
    rounds, seconds = (2, 1.0) if options.quick else (7, 2.0)
    rows = run(rounds=rounds, seconds=seconds)
    if options.json:
        print(json.dumps(as_data(rows, rounds, seconds), indent=2))
    else:
        print(as_table(rows))


if __name__ == "__main__":
    main()
