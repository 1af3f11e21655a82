"""A model server that nobody uses is stopped after its ttl (spec/lifecycle.md 9)."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from hotbay.core.effects import SetTimer, Stop
from hotbay.core.events import Arrived, Finished, ProbeOk, Spawned, TimerFired
from hotbay.core.machine import Machine
from hotbay.core.rules import DEFAULT_GROUP, Group, GroupRules, ModelRules, Rules


@given(st.floats(0, 1e7), st.floats(0.001, 1e5))
@example(0.7, 0.1)  # 0.7 + 0.1 - 0.7 < 0.1 in floating point
def test_the_ttl_timer_is_late_enough_for_the_stop_whatever_the_rounding(
    ended: float, ttl: float
) -> None:
    group = Group(DEFAULT_GROUP, members=("a",))
    machine = Machine(Rules({"a": ModelRules("a", ttl=ttl)}, GroupRules((group,))))
    machine.step(Arrived(1, "a"), 0)
    machine.step(Spawned("a", 1), 0)
    machine.step(ProbeOk("a", 1), 0)
    (timer,) = (e for e in machine.step(Finished(1), ended) if isinstance(e, SetTimer))
    effects = machine.step(TimerFired(timer.timer), timer.at)
    assert any(isinstance(effect, Stop) for effect in effects)
