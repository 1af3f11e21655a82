"""One tracked request from its arrival to its end (spec/request-pipeline.md 12).

Owns what is known of it while it lasts: when each phase began, and what it was answered. It runs
on the event loop in the middle of a request, so it only takes notes; whatever costs time is done
later by whom `Recorder` hands them to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

if TYPE_CHECKING:
    from hotbay.activity.answer import Answer
    from hotbay.activity.recorder import Recorder
    from hotbay.activity.traces import Trace

GROWTH_EVERY = 0.25
"""Seconds between two messages that an answer has grown."""

Headers = Sequence[tuple[bytes, bytes]]
Outcome = Literal["done", "failed", "refused", "cancelled by client", "cancelled by operator"]
Phase = Literal["queued", "swapping", "loading", "forwarded", "answering"]
"""What a request spends its time with: in the queue, until others have stopped for it, until its
model is ready, until its answer begins, until that ends."""

_PHASES: dict[str, Phase] = {"evicting": "swapping", "starting": "loading"}
"""What the other kinds of `core.effects.Wait` are not: the request's own swap is under way."""


class About(msgspec.Struct, eq=False):
    """What is known of a request when it arrives; not to be changed.

    Attributes:
        model: model ID, or what was asked for if there is no such local model.
        requested: the name after profile and selector.
        selector: ID of the selector that chose the model, or empty.
        method: in capitals.
        path: as requested; of `/upstream/…` the part after the model's name.
        headers: as received, names in lower case.
        remote: address of the caller (spec/http-api.md 2.5).
        recorded: it makes an activity row; otherwise it is only an entry of the in-flight list.
        stream: its body asks for a stream.
        request_id: its `X-Request-ID`, accepted or made.
        cancel: ends everything that is done for it.
    """

    model: str
    requested: str
    selector: str
    method: str
    path: str
    headers: Headers
    remote: str
    recorded: bool
    stream: bool
    request_id: str
    cancel: Callable[[], None]


class Mark(msgspec.Struct, frozen=True, gc=False):
    """The beginning of a phase, in seconds of the recorder's monotonic clock."""

    phase: Phase
    at: float


class Waiting(NamedTuple):
    """Why a request waits: `core.effects.Wait` and the place in the queue, 0 if in none."""

    kind: str
    models: tuple[str, ...]
    position: int


class Recording(msgspec.Struct, eq=False):
    """Takes the notes of one request; made by `Recorder.begin`.

    After `ended` nobody changes it any more, so that another thread may read it.

    Attributes:
        id: number in the in-flight list.
        about: what was known at its arrival.
        timestamp: seconds since the epoch at its arrival.
        marks: the phases so far; the last one goes on.
        waiting: why it waits at the moment, None if it does not.
        priority: the model's priority once a local model has accepted it.
        attempts: how often it was forwarded.
        path: what went upstream; as requested until then.
        request_headers: what went upstream; as received until then.
        request_body: what went upstream; None if it was not held in memory.
        status: of the answer; 0 before.
        response_headers: of the answer; empty before.
        size: bytes of the answer's body so far.
        own: as many of them are not the model server's, but tell how the request waits.
        first_byte: when the first of them was passed on (monotonic), None before.
        answer: what has passed of the answer's body; None if nothing did, or it makes no row.
        published: when its size was last told to onlookers.
        outcome: how it ended; None before.
        error: why it did not end well, empty if nothing is to be said.
        end: when it ended (monotonic); 0 before.
        trace: its place in a trace, None without one.
    """

    id: int
    about: About
    _recorder: Recorder
    timestamp: float
    published: float
    path: str
    request_headers: Headers
    marks: list[Mark]
    waiting: Waiting | None = None
    priority: int | None = None
    attempts: int = 0
    request_body: bytes | None = None
    status: int = 0
    response_headers: Headers = ()
    size: int = 0
    own: int = 0
    first_byte: float | None = None
    answer: Answer | None = None
    outcome: Outcome | None = None
    error: str = ""
    end: float = 0.0
    trace: Trace | None = None

    @property
    def phase(self) -> Phase:
        """What it spends its time with now."""
        return self.marks[-1].phase

    def accepted(self, priority: int) -> None:
        """A local model of this scheduling priority has taken it."""
        self.priority = priority

    def waits(self, kind: str, models: tuple[str, ...], position: int) -> None:
        """Note why it waits from now on."""
        self.waiting = Waiting(kind, models, position)
        self._enter(_PHASES.get(kind, "queued"))
        self._recorder.waits(self)

    def granted(self, attempt: int) -> None:
        """Forwarding begins, for the `attempt`th time."""
        waited, self.waiting = self.waiting is not None, None
        self.attempts = attempt
        self._enter("forwarded")
        self._recorder.granted(self, waited=waited)

    def traceparent(self) -> bytes | None:
        """Return the header of this name for a model server that is asked now; None: as it came."""
        return None if self.trace is None else self.trace.forward()

    def forwarded(self, path: str, headers: Headers, body: bytes | None) -> None:
        """Take what goes upstream, after the filters; a body of None is not held in memory."""
        self.path = path
        self.request_headers = headers
        self.request_body = body

    def answered(self, status: int, headers: Headers) -> None:
        """Take the head of the answer as the client gets it, names in lower case."""
        self.status = status
        self.response_headers = headers
        if (
            self.marks[-1].phase == "forwarded"
        ):  # otherwise it is told how it waits, or why it is refused
            self._enter("answering")
        self._recorder.inflight.changed(self)

    def passed(self, data: bytes) -> None:
        """Take a piece of the answer's body."""
        now = self._recorder.clock()
        if self.first_byte is None:
            self.first_byte = now
            self._enter("answering")  # its head may have been sent before, with loading progress
            self.answer = self._recorder.begins(self)
        self.size += len(data)
        if self.answer is not None:
            self.answer.feed(data, now)
        self._grew(now)

    def wrote(self, own: int) -> None:
        """Note how much of the answer's body so far is hotbay's own: loading text."""
        self.size += own - self.own
        self.own = own
        self._grew(self._recorder.clock())

    def ended(self, outcome: Outcome, status: int, error: str = "") -> None:
        """Close the books, exactly once; `status` is what the client was told, 499 if nothing."""
        self.status = status
        self.outcome = outcome
        self.error = error
        self.end = self._recorder.clock()
        self.about.cancel = _nothing_to_cancel  # lets go of whoever served it
        self._recorder.ended(self)

    def _grew(self, now: float) -> None:
        if now - self.published >= GROWTH_EVERY:
            self.published = now
            self._recorder.inflight.changed(self)

    def _enter(self, phase: Phase) -> None:
        if self.marks[-1].phase != phase:
            self.marks.append(Mark(phase, self._recorder.clock()))


def _nothing_to_cancel() -> None:
    """Stand for the end of a request that has ended."""
