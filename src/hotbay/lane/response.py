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
from hotbay.lane.forwarding import HOP_BY_HOP, tokens_of
from hotbay.lane.head import Head

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_NO_CONTENT = 204
_BODILESS = frozenset({_NO_CONTENT, 304})
_CONTENT_LENGTH = frozenset({b"content-length"})
_ACCEL_BUFFERING = frozenset({b"x-accel-buffering"})
_NOT_PASSED_ON = HOP_BY_HOP | {b"x-request-id"}
_NOT_SWITCHED = frozenset({b"content-length", b"transfer-encoding"})


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
    parts = [_status_line(status, b""), _date_line(int(time.time()))]
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
    *,
    keep_alive: bool,
    extra: bytes = b"",
) -> tuple[bytes, Framing]:
    """Return the head of a model server's response for the client, and how to frame its body.

    With `Framing.CLOSE` the connection ends with the response, `keep_alive` or not. `extra`
    are header lines of our own; the request's ID is among them.
    """
    fields = dict(headers)
    stream = b"text/event-stream" in fields.get(b"content-type", b"").lower()
    dropped = _NOT_PASSED_ON if extra else HOP_BY_HOP
    if b"connection" in fields:
        dropped |= tokens_of(fields[b"connection"]) - _CONTENT_LENGTH
    if b"transfer-encoding" in fields or status == _NO_CONTENT:
        # A length beside chunks is what request smuggling looks like from the other side.
        dropped |= _CONTENT_LENGTH
    if stream:
        dropped |= _ACCEL_BUFFERING
    if request.method == b"HEAD" or status in _BODILESS:
        framing = Framing.NONE
    elif b"content-length" in fields and b"content-length" not in dropped:
        framing = Framing.LENGTH
    else:
        framing = Framing.CHUNKED if request.http11 else Framing.CLOSE
    parts = [_status_line(status, reason)]
    for name, value in headers:
        if name not in dropped:
            parts += (name, b": ", value, b"\r\n")
    if b"date" not in fields:
        parts.append(_date_line(int(time.time())))
    if stream:
        parts.append(b"X-Accel-Buffering: no\r\n")  # tells nginx in front of us not to hold it
    parts.append(extra)
    if framing is Framing.CHUNKED:
        parts.append(b"Transfer-Encoding: chunked\r\n")
    if framing is Framing.CLOSE or not keep_alive:
        parts.append(b"Connection: close\r\n")
    parts.append(b"\r\n")
    return b"".join(parts), framing


def switched_head(reason: bytes, headers: Headers, *, extra: bytes = b"") -> bytes:
    """Return the head that tells the client that the model server switches protocols (101).

    `extra` are header lines of our own; the request's ID is among them.
    """
    dropped = _NOT_SWITCHED | ({b"x-request-id"} if extra else set())
    parts = [_status_line(HTTPStatus.SWITCHING_PROTOCOLS, reason)]
    for name, value in headers:
        if name not in dropped:
            parts += (name, b": ", value, b"\r\n")
    parts += (extra, b"\r\n")
    return b"".join(parts)


@lru_cache(maxsize=64)
def _status_line(status: int, reason: bytes) -> bytes:
    return b"HTTP/1.1 %d %b\r\n" % (status, reason or _REASONS.get(status, b""))


@lru_cache(maxsize=1)
def _date_line(now: int) -> bytes:
    """Return the Date header of a second; making one costs as much as the rest of a head."""
    return b"Date: %b\r\n" % http_date(now)


def http_date(now: int) -> bytes:
    """Return a second as headers write it (RFC 9110 5.6.7)."""
    return formatdate(now, usegmt=True).encode()
