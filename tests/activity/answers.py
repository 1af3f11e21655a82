"""Answers of model servers as the tests write them, and how the reader reads them."""

from __future__ import annotations

import gzip
import itertools
import json
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import brotli
import zstandard

from hotbay.activity.reading import Reading, read_response

GOLDEN = Path(__file__).parent / "golden"
JSON = "application/json"
EVENTS = "text/event-stream"


@dataclass(frozen=True)
class Answer:
    """An answer with what is expected of its reading."""

    name: str
    path: str
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    numbers: tuple[float, ...]
    error: str

    @property
    def is_stream(self) -> bool:
        return any(value == b"text/event-stream" for _, value in self.headers)


def golden() -> list[Answer]:
    """The recorded and the documented answers."""
    expected = json.loads((GOLDEN / "expected.json").read_text())
    return [_golden(file, expected[file.stem]) for file in sorted(GOLDEN.rglob("*.http"))]


def _golden(file: Path, expected: list[float | str]) -> Answer:
    head, _, body = file.read_bytes().partition(b"\n\n")
    request, status, *headers = head.decode().split("\n")
    *numbers, error = expected
    return Answer(
        name=file.stem,
        path=request.removeprefix("POST "),
        status=int(status),
        headers=tuple(_header(line) for line in headers),
        body=body,
        numbers=tuple(map(float, numbers)),
        error=str(error),
    )


def _header(line: str) -> tuple[bytes, bytes]:
    name, _, value = line.partition(": ")
    return name.lower().encode(), value.split(";")[0].encode()


def read(
    body: bytes | Iterable[bytes],
    kind: str = JSON,
    *,
    path: str = "/v1/chat/completions",
    status: int = 200,
    coding: str = "",
    duration_ms: int = 0,
    clock: Callable[[], float] = time.monotonic,
) -> Reading:
    """Read an answer that comes in one piece, or in those."""
    headers = [(b"server", b"test"), (b"content-type", kind.encode())]
    if coding:
        headers.append((b"content-encoding", coding.encode()))
    reader = read_response(path, status, headers, since=0.0)
    for piece in [body] if isinstance(body, bytes) else body:
        reader.feed(piece, clock())
    return reader.finish(duration_ms)


def read_answer(answer: Answer, pieces: Iterable[bytes], coding: str = "") -> Reading:
    """Read a golden answer in these pieces."""
    kind = dict(answer.headers)[b"content-type"].decode()
    return read(pieces, kind, path=answer.path, status=answer.status, coding=coding)


def numbers(reading: Reading) -> tuple[float, ...]:
    """The seven numbers, in the order of spec/request-pipeline.md 9.1."""
    t = reading.tokens
    return (
        t.cache,
        t.draft,
        t.draft_accepted,
        t.input,
        t.output,
        t.prompt_per_second,
        t.tokens_per_second,
    )


def events(*payloads: str, newline: str = "\n") -> bytes:
    """An event stream of these payloads."""
    return "".join(f"data: {payload}{newline}{newline}" for payload in payloads).encode()


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Data in pieces, cut at these places."""
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[begin:end] for begin, end in itertools.pairwise(ends)]


def raw_deflate(data: bytes) -> bytes:
    """Deflate without zlib's wrapper, as many servers send it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODINGS: Mapping[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", lambda data: brotli.compress(data, quality=4)),
    "zstd": ("zstd", zstandard.compress),
    "two": ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
}
"""Value of Content-Encoding and what makes it, by a name for the test."""
