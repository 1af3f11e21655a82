"""Makes row, capture, counts and trace of a request that has ended.

Owns how those come about from a `Recording`. Of most requests they are made on the event loop, many
at a time: it takes 10 µs each, and a thread would compete with the event loop for Python's lock.
What is large or compressed is left to the thread that writes the activity log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from hotbay.activity.answer import Answer, Shelf
from hotbay.activity.captures import Capture, capture_of, parts_of
from hotbay.activity.counters import Counters
from hotbay.activity.failures import failure_message, is_success, shortened
from hotbay.activity.inflight import metadata_of
from hotbay.activity.reading import Reading, read_response
from hotbay.activity.recording import Headers, Mark, Phase, Recording
from hotbay.activity.row import NO_TOKENS, Row
from hotbay.activity.store import Store

if TYPE_CHECKING:
    from hotbay.activity.traces import Tracer

LARGEST = 8
"""How many times larger than all captures together, which are compressed, a body may be that is
held for one: texts shrink to a quarter or so, pictures not at all."""

LIGHT = 64 << 10
"""Bytes of a request and its answer of which everything is made on the event loop."""

_CANCELLED = frozenset({"cancelled by client", "cancelled by operator"})


class Bookkeeper:
    """Closes the books on requests."""

    def __init__(
        self,
        store: Store,
        counters: Counters,
        *,
        session_headers: Sequence[str],
        recorded: Callable[[int], None],
        warn: Callable[[str], None],
        tracer: Tracer | None = None,
    ) -> None:
        """Begin.

        Args:
            store: keeps rows and captures; may be replaced.
            counters: count requests.
            session_headers: which headers name a client's session, in order of preference.
            recorded: is told the number of each row on the event loop, once it can be read.
            warn: takes a line for the proxy log, on the event loop.
            tracer: makes spans, None: nobody wants them.
        """
        self.store = store
        self.tracer = tracer
        self._counters = counters
        self._recorded = recorded
        self._warn = warn
        self._loop = asyncio.get_running_loop()
        self.shelf = Shelf()
        """Where answers in progress are held for their captures."""
        self.configure(session_headers)

    def configure(self, session_headers: Sequence[str]) -> None:
        """Look for the client's session in these headers from now on."""
        self._session_headers = [name.lower().encode() for name in session_headers]

    # -- on the event loop ---------------------------------------------------------------------

    def open(self, recording: Recording) -> Answer:
        """Return what collects the body of an answer that begins."""
        reader = read_response(
            recording.path,
            recording.status,
            recording.response_headers,
            since=recording.marks[-2].at,  # when it was forwarded
        )
        room = self.store.settings.captures * LARGEST if _keeps_body(recording) else 0
        return Answer(reader, self.shelf, room, reader.patience)

    def close(self, recording: Recording) -> None:
        """Have row and capture made and written; of a request that makes none, only count it."""
        if not recording.about.recorded:
            self._conclude(recording, _UNREAD)
            return
        if not is_success(recording.status) and recording.outcome not in _CANCELLED:
            self._warn(
                f"non-200 response, recording partial metrics: status={recording.status}, "
                f"path={recording.about.path}"
            )
        answer, body = recording.answer, recording.request_body
        size = (len(body) if body else 0) + (answer.put_down() if answer else 0)
        captured = self.store.settings.captures > 0 and self.store.has_room(size)
        if not captured:
            size, recording.request_body = 0, None
            if answer is not None:
                answer.drop()
        light = (
            size + recording.size <= LIGHT
            and not (answer and answer.reader.codings)
            and self.tracer is None  # spans take longer than all else
        )
        make = partial(self._make, recording, captured)
        self.store.add_later(make, self._recorded, size=size, light=light)

    # -- on the event loop, or in the writing thread -----------------------------------------------

    def _conclude(self, recording: Recording, reading: Reading) -> None:
        self._count(recording, reading)
        if self.tracer is not None:
            self.tracer.ended(recording, reading)

    def _count(self, recording: Recording, reading: Reading) -> None:
        begun = recording.marks[0].at
        granted = _began(recording.marks, "forwarded")
        self._counters.request(
            recording.about.model,
            recording.about.path,
            recording.outcome or "failed",
            duration=recording.end - begun,
            queue_wait=None if granted is None else granted - begun,
            tokens=reading.tokens,
            pace=reading.pace,
        )

    def _make(self, recording: Recording, captured: bool) -> tuple[Row, Capture | None]:  # noqa: FBT001 - for `partial`
        reading = _read(recording)
        if reading.damaged:
            line = f"{reading.error}, path={recording.about.path}"
            self._loop.call_soon_threadsafe(self._warn, line)
        self._conclude(recording, reading)
        capture = _capture(recording) if captured and not reading.damaged else None
        return self._row(recording, reading), capture

    def _row(self, recording: Recording, reading: Reading) -> Row:
        # By position, as names would make it take twice as long.
        about = recording.about
        begun = recording.marks[0].at
        queue_ms, swap_ms, load_ms = _waits_ms(recording)
        return Row(
            recording.timestamp + recording.end - begun,
            about.model,
            _without_query(recording.path),
            _first(recording.response_headers, b"content-type"),
            recording.status,
            reading.tokens,
            reading.duration_ms,
            reading.error,
            metadata_of(recording),
            recording.outcome or "failed",
            about.requested,
            about.path,
            about.request_id,
            about.remote,
            self._session(about.headers),
            _first(about.headers, b"user-agent"),
            about.stream,
            recording.attempts,
            recording.size,
            queue_ms,
            swap_ms,
            load_ms,
            None if recording.first_byte is None else round((recording.first_byte - begun) * 1000),
        )

    def _session(self, headers: Headers) -> str:
        for name in self._session_headers:
            if session := _first(headers, name).strip():
                return session
        return ""


_UNREAD = Reading(NO_TOKENS, "", 0)


def _read(recording: Recording) -> Reading:
    """Return what the answer tells, and why the request failed, if anybody can say."""
    duration_ms = round((recording.end - recording.marks[0].at) * 1000)
    answer = recording.answer
    if answer is None:
        reading = Reading(NO_TOKENS, "", duration_ms)
    else:
        answer.catch_up()
        reading = answer.reader.finish(duration_ms)
    error = recording.error or reading.error
    if not error and not is_success(recording.status):
        cancelled = recording.outcome in _CANCELLED
        error = (recording.outcome if cancelled else failure_message(recording.status, b"")) or ""
    return msgspec.structs.replace(reading, error=shortened(error)) if error else reading


def _keeps_body(recording: Recording) -> bool:
    """Whether a capture has the body of the answer."""
    return is_success(recording.status) and parts_of(recording.about.path).response_body


def _capture(recording: Recording) -> Capture | None:
    answer = recording.answer
    body: bytes | None = b""
    if answer is not None:
        # Of one that is not kept it only counts that there is one.
        body = answer.body() if _keeps_body(recording) else b"-"
    if body is None:
        return None
    return capture_of(
        asked_path=recording.about.path,
        path=_without_query(recording.path),
        status=recording.status,
        request_headers=recording.request_headers,
        request_body=recording.request_body,
        response_headers=recording.response_headers,
        response_body=body,
    )


def _waits_ms(recording: Recording) -> tuple[int, int, int]:
    """Return how long it was queued, swapping and loading."""
    queued = swapping = loading = 0.0
    end = recording.end
    for mark in reversed(recording.marks):
        match mark.phase:
            case "queued":
                queued += end - mark.at
            case "swapping":
                swapping += end - mark.at
            case "loading":
                loading += end - mark.at
        end = mark.at
    return round(queued * 1000), round(swapping * 1000), round(loading * 1000)


def _began(marks: Sequence[Mark], phase: Phase) -> float | None:
    """Return when the first of these that is of a phase began."""
    for mark in marks:
        if mark.phase == phase:
            return mark.at
    return None


def _first(headers: Headers, wanted: bytes) -> str:
    """Return the first value of a name, empty without one."""
    for name, value in headers:
        if name == wanted:
            return value.decode("utf-8", "replace")
    return ""


def _without_query(path: str) -> str:
    return path.partition("?")[0]
