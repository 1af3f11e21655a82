"""Reads multipart/form-data bodies (RFC 7578, RFC 2046 5.1) while they arrive.

Owns no more of a body than the part of it that is undecided: the few bytes that may
belong to a boundary, the headers of a part, and the value of a field that is asked
for. Files pass by unread.

Tolerated, because clients send it: quoted and unquoted boundaries, blanks behind a
boundary, text before the first and after the last one, a last line without its end,
an empty value that shares its line end with the boundary. Refused: lines that end in
LF alone, and a body without its last boundary, of which the rest may be missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from hotbay.lane.form import LONGEST_VALUE, MOST_FIELDS, Field, FormError

_LONGEST_HEADERS = 16 * 1024
_LONGEST_PADDING = 1024
_LONGEST_BOUNDARY = 256
"""RFC 2046 allows 70."""

# Cannot backtrack: what an alternative leaves unread the next one cannot read either.
_PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_DISPOSITION = re.compile(rb"\r\ncontent-disposition:\s*form-data\s*(;[^\r\n]*)", re.IGNORECASE)


def parameters(value: bytes) -> dict[bytes, bytes]:
    """Return the parameters of a value such as `form-data; name="x"`, names in lower case."""
    return {
        name.lower(): _ESCAPED.sub(rb"\1", quoted) or token.strip()
        for name, quoted, token in _PARAMETER.findall(value)
    }


class MultipartReader:
    """Reads one body; see `FormReader`."""

    def __init__(self, content_type: bytes, names: Collection[str]) -> None:
        """Look for fields of these names; files of such a name are none.

        Raises:
            FormError: the content type names no usable boundary.
        """
        boundary = parameters(content_type).get(b"boundary", b"")
        if not boundary or len(boundary) > _LONGEST_BOUNDARY:
            raise FormError("the content type names no usable multipart boundary")
        self.boundary = boundary
        self._delimiter = b"\r\n--" + boundary
        self._names = names
        self._fields: list[Field] = []
        # The first boundary may be the body's first bytes.
        self._buffer = bytearray(b"\r\n")
        self._offset = -2
        self._name: str | None = None
        self._value_start = 0
        self._state: Callable[[], bool] = self._read_content
        self._boundaries = 0
        self._began = False

    def feed(self, data: bytes) -> None:
        """Read the next piece; see `FormReader`."""
        if self._state == self._read_epilogue:
            return
        self._buffer += data
        while self._state():
            pass

    def finish(self) -> list[Field]:
        """Return what was found; see `FormReader`."""
        if self._state != self._read_epilogue:
            missing = "last" if self._began else "first"
            raise FormError(f"the multipart form ends before its {missing} boundary")
        return self._fields

    # The states. Each reads from the buffer, and tells whether the next can go on.

    def _read_content(self) -> bool:
        """Read the preamble, a file or a value up to the next boundary."""
        buffer, delimiter = self._buffer, self._delimiter
        searched = 0
        while (at := buffer.find(delimiter, searched)) >= 0:
            behind = at + len(delimiter)
            line_end = self._boundary_end(behind)
            if line_end is None:
                return self._keep_from(at)
            self._boundaries += 1
            if self._boundaries > MOST_FIELDS:
                raise FormError(f"the multipart form has more than {MOST_FIELDS} boundaries")
            if line_end >= 0:
                self._began = True
                self._close_part(at)
                last = buffer[behind : behind + 2] == b"--"
                self._state = self._read_epilogue if last else self._read_headers
                self._drop(line_end)
                return True
            searched = at + 1
        return self._keep_from(max(searched, len(buffer) - len(delimiter) + 1))

    def _boundary_end(self, behind: int) -> int | None:
        """Return where the rest of a boundary line ends.

        That is at its CRLF, which belongs to what follows. None: not known yet; -1: it is
        content that only begins like a boundary.
        """
        rest = self._buffer[behind : behind + _LONGEST_PADDING].lstrip(b" \t")
        if self._buffer[behind : behind + 2] == b"--":
            return behind + 2
        if rest[:2] == b"\r\n":
            return self._buffer.find(b"\r\n", behind)
        undecided = not rest or rest == b"\r" or self._buffer[behind:] == b"-"
        return None if undecided and len(self._buffer) - behind < _LONGEST_PADDING else -1

    def _keep_from(self, at: int) -> bool:
        """Wait for more, keeping what is undecided, and all of a value that is asked for."""
        if self._name is None:
            self._drop(at)
        elif self._offset + len(self._buffer) - self._value_start > LONGEST_VALUE:
            raise FormError(f"form field {self._name!r} is longer than 16 KiB")
        return False

    def _close_part(self, at: int) -> None:
        if self._name is not None:
            start = self._value_start
            end = max(self._offset + at, start)
            value = self._buffer[start - self._offset : end - self._offset]
            text = value.decode("utf-8", "replace")
            # An empty value may share its line end with the boundary.
            after = b"\r\n" if self._offset + at < start else b""
            self._fields.append(Field(self._name, text, start, end, after=after))
            self._name = None

    def _read_headers(self) -> bool:
        """Read the headers of a part; the buffer begins with the CRLF before them."""
        at = self._buffer.find(b"\r\n\r\n", 0, _LONGEST_HEADERS)
        if at < 0:
            if len(self._buffer) >= _LONGEST_HEADERS:
                raise FormError("the headers of a multipart part are longer than 16 KiB")
            return False
        self._name = self._wanted(bytes(self._buffer[: at + 2]))
        self._value_start = self._offset + at + 4
        # With an empty content this CRLF may be the one that begins the next boundary.
        self._drop(at + 2)
        self._state = self._read_content
        return True

    def _wanted(self, headers: bytes) -> str | None:
        """Return the name of a field that is asked for."""
        found = _DISPOSITION.search(headers)
        if found is None:
            return None
        given = parameters(found[1])
        if b"filename" in given or b"filename*" in given:
            return None
        name = given.get(b"name", b"").decode("utf-8", "replace")
        return name if name in self._names else None

    def _read_epilogue(self) -> bool:
        """Ignore what follows the last boundary."""
        self._buffer.clear()
        return False

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._offset += size
