"""Traces: which spans a request makes, and where they belong (W3C Trace Context, OpenTelemetry)."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind, StatusCode
from tests.activity.test_bookkeeper import ARRIVED, EVENTS, JSON, STREAM, Office

from hotbay.activity.genai import operation_of
from hotbay.activity.recording import Recording
from hotbay.activity.traces import Tracer
from hotbay.activity.tracing import tracer_from

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CLIENT = [(b"traceparent", f"00-{TRACE}-{PARENT}-01".encode())]


class Traced(Office):
    """An office whose requests are traced into memory."""

    def __init__(self, **sampler: Any) -> None:
        super().__init__()
        self.exporter = InMemorySpanExporter()
        resource = Resource({"service.name": "hotbay"})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False, **sampler)
        self.processor = BatchSpanProcessor(self.exporter)
        self.books.tracer = Tracer(provider, self.processor)

    async def spans(self) -> list[ReadableSpan]:
        """Return the spans of all that has ended, in the order in which they began."""
        await self.store.flush()
        self.processor.force_flush()
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def go_through(self, recording: Recording) -> bytes | None:
        """Let a request wait for everything that there is, and be answered."""
        recording.waits("busy", ("rose",), 1)
        self.now += 1
        recording.waits("evicting", ("rose",), 0)
        self.now += 2
        self.recorder.model_starts("lily")
        self.now += 3
        recording.granted(1)
        traceparent = recording.traceparent()
        self.now += 0.5
        recording.answered(200, EVENTS)
        recording.passed(STREAM)
        self.now += 0.5
        recording.ended("done", 200)
        return traceparent


@pytest.fixture
async def offices() -> AsyncIterator[Callable[..., Traced]]:
    opened: list[Traced] = []

    def open_one(**sampler: Any) -> Traced:
        opened.append(Traced(**sampler))
        return opened[-1]

    yield open_one
    for each in opened:
        await each.store.close()
        each.processor.shutdown()


def number(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.span_id:016x}"


def parent(span: ReadableSpan) -> str | None:
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def trace(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


async def test_a_request_is_a_span_and_what_it_spent_its_time_with_are_its_children(
    offices: Callable[..., Traced],
) -> None:
    office = offices()
    traceparent = office.go_through(office.begin(headers=CLIENT, requested="chat"))
    request, *children = sorted(
        await office.spans(), key=lambda span: span.name != "text_completion chat"
    )

    assert (request.name, request.kind) == ("text_completion chat", SpanKind.SERVER)
    assert (trace(request), parent(request)) == (TRACE, PARENT)
    assert [child.name for child in children] == ["queue", "swap", "load", "upstream"]
    assert {(trace(child), parent(child)) for child in children} == {(TRACE, number(request))}
    seconds = [(c.end_time - c.start_time) / 1e9 for c in children if c.end_time and c.start_time]
    assert seconds == pytest.approx([1, 2, 3, 1], abs=1e-6)
    assert request.start_time == int(ARRIVED * 1e9)
    assert request.resource.attributes["service.name"] == "hotbay"
    upstream = children[-1]
    assert upstream.kind is SpanKind.CLIENT
    assert traceparent == f"00-{TRACE}-{number(upstream)}-01".encode()


async def test_a_span_has_the_attributes_of_the_conventions(offices: Callable[..., Traced]) -> None:
    office = offices()
    office.go_through(office.begin(requested="chat", selector="any", stream=True))
    request = next(span for span in await office.spans() if span.kind is SpanKind.SERVER)

    assert dict(request.attributes or {}) == {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "hotbay",
        "gen_ai.request.model": "chat",
        "gen_ai.request.stream": True,
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.response.time_to_first_chunk": 0.5,
        "http.request.method": "POST",
        "url.path": "/v1/completions",
        "http.response.status_code": 200,
        "client.address": "192.0.2.7",
        "hotbay.model": "lily",
        "hotbay.outcome": "done",
        "hotbay.request_id": "r-1",
        "hotbay.selector": "any",
    }
    assert request.status.status_code is StatusCode.UNSET


async def test_a_request_that_did_not_wait_has_only_its_upstream(
    offices: Callable[..., Traced],
) -> None:
    office = offices()
    office.serve(b"{}")
    names = [span.name for span in await office.spans()]
    assert sorted(names) == ["text_completion lily", "upstream"]


async def test_a_request_without_a_trace_begins_one(offices: Callable[..., Traced]) -> None:
    office = offices()
    recordings = [office.begin() for _ in range(2)]
    lines = [office.go_through(recording) for recording in recordings]
    requests = [span for span in await office.spans() if span.kind is SpanKind.SERVER]

    assert [parent(request) for request in requests] == [None, None]
    assert len({trace(request) for request in requests}) == 2
    for line in lines:
        assert line is not None
        assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-01", line)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"traceparent", b"")],
        [(b"traceparent", b"00-" + b"0" * 32 + b"-" + PARENT.encode() + b"-01")],
        [(b"traceparent", f"ff-{TRACE}-{PARENT}-01".encode())],
        [(b"traceparent", f"00-{TRACE}-{PARENT}".encode())],
        [(b"traceparent", b"\xff" * 55)],
        [*CLIENT, *CLIENT],
    ],
)
async def test_a_trace_that_is_none_is_not_continued(
    offices: Callable[..., Traced], headers: list[tuple[bytes, bytes]]
) -> None:
    office = offices()
    office.go_through(office.begin(headers=headers))
    request = next(span for span in await office.spans() if span.kind is SpanKind.SERVER)

    assert parent(request) is None
    assert trace(request) != TRACE


async def test_a_trace_that_its_client_does_not_sample_is_not_sampled_here(
    offices: Callable[..., Traced],
) -> None:
    office = offices()
    headers = [(b"traceparent", f"00-{TRACE}-{PARENT}-00".encode())]
    line = office.go_through(office.begin(headers=headers))

    assert line is not None
    assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-00".encode(), line)
    assert await office.spans() == []


async def test_a_sampler_decides_where_the_client_does_not(
    offices: Callable[..., Traced],
) -> None:
    office = offices(sampler=ParentBased(ALWAYS_OFF))
    office.go_through(office.begin())
    office.go_through(office.begin(headers=CLIENT))
    assert {trace(span) for span in await office.spans()} == {TRACE}


async def test_each_attempt_is_a_span_of_its_own(offices: Callable[..., Traced]) -> None:
    office = offices()
    recording = office.begin()
    recording.granted(1)
    first = recording.traceparent()
    office.now += 1
    recording.waits("starting", ("lily",), 0)
    office.now += 1
    recording.granted(2)
    second = recording.traceparent()
    recording.answered(200, JSON)
    recording.ended("done", 200)
    attempts = [span for span in await office.spans() if span.name == "upstream"]

    assert [(span.attributes or {})["hotbay.attempt"] for span in attempts] == [1, 2]
    for line, span in zip((first, second), attempts, strict=True):
        assert line is not None
        assert number(span).encode() in line


async def test_a_failure_is_an_error_with_its_reason(offices: Callable[..., Traced]) -> None:
    office = offices()
    recording = office.begin()
    recording.waits("starting", ("lily",), 0)
    office.now += 1
    recording.ended("failed", 500, "exit status 1")
    office.begin().ended("refused", 429, "Too many requests")
    spans = [span for span in await office.spans() if span.kind is SpanKind.SERVER]

    failed, refused = spans if spans[0].status.description else reversed(spans)
    assert (failed.status.status_code, failed.status.description) == (
        StatusCode.ERROR,
        "exit status 1",
    )
    assert (failed.attributes or {})["error.type"] == "500"
    assert refused.status.status_code is StatusCode.UNSET


async def test_requests_that_make_no_row_are_traced_too(offices: Callable[..., Traced]) -> None:
    office = offices()
    office.go_through(office.begin(recorded=False, method="GET", path="/props"))
    assert "props lily" in {span.name for span in await office.spans()}


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/v1/chat/completions", "chat"),
        ("/v/chat/completions", "chat"),
        ("/v1/messages", "chat"),
        ("/v1/embeddings", "embeddings"),
        ("/infill", "text_completion"),
        ("/v1/rerank", "rerank"),
        ("/v1/audio/speech", "speech"),
        ("/", "request"),
    ],
)
def test_a_path_stands_for_an_operation(path: str, operation: str) -> None:
    assert operation_of(path) == operation


# -- the environment ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_SERVICE_NAME": "hotbay"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_there_are_no_traces_unless_they_are_asked_for(environ: dict[str, str]) -> None:
    warnings: list[str] = []
    assert tracer_from(environ, warnings.append) is None
    assert warnings == []


@pytest.mark.parametrize(
    "name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
)
def test_an_endpoint_switches_traces_on(name: str) -> None:
    tracer = tracer_from({name: "http://127.0.0.1:9"}, print)
    assert tracer is not None
    tracer.close()


def test_traces_that_lack_their_extra_are_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    warnings: list[str] = []
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}

    assert tracer_from(environ, warnings.append) is None
    assert warnings == [
        "OTEL_EXPORTER_OTLP_ENDPOINT is set, but traces need an extra: pip install hotbay[otel]"
    ]


def test_without_traces_the_sdk_is_not_imported() -> None:
    code = (
        "import sys, hotbay.activity.recorder, hotbay.activity.tracing as tracing\n"
        "tracing.tracer_from({}, print)\n"
        "print(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "False\n"
