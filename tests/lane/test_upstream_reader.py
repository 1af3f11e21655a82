"""Responses in any segments, read without a socket."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from hotbay.lane.call import Headers
from hotbay.lane.reader import ResponseReader


class Answer(NamedTuple):
    """A response on the wire, and what a reader must make of it."""

    wire: bytes
    head: tuple[int, bytes, Headers]
    body: bytes
    until_close: bool


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    body = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4))
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"]))
    reason = draw(st.sampled_from([b"OK", b"Very Well", b""]))
    headers = draw(
        st.lists(st.sampled_from([(b"X-A", b"1"), (b"set-cookie", b"b=c; d"), (b"x", b"")]))
    )
    if framing == "length":
        headers = [*headers, (b"Content-Length", b"%d" % len(b"".join(body)))]
        wire = b"".join(body)
    elif framing == "chunked":
        headers = [*headers, (b"Transfer-Encoding", b"chunked")]
        trailer = draw(st.sampled_from([b"", b"X-T: 1\r\n"]))
        chunks = b"".join(b"%x;e=1\r\n%b\r\n" % (len(piece), piece) for piece in body)
        wire = chunks + b"0\r\n" + trailer + b"\r\n"
    else:
        wire = b"".join(body)
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    wire = interim + b"HTTP/1.1 200 %b\r\n%b\r\n%b" % (reason, lines, wire)
    told = [(name.lower(), value) for name, value in headers]
    return Answer(wire, (200, reason, told), b"".join(body), framing == "close")


def read(reader: ResponseReader, pieces: Sequence[bytes]) -> tuple[object, bytes]:
    """Return head and body as they come out of a reader."""
    head, body = None, b""
    for piece in pieces:
        reader.feed(piece)
        assert not reader.error
        if reader.head is not None:
            assert head is None
            head, reader.head = reader.head, None
        assert not reader.parts or head is not None
        body += b"".join(reader.parts)
        reader.parts.clear()
    return head, body


@given(st.lists(answers(), min_size=1, max_size=3), st.lists(st.integers(0, 300), max_size=8))
def test_responses_one_after_another_are_read_in_any_segments(
    sent: list[Answer], cuts: list[int]
) -> None:
    reader = ResponseReader()
    for answer in sent:
        reader.begin(head_only=False)
        size = len(answer.wire)
        edges = sorted({0, *(cut for cut in cuts if cut < size), size})
        pieces = [answer.wire[start:end] for start, end in pairwise(edges)]
        assert read(reader, pieces) == (answer.head, answer.body)
        assert reader.until_close == answer.until_close
        assert reader.complete == reader.reusable == (not answer.until_close)
        if answer.until_close:
            return


@given(answers(), st.integers(0, 300))
def test_a_response_to_head_is_complete_with_its_head(answer: Answer, cut: int) -> None:
    head = answer.wire[: _head_end(answer.wire)]
    reader = ResponseReader()
    for _ in range(2):
        reader.begin(head_only=True)
        assert read(reader, [head[:cut], head[cut:]]) == (answer.head, b"")
        assert reader.complete
        if not reader.reusable:
            return


def _head_end(wire: bytes) -> int:
    return wire.index(b"\r\n\r\n", wire.index(b"HTTP/1.1 200")) + 4


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_any_bytes_are_a_response_or_an_error(junk: bytes, more: bytes) -> None:
    reader = ResponseReader()
    for piece in (b"HTTP/1.1 200 OK\r\n", junk, more):
        if not reader.error and not reader.complete:
            reader.feed(piece)
    assert reader.head is not None or not reader.complete
