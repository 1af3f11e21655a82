"""The head of the request that goes to a model server or to a peer.

Built from parsed fields with a length of our own, never from the client's bytes:
so no two parsers can disagree about where a request ends (spec/http-api.md 5.1). What goes
to a peer tells nothing of the client's address and of the keys of this server (5.2).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
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
_NOT_FOR_PEERS = (b"host", b"forwarded")
_BETWEEN_TOKENS = re.compile(rb"""[\s,;="']+""")


def request_head(
    head: Head,
    path: bytes,
    *,
    authority: bytes,
    peer: bytes,
    length: int | None,
    recorded: bool,
    upgrade: bool = False,
    extra: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """Return the request line and all headers, with the blank line after them.

    Args:
        head: what the client sent.
        path: what to ask for, without the query.
        authority: Host, if the client sent none (HTTP/1.0).
        peer: address of the client's end of the connection; empty: nobody is told.
        length: bytes of the body to follow; None: it follows in chunks.
        recorded: the response will be read for token counts, so that its encoding must
            be one that we can undo (spec/request-pipeline.md 8.2).
        upgrade: keep the client's wish to upgrade.
        extra: headers in lower case that replace those of the same name.
    """
    fields = head.fields
    named = _named(fields.get(b"connection"))
    dropped = _DROPPED_WHEN_RECORDED if recorded else _DROPPED
    if named:
        dropped |= named
    target = path if head.query is None else b"%b?%b" % (path, head.query)
    parts = [head.method, b" ", target, b" HTTP/1.1\r\n"]
    if extra and (replaced := [name for name, _ in extra if name in fields]):
        dropped = dropped.union(replaced)
    for name, value in head.headers:
        if name not in dropped:
            parts += (name, b": ", value, b"\r\n")
    for name, value in extra:
        parts += (name, b": ", value, b"\r\n")
    if b"host" not in fields:
        parts += (b"host: ", authority, b"\r\n")
    if recorded and b"accept-encoding" in fields and b"accept-encoding" not in named:
        parts.append(_limited_encodings(fields[b"accept-encoding"]))
    if b"te" in fields and b"trailers" in tokens_of(fields[b"te"]):
        parts.append(b"te: trailers\r\n")
    if upgrade:
        parts += (b"connection: Upgrade\r\nupgrade: ", fields[b"upgrade"], b"\r\n")
    if length != 0 or head.method not in _NO_BODY:
        parts.append(_framing(length))
    if peer:
        before = b"" if b"x-forwarded-for" in named else fields.get(b"x-forwarded-for")
        parts += (b"x-forwarded-for: ", b"%b, %b" % (before, peer) if before else peer, b"\r\n")
    parts.append(b"\r\n")
    return b"".join(parts)


def peer_request_head(
    head: Head,
    path: bytes,
    *,
    authority: bytes,
    length: int | None,
    recorded: bool,
    api_key: bytes,
    own_keys: Collection[bytes],
    upgrade: bool = False,
    extra: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """Return the same for a peer (spec/http-api.md 5.2).

    Args:
        head: what the client sent.
        path: as for `request_head`, like all that follows but authority and keys.
        authority: Host of the peer, whatever the client asked for.
        length: see there.
        recorded: see there.
        api_key: replaces the client's credentials; empty: those go on to the peer.
        own_keys: `apiKeys` of this server; no header that carries one goes on (design 7.8).
        upgrade: see there.
        extra: see there.
    """
    headers = [
        (name, value)
        for name, value in head.headers
        if name not in _NOT_FOR_PEERS
        and not name.startswith(b"x-forwarded-")
        and not (own_keys and _carries(value, own_keys))
    ]
    kept = {name for name, _ in headers}
    fields = {name: value for name, value in head.fields.items() if name in kept}
    if api_key:
        extra = (*extra, (b"authorization", b"Bearer " + api_key), (b"x-api-key", api_key))
    return request_head(
        replace(head, headers=headers, fields=fields),
        path,
        authority=authority,
        peer=b"",
        length=length,
        recorded=recorded,
        upgrade=upgrade,
        extra=extra,
    )


def tokens_of(value: bytes) -> frozenset[bytes]:
    """Return the tokens of a header whose value is a list of them, in lower case."""
    return frozenset(token.strip().lower() for token in value.split(b","))


def _framing(length: int | None) -> bytes:
    return (
        b"transfer-encoding: chunked\r\n" if length is None else b"content-length: %d\r\n" % length
    )


def _named(connection: bytes | None) -> frozenset[bytes]:
    if connection is None or connection in _COMMON_CONNECTION:
        return frozenset()
    return tokens_of(connection) - {b"host"}


@lru_cache(maxsize=64)
def _limited_encodings(value: bytes) -> bytes:
    """Return the header line with what is left of Accept-Encoding, nothing if nothing is."""
    items = [item.strip() for item in value.split(b",")]
    kept = [i for i in items if i.partition(b";")[0].strip().lower() in {b"gzip", b"deflate"}]
    return b"accept-encoding: %b\r\n" % b", ".join(kept) if kept else b""


def _carries(value: bytes, keys: Collection[bytes]) -> bool:
    """Tell whether a header's value carries one of these keys, in whatever form."""
    scheme, _, credentials = value.partition(b" ")
    forms = {value, credentials.strip(), *_BETWEEN_TOKENS.split(value)}
    if scheme.lower() == b"basic":
        try:
            login = base64.b64decode(credentials + b"==")  # a missing end does not hide a key
        except binascii.Error:
            login = b""
        forms |= {login, *login.partition(b":"), *login.rpartition(b":")}
    return not forms.isdisjoint(keys)
