"""The head of a request, read so that nobody downstream can read it differently.

Owns the checks that httptools leaves to us (RFC 9112 3.2 and 6.1): one Host, no
Transfer-Encoding but `chunked`, absolute-form targets, no fragment. The target is
split here once; gate, lane and application all use this reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

_SCHEMES = (b"http://", b"https://")


class BadRequest(Exception):  # noqa: N818  named after what it answers
    """The request cannot be served and its connection cannot go on.

    Attributes:
        status: what to answer.
        message: for the client.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(slots=True)
class Head:
    """A request without its body.

    Attributes:
        method: in capitals.
        path: as sent, escapes kept; starts with a slash.
        query: as sent, without the question mark; None if there was no question mark.
        headers: as received, names in lower case, trailer fields not among them.
        fields: the same by name; the values of a repeated name joined with `, `.
        http11: the client speaks HTTP/1.1, otherwise 1.0.
        keep_alive: the client wants to use the connection again.
    """

    method: bytes
    path: bytes
    query: bytes | None
    headers: list[tuple[bytes, bytes]]
    fields: dict[bytes, bytes]
    http11: bool
    keep_alive: bool

    @property
    def accept(self) -> str:
        """What the client accepts, for `render_error`."""
        return self.fields.get(b"accept", b"").decode("latin-1")


def read_head(
    method: bytes,
    target: bytes,
    headers: list[tuple[bytes, bytes]],
    *,
    version: str,
    keep_alive: bool,
) -> Head:
    """Check and split what the parser found.

    Raises:
        BadRequest: the head is ambiguous or asks for what HTTP/1.x does not have.
    """
    if version not in {"1.1", "1.0"}:
        raise BadRequest(505, f"HTTP/{version} is not supported, use HTTP/1.1")
    if method == b"CONNECT":
        raise BadRequest(501, "CONNECT is not supported")
    http11 = version == "1.1"
    fields = dict(headers)
    if len(fields) != len(headers):
        fields = _fold(headers)
    if b"transfer-encoding" in fields:
        _check_transfer_encoding(fields[b"transfer-encoding"], http11=http11)
    if http11 and b"host" not in fields:
        raise BadRequest(400, "the request has no Host header")
    if target[:1] != b"/":
        target, headers = _origin_form(method, target, headers, fields)
    if b"#" in target:
        raise BadRequest(400, "the request target has a fragment")
    path, mark, query = target.partition(b"?")
    # As uvicorn: a client of HTTP/1.0 gets one answer per connection.
    return Head(
        method, path, query if mark else None, headers, fields, http11, keep_alive and http11
    )


def has_body(head: Head) -> bool:
    """Tell whether a body follows (RFC 9112 6.3)."""
    fields = head.fields
    return b"transfer-encoding" in fields or int(fields.get(b"content-length", b"0")) > 0


def wants_continue(head: Head) -> bool:
    """Tell whether the client waits for leave to send its body (RFC 9110 10.1.1)."""
    return head.http11 and head.fields.get(b"expect", b"").lower() == b"100-continue"


def decoded(path: bytes) -> str:
    """Return a path to compare with: percent-decoded, but `%2F` does not become a separator."""
    if b"%" not in path:
        return path.decode("latin-1")
    kept = path.replace(b"%2F", b"%252F").replace(b"%2f", b"%252F")
    return unquote_to_bytes(kept).decode("utf-8", "replace")


def _fold(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        if name not in fields:
            fields[name] = value
        elif name == b"host":
            raise BadRequest(400, "the request has more than one Host header")
        else:
            fields[name] += b", " + value
    return fields


def _check_transfer_encoding(value: bytes, *, http11: bool) -> None:
    if not http11:
        raise BadRequest(400, "HTTP/1.0 has no Transfer-Encoding")
    if value.strip().lower() != b"chunked":
        raise BadRequest(400, "the only Transfer-Encoding supported is `chunked`")


def _origin_form(
    method: bytes,
    target: bytes,
    headers: list[tuple[bytes, bytes]],
    fields: dict[bytes, bytes],
) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Turn the other three forms of a target (RFC 9112 3.2) into a path, or refuse them.

    The authority of an absolute target replaces Host, also in `fields`.
    """
    if target == b"*" and method == b"OPTIONS":
        return b"/", headers
    scheme = next((s for s in _SCHEMES if target[: len(s)].lower() == s), None)
    if scheme is None:
        raise BadRequest(400, "the request target is not a path")
    rest = target[len(scheme) :]
    end = min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest))
    authority, path = rest[:end], rest[end:]
    if not authority or b"@" in authority:
        raise BadRequest(400, "the request target has no usable host")
    fields[b"host"] = authority
    headers = [(b"host", authority), *(field for field in headers if field[0] != b"host")]
    return path if path[:1] == b"/" else b"/" + path, headers
