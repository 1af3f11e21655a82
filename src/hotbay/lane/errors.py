"""The body of an error that hotbay itself answers, in the form the client can read.

Owns the mapping from status to error type and code, and the three body formats
(spec/http-api.md 2.4). Used by the lane and by the control plane; what a model
server answers passes through unchanged and never comes here.
"""

from __future__ import annotations

import html
from http import HTTPStatus
from typing import NamedTuple

import msgspec

_SOURCE = "llama-swap"
"""Wire constant: clients of llama-swap recognise its own errors by it (design 6)."""

_KINDS = {
    400: ("invalid_request_error", "bad_request"),
    401: ("authentication_error", "unauthorized"),
    403: ("authentication_error", "forbidden"),
    404: ("invalid_request_error", "not_found"),
    409: ("invalid_request_error", "conflict"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    502: ("server_error", "bad_gateway"),
    503: ("server_error", "service_unavailable"),
    504: ("server_error", "gateway_timeout"),
}


class ErrorBody(NamedTuple):
    """What to answer with: the `Content-Type` and the body."""

    content_type: str
    body: bytes


def render_error(
    status: int,
    message: str,
    *,
    accept: str = "",
    anthropic: bool = False,
    code: str | None = None,
    type: str | None = None,  # noqa: A002  the member of the envelope is called so
) -> ErrorBody:
    """Return the body of an error answer.

    Args:
        status: the status the answer will have.
        message: for people; may quote the client's input, it is escaped where the format needs it.
        accept: the request's `Accept` header; `text/plain` and `text/html` are looked for as
            substrings, in this order. A 429 is JSON whatever it says.
        anthropic: the route speaks Anthropic's dialect, whose clients look for a top-level
            `"type": "error"` (https://docs.anthropic.com/en/api/errors).
        code: instead of the code that follows from the status.
        type: instead of the type that follows from the status.
    """
    if status != HTTPStatus.TOO_MANY_REQUESTS:
        if "text/plain" in accept:
            return ErrorBody("text/plain", f"{_SOURCE}: {message}".encode())
        if "text/html" in accept:
            page = f"<html><body><h1>{_SOURCE}</h1><p>{html.escape(message)}</p></body></html>"
            return ErrorBody("text/html", page.encode())
    default_type, default_code = _kind(status)
    envelope: dict[str, object] = {"type": "error"} if anthropic else {}
    envelope["src"] = _SOURCE
    envelope["error"] = {
        "message": message,
        "type": type or default_type,
        "param": None,
        "code": code or default_code,
    }
    return ErrorBody("application/json", msgspec.json.encode(envelope))


def error_headers(
    status: int, retry_after: int = 0, *, by_script: bool = False
) -> list[tuple[bytes, bytes]]:
    """Return the headers that an error of this status has besides type and length.

    Args:
        status: of the answer.
        retry_after: in seconds, 0 if nothing is known; a 429 always says at least 1.
        by_script: the request says that the script of a page made it (X-Requested-With), which
            asks for a key in its own way; with `Basic` the browser would ask as well.
    """
    if status == HTTPStatus.TOO_MANY_REQUESTS or retry_after:
        return [(b"Retry-After", b"%d" % max(1, retry_after))]
    if status == HTTPStatus.UNAUTHORIZED:
        scheme = b"Bearer" if by_script else b"Basic"
        return [(b"WWW-Authenticate", b'%s realm="%s"' % (scheme, _SOURCE.encode()))]
    return []


def is_anthropic(path: str) -> bool:
    """Tell whether a route, as the client writes it, speaks Anthropic's dialect."""
    return path.startswith(("/v1/messages", "/v/messages"))


def _kind(status: int) -> tuple[str, str]:
    if kind := _KINDS.get(status):
        return kind
    if 400 <= status < 500:
        return "invalid_request_error", "invalid_request"
    return "server_error", "internal_error"
