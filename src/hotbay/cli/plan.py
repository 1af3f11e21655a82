"""`hotbay plan`: whom a request would evict, without starting anything."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from hotbay.cli.load import load_or_report
from hotbay.config import Sources
from hotbay.config.model import Config
from hotbay.config.rules import compile_rules
from hotbay.core.planners.planner import View
from hotbay.core.planners.registry import make_planner


def plan(
    config: Path | None,
    config_dir: Path | None,
    running: Sequence[str],
    target: str,
    *,
    as_json: bool,
) -> int:
    """Print the decision for a request of `target` while `running` run; return the exit code."""
    loaded = load_or_report(Sources(config, config_dir))
    if loaded is None:
        return 1
    names = [_model(loaded, name) for name in (*running, target)]
    if None in names:
        return 1
    *up, model = [name for name in names if name is not None]
    view = View(tuple(sorted(set(up))))
    decision = make_planner(compile_rules(loaded)).decide(model, view)
    if as_json:
        print(
            json.dumps(
                {
                    "target": model,
                    "evict": list(decision.evict),
                    "set": decision.set,
                    "cost": decision.cost,
                    "reason": decision.reason,
                }
            )
        )
    else:
        stops = f"stops {', '.join(decision.evict)}" if decision.evict else "stops nothing"
        print(f"{model}: {stops} ({decision.reason})")
    return 0


def _model(config: Config, name: str) -> str | None:
    model = config.names.local(name)
    if model is None:
        known = ", ".join(sorted(config.models)) or "none"
        print(f"no model or alias {name!r}; the models are: {known}", file=sys.stderr)
    return model
