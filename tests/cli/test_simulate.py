"""`hotbay simulate` (docs/simulator.md)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.conftest import Run

CONFIG = """\
models:
  a: {cmd: 'a ${PORT}', aliases: [ay]}
  b: {cmd: 'b ${PORT}'}
  c: {cmd: 'c ${PORT}', unlisted: true}
"""
TURNS = """\
models:
  a: {load: 5, stop: 1, run: 2}
  b: {load: 5, stop: 1, run: 2}
  c: {load: 5, stop: 1, run: 2}
clients:
"""
BESIDE = CONFIG + "groups:\n  all: {swap: false, members: [a, b, c]}\n"


@pytest.fixture
def config(tmp_path: Path) -> str:
    return written(tmp_path / "config.yaml", CONFIG)


def written(file: Path, text: str) -> str:
    file.write_text(text)
    return str(file)


def turns(folder: Path, names: str = "abcabc") -> str:
    bursts = "".join(f"  - {{model: {name}, kind: burst}}\n" for name in names)
    return written(folder / "turns.yaml", TURNS + bursts)


def store(folder: Path, *rows: tuple[int, str, int]) -> str:
    file = folder / "activity.sqlite"
    with closing(sqlite3.connect(file)) as made:
        made.execute(
            "CREATE TABLE activity (id INTEGER PRIMARY KEY AUTOINCREMENT, ts_created, "
            "model_id, duration_ms)"
        )
        made.executemany(
            "INSERT INTO activity (ts_created, model_id, duration_ms) VALUES (?, ?, ?)", rows
        )
        made.commit()
    return str(file)


def test_the_figures_are_printed(run: Run, config: str, tmp_path: Path) -> None:
    code, out, err = run("simulate", "--config", config, "--workload", turns(tmp_path))
    assert (code, err) == (0, "")
    first, *table = [line.split() for line in out.splitlines() if line]
    assert " ".join(first) == ("virtual seconds 23.0, seed 0, requests 6, swaps 2, cold starts 3")
    waits = ["5.00", "s"] * 4
    assert table[1] == ["a", "2", "2", "0", "1", *waits]
    assert table[4][:5] == ["(all)", "6", "6", "0", "3"]
    assert "  a and b: a stopped b never, b stopped a once\n" in out
    assert "  b and c: b stopped c never, c stopped b once\n" in out


def test_two_configurations_can_be_compared(run: Run, config: str, tmp_path: Path) -> None:
    beside = written(tmp_path / "beside.yaml", BESIDE)
    workload = turns(tmp_path)
    figures = [
        json.loads(run("simulate", "--config", file, "--workload", workload, "--json")[1])
        for file in (config, beside)
    ]
    assert [told["swaps"] for told in figures] == [2, 0]
    assert [told["total"]["waiting"]["max"] for told in figures] == [21, 5]


def test_json_has_every_figure(run: Run, config: str, tmp_path: Path) -> None:
    workload = turns(tmp_path, "ab")
    _, out, _ = run("simulate", "--config", config, "--workload", workload, "--json", "--seed", "7")
    waits = [dict.fromkeys(("p50", "p90", "p99", "max"), seconds) for seconds in (5, 13)]
    a, b = (
        {
            "requests": 1,
            "served": 1,
            "refused": {},
            "coldStarts": 1,
            "failedStarts": 0,
            "waiting": wait,
        }
        for wait in waits
    )
    told = json.loads(out)
    assert told.pop("total")["waiting"] == {"p50": 9, "p90": 12.2, "p99": 12.92, "max": 13}
    assert told == {
        "seed": 7,
        "seconds": 15,
        "swaps": 1,
        "models": {"a": a, "b": b},
        "conflicts": [{"models": ["a", "b"], "stops": [0, 1], "total": 1}],
        "unknownModels": {},
        "leftOut": 0,
        "workload": None,
    }


def test_without_a_workload_one_is_played_and_printed(
    run: Run, config: str, tmp_path: Path
) -> None:
    _, out, _ = run("simulate", "--config", config)
    assert '- {model: "a", kind: closed, clients: 2, think: 0, at: 0, duration: 600}' in out
    assert '{model: "c"' not in out
    _, told, _ = run("simulate", "--config", config, "--json")
    chosen = json.loads(told)
    again = written(tmp_path / "chosen.yaml", chosen["workload"])
    _, told, _ = run("simulate", "--config", config, "--json", "--workload", again)
    assert json.loads(told) == {**chosen, "workload": None}


def test_the_same_seed_gives_the_same_figures(run: Run, config: str, tmp_path: Path) -> None:
    text = "models: {a: {run: 1..9}}\nclients: [{model: a, kind: open, rate: 0.3},"
    workload = written(tmp_path / "open.yaml", f"{text} {{model: b, kind: open, rate: 0.1}}]")
    command = ("simulate", "--config", config, "--workload", workload, "--json", "--seed")
    first, same, other = (run(*command, seed)[1] for seed in ("1", "1", "2"))
    assert first == same
    assert json.loads(first)["total"] != json.loads(other)["total"]


def test_a_history_is_replayed(run: Run, config: str, tmp_path: Path) -> None:
    # `a` from 0 to 4 s, `b` from 10 s on; each loads for 5 s, and stopping takes 0.5 s.
    history = store(tmp_path, (1_004, "ay", 4_000), (1_013, "b", 3_000), (1_020, "ghost", 1))
    code, out, _ = run("simulate", "--config", config, "--activity", history, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["unknownModels"] == {"ghost": 1}
    assert {name: model["waiting"]["max"] for name, model in told["models"].items()} == {
        "a": 5,
        "b": 5.5,
    }
    assert told["seconds"] == 18.5
    _, out, _ = run("simulate", "--config", config, "--activity", history)
    assert "1 left out of the history: no model or alias 'ghost'" in out


def test_a_workload_says_how_long_the_models_of_a_history_load(
    run: Run, config: str, tmp_path: Path
) -> None:
    history = store(tmp_path, (1_004, "a", 4_000))
    times = written(tmp_path / "times.yaml", "models: {a: {load: 30}}")
    command = ("simulate", "--config", config, "--activity", history, "--workload", times)
    assert json.loads(run(*command, "--json")[1])["total"]["waiting"]["max"] == 30


def test_refusals_and_failed_starts_are_told(run: Run, tmp_path: Path) -> None:
    config = written(tmp_path / "config.yaml", f"healthCheckTimeout: 15\n{CONFIG}")
    text = "models: {a: {load: 20}}\nclients: [{model: a, kind: burst, count: 12}]"
    workload = written(tmp_path / "burst.yaml", text)
    _, out, _ = run("simulate", "--config", config, "--workload", workload)
    assert "2 refused: concurrency limit\n" in out
    assert "10 refused: start failed\n" in out
    assert "a: 1 of 1 starts failed\n" in out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("clients: [", "not valid YAML"),
        ("clients: [{model: ghost, kind: burst}]", "no model or alias 'ghost'; the models are: a"),
        ("clients: [{model: a, kind: opne}]", "expected one of closed, open, burst"),
        ("models: {a: {}}", "the workload has no clients"),
        ("clients: [{model: a, kind: burst, count: 200000}]", "more than 100000 requests"),
    ],
)
def test_a_workload_that_cannot_be_played_is_told(
    run: Run, config: str, tmp_path: Path, text: str, told: str
) -> None:
    workload = written(tmp_path / "workload.yaml", text)
    code, out, err = run("simulate", "--config", config, "--workload", workload)
    assert (code, out) == (1, "")
    assert told in err


def test_a_store_or_configuration_that_cannot_be_used_is_told(run: Run, config: str) -> None:
    code, out, err = run("simulate", "--config", config, "--activity", config)
    assert (code, out) == (1, "")
    assert "cannot be read as an activity store" in err
    code, _, err = run("simulate", "--config", f"{config}.none")
    assert code == 1
    assert "cannot read the file" in err


def test_a_warning_does_not_stop_it(run: Run, config: str, tmp_path: Path) -> None:
    text = "models: {a: {laod: 1}}\nclients: [{model: a, kind: burst}]"
    workload = written(tmp_path / "workload.yaml", text)
    code, _, err = run("simulate", "--config", config, "--workload", workload)
    assert code == 0
    assert "did you mean 'load'?" in err
