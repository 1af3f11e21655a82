"""Traces for OpenTelemetry: a span for each request, and what it spent its time with as children.

Owns the place of a request in its trace (W3C Trace Context) and how spans are made of the notes on
it. Spans are made when the request has ended; until then, all it costs is a few random numbers.
Imports the SDK, which is an extra and takes long; `hotbay.activity.tracing` does so if asked.
"""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from hotbay.activity.reading import Reading
from hotbay.activity.recording import Headers, Recording
from hotbay.activity.spans import spans_of

_PROPAGATOR = TraceContextTextMapPropagator()


class Trace:
    """The place of one request in its trace.

    Attributes:
        context: of the request's own span.
        parent: of the client's, None if it named none.
        forwarded: of the spans in which model servers were asked, one for each attempt.
    """

    __slots__ = ("_new_context", "context", "forwarded", "parent")

    def __init__(
        self,
        context: SpanContext,
        parent: SpanContext | None,
        new_context: Callable[[SpanContext], SpanContext],
    ) -> None:
        self.context = context
        self.parent = parent
        self.forwarded: list[SpanContext] = []
        self._new_context = new_context

    def forward(self) -> bytes:
        """Begin an attempt; return the `traceparent` that the model server is to have."""
        context = self._new_context(self.context)
        self.forwarded.append(context)
        return b"00-%032x-%016x-%02x" % (context.trace_id, context.span_id, context.trace_flags)


class Tracer:
    """Makes spans of requests and gives them to be exported."""

    def __init__(self, provider: TracerProvider, processor: SpanProcessor) -> None:
        """Begin.

        Args:
            provider: says who we are, which traces are to be sampled, and makes numbers.
            processor: takes the spans; must not block.
        """
        self._provider = provider
        self._processor = processor

    # -- on the event loop ---------------------------------------------------------------------

    def begin(self, headers: Headers) -> Trace:
        """Return the place of a request that arrives, in its client's trace or one of its own."""
        carrier = _carrier(headers)
        around = _PROPAGATOR.extract(carrier) if carrier else None
        span = None if around is None else get_current_span(around).get_span_context()
        parent = span if span is not None and span.is_valid else None
        numbers = self._provider.id_generator
        trace_id = parent.trace_id if parent else numbers.generate_trace_id()
        sampling = self._provider.sampler.should_sample(
            around, trace_id, "request", SpanKind.SERVER
        )
        sampled = sampling.decision is Decision.RECORD_AND_SAMPLE
        context = SpanContext(
            trace_id,
            numbers.generate_span_id(),
            is_remote=False,
            trace_flags=TraceFlags(sampled),
            trace_state=sampling.trace_state or (parent.trace_state if parent else None),
        )
        return Trace(context, parent, self._beside)

    def _beside(self, context: SpanContext) -> SpanContext:
        """Return the context of another span of the same trace."""
        return SpanContext(
            context.trace_id,
            self._provider.id_generator.generate_span_id(),
            is_remote=False,
            trace_flags=context.trace_flags,
            trace_state=context.trace_state,
        )

    # -- in any thread -------------------------------------------------------------------------

    def ended(self, recording: Recording, reading: Reading) -> None:
        """Make the spans of a request that has ended, unless it is not sampled."""
        trace = recording.trace
        if trace is None or not trace.context.trace_flags.sampled:
            return
        for span in spans_of(recording, trace, reading, self._provider.resource, self._beside):
            self._processor.on_end(span)

    def close(self) -> None:
        """Export what is left; may take a while, so call it in a thread."""
        self._processor.shutdown()


def _carrier(headers: Headers) -> dict[str, str]:
    """Return the headers of Trace Context; more than one `traceparent` counts as none (3.2)."""
    parents = [value for name, value in headers if name == b"traceparent"]
    if len(parents) != 1:
        return {}
    states = [value.decode("latin-1") for name, value in headers if name == b"tracestate"]
    return {"traceparent": parents[0].decode("latin-1"), "tracestate": ",".join(states)}
