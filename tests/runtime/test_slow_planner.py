"""A planner that takes long is named in the log, but not at every decision."""

from __future__ import annotations

from collections.abc import Iterator

from hotbay.core.planners.planner import Plan, View
from hotbay.runtime.slow_planner import AGAIN, SLOW, TimedPlanner


class Scripted:
    def decide(self, target: str, view: View) -> Plan:
        return Plan(view.running, f"for {target}")


def timed(*readings: float) -> tuple[TimedPlanner, list[str]]:
    said: list[str] = []
    clock: Iterator[float] = iter(readings)
    return TimedPlanner("mine:Own", Scripted(), said.append, lambda: next(clock)), said


def test_a_quick_decision_is_not_worth_a_line() -> None:
    planner, said = timed(1.0, 1.0 + SLOW / 2)
    assert planner.decide("a", View(())).reason == "for a"
    assert said == []


def test_a_slow_decision_names_planner_model_and_time() -> None:
    planner, said = timed(1.0, 1.25)
    planner.decide("a", View(()))
    (line,) = said
    assert "planner mine:Own: took 250 ms to decide for a" in line


def test_it_is_not_said_again_at_once() -> None:
    planner, said = timed(1.0, 2.0, 2.0, 3.0, 2.0 + AGAIN, 3.0 + AGAIN)
    for _ in range(3):
        planner.decide("a", View(()))
    assert len(said) == 2
