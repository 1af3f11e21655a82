"""Virtual time (hotbay.testing.clock)."""

from __future__ import annotations

from functools import partial

from hotbay.testing import Clock


def test_actions_happen_at_their_times_and_in_the_order_of_their_times() -> None:
    clock = Clock()
    seen: list[tuple[float, str]] = []
    clock.at(2.0, lambda: seen.append((clock.now, "second")))
    clock.after(1.0, lambda: seen.append((clock.now, "first")))
    clock.run_until(5.0)
    assert seen == [(1.0, "first"), (2.0, "second")]
    assert clock.now == 5.0


def test_actions_of_one_time_happen_in_the_order_in_which_they_were_added() -> None:
    clock = Clock()
    seen: list[int] = []
    for number in range(5):
        clock.at(1.0, partial(seen.append, number))
    clock.run_until(1.0)
    assert seen == [0, 1, 2, 3, 4]


def test_a_cancelled_action_does_not_happen() -> None:
    clock = Clock()
    seen: list[str] = []
    clock.at(1.0, lambda: seen.append("cancelled")).cancel()
    clock.at(2.0, lambda: seen.append("kept"))
    assert clock.next_due() == 2.0
    assert clock.step()
    assert not clock.step()
    assert seen == ["kept"]


def test_a_time_that_has_passed_means_now() -> None:
    clock = Clock(10.0)
    clock.at(3.0, lambda: None)
    assert clock.next_due() == 10.0
