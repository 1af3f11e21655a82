from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hotbay.lane.deadline import Deadline


class Clock:
    """As much of an event loop as a deadline needs; time passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, fire: Callable[[], None]) -> Timer:
        timer = Timer(self, when, fire)
        self.timers.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [timer for timer in self.timers if timer.at <= until]:
            timer = min(due, key=Timer.when)
            self.timers.remove(timer)
            self.now = timer.at
            timer.fire()
        self.now = until


class Timer:
    def __init__(self, clock: Clock, at: float, fire: Callable[[], None]) -> None:
        self.clock, self.at, self.fire = clock, at, fire

    def when(self) -> float:
        return self.at

    def cancel(self) -> None:
        self.clock.timers.remove(self)


def start() -> tuple[Deadline, Clock, list[float]]:
    clock: Any = Clock()
    expired: list[float] = []
    return Deadline(clock, lambda: expired.append(clock.now)), clock, expired


def test_it_expires_once() -> None:
    deadline, clock, expired = start()
    deadline.set(10)
    clock.advance(9.9)
    assert expired == []
    clock.advance(100)
    assert expired == [110.0]


def test_it_can_be_moved_either_way() -> None:
    deadline, clock, expired = start()
    deadline.set(10)
    clock.advance(5)
    deadline.set(10)
    clock.advance(9)
    assert expired == []
    deadline.set(0.5)
    clock.advance(1)
    assert expired == [114.5]


def test_moving_it_later_starts_no_timer() -> None:
    deadline, clock, expired = start()
    for _ in range(100):
        deadline.set(10)
        clock.advance(0.01)
    assert len(clock.timers) == 1
    clock.advance(10)
    assert expired == [clock.now - 0.01]


def test_a_lifted_one_does_not_expire_until_it_is_set_again() -> None:
    deadline, clock, expired = start()
    deadline.set(10)
    deadline.lift()
    clock.advance(100)
    assert expired == []
    deadline.set(10)
    clock.advance(10)
    assert expired == [210.0]


def test_a_closed_one_holds_no_timer() -> None:
    deadline, clock, expired = start()
    deadline.set(10)
    deadline.close()
    assert clock.timers == []
    clock.advance(100)
    assert expired == []


async def test_it_runs_on_a_real_loop() -> None:
    expired = asyncio.Event()
    deadline = Deadline(asyncio.get_running_loop(), expired.set)
    deadline.set(0.01)
    await expired.wait()
