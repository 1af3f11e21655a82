"""Metrics are documented, and the dashboards ask for no other."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hotbay.activity.counters import Counters
from hotbay.activity.exposition import Gauges, exposition
from hotbay.activity.start_causes import KINDS
from hotbay.monitor.exposition import exposition as monitor_exposition
from hotbay.monitor.samples import GpuSample, HostSample, NetworkIo

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "metrics.md").read_text()
DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
PROMTOOL = shutil.which("promtool")
NAME = re.compile(r"\b(?:hotbay|llamaswap)_\w+")
each = pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)


def kinds() -> dict[str, str]:
    """The kind of every metric that the program tells, by name."""
    now = datetime.now(UTC)
    host = HostSample(
        timestamp=now,
        cpu_util_per_core=(1.0,),
        mem_total_mb=1,
        mem_used_mb=1,
        mem_free_mb=1,
        swap_total_mb=1,
        swap_used_mb=1,
        load_avg_1=1,
        load_avg_5=1,
        load_avg_15=1,
        net_io=(NetworkIo("eth0", 1, 1),),
        disk_io=(),
    )
    gpu = GpuSample(timestamp=now, id=0, name="GPU", uuid="GPU-1", mem_util_pct=1)
    text = monitor_exposition(host, [gpu]) + exposition(Counters([], []), Gauges())
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def series() -> set[str]:
    """The names under which the metrics can be asked for."""
    names = set()
    for name, kind in kinds().items():
        ends = ("_bucket", "_count", "_sum") if kind == "histogram" else ("",)
        names |= {name + end for end in ends}
    return names


def expressions(file: Path) -> list[str]:
    """What a dashboard asks for, with values for its variables."""
    dashboard = json.loads(file.read_text())
    asked = [target["expr"] for panel in panels(dashboard) for target in panel["targets"]]
    return [re.sub(r"\$[a-z]+", ".*", expr.replace("$__rate_interval", "1m")) for expr in asked]


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_every_metric_is_documented_and_every_documented_metric_exists() -> None:
    rows = re.findall(r"^\| `((?:hotbay|llamaswap)_\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert dict(rows) == kinds()
    assert len(rows) == len(kinds())


def test_every_cause_of_a_failed_start_is_documented() -> None:
    table = PAGE.partition("\n### Causes\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z ]+)` \|", table, re.MULTILINE) == list(KINDS)


@each
def test_a_dashboard_asks_only_for_what_there_is(file: Path) -> None:
    variables = json.loads(file.read_text())["templating"]["list"]
    asked = [*expressions(file), *(variable.get("definition", "") for variable in variables)]
    named = set(NAME.findall("\n".join(asked)))
    assert named
    assert named <= series()


def test_the_dashboards_show_every_metric() -> None:
    text = "\n".join(expr for file in DASHBOARDS for expr in expressions(file))
    shown = set(NAME.findall(text))
    assert [name for name in kinds() if not any(s.startswith(name) for s in shown)] == []


@each
def test_the_panels_of_a_dashboard_lie_beside_each_other(file: Path) -> None:
    dashboard = json.loads(file.read_text())
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert all(x < 24 for x, _ in cells), panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_dashboards_do_not_take_each_others_place() -> None:
    heads = [json.loads(file.read_text()) for file in DASHBOARDS]
    assert len({head["uid"] for head in heads}) == len({head["title"] for head in heads}) == 2


@each
@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_understands_what_a_dashboard_asks_for(file: Path, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": expr} for n, expr in enumerate(expressions(file))]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    assert PROMTOOL is not None
    checked = subprocess.run(
        [PROMTOOL, "check", "rules", path], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
