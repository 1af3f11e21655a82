"""`hotbay check`: is this configuration valid, and what does it come to?"""

from __future__ import annotations

import json
from pathlib import Path

from hotbay.cli.load import load_or_report
from hotbay.config import Sources
from hotbay.config.effective import effective


def check(config: Path | None, config_dir: Path | None, *, as_json: bool) -> int:
    """Report every error and warning; print the effective configuration if asked for."""
    loaded = load_or_report(Sources(config, config_dir))
    if loaded is None:
        return 1
    if as_json:
        print(json.dumps(effective(loaded.config), indent=2, ensure_ascii=False))
    else:
        count = len(loaded.config.models)
        print(f"the configuration is valid: {count} model{'' if count == 1 else 's'}")
    return 0
