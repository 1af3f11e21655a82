"""`hotbay plan` (design 6)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Run

CONFIG = """\
models:
  a: {cmd: 'a ${PORT}', aliases: [ay]}
  b: {cmd: 'b ${PORT}'}
  c: {cmd: 'c ${PORT}'}
groups:
  pair: {swap: false, members: [b, c]}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    return str(file)


def test_who_is_evicted_is_told_in_one_line(run: Run, config: str) -> None:
    code, out, err = run("plan", "--config", config, "--running", " b, c ,", "a")
    assert (code, err) == (0, "")
    assert out.startswith("a: stops b, c")
    assert out.count("\n") == 1


def test_nothing_running_means_nobody_is_evicted(run: Run, config: str) -> None:
    code, out, _ = run("plan", "b", "-config", config)
    assert code == 0
    assert out.startswith("b: stops nothing")


def test_json_has_the_members_of_the_api(run: Run, config: str) -> None:
    code, out, _ = run("plan", "--config", config, "--running", "ay", "--json", "b")
    told = json.loads(out)
    assert code == 0
    assert (told["target"], told["evict"], told["action"]) == ("b", ["a"], "swap")
    assert {"set", "cost", "reason", "runnerUp", "wait", "text"} < told.keys()


def test_a_model_that_runs_is_granted(run: Run, config: str) -> None:
    _, out, _ = run("plan", "--config", config, "--running", "c", "--json", "c")
    told = json.loads(out)
    assert (told["action"], told["evict"], told["wait"]) == ("grant", [], None)


@pytest.mark.parametrize(
    ("words", "named"), [(["ghost"], "ghost"), (["a", "--running", "b,spook"], "spook")]
)
def test_an_unknown_model_is_named_beside_the_known_ones(
    run: Run, config: str, words: list[str], named: str
) -> None:
    code, out, err = run("plan", "--config", config, *words)
    assert (code, out) == (1, "")
    assert f"no model or alias '{named}'; the models are: a, b, c" in err


def test_every_unknown_model_is_named(run: Run, config: str) -> None:
    _, _, err = run("plan", "--config", config, "ghost", "--running", "spook")
    assert "ghost" in err
    assert "spook" in err
