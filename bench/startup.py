"""Measure the start of hotbay, to its first answer, and its memory when idle.

Usage: python bench/startup.py [--starts N]. Budgets (design 5): listening in 0.5 s with a
small configuration and in 1 s with 200 models; 60 MB for hotbay, 12 MB for the warden.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from harness.build import compiled
from harness.contenders import run_hotbay
from harness.program import resident

SIZES = {"2 models": (2, 0.5), "200 models": (200, 1.0)}  # models, budget in seconds
SETTLED = 2.0  # seconds after which what starts in the background has started


def configuration(models: int) -> dict[str, object]:
    """Return a configuration of the kind people keep: macros, aliases, groups, metadata."""
    names = [f"vendor/model-{number:03}" for number in range(models)]
    entries = {
        name: {
            "cmd": f"${{server}} --announce yes --healthy-after {number}",
            "name": f"Model {number}",
            "description": "Answers at once, with as little work as possible",
            "aliases": [f"short-{number}", f"gpt-{number}"],
            "env": ["CUDA_VISIBLE_DEVICES=0"],
            "ttl": 600,
            "filters": {"stripParams": "temperature, top_p", "setParams": {"top_k": 40}},
            "metadata": {"context": 32768, "port": "${PORT}"},
        }
        for number, name in enumerate(names)
    }
    half = len(names) // 2
    return {
        "macros": {"server": f"{compiled('upstream')} --port ${{PORT}}"},
        "models": entries,
        "groups": {
            "large": {"swap": True, "exclusive": True, "members": names[:half]},
            "small": {"swap": False, "exclusive": False, "members": names[half:]},
        },
    }


def start(models: int) -> tuple[float, float, float]:
    """Start hotbay once; return the seconds to its port, and its and its warden's memory in MB."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotbay-bench-")))
        began = time.monotonic()
        hotbay = run_hotbay(stack, folder, configuration(models))
        took = time.monotonic() - began
        time.sleep(SETTLED)
        own, *others = [resident(pid) / 1e6 for pid in hotbay.program.pids()]
        return took, own, sum(others)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=7, help="of every configuration (7)")
    starts = parser.parse_args().starts
    start(2)  # compiles the modules and fills the page cache
    print(
        f"{'':12}{'port open, s':>14}{'worst':>8}{'budget':>8}{'hotbay, MB':>13}{'warden, MB':>13}"
    )
    for label, (models, budget) in SIZES.items():
        times, own, warden = zip(*(start(models) for _ in range(starts)), strict=True)
        print(
            f"{label:12}{median(times):14.3f}{max(times):8.3f}{budget:8.1f}"
            f"{median(own):13.1f}{median(warden):13.1f}"
        )


if __name__ == "__main__":
    main()
