"""The lag of the event loop."""

from __future__ import annotations

import asyncio
import time

from hotbay.activity.loop_lag import LoopLag


async def test_a_loop_that_is_held_up_is_late() -> None:
    lags: list[float] = []
    told = asyncio.Event()

    def observe(seconds: float) -> None:
        lags.append(seconds)
        told.set()

    lag = LoopLag(observe, interval=0.01)
    await asyncio.wait_for(told.wait(), 10)
    seen = len(lags)
    time.sleep(0.1)  # noqa: ASYNC251 - this is what holds up the loop
    told.clear()
    await asyncio.wait_for(told.wait(), 10)
    lag.stop()
    assert lags[seen] > 0.08
    assert all(seconds >= 0 for seconds in lags)


async def test_nothing_is_looked_at_after_the_end() -> None:
    lags: list[float] = []
    LoopLag(lags.append, interval=0.001).stop()
    later = asyncio.Event()
    asyncio.get_running_loop().call_later(0.005, later.set)
    await later.wait()
    assert lags == []
