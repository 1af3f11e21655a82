"""Reads the responses of one connection, one after another, with httptools.

Owns the parser and what it has found in the present response. Interim responses are
skipped, trailers dropped, and what follows a complete response is noticed and ignored.
"""

from __future__ import annotations

import re

import httptools

from hotbay.lane.call import Headers

_BARE_LIMIT = 1024 * 1024
"""Bytes of a response that may pass without one of its body: its head, or trailers."""

_TIMEOUT_HINT = re.compile(rb"\btimeout=(\d{1,6})\b")


class ResponseReader:
    """One response at a time.

    Attributes:
        head: status, reason and headers once they are complete; the user takes it and
            sets it to None.
        parts: pieces of the body found; the user takes and clears them.
        started: the head of the response is complete.
        complete: the response has ended.
        until_close: it ends with the connection.
        reusable: the connection can carry another response after this one.
        hint: seconds for which the upstream promised to keep the connection, None
            without a promise.
        continued: a 100 has come; the user sets it back.
        upgraded: what came behind the head of a 101, None if none came.
        error: why the bytes are no valid response, empty if they are.
    """

    __slots__ = (
        "_bare",
        "_head_only",
        "_headers",
        "_parser",
        "_reason",
        "complete",
        "continued",
        "error",
        "head",
        "hint",
        "parts",
        "reusable",
        "started",
        "until_close",
        "upgraded",
    )

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._head_only = False
        self.hint: int | None = None
        self.parts: list[bytes] = []
        self.begin(head_only=False)

    def begin(self, *, head_only: bool) -> None:
        """Expect the response to a new request; to HEAD it ends with its head."""
        if self._head_only:  # that parser waits for a body that does not come
            self._parser = httptools.HttpResponseParser(self)
        self._head_only = head_only
        self._bare = 0
        self._reason = b""
        self._headers: Headers = []
        self.head: tuple[int, bytes, Headers] | None = None
        self.started = False
        self.complete = False
        self.until_close = False
        self.reusable = False
        self.continued = False
        self.upgraded: bytes | None = None
        self.error = ""

    def feed(self, data: bytes | memoryview) -> None:
        """Read what arrived; afterwards the attributes tell what was in it."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.upgraded = bytes(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError:
            if not self.complete:
                raise
            self.reusable = False
        except httptools.HttpParserError as invalid:
            self.reusable = False
            self.error = str(invalid)
            if self.head is not None and self.head[0] == 101:  # one that switches to nothing
                self.head = None
                self.complete = False
        if self._head_only and self.parts:
            self.parts.clear()
            self.reusable = False
        self._bare = 0 if self.parts else self._bare + len(data)
        if self._bare > _BARE_LIMIT:
            self.error = "more than 1 MiB of headers"

    # Called by the parser

    def on_message_begin(self) -> None:
        """Stop behind a complete response: nobody asked for more."""
        if self.complete:
            raise _Surplus

    def on_status(self, reason: bytes) -> None:
        """Take a piece of the reason phrase."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; or a trailer, which nobody will look at."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Judge where the response ends and whether the connection can go on after it."""
        status = self._parser.get_status_code()
        headers, self._headers = self._headers, []
        if status < 200 and status != 101:
            self._reason = b""
            self.continued |= status == 100
            return
        self.head = (status, self._reason, headers)
        self.started = True
        self.complete = self._head_only
        self.reusable = self._parser.should_keep_alive()
        if self.reusable:
            self.hint = _keep_alive_hint(headers)
        else:
            self.until_close = status not in {204, 304} and not _has_length(headers)

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self.parts.append(data)

    def on_message_complete(self) -> None:
        """Note the end of the response, unless it was an interim one."""
        self.complete = self.started


class _Surplus(Exception):  # noqa: N818  stops the parser, nobody sees it
    """Bytes follow a complete response."""


def _has_length(headers: Headers) -> bool:
    """Tell whether the end of a body can be seen in the body itself (RFC 9112 6.3)."""
    return any(
        name == b"content-length"
        or (name == b"transfer-encoding" and value.lower().endswith(b"chunked"))
        for name, value in headers
    )


def _keep_alive_hint(headers: Headers) -> int | None:
    """Return the seconds of `Keep-Alive: timeout=N`."""
    for name, value in headers:
        if name == b"keep-alive":
            found = _TIMEOUT_HINT.search(value)
            return int(found[1]) if found else None
    return None
