"""The spans of one request that has ended, made of the notes on it.

Owns what they are called and what they say. Imports the SDK, like `hotbay.activity.traces`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from hotbay import __version__
from hotbay.activity import genai
from hotbay.activity.reading import Reading
from hotbay.activity.recording import Recording

if TYPE_CHECKING:
    from hotbay.activity.traces import Trace

SHORTEST = 0.001
"""Seconds that a request must have waited for that to be a span."""

_SCOPE = InstrumentationScope("hotbay", __version__)
_WAITING = {"queued": "queue", "swapping": "swap", "loading": "load"}


def spans_of(
    recording: Recording,
    trace: Trace,
    reading: Reading,
    resource: Resource,
    beside: Callable[[SpanContext], SpanContext],
) -> Iterator[ReadableSpan]:
    """Yield the spans of a request that has ended, its own last.

    Args:
        recording: the notes on it.
        trace: its place.
        reading: what its answer told.
        resource: who we are.
        beside: makes the context of a child.
    """
    make = _Spans(recording, trace, reading, resource)
    marks = recording.marks
    ends = [mark.at for mark in marks[1:]] + [recording.end]
    attempt = 0
    for index, (mark, end) in enumerate(zip(marks, ends, strict=True)):
        name = _WAITING.get(mark.phase)
        if name is not None and end - mark.at >= SHORTEST:
            yield make.child(name, beside(trace.context), mark.at, end)
        elif mark.phase == "forwarded":
            answering = index + 1 < len(marks) and marks[index + 1].phase == "answering"
            # The model server was told which span asks it, unless it was not asked at all.
            told = attempt < len(trace.forwarded)
            context = trace.forwarded[attempt] if told else beside(trace.context)
            attempt += 1
            yield make.upstream(context, attempt, mark.at, ends[index + 1] if answering else end)
    yield make.request()


class _Spans:
    """Makes them of what is known."""

    def __init__(
        self, recording: Recording, trace: Trace, reading: Reading, resource: Resource
    ) -> None:
        self._recording = recording
        self._trace = trace
        self._reading = reading
        self._resource = resource

    def upstream(
        self, context: SpanContext, attempt: int, begin: float, end: float
    ) -> ReadableSpan:
        attributes = {genai.ATTEMPT: attempt, genai.MODEL: self._recording.about.model}
        return self.child(
            "upstream", context, begin, end, kind=SpanKind.CLIENT, attributes=attributes
        )

    def child(
        self, name: str, context: SpanContext, begin: float, end: float, **details: Any
    ) -> ReadableSpan:
        return self._span(name, context, self._trace.context, begin, end, **details)

    def request(self) -> ReadableSpan:
        recording = self._recording
        about = recording.about
        operation = genai.operation_of(about.path)
        attributes: dict[str, Any] = {
            genai.OPERATION: operation,
            genai.PROVIDER: "hotbay",
            genai.REQUEST_MODEL: about.requested,
            genai.REQUEST_STREAM: about.stream,
            genai.METHOD: about.method,
            genai.PATH: about.path,
            genai.STATUS: recording.status,
            genai.CLIENT_ADDRESS: about.remote,
            genai.MODEL: about.model,
            genai.OUTCOME: recording.outcome or "failed",
            genai.REQUEST_ID: about.request_id,
            **self._numbers(),
        }
        if about.selector:
            attributes[genai.SELECTOR] = about.selector
        broken = recording.outcome == "failed" or recording.status >= 500
        if broken:
            attributes[genai.ERROR_TYPE] = str(recording.status)
        return self._span(
            f"{operation} {about.requested}",
            self._trace.context,
            self._trace.parent,
            recording.marks[0].at,
            recording.end,
            kind=SpanKind.SERVER,
            attributes=attributes,
            status=Status(StatusCode.ERROR, self._reading.error) if broken else Status(),
        )

    def _numbers(self) -> dict[str, Any]:
        tokens, pace = self._reading.tokens, self._reading.pace
        numbers: dict[str, Any] = {
            genai.INPUT_TOKENS: tokens.input,
            genai.OUTPUT_TOKENS: tokens.output,
            genai.CACHE_READ_TOKENS: tokens.cache,
        }
        told = {name: number for name, number in numbers.items() if number > 0}
        if pace.ttft is not None:
            told[genai.TIME_TO_FIRST_CHUNK] = pace.ttft
        return told

    def _span(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        begin: float,
        end: float,
        **details: Any,
    ) -> ReadableSpan:
        return ReadableSpan(
            name,
            context,
            parent,
            self._resource,
            start_time=self._nanoseconds(begin),
            end_time=self._nanoseconds(end),
            instrumentation_scope=_SCOPE,
            **details,
        )

    def _nanoseconds(self, at: float) -> int:
        """Return when that was by the calendar's clock, in nanoseconds since the epoch."""
        recording = self._recording
        return int((recording.timestamp + at - recording.marks[0].at) * 1e9)
