"""Form fields, as they are found in a request body while it arrives.

A `FormReader` is fed the pieces of a body and keeps only the few fields it is asked
for, with their positions, so that one value can be replaced later without touching a
byte around it. Forms of any size are read in little memory. `UrlencodedReader` reads
`application/x-www-form-urlencoded` bodies and query strings; multipart.py the others.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

LONGEST_VALUE = 16 * 1024
"""Bytes of a field that is asked for; a model name is shorter."""

MOST_FIELDS = 10_000
"""Each costs time on the event loop, however short it is."""


class FormError(ValueError):
    """A body is not the form that it is said to be; the message says why."""


class Field(NamedTuple):
    """One field.

    Attributes:
        name: decoded.
        value: decoded.
        start: offset in the body of the value's first byte.
        end: offset behind its last one.
        before: what another value there needs before it, because the body lacks it.
        after: likewise behind it.
    """

    name: str
    value: str
    start: int
    end: int
    before: bytes = b""
    after: bytes = b""


class FormReader(Protocol):
    """Reads one body.

    Attributes:
        boundary: between the parts of a multipart form; empty for others.
    """

    boundary: bytes

    def feed(self, data: bytes) -> None:
        """Read the next piece.

        Raises:
            FormError: the body cannot be such a form.
        """

    def finish(self) -> list[Field]:
        """Return the fields asked for, in their order, once the body is complete.

        Raises:
            FormError: the body ends too early.
        """


class UrlencodedReader:
    """Reads `name=value&name=value` (https://url.spec.whatwg.org/#urlencoded-parsing)."""

    boundary = b""

    def __init__(self, names: Collection[str]) -> None:
        """Look for these names."""
        self._names = names
        self._fields: list[Field] = []
        self._pair = bytearray()
        self._start = 0
        self._skipped = 0
        self._count = 0

    def feed(self, data: bytes) -> None:
        """Read the next piece; see `FormReader`."""
        self._count += data.count(b"&")
        if self._count > MOST_FIELDS:
            raise FormError(f"the form has more than {MOST_FIELDS} fields")
        first, *others = data.split(b"&")
        self._extend(first)
        for piece in others:
            self._close()
            self._extend(piece)

    def finish(self) -> list[Field]:
        """Return what was found; see `FormReader`."""
        self._close()
        return self._fields

    def _extend(self, piece: bytes) -> None:
        if self._skipped:
            self._skipped += len(piece)
            return
        self._pair += piece
        if len(self._pair) > LONGEST_VALUE:
            name, _, _ = self._pair.partition(b"=")
            if _decoded(name) in self._names:
                raise FormError(f"form field {_decoded(name)!r} is longer than 16 KiB")
            self._skipped = len(self._pair)
            self._pair.clear()

    def _close(self) -> None:
        """End a pair at a separator."""
        name, equals, value = self._pair.partition(b"=")
        if not self._skipped and (decoded := _decoded(name)) in self._names:
            start = self._start + len(name) + len(equals)
            before = b"" if equals else b"="
            self._fields.append(Field(decoded, _decoded(value), start, start + len(value), before))
        self._start += self._skipped + len(self._pair) + 1
        self._skipped = 0
        self._pair.clear()


def _decoded(text: bytes | bytearray) -> str:
    return unquote_to_bytes(bytes(text).replace(b"+", b" ")).decode("utf-8", "replace")
