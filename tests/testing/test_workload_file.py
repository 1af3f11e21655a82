"""Workload files (hotbay.testing.workload_file, docs/simulator.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotbay.config import ConfigError, Sources, load
from hotbay.config.model import Config
from hotbay.testing.workload import (
    Burst,
    ClosedLoop,
    ModelTimes,
    OpenLoop,
    Span,
    Workload,
)
from hotbay.testing.workload_file import LoadedWorkload, load_workload, workload_text


@pytest.fixture
def config(tmp_path: Path) -> Config:
    file = tmp_path / "config.yaml"
    file.write_text(
        "models:\n  a: {cmd: x, proxy: 'http://h', aliases: [ay]}\n"
        "  'b: \"ü\"': {cmd: x, proxy: 'http://h'}\n",
        encoding="utf-8",
    )
    return load(Sources(file)).config


def read(config: Config, folder: Path, text: str) -> LoadedWorkload:
    file = folder / "workload.yaml"
    file.write_text(text, encoding="utf-8")
    return load_workload(file, config)


def test_every_kind_of_client_is_read(config: Config, tmp_path: Path) -> None:
    text = """\
models:
  ay: {load: 7.5, stop: 1, run: 1..4.5}
clients:
  - {model: ay, kind: closed, clients: 3, think: 2, at: 1, duration: 30}
  - {model: a, kind: open, rate: 0.5, at: 2, duration: 40}
  - {model: a, kind: burst, count: 4, at: 3}
"""
    assert read(config, tmp_path, text).workload == Workload(
        (
            ClosedLoop("a", 3, Span(2, 2), 1, 30),
            OpenLoop("a", 0.5, 2, 40),
            Burst("a", 4, 3),
        ),
        {"a": ModelTimes(7.5, 1, Span(1, 4.5))},
    )


def test_what_is_not_said_has_its_default(config: Config, tmp_path: Path) -> None:
    text = '{"models": {"a": {}}, "clients": [{"model": "a", "kind": "closed"}]}'
    expected = Workload((ClosedLoop("a", 1, Span(0, 0), 0, 600),), {"a": ModelTimes()})
    assert read(config, tmp_path, text).workload == expected


def test_what_is_written_reads_back_as_the_same(config: Config, tmp_path: Path) -> None:
    odd = 'b: "ü"'
    workload = Workload(
        (ClosedLoop(odd, 2, Span(1, 2.5)), OpenLoop("a", 0.25, 1.5, 9), Burst(odd, 3, 4)),
        {odd: ModelTimes(0.125, 0, Span(0.5, 3)), "a": ModelTimes()},
    )
    assert read(config, tmp_path, workload_text(workload)).workload == workload


def test_an_unknown_key_is_a_warning(config: Config, tmp_path: Path) -> None:
    (warning,) = read(config, tmp_path, "models: {a: {laod: 3}}").warnings
    assert str(warning).endswith(
        "workload.yaml:1:14: models.a.laod: unknown key, it is ignored; did you mean 'load'?"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("clients: [", ": not valid YAML: "),
        ("- a", ":1:1: the configuration must be a mapping at the top"),
        ("models: {a: {load: -1}}", ":1:20: models.a.load: must be a number of at least 0"),
        ("models: {a: {stop: .inf}}", "models.a.stop: must be a number of at least 0, found inf"),
        ("models: {a: {run: 4..1}}", "models.a.run: the span ends before it begins: 4..1"),
        ("models: {a: {run: fast}}", "models.a.run: expected seconds such as 2 or a span such as"),
        ("models: {z: {}}", ":1:10: models.z: no model or alias 'z'; the models are: a, b"),
        ("models: {a: {}, ay: {}}", ":1:17: models.ay: the model 'a' is there already"),
        ("clients: {model: a}", "clients: expected a list, found a mapping"),
        ("clients: [{kind: burst}]", "clients[0].model: missing; it is required"),
        ("clients: [{model: a}]", "clients[0].kind: missing; it is required"),
        (
            "clients: [{model: a, kind: opne}]",
            ":1:28: clients[0].kind: expected one of closed, open, burst, found the text 'opne'",
        ),
        (
            "clients:\n  - {model: a, kind: burst}\n  - {model: z, kind: burst}",
            ":3:13: clients[1].model: no model or alias 'z'; the models are: a, b",
        ),
        ("clients: [{model: a, kind: open}]", ":1:11: clients[0].rate: missing"),
        ("clients: [{model: a, kind: open, rate: 0}]", "clients[0].rate: must be more than 0"),
        ("clients: [{model: a, kind: burst, count: 0}]", "clients[0].count: must be at least 1"),
        (
            "clients: [{model: a, kind: open, rate: 1, think: 3}]",
            ":1:50: clients[0].think: belongs to clients of kind closed, not open",
        ),
        (
            "clients: [{model: a, kind: burst, duration: 3}]",
            "clients[0].duration: belongs to clients of kind closed and open, not burst",
        ),
        (
            "models: {a: {run: 0}}\nclients: [{model: a, kind: closed}]",
            "clients[0].think: neither runs nor thinks",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(
    config: Config, tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(config, tmp_path, text)
    assert told in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "workload.yaml"))


def test_every_mistake_is_told_at_once(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(config, tmp_path, "models: {y: {}}\nclients: [{model: z, kind: burst, rate: 1}]")
    assert [p.path for p in caught.value.problems] == [
        "models.y",
        "clients[0].model",
        "clients[0].rate",
    ]


def test_a_missing_file_is_told(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the file"):
        load_workload(tmp_path / "none.yaml", config)
