"""The hub: nothing waits for a reader, and a reader learns what it has missed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from hotbay.activity import hub as hub_module
from hotbay.activity.hub import QUEUE, QUEUE_BYTES, Hub, Lost, Reader

PATIENCE = 10.0


def frame(number: int, kind: str, data: object) -> bytes:
    return f"{number} {kind} {data}".encode()


class Log(list[str]):
    """The lines that the hub logs."""


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def hub(log: Log) -> Hub:
    return Hub(frame, log.append, resumable=True)


async def read(reader: Reader) -> list[bytes]:
    """Return what is there at once."""
    events, lost = await reader.take(PATIENCE)
    assert lost == []
    return [event.data for event in events]


def publish(hub: Hub, kind: str, data: Iterable[object]) -> None:
    for each in data:
        hub.publish(kind, each)


async def test_each_reader_gets_the_kinds_it_asked_for_in_order(hub: Hub) -> None:
    both, one = hub.subscribe({"a", "b"}, "both"), hub.subscribe({"b"}, "one")
    publish(hub, "a", [1])
    publish(hub, "b", [2, 3])
    publish(hub, "c", [4])

    assert await read(both) == [b"1 a 1", b"2 b 2", b"3 b 3"]
    assert await read(one) == [b"2 b 2", b"3 b 3"]


async def test_an_event_is_framed_once_for_all_and_not_at_all_for_nobody() -> None:
    framed: list[object] = []

    def counting(number: int, kind: str, data: object) -> bytes:
        framed.append(data)
        return frame(number, kind, data)

    hub = Hub(counting, print, resumable=False)
    publish(hub, "a", [1])
    readers = [hub.subscribe({"a"}, "x") for _ in range(3)]
    publish(hub, "a", [2])
    for reader in readers:
        reader.close()
    publish(hub, "a", [3])

    assert framed == [2]


async def test_a_reader_waits_for_what_comes(hub: Hub) -> None:
    reader = hub.subscribe({"a"}, "x")
    waiting = asyncio.ensure_future(read(reader))
    await asyncio.sleep(0)  # let it begin to wait
    publish(hub, "a", [1])

    assert await waiting == [b"1 a 1"]


async def test_silence_ends_the_waiting(hub: Hub) -> None:
    assert await hub.subscribe({"a"}, "x").take(0.001) == ([], [])


async def test_a_slow_reader_loses_what_there_is_no_room_for_and_learns_how_much(
    hub: Hub, log: Log
) -> None:
    slow, quick = hub.subscribe({"a", "log"}, "slow"), hub.subscribe({"a"}, "quick")
    publish(hub, "a", range(QUEUE))
    assert len(await read(quick)) == QUEUE
    publish(hub, "a", "xy")
    hub.publish("log", "text", source="m", weight=4)
    hub.publish("log", "text", source="m", weight=5)

    events, lost = await slow.take(PATIENCE)
    assert len(events) == QUEUE
    assert lost == [Lost("a", "", 2), Lost("log", "m", 9)]
    assert len(await read(quick)) == 2
    publish(hub, "a", ["after"])
    assert (await read(slow))[0].endswith(b"after")
    await asyncio.sleep(0)  # the log hears of it in the next turn of the loop
    assert log == ["slow does not keep up, events are left out"]


async def test_a_gap_is_not_followed_by_later_events_before_it_is_known(hub: Hub) -> None:
    reader = hub.subscribe({"a"}, "x")
    publish(hub, "a", range(QUEUE + 1))
    events, lost = await reader.take(PATIENCE)

    assert events[-1].number == QUEUE
    assert lost == [Lost("a", "", 1)]


async def test_large_events_fill_a_queue_before_there_are_many(hub: Hub) -> None:
    reader = hub.subscribe({"a"}, "x")
    publish(hub, "a", ["x" * (QUEUE_BYTES // 4)] * 8)
    events, lost = await reader.take(PATIENCE)

    assert len(events) == 4
    assert lost == [Lost("a", "", 4)]


async def test_the_log_hears_of_a_slow_reader_once_a_second_and_not_in_between(
    hub: Hub, log: Log
) -> None:
    """The line is an event itself, so it must not be written while another is passed on."""
    reader = hub.subscribe({"log"}, "slow")

    def warn(line: str) -> None:
        log.append(line)
        hub.publish("log", line)

    hub.warn = warn
    publish(hub, "log", range(2 * QUEUE))
    assert log == []
    await asyncio.sleep(0)  # the line is written in the next turn of the loop

    assert len(log) == 1
    _, lost = await reader.take(PATIENCE)
    assert lost == [Lost("log", "", QUEUE + 1)]


async def test_a_reader_comes_back_to_where_it_was(hub: Hub) -> None:
    hub.subscribe({"a", "b"}, "x").close()
    publish(hub, "a", [1])
    publish(hub, "b", [2])
    publish(hub, "a", [3])
    reader = hub.resume({"a"}, "x", after=1)
    assert reader is not None
    publish(hub, "a", [4])

    assert await read(reader) == [b"3 a 3", b"4 a 4"]


async def test_nothing_new_is_a_place_to_come_back_to(hub: Hub) -> None:
    hub.subscribe({"a"}, "x").close()
    publish(hub, "a", [1])
    reader = hub.resume({"a"}, "x", after=1)

    assert reader is not None
    assert await reader.take(0.001) == ([], [])


@pytest.mark.parametrize("after", [0, QUEUE + 3, 10**17])
async def test_nobody_resumes_from_what_is_forgotten_or_has_never_been(
    hub: Hub, after: int
) -> None:
    hub.subscribe({"a"}, "x").close()
    publish(hub, "a", range(QUEUE + 2))

    assert hub.resume({"a"}, "x", after) is None
    assert hub.resume({"a"}, "x", 2) is not None


async def test_nobody_resumes_a_kind_that_was_not_kept_at_the_time(hub: Hub) -> None:
    hub.subscribe({"a"}, "x")
    publish(hub, "a", [1, 2])

    assert hub.resume({"a", "log"}, "x", after=1) is None
    assert hub.resume({"a"}, "x", after=1) is not None


async def test_what_nobody_came_back_for_is_not_kept(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "LINGER", 0.0)
    hub.subscribe({"a"}, "x").close()
    publish(hub, "a", [1])
    await asyncio.sleep(0)  # the moment that a reader has to come back is over
    await asyncio.sleep(0)
    publish(hub, "a", [2])

    assert hub.wanted == frozenset()
    assert hub.resume({"a"}, "x", after=0) is None


async def test_a_closed_hub_ends_its_readers_after_what_they_have(hub: Hub) -> None:
    reader, idle = hub.subscribe({"a"}, "x"), hub.subscribe({"b"}, "y")
    publish(hub, "a", [1])
    waiting = asyncio.ensure_future(idle.take(PATIENCE))
    await asyncio.sleep(0)  # let it begin to wait
    hub.close()

    assert await read(reader) == [b"1 a 1"]
    with pytest.raises(EOFError):
        await reader.take(PATIENCE)
    with pytest.raises(EOFError):
        await waiting
    with pytest.raises(EOFError):
        await hub.subscribe({"a"}, "late").take(PATIENCE)


async def test_a_reader_may_leave_twice(hub: Hub) -> None:
    reader = hub.subscribe({"a"}, "x")
    reader.close()
    reader.close()
    publish(hub, "a", [1])

    assert await reader.take(0.001) == ([], [])
