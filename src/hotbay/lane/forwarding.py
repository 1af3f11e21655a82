"""The head of the request that goes to a model server.

Built from parsed fields with a length of our own, never from the client's bytes:
so no two parsers can disagree about where a request ends (spec/http-api.md 5.1).
"""

from __future__ import annotations

from functools import lru_cache

from hotbay.lane.head import Head

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"proxy-connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers that concern one connection only (RFC 9110 7.6.1)."""

_REPLACED = frozenset({b"content-length", b"expect", b"x-forwarded-for"})
_DROPPED = HOP_BY_HOP | _REPLACED
_DROPPED_WHEN_RECORDED = _DROPPED | {b"accept-encoding"}
_NO_BODY = frozenset({b"GET", b"HEAD"})
_COMMON_CONNECTION = frozenset({b"keep-alive", b"close", b"Keep-Alive", b"Close"})


def request_head(
    head: Head,
    path: bytes,
    *,
    authority: bytes,
    peer: bytes,
    length: int,
    recorded: bool,
    upgrade: bool = False,
) -> bytes:
    """Return the request line and all headers, with the blank line after them.

    Args:
        head: what the client sent.
        path: what to ask for, without the query.
        authority: Host, if the client sent none (HTTP/1.0).
        peer: address of the client's end of the connection.
        length: bytes of the body to follow.
        recorded: the response will be read for token counts, so that its encoding must
            be one that we can undo (spec/request-pipeline.md 8.2).
        upgrade: keep the client's wish to upgrade.
    """
    fields = head.fields
    named = _named(fields.get(b"connection"))
    dropped = _DROPPED_WHEN_RECORDED if recorded else _DROPPED
    if named:
        dropped |= named
    target = path if head.query is None else b"%b?%b" % (path, head.query)
    parts = [head.method, b" ", target, b" HTTP/1.1\r\n"]
    for name, value in head.headers:
        if name not in dropped:
            parts += (name, b": ", value, b"\r\n")
    if b"host" not in fields:
        parts += (b"host: ", authority, b"\r\n")
    if recorded and b"accept-encoding" in fields and b"accept-encoding" not in named:
        parts.append(_limited_encodings(fields[b"accept-encoding"]))
    if fields.get(b"te") == b"trailers":
        parts.append(b"te: trailers\r\n")
    if upgrade:
        parts += (b"connection: Upgrade\r\nupgrade: ", fields[b"upgrade"], b"\r\n")
    if length or head.method not in _NO_BODY:
        parts.append(b"content-length: %d\r\n" % length)
    before = fields.get(b"x-forwarded-for")
    if before and b"x-forwarded-for" not in named:
        peer = b"%b, %b" % (before, peer)
    parts += (b"x-forwarded-for: ", peer, b"\r\n\r\n")
    return b"".join(parts)


def named_in_connection(value: bytes) -> frozenset[bytes]:
    """Return the names of the headers that a Connection header gives to one connection only."""
    return frozenset(token.strip().lower() for token in value.split(b","))


def _named(connection: bytes | None) -> frozenset[bytes]:
    if connection is None or connection in _COMMON_CONNECTION:
        return frozenset()
    return named_in_connection(connection) - {b"host"}


@lru_cache(maxsize=64)
def _limited_encodings(value: bytes) -> bytes:
    """Return the header line with what is left of Accept-Encoding, nothing if nothing is."""
    items = [item.strip() for item in value.split(b",")]
    kept = [i for i in items if i.partition(b";")[0].strip().lower() in {b"gzip", b"deflate"}]
    return b"accept-encoding: %b\r\n" % b", ".join(kept) if kept else b""
