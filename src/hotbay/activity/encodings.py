"""Undoes content codings, piece by piece and within bounds (spec/request-pipeline.md 9.6).

Formats: gzip (RFC 1952), deflate with and without the zlib wrapper (RFC 1950, 1951), br (RFC 7932)
and zstd (RFC 8878, windows up to 8 MiB as RFC 9659 demands). What comes out is limited, so that a
response of a few kilobytes cannot fill the memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import brotli
import zstandard

_BITE = 256
"""Bytes that are decompressed at a time; they become 8 MiB at most, with zstd."""
_ZSTD_WINDOW = 8 << 20
_BROTLI_PIECE = 64 << 10


class _Stream(Protocol):
    """What the decompressors of zlib and zstandard have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class DecodingError(Exception):
    """The data cannot be decompressed; the text is the cause."""


class CutShortError(DecodingError):
    """The data end too early."""

    def __init__(self) -> None:
        super().__init__("the data end too early")


def is_compressed(codings: str) -> bool:
    """Whether a `Content-Encoding` names at least one coding that can be undone."""
    return bool(codings) and any(name in _UNDO for name in _names(codings))


def decoded(pieces: Iterable[bytes], codings: str, limit: int) -> Iterator[bytes]:
    """Undo a `Content-Encoding`; a coding that is not known is left as it is.

    Yields as it goes, so what came before an error can be used.

    Args:
        pieces: the body, in pieces of any size.
        codings: the header's value; the coding named last is undone first (RFC 9110, 8.4).
        limit: bytes that may come out.

    Raises:
        CutShortError: the data end too early.
        DecodingError: they are damaged, or become larger than `limit`.
    """
    for name in reversed(_names(codings) if codings else ()):
        if name in _UNDO:
            pieces = _UNDO[name](pieces)
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise DecodingError(f"more than {limit} bytes when decompressed")
        yield piece


def _names(codings: str) -> list[str]:
    return [name.strip().lower() for name in codings.split(",")]


def _gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    return _undo(pieces, lambda _first: zlib.decompressobj(wbits=31), zlib.error)


def _undeflate(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Undo deflate, as it should be, in zlib's wrapper, and as many servers send it, without."""

    def begin(first: int) -> _Stream:
        # The method's number in the low bits, and a window of at most 32 KiB (RFC 1950, 2.2);
        # a block without the wrapper never begins so.
        wrapped = first & 0x8F == 0x08
        return zlib.decompressobj(wbits=15 if wrapped else -15)

    return _undo(pieces, begin, zlib.error)


def _unzstd(pieces: Iterable[bytes]) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    return _undo(pieces, lambda _first: decompressor.decompressobj(), zstandard.ZstdError)


def _undo(
    pieces: Iterable[bytes], begin: Callable[[int], _Stream], failure: type[Exception]
) -> Iterator[bytes]:
    """Decompress; several members or frames in a row are one body, as both formats have it."""
    stream: _Stream | None = None
    for piece in pieces:
        for start in range(0, len(piece), _BITE):
            rest = piece[start : start + _BITE]
            while rest:
                stream = stream or begin(rest[0])
                try:
                    yield stream.decompress(rest)
                except failure as error:
                    raise DecodingError(str(error)) from None
                rest = b""
                if stream.eof:
                    rest, stream = stream.unused_data, None
    if stream is not None:
        raise CutShortError


def _unbrotli(pieces: Iterable[bytes]) -> Iterator[bytes]:
    stream = brotli.Decompressor()
    begun = False
    for piece in pieces:
        begun = begun or bool(piece)
        rest = piece
        try:
            while data := stream.process(rest, output_buffer_limit=_BROTLI_PIECE):
                yield data
                rest = b""
        except brotli.error:
            raise DecodingError("not in the format of brotli") from None
    if begun and not stream.is_finished():
        raise CutShortError


_UNDO: dict[str, Callable[[Iterable[bytes]], Iterator[bytes]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
