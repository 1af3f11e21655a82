"""What requests leave behind survives the program, and reaches a collector of traces."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.journeys.conftest import Configure, get, post, until
from tests.journeys.program import LIMIT, serving


def rows(url: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = get(url, "/api/metrics/activity").json["data"]
    return listed


def test_rows_survive_the_death_of_the_program(tmp_path: Path, configure: Configure) -> None:
    configuration = configure({"store": {"path": str(tmp_path / "activity.db")}}, a={})
    with serving(configuration, tmp_path) as (program, url):
        assert post(url, "a").status == 200
        assert post(url, "nobody").status == 404
        until(lambda: len(rows(url)) == 2)
        program.end(signal.SIGKILL)
    with serving(configuration, tmp_path) as (_, url):
        assert post(url, "a").status == 200
        until(lambda: len(rows(url)) == 3)
        found = rows(url)

    assert [(row["id"], row["model"], row["resp_status_code"]) for row in found] == [
        (3, "a", 200),
        (2, "nobody", 404),
        (1, "a", 200),
    ]


def test_rows_are_written_at_a_shutdown(tmp_path: Path, configure: Configure) -> None:
    configuration = configure({"store": {"path": str(tmp_path / "activity.db")}}, a={})
    with serving(configuration, tmp_path) as (program, url):
        for _ in range(20):
            assert post(url, "a").status == 200
        assert program.end() == 0
    with serving(configuration, tmp_path) as (_, url):
        assert len(rows(url)) == 20


class Collector:
    """Takes traces as OTLP over HTTP."""

    def __init__(self) -> None:
        self.requests: Queue[bytes] = Queue()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.requests.put(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def spans(self) -> Iterator[Any]:
        """Yield spans as they come."""
        while True:
            export = ExportTraceServiceRequest.FromString(self.requests.get(timeout=LIMIT))
            for resource in export.resource_spans:
                for scope in resource.scope_spans:
                    yield from scope.spans

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def test_traces_reach_a_collector(
    tmp_path: Path, configure: Configure, collector: Collector
) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with serving(configure(a={}), tmp_path, env=env) as (_, url):
        assert post(url, "a").status == 200
        spans = {}
        for span in collector.spans():
            spans[span.name] = span
            if span.name == "chat a":
                break

    assert spans.keys() == {"load", "upstream", "chat a"}
    assert {span.trace_id for span in spans.values()} == {spans["chat a"].trace_id}
    assert spans["upstream"].parent_span_id == spans["chat a"].span_id


def test_a_collector_that_is_not_there_holds_up_nobody(
    tmp_path: Path, configure: Configure
) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with serving(configure(a={}), tmp_path, env=env) as (program, url):
        for _ in range(5):
            assert post(url, "a").status == 200
        assert program.end() == 0
        assert json.dumps(program.lines).count("internal error") == 0
