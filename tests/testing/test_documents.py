"""What docs/simulator.md and docs/planners.md show is run as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hotbay.config import Sources, load
from hotbay.testing.workload_file import load_workload

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    return [
        text for kind, text in BLOCK.findall((DOCS / page).read_text("utf-8")) if kind == language
    ]


def hotbay(folder: Path, *words: str) -> str:
    """Run the program in a folder whose modules it finds; returns what it printed."""
    return python(folder, "-m", "hotbay", *words)


def python(folder: Path, *words: str) -> str:
    ended = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture
def planner(tmp_path: Path) -> Path:
    """Return a folder with the example of docs/planners.md."""
    module, test = blocks("planners.md", "python")
    (config,) = blocks("planners.md", "yaml")
    (tmp_path / "gpu_planner.py").write_text(module)
    (tmp_path / "test_gpu_planner.py").write_text(test)
    (tmp_path / "config.yaml").write_text(config)
    return tmp_path


def test_the_example_of_a_planner_passes_its_own_tests(planner: Path) -> None:
    told = python(planner, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_gpu_planner.py")
    assert "3 passed" in told


def test_the_example_of_a_planner_plans_and_simulates(planner: Path) -> None:
    told = hotbay(planner, "plan", "--config", "config.yaml", "--running", "chat,embed", "coder")
    assert told.startswith("coder: stops chat (coder needs 18 GiB of 24 on GPU left)")
    figures = json.loads(hotbay(planner, "simulate", "--config", "config.yaml", "--json"))
    assert {tuple(one["models"]) for one in figures["conflicts"]} == {("chat", "coder")}


def test_the_example_of_a_workload_is_valid(tmp_path: Path) -> None:
    workload, _, _ = blocks("simulator.md", "yaml")
    (tmp_path / "workload.yaml").write_text(workload)
    config = tmp_path / "config.yaml"
    config.write_text("models: {qwen: {cmd: 'x ${PORT}'}, coder: {cmd: 'x ${PORT}'}}")
    loaded = load_workload(tmp_path / "workload.yaml", load(Sources(config)).config)
    assert not loaded.warnings
    assert len(loaded.workload.clients) == 3


@pytest.mark.parametrize(("patience", "waits"), [("2", 4.2), ("0", 292.2)])
def test_the_example_of_starving_gives_the_figures_that_it_tells(
    tmp_path: Path, patience: str, waits: float
) -> None:
    _, attack, config = blocks("simulator.md", "yaml")
    (tmp_path / "attack.yaml").write_text(attack)
    (tmp_path / "config.yaml").write_text(config.replace("maxWait: 2", f"maxWait: {patience}"))
    words = ("--config", "config.yaml", "--workload", "attack.yaml", "--json")
    told = json.loads(hotbay(tmp_path, "simulate", *words))
    assert told["models"]["b"]["waiting"]["max"] == waits
    assert f"{waits} seconds" in (DOCS / "simulator.md").read_text("utf-8")
