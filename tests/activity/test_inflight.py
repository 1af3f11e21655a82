"""Requests in progress: their notes, their list, and the news of them (request-pipeline 12)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.activity.requests import about

from hotbay.activity import inflight as inflight_module
from hotbay.activity.bookkeeper import Bookkeeper
from hotbay.activity.counters import Counters
from hotbay.activity.hub import Hub
from hotbay.activity.inflight import QUEUE, InFlight
from hotbay.activity.recorder import Recorder
from hotbay.activity.retention import Retention
from hotbay.activity.settings import Settings
from hotbay.activity.store import Store

ARRIVED = datetime(2031, 4, 5, 6, 7, 8, 520_000, UTC).timestamp()


class Desk:
    """A recorder under a clock that the test moves, and what its onlookers read."""

    def __init__(self, store: Store) -> None:
        self.now = 100.0
        self.queue_changes = 0
        self.messages = Hub(
            lambda _n, _k, data: json.dumps(data, default=str).encode(), print, resumable=False
        )
        self.events = Hub(
            lambda _n, kind, data: json.dumps([kind, data], default=str).encode(),
            print,
            resumable=False,
        )
        self.inflight = InFlight(self.messages, self.events, lambda: self.now)
        self.recorder = Recorder(
            self.inflight,
            events=self.events,
            queue_changed=self._queue_changed,
            bookkeeper=Bookkeeper(
                store,
                Counters([], []),
                session_headers=[],
                recorded=lambda _number: None,
                warn=print,
            ),
            clock=lambda: self.now,
            wall=lambda: ARRIVED,
        )
        self.reader = self.messages.subscribe({"inflight"}, "ui")
        self.own = self.events.subscribe({"inflight", "grant"}, "own ui")

    def _queue_changed(self) -> None:
        self.queue_changes += 1

    async def told(self) -> list[dict[str, Any]]:
        """Return the messages about what has happened so far."""
        self.inflight.publish()
        events, _ = await self.reader.take(0.001)
        return [json.loads(event.data) for event in events]

    async def events_of(self, kind: str) -> list[dict[str, Any]]:
        self.inflight.publish()
        events, _ = await self.own.take(0.001)
        return [data for k, data in (json.loads(event.data) for event in events) if k == kind]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    store = Store(Settings(None, Retention(1, 0), captures=0), print)
    yield Desk(store)
    await store.close()


async def test_a_request_is_told_when_it_arrives_when_its_answer_begins_and_when_it_ends(
    desk: Desk,
) -> None:
    recording = desk.recorder.begin(about())
    recording.accepted(3)
    recording.granted(1)
    desk.now += 0.042
    recording.answered(200, [(b"content-type", b"text/plain"), (b"set-cookie", b"secret")])
    recording.passed(b"12345")
    recording.ended("done", 200)
    arrived, answered, removed = await desk.told()

    assert arrived["operation"] == answered["operation"] == "upsert"
    assert datetime.fromisoformat(arrived["request"].pop("timestamp")).timestamp() == ARRIVED
    assert arrived["request"] == {
        "id": "1",
        "model": "lily",
        "req_path": "/v1/completions",
        "method": "POST",
        "req_headers": {
            "Content-Type": "application/json",
            "Authorization": "[REDACTED]",
            "X-Tag": "one",
        },
        "remote_ip": "192.0.2.7",
        "resp_headers": {},
        "resp_bytes": 0,
        "elapsed_ms": 0,
        "metadata": {"fifo_priority": "3"},
    }
    assert answered["request"]["resp_headers"] == {
        "Content-Type": "text/plain",
        "Set-Cookie": "[REDACTED]",
    }
    assert answered["request"]["elapsed_ms"] == 42
    assert removed == {"operation": "remove", "id": "1"}


async def test_an_empty_head_of_an_answer_is_told_as_well(desk: Desk) -> None:
    recording = desk.recorder.begin(about())
    recording.answered(204, [])

    assert len(await desk.told()) == 2


async def test_the_selector_is_noted_and_nothing_else_without_one(desk: Desk) -> None:
    desk.recorder.begin(about(selector="any"))
    desk.recorder.begin(about())
    first, second = await desk.told()

    assert first["request"]["metadata"] == {"selector": "any"}
    assert "metadata" not in second["request"]


async def test_growth_is_told_at_most_every_quarter_second(desk: Desk) -> None:
    recording = desk.recorder.begin(about())
    recording.answered(200, [(b"a", b"b")])
    await desk.told()
    sizes = []
    for _ in range(16):
        desk.now += 0.0625
        recording.passed(b"x" * 10)
        sizes += [message["request"]["resp_bytes"] for message in await desk.told()]

    assert sizes == [40, 80, 120, 160]


async def test_a_flood_of_changes_is_told_as_one_snapshot(desk: Desk) -> None:
    kept = desk.recorder.begin(about(model="kept"))
    for _ in range(QUEUE):
        desk.recorder.begin(about()).ended("done", 200)
    (message,) = await desk.told()

    assert message["operation"] == "snapshot"
    assert [entry["model"] for entry in message["requests"]] == ["kept"]
    kept.ended("done", 200)
    assert await desk.told() == [{"operation": "remove", "id": str(kept.id)}]


async def test_changes_are_published_without_being_asked_for(desk: Desk) -> None:
    desk.recorder.begin(about())
    events, _ = await desk.reader.take(10)

    assert len(events) == 1


async def test_nothing_is_prepared_for_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[object] = []

    def shown_headers(headers: object) -> dict[str, str]:
        prepared.append(headers)
        return {}

    monkeypatch.setattr(inflight_module, "shown_headers", shown_headers)
    desk.reader.close()
    desk.own.close()
    desk.recorder.begin(about()).ended("done", 200)
    desk.inflight.publish()

    assert prepared == []
    assert desk.inflight.snapshot() == {"operation": "snapshot", "requests": []}


async def test_a_snapshot_is_in_the_order_of_arrival(desk: Desk) -> None:
    for model in "abc":
        desk.recorder.begin(about(model=model))
    snapshot = desk.inflight.snapshot()

    assert [entry["id"] for entry in snapshot["requests"]] == ["1", "2", "3"]
    assert [entry["model"] for entry in snapshot["requests"]] == ["a", "b", "c"]


async def test_cancelling_ends_what_is_done_for_a_request_and_leaves_its_entry(desk: Desk) -> None:
    cancelled: list[str] = []
    recording = desk.recorder.begin(about(cancel=lambda: cancelled.append("lily")))

    assert desk.recorder.cancel(recording.id)
    assert cancelled == ["lily"]
    assert len(desk.inflight) == 1
    recording.ended("cancelled by operator", 499)
    assert not desk.recorder.cancel(recording.id)
    assert not desk.recorder.cancel(99)
    assert cancelled == ["lily"]


async def test_hotbays_own_entries_say_what_a_request_does_with_its_time(desk: Desk) -> None:
    recording = desk.recorder.begin(about(stream=True))
    steps: list[tuple[float, Callable[[], None]]] = [
        (1.0, lambda: recording.waits("busy", ("rose",), 2)),
        (2.0, lambda: recording.waits("evicting", ("rose",), 0)),
        (0.5, lambda: desk.recorder.model_starts("lily")),
        (4.0, lambda: recording.granted(1)),
        (0.25, lambda: recording.answered(200, [(b"a", b"b")])),
    ]
    entries = []
    for seconds, step in steps:
        desk.now += seconds
        step()
        entries.append((await desk.events_of("inflight"))[-1]["request"])

    assert [entry["phase"] for entry in entries] == [
        "queued",
        "swapping",
        "loading",
        "forwarded",
        "answering",
    ]
    assert entries[0]["wait"] == {"kind": "busy", "models": ["rose"], "position": 2}
    assert entries[2]["wait"] == {"kind": "starting", "models": ["lily"], "position": 0}
    assert entries[3]["wait"] is None
    last = entries[-1]
    assert last["phases_ms"] == {
        "queued": 3000,
        "swapping": 500,
        "loading": 4000,
        "forwarded": 250,
        "answering": 0,
    }
    assert (last["request_id"], last["stream"], last["attempts"]) == ("r-1", True, 1)
    assert (entries[3]["status"], last["status"]) == (0, 200)


async def test_an_answer_that_began_with_loading_progress_goes_on_with_the_models(
    desk: Desk,
) -> None:
    recording = desk.recorder.begin(about())
    recording.answered(200, [(b"a", b"b")])
    recording.waits("starting", ("lily",), 0)
    recording.granted(1)
    phases = [recording.phase]
    recording.passed(b"x")
    phases.append(recording.phase)

    assert phases == ["forwarded", "answering"]


async def test_what_a_request_waits_for_is_no_news_for_llama_swaps_interface(desk: Desk) -> None:
    recording = desk.recorder.begin(about())
    await desk.told()
    for position in (3, 2, 1):
        recording.waits("busy", ("rose",), position)
        assert await desk.told() == []
    recording.granted(1)
    assert await desk.told() == []
    recording.answered(200, [])

    assert len(await desk.told()) == 1
    positions = [
        wait["position"]
        for entry in await desk.events_of("inflight")
        if (wait := entry["request"]["wait"])
    ]
    assert positions == [3, 2, 1]


async def test_the_start_of_another_model_is_no_news_for_a_request(desk: Desk) -> None:
    recording = desk.recorder.begin(about())
    recording.waits("evicting", ("rose",), 0)
    desk.recorder.model_starts("rose")

    assert recording.phase == "swapping"


async def test_a_start_is_no_news_for_who_still_waits_in_the_queue(desk: Desk) -> None:
    recording = desk.recorder.begin(about())
    recording.waits("unloading", ("lily",), 1)
    desk.recorder.model_starts("lily")

    assert recording.phase == "queued"


async def test_a_grant_is_told_with_how_long_the_request_waited(desk: Desk) -> None:
    recording = desk.recorder.begin(about())
    recording.waits("starting", ("lily",), 0)
    desk.now += 1.5
    recording.granted(1)
    (grant,) = await desk.events_of("grant")

    del grant["at"]
    assert grant == {"id": "1", "model": "lily", "attempt": 1, "waited_ms": 1500}


async def test_the_queue_is_looked_at_when_somebody_begins_or_ceases_to_wait(desk: Desk) -> None:
    served = desk.recorder.begin(about())
    served.granted(1)
    served.ended("done", 200)
    assert desk.queue_changes == 0
    leaver, patient = desk.recorder.begin(about()), desk.recorder.begin(about())
    leaver.waits("busy", ("rose",), 1)
    patient.waits("busy", ("rose",), 2)
    assert desk.queue_changes == 2
    leaver.ended("cancelled by client", 499)
    patient.granted(1)
    assert desk.queue_changes == 4
    patient.ended("done", 200)
    assert desk.queue_changes == 4


async def test_the_rounds_of_publishing_end_with_the_news(desk: Desk) -> None:
    desk.recorder.begin(about())
    await desk.reader.take(10)
    timers = [
        handle
        for handle in asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # how the loop keeps them
        if not handle.cancelled()
    ]

    assert timers == []
