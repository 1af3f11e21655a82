"""Makes row, capture, counts and trace of a request that has ended.

Owns how those come about from a `Recording`. On the event loop it only hands over; everything is
made in the thread that writes the activity log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from hotbay.activity.answer import Answer, Shelf
from hotbay.activity.captures import Capture, capture_of, parts_of
from hotbay.activity.counters import Counters
from hotbay.activity.failures import failure_message, is_success, shortened
from hotbay.activity.inflight import metadata_of, phases_ms
from hotbay.activity.reading import Reading, read_response
from hotbay.activity.recording import Headers, Recording
from hotbay.activity.row import Row, Tokens
from hotbay.activity.store import Store

if TYPE_CHECKING:
    from hotbay.activity.traces import Tracer

LARGEST = 8
"""How many times larger than all captures together, which are compressed, a body may be that is
held for one: texts shrink to a quarter or so, pictures not at all."""

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

    def open(self, recording: Recording, clock: Callable[[], float]) -> Answer:
        """Return what collects the body of an answer that begins."""
        headers, status = recording.response_headers, recording.status
        forwarded = next((m.at for m in reversed(recording.marks) if m.phase == "forwarded"), None)
        reader = read_response(
            recording.path,
            status,
            headers,
            since=clock() if forwarded is None else forwarded,
            clock=clock,
        )
        return Answer(
            reader,
            _first(headers, b"content-encoding").decode("latin-1"),
            room=self.store.settings.captures * LARGEST,
            whole=is_success(status) and parts_of(recording.about.path).response_body,
            shelf=self.shelf,
        )

    def close(self, recording: Recording) -> None:
        """Have row and capture made and written; of a request that makes none, only count it."""
        if not recording.about.recorded:
            self._conclude(recording, Reading(Tokens(), "", 0))
            return
        if not is_success(recording.status) and recording.outcome not in _CANCELLED:
            self._warn(
                f"non-200 response, recording partial metrics: status={recording.status}, "
                f"path={recording.about.path}"
            )
        answer = recording.answer
        size = len(recording.request_body or b"") + (answer.put_down() if answer else 0)
        captured = self.store.settings.captures > 0 and self.store.has_room(size)
        if not captured:
            size, recording.request_body = 0, None
            if answer is not None:
                answer.drop()
        self.store.add_later(partial(self._make, recording, captured), self._recorded, size=size)

    def _conclude(self, recording: Recording, reading: Reading) -> None:
        self._count(recording, reading)
        if self.tracer is not None:
            self.tracer.ended(recording, reading)

    def _count(self, recording: Recording, reading: Reading) -> None:
        begun = recording.marks[0].at
        granted = next((mark.at for mark in recording.marks if mark.phase == "forwarded"), None)
        self._counters.request(
            recording.about.model,
            recording.about.path,
            recording.outcome or "failed",
            duration=recording.end - begun,
            queue_wait=None if granted is None else granted - begun,
            tokens=reading.tokens,
            pace=reading.pace,
        )

    # -- in the writing thread -------------------------------------------------------------------

    def _make(self, recording: Recording, captured: bool) -> tuple[Row, Capture | None]:  # noqa: FBT001 - for `partial`
        reading = _read(recording)
        if reading.damaged:
            line = f"{reading.error}, path={recording.about.path}"
            self._loop.call_soon_threadsafe(self._warn, line)
        self._conclude(recording, reading)
        capture = _capture(recording) if captured and not reading.damaged else None
        return self._row(recording, reading), capture

    def _row(self, recording: Recording, reading: Reading) -> Row:
        about = recording.about
        begun = recording.marks[0].at
        spent = phases_ms(recording, recording.end)
        return Row(
            timestamp=recording.timestamp + recording.end - begun,
            model=about.model,
            path=_without_query(recording.path),
            status=recording.status,
            content_type=_text(recording.response_headers, b"content-type"),
            tokens=reading.tokens,
            duration_ms=reading.duration_ms,
            error=reading.error,
            metadata=metadata_of(recording),
            outcome=recording.outcome or "failed",
            requested=about.requested,
            asked_path=about.path,
            request_id=about.request_id,
            remote=about.remote,
            session=self._session(about.headers),
            user_agent=_text(about.headers, b"user-agent"),
            stream=about.stream,
            attempts=recording.attempts,
            response_bytes=recording.size,
            queue_ms=spent.get("queued", 0),
            swap_ms=spent.get("swapping", 0),
            load_ms=spent.get("loading", 0),
            first_byte_ms=None
            if recording.first_byte is None
            else round((recording.first_byte - begun) * 1000),
        )

    def _session(self, headers: Headers) -> str:
        for name in self._session_headers:
            if session := _text(headers, name).strip():
                return session
        return ""


def _read(recording: Recording) -> Reading:
    """Return what the answer tells, and why the request failed, if anybody can say."""
    duration_ms = round((recording.end - recording.marks[0].at) * 1000)
    answer = recording.answer
    reading = (
        Reading(Tokens(), "", duration_ms) if answer is None else answer.reader.finish(duration_ms)
    )
    error = recording.error or reading.error
    if not error and not is_success(recording.status):
        error = (
            recording.outcome
            if recording.outcome in _CANCELLED
            else failure_message(recording.status, b"")
        ) or ""
    return Reading(
        reading.tokens, shortened(error), reading.duration_ms, reading.damaged, reading.pace
    )


def _capture(recording: Recording) -> Capture | None:
    answer = recording.answer
    body = b"" if answer is None else answer.body()
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


def _first(headers: Headers, name: bytes) -> bytes:
    return next((value for key, value in headers if key == name), b"")


def _text(headers: Headers, name: bytes) -> str:
    return _first(headers, name).decode("utf-8", "replace")


def _without_query(path: str) -> str:
    return path.partition("?")[0]
