"""What a reader keeps of a response until it ends, and what it does not."""

from __future__ import annotations

import gzip
import threading
import tracemalloc

import pytest
from tests.activity.answers import EVENTS, events, read

from hotbay.activity.reading import LONGEST_BODY, Reading, ResponseReader, read_response

MIB = 1 << 20


def reader(kind: str = "application/json", coding: str = "", status: int = 200) -> ResponseReader:
    headers = [(b"content-type", kind.encode()), (b"content-encoding", coding.encode())]
    return read_response("/v1/x", status, headers, since=0.0)


def held(of: ResponseReader, piece: bytes, times: int) -> int:
    """Bytes that a reader holds after it was fed."""
    tracemalloc.start()
    try:
        for _ in range(times):
            of.feed(bytes(bytearray(piece)), 1.0)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def body(size: int) -> bytes:
    """An answer of that size."""
    end = b'","usage":{"prompt_tokens":4}}'
    return b'{"text":"'.ljust(size - len(end), b"x") + end


def test_a_body_up_to_the_limit_is_read_and_a_longer_one_is_not() -> None:
    assert read(body(LONGEST_BODY)).tokens.input == 4
    reading = read(body(LONGEST_BODY + 1))
    assert (reading.tokens.input, reading.error) == (0, "")


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_of_a_long_body_nothing_is_kept(coding: str, status: int) -> None:
    of = reader(coding=coding, status=status)
    assert held(of, b"{" * MIB, 20) < MIB
    of.finish(0)


def test_of_a_body_that_cannot_be_json_nothing_is_kept() -> None:
    assert held(reader("audio/mpeg"), b"\xff\xfb\x90\x64" * 1000, 500) < 10_000
    assert held(reader("application/json"), b"\n  plain text " * 1000, 500) < 20_000


def test_white_space_may_come_before_json() -> None:
    assert read([b" \r\n", b"\t", b' {"usage":', b'{"prompt_tokens":4}}']).tokens.input == 4


def test_a_reader_may_be_finished_in_another_thread() -> None:
    of = reader(EVENTS)
    of.feed(events('{"usage":{"prompt_tokens":4}}'), 1.0)
    readings: list[Reading] = []
    thread = threading.Thread(target=lambda: readings.append(of.finish(5)))
    thread.start()
    thread.join()
    assert readings[0].tokens.input == 4
    assert readings[0].duration_ms == 5


def test_headers_are_not_needed() -> None:
    of = read_response("/v1/x", 200, [], since=0.0)
    of.feed(b'{"usage":{"prompt_tokens":4}}', 1.0)
    assert of.finish(0).tokens.input == 4


def test_a_stream_that_failed_is_read_as_a_failure() -> None:
    assert read(b'{"error":"no"}', EVENTS, status=500).error == "no"
    assert read(events("{}"), EVENTS, status=500).error == "500 Internal Server Error"


def test_a_compressed_stream_is_read_at_its_end() -> None:
    packed = gzip.compress(events('{"usage":{"prompt_tokens":4}}'))
    reading = read(packed, EVENTS, coding="gzip", duration_ms=3)
    assert (reading.tokens.input, reading.duration_ms) == (4, 3)
    assert reading.pace.ttft is None
