"""The rings that samples are kept in (spec/monitoring.md 1.2)."""

from __future__ import annotations

import threading

import pytest

from hotbay.monitor.ring import Ring


@pytest.mark.parametrize(
    ("count", "kept"),
    [(0, []), (2, [0, 1]), (3, [0, 1, 2]), (4, [1, 2, 3]), (10, [7, 8, 9])],
)
def test_the_newest_entries_are_kept_in_order(count: int, kept: list[int]) -> None:
    ring: Ring[int] = Ring(3)
    for number in range(count):
        ring.add(number)
    assert ring.entries() == kept
    assert ring.newest() == (kept[-1] if kept else None)


@pytest.mark.parametrize("capacity", [-1, 0, 1])
def test_a_ring_holds_at_least_one_entry(capacity: int) -> None:
    ring: Ring[str] = Ring(capacity)
    ring.add("a")
    ring.add("b")
    assert (ring.entries(), ring.capacity) == (["b"], 1)


def test_a_reader_gets_a_copy() -> None:
    ring: Ring[int] = Ring(3)
    ring.add(1)
    ring.entries().append(2)
    assert ring.entries() == [1]


def test_a_ring_is_read_while_another_thread_writes() -> None:
    ring: Ring[int] = Ring(100)
    writer = threading.Thread(target=lambda: [ring.add(n) for n in range(50_000)])
    writer.start()
    while writer.is_alive():
        entries = ring.entries()
        assert entries == list(range(entries[0], entries[0] + len(entries))) if entries else True
    writer.join()
    assert ring.entries() == list(range(49_900, 50_000))
