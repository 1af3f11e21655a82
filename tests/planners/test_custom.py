"""Planners of one's own: found by name, checked when the configuration is loaded, contained."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotbay.config import ConfigError, Sources, load
from hotbay.config.rules import compile_rules
from hotbay.core.effects import Admitted, Grant, Refusal, Refused, Spawn, Stop
from hotbay.core.events import Arrived, Exited, Finished, Gone, ProbeOk, Spawned
from hotbay.core.machine import Machine

MODULE = '''
from dataclasses import dataclass
from hotbay.core.planners.planner import Plan

class Labelled:
    """One model for each label `gpu`."""
    def __init__(self, settings, models):
        pass
    def decide(self, target, view):
        gpu = view.models[target].labels.get("gpu")
        same = [m for m in view.running if m != target and view.models[m].labels.get("gpu") == gpu]
        return Plan(tuple(same), f"gpu {gpu}")

class Tuned:
    @dataclass(frozen=True)
    class Settings:
        share: float
    def __init__(self, settings, models):
        if settings.share > 1:
            raise ValueError("share: more than everything")
    def decide(self, target, view):
        return Plan(())

class Raises(Labelled):
    def decide(self, target, view):
        raise RuntimeError("no idea")

class Nonsense(Labelled):
    def decide(self, target, view):
        return Plan((target, "ghost"))

class NoPlanner:
    pass
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = f"own_planners_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    sys.modules.pop(name, None)


def written(folder: Path, use: str, settings: str = "") -> Path:
    file = folder / "config.yaml"
    file.write_text(
        "models:\n"
        '  a: {cmd: "x ${PORT}", labels: {gpu: 1}}\n'
        '  b: {cmd: "x ${PORT}", labels: {gpu: 1}}\n'
        '  c: {cmd: "x ${PORT}", labels: {gpu: 2}}\n'
        f"routing:\n  router:\n    use: {use}\n    settings:\n      planner: {{{settings}}}\n"
    )
    return file


def machine(file: Path) -> Machine:
    return Machine(compile_rules(load(Sources(file)).config))


def ready(subject: Machine, request: int, model: str, generation: int) -> None:
    assert Spawn(model, generation) in subject.step(Arrived(request, model), 0)
    subject.step(Spawned(model, generation), 0)
    assert Grant(request, model, generation) in subject.step(ProbeOk(model, generation), 0)


def test_a_planner_decides_by_labels(own: str, tmp_path: Path) -> None:
    subject = machine(written(tmp_path, f"{own}:Labelled"))
    ready(subject, 1, "a", 1)
    ready(subject, 2, "c", 2)
    subject.step(Finished(1), 1)
    subject.step(Finished(2), 1)
    effects = subject.step(Arrived(3, "b"), 2)
    assert [e.model for e in effects if isinstance(e, Stop)] == ["a"]
    subject.step(Exited("a", 1), 3)
    assert Spawn("b", 3) in subject.step(Gone("a", 1), 3)


@pytest.mark.parametrize(("kind", "told"), [("Raises", "no idea"), ("Nonsense", "'ghost'")])
def test_a_planner_that_fails_is_contained(own: str, tmp_path: Path, kind: str, told: str) -> None:
    subject = machine(written(tmp_path, f"{own}:{kind}"))
    (refused,) = subject.step(Arrived(1, "a"), 0)
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.PLANNER_FAILED
    assert refused.detail.startswith(f"planner {own}:{kind}: ")
    assert told in refused.detail


def test_lru_runs_in_the_machine(tmp_path: Path) -> None:
    subject = machine(written(tmp_path, "lru", "maxLoaded: 2, pinned: [c]"))
    ready(subject, 1, "c", 1)
    ready(subject, 2, "a", 2)
    subject.step(Finished(1), 1)
    effects = subject.step(Arrived(3, "b"), 2)
    assert isinstance(effects[0], Admitted)
    assert effects[0].wait is not None
    assert effects[0].wait.kind == "busy"
    stops = [e.model for e in subject.step(Finished(2), 3) if isinstance(e, Stop)]
    assert stops == ["a"]


@pytest.mark.parametrize(
    ("use", "settings", "error"),
    [
        ("nobody", "", ":7:10: routing.router.use: unknown planner 'nobody'"),
        ("nosuchmodule:X", "", ":7:10: routing.router.use: cannot import planner"),
        ("{own}:Absent", "", ":7:10: routing.router.use: cannot import planner"),
        ("{own}:NoPlanner", "", ":7:10: routing.router.use: '{own}:NoPlanner' is no planner"),
        ("{own}:Tuned", "share: much", ":9:24: routing.router.settings.planner.share: "),
        ("{own}:Tuned", "share: 2", "share: more than everything"),
        ("{own}:Labelled", "x: 1", "takes no settings"),
        ("lru", "maxLoaded: 0", ":9:28: routing.router.settings.planner.maxLoaded: "),
        ("lru", "", "routing.router.settings.planner.maxLoaded: lru: Field required"),
        ("lru", "maxLoaded: 1, mxaLoaded: 2", "routing.router.settings.planner.mxaLoaded: "),
        ("lru", "maxLoaded: 2, pinned: [ghost]", "pinned: unknown model 'ghost'"),
    ],
)
def test_a_planner_that_cannot_be_used_is_refused_at_its_place(
    own: str, tmp_path: Path, use: str, settings: str, error: str
) -> None:
    file = written(tmp_path, use.format(own=own), settings)
    with pytest.raises(ConfigError) as caught:
        load(Sources(file))
    assert error.format(own=own) in "\n".join(map(str, caught.value.problems))
