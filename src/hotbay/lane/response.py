"""The head of a response to a client: a model server's passed on, or our own.

Owns how the body is framed. A model server's chunks are framed anew, so its framing
never reaches the client (spec/http-api.md 5.1).
"""

from __future__ import annotations

import enum
import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from hotbay.lane.call import Headers
from hotbay.lane.forwarding import HOP_BY_HOP, named_in_connection
from hotbay.lane.head import Head

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_BODILESS = frozenset({HTTPStatus.NO_CONTENT.value, HTTPStatus.NOT_MODIFIED.value})


class Framing(enum.Enum):
    """How a client finds the end of a response's body (RFC 9112 6)."""

    LENGTH = "content-length"
    CHUNKED = "chunked"
    CLOSE = "connection closed"
    NONE = "no body"


def own_response(
    status: int,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    *,
    bodiless: bool = False,
    keep_alive: bool,
) -> bytes:
    """Return a whole response of our own; `bodiless` answers a HEAD request."""
    parts = [_status_line(status, b""), _date_line()]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    parts.append(b"Content-Length: %d\r\n" % len(body))
    parts.append(b"\r\n" if keep_alive else b"Connection: close\r\n\r\n")
    if not bodiless:
        parts.append(body)
    return b"".join(parts)


def passed_on_head(
    status: int,
    reason: bytes,
    headers: Headers,
    request: Head,
) -> tuple[bytes, Framing]:
    """Return the head of a model server's response for the client, and how to frame its body.

    With `Framing.CLOSE`, or if the request says so, the connection ends with the response.
    """
    fields = dict(headers)
    stream = b"text/event-stream" in fields.get(b"content-type", b"").lower()
    dropped = HOP_BY_HOP
    if b"connection" in fields:
        dropped |= named_in_connection(fields[b"connection"]) - {b"content-length"}
    if b"transfer-encoding" in fields or status == HTTPStatus.NO_CONTENT:
        # A length beside chunks is what request smuggling looks like from the other side.
        dropped |= {b"content-length"}
    if stream:
        dropped |= {b"x-accel-buffering"}
    framing = _framing(
        bodiless=request.method == b"HEAD" or status in _BODILESS,
        length=b"content-length" in fields and b"content-length" not in dropped,
        chunks=request.http11,
    )
    parts = [_status_line(status, reason)]
    for name, value in headers:
        if name not in dropped:
            parts += (name, b": ", value, b"\r\n")
    if b"date" not in fields:
        parts.append(_date_line())
    if stream:
        parts.append(b"X-Accel-Buffering: no\r\n")  # tells nginx in front of us not to hold it
    if framing is Framing.CHUNKED:
        parts.append(b"Transfer-Encoding: chunked\r\n")
    if framing is Framing.CLOSE or not request.keep_alive:
        parts.append(b"Connection: close\r\n")
    parts.append(b"\r\n")
    return b"".join(parts), framing


def switched_head(reason: bytes, headers: Headers) -> bytes:
    """Return the head that tells the client that the model server switches protocols (101)."""
    parts = [_status_line(HTTPStatus.SWITCHING_PROTOCOLS, reason)]
    for name, value in headers:
        if name not in {b"content-length", b"transfer-encoding"}:
            parts += (name, b": ", value, b"\r\n")
    parts.append(b"\r\n")
    return b"".join(parts)


def _framing(*, bodiless: bool, length: bool, chunks: bool) -> Framing:
    if bodiless:
        return Framing.NONE
    if length:
        return Framing.LENGTH
    return Framing.CHUNKED if chunks else Framing.CLOSE


def _status_line(status: int, reason: bytes) -> bytes:
    return b"HTTP/1.1 %d %b\r\n" % (status, reason or _REASONS.get(status, b""))


def _date_line() -> bytes:
    return b"Date: %b\r\n" % http_date(int(time.time()))


@lru_cache(maxsize=1)
def http_date(now: int) -> bytes:
    """Return a second as headers write it; made once, as that costs as much as a whole head."""
    return formatdate(now, usegmt=True).encode()
