"""From the notes on a request to its row, its capture, its counts (request-pipeline 8 and 10)."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.activity.requests import about

from hotbay.activity.answer import Shelf
from hotbay.activity.bookkeeper import LARGEST, LIGHT, Bookkeeper
from hotbay.activity.captures import Capture
from hotbay.activity.counters import Counters
from hotbay.activity.hub import Hub
from hotbay.activity.inflight import InFlight
from hotbay.activity.recorder import Recorder
from hotbay.activity.recording import Headers, Outcome, Recording
from hotbay.activity.retention import Retention
from hotbay.activity.row import Row
from hotbay.activity.settings import Settings
from hotbay.activity.store import Store
from hotbay.activity.writer import BYTES

JSON: Headers = [(b"content-type", b"application/json")]
EVENTS: Headers = [(b"content-type", b"text/event-stream")]
ANSWER = json.dumps({"usage": {"prompt_tokens": 7, "completion_tokens": 3}}).encode()
STREAM = (
    b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\ndata: [DONE]\n\n'
)
ARRIVED = 1_900_000_000.0


class Office:
    """A recorder with a real store, under a clock that the test moves."""

    def __init__(self, captures: int = 1 << 20) -> None:
        self.now = 50.0
        hub = Hub(lambda *_: b"", print, resumable=False)
        self.warnings: list[str] = []
        self.store = Store(Settings(None, Retention(1000, 0), captures), self.warnings.append)
        self.counters = Counters(["lily"], ["/v1/completions", "/props"])
        self.told: list[int] = []
        self.books = Bookkeeper(
            self.store,
            self.counters,
            session_headers=["X-Session-ID", "X-Other"],
            recorded=self.told.append,
            warn=self.warnings.append,
        )
        self.recorder = Recorder(
            InFlight(hub, hub, lambda: self.now),
            events=hub,
            queue_changed=lambda: None,
            bookkeeper=self.books,
            clock=lambda: self.now,
            wall=lambda: ARRIVED,
        )

    def begin(self, **changes: Any) -> Recording:
        return self.recorder.begin(about(**{"recorded": True, **changes}))

    def serve(
        self,
        *pieces: bytes,
        headers: Headers = JSON,
        status: int = 200,
        outcome: Outcome = "done",
        body: bytes | None = b'{"model":"lily"}',
        **changes: Any,
    ) -> Recording:
        """Have a request forwarded and answered."""
        recording = self.begin(**changes)
        recording.granted(1)
        recording.forwarded(recording.about.path, [(b"x-sent", b"yes")], body)
        recording.answered(status, headers)
        for piece in pieces:
            recording.passed(piece)
        recording.ended(outcome, status)
        return recording

    async def last(self) -> tuple[Row, Capture | None]:
        """Return what is kept of the request before."""
        await self.store.flush()
        stored = await self.store.row(self.told[-1])
        assert stored is not None
        return stored.row, await self.store.capture(stored.id)

    async def row(self) -> Row:
        return (await self.last())[0]

    def counted(self) -> dict[tuple[str, str], int]:
        return {k: n for _, tally in self.counters.tallies() for k, n in tally.requests.items()}


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    office = Office()
    yield office
    await office.store.close()


# -- rows ----------------------------------------------------------------------------------


async def test_a_row_tells_where_the_time_went(office: Office) -> None:
    recording = office.begin(
        requested="chat",
        selector="any",
        path="/v/completions?x=1",
        headers=[(b"x-other", b" s-1 "), (b"x-session-id", b""), (b"user-agent", b"test/1")],
        stream=True,
    )
    recording.accepted(5)
    office.now += 1
    recording.waits("busy", ("rose",), 1)
    office.now += 2
    recording.waits("evicting", ("rose",), 0)
    office.now += 3
    office.recorder.model_starts("lily")
    office.now += 4
    recording.granted(1)
    recording.forwarded("/completions?x=1", [], b"{}")
    office.now += 0.5
    recording.answered(200, EVENTS)
    office.now += 0.25
    recording.passed(STREAM)
    office.now += 0.25
    recording.ended("done", 200)
    row = await office.row()

    assert int(row.timestamp) == ARRIVED + 11
    assert (row.model, row.requested) == ("lily", "chat")
    assert (row.path, row.asked_path) == ("/completions", "/v/completions?x=1")
    assert (row.status, row.outcome, row.error) == (200, "done", "")
    assert row.content_type == "text/event-stream"
    assert (row.tokens.input, row.tokens.output) == (7, 3)
    assert row.metadata == {"fifo_priority": "5", "selector": "any"}
    assert (row.session, row.user_agent, row.remote) == ("s-1", "test/1", "192.0.2.7")
    assert (row.request_id, row.stream, row.attempts) == ("r-1", True, 1)
    assert row.response_bytes == len(STREAM)
    assert (row.queue_ms, row.swap_ms, row.load_ms) == (3000, 3000, 4000)
    assert (row.first_byte_ms, row.duration_ms) == (10_750, 11_000)


async def test_each_request_that_makes_a_row_makes_one(office: Office) -> None:
    for _ in range(3):
        office.serve(ANSWER)
    office.serve(b"{}", recorded=False, method="GET", path="/props")
    await office.store.flush()

    assert office.told == [1, 2, 3]
    assert office.counted() == {("/v1/completions", "done"): 3, ("/props", "done"): 1}


@pytest.mark.parametrize(
    ("status", "headers", "pieces", "error"),
    [
        (500, JSON, [b'{"error":{"message"', b':" disk full "}}'], "disk full"),
        (502, JSON, [], "502 Bad Gateway"),
        (503, JSON, [b""], "503 Service Unavailable"),
        (201, JSON, [b"{}"], ""),
        (204, [], [], ""),
    ],
)
async def test_a_failure_says_why(
    office: Office, status: int, headers: Headers, pieces: list[bytes], error: str
) -> None:
    office.serve(*pieces, headers=headers, status=status)
    row = await office.row()
    assert (row.status, row.error) == (status, error)


async def test_what_hotbay_says_of_a_failure_counts_more_than_the_status(office: Office) -> None:
    recording = office.begin()
    recording.answered(502, JSON)
    recording.ended("failed", 502, "model lily: connection refused")
    row = await office.row()
    assert (row.error, row.attempts, row.first_byte_ms) == (
        "model lily: connection refused",
        0,
        None,
    )


async def test_an_answer_that_broke_off_keeps_its_numbers_and_says_why(office: Office) -> None:
    recording = office.begin()
    recording.granted(1)
    recording.answered(200, EVENTS)
    recording.passed(STREAM)
    recording.ended("failed", 200, "reset by the model server")
    row = await office.row()
    assert (row.status, row.outcome, row.error) == (200, "failed", "reset by the model server")
    assert row.tokens.output == 3


@pytest.mark.parametrize("outcome", ["cancelled by client", "cancelled by operator"])
async def test_a_request_that_was_cancelled_while_it_waited_is_no_success(
    office: Office, outcome: Outcome
) -> None:
    recording = office.begin()
    recording.waits("busy", ("rose",), 1)
    office.now += 1.5
    recording.ended(outcome, 499)
    row = await office.row()
    assert (row.status, row.outcome, row.error) == (499, outcome, outcome)
    assert (row.queue_ms, row.duration_ms) == (1500, 1500)


async def test_failures_and_damage_are_logged_and_cancelling_is_not(office: Office) -> None:
    office.serve(b"{}", status=503)
    office.serve(b"no gzip", headers=[*JSON, (b"content-encoding", b"gzip")])
    office.begin().ended("cancelled by client", 499)
    office.serve(b"{}")
    await office.store.flush()
    failure, damage = office.warnings

    assert failure == (
        "non-200 response, recording partial metrics: status=503, path=/v1/completions"
    )
    assert damage.startswith("response decompression failed: ")
    assert damage.endswith(", path=/v1/completions")


async def test_a_very_long_error_is_cut(office: Office) -> None:
    office.begin().ended("failed", 500, "é" * 1000)
    assert len((await office.row()).error.encode()) == 503


async def test_a_request_that_was_tried_again_has_one_row(office: Office) -> None:
    recording = office.begin()
    recording.granted(1)
    office.now += 1
    recording.waits("starting", ("lily",), 0)
    office.now += 2
    recording.granted(2)
    recording.answered(200, JSON)
    recording.passed(ANSWER)
    recording.ended("done", 200)
    row = await office.row()
    assert office.told == [1]
    assert (row.attempts, row.load_ms, row.duration_ms) == (2, 2000, 3000)


async def test_the_connection_is_let_go_of_at_the_end(office: Office) -> None:
    ended: list[str] = []
    recording = office.begin(cancel=lambda: ended.append("cancelled"))
    recording.ended("done", 200)
    recording.about.cancel()
    assert ended == []


# -- counts ----------------------------------------------------------------------------------


async def test_requests_are_counted_with_their_waits_and_tokens(office: Office) -> None:
    recording = office.begin()
    office.now += 2
    recording.granted(1)
    recording.answered(200, JSON)
    recording.passed(ANSWER)
    recording.ended("done", 200)
    office.begin().ended("cancelled by client", 499)
    await office.store.flush()
    tally = dict(office.counters.tallies())["lily"]

    assert tally.requests == {
        ("/v1/completions", "done"): 1,
        ("/v1/completions", "cancelled by client"): 1,
    }
    assert (tally.input_tokens, tally.output_tokens) == (7, 3)
    assert (sum(tally.waits.counts), tally.waits.total) == (1, 2.0)


@pytest.mark.parametrize("captures", [0, 1 << 20])
async def test_pace_and_numbers_do_not_depend_on_how_many_pieces_are_read_together(
    captures: int,
) -> None:
    office = Office(captures)
    recording = office.begin()
    office.now += 1
    recording.granted(1)
    recording.answered(200, EVENTS)
    for _ in range(101):
        office.now += 0.5
        recording.passed(STREAM.partition(b"\n\n")[0] + b"\n\n")
    office.now += 2
    recording.passed(b": the end\n\n" + STREAM[:-5])
    recording.ended("done", 200)
    row = await office.row()
    tally = dict(office.counters.tallies())["lily"]

    assert (row.tokens.input, row.tokens.output) == (7, 3)
    assert tally.first_tokens.total == 0.5
    assert tally.intervals.total == (100 * 0.5 + 2) / 2
    await office.store.close()


# -- captures --------------------------------------------------------------------------------


async def test_a_capture_is_what_was_forwarded_and_answered(office: Office) -> None:
    office.serve(ANSWER[:5], ANSWER[5:])
    _, capture = await office.last()

    assert capture == Capture(
        "/v1/completions",
        [(b"x-sent", b"yes")],
        b'{"model":"lily"}',
        [(b"content-type", b"application/json")],
        ANSWER,
    )


async def test_a_compressed_answer_is_kept_decompressed(office: Office) -> None:
    packed = gzip.compress(ANSWER)
    office.serve(packed[:9], packed[9:], headers=[*JSON, (b"content-encoding", b"gzip")])
    row, capture = await office.last()

    assert row.tokens.output == 3
    assert capture is not None
    assert capture.response_body == ANSWER
    assert "Content-Encoding" not in capture.response_headers


async def test_an_answer_that_is_damaged_makes_no_capture(office: Office) -> None:
    office.serve(b"no gzip", headers=[*JSON, (b"content-encoding", b"gzip")])
    row, capture = await office.last()

    assert row.error.startswith("response decompression failed: ")
    assert capture is None


async def test_of_a_failure_the_body_is_not_kept(office: Office) -> None:
    office.serve(b'{"error":"full"}', status=500)
    _, capture = await office.last()

    assert capture is not None
    assert (capture.request_body, capture.response_body) == (b'{"model":"lily"}', None)


async def test_of_a_refusal_the_request_is_kept(office: Office) -> None:
    recording = office.begin(headers=[(b"x-sent", b"no")])
    recording.answered(429, JSON)
    recording.ended("refused", 429, "Too many requests")
    _, capture = await office.last()

    assert capture is not None
    assert capture.request_headers == {"X-Sent": "no"}
    assert capture.request_body is None


async def test_sound_is_not_kept_but_what_it_was_made_of_is(office: Office) -> None:
    office.serve(b"\x00" * 4000, b"\x01" * 4000, path="/v1/audio/speech", headers=[])
    _, capture = await office.last()

    assert capture is not None
    assert (capture.request_body, capture.response_body) == (b'{"model":"lily"}', None)


async def test_a_success_without_a_body_makes_no_capture(office: Office) -> None:
    office.serve(status=200)
    _, capture = await office.last()
    assert capture is None


async def test_an_answer_too_large_to_be_kept_is_not_held(office: Office) -> None:
    recording = office.begin()
    recording.granted(1)
    recording.answered(200, EVENTS)
    piece = b": " + b"x" * 65533 + b"\n"
    for _ in range((LARGEST << 20) // len(piece) + 1):
        recording.passed(piece)
    assert recording.answer is not None
    assert (recording.answer.size, office.books.shelf.used) == (0, 0)
    recording.passed(STREAM)
    recording.ended("done", 200)
    row, capture = await office.last()

    assert row.tokens.output == 3
    assert capture is None


async def test_many_answers_at_once_are_held_only_as_far_as_the_shelf_goes(office: Office) -> None:
    office.books.shelf = Shelf(limit=2500)
    recordings = [office.begin() for _ in range(3)]
    for recording in recordings:
        recording.granted(1)
        recording.answered(200, [])
        recording.passed(b"x" * 1000)
    assert office.books.shelf.used == 2000
    for recording in recordings:
        recording.ended("done", 200)
    assert office.books.shelf.used == 0
    await office.store.flush()

    captures = [await office.store.capture(number) for number in office.told]
    assert [capture is not None for capture in captures] == [True, True, False]


async def test_bodies_that_would_fill_the_queue_are_left_out_of_their_captures(
    office: Office,
) -> None:
    office.serve(ANSWER, body=b"x" * (BYTES + 1))
    row, capture = await office.last()

    assert row.tokens.output == 3
    assert capture is None


async def test_without_captures_nothing_is_held_for_them() -> None:
    office = Office(captures=0)
    recording = office.begin()
    recording.granted(1)
    recording.forwarded("/v1/completions", [], b" " * LIGHT)  # is left to the thread
    recording.answered(200, JSON)
    recording.passed(ANSWER)
    assert (recording.answer is not None and recording.answer.size) == 0
    recording.ended("done", 200)
    row, capture = await office.last()
    assert recording.request_body is None
    assert row.tokens.output == 3
    assert capture is None
    await office.store.close()


async def test_a_later_configuration_looks_for_sessions_elsewhere(office: Office) -> None:
    office.books.configure(["X-Tag"])
    office.serve(ANSWER)
    assert (await office.row()).session == "one"
