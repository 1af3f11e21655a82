"""The thread in which the monitor works."""

from __future__ import annotations

import asyncio
import threading

import pytest
from tests.monitor.machine import LogLines

from hotbay.monitor.background import Background, LoopLog


def test_work_is_done_in_a_thread_of_its_own() -> None:
    background = Background()
    background.start()

    async def name() -> str:
        return threading.current_thread().name

    assert background.run(name()).result(10) == "hotbay-monitor"
    background.close()


def test_closing_cancels_what_still_runs_and_ends_the_thread() -> None:
    background = Background()
    background.start()
    begun, ended = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    future = background.run(work())
    assert begun.wait(10)
    background.close()
    assert ended.is_set()
    assert future.cancelled()
    assert "hotbay-monitor" not in {thread.name for thread in threading.enumerate()}


def test_an_error_reaches_whoever_asked() -> None:
    background = Background()
    background.start()

    async def work() -> None:
        raise OSError("no driver")

    with pytest.raises(OSError, match="no driver"):
        background.run(work()).result(10)
    background.close()


async def test_the_log_is_written_by_the_loop_that_owns_it() -> None:
    lines = LogLines()
    threads: list[str] = []
    log = LoopLog(lines, asyncio.get_running_loop())
    background = Background()
    background.start()

    async def work() -> None:
        threads.append(threading.current_thread().name)
        log.debug("one")
        log.info("two")
        log.warn("three")

    await asyncio.wrap_future(background.run(work()))
    await lines.has("three")
    assert lines.lines == ["debug one", "info two", "warn three"]
    background.close()


async def test_a_line_after_the_end_of_the_loop_is_lost_in_silence() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    lines = LogLines()
    LoopLog(lines, loop).info("late")
    assert lines.lines == []


async def test_what_cleans_up_in_the_end_is_not_interrupted() -> None:
    background = Background()
    background.start()
    begun, cleaned = threading.Event(), threading.Event()

    async def part() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            cleaned.set()

    async def whole() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(part())

    background.run(whole())
    await asyncio.to_thread(begun.wait, 10)
    background.close()
    assert cleaned.is_set()
