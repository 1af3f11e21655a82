"""`hotbay plan`: whom a request would evict, without starting anything."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from hotbay.api.explain import as_plain
from hotbay.cli.load import load_or_report
from hotbay.config import Sources
from hotbay.config.model import Config
from hotbay.config.rules import compile_rules
from hotbay.core.machine import Machine


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
    names = [_model(loaded.config, name) for name in (*running, target)]
    if None in names:
        return 1
    *up, model = [name for name in names if name is not None]
    found = Machine(compile_rules(loaded.config)).forecast(model, 0.0, up)
    if found is None or found.action == "refuse":
        print(found.text if found else f"no model {model!r}", file=sys.stderr)
        return 1
    print(json.dumps(as_plain(found)) if as_json else found.text)
    return 0


def _model(config: Config, name: str) -> str | None:
    model = config.names.local(name)
    if model is None:
        known = ", ".join(sorted(config.models)) or "none"
        print(f"no model or alias {name!r}; the models are: {known}", file=sys.stderr)
    return model
