"""Content codings are undone within bounds (spec/request-pipeline.md 9.6)."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tests.activity.answers import CODINGS, EVENTS, cut, events, numbers, raw_deflate, read

from hotbay.activity.encodings import CutShortError, DecodingError, decoded, is_compressed

MIB = 1 << 20
USAGE = b'{"usage":{"prompt_tokens":4}}'
each = pytest.mark.parametrize("name", CODINGS)


def undo(data: bytes, coding: str, limit: int = MIB) -> bytes:
    return b"".join(decoded([data], coding, limit))


@given(
    data=st.binary(max_size=2000) | st.binary(max_size=10).map(lambda data: data * 20_000),
    name=st.sampled_from(sorted(CODINGS)),
    places=st.lists(st.integers(0, 3000), max_size=6),
)
def test_what_was_compressed_comes_back_in_whatever_pieces_it_came(
    data: bytes, name: str, places: list[int]
) -> None:
    coding, compress = CODINGS[name]
    assert b"".join(decoded(cut(compress(data), places), coding, MIB)) == data


@pytest.mark.parametrize("coding", ["", "identity", "compress", "gzip2", "x"])
def test_a_coding_that_is_not_known_is_left_as_it_is(coding: str) -> None:
    assert not is_compressed(coding)
    assert undo(b"\x1f\x8b as it is", coding) == b"\x1f\x8b as it is"


@pytest.mark.parametrize("coding", ["gzip", " GZIP ", "identity, gzip", "gzip,identity"])
def test_the_name_of_a_coding_is_trimmed_and_may_be_in_any_case(coding: str) -> None:
    assert is_compressed(coding)
    assert undo(gzip.compress(b"abc"), coding) == b"abc"


def test_gzip_members_and_zstd_frames_in_a_row_are_one_body() -> None:
    assert undo(gzip.compress(b"ab") + gzip.compress(b"cd"), "gzip") == b"abcd"
    assert undo(zstandard.compress(b"ab") + zstandard.compress(b"cd"), "zstd") == b"abcd"


@each
def test_data_that_end_too_early_are_told_from_damaged_ones(name: str) -> None:
    coding, compress = CODINGS[name]
    packed = compress(bytes(range(256)) * 20)
    for end in (1, len(packed) // 2, len(packed) - 1):
        with pytest.raises(CutShortError, match="the data end too early"):
            undo(packed[:end], coding)
    with pytest.raises(DecodingError) as caught:
        undo(b"this is plain text", coding)
    assert not isinstance(caught.value, CutShortError)
    assert str(caught.value)


@each
def test_an_empty_body_needs_no_decompressing(name: str) -> None:
    coding, _ = CODINGS[name]
    assert undo(b"", coding) == b""
    reading = read(b"", coding=coding)
    assert (reading.error, reading.damaged) == ("", False)


@pytest.mark.parametrize("name", ["gzip", "raw deflate", "br", "zstd"])
def test_a_decompression_bomb_is_stopped_before_it_fills_the_memory(name: str) -> None:
    coding, compress = CODINGS[name]
    bomb = compress(bytes(64 * MIB))
    assert len(bomb) < MIB
    tracemalloc.start()
    try:
        with pytest.raises(DecodingError, match="more than 8388608 bytes when decompressed"):
            undo(bomb, coding, 8 * MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30 * MIB


def test_a_window_that_takes_too_much_memory_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(DecodingError, match="too much memory"):
        undo(packer.compress(b"abc") + packer.flush(), "zstd")


# -- in a row ------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [zlib.compress, raw_deflate])
def test_deflate_may_come_with_and_without_its_wrapper(compress: Callable[[bytes], bytes]) -> None:
    assert read(compress(USAGE), coding="deflate").tokens.input == 4


def test_an_unknown_coding_gives_zeros_and_is_no_error() -> None:
    reading = read(b"\x00\x01 something", coding="x-own")
    assert (set(numbers(reading)), reading.error, reading.damaged) == ({0}, "", False)


@each
def test_a_damaged_body_gives_zeros_and_says_so(name: str) -> None:
    coding, compress = CODINGS[name]
    for body in (b"this is plain text", compress(USAGE)[:-1]):
        reading = read(body, coding=coding)
        assert reading.error.startswith("response decompression failed: ")
        assert reading.damaged
        assert set(numbers(reading)) == {0}


def test_a_body_that_becomes_too_large_says_so() -> None:
    body = gzip.compress(b" " * (9 * MIB) + USAGE)
    assert read(body, coding="gzip").error == (
        "response decompression failed: more than 8388608 bytes when decompressed"
    )


@each
def test_a_compressed_stream_that_is_cut_short_counts_as_far_as_it_came(name: str) -> None:
    coding, compress = CODINGS[name]
    start = events(USAGE.decode())
    # What follows does not compress, so that enough of the beginning comes out.
    packed = compress(start + b": " + bytes(n * n % 251 for n in range(200_000)))
    reading = read(packed[:-1], EVENTS, coding=coding)
    assert (reading.tokens.input, reading.error, reading.damaged) == (4, "", False)


def test_a_compressed_stream_that_is_damaged_gives_zeros_and_says_so() -> None:
    packed = gzip.compress(events(USAGE.decode()) + b"x" * 50_000)
    reading = read(packed[:-8] + b"\0" * 8, EVENTS, coding="gzip")
    assert reading.error.startswith("response decompression failed: ")
    assert (reading.tokens.input, reading.damaged) == (0, True)
